r"""Class prototypes, pulled to a person's labeled clips [PROTONET].

A clip's embedding z is compared with one prototype c_k a class, and

    p(k | z) = softmax_k( -s ||z - c_k||^2 )

The global prototype is a class's mean over the training persons' own class means, so that nobody
counts more for having spoken more. A person's n_k clips of class k, with mean m_k, pull it as if it
were worth N_0 clips:

    c_k = (N_0 c_global,k + n_k m_k) / (N_0 + n_k)

Optionally all prototypes first move together by the person's mean offset from the global ones,
itself shrunk by n / (N_0 + n): a voice that lies elsewhere lies elsewhere for the words, too, that
it did not enroll.

Departs: [PROTONET] trains the embedding for this, needs every class in the enrollment, and knows no
scale; here the embedding is the global model's, classes without clips keep the global prototype,
and s minimises the negative log-likelihood of the training clips.
"""

from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.data.features import FeatureTable
from vop_core.errors import EvaluationError
from vop_core.methods.base import ClassifierMethod, MethodFacts, needed_labels
from vop_core.methods.personal import Adaptation
from vop_core.nets.encoder import Encoder
from vop_core.settings import Settings, positive


@dataclass(frozen=True, kw_only=True)
class PrototypesConfig(Settings):
    """How firmly the global prototypes stand."""

    prior_clips: float = positive(3.0)  # N_0
    share_shift: bool = False  # move all prototypes by the person's mean offset first


class Prototypes(ClassifierMethod):
    """The nearest prototype of the person's own answers."""

    facts = MethodFacts(
        summary="Pulls each enrolled word's mean embedding to the person's clips; the nearest "
        "prototype answers.",
        source="PROTONET",
        labels=True,
        foldable=True,
    )
    config_type = PrototypesConfig
    tried = tuple(
        {"share_shift": shift, "prior_clips": clips}
        for shift, clips in [*product((False, True), (3.0, 1.0, 10.0)), (True, 30.0), (True, 0.3)]
    )

    def __init__(self, encoder: Encoder, config: PrototypesConfig | None = None) -> None:
        super().__init__(encoder, config)
        classifier = self.encoder.classifier
        # (label, feature)
        self.register_buffer("prototypes", torch.full_like(classifier.weight, torch.nan))
        self.register_buffer("scale", torch.tensor(1.0))  # s

    @torch.no_grad()
    def prepare(self, clips: FeatureTable, kept: FeatureTable | None = None) -> None:
        """Global prototypes and scale. Raises EvaluationError for a word that no training clip
        says.
        """
        embeddings = self.represent(clips.features)
        means, spoken = person_class_means(embeddings, clips)
        silent = [
            name
            for name, said in zip(clips.labels, spoken.any(0).tolist(), strict=True)
            if not said
        ]
        if silent:
            raise EvaluationError(f"No training clip says '{silent[0]}'; give clips of every word.")
        self.prototypes.copy_(means.sum(0) / spoken.sum(0)[:, None])
        self.scale.copy_(fitted_scale(-squared_distances(embeddings, self.prototypes), clips.label))

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Each person's prototypes. Raises EvaluationError without labels or before ``prepare``."""
        labels = needed_labels(labels)
        if self.prototypes.isnan().any():
            raise EvaluationError(
                "There are no global prototypes yet; call prepare with the training clips first."
            )
        prior, shots = self.config.prior_clips, enrollment.shape[1]
        start = self.prototypes.expand(len(enrollment), -1, -1)
        if self.config.share_shift:
            offset = (enrollment - self.prototypes[labels]).mean(1, keepdim=True)
            start = start + shots / (prior + shots) * offset
        said = functional.one_hot(labels, len(self.prototypes)).to(enrollment.dtype)
        total = torch.einsum("psl,psf->plf", said, enrollment)
        return {"prototypes": (prior * start + total) / (prior + said.sum(1)[..., None])}

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """By the nearest prototype."""
        return (-self.scale * squared_distances(query, adaptation["prototypes"])).softmax(-1)

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The classifier with weights 2 s c_k and biases -s ||c_k||^2: all logits differ by the
        same.
        """
        prototypes = adaptation["prototypes"]
        biases = -self.scale * prototypes.square().sum(-1)
        return {"classifier.weight": 2 * self.scale * prototypes, "classifier.bias": biases}


def person_class_means(
    embeddings: Float[Tensor, "clip feature"], clips: FeatureTable
) -> tuple[Float[Tensor, "person label feature"], Bool[Tensor, "person label"]]:
    """Each person's mean embedding of each label, zeros where there is no clip, and where there is
    one.
    """
    shape = (len(clips.persons), len(clips.labels))
    cell = (clips.person * shape[1] + clips.label).to(embeddings.device)
    count = torch.bincount(cell, minlength=shape[0] * shape[1])
    total = embeddings.new_zeros(len(count), embeddings.shape[1]).index_add_(0, cell, embeddings)
    return (total / count.clamp_min(1)[:, None]).unflatten(0, shape), (count > 0).unflatten(
        0, shape
    )


def squared_distances(
    clips: Float[Tensor, "*batch clip feature"], prototypes: Float[Tensor, "*batch label feature"]
) -> Float[Tensor, "*batch clip label"]:
    """||z - c||^2, summed as it stands: the binomial formula would lose small distances between
    long vectors.
    """
    return torch.cdist(clips, prototypes, compute_mode="donot_use_mm_for_euclid_dist").square()


def fitted_scale(
    logits: Float[Tensor, "clip label"], labels: Int[Tensor, " clip"]
) -> Float[Tensor, ""]:
    """The s that minimises the negative log-likelihood of softmax(s logits), between 1e-4 and 1e4.

    It is convex in s: bisection on its derivative, over ln s.
    """
    logits = logits.double()
    right = logits.gather(1, labels.to(logits.device)[:, None]).squeeze(1)
    low, high = torch.tensor([1e-4, 1e4], dtype=logits.dtype).log()
    for _ in range(60):
        middle = (low + high) / 2
        slope = (((middle.exp() * logits).softmax(-1) * logits).sum(-1) - right).mean()
        low, high = (middle, high) if slope < 0 else (low, middle)
    return middle.exp().to(torch.float32)
