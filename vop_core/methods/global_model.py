"""The baseline of every personal model: one encoder for everybody, trained on the same clips and
steps.

It reads no enrollment. As a row of the bench it is trained for exactly as many further steps as
every trained method, so that what a personalizing method gains over it cannot come from further
training.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.methods.base import MethodFacts, SharedClassifier, supervised_loss
from vop_core.training.batches import EpisodeBatch
from vop_core.types import Prediction


class GlobalModel(SharedClassifier):
    """One set of weights for all persons."""

    facts = MethodFacts(
        summary="one set of weights for everybody, the same further training",
        source="BCRESNET",
        trained=True,
        personal=False,
        foldable=True,
    )

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the step's queries; the enrollment clips are not used."""
        logits = self.encoder(batch.query.flatten(0, 1))
        return supervised_loss(logits, batch.labels.flatten())

    def embed_episodes(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Float[Tensor, "person clip feature"], float]:
        """Under everybody's weights."""
        clips = torch.cat((batch.enrollment, batch.query), dim=1)
        return self.encoder.embed(clips.flatten(0, 1)).unflatten(0, clips.shape[:2]), 0.0

    def predict(
        self,
        query: Float[Tensor, " query *input"],
        *,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Prediction:
        """Class probabilities for anybody; there are no weights to draw, so ``draws`` changes
        nothing.
        """
        return self.prior_model().predict(query)
