r"""Adaptive risk minimisation with a contextual meta-learner, ARM-CML [ARM].

A small convolutional network turns each unlabeled enrollment clip into a few maps of the input's
size; their mean c over the person's clips is the context, and the encoder sees it beside every
query: p(y | [x, c]). Both networks are trained together on queries whose context comes from other
clips of the same person.

Reconstruction: the context network's depth and width are ours, as small as the encoder.
Departs: the encoder starts from the trained global one, its new input channels with zero weights,
    so that training starts at the global model's answers; the published one is trained from
    scratch.
Departs: those new channels are the encoder's first layer, and learn at the encoder's rate.
Departs: at test the published context is the mean over the very batch that is classified; here it
    comes from the enrollment clips only, in training as at test.
Departs: our inputs are log-mels of one second, focused on the speech, so that a mean over clips
    keeps a coarse order in time; the published ones are images.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vop_core.methods.base import (
    SLOW,
    MethodFacts,
    PersonalizationMethod,
    TrainedConfig,
    every_clip,
    fast_and_slow,
    supervised_loss,
)
from vop_core.methods.personal import Adaptation
from vop_core.nets.batched import CLIPS_AT_ONCE
from vop_core.nets.encoder import Encoder
from vop_core.settings import at_least
from vop_core.training.batches import EpisodeBatch


@dataclass(frozen=True, kw_only=True)
class ArmConfig(TrainedConfig):
    """The context's size, and the width of the network that makes it."""

    channels: int = at_least(1, 4)  # maps of the context
    hidden: int = at_least(1, 8)


class Arm(PersonalizationMethod):
    """An encoder that is shown the mean of what a context network makes of the person's clips."""

    config_type = ArmConfig
    tried = (*fast_and_slow({}, {"channels": 1}), {"rate": SLOW**2})
    facts = MethodFacts(
        summary="Shows the encoder, beside every query, the mean of a context network's maps of "
        "the clips.",
        source="ARM",
        trained=True,
    )

    def __init__(self, encoder: Encoder, config: ArmConfig | None = None) -> None:
        config = self.choices()[0] if config is None else config
        super().__init__(encoder.with_context(config.channels), config)
        if len(encoder.input_shape) != 2:
            raise ValueError(
                f"the context network reads inputs of two axes, not of {len(encoder.input_shape)}"
            )
        self.context_network = nn.Sequential(
            nn.Conv2d(1, config.hidden, 5, padding=2, bias=False),
            nn.BatchNorm2d(config.hidden),
            nn.ReLU(),
            nn.Conv2d(config.hidden, config.hidden, 5, padding=2, bias=False),
            nn.BatchNorm2d(config.hidden),
            nn.ReLU(),
            nn.Conv2d(config.hidden, config.channels, 5, padding=2),
        )

    def contexts(
        self, enrollment: Float[Tensor, "person shot *input"], present: Bool[Tensor, "person shot"]
    ) -> Float[Tensor, "person channel *input"]:
        """Mean of each person's maps over the clips that count; zero where none does."""
        clips = enrollment[present][:, None]
        maps = torch.cat([self.context_network(part) for part in clips.split(CLIPS_AT_ONCE)])
        owner = torch.arange(len(present), device=present.device)[:, None].expand_as(present)[
            present
        ]
        total = maps.new_zeros(len(present), *maps.shape[1:]).index_add(0, owner, maps)
        return total / present.sum(1).clamp_min(1)[:, None, None, None]

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the step's queries beside their persons' contexts."""
        contexts = self.contexts(batch.enrollment, batch.present)
        beside = contexts.repeat_interleave(batch.query.shape[1], dim=0)
        logits = self.encoder(batch.query.flatten(0, 1), context=beside)
        return supervised_loss(logits, batch.labels.flatten())

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Each person's context."""
        return {"context": self.contexts(enrollment, every_clip(enrollment))}

    def features(
        self, adaptation: Adaptation, clips: Float[Tensor, "person clip *input"]
    ) -> Float[Tensor, "person clip feature"]:
        """Each clip beside its person's context."""
        persons, count = clips.shape[:2]
        owner = torch.arange(persons, device=clips.device).repeat_interleave(count)
        pieces = zip(
            clips.flatten(0, 1).split(CLIPS_AT_ONCE), owner.split(CLIPS_AT_ONCE), strict=True
        )
        found = [
            self.encoder.embed(part, context=adaptation["context"][whose]) for part, whose in pieces
        ]
        return torch.cat(found).unflatten(0, (persons, count))

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query *input"]
    ) -> Float[Tensor, "person query label"]:
        """The classifier on the queries' features."""
        features = self.features(adaptation, query)
        return (
            self.encoder.classifier(features.flatten(0, 1))
            .softmax(-1)
            .unflatten(0, query.shape[:2])
        )
