"""The global model as a row of the bench: trained for exactly as many further steps as every trained method.

It reads no enrollment. Whatever a personalizing method gains over it cannot come from further training.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.methods.base import Adaptation, MethodFacts, PersonalizationMethod, embeddings_of
from vop_core.methods.global_model import GlobalModel
from vop_core.training.batches import EpisodeBatch


class Unpersonalized(PersonalizationMethod):
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

    def represent(self, log_mels: Float[Tensor, "clip mel frame"]) -> Float[Tensor, "clip feature"]:
        """The classifier's input."""
        return embeddings_of(self.encoder, log_mels)

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"] | None = None,
        present: Bool[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Nothing is kept of anybody."""
        return {"nothing": enrollment.new_zeros(enrollment.shape[0], 0)}

    def answer(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """The same for everybody."""
        return self.encoder.classifier(query.flatten(0, 1)).softmax(-1).unflatten(0, query.shape[:2])

    def global_model(self) -> GlobalModel:
        """A copy in the form that methods without training start from."""
        model = GlobalModel(self.encoder.config)
        model.encoder.load_state_dict(self.encoder.state_dict())
        return model.eval()
