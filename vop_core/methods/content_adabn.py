r"""AdaBN without the words: statistics less what the clips' words are expected to add [ADABN].

Most of what one clip's statistics differ by from the next is the word that is said. ``prepare``
collects under the global weights, layer by layer, how far a clip of label l lies from the mean over
labels, o_l, in its mean and in its variance. At enrollment a first pass gives the model's own soft
predictions, and in the second, which is that of :mod:`vop_core.methods.adabn`, the mean and
variance of each clip i in a layer lose

    sum_l p(l | x_i) o_l

before a person's clips are put together and mixed with the global statistics by n / (N_0 + n). The
clips stay unlabeled. Where the model says every label alike, nothing is taken and this is AdaBN.

Reconstruction: ours, no paper's. Offsets are those of the network before it is a person's.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vop_core.data.features import FeatureTable
from vop_core.methods.adabn import AdaBn, AdaBnConfig, clip_statistics, own_statistics
from vop_core.methods.base import MethodFacts
from vop_core.methods.personal import Adaptation
from vop_core.methods.prototypes import person_class_means
from vop_core.modes import visited
from vop_core.nets.batched import CLIPS_AT_ONCE, run_personal
from vop_core.nets.encoder import Encoder


class ContentAdaBn(AdaBn):
    """The global weights under statistics from which the predicted words were taken."""

    facts = MethodFacts(
        summary="AdaBN whose statistics first lose what the predicted words are expected to add.",
        source="ADABN",
        foldable=True,
    )
    tried = tuple({"source_clips": clips} for clips in (10.0, 0.0, 1.0, 3.0, 30.0, 100.0))

    def __init__(self, encoder: Encoder, config: AdaBnConfig | None = None) -> None:
        super().__init__(encoder, config)
        labels = encoder.classifier.out_features
        self.register_buffer("offsets", torch.zeros(labels, sum(self._sizes)))

    @property
    def _sizes(self) -> list[int]:
        """Numbers of each normalisation: the channels' means, then their variances."""
        return [2 * norm.num_features for norm in self.encoder.normalisations.values()]

    @torch.no_grad()
    def prepare(self, clips: FeatureTable, kept: FeatureTable | None = None) -> None:
        """How far each label's statistics lie from the mean over labels; persons weigh alike."""
        pieces = clips.features.split(CLIPS_AT_ONCE)
        means, spoken = person_class_means(torch.cat([*map(self._statistics, pieces)]), clips)
        of_label = means.sum(0) / spoken.sum(0).clamp_min(1)[:, None]
        said = spoken.any(0)
        self.offsets.copy_(torch.where(said[:, None], of_label - of_label[said].mean(0), 0.0))

    def _statistics(self, clips: Float[Tensor, " clip *input"]) -> Float[Tensor, "clip number"]:
        """Each clip's in every normalisation, one after the other, under the global weights."""
        found: list[Tensor] = []

        def keep(norm: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            found.append(clip_statistics(inputs[0]))

        with visited(dict.fromkeys(self.encoder.normalisations.values(), keep)):
            self.encoder.embed(clips)
        return torch.cat(found, dim=1)

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Statistics by buffer name."""
        with torch.no_grad():
            predicted = run_personal(self.encoder, {}, enrollment).softmax(-1)
        return own_statistics(
            self.encoder, enrollment, self.config.source_clips, self.expected(predicted)
        )

    def expected(
        self, predicted: Float[Tensor, "person shot label"]
    ) -> dict[str, Float[Tensor, "person shot number"]]:
        """What clips' words add to the statistics of each normalisation, by its name."""
        parts = (predicted @ self.offsets).split(self._sizes, dim=-1)
        return dict(zip(self.encoder.normalisations, parts, strict=True))
