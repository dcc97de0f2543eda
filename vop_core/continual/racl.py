"""Remote adaptive continual learning: the tasks' models merged for one user, by what matters on
that user's own samples, which stay on the device [DUA].
"""

from typing import ClassVar

import torch

from vop_core.continual.base import Experts, ServerFacts, ServerMethod
from vop_core.continual.importance import Weights
from vop_core.continual.merging import mode_merged
from vop_core.continual.sequence import Users


class Racl(ServerMethod):
    """Number by number; the user sends as many importance weights as the models have weights."""

    kind: ClassVar[str]

    def weights(
        self, experts: Experts, stage: int, task: int, users: Users, *, wrong: bool = False
    ) -> Weights:
        """Each user's; running statistics stay those of the last task's model."""
        counts = []
        for each in range(stage + 1):
            whole = experts.user_importance(self.kind, each)
            rows = users.users
            if wrong:
                able = torch.tensor(experts.sequence.able(task))
                rows = able.roll(-1)[torch.searchsorted(able, rows)]
            counts.append({name: value[rows] for name, value in whole.items()})
        models = [experts.parameters(each) for each in range(stage + 1)]
        last = {name: value[None] for name, value in experts.buffers(stage).items()}
        return mode_merged(models, counts, experts.sequence.tasks[: stage + 1]) | last


class MasRacl(Racl):
    """By memory aware synapses."""

    name, kind = "mas-racl", "mas"
    facts = ServerFacts(
        summary="Merges the tasks' models by what their answers hang on with this user's samples.",
        source="DUA",
        trained_as="task-experts",
        personal=True,
    )


class FimRacl(Racl):
    """By the Fisher information at answers drawn from the model, which reads no label."""

    name, kind = "fim-racl", "fim"
    facts = ServerFacts(
        summary="Merges the tasks' models by their Fisher information on this user's samples.",
        source="DUA",
        trained_as="task-experts",
        personal=True,
    )


class LabeledFimRacl(Racl):
    """By the Fisher information at what the user's samples are."""

    name, kind = "fim-labels-racl", "fim-labels"
    facts = ServerFacts(
        summary="Merges the tasks' models by their Fisher information on this user's labels.",
        source="DUA",
        trained_as="task-experts",
        personal=True,
        labels=True,
    )
