r"""Diagonal Gaussians over the weights of a person's layers.

The posterior family of Variational On-the-Fly Personalization,

    q_theta(w | x) = N(w; mu(x), diag(sigma(x)^2))                              [VOP slides, Method]

and its divergence, in nats, from a prior N(m, diag(s^2)) of the same family [VAE]:

    KL(q || p) = 1/2 sum_d ( (mu_d - m_d)^2 / s_d^2 + sigma_d^2 / s_d^2 - 1 - ln sigma_d^2 / s_d^2 )

The scale is kept as ``log_std`` = ln sigma: any real number is allowed, and sigma -> 0 stays exact.

Reconstruction: the slides say "an approximated posterior distribution" and name no family; the
    diagonal Gaussian is the common choice.
Departs: the slides write the prior as p(w | x); here it is a fixed or learned Gaussian that does
    not read the clip, so that enrolling nobody is defined and a person's weights have one price for
    all clips.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class DiagonalGaussian:
    """A Gaussian with independent weights; leading axes are a batch (persons, shots, ...).

    mean     mu, in units of the weight
    log_std  ln sigma, natural logarithm
    """

    mean: Float[Tensor, "*batch weight"]
    log_std: Float[Tensor, "*batch weight"]

    @property
    def std(self) -> Float[Tensor, "*batch weight"]:
        """Standard deviation, sigma."""
        return self.log_std.exp()

    @property
    def variance(self) -> Float[Tensor, "*batch weight"]:
        """Variance, sigma^2."""
        return (2 * self.log_std).exp()

    @property
    def batch_shape(self) -> torch.Size:
        """Sizes of the leading axes."""
        return self.mean.shape[:-1]

    def __getitem__(self, index) -> "DiagonalGaussian":
        """Select along the batch axes: ``posterior[2]``, ``posterior[:, :3]``,
        ``posterior[mask]``.
        """
        if not self.batch_shape:
            raise IndexError("this Gaussian has no batch axis to select from")
        return DiagonalGaussian(self.mean[index], self.log_std[index])

    def expand(self, *batch: int) -> "DiagonalGaussian":
        """The same Gaussian for every member of a batch, without copying."""
        shape = (*batch, self.mean.shape[-1])
        return DiagonalGaussian(self.mean.expand(shape), self.log_std.expand(shape))

    def detach(self) -> "DiagonalGaussian":
        """The same values, cut from the graph."""
        return DiagonalGaussian(self.mean.detach(), self.log_std.detach())

    def to(self, *args, **kwargs) -> "DiagonalGaussian":
        """Move or convert both tensors, as ``Tensor.to`` does."""
        return DiagonalGaussian(self.mean.to(*args, **kwargs), self.log_std.to(*args, **kwargs))

    @torch.no_grad()
    def sample(
        self, count: int, *, generator: torch.Generator
    ) -> Float[Tensor, "draw *batch weight"]:
        """Draw ``count`` independent weight vectors; no gradient. Same generator state, same
        draws.
        """
        return self.mean + self.std * self._noise(count, generator=generator)

    def rsample(self, *, generator: torch.Generator) -> Float[Tensor, "*batch weight"]:
        """One draw mu + sigma * epsilon through which gradients flow to mu and sigma [VAE]."""
        return self.mean + self.std * self._noise(1, generator=generator)[0]

    def log_prob(self, value: Float[Tensor, "*value weight"]) -> Float[Tensor, "..."]:
        """Log density in nats, summed over weights; leading axes of ``value`` broadcast against the
        batch.
        """
        self._check_width(value.shape[-1])
        standardised = (value - self.mean) * (-self.log_std).exp()
        return (-0.5 * standardised.square() - self.log_std - 0.5 * math.log(2 * math.pi)).sum(-1)

    def kl_per_dimension(self, prior: "DiagonalGaussian") -> Float[Tensor, "*batch weight"]:
        """KL(self || prior) of every weight by itself, in nats; never below 0 and exactly 0 at the
        prior.

        The prior's batch axes broadcast. Raises ValueError when it covers another number of
        weights.
        """
        self._check_width(prior.mean.shape[-1])
        log_ratio = self.log_std - prior.log_std
        shift = (self.mean - prior.mean) * (-prior.log_std).exp()
        # expm1 keeps the small difference sigma^2/s^2 - 1 exact near the prior, where training
        # starts
        return 0.5 * shift.square() + 0.5 * torch.expm1(2 * log_ratio) - log_ratio

    def kl(self, prior: "DiagonalGaussian") -> Float[Tensor, "*batch"]:
        """KL(self || prior) in nats, summed over weights [VOP slides, Method]."""
        return self.kl_per_dimension(prior).sum(-1)

    def _noise(
        self, count: int, *, generator: torch.Generator
    ) -> Float[Tensor, "draw *batch weight"]:
        shape = (count, *self.mean.shape)
        noise = torch.randn(
            shape, generator=generator, dtype=self.mean.dtype, device=generator.device
        )
        return noise.to(self.mean.device)

    def _check_width(self, width: int) -> None:
        if width != self.mean.shape[-1]:  # a width of 1 would otherwise broadcast in silence
            raise ValueError(
                f"{width} weights do not match a Gaussian over {self.mean.shape[-1]} weights"
            )
