r"""The variational hyper-personalizer: features of clips to a Gaussian over the weights of personal
layers.

A clip is seen through the encoder (the slides' "encoding module"): mean and standard deviation of
every channel and band, norm by norm, under the global weights; or, as an alternative, through a
small convolutional trunk of its own on an input of two axes, such as a log-mel. A two-layer
perceptron turns clip features into a mean and a precision for each weight [VOP slides, Method],

    mu = m + s * a(x),        1 / sigma^2 = (1 + softplus(b(x))) / s^2,

with prior N(m, s^2 I): no posterior is wider than the prior, and each clip's evidence is a positive
precision, so that Bayes' fusion is always valid. It is detachable: the encoder runs without it, and
once a person is enrolled it is not needed again.

A few hundred fast steps can kill every hidden unit of the head, after which all persons get the
same posterior, or drown the person in the noise of the draws. ``steady`` keeps units and features
at a scale of their own;
``mean_spread`` normalises the means a(x) over persons [BNVAE], so that telling persons apart is
never bought off.

Reconstruction: the slides give neither its layers nor which features it reads.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from vop_core.settings import Settings, not_negative, one_of, positive
from vop_core.variational.aggregate import (
    AGGREGATIONS,
    average_parameters,
    bayes_fusion,
    pool_features,
    product_of_experts,
)
from vop_core.variational.gaussian import DiagonalGaussian

EVIDENCE = ("encoder", "input")


@dataclass(frozen=True, kw_only=True)
class HyperPersonalizerConfig(Settings):
    """How clips are read, and what is made of them."""

    # what a clip shows it: the "encoder"'s statistics, or itself, the "input"
    evidence: str = one_of(EVIDENCE, "encoder")
    evidence_dropout: float = 0.0  # share of a clip's statistics hidden in training
    channels: int = 48  # of the trunk for inputs
    features: int = 64
    aggregation: str = one_of(AGGREGATIONS, "pool_features")
    prior_scale: float = positive(1.0)  # s
    learned_prior_mean: bool = True  # m, else zero
    # pooled features are normalised before the head, and no unit of it can die
    steady: bool = False
    # sd over persons that posterior means are normalised to, in prior sds; 0: they are not
    mean_spread: float = not_negative(0.0)


class StatisticsTrunk(nn.Module):
    """The encoder's statistics of a clip to one feature vector: what a voice and its channel do to
    the activations.

    Replacing batch-normalisation statistics by a person's own [ADABN] is one linear reading of the
    same numbers.
    """

    def __init__(
        self, statistics: int, features: int, dropout: float, *, steady: bool = False
    ) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm1d(statistics)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(statistics, features)
        # Adam moves every weight alike, so that a wide layer's output leaps: its weights count for
        # less, but start as much larger.
        self.gain = features / statistics if steady else 1.0
        with torch.no_grad():
            self.output.weight /= self.gain

    def forward(self, statistics: Float[Tensor, "clip statistic"]) -> Float[Tensor, "clip feature"]:
        seen = self.dropout(self.input_norm(statistics))
        return torch.relu(functional.linear(self.gain * seen, self.output.weight, self.output.bias))


class ClipTrunk(nn.Module):
    """Inputs to one feature vector a clip: convolutions along the last axis, then moments over
    it.
    """

    def __init__(self, rows: int, channels: int, features: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(rows, channels, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 3, padding=2, dilation=2, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
        )
        self.input_norm = nn.BatchNorm1d(2 * rows)
        self.output = nn.Linear(2 * channels + 2 * rows, features)

    def forward(self, inputs: Float[Tensor, "clip row column"]) -> Float[Tensor, "clip feature"]:
        # A log-mel's long-term spectrum is the plainest trace of a voice and its channel: it goes
        # in beside the trunk.
        rows = self.input_norm(_mean_and_deviation(inputs))
        pooled = _mean_and_deviation(self.convolutions(inputs))
        return torch.relu(self.output(torch.cat((pooled, rows), dim=-1)))


def _mean_and_deviation(value: Float[Tensor, "clip channel column"]) -> Float[Tensor, "clip both"]:
    return torch.cat((value.mean(-1), (value.var(-1, correction=0) + 1e-5).sqrt()), dim=-1)


class HyperPersonalizer(nn.Module):
    """Enrollment clips of persons, any number each, to one posterior a person, by one named
    aggregation rule.

    ``weights`` is how many numbers have a posterior: personal weights, or the length of the
    personality code; ``inputs`` how many numbers a clip's statistics are, or rows an input has.
    """

    def __init__(self, config: HyperPersonalizerConfig, *, weights: int, inputs: int) -> None:
        super().__init__()
        self.config = config
        if config.evidence == "encoder":
            self.trunk = StatisticsTrunk(
                inputs, config.features, config.evidence_dropout, steady=config.steady
            )
        else:
            self.trunk = ClipTrunk(inputs, config.channels, config.features)
        # One more input tells how many clips were pooled: more evidence may narrow the posterior.
        self.normalised = nn.LayerNorm(config.features) if config.steady else nn.Identity()
        self.head = nn.Sequential(
            nn.Linear(config.features + 1, config.features),
            nn.SiLU() if config.steady else nn.ReLU(),
            nn.Linear(config.features, 2 * weights),
        )
        # Without scale or shift of its own: no training can make all persons alike, or pay less for
        # it [BNVAE].
        self.mean_norm = (
            nn.BatchNorm1d(weights, affine=False) if config.mean_spread else nn.Identity()
        )
        prior_mean = torch.zeros(weights)
        if config.learned_prior_mean:
            self.prior_mean = nn.Parameter(prior_mean)
        else:
            self.register_buffer("prior_mean", prior_mean)

    def prior(self) -> DiagonalGaussian:
        """N(m, s^2 I), without batch axes."""
        log_scale = self.prior_mean.new_tensor(self.config.prior_scale).log()
        return DiagonalGaussian(self.prior_mean, log_scale.expand_as(self.prior_mean))

    def clip_features(
        self, evidence: Float[Tensor, "person shot *input"]
    ) -> Float[Tensor, "person shot feature"]:
        """One feature vector a clip, from the encoder's statistics of it, or from itself (row,
        column).
        """
        return self.trunk(evidence.flatten(0, 1)).unflatten(0, evidence.shape[:2])

    def posterior_of_features(
        self, features: Float[Tensor, "*batch feature"], counts: Float[Tensor, "*batch"]
    ) -> DiagonalGaussian:
        """The Gaussian that the head reads off features pooled over ``counts`` clips."""
        features = self.normalised(features)
        mean, evidence = self.head(torch.cat((features, counts.log()[..., None]), dim=-1)).chunk(
            2, dim=-1
        )
        if self.config.mean_spread:
            mean = self.config.mean_spread * self.mean_norm(mean.flatten(0, -2)).view_as(mean)
        scale = self.config.prior_scale
        log_std = torch.log(torch.as_tensor(scale)) - 0.5 * torch.log1p(
            functional.softplus(evidence)
        )
        return DiagonalGaussian(self.prior_mean + scale * mean, log_std)

    def clip_posteriors(self, features: Float[Tensor, "person shot feature"]) -> DiagonalGaussian:
        """Each clip's own posterior, batch axes (person, shot)."""
        return self.posterior_of_features(features, features.new_ones(features.shape[:-1]))

    def aggregate(
        self,
        features: Float[Tensor, "person shot feature"],
        present: Bool[Tensor, "person shot"] | None = None,
    ) -> DiagonalGaussian:
        """All present clips of each person to one posterior; every person needs a clip but under
        Bayes' fusion.
        """
        rule = self.config.aggregation
        if rule == "pool_features":
            if present is None:
                present = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
            counts = present.sum(-1).to(features.dtype).clamp_min(1)
            return self.posterior_of_features(pool_features(features, present), counts)
        experts = self.clip_posteriors(features)
        if rule == "bayes_fusion":
            return bayes_fusion(experts, self.prior(), present)
        return {"average_parameters": average_parameters, "product_of_experts": product_of_experts}[
            rule
        ](experts, present)

    def forward(
        self,
        evidence: Float[Tensor, "person shot *input"],
        present: Bool[Tensor, "person shot"] | None = None,
    ) -> DiagonalGaussian:
        """The persons' clips to their posteriors, batch axis (person)."""
        return self.aggregate(self.clip_features(evidence), present)
