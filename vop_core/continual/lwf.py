"""Learning without forgetting: on a new task's samples, the old heads go on saying what they said
[LWF].

    loss = cross-entropy + LAMBDA sum_s - sum_k p_k ln q_k

over the heads s of earlier tasks; p and q are what the model before this task and the present one
say, softened by ``TEMPERATURE``.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.continual.base import ServerFacts, ServerMethod
from vop_core.continual.sequence import TaskSequence
from vop_core.data.features import FeatureTable
from vop_core.nets.encoder import Encoder

LAMBDA, TEMPERATURE = 1.0, 2.0  # of the released code


class Lwf(ServerMethod):
    """One model, taught by the one before."""

    name = "lwf"
    facts = ServerFacts(
        summary="Distils the model before each task, by the new task's samples.", source="LWF"
    )

    def remember(
        self,
        encoder: Encoder,
        part: FeatureTable,
        sequence: TaskSequence,
        task: int,
        memory: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The model, and which heads it has."""
        teacher = copy.deepcopy(encoder).eval().requires_grad_(False)
        return {"teacher": teacher, "heads": sequence.tasks[: task + 1]}

    def penalty(
        self, encoder: Encoder, clips: Tensor, logits: Tensor, memory: Mapping[str, Any]
    ) -> Tensor | float:
        """What the old heads say otherwise than they did."""
        if not memory:
            return 0.0
        with torch.no_grad():
            before = memory["teacher"](clips)
        apart = (
            distillation(logits[:, list(head)], before[:, list(head)], TEMPERATURE)
            for head in memory["heads"]
        )
        return LAMBDA * sum(apart)


def distillation(
    logits: Float[Tensor, "clip label"], taught: Float[Tensor, "clip label"], temperature: float
) -> Float[Tensor, ""]:
    """Cross-entropy of the teacher's softened answer, in nats a clip."""
    target = (taught / temperature).softmax(-1)
    return -(target * (logits / temperature).log_softmax(-1)).sum(-1).mean()
