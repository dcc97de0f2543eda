"""How an encoder learns where classes are new in every episode: by its class means [PROTONET].

A global model has no answer to classes that it meets for the first time, and no loss of its own:
its encoder learns that the nearest mean of a class's labeled samples answers.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from vop_core.nets.classifier_inference import embed_episode, mean_by_label
from vop_core.training.batches import EpisodeBatch


class ByClassMeans(nn.Module):
    """A method without personal weights, while it learns from few-shot episodes."""

    def __init__(self, method: nn.Module) -> None:
        super().__init__()
        self.method = method

    def loss(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of mean squared distances with the class means."""
        encoder = self.method.encoder
        enrollment, query = embed_episode(encoder, batch.enrollment, batch.present, batch.query)
        means, _ = mean_by_label(
            enrollment, batch.enrollment_labels, batch.present, len(encoder.classifier.weight)
        )
        logits = -torch.cdist(query, means).square() / query.shape[-1]
        loss = functional.cross_entropy(logits.flatten(0, 1), batch.labels.flatten())
        right = logits.argmax(-1) == batch.labels
        return loss, {"loss": loss.detach(), "accuracy": right.float().mean()}
