"""Each task's model is kept near the one before, so that they can be merged: L2-transfer [IMM].

    loss = cross-entropy + LAMBDA ||theta - theta_{t-1}||^2

Departs: the released code charges nothing on the second task, because the first one's model, which
is plainly trained, has importance 0 [DUA].
"""

from collections.abc import Mapping
from typing import Any

import torch

from vop_core.continual.base import AnchoredMethod, Experts, ServerFacts
from vop_core.continual.importance import Weights, state_of
from vop_core.continual.sequence import TaskSequence, Users
from vop_core.data.features import FeatureTable
from vop_core.nets.encoder import Encoder

LAMBDA = 0.1  # chosen on other users: docs/diary.md


class TaskExperts(AnchoredMethod):
    """Every task keeps a model of its own: what merging would reach if it lost nothing."""

    name = "task-experts"
    facts = ServerFacts(
        summary="Keeps a model for each task and merges nothing.", source="IMM", each_task=True
    )
    strength = LAMBDA

    def remember(
        self,
        encoder: Encoder,
        part: FeatureTable,
        sequence: TaskSequence,
        task: int,
        memory: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Where the last task ended; every weight matters alike."""
        even = {name: torch.ones_like(value) for name, value in encoder.named_parameters()}
        return {"start": state_of(encoder), "importance": even}

    def weights(
        self, experts: Experts, stage: int, task: int, users: Users, *, wrong: bool = False
    ) -> Weights:
        """The task's own model."""
        return {name: value[None] for name, value in experts.states[task].items()}
