r"""VoP with a conditional prior p(w | x), as the slides write it [VOP slides, Method].

The prior's mean moves with the person's own normalisation statistics: with m_k and s_k the mean and
standard deviation of a channel and band over the person's n clips, m and s those typical of the
training persons, and g one learned gate a weight,

    shift:  -g n / (n + tau) (m_k - m)          scale:  -g n / (n + tau) gamma (s_k - s) / s

which for g = 1 and tau = 0 renormalises each sub-spectral layer, to first order, by the person's
own statistics [ADABN]. The Gaussian code is then charged only for what these statistics do not
already say. Prior and posterior share the shift, so the KL lives in the code alone.

Training takes m and s from its augmented clips; ``prepare`` takes them anew from the training
persons' clips as they were recorded.

Reconstruction: the form of the slides' p(w | x) is unknown; this one is ours.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vop_core.data.features import FeatureTable
from vop_core.methods.amortised_vop import STEADY, AmortisedVop, AmortisedVopConfig
from vop_core.methods.base import MethodFacts
from vop_core.methods.prototypes import person_class_means
from vop_core.nets.batched import CLIPS_AT_ONCE
from vop_core.nets.personal_layers import PersonalLayout
from vop_core.processes import mean_of_all
from vop_core.settings import not_negative, positive

SMALLEST_DEVIATION = 0.05  # of an activation: below it, a relative change means nothing
FORGETTING = 0.05  # share of a step in the running mean of typical statistics


@dataclass(frozen=True, kw_only=True)
class ConditionalVopConfig(AmortisedVopConfig):
    """VoP's settings, and where the prior's shift starts from."""

    personal_layers: tuple[str, ...] = ("band_film",)
    beta: float = not_negative(0.2)
    person_loss: float = not_negative(0.3)
    first_gate: float = 0.25  # of every weight, before training
    first_tau: float = 2.0  # clips
    # how many times as fast as the hyper-personalizer gates and tau learn
    prior_rate: float = positive(8.0)


class ConditionalPrior(nn.Module):
    """The prior's mean moves with what the encoder's normalisations make of the clips."""

    def __init__(self, config: ConditionalVopConfig, layout: PersonalLayout) -> None:
        super().__init__()
        if set(config.personal_layers) != {"band_film"}:
            raise ValueError(
                "a conditional prior needs one statistic for each personal weight: choose band_film"
            )
        # Adam moves every number alike: one that counts for more learns faster
        self.rate = config.prior_rate
        first_gate = torch.tensor(config.first_gate).logit() / self.rate
        self.gate_number = nn.Parameter(first_gate.repeat(layout.size))
        self.tau_number = nn.Parameter(torch.tensor(config.first_tau).log() / self.rate)
        self.register_buffer("typical", torch.zeros(layout.size))
        self.register_buffer("steps_seen", torch.tensor(0.0))
        places = torch.arange(layout.size).split([each.size for each in layout.parameters])
        # scales follow deviations, shifts follow means: the two of a norm change places
        swapped = torch.cat([places[index ^ 1] for index in range(len(places))])
        self.register_buffer("statistic_of_weight", swapped)
        scales = [torch.full(place.shape, index % 2 == 0) for index, place in enumerate(places)]
        self.register_buffer("is_scale", torch.cat(scales))

    @property
    def gate(self) -> Float[Tensor, " weight"]:
        """How much of a weight's shift is believed, g."""
        return (self.rate * self.gate_number).sigmoid()

    @property
    def tau(self) -> Float[Tensor, ""]:
        """Clips after which half of it is."""
        return (self.rate * self.tau_number).exp()

    def forward(
        self,
        statistics: Float[Tensor, "person shot statistic"],
        present: Bool[Tensor, "person shot"],
        weights: Float[Tensor, " weight"],  # the global ones
    ) -> Float[Tensor, "person weight"]:
        """Deviation of the prior's mean from the global weights; in training, what is typical is
        learned first.
        """
        if self.training:
            with torch.no_grad():
                self.typical.lerp_(
                    mean_of_all(statistics[present]), FORGETTING if self.steps_seen > 0 else 1.0
                )
                self.steps_seen += 1
        count = present.sum(1, keepdim=True).to(statistics.dtype)
        own = (statistics * present[..., None]).sum(1) / count
        change = own - self.typical
        relative = (change / self.typical.clamp_min(SMALLEST_DEVIATION)).clamp(-0.8, 2.0)
        change, relative = (
            change[:, self.statistic_of_weight],
            relative[:, self.statistic_of_weight],
        )
        shrunk = self.gate * count / (count + self.tau)
        return -shrunk * torch.where(self.is_scale, weights * relative, change)


class ConditionalVop(AmortisedVop):
    """VoP whose prior has already read the clips."""

    facts = MethodFacts(
        summary="VoP whose prior mean moves with the clips' normalisation statistics",
        source="VOP",
        trained=True,
        posterior=True,
        prior=True,
        foldable=True,
        version=2,
    )
    config_type = ConditionalVopConfig
    prior_part = ConditionalPrior
    tried = (
        STEADY,
        {**STEADY, "prior_rate": 1.0},
        {**STEADY, "prior_rate": 64.0},
        {**STEADY, "first_gate": 0.5},
    )

    def prepare(self, clips: FeatureTable, kept: FeatureTable | None = None) -> None:
        """The typical statistics: persons and their words weigh alike."""
        pieces = clips.features.split(CLIPS_AT_ONCE)
        statistics = torch.cat([self.encoder.statistics(part) for part in pieces])
        means, spoken = person_class_means(statistics, clips)
        self.prior_shift.typical.copy_(means[spoken].mean(0))
