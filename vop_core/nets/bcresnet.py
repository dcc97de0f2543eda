r"""BC-ResNet, the speech encoder, written from the description in the paper [BCRESNET].

A block works on frequency and time apart. With f2 a depthwise convolution along frequency and f1 a
depthwise convolution along time plus a pointwise one,

    y = relu( x + f2(x) + broadcast( f1( mean over frequency of f2(x) ) ) )

so that most of the work happens on a one-dimensional sequence. A transition block changes the
number of channels by a pointwise convolution first and has no identity path.

Departs: the scale and shift of the sub-spectral normalisation, one per channel and frequency band,
may deviate per person, and so may the last pointwise convolution and the classifier [VOP slides,
Method].
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
    PersonalPointwise,
    PersonalSubSpectralNorm,
)
from vop_core.settings import Settings, at_least, checked

# (number of blocks, channels at tau = 1, stride along frequency, dilation along time)
STAGES = ((2, 8, 1, 1), (2, 12, 2, 2), (4, 16, 2, 4), (4, 20, 1, 8))


@dataclass(frozen=True, kw_only=True)
class BcResNetConfig(Settings):
    """Shape of the encoder; ``tau`` scales its width as in the paper."""

    labels: int = at_least(2)
    tau: float = 1.0
    # five bands of two frequencies are left at the end
    mels: int = checked(lambda value: value % 40 == 0, "must be a multiple of 40", 40)
    dropout: float = 0.1
    stem_stride: int = 1  # stride along time of the first convolution; Departs: the paper has 1
    # further input maps beside the log-mel, for methods that show the encoder a context
    context_channels: int = 0

    def channels(self, base: int) -> int:
        return max(1, round(base * self.tau))


class BroadcastedBlock(nn.Module):
    """One residual block; see the module's equation."""

    def __init__(
        self, channels_in: int, channels_out: int, *, stride: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        self.transition = channels_in != channels_out or stride != 1
        if self.transition:
            self.change = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, bias=False),
                nn.BatchNorm2d(channels_out),
                nn.ReLU(),
            )
        self.frequency = nn.Conv2d(
            channels_out,
            channels_out,
            (3, 1),
            stride=(stride, 1),
            padding=(1, 0),
            groups=channels_out,
            bias=False,
        )
        self.frequency_norm = PersonalSubSpectralNorm(channels_out)
        self.time = nn.Sequential(
            nn.Conv2d(
                channels_out,
                channels_out,
                (1, 3),
                padding=(0, dilation),
                dilation=(1, dilation),
                groups=channels_out,
                bias=False,
            ),
            nn.BatchNorm2d(channels_out),
            nn.SiLU(),
            nn.Conv2d(channels_out, channels_out, 1, bias=False),
            nn.Dropout2d(dropout),
        )

    def forward(
        self,
        value: Tensor,
        scale: Tensor | None = None,
        shift: Tensor | None = None,
        statistics: list[Tensor] | None = None,
    ) -> Tensor:
        identity = value
        if self.transition:
            value = self.change(value)
        two_dimensional = self.frequency_norm(self.frequency(value), scale, shift)
        if statistics is not None:
            statistics.append(self.frequency_norm.statistics(two_dimensional))
        broadcast = self.time(two_dimensional.mean(2, keepdim=True))
        result = two_dimensional + broadcast
        if not self.transition:
            result += identity
        return result.relu_()  # in place: memory, not arithmetic, is what a block waits for


class BcResNet(Encoder):
    """Log-mels to logits, with or without personal deviations."""

    name = "bc-resnet"
    config_type = BcResNetConfig
    first_matrix = "stem.0.weight"
    pointwise = "embedding"

    def __init__(self, config: BcResNetConfig) -> None:
        super().__init__()
        self.config = config
        stem = config.channels(16)
        self.stem = nn.Sequential(
            nn.Conv2d(
                1 + config.context_channels,
                stem,
                5,
                stride=(2, config.stem_stride),
                padding=2,
                bias=False,
            ),
            nn.BatchNorm2d(stem),
            nn.ReLU(),
        )
        blocks, channels = [], stem
        for count, base, stride, dilation in STAGES:
            width = config.channels(base)
            for index in range(count):
                blocks.append(
                    BroadcastedBlock(
                        channels,
                        width,
                        stride=stride if index == 0 else 1,
                        dilation=dilation,
                        dropout=config.dropout,
                    )
                )
                channels = width
        self.blocks = nn.ModuleList(blocks)
        height = config.mels // 8
        self.collapse = nn.Conv2d(
            channels, channels, (height, 5), padding=(0, 2), groups=channels, bias=False
        )
        self.embedding = PersonalPointwise(channels, config.channels(32))
        self.embedding_norm = nn.BatchNorm2d(config.channels(32))
        self.classifier = PersonalClassifier(config.channels(32), config.labels)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Log-mels, (mel, frame), of any duration."""
        return self.config.mels, None

    @property
    def personal_norms(self) -> dict[str, PersonalSubSpectralNorm]:
        """The sub-spectral normalisation of every block."""
        return {
            f"blocks.{index}.frequency_norm": block.frequency_norm
            for index, block in enumerate(self.blocks)
        }

    @property
    def norm_titles(self) -> dict[str, NormTitle]:
        """A block looks for so many patterns, in each frequency band apart."""
        found = {}
        for index, (name, norm) in enumerate(self.personal_norms.items(), start=1):
            patterns = norm.norm.num_features // norm.bands
            what = f"{patterns} patterns in each of {norm.bands} frequency bands"
            found[name] = NormTitle(f"Block {index} of {len(self.blocks)}: {what}", "pattern")
        return found

    def embed(
        self,
        inputs: Float[Tensor, "clip mel frame"],
        deviations: Deviations | None = None,
        context: Float[Tensor, "clip channel mel frame"] | None = None,
    ) -> Float[Tensor, "clip feature"]:
        """What the classifier reads: the pooled output of the last convolution."""
        own = dict(deviations or {})
        maps = inputs[:, None] if context is None else torch.cat((inputs[:, None], context), dim=1)
        value = self.stem(maps)
        for name, block in zip(self.personal_norms, self.blocks, strict=True):
            value = block(value, own.get(f"{name}.norm.weight"), own.get(f"{name}.norm.bias"))
        value = self.embedding(self.collapse(value), own.get("embedding.weight"))
        return torch.relu(self.embedding_norm(value)).mean((2, 3))

    @torch.no_grad()
    def statistics(
        self, inputs: Float[Tensor, "clip mel frame"]
    ) -> Float[Tensor, "clip statistic"]:
        """Mean and standard deviation of each channel and band after each block's normalisation,
        block by block.
        """
        found: list[Tensor] = []
        with evaluation_mode(self):
            value = self.stem(inputs[:, None])
            for block in self.blocks:
                value = block(value, statistics=found)
        return torch.cat(found, dim=1)
