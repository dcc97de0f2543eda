"""What a user's own device makes of the model it was sent, from the user's samples of a task."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.continual.base import Experts
from vop_core.continual.importance import Weights
from vop_core.continual.sequence import Users
from vop_core.data.features import FeatureTable
from vop_core.nets.batched import CLIPS_AT_ONCE, run_personal
from vop_core.nets.encoder import Encoder


@dataclass(frozen=True, kw_only=True)
class LocalFacts:
    """What must be known of an adaptation before its figures mean anything."""

    summary: str
    source: str  # its tag in CITATION.cff
    labels: bool = False  # reads what the user's samples show
    gradients: bool = False  # takes gradient steps on the device
    personal: bool = True  # reads the user's samples at all


class LocalAdaptation:
    """One way to adapt on the device: weights in, weights out."""

    name: ClassVar[str]
    facts: ClassVar[LocalFacts]

    def offered(self, encoder: Encoder) -> bool:
        """Whether the encoder has what this moves."""
        return bool(encoder.normalisations)

    def prepare(self, encoder: Encoder, server: FeatureTable) -> None:
        """Take from the model that was sent, or the mean of those, and training persons' samples of
        the task what travels with it.
        """

    def adapt(self, experts: Experts, weights: Weights, task: int, users: Users) -> Weights:
        """Parameters and buffers, (user or 1, \\*shape), as these users' samples of the task make
        them; as they are unless a way knows better.
        """
        return weights


class AsSent(LocalAdaptation):
    """Nothing."""

    name = "as sent"
    facts = LocalFacts(summary="Asks the model as it was sent.", source="DUA", personal=False)

    def offered(self, encoder: Encoder) -> bool:
        """Always."""
        return True


def held_by(encoder: Encoder, weights: Weights) -> tuple[Encoder, Weights]:
    """A copy of the encoder with what all users share, and what each has instead."""
    shared = {name: value[0] for name, value in weights.items() if len(value) == 1}
    held = copy.deepcopy(encoder)
    held.load_state_dict(held.state_dict() | shared)
    return held.eval(), {name: value for name, value in weights.items() if name not in shared}


@torch.no_grad()
def answers(
    encoder: Encoder, weights: Weights, users: Users, labels: Sequence[int]
) -> Float[Tensor, "user query label"]:
    """Logits of the task's head for each user's queries."""
    held, own = held_by(encoder, weights)
    if own:
        return run_personal(held, own, users.asked)[..., list(labels)]
    logits = [held(clips) for clips in users.asked.flatten(0, 1).split(CLIPS_AT_ONCE)]
    return torch.cat(logits)[:, list(labels)].unflatten(0, users.asked.shape[:2])
