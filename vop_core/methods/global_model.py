"""The rival of every personal model: one encoder for everybody, trained on the same clips and steps."""

from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vop_core.nets.bcresnet import BcResNet, BcResNetConfig
from vop_core.training.batches import EpisodeBatch
from vop_core.types import Prediction
from vop_core.variational.predictive import predict_from_mean

CLIPS_AT_ONCE = 512  # bounds the memory of a pass


@torch.no_grad()
def logits_of(
    encoder: BcResNet, query: Float[Tensor, "clip mel frame"], deviations: dict[str, Tensor] | None = None
) -> Float[Tensor, "clip label"]:
    """A pass without gradients, in pieces; with deviations of P persons the clips are P equal runs."""
    if deviations is None:
        return torch.cat([encoder(part) for part in query.split(CLIPS_AT_ONCE)])
    persons = next(iter(deviations.values())).shape[0]
    grouped = query.unflatten(0, (persons, -1))
    at_once = max(1, CLIPS_AT_ONCE // grouped.shape[1])
    pieces = []
    for start in range(0, persons, at_once):
        own = {name: value[start : start + at_once] for name, value in deviations.items()}
        pieces.append(encoder(grouped[start : start + at_once].flatten(0, 1), own))
    return torch.cat(pieces)


class GlobalModel(nn.Module):
    """One set of weights for all persons."""

    def __init__(self, config: BcResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = BcResNet(config)

    def loss(
        self, batch: EpisodeBatch, *, progress: float, label_smoothing: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the step's queries; the enrollment clips are not used."""
        logits = self.encoder(batch.query.flatten(0, 1))
        labels = batch.labels.flatten()
        loss = functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        accuracy = (logits.argmax(-1) == labels).float().mean()
        return loss, {"loss": loss.item(), "accuracy": accuracy.item()}

    def enroll(self, enrollment: Float[Tensor, "shot mel frame"]) -> "GlobalModel":
        """Keeps the promise of every method by ignoring the person."""
        return self

    def predict(
        self,
        query: Float[Tensor, "query mel frame"],
        *,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Prediction:
        """Class probabilities; there are no weights to draw, so ``draws`` changes nothing."""
        with torch.inference_mode():
            return predict_from_mean(logits_of(self.encoder, query).softmax(-1))

    def predict_persons(
        self,
        enrollment: Float[Tensor, "person shot mel frame"] | None,
        query: Float[Tensor, "person query mel frame"],
        *,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "person query label"]:
        """Class probabilities of many persons' queries at once."""
        return logits_of(self.encoder, query.flatten(0, 1)).softmax(-1).unflatten(0, query.shape[:2])

    def description(self) -> dict[str, Any]:
        """The settings from which an empty copy can be built."""
        return asdict(self.config)
