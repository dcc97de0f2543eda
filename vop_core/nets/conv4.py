r"""Conv-4: four convolutions, each halving the picture; the encoder of few-shot classification.

    x -> pool( relu( norm( 3 x 3 convolution(x) ) ) ), four times; what is left, side by side

As [PROTONET] has it: 64 channels, and 64 numbers of a picture of 28 x 28. Every normalisation has a
scale and shift of each channel that a person may deviate from.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vop_core.modes import evaluation_mode
from vop_core.nets.encoder import Encoder, NormTitle
from vop_core.nets.personal_layers import (
    Deviations,
    PersonalClassifier,
    PersonalSubSpectralNorm,
)
from vop_core.settings import Settings, at_least

BLOCKS = 4
SMALLEST_SIDE = 2**BLOCKS  # a smaller picture would be halved to nothing


@dataclass(frozen=True, kw_only=True)
class Conv4Config(Settings):
    """Shape of the encoder."""

    labels: int = at_least(2)
    channels: int = at_least(1, 64)
    side: int = at_least(SMALLEST_SIDE, 28)  # of a picture, pixels
    planes: int = at_least(1, 1)  # of a picture, above one another: three of a coloured one
    # further input maps beside the picture, for methods that show the encoder a context
    context_channels: int = 0


class Conv4(Encoder):
    """Square pictures to logits, with or without personal deviations."""

    name = "conv4"
    config_type = Conv4Config
    first_matrix = "convolutions.0.weight"

    def __init__(self, config: Conv4Config) -> None:
        super().__init__()
        self.config = config
        before = (config.planes + config.context_channels, *(BLOCKS - 1) * (config.channels,))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inside, config.channels, 3, padding=1, bias=False) for inside in before
        )
        self.convolutions.to(memory_format=torch.channels_last)
        self.norms = nn.ModuleList(
            PersonalSubSpectralNorm(config.channels, bands=1) for _ in range(BLOCKS)
        )
        left = config.side // SMALLEST_SIDE
        self.classifier = PersonalClassifier(config.channels * left * left, config.labels)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """A square of fixed size, or several above one another."""
        return self.config.planes * self.config.side, self.config.side

    @property
    def personal_norms(self) -> dict[str, PersonalSubSpectralNorm]:
        """That of every convolution."""
        return {f"norms.{index}": norm for index, norm in enumerate(self.norms)}

    @property
    def norm_titles(self) -> dict[str, NormTitle]:
        """A convolution looks for so many patterns, later ones in larger pieces of the picture."""
        found = {}
        side = step = 1  # of the picture's points: a pattern's side, and from one to the next
        for index, name in enumerate(self.personal_norms):
            side, step = side + 2 * step, 2 * step
            what = f"{self.config.channels} patterns of {side} × {side} points"
            found[name] = NormTitle(f"Convolution {index + 1} of {BLOCKS}: {what}", "pattern")
            side += step // 2  # of two neighbours the stronger is kept
        return found

    def embed(
        self,
        inputs: Float[Tensor, "clip row column"],
        deviations: Deviations | None = None,
        context: Float[Tensor, "clip channel row column"] | None = None,
    ) -> Float[Tensor, "clip feature"]:
        """What the classifier reads: all that the last convolution leaves."""
        own = dict(deviations or {})
        value = self._maps(inputs, context)
        for index, (convolution, norm) in enumerate(
            zip(self.convolutions, self.norms, strict=True)
        ):
            name = f"norms.{index}.norm"
            moved = own.get(f"{name}.weight"), own.get(f"{name}.bias")
            value = functional.max_pool2d(torch.relu(norm(convolution(value), *moved)), 2)
        return value.flatten(1)

    @torch.no_grad()
    def statistics(
        self, inputs: Float[Tensor, "clip row column"]
    ) -> Float[Tensor, "clip statistic"]:
        """Mean and standard deviation of each channel after each normalisation, norm by norm."""
        found = []
        with evaluation_mode(self):
            value = self._maps(inputs, None)
            for convolution, norm in zip(self.convolutions, self.norms, strict=True):
                value = norm(convolution(value))
                found.append(norm.statistics(value))
                value = functional.max_pool2d(torch.relu(value), 2)
        return torch.cat(found, dim=1)

    def _maps(
        self,
        inputs: Float[Tensor, "clip row column"],
        context: Float[Tensor, "clip channel side side"] | None,
    ) -> Float[Tensor, "clip map side side"]:
        maps = inputs.unflatten(1, (self.config.planes, self.config.side))
        return maps if context is None else torch.cat((maps, context), dim=1)
