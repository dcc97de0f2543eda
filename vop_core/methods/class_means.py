r"""Classifiers made of class means: what few-shot methods share.

A class's mean over its labeled clips, compared with a query z by a distance. A class without clips
has no mean, and is answered as good as never.
"""

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.methods.base import (
    ClassifierMethod,
    TrainedConfig,
    every_clip,
    needed_labels,
    supervised_loss,
)
from vop_core.methods.personal import Adaptation
from vop_core.nets.classifier_inference import embed_episode
from vop_core.training.batches import EpisodeBatch

NEVER = -30.0  # logit of a class without clips, where the best one has 0 or so


class ClassMeans(ClassifierMethod):
    """Trained on episodes; ``answer`` says how a query is compared."""

    config_type = TrainedConfig

    @abstractmethod
    def answer(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """Logits of each person's queries."""

    def loss(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the queries."""
        enrollment, query = embed_episode(
            self.encoder, batch.enrollment, batch.present, batch.query
        )
        labels = needed_labels(batch.enrollment_labels)
        logits = self.answer(self.enrolled(enrollment, labels, batch.present), query)
        return supervised_loss(logits.flatten(0, 1), batch.labels.flatten())

    @abstractmethod
    def enrolled(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"],
        present: Tensor,
    ) -> Adaptation:
        """What is kept of the clips that count, with gradients."""

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """What is kept of all clips. Raises EvaluationError without labels."""
        return self.enrolled(enrollment, needed_labels(labels), every_clip(enrollment))

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """By the distances."""
        return self.answer(adaptation, query).softmax(-1)
