r"""A speaker encoder trained elsewhere, on thousands of voices: three recurrent layers over power.

    x -> power of 1.6 s, zeros after a shorter clip -> LSTM -> relu( linear( last state ) )

The shape is that of [RESEMBLYZER], trained by [GE2E]; ``vop_core.data.pretrained`` reads its
weights. It has no normalisation, so a person may own its classifier alone.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vop_core.nets.encoder import Encoder, NormTitle
from vop_core.nets.personal_layers import (
    Deviations,
    PersonalClassifier,
    PersonalSubSpectralNorm,
)
from vop_core.settings import Settings, at_least

MELS, WIDTH, LAYERS = 40, 256, 3
FRAMES = 160  # that it was trained on
CLIPS_AT_ONCE = 128  # its states of all frames are kept during a pass


@dataclass(frozen=True, kw_only=True)
class ResemblyzerConfig(Settings):
    """Nothing but the labels may be chosen."""

    labels: int = at_least(2)
    context_channels: int = 0


class Resemblyzer(Encoder):
    """Log-mels of ``vop_core.data.pretrained.FRONT_END`` to a unit vector of 256 numbers."""

    name = "resemblyzer"
    config_type = ResemblyzerConfig
    first_matrix = "lstm.weight_ih_l0"

    def __init__(self, config: ResemblyzerConfig) -> None:
        super().__init__()
        if config.context_channels:
            raise ValueError("this encoder was trained without a context, and reads none")
        self.config = config
        self.lstm = nn.LSTM(MELS, WIDTH, LAYERS, batch_first=True)
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.classifier = PersonalClassifier(WIDTH, config.labels)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """40 mels, and any number of frames."""
        return MELS, None

    @property
    def personal_norms(self) -> dict[str, PersonalSubSpectralNorm]:
        """None."""
        return {}

    @property
    def norm_titles(self) -> dict[str, NormTitle]:
        """None."""
        return {}

    def embed(
        self,
        inputs: Float[Tensor, "clip mel frame"],
        deviations: Deviations | None = None,
        context: Float[Tensor, "clip channel mel frame"] | None = None,
    ) -> Float[Tensor, "clip feature"]:
        """Of length 1; of a longer clip, its first 1.6 seconds count."""
        return torch.cat([self._embed(part) for part in inputs.split(CLIPS_AT_ONCE)])

    def _embed(self, inputs: Float[Tensor, "clip mel frame"]) -> Float[Tensor, "clip feature"]:
        power = inputs[..., :FRAMES].exp()
        power = functional.pad(power, (0, FRAMES - power.shape[-1]))
        _, (states, _) = self.lstm(power.mT)
        return functional.normalize(torch.relu(self.linear(states[-1])), dim=-1)

    def statistics(self, inputs: Float[Tensor, "clip mel frame"]) -> Float[Tensor, "clip 0"]:
        """There are none."""
        return inputs.new_zeros(len(inputs), 0)
