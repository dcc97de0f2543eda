r"""Layers whose weights a person may deviate from: scale-and-shift, pointwise convolution,
classifier.

A personal layer's weights are the global ones plus a deviation, w_k = w_0 + \Delta_k [VOP slides,
Method]. Deviations come batched over persons and are applied to (person * query) clips in one pass;
a person's frozen model is then nothing but the global module with w_k written into its parameters.

Reconstruction: the slides say "weights of layers" without naming them, nor whether they replace the
global weights or are added to them; both the choice of layers and the additive form are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Deviations = Mapping[str, Tensor]
"""Parameter name -> deviation, shape (person, *parameter.shape)."""


def spread_over_clips(
    per_person: Float[Tensor, " person *shape"], clips: int
) -> Float[Tensor, " clip *shape"]:
    """Repeat each person's values for each of that person's clips (clips are ordered person by
    person).
    """
    persons = per_person.shape[0]
    if clips % persons:
        raise ValueError(f"{clips} clips cannot be shared evenly by {persons} persons")
    return per_person.repeat_interleave(clips // persons, dim=0)


class PersonalSubSpectralNorm(nn.Module):
    """Batch normalisation per channel and frequency band, with a personal scale and shift
    [BCRESNET].

    Input and output (clip, channel, frequency, frame); ``bands`` must divide the frequency axis.
    """

    def __init__(self, channels: int, bands: int = 5) -> None:
        super().__init__()
        self.bands = bands
        self.norm = nn.BatchNorm2d(channels * bands)

    def forward(
        self, value: Tensor, scale: Tensor | None = None, shift: Tensor | None = None
    ) -> Tensor:
        """``scale`` and ``shift``: deviations, (person, channel * band), or None for the global
        weights.
        """
        shape = value.shape
        value = value.reshape(shape[0], shape[1] * self.bands, shape[2] // self.bands, shape[3])
        if scale is None or shift is None:
            return self.norm(value).view(shape)
        norm = self.norm
        if self.training:
            norm.num_batches_tracked.add_(1)
        standardised = functional.batch_norm(
            value,
            norm.running_mean,
            norm.running_var,
            training=self.training,
            momentum=norm.momentum,
            eps=norm.eps,
        )
        scale = spread_over_clips(norm.weight + scale, shape[0])[:, :, None, None]
        shift = spread_over_clips(norm.bias + shift, shape[0])[:, :, None, None]
        return torch.addcmul(shift, standardised, scale).view(shape)

    def statistics(self, value: Tensor) -> Float[Tensor, "clip statistic"]:
        """Of what ``forward`` gave: each channel's and band's mean, then each one's standard
        deviation.
        """
        variance, mean = torch.var_mean(
            value.unflatten(2, (self.bands, -1)), dim=(3, 4), correction=0
        )
        return torch.cat((mean.flatten(1), (variance + 1e-5).sqrt().flatten(1)), dim=1)


class PersonalPointwise(nn.Conv2d):
    """A 1 x 1 convolution without bias whose matrix a person may deviate from."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=1, bias=False)

    def forward(self, value: Tensor, deviation: Tensor | None = None) -> Tensor:
        """``value`` (clip, channel, frequency, frame); ``deviation`` (person, out, in, 1, 1) or
        None.
        """
        if deviation is None:
            return super().forward(value)
        matrix = (self.weight + deviation)[..., 0, 0]
        grouped = value.unflatten(0, (matrix.shape[0], -1))
        return torch.einsum("poi,pcift->pcoft", matrix, grouped).flatten(0, 1)


class PersonalClassifier(nn.Linear):
    """The last, linear layer: features to logits, with personal weights and biases."""

    def forward(
        self, value: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
    ) -> Tensor:
        """``value`` (clip, feature); ``weight`` (person, label, feature) and ``bias`` (person,
        label) or None.
        """
        if weight is None or bias is None:
            return super().forward(value)
        grouped = value.unflatten(0, (weight.shape[0], -1))
        logits = torch.baddbmm((self.bias + bias)[:, None], grouped, (self.weight + weight).mT)
        return logits.flatten(0, 1)


@dataclass(frozen=True)
class PersonalParameter:
    """One parameter of the encoder that persons may deviate from."""

    layer: str  # the layer's key: "film 3", "pointwise", "classifier"
    title: str  # what the layer is, for a general reader
    name: str  # its key in the encoder's state dict
    shape: tuple[int, ...]
    numbered: str = ""  # what has a number of its own, where the shape is that of a normalisation
    bands: int = 1  # frequency bands that each of these has
    repeat: int = 1  # film shares one deviation among this many frequency bands

    @property
    def size(self) -> int:
        """How many numbers of the personal weight vector it takes."""
        return torch.Size(self.shape).numel() // self.repeat

    @property
    def weight_names(self) -> list[str]:
        """A readable name for each number, counted from 1."""
        kind = self.name.rsplit(".", 1)[-1]
        if not self.numbered:
            shape = [size for size in self.shape if size != 1]
            places = [[str(place + 1) for place in each] for each in np.ndindex(*shape)]
            return [f"{kind} {', '.join(place)}" for place in places]
        kind = {"weight": "scale", "bias": "shift"}[kind]
        bands = self.bands // self.repeat
        return [
            f"{kind} of {self.numbered} {place // bands + 1}"
            + (f", band {place % bands + 1}" if bands > 1 else "")
            for place in range(self.size)
        ]


@dataclass(frozen=True)
class PersonalLayout:
    """Where each personal parameter stands in the flat vector of personal weights."""

    parameters: tuple[PersonalParameter, ...]

    @property
    def size(self) -> int:
        """Number of personal weights."""
        return sum(self._sizes)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the personal layers, in order."""
        return tuple(dict.fromkeys(parameter.layer for parameter in self.parameters))

    @property
    def titles(self) -> dict[str, str]:
        """What each personal layer is, for a general reader."""
        return {parameter.layer: parameter.title for parameter in self.parameters}

    @property
    def _sizes(self) -> list[int]:
        return [parameter.size for parameter in self.parameters]

    def layer_slice(self, layer: str) -> slice:
        """The layer's part of the flat vector. Raises KeyError for a layer that is not personal."""
        if layer not in self.layers:
            raise KeyError(f"{layer!r} is not a personal layer; there are {', '.join(self.layers)}")
        whose = [each.layer for each in self.parameters for _ in range(each.size)]
        return slice(whose.index(layer), whose.index(layer) + whose.count(layer))

    def weight_names(self, layer: str) -> tuple[str, ...]:
        """A readable name for each weight of a layer, such as ``scale of pattern 3``."""
        own = [parameter for parameter in self.parameters if parameter.layer == layer]
        return tuple(name for parameter in own for name in parameter.weight_names)

    def unflatten(self, weights: Float[Tensor, "person weight"]) -> dict[str, Tensor]:
        """Flat personal weights -> deviations by parameter name."""
        return {
            each.name: part.repeat_interleave(each.repeat, dim=1).reshape(-1, *each.shape)
            for each, part in zip(self.parameters, weights.split(self._sizes, dim=1), strict=True)
        }

    def flatten_global(self, state: Mapping[str, Tensor]) -> Float[Tensor, " weight"]:
        """The global weights in the same order (bands that share one deviation are averaged)."""
        return torch.cat(
            [
                state[parameter.name].reshape(-1, parameter.repeat).mean(1)
                for parameter in self.parameters
            ]
        )
