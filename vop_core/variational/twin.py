r"""A twin of VoP small enough to solve: everything Gaussian and linear, so that nothing has to be
believed.

    z    ~ N(0, I)                          the person's personality
    w    = B z                              the person's weights
    x_i  = A z + clip noise                 a clip, which betrays the personality
    y_i  = w . phi(x_i) + label noise       what the clip's label is, given the weights

where phi(x) = tanh(C x) may be anything: given the clips it is a constant. Then p(w | x_1..n), the
slides' personality posterior p(w | x, y) and the evidence ln p(y | x) are exact [BISHOP], and every
line of the derivation [VOP slides, Method] becomes a number. All tensors are float64; distributions
with full covariance are ``torch.distributions.MultivariateNormal``.

Departs: labels are real numbers here, not classes: with classes no evidence is known in closed
form.
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
    """One person of the twin, or a batch of them: what is hidden (code, weights) and what is seen
    (clips, labels).
    """

    code: Float[Tensor, "*person code"]  # z
    weights: Float[Tensor, "*person weight"]  # w
    clips: Float[Tensor, "*person clip observation"]  # x_i
    features: Float[Tensor, "*person clip weight"]  # phi(x_i)
    labels: Float[Tensor, "*person clip"]  # y_i


@dataclass(frozen=True)
class LinearGaussianTwin:
    """The twin's known parameters. As many weights as code dimensions, so that densities over w
    exist.
    """

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
            weight_map=torch.eye(weights, dtype=torch.float64)
            + 0.3 * _randn(weights, weights, generator=generator),
            feature_map=_randn(weights, observations, generator=generator),
            clip_noise=clip_noise,
            label_noise=label_noise,
        )

    @classmethod
    def independent(
        cls, *, weights: int = 2, clip_noise: float = 1.0, label_noise: float = 0.5
    ) -> "LinearGaussianTwin":
        """A = B = C = I: every weight shows in its own observation, so p(w | x) is a diagonal
        Gaussian.
        """
        identity = torch.eye(weights, dtype=torch.float64)
        return cls(identity, identity, identity, clip_noise, label_noise)

    def features(
        self, clips: Float[Tensor, "*person clip observation"]
    ) -> Float[Tensor, "*person clip weight"]:
        """phi(x) = tanh(C x)."""
        return torch.tanh(clips @ self.feature_map.mT)

    def draw_person(self, *, clips: int, generator: torch.Generator) -> TwinPerson:
        """A person from the prior, with labelled clips."""
        return self._draw((), clips, generator)

    def draw_persons(self, persons: int, *, clips: int, generator: torch.Generator) -> TwinPerson:
        """Many persons at once, as a batch."""
        return self._draw((persons,), clips, generator)

    def _draw(self, batch: tuple[int, ...], clips: int, generator: torch.Generator) -> TwinPerson:
        code = _randn(*batch, self.weight_map.shape[1], generator=generator)
        weights = code @ self.weight_map.mT
        noise = self.clip_noise * _randn(*batch, clips, self.clip_map.shape[0], generator=generator)
        waveforms = (code @ self.clip_map.mT).unsqueeze(-2) + noise
        features = self.features(waveforms)
        noise = self.label_noise * _randn(*batch, clips, generator=generator)
        return TwinPerson(code, weights, waveforms, features, _applied(features, weights) + noise)

    def weight_prior(self) -> MultivariateNormal:
        """p(w) = N(0, B B'), what is known of a person without a clip."""
        return MultivariateNormal(
            torch.zeros_like(self.weight_map[0]), self.weight_map @ self.weight_map.mT
        )

    def weights_given_clips(
        self, clips: Float[Tensor, "*person clip observation"]
    ) -> MultivariateNormal:
        """p(w | x_1..n) exactly; without a clip it is the prior. The slides' prior term p(w |
        x).
        """
        return self._weights(self._code_precision(clips), self._pull(clips))

    def weights_given_labels(
        self,
        clips: Float[Tensor, "*person clip observation"],
        labels: Float[Tensor, "*person clip"],
    ) -> MultivariateNormal:
        """p(w | x_1..n, y_1..n) exactly: the slides' true personality posterior."""
        design = self.features(clips) @ self.weight_map  # labels as a function of the code
        precision = self._code_precision(clips) + design.mT @ design / self.label_noise**2
        pull = self._pull(clips) + (labels.unsqueeze(-2) @ design).squeeze(-2) / self.label_noise**2
        return self._weights(precision, pull)

    def log_evidence(
        self,
        clips: Float[Tensor, "*person clip observation"],
        labels: Float[Tensor, "*person clip"],
        weights: MultivariateNormal | None = None,
    ) -> Float[Tensor, "*person"]:
        """ln p(y | x) in nats: the labels' density when w is integrated out.

        ``weights`` is the distribution of w before the labels are seen: p(w | x) unless given, as
        in the slides; pass ``weight_prior()`` for the evidence of a model whose prior does not read
        the clips.
        """
        before = self.weights_given_clips(clips) if weights is None else weights
        features = self.features(clips)
        noise = self.label_noise**2 * torch.eye(labels.shape[-1], dtype=torch.float64)
        covariance = features @ before.covariance_matrix @ features.mT + noise
        return MultivariateNormal(_applied(features, before.mean), covariance).log_prob(labels)

    def log_likelihood(
        self,
        weights: Float[Tensor, "*draw weight"],
        clips: Float[Tensor, "*person clip observation"],
        labels: Float[Tensor, "*person clip"],
    ) -> Float[Tensor, "*draw"]:
        """ln p(y | x, w) in nats, summed over clips. Draws of several persons end in the persons'
        axes.
        """
        residual = (labels - _applied(self.features(clips), weights)) / self.label_noise
        constant = math.log(self.label_noise) + 0.5 * math.log(2 * math.pi)
        return -(0.5 * residual.square() + constant).sum(-1)

    def expected_log_likelihood(
        self,
        weights: MultivariateNormal,
        clips: Float[Tensor, "*person clip observation"],
        labels: Float[Tensor, "*person clip"],
    ) -> Float[Tensor, "*batch"]:
        """E_{w ~ q} [ ln p(y | x, w) ] in closed form, for any Gaussian q or batch of them."""
        features = self.features(clips)
        spread = torch.einsum(
            "...cw,...wv,...cv->...", features, weights.covariance_matrix, features
        )
        return self.log_likelihood(weights.mean, clips, labels) - 0.5 * spread / self.label_noise**2

    def elbo(
        self,
        weights: MultivariateNormal,
        prior: MultivariateNormal,
        clips: Float[Tensor, "*person clip observation"],
        labels: Float[Tensor, "*person clip"],
    ) -> Elbo:
        """The bound of a Gaussian q(w), or of a batch, against ``prior``: both terms in closed
        form.
        """
        kl = torch.distributions.kl_divergence(weights, prior)
        return Elbo(self.expected_log_likelihood(weights, clips, labels), kl)

    def asked_for_without_labels(
        self,
        weights: MultivariateNormal,
        prior: MultivariateNormal,
        features: Float[Tensor, "*person clip weight"],
        *,
        beta: float = 1.0,
    ) -> MultivariateNormal:
        r"""The Gaussian q(w) that the bound asks for when q may not see the labels it is scored
        with.

        ``weights`` is what enrollment tells of the true weights, N(m, S); the labels of clips with
        these ``features`` are drawn accordingly, and the expected bound is maximised over q. With F
        = sum_i phi_i phi_i' / noise^2:

            precision = P + F / beta,     precision * mean = P * prior mean + F m / beta

        where P is the precision of ``prior``. S does not appear: how sure q is depends on how many
        clips it is
        *scored* on, and not on how much enrollment has told.
        """
        gained = features.mT @ features / self.label_noise**2 / beta
        precision = prior.precision_matrix + gained
        pull = _applied(prior.precision_matrix, prior.mean) + _applied(gained, weights.mean)
        return MultivariateNormal(
            torch.linalg.solve(precision, pull.unsqueeze(-1)).squeeze(-1),
            precision_matrix=precision,
        )

    def _pull(
        self, clips: Float[Tensor, "*person clip observation"]
    ) -> Float[Tensor, "*person code"]:
        """Precision times mean of z, as far as the clips make it."""
        return clips.sum(-2) @ self.clip_map / self.clip_noise**2

    def _code_precision(
        self, clips: Float[Tensor, "*person clip observation"]
    ) -> Float[Tensor, "code code"]:
        identity = torch.eye(self.clip_map.shape[1], dtype=torch.float64)
        return identity + clips.shape[-2] * self.clip_map.mT @ self.clip_map / self.clip_noise**2

    def _weights(
        self, code_precision: Float[Tensor, "*any code code"], pull: Float[Tensor, "*person code"]
    ) -> MultivariateNormal:
        """From z with the given precision and precision times mean, to w = B z."""
        covariance = torch.linalg.inv(code_precision)
        spread = self.weight_map @ covariance @ self.weight_map.mT
        return MultivariateNormal(
            _applied(self.weight_map @ covariance, pull), (spread + spread.mT) / 2
        )


def family_gap(posterior: MultivariateNormal) -> Float[Tensor, "*batch"]:
    """Least KL(q || posterior) of any diagonal q, in nats: what independence of the weights costs
    [BISHOP].
    """
    precision = posterior.precision_matrix
    return 0.5 * (torch.diagonal(precision, dim1=-2, dim2=-1).log().sum(-1) - precision.logdet())


def conditioning_gap(
    before: MultivariateNormal, posterior: MultivariateNormal
) -> Float[Tensor, "*batch"]:
    """What it costs that q does not see the labels, on average over labels, in nats.

    ``before`` is p(w | x), ``posterior`` p(w | x, y): their means differ by what the labels say,
    1/2 tr(P Cov) on average with P the posterior's precision. It is at least the mutual information
    of labels and weights given the clips.
    """
    kept = posterior.precision_matrix @ before.covariance_matrix
    return 0.5 * (torch.diagonal(kept, dim1=-2, dim2=-1).sum(-1) - kept.shape[-1])


def credible_coverage(
    q: MultivariateNormal, truth: Float[Tensor, "person weight"], levels: Float[Tensor, " level"]
) -> Float[Tensor, " level"]:
    """Share of persons whose true weights lie in the smallest region to which q gives each
    probability.

    That is an ellipsoid: the squared distance from q's mean, in q's own metric, is chi-square where
    q is right.
    """
    away = truth - q.mean
    distance = (away * _applied(q.precision_matrix, away)).sum(-1)
    reach = torch.distributions.Chi2(torch.tensor(float(truth.shape[-1]), dtype=torch.float64)).cdf(
        distance
    )
    return (reach <= levels[:, None]).double().mean(-1)


def _applied(
    matrix: Float[Tensor, "*a row column"], vector: Float[Tensor, "*b column"]
) -> Float[Tensor, "*c row"]:
    """Matrix times vector, either of them in a batch."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def with_full_covariance(gaussian: DiagonalGaussian) -> MultivariateNormal:
    """The same distribution, with the zeros of its covariance written out. Batch axes are kept."""
    return MultivariateNormal(gaussian.mean, torch.diag_embed(gaussian.variance))


def closest_below(posterior: MultivariateNormal) -> DiagonalGaussian:
    """The diagonal Gaussian with least KL(q || posterior): its mean, and its conditional variances
    [BISHOP].

    The variances are those of each weight when all others are known: a diagonal family is too sure
    of itself.
    """
    conditional_precision = torch.diagonal(posterior.precision_matrix, dim1=-2, dim2=-1)
    return DiagonalGaussian(posterior.mean, -0.5 * conditional_precision.log())


def _randn(*shape: int, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)
