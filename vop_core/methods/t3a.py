r"""T3A, test-time template adjuster: classifier rows moved by unlabeled, pseudo-labeled clips
[T3A].

Each class k keeps a set of supports. It starts with the classifier's row, w_k / ||w_k||; an
unlabeled clip with embedding z joins as z / ||z|| the class that the global classifier gives it. Of
every set, the supports with the lowest entropy of the global classifier's answer are kept, and with
their mean c_k

    p(k | z) = softmax_k( s z . c_k )

No labels, no gradients.

Departs: T3A is online, every clip of the test stream joins before it is answered; here only the
enrollment clips do.
Departs: dropping the rows' lengths and the biases leaves the logits on another scale, which does
not matter to the accuracy that the paper looks at; s is fitted on the training clips under the
starting centroids, or is 1.
Departs: a few clips of a few words break the paper's rule. Embeddings after a ReLU share a large
mean, which rows do not have, so a word with any clip among its supports beats all words without.
Two options, both off by default, mend it: ``centred`` measures embeddings from the training clips'
mean, ``row_clips`` lets a row count for several clips.
Departs: a mean of supports that disagree is left shorter; the authors' program brings every c_k to
length 1.
Reconstruction: that the rows' own entropy, which ranks them among the clips, is that of the global
answer to the row.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.data.features import FeatureTable
from vop_core.methods.base import ClassifierMethod, MethodFacts
from vop_core.methods.personal import Adaptation
from vop_core.methods.prototypes import fitted_scale
from vop_core.nets.encoder import Encoder
from vop_core.settings import Settings, checked, positive

EVERY_SUPPORT = -1


@dataclass(frozen=True, kw_only=True)
class T3aConfig(Settings):
    """How many supports a class keeps."""

    # lowest entropies first; EVERY_SUPPORT filters nothing
    kept: int = checked(
        lambda value: value >= 1 or value == EVERY_SUPPORT,
        f"must be at least 1, or {EVERY_SUPPORT} for all",
        20,
    )
    # how many clips the classifier's row counts for in its class's mean
    row_clips: float = positive(1.0)
    centred: bool = False  # embeddings are measured from the training clips' mean
    scaled: bool = True  # s is fitted, else 1


class T3a(ClassifierMethod):
    """A linear classifier whose rows are the centroids of supports."""

    facts = MethodFacts(
        summary="Gives each clip the global model's own label, and moves that word's classifier "
        "row towards it.",
        source="T3A",
        foldable=True,
    )
    config_type = T3aConfig
    tried = (
        *({"kept": kept} for kept in (20, 5, 1, EVERY_SUPPORT)),
        {"centred": True},
        {"centred": True, "row_clips": 3.0},
        {"row_clips": 30.0},
        *({"centred": True, "row_clips": clips} for clips in (10.0, 30.0, 100.0)),
    )

    def __init__(self, encoder: Encoder, config: T3aConfig | None = None) -> None:
        super().__init__(encoder, config)
        self.register_buffer("scale", torch.tensor(1.0))  # s
        self.register_buffer(
            "centre", self.encoder.classifier.weight.new_zeros(self.encoder.classifier.in_features)
        )

    @torch.no_grad()
    def prepare(self, clips: FeatureTable, kept: FeatureTable | None = None) -> None:
        """The centre and the scale, as far as they are asked for."""
        embeddings = self.represent(clips.features)
        if self.config.centred:
            self.centre.copy_(embeddings.mean(0))
        if self.config.scaled:
            rows = functional.normalize(self.encoder.classifier.weight, dim=-1)
            self.scale.copy_(fitted_scale((embeddings - self.centre) @ rows.T, clips.label))

    @torch.no_grad()
    def adapt(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Each person's centroids."""
        classifier = self.encoder.classifier
        rows = classifier.weight.expand(len(enrollment), -1, -1)
        answers = classifier(torch.cat((rows, enrollment), dim=1)).softmax(-1)
        classes = len(classifier.weight)
        own = torch.arange(classes, device=rows.device).expand(len(rows), -1)
        given = torch.cat((own, answers[:, classes:].argmax(-1)), dim=1)
        weight = self._kept(
            torch.special.entr(answers).sum(-1), functional.one_hot(given, classes).bool().mT
        ).to(enrollment.dtype)
        weight[:, :, :classes] *= self.config.row_clips
        supports = functional.normalize(torch.cat((rows, enrollment - self.centre), dim=1), dim=-1)
        return {"centroids": weight @ supports / weight.sum(-1, keepdim=True)}

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """By the nearest direction of a centroid."""
        return (self.scale * (query - self.centre) @ adaptation["centroids"].mT).softmax(-1)

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The classifier with weights s c_k and biases -s c_k . centre."""
        weights = self.scale * adaptation["centroids"]
        return {"classifier.weight": weights, "classifier.bias": -weights @ self.centre}

    def _kept(
        self, entropy: Float[Tensor, "person support"], member: Bool[Tensor, "person label support"]
    ) -> Bool[Tensor, "person label support"]:
        """Of each class's supports, the ``kept`` with the lowest entropy; never none, as a class
        keeps at least one.
        """
        if self.config.kept == EVERY_SUPPORT:
            return member
        ranked = torch.where(member, entropy[:, None], torch.inf)
        rank = ranked.argsort(dim=-1, stable=True).argsort(dim=-1, stable=True)
        return member & (rank < self.config.kept)
