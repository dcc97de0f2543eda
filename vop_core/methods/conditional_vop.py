r"""VoP with a conditional prior p(w | x), as the slides write it [VOP slides, Method].

The prior's mean moves with the person's own normalisation statistics: with m_k and s_k the mean and standard deviation
of a channel and band over the person's n clips, m and s those typical of the training persons, and g one learned gate
a weight,

    shift:  -g n / (n + tau) (m_k - m)          scale:  -g n / (n + tau) gamma (s_k - s) / s

which for g = 1 and tau = 0 renormalises each sub-spectral layer, to first order, by the person's own statistics
[ADABN]. The Gaussian code is then charged only for what these statistics do not already say. Prior and posterior share
the shift, so the KL lives in the code alone.

Reconstruction: the form of the slides' p(w | x) is unknown; this one is ours.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vop_core.methods.base import Adaptation, MethodFacts, PersonalizationMethod
from vop_core.methods.vop import STEADY, Vop, VopConfig
from vop_core.nets.bcresnet import BcResNetConfig
from vop_core.training.batches import EpisodeBatch

SMALLEST_DEVIATION = 0.05  # of an activation: below it, a relative change means nothing
FORGETTING = 0.05  # share of a step in the running mean of typical statistics


@dataclass(frozen=True, kw_only=True)
class ConditionalVopConfig(VopConfig):
    """VoP's settings, and where the prior's shift starts from."""

    personal_layers: tuple[str, ...] = ("band_film",)
    beta: float = 0.2
    person_loss: float = 0.3
    first_gate: float = 0.25  # of every weight, before training
    first_tau: float = 2.0  # clips


class ConditionalVop(Vop):
    """VoP whose prior has already read the clips."""

    facts = MethodFacts(
        summary="VoP whose prior mean moves with the clips' normalisation statistics",
        source="VOP",
        trained=True,
        posterior=True,
        nobody=True,
    )
    config_type = ConditionalVopConfig

    @classmethod
    def choices(cls) -> tuple[ConditionalVopConfig, ...]:
        """A gate that starts small, and one that starts at a half."""
        return ConditionalVopConfig(**STEADY), ConditionalVopConfig(first_gate=0.5, **STEADY)

    def __init__(self, encoder: BcResNetConfig, config: ConditionalVopConfig | None = None) -> None:
        super().__init__(encoder, config)
        if self.layout.size != self.encoder.statistic_count:
            raise ValueError("a conditional prior needs one statistic for each personal weight: choose band_film")
        gate = torch.tensor(self.config.first_gate)
        self.gate = nn.Parameter(torch.full((self.layout.size,), float(gate.logit())))
        self.log_tau = nn.Parameter(torch.tensor(self.config.first_tau).log())
        sizes = [block.frequency_norm.norm.num_features for block in self.encoder.blocks]
        self.register_buffer("typical", torch.zeros(self.layout.size))
        self.register_buffer("steps_seen", torch.tensor(0.0))
        self.register_buffer("statistic_of_weight", _statistic_of_weight(sizes))
        scales = [torch.cat((torch.ones(size), torch.zeros(size))) for size in sizes]
        self.register_buffer("is_scale", torch.cat(scales).bool())

    def prior_shift(
        self, statistics: Float[Tensor, "person shot statistic"], present: Bool[Tensor, "person shot"]
    ) -> Float[Tensor, "person weight"]:
        """Deviation of the prior's mean from the global weights."""
        count = present.sum(1, keepdim=True).to(statistics.dtype)
        own = (statistics * present[..., None]).sum(1) / count
        change = own - self.typical
        relative = (change / self.typical.clamp_min(SMALLEST_DEVIATION)).clamp(-0.8, 2.0)
        change, relative = change[:, self.statistic_of_weight], relative[:, self.statistic_of_weight]
        scale = self.layout.flatten_global(dict(self.encoder.named_parameters()))
        shrunk = self.gate.sigmoid() * count / (count + self.log_tau.exp())
        return -shrunk * torch.where(self.is_scale, scale * relative, change)

    def _shift_of(self, log_mels: Tensor, present: Tensor | None) -> Float[Tensor, "person weight"]:
        if present is None:
            present = torch.ones(log_mels.shape[:2], dtype=torch.bool, device=log_mels.device)
        found = self.encoder.statistics(log_mels[present])
        if self.training:
            with torch.no_grad():
                rate = FORGETTING if self.steps_seen > 0 else 1.0
                self.typical.lerp_(found.mean(0), rate)
                self.steps_seen += 1
        statistics = found.new_zeros(*present.shape, found.shape[-1])
        statistics[present] = found
        return self.prior_shift(statistics, present)

    def _cross_loss(
        self, batch: EpisodeBatch, progress: float, label_smoothing: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        self._training_shift = self._shift_of(batch.enrollment, batch.present)
        try:
            return super()._cross_loss(batch, progress, label_smoothing, generator)
        finally:
            self._training_shift = None

    _training_shift: Tensor | None = None

    def personal_weights(self, vectors: Float[Tensor, "*batch vector"]) -> Float[Tensor, "*batch weight"]:
        """The code's deviation, and in training the step's shift of the prior."""
        moved = super().personal_weights(vectors)
        return moved if self._training_shift is None else moved + self._training_shift

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot mel frame"],
        labels: Int[Tensor, "person shot"] | None = None,
        present: Bool[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """The code's posterior and the shift of the prior's mean."""
        return super().adapt(enrollment, labels, present) | {"shift": self._shift_of(enrollment, present)}

    def nobody(self, persons: int) -> Adaptation:
        """Without a clip, the prior's mean does not move."""
        return super().nobody(persons) | {"shift": self.gate.new_zeros(persons, self.layout.size)}

    def adapted_deviations(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The code's deviation, moved by the prior's shift."""
        return self.layout.unflatten(self.personal_weights(adaptation["mean"]) + adaptation["shift"])

    enroll = PersonalizationMethod.enroll  # not Vop's: that model knows nothing of the shift


def _statistic_of_weight(sizes: list[int]) -> Int[Tensor, " weight"]:
    """For each personal weight the place of its statistic: scales follow deviations, shifts follow means."""
    order, start = [], 0
    for size in sizes:
        order += [*range(start + size, start + 2 * size), *range(start, start + size)]
        start += 2 * size
    return torch.tensor(order)
