r"""One network for everybody with dropout before the classifier, and the same with it left on at
test [MCDROPOUT].

A mask r of independent Bernoulli(1 - p) numbers on the embedding, scaled by 1 / (1 - p), is a draw
of the classifier's weights: logits = W diag(r / (1 - p)) u + b. ``Dropout`` answers with all
weights; ``McDropout`` averages the softmax over masks, one mask a draw for all queries and persons,
as one draw of the shared weights asks for.

Reconstruction: which layers "Baseline w/ Dropout" drops in [VOP slides], and how often, is unknown;
    here it is the embedding. The encoder's own dropout [BCRESNET] is on in training, as it is for
    every method, and off at test.
Departs: it starts from the fold's checkpoint; the embedding is dropped in the further steps only.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vop_core.methods.base import MethodFacts, SharedClassifier, needed_generator
from vop_core.methods.personal import Adaptation
from vop_core.training.batches import EpisodeBatch


@dataclass(frozen=True, kw_only=True)
class DropoutConfig:
    """How much of the embedding is dropped."""

    probability: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.probability < 1:
            raise ValueError(f"probability must lie in [0, 1), got {self.probability}")


class Dropout(SharedClassifier):
    """The global baseline with dropout; the enrollment clips are not used."""

    config_type = DropoutConfig
    facts = MethodFacts(
        summary="Trains the one global network with dropout before the classifier and ignores the "
        "person.",
        source="VOP slides",
        trained=True,
        personal=False,
        foldable=True,
    )

    @classmethod
    def choices(cls) -> tuple[DropoutConfig, ...]:
        """A little and a lot."""
        return (DropoutConfig(), DropoutConfig(probability=0.5))

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        label_smoothing: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the step's queries, a mask for each."""
        features = self.encoder.embed(batch.query.flatten(0, 1))
        logits = self.encoder.classifier(
            features * self.masks(*features.shape, generator=generator)
        )
        labels = batch.labels.flatten()
        loss = functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        accuracy = (logits.argmax(-1) == labels).float().mean()
        return loss, {"loss": loss.item(), "accuracy": accuracy.item()}

    def masks(self, *shape: int, generator: torch.Generator | None) -> Float[Tensor, "*shape"]:
        """0 with the probability of dropping, else what keeps the expectation at 1."""
        kept = 1 - self.config.probability
        return (
            torch.bernoulli(torch.full(shape, kept), generator=needed_generator(generator)) / kept
        )


class McDropout(Dropout):
    """The same network with dropout left on: an approximate posterior over shared weights
    [MCDROPOUT].
    """

    facts = MethodFacts(
        summary="Averages the one global network's answers over dropout masks and ignores the "
        "person.",
        source="MCDROPOUT",
        trained=True,
        personal=False,
        foldable=True,
        draws=10,
        trained_as="dropout",
    )

    def draw(
        self, adaptation: Adaptation, count: int, *, generator: torch.Generator | None
    ) -> Adaptation:
        """One mask a draw, the same for all persons."""
        classifier, persons = self.encoder.classifier, len(adaptation["nothing"])
        weights = classifier.weight * self.masks(
            count, 1, classifier.in_features, generator=generator
        ).to(classifier.weight)
        rows = torch.cat((weights, classifier.bias.expand(count, -1)[..., None]), dim=-1)
        return {"rows": rows[:, None].expand(-1, persons, -1, -1)}
