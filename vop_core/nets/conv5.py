r"""Five convolutions, each with a normalisation of its own: the small encoder that everybody can
train.

    x -> relu( norm( 3 x 3 convolution(x) ) ), five times; the mean over all places; a linear layer

Every normalisation has a scale and shift of each channel that a person may deviate from; with
``input_norm`` there is one of each row of the input, too. It reads anything with two axes, log-mels
or grey images.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vop_core.modes import evaluation_mode
from vop_core.nets.encoder import Encoder, NormTitle
from vop_core.nets.personal_layers import (
    Deviations,
    PersonalClassifier,
    PersonalSubSpectralNorm,
)
from vop_core.settings import Settings, at_least

# of each convolution: channels at tau = 1, and the stride along both axes
CHANNELS = (16, 24, 32, 32, 32)
STRIDES = (2, 2, 1, 2, 1)


@dataclass(frozen=True, kw_only=True)
class Conv5Config(Settings):
    """Shape of the encoder."""

    labels: int = at_least(2)
    tau: float = 1.0  # scales the width
    rows: int = 40  # of an input: mels, or pixels
    offset: float = -3.0  # taken from an input, and
    spread: float = 4.0  # what it is divided by: about those of log-mels
    dropout: float = 0.1  # of what the classifier reads
    input_norm: bool = False  # each row is normalised first, in place of offset and spread
    # further input maps beside the input, for methods that show the encoder a context
    context_channels: int = 0

    @property
    def channels(self) -> tuple[int, ...]:
        """Of each convolution."""
        return tuple(max(1, round(self.tau * channels)) for channels in CHANNELS)


class Conv5(Encoder):
    """Log-mels, or other inputs of two axes, to logits, with or without personal deviations."""

    name = "conv5"
    config_type = Conv5Config
    first_matrix = "convolutions.0.weight"

    def __init__(self, config: Conv5Config) -> None:
        super().__init__()
        self.config = config
        before = (1 + config.context_channels, *config.channels)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)
            for inside, outside, stride in zip(before[:-1], before[1:], STRIDES, strict=True)
        )
        # a step takes three quarters of the time: what follows keeps the order of its values
        self.convolutions.to(memory_format=torch.channels_last)
        self.input_norm = (
            PersonalSubSpectralNorm(config.rows, bands=1) if config.input_norm else None
        )
        self.norms = nn.ModuleList(
            PersonalSubSpectralNorm(channels, bands=1) for channels in config.channels
        )
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = PersonalClassifier(config.channels[-1], config.labels)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """So many rows, and any number of columns."""
        return self.config.rows, None

    @property
    def personal_norms(self) -> dict[str, PersonalSubSpectralNorm]:
        """That of the input, where there is one, and of every convolution."""
        first = {"input_norm": self.input_norm} if self.input_norm else {}
        return first | {f"norms.{index}": norm for index, norm in enumerate(self.norms)}

    @property
    def norm_titles(self) -> dict[str, NormTitle]:
        """A convolution looks for so many patterns, later ones in larger pieces of the input."""
        rows = NormTitle(f"Input: {self.config.rows} rows, each brought to the usual level", "row")
        found = {"input_norm": rows} if self.input_norm else {}
        side = step = 1  # of the input's points: a pattern's side, and from one place to the next
        for index, (channels, stride) in enumerate(zip(self.config.channels, STRIDES, strict=True)):
            side, step = side + 2 * step, step * stride
            what = f"{channels} patterns of {side} × {side} points"
            where = f"Convolution {index + 1} of {len(STRIDES)}"
            found[f"norms.{index}"] = NormTitle(f"{where}: {what}", "pattern")
        return found

    def embed(
        self,
        inputs: Float[Tensor, "clip row column"],
        deviations: Deviations | None = None,
        context: Float[Tensor, "clip channel row column"] | None = None,
    ) -> Float[Tensor, "clip feature"]:
        """What the classifier reads: the last convolution's mean over all places."""
        own = dict(deviations or {})

        def moved(name: str) -> tuple[Tensor | None, Tensor | None]:
            return own.get(f"{name}.norm.weight"), own.get(f"{name}.norm.bias")

        if self.input_norm:
            inputs = self.input_norm(inputs[:, :, None], *moved("input_norm"))[:, :, 0]
        value = self._maps(inputs, context)
        for index, (convolution, norm) in enumerate(
            zip(self.convolutions, self.norms, strict=True)
        ):
            value = torch.relu(norm(convolution(value), *moved(f"norms.{index}")))
        return self.dropout(value.mean((2, 3)))

    @torch.no_grad()
    def statistics(
        self, inputs: Float[Tensor, "clip row column"]
    ) -> Float[Tensor, "clip statistic"]:
        """Mean and standard deviation of each channel after each normalisation, norm by norm."""
        found = []
        with evaluation_mode(self):
            if self.input_norm:
                rows = self.input_norm(inputs[:, :, None])
                found.append(self.input_norm.statistics(rows))
                inputs = rows[:, :, 0]
            value = self._maps(inputs, None)
            for convolution, norm in zip(self.convolutions, self.norms, strict=True):
                value = norm(convolution(value))
                found.append(norm.statistics(value))
                value = torch.relu(value)
        return torch.cat(found, dim=1)

    def _maps(
        self,
        inputs: Float[Tensor, "clip row column"],
        context: Float[Tensor, "clip channel row column"] | None,
    ) -> Float[Tensor, "clip map row column"]:
        own = inputs if self.input_norm else (inputs - self.config.offset) / self.config.spread
        maps = own[:, None]
        return maps if context is None else torch.cat((maps, context), dim=1)
