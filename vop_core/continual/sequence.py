"""A sequence of tasks, and the users who will ask about them.

A task tells some of the labels apart. The server has training persons' samples of all of them, one
task after the other; a user has samples to adapt with, and others to be asked about.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vop_core.data.features import FeatureTable
from vop_core.errors import DataError


@dataclass(frozen=True)
class Users:
    """Some users with equally many samples of a task to adapt with, and what they are asked."""

    number: tuple[int, bool]  # of the batch in its task; whether the samples are others'
    users: Int[Tensor, " user"]
    own: Float[Tensor, "user sample *input"]
    own_label: Int[Tensor, "user sample"]  # the places of their labels within the task
    asked: Float[Tensor, "user query *input"]
    asked_label: Int[Tensor, "user query"]
    present: Bool[Tensor, "user query"]  # which of the queries count

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True)
class TaskSequence:
    """Which labels each task tells apart, the server's samples and the users'."""

    name: str
    recordings: str  # fingerprint of the data sets behind it
    tasks: tuple[tuple[int, ...], ...]
    server: FeatureTable
    own: FeatureTable  # of the users, to adapt with
    asked: FeatureTable  # of the same users, to be asked about

    def __post_init__(self) -> None:
        for number, labels in enumerate(self.tasks, start=1):
            names = ", ".join(f"'{self.server.labels[label]}'" for label in labels)
            if len(labels) < 2:
                raise DataError(
                    f"Task {number} has one class, {names}, and nothing to tell it from; give it a "
                    "second one."
                )
            if not all((self.server.label == label).any() for label in labels):
                raise DataError(
                    f"The server has no sample of some class of task {number} ({names}); add "
                    "samples, or leave the class out."
                )
        every = [label for labels in self.tasks for label in labels]
        if len(set(every)) < len(every):
            raise DataError("A class stands in two tasks; leave it out of one of them.")
        if self.own.persons != self.asked.persons:
            raise DataError("Those who adapt and those who are asked must be the same users.")

    @property
    def users(self) -> tuple[str, ...]:
        """Their names."""
        return self.own.persons

    def title(self, task: int) -> str:
        """What a task tells apart."""
        return " or ".join(self.server.labels[label] for label in self.tasks[task])

    def of_task(self, table: FeatureTable, task: int) -> FeatureTable:
        """A table's samples of one task; labels keep their indices."""
        return table.select(torch.isin(table.label, torch.tensor(self.tasks[task])))

    def within(self, task: int, label: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Places of labels within a task."""
        places = torch.zeros(len(self.server.labels), dtype=torch.long)
        places[list(self.tasks[task])] = torch.arange(len(self.tasks[task]))
        return places[label]

    def able(self, task: int) -> list[int]:
        """The users with samples of a task to adapt with and to be asked about."""
        owns = set(self.of_task(self.own, task).person.tolist())
        return sorted(owns & set(self.of_task(self.asked, task).person.tolist()))

    @property
    def remarks(self) -> tuple[str, ...]:
        """Who is not asked about which task, in sentences."""
        found = []
        for task in range(len(self.tasks)):
            if missing := len(self.users) - len(self.able(task)):
                found.append(
                    f"{missing} user(s) of {self.name} have no samples of task {task + 1} "
                    f"({self.title(task)}) to adapt with and to be asked about; they are left out "
                    "of it."
                )
        return tuple(found)

    def batches(self, task: int, *, wrong: bool = False) -> Iterator[Users]:
        """The users of a task, those together who have equally many samples of their own.

        With ``wrong`` everybody adapts with the samples of the next user, the control. Raises
        DataError where nobody, or for the control nobody else, has samples of the task.
        """
        users = self.able(task)
        if len(users) < 1 + wrong:
            who = "Nobody else" if users else "No user"
            raise DataError(
                f"{who} has samples of task {task + 1} ({self.title(task)}) to adapt with and to "
                "be asked about; add some, or leave the task out."
            )
        own, asked = self.of_task(self.own, task), self.of_task(self.asked, task)
        lent = dict(zip(users, users[1:] + users[:1], strict=True)) if wrong else {}
        rows = {user: (own.person == lent.get(user, user)).nonzero().squeeze(1) for user in users}
        for place, count in enumerate(sorted({len(each) for each in rows.values()})):
            group = [user for user in users if len(rows[user]) == count]
            mine = torch.stack([rows[user] for user in group])
            theirs = [(asked.person == user).nonzero().squeeze(1) for user in group]
            most = max(map(len, theirs))
            order = torch.arange(most)
            filled = torch.stack([each[order % len(each)] for each in theirs])
            yield Users(
                number=(place, wrong),
                users=torch.tensor(group),
                own=own.features[mine],
                own_label=self.within(task, own.label[mine]),
                asked=asked.features[filled],
                asked_label=self.within(task, asked.label[filled]),
                present=torch.stack([order < len(each) for each in theirs]),
            )


def divided(
    table: FeatureTable, tasks: Sequence[Sequence[int]], *, generator: torch.Generator
) -> tuple[FeatureTable, FeatureTable]:
    """Half of everybody's samples of each task to adapt with, drawn at random, the others to be
    asked about; where their number is odd, one more of these.
    """
    chosen = torch.zeros(len(table), dtype=torch.bool)
    for labels in tasks:
        of_task = torch.isin(table.label, torch.tensor(list(labels)))
        for person in range(len(table.persons)):
            rows = (of_task & (table.person == person)).nonzero().squeeze(1)
            order = torch.randperm(len(rows), generator=generator)
            chosen[rows[order[: len(rows) // 2]]] = True
    every = torch.isin(table.label, torch.tensor([label for each in tasks for label in each]))
    return table.select(chosen), table.select(every & ~chosen)


def only_original(table: FeatureTable, variant: str = "original") -> FeatureTable:
    """The samples in one variant, as the only one."""
    return replace(table, variants={"original": table.variants[variant]})
