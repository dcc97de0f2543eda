"""What every way to adapt on the server shares: how it trains on a further task, which model a user
then gets, and what is sent for it.

A method is one file. In training it may charge something for forgetting (``penalty``), from what it
kept of the tasks before (``remember``); asked for a user's model, it gives weights
(``weights``). Methods that only merge what another training left say whose (``trained_as``).
"""

from abc import ABC
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.continual.importance import (
    Weights,
    fim,
    in_batches,
    mas,
    parameters_of,
    state_of,
)
from vop_core.continual.merging import HEAD
from vop_core.continual.sequence import TaskSequence, Users
from vop_core.data.features import FeatureTable
from vop_core.nets.encoder import Encoder

NUMBER_BYTES = 4  # float32


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """What must be known of a method before its figures mean anything."""

    summary: str
    source: str  # its tag in CITATION.cff
    # in whose training it shares, by name in the registry; None: it has one of its own
    trained_as: str | None = None
    personal: bool = False  # every user gets a model of their own
    labels: bool = False  # reads what the user's samples show
    sequential: bool = True  # sees the tasks one after the other
    each_task: bool = False  # sends a model of each task, in place of one for all


@dataclass(frozen=True)
class Traffic:
    """What travels for one user, and what the server keeps of one, in bytes."""

    down: int
    up: int
    kept: int


@dataclass(eq=False)
class Experts:
    """What a training left after each task, and how much its weights matter to whom."""

    encoder: Encoder  # any weights; in evaluation mode
    sequence: TaskSequence
    states: list[Weights]
    seed: int = 0
    _made: dict[tuple[Hashable, ...], Weights] = field(default_factory=dict)

    def once(self, key: tuple[Hashable, ...], make: Callable[[], Weights]) -> Weights:
        """What several methods need, made for the first of them."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def parameters(self, task: int) -> Weights:
        """Of the model after a task."""
        return parameters_of(self.encoder, self.states[task])

    def buffers(self, task: int) -> Weights:
        """What else it has: running statistics."""
        own = {name for name, _ in self.encoder.named_parameters()}
        return {name: value for name, value in self.states[task].items() if name not in own}

    def server_importance(self, kind: str, task: int) -> Weights:
        """From the server's samples of the task, (1, \\*shape)."""

        def make() -> Weights:
            part = self.sequence.of_task(self.sequence.server, task)
            batches = server_batches(part, self.sequence, task, seed=self.seed)
            found = self.importance(kind, task, *batches)
            return {name: value.mean(0, keepdim=True) for name, value in found.items()}

        return self.once(("server", kind, task), make)

    def user_importance(self, kind: str, task: int) -> Weights:
        """From each user's own samples of the task, (user, \\*shape); the server's where a user has
        none.
        """

        def make() -> Weights:
            count = len(self.sequence.users)
            whole = {
                name: value.repeat(count, *(1,) * (value.ndim - 1))
                for name, value in self.server_importance(kind, task).items()
            }
            for users in self.sequence.batches(task):
                found = self.importance(kind, task, users.own, users.own_label)
                for name, value in found.items():
                    whole[name][users.users] = value
            return whole

        return self.once(("users", kind, task), make)

    def importance(self, kind: str, task: int, samples: Tensor, known: Tensor) -> Weights:
        """Of the model after a task on any samples, read by its own head, (user, \\*shape)."""
        asked = self.encoder, self.states[task], self.sequence.tasks[task], samples
        if kind == "mas":
            return mas(*asked)
        if kind == "fim":
            return fim(*asked, generator=torch.Generator().manual_seed(self.seed))
        return fim(*asked, known)


class ServerMethod(ABC):
    """How the server learns task after task, and what it gives a user."""

    name: ClassVar[str]
    facts: ClassVar[ServerFacts]

    # --- training ---------------------------------------------------------------------------------

    def remember(
        self,
        encoder: Encoder,
        part: FeatureTable,
        sequence: TaskSequence,
        task: int,
        memory: Mapping[str, Any],
    ) -> dict[str, Any]:
        """What is kept of a task that was learned, beside what was kept before."""
        return {}

    def penalty(
        self,
        encoder: Encoder,
        clips: Float[Tensor, " clip *input"],
        logits: Float[Tensor, "clip label"],
        memory: Mapping[str, Any],
    ) -> Tensor | float:
        """What a step on a further task is charged beside its cross-entropy."""
        return 0.0

    # --- asking -----------------------------------------------------------------------------------

    def weights(
        self, experts: Experts, stage: int, task: int, users: Users, *, wrong: bool = False
    ) -> Weights:
        """Parameters and buffers for these users and a task, after ``stage``, counted from 0:
        (user, \\*shape), or (1, \\*shape) where they are everybody's. With ``wrong`` they are made
        of the next user's samples.

        Raises EvaluationError as :func:`vop_core.continual.merging.mode_merged`.
        """
        return {name: value[None] for name, value in experts.states[stage].items()}

    def traffic(self, encoder: Encoder, tasks: int) -> Traffic:
        """What is sent to a user's device for a model of all tasks, what comes back, and what the
        server keeps of this user alone.
        """
        size = NUMBER_BYTES * sum(value.numel() for value in encoder.parameters())
        sent = tasks * size if self.facts.each_task else size
        if not self.facts.personal:
            return Traffic(down=sent, up=0, kept=0)
        # the tasks' models go down, and what matters in each comes back
        return Traffic(down=sent + tasks * size, up=tasks * size, kept=size)


class AnchoredMethod(ServerMethod):
    """Methods that hold what mattered to the tasks before: the importance-weighted squared distance
    from where the last of them ended, ``strength`` times; heads are free.
    """

    strength: ClassVar[float]

    def importance(
        self, encoder: Encoder, labels: tuple[int, ...], samples: Tensor, known: Tensor
    ) -> Weights:
        """Of a task that was learned, from its samples in batches, (batch, \\*shape)."""
        raise NotImplementedError

    def remember(
        self,
        encoder: Encoder,
        part: FeatureTable,
        sequence: TaskSequence,
        task: int,
        memory: Mapping[str, Any],
    ) -> dict[str, Any]:
        """What mattered so far, and where the task ended."""
        batches = server_batches(part, sequence, task, seed=task)
        found = self.importance(encoder, sequence.tasks[task], *batches)
        before = memory.get("importance", {})
        together = {name: value.mean(0) + before.get(name, 0) for name, value in found.items()}
        return {"start": state_of(encoder), "importance": together}

    def penalty(
        self,
        encoder: Encoder,
        clips: Float[Tensor, " clip *input"],
        logits: Float[Tensor, "clip label"],
        memory: Mapping[str, Any],
    ) -> Tensor | float:
        """The distance from there."""
        if not memory:
            return 0.0
        return self.strength * sum(
            (memory["importance"][name] * (value - memory["start"][name]).square()).sum()
            for name, value in encoder.named_parameters()
            if name not in HEAD
        )


def server_batches(
    part: FeatureTable, sequence: TaskSequence, task: int, *, seed: int
) -> tuple[Float[Tensor, "batch sample *input"], Int[Tensor, "batch sample"]]:
    """A task's samples on the server as :func:`in_batches` has them, mixed: they lie person by
    person.
    """
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(seed))
    return in_batches(part.features[order], sequence.within(task, part.label[order]))
