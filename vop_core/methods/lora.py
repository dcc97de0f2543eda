r"""Low-rank adaptation: fine-tuning within a few directions of every layer [LORA].

Each convolution, its kernels flattened to rows, and the classifier, all matrices W, answer with

    W + U D,    D (rank, in) random,    U (out, rank) zero at the start

and a person's labeled clips move D and U by gradient descent, as in
:mod:`vop_core.methods.fine_tune`. What is kept of a person is rank x (in + out) numbers a layer.

D is drawn once from a seed and starts the same for everybody. The anchor, if there is one, pulls to
that start.

Departs: [LORA] adapts attention projections of large language models to many examples; and scales U
D by alpha / rank, here 1, which the learning rate makes up for.
Reconstruction: which layers; biases and normalisations stay.

The library peft is not used: it puts one adapter at a time into a model, here many persons go
through together.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.methods.base import MethodFacts
from vop_core.methods.fine_tune import FineTune, FineTuneConfig, softmaxes_at
from vop_core.nets.batched import run_personal
from vop_core.nets.encoder import Encoder
from vop_core.settings import at_least


@dataclass(frozen=True, kw_only=True)
class LoraConfig(FineTuneConfig):
    """How many directions."""

    rank: int = at_least(1, 4)
    seed: int = 0  # of D


class Lora(FineTune):
    """Low-rank deviations of all convolutions and the classifier."""

    facts = MethodFacts(
        summary="Takes gradient steps on low-rank changes of every layer with the person's labeled "
        "clips.",
        source="LORA",
        labels=True,
        gradients=True,
        foldable=True,
        version=2,
    )
    config_type = LoraConfig
    # small steps: they go through the whole encoder
    tried = (
        *softmaxes_at(("enrolled", 0.003), ("enrolled", 0.001), ("all", 0.003)),
        {"rank": 1, "softmax": "all", "learning_rate": 0.003},
        *softmaxes_at(("all", 0.0003), ("all", 0.001)),
    )

    def __init__(self, encoder: Encoder, config: LoraConfig | None = None) -> None:
        super().__init__(encoder, config)
        generator = torch.Generator().manual_seed(self.config.seed)
        for name, shape in self._matrices():
            inputs = math.prod(shape[1:])
            down = torch.randn(self.config.rank, inputs, generator=generator) / math.sqrt(inputs)
            self.register_buffer(_buffer(name), down)

    def _matrices(self) -> list[tuple[str, tuple[int, ...]]]:
        parameters = self.encoder.named_parameters()
        return [(name, tuple(value.shape)) for name, value in parameters if value.ndim > 1]

    def start(self, persons: int) -> dict[str, Tensor]:
        found = {}
        for name, shape in self._matrices():
            down = self.get_buffer(_buffer(name))
            found[f"{name}.down"] = down.expand(persons, -1, -1).clone()
            found[f"{name}.up"] = down.new_zeros(persons, shape[0], self.config.rank)
        return found

    def deviations(self, own: dict[str, Tensor]) -> dict[str, Tensor]:
        """U D of each matrix by parameter name."""
        return {
            name: (own[f"{name}.up"] @ own[f"{name}.down"]).view(-1, *shape)
            for name, shape in self._matrices()
        }

    def logits(
        self, own: dict[str, Tensor], clips: Float[Tensor, "person clip *input"]
    ) -> Float[Tensor, "person clip label"]:
        return run_personal(self.encoder, self.own_weights(own), clips)


def _buffer(name: str) -> str:
    """A buffer's name must hold no point."""
    return f"{name.replace('.', '_')}_down"
