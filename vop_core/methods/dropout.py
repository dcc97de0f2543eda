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

from vop_core.methods.base import (
    MethodFacts,
    SharedClassifier,
    needed_generator,
    supervised_loss,
)
from vop_core.methods.personal import Adaptation
from vop_core.settings import Settings, checked
from vop_core.training.batches import EpisodeBatch


@dataclass(frozen=True, kw_only=True)
class DropoutConfig(Settings):
    """How much of the embedding is dropped."""

    probability: float = checked(lambda value: 0 <= value < 1, "must lie in [0, 1)", 0.2)


class Dropout(SharedClassifier):
    """The global baseline with dropout; the enrollment clips are not used."""

    config_type = DropoutConfig
    tried = ({}, {"probability": 0.5})
    facts = MethodFacts(
        summary="Trains the one global network with dropout before the classifier and ignores the "
        "person.",
        source="VOP slides",
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
        """Cross-entropy of the step's queries, a mask for each."""
        features = self.encoder.embed(batch.query.flatten(0, 1))
        logits = self.encoder.classifier(
            features * self.masks(*features.shape, generator=generator)
        )
        return supervised_loss(logits, batch.labels.flatten())

    def masks(self, *shape: int, generator: torch.Generator | None) -> Float[Tensor, "*shape"]:
        """0 with the probability of dropping, else what keeps the expectation at 1."""
        kept = 1 - self.config.probability
        drawn = torch.bernoulli(torch.full(shape, kept), generator=needed_generator(generator))
        return drawn.to(self.encoder.classifier.weight.device) / kept


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
        masks = self.masks(count, 1, classifier.in_features, generator=generator)
        bias = classifier.bias.expand(count, -1)[..., None]
        rows = torch.cat((classifier.weight * masks, bias), dim=-1)
        return {self.rows: rows[:, None].expand(-1, persons, -1, -1)}
