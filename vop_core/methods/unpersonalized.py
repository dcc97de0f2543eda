"""The global model as a row of the bench: trained for exactly as many further steps as every trained method.

It reads no enrollment. Whatever a personalizing method gains over it cannot come from further training.
"""

import torch
from torch import Tensor
from torch.nn import functional

from vop_core.methods.base import MethodFacts, SharedClassifier
from vop_core.methods.global_model import GlobalModel
from vop_core.training.batches import EpisodeBatch


class Unpersonalized(SharedClassifier):
    """One set of weights for all persons."""

    facts = MethodFacts(
        summary="one set of weights for everybody, the same further training",
        source="BCRESNET",
        trained=True,
        personal=False,
    )

    def loss(
        self, batch: EpisodeBatch, *, progress: float, label_smoothing: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the step's queries; the enrollment clips are not used."""
        logits = self.encoder(batch.query.flatten(0, 1))
        loss = functional.cross_entropy(logits, batch.labels.flatten(), label_smoothing=label_smoothing)
        return loss, {"loss": loss.item()}

    def global_model(self) -> GlobalModel:
        """A copy in the form that methods without training start from."""
        model = GlobalModel(self.encoder.config)
        model.encoder.load_state_dict(self.encoder.state_dict())
        return model.eval()
