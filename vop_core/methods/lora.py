r"""Low-rank adaptation: fine-tuning within a few directions of two layers [LORA].

The last pointwise convolution and the classifier, both matrices W, answer with

    W + U D,    D (rank, in) random,    U (out, rank) zero at the start

and a person's labeled clips move D and U by gradient descent, as in :mod:`vop_core.methods.fine_tune`. What is kept of
a person is rank x (in + out) numbers a layer.

D is drawn once from a seed and starts the same for everybody. The anchor, if there is one, pulls to that start.

Departs: [LORA] adapts attention projections of large language models to many examples; and scales U D by alpha / rank,
here 1, which the learning rate makes up for.
Reconstruction: which layers, and the bias of the classifier, which stays.

The library peft is not used: it puts one adapter at a time into a model, here many persons go through together.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.methods.base import MethodFacts, needed_labels
from vop_core.methods.fine_tune import FineTuneConfig, GradientMethod, enrolled_cross_entropy
from vop_core.nets.bcresnet import BcResNetConfig

POINTWISE, CLASSIFIER = "embedding", "classifier"


@dataclass(frozen=True, kw_only=True)
class LoraConfig(FineTuneConfig):
    """How many directions."""

    rank: int = 4
    seed: int = 0  # of D

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rank < 1:
            raise ValueError(f"rank must be at least 1, got {self.rank}")


class Lora(GradientMethod):
    """Low-rank deviations of pointwise convolution and classifier."""

    facts = MethodFacts(
        summary="Takes gradient steps on low-rank changes of the last two layers with the person's labeled clips.",
        source="LORA",
        labels=True,
        gradients=True,
    )
    config_type = LoraConfig

    def __init__(self, encoder: BcResNetConfig, config: LoraConfig | None = None) -> None:
        super().__init__(encoder, config)
        generator = torch.Generator().manual_seed(self.config.seed)
        for layer in (POINTWISE, CLASSIFIER):
            width = self.encoder.get_submodule(layer).weight.shape[1]
            down = torch.randn(self.config.rank, width, generator=generator) / math.sqrt(width)
            self.register_buffer(f"{layer}_down", down)

    @classmethod
    def choices(cls) -> tuple[LoraConfig, ...]:
        tried = ((4, "enrolled", 0.01), (4, "enrolled", 0.03), (4, "all", 0.003), (1, "all", 0.003))
        tried += ((4, "enrolled", 0.003), (4, "all", 0.01))
        return tuple(LoraConfig(rank=rank, softmax=softmax, learning_rate=rate) for rank, softmax, rate in tried)

    def start(self, persons: int) -> dict[str, Tensor]:
        found = {}
        for layer in (POINTWISE, CLASSIFIER):
            down = self.get_buffer(f"{layer}_down")
            rows = self.encoder.get_submodule(layer).weight.shape[0]
            found[f"{layer}.down"] = down.expand(persons, -1, -1).clone()
            found[f"{layer}.up"] = down.new_zeros(persons, rows, self.config.rank)
        return found

    def logits(
        self, own: dict[str, Tensor], clips: Float[Tensor, "person clip mel frame"]
    ) -> Float[Tensor, "person clip label"]:
        pointwise, classifier = (own[f"{layer}.up"] @ own[f"{layer}.down"] for layer in (POINTWISE, CLASSIFIER))
        deviations = {
            "embedding.weight": pointwise[..., None, None],
            "classifier.weight": classifier,
            "classifier.bias": classifier.new_zeros(classifier.shape[:2]),
        }
        return self.encoder(clips.flatten(0, 1), deviations).unflatten(0, clips.shape[:2])

    def loss(
        self, logits: Float[Tensor, "person shot label"], labels: Int[Tensor, "person shot"] | None
    ) -> Float[Tensor, " person"]:
        return enrolled_cross_entropy(logits, needed_labels(labels), softmax=self.config.softmax)
