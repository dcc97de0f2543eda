r"""A twin of VoP small enough to solve: everything Gaussian and linear, so that nothing has to be believed.

    z    ~ N(0, I)                          the person's personality
    w    = B z                              the person's weights
    x_i  = A z + clip noise                 a clip, which betrays the personality
    y_i  = w . phi(x_i) + label noise       what the clip's label is, given the weights

where phi(x) = tanh(C x) may be anything: given the clips it is a constant. Then p(w | x_1..n), the slides'
personality posterior p(w | x, y) and the evidence ln p(y | x) are exact [BISHOP], and every line of the
derivation [VOP slides, Method] becomes a number. All tensors are float64; distributions with full
covariance are ``torch.distributions.MultivariateNormal``.

Departs: labels are real numbers here, not classes: with classes no evidence is known in closed form.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MultivariateNormal

from vop_core.variational.elbo import Elbo
from vop_core.variational.gaussian import DiagonalGaussian


@dataclass(frozen=True)
class TwinPerson:
    """One person of the twin: what is hidden (code, weights) and what is seen (clips, labels)."""

    code: Float[Tensor, " code"]  # z
    weights: Float[Tensor, " weight"]  # w
    clips: Float[Tensor, "clip observation"]  # x_i
    features: Float[Tensor, "clip weight"]  # phi(x_i)
    labels: Float[Tensor, " clip"]  # y_i


@dataclass(frozen=True)
class LinearGaussianTwin:
    """The twin's known parameters. As many weights as code dimensions, so that densities over w exist."""

    clip_map: Float[Tensor, "observation code"]  # A
    weight_map: Float[Tensor, "code code"]  # B, invertible
    feature_map: Float[Tensor, "code observation"]  # C
    clip_noise: float  # standard deviation
    label_noise: float  # standard deviation

    @classmethod
    def random(
        cls,
        *,
        weights: int = 2,
        observations: int = 3,
        clip_noise: float = 1.0,
        label_noise: float = 0.5,
        generator: torch.Generator,
    ) -> "LinearGaussianTwin":
        """A twin with Gaussian random maps; weights are correlated, as in a real network."""
        return cls(
            clip_map=_randn(observations, weights, generator=generator),
            weight_map=torch.eye(weights, dtype=torch.float64) + 0.3 * _randn(weights, weights, generator=generator),
            feature_map=_randn(weights, observations, generator=generator),
            clip_noise=clip_noise,
            label_noise=label_noise,
        )

    @classmethod
    def independent(
        cls, *, weights: int = 2, clip_noise: float = 1.0, label_noise: float = 0.5
    ) -> "LinearGaussianTwin":
        """A = B = C = I: every weight shows in its own observation, so p(w | x) is a diagonal Gaussian."""
        identity = torch.eye(weights, dtype=torch.float64)
        return cls(identity, identity, identity, clip_noise, label_noise)

    def features(self, clips: Float[Tensor, "clip observation"]) -> Float[Tensor, "clip weight"]:
        """phi(x) = tanh(C x)."""
        return torch.tanh(clips @ self.feature_map.mT)

    def draw_person(self, *, clips: int, generator: torch.Generator) -> TwinPerson:
        """A person from the prior, with labelled clips."""
        code = _randn(self.weight_map.shape[1], generator=generator)
        weights = self.weight_map @ code
        noise = self.clip_noise * _randn(clips, self.clip_map.shape[0], generator=generator)
        waveforms = self.clip_map @ code + noise
        features = self.features(waveforms)
        labels = features @ weights + self.label_noise * _randn(clips, generator=generator)
        return TwinPerson(code, weights, waveforms, features, labels)

    def weight_prior(self) -> MultivariateNormal:
        """p(w) = N(0, B B'), what is known of a person without a clip."""
        return MultivariateNormal(torch.zeros_like(self.weight_map[0]), self.weight_map @ self.weight_map.mT)

    def weights_given_clips(self, clips: Float[Tensor, "clip observation"]) -> MultivariateNormal:
        """p(w | x_1..n) exactly; without a clip it is the prior. The slides' prior term p(w | x)."""
        pull = self.clip_map.mT @ clips.sum(0) / self.clip_noise**2
        return self._weights(self._code_precision(clips), pull)

    def weights_given_labels(
        self, clips: Float[Tensor, "clip observation"], labels: Float[Tensor, " clip"]
    ) -> MultivariateNormal:
        """p(w | x_1..n, y_1..n) exactly: the slides' true personality posterior."""
        design = self.features(clips) @ self.weight_map  # labels as a function of the code
        precision = self._code_precision(clips) + design.mT @ design / self.label_noise**2
        pull = self.clip_map.mT @ clips.sum(0) / self.clip_noise**2 + design.mT @ labels / self.label_noise**2
        return self._weights(precision, pull)

    def log_evidence(
        self,
        clips: Float[Tensor, "clip observation"],
        labels: Float[Tensor, " clip"],
        weights: MultivariateNormal | None = None,
    ) -> Float[Tensor, ""]:
        """ln p(y | x) in nats: the labels' density when w is integrated out.

        ``weights`` is the distribution of w before the labels are seen: p(w | x) unless given, as in the
        slides; pass ``weight_prior()`` for the evidence of a model whose prior does not read the clips.
        """
        before = self.weights_given_clips(clips) if weights is None else weights
        features = self.features(clips)
        noise = self.label_noise**2 * torch.eye(len(labels), dtype=torch.float64)
        covariance = features @ before.covariance_matrix @ features.mT + noise
        return MultivariateNormal(features @ before.mean, covariance).log_prob(labels)

    def log_likelihood(
        self,
        weights: Float[Tensor, "*draw weight"],
        clips: Float[Tensor, "clip observation"],
        labels: Float[Tensor, " clip"],
    ) -> Float[Tensor, "*draw"]:
        """ln p(y | x, w) in nats, summed over clips."""
        residual = (labels - weights @ self.features(clips).mT) / self.label_noise
        constant = math.log(self.label_noise) + 0.5 * math.log(2 * math.pi)
        return -(0.5 * residual.square() + constant).sum(-1)

    def expected_log_likelihood(
        self,
        weights: MultivariateNormal,
        clips: Float[Tensor, "clip observation"],
        labels: Float[Tensor, " clip"],
    ) -> Float[Tensor, "*batch"]:
        """E_{w ~ q} [ ln p(y | x, w) ] in closed form, for any Gaussian q or batch of them."""
        features = self.features(clips)
        spread = torch.einsum("cw,...wv,cv->...", features, weights.covariance_matrix, features)
        return self.log_likelihood(weights.mean, clips, labels) - 0.5 * spread / self.label_noise**2

    def elbo(
        self,
        weights: MultivariateNormal,
        prior: MultivariateNormal,
        clips: Float[Tensor, "clip observation"],
        labels: Float[Tensor, " clip"],
    ) -> Elbo:
        """The bound of a Gaussian q(w), or of a batch, against ``prior``: both terms in closed form."""
        kl = torch.distributions.kl_divergence(weights, prior)
        return Elbo(self.expected_log_likelihood(weights, clips, labels), kl)

    def _code_precision(self, clips: Float[Tensor, "clip observation"]) -> Float[Tensor, "code code"]:
        identity = torch.eye(self.clip_map.shape[1], dtype=torch.float64)
        return identity + len(clips) * self.clip_map.mT @ self.clip_map / self.clip_noise**2

    def _weights(self, code_precision: Float[Tensor, "code code"], pull: Float[Tensor, " code"]) -> MultivariateNormal:
        """From z with the given precision and precision times mean, to w = B z."""
        covariance = torch.linalg.inv(code_precision)
        spread = self.weight_map @ covariance @ self.weight_map.mT
        return MultivariateNormal(self.weight_map @ covariance @ pull, (spread + spread.mT) / 2)


def with_full_covariance(gaussian: DiagonalGaussian) -> MultivariateNormal:
    """The same distribution, with the zeros of its covariance written out. Batch axes are kept."""
    return MultivariateNormal(gaussian.mean, torch.diag_embed(gaussian.variance))


def closest_below(posterior: MultivariateNormal) -> DiagonalGaussian:
    """The diagonal Gaussian with least KL(q || posterior): its mean, and its conditional variances [BISHOP].

    The variances are those of each weight when all others are known: a diagonal family is too sure of itself.
    """
    conditional_precision = torch.diagonal(posterior.precision_matrix, dim1=-2, dim2=-1)
    return DiagonalGaussian(posterior.mean, -0.5 * conditional_precision.log())


def _randn(*shape: int, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)
