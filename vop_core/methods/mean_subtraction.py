r"""Spectral mean subtraction: what a person's clips have in common is taken from the queries [CMS].

A room, a device or a voice that multiplies the spectrum adds to every frame of a log-spectrum. With
s_k the mean over all frames of a person's n clips, one number a band, and s the typical one of the
training persons, a query x is answered as

    x - n / (N_0 + n) (s_k - s)

N_0 = 0 subtracts the enrollment's own mean. No labels, no gradients. In the trained row the encoder
is further trained on queries from which their persons' means were subtracted so.

Departs: [CMS] takes the mean from the very utterance that is recognised, of cepstra, all of it; and
adds nothing typical back, which keeps our inputs where the encoder knows them.
Departs: training takes as typical the mean over a step's persons; afterwards ``prepare`` learns it
from the training clips as they were recorded.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.data.features import FeatureTable
from vop_core.methods.base import MethodFacts, PersonalizationMethod, supervised_loss
from vop_core.methods.personal import Adaptation
from vop_core.methods.prototypes import person_class_means
from vop_core.nets.batched import in_pieces
from vop_core.nets.classifier_inference import mean_of_present
from vop_core.nets.encoder import Encoder
from vop_core.settings import Settings, not_negative
from vop_core.training.batches import EpisodeBatch


@dataclass(frozen=True, kw_only=True)
class MeanSubtractionConfig(Settings):
    """How much the typical spectrum still counts."""

    source_clips: float = not_negative(10.0)  # N_0; 0 forgets it


class MeanSubtraction(PersonalizationMethod):
    """The global weights on queries without the person's mean spectrum."""

    facts = MethodFacts(
        summary="Subtracts the clips' mean spectrum, shrunk towards the typical one, from the "
        "queries.",
        source="CMS",
    )
    config_type = MeanSubtractionConfig
    tried = tuple({"source_clips": clips} for clips in (10.0, 0.0, 1.0, 3.0, 30.0))

    def __init__(self, encoder: Encoder, config: MeanSubtractionConfig | None = None) -> None:
        super().__init__(encoder, config)
        self.register_buffer("typical", torch.zeros(encoder.input_shape[0]))

    def prepare(self, clips: FeatureTable, kept: FeatureTable | None = None) -> None:
        """The typical spectrum: persons and their words weigh alike."""
        means, spoken = person_class_means(spectra(clips.features[None])[0], clips)
        self.typical.copy_(means[spoken].mean(0))

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """What is subtracted from each person's queries."""
        shots = enrollment.shape[1]
        offset = spectra(enrollment).mean(1) - self.typical
        return {"offset": shots / (self.config.source_clips + shots) * offset}

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query *input"]
    ) -> Float[Tensor, "person query label"]:
        """Of what is left of the queries."""
        return in_pieces(
            lambda own, clips: self._logits(own["offset"], clips), adaptation, query
        ).softmax(-1)

    def _logits(
        self, offset: Float[Tensor, "person band"], clips: Float[Tensor, "person clip *input"]
    ) -> Float[Tensor, "person clip label"]:
        over_clips = offset.view(len(clips), 1, -1, *(1 for _ in clips.shape[3:]))
        return self.encoder((clips - over_clips).flatten(0, 1)).unflatten(0, clips.shape[:2])


class TrainedMeanSubtraction(MeanSubtraction):
    """An encoder that was trained on such queries."""

    facts = MethodFacts(
        summary="Subtracts the clips' shrunk mean spectrum from the queries, and was trained so.",
        source="CMS",
        trained=True,
    )
    tried = tuple({"source_clips": clips} for clips in (1.0, 0.0, 3.0, 10.0))

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the step's queries without their persons' means."""
        means = mean_of_present(spectra(batch.enrollment), batch.present)
        shots = batch.present.sum(1, keepdim=True)
        offset = shots / (self.config.source_clips + shots) * (means - means.mean(0))
        logits = self._logits(offset, batch.query).flatten(0, 1)
        return supervised_loss(logits, batch.labels.flatten())


def spectra(clips: Float[Tensor, "person clip *input"]) -> Float[Tensor, "person clip band"]:
    """Each clip's mean over all axes but the first, the bands, or rows of an image."""
    return clips.reshape(*clips.shape[:3], -1).mean(-1)
