"""Fully connected layers without any normalisation: the network of the Numbers benchmark [DUA].

    x -> relu( linear(x) ), once a hidden layer; a linear layer

It reads inputs of one fixed shape, as one row of numbers. Its classifier may be a
person's own, and nothing else.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vop_core.nets.encoder import Encoder, NormTitle
from vop_core.nets.personal_layers import (
    Deviations,
    PersonalClassifier,
    PersonalSubSpectralNorm,
)
from vop_core.settings import Settings, at_least


@dataclass(frozen=True, kw_only=True)
class MlpConfig(Settings):
    """Shape of the encoder."""

    labels: int = at_least(2)
    shape: tuple[int, ...] = (28, 28)  # of an input
    hidden: tuple[int, ...] = (100, 100)  # units of each hidden layer
    context_channels: int = 0  # it has no maps to add any to

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.context_channels:
            raise ValueError("a fully connected network reads no context")


class Mlp(Encoder):
    """Inputs of one shape to logits."""

    name = "mlp"
    config_type = MlpConfig
    first_matrix = "layers.0.weight"

    def __init__(self, config: MlpConfig) -> None:
        super().__init__()
        self.config = config
        before = (prod(config.shape), *config.hidden)
        self.layers = nn.ModuleList(
            nn.Linear(inside, outside) for inside, outside in pairwise(before)
        )
        self.classifier = PersonalClassifier(before[-1], config.labels)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The one that it was built for."""
        return tuple(self.config.shape)

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
        inputs: Float[Tensor, " clip *input"],
        deviations: Deviations | None = None,
        context: Float[Tensor, "clip channel *input"] | None = None,
    ) -> Float[Tensor, "clip feature"]:
        """The last hidden layer."""
        value = inputs.flatten(1)
        for layer in self.layers:
            value = torch.relu(layer(value))
        return value

    def statistics(self, inputs: Float[Tensor, " clip *input"]) -> Float[Tensor, "clip statistic"]:
        """None: nothing is normalised."""
        return inputs.new_zeros(len(inputs), 0)
