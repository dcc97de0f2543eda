"""Incremental moment matching: the tasks' models merged into one for everybody [IMM]."""

from typing import ClassVar

from vop_core.continual.base import Experts, ServerFacts, ServerMethod
from vop_core.continual.importance import Weights
from vop_core.continual.merging import mean_merged, mode_merged
from vop_core.continual.sequence import Users


class MeanImm(ServerMethod):
    """Their mean."""

    name = "mean-imm"
    facts = ServerFacts(
        summary="Merges the tasks' models by their mean.",
        source="IMM",
        trained_as="task-experts",
    )

    def weights(
        self, experts: Experts, stage: int, task: int, users: Users, *, wrong: bool = False
    ) -> Weights:
        """Everybody's; running statistics stay those of the last task's model [DUA]."""
        heads = experts.sequence.tasks[: stage + 1]
        models = [experts.parameters(each) for each in range(stage + 1)]
        last = {name: value[None] for name, value in experts.buffers(stage).items()}
        return mean_merged(models, heads) | last


class Imm(ServerMethod):
    """Number by number, by what matters on the server's samples."""

    kind: ClassVar[str]

    def weights(
        self, experts: Experts, stage: int, task: int, users: Users, *, wrong: bool = False
    ) -> Weights:
        """Everybody's; running statistics stay those of the last task's model [DUA]."""
        tasks = range(stage + 1)
        counts = [experts.server_importance(self.kind, each) for each in tasks]
        models = [experts.parameters(each) for each in tasks]
        last = {name: value[None] for name, value in experts.buffers(stage).items()}
        return mode_merged(models, counts, experts.sequence.tasks[: stage + 1]) | last


class MasImm(Imm):
    """By memory aware synapses."""

    name, kind = "mas-imm", "mas"
    facts = ServerFacts(
        summary="Merges the tasks' models by what their answers hang on, the same for everybody.",
        source="DUA",
        trained_as="task-experts",
    )


class FimImm(Imm):
    """By the Fisher information at answers drawn from the model."""

    name, kind = "fim-imm", "fim"
    facts = ServerFacts(
        summary="Merges the tasks' models by their Fisher information, the same for everybody.",
        source="DUA",
        trained_as="task-experts",
    )


class LabeledFimImm(Imm):
    """By the Fisher information at the true labels."""

    name, kind = "fim-labels-imm", "fim-labels"
    facts = ServerFacts(
        summary="Merges the tasks' models by their Fisher information at the true labels.",
        source="IMM",
        trained_as="task-experts",
    )
