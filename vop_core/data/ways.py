"""Few-shot episodes: N classes of one group, K samples of each to learn from, others to ask about.

A group is what test classes are disjoint by (an alphabet) or what makes them alike (a writer). All
of an episode's classes are its group's; which of them is called first, second and so on is drawn
anew, so that nothing of a class can be known before the episode.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.data.features import FeatureTable
from vop_core.data.metadata import person_id
from vop_core.data.persons import PersonDataset
from vop_core.errors import DataError
from vop_core.text import counted


@dataclass(frozen=True)
class Ways:
    """The shape of an episode."""

    ways: int  # N
    shots: int  # K, of each class

    @property
    def title(self) -> str:
        """``5-way 1-shot``."""
        return f"{self.ways}-way {self.shots}-shot"


class WayDrawer:
    """Draws the rows of a table that make episodes: the groups are its persons, the classes its
    labels.

    Raises DataError where no group has classes with samples enough.
    """

    def __init__(self, table: FeatureTable, shape: Ways, queries: int) -> None:
        self.shape, self.queries = shape, queries
        needed = shape.shots + queries
        cells = _cells(table)
        self.groups = {
            group: able
            for group, classes in cells.items()
            if len(able := [rows for rows in classes if len(rows) >= needed]) >= shape.ways
        }
        if not self.groups:
            most = max(sum(len(rows) >= needed for rows in each) for each in cells.values())
            raise DataError(
                f"{shape.title} episodes need {shape.ways} classes of {counted(needed, 'sample')}, "
                f"{shape.shots} to learn from and {queries} to ask about, in one group; the most "
                f"that a group here has is {most}. Use fewer ways or shots, or add samples."
            )

    def draw(self, group: int, *, generator: torch.Generator) -> Int[Tensor, "way sample"]:
        """One episode of a group: rows of each class, the first K to learn from."""
        classes = self.groups[group]
        chosen = torch.randperm(len(classes), generator=generator)[: self.shape.ways]
        needed = self.shape.shots + self.queries
        return torch.stack(
            [
                classes[place][torch.randperm(len(classes[place]), generator=generator)[:needed]]
                for place in chosen.tolist()
            ]
        )


def by_alphabet(dataset: PersonDataset) -> PersonDataset:
    """Alphabets as persons, where every label is ``alphabet/character``; else the data set."""
    if not all("/" in label for label in dataset.labels):
        return dataset
    records = tuple(
        replace(each, person=person_id(dataset.name, each.label.partition("/")[0]))
        for each in dataset.records
    )
    return PersonDataset(dataset.name, dataset.root, records)


def _cells(table: FeatureTable) -> dict[int, list[Int[Tensor, " _"]]]:
    """Group -> the rows of each of its classes."""
    cell = table.person * len(table.labels) + table.label
    order = torch.argsort(cell, stable=True)
    names, counts = torch.unique_consecutive(cell[order], return_counts=True)
    found: dict[int, list[Tensor]] = {}
    for name, rows in zip(names.tolist(), order.split(counts.tolist()), strict=True):
        found.setdefault(name // len(table.labels), []).append(rows)
    return found


def way_table(
    table: FeatureTable,
    shape: Ways,
    *,
    queries: int,
    episodes: int,
    generator: torch.Generator,
) -> FeatureTable:
    """So many episodes, the groups in turn, as a table of their own: an episode is a person named
    ``group/number``, a class a label ``1`` to ``N``; takes below K are to learn from.

    Raises DataError as :class:`WayDrawer`.
    """
    drawer = WayDrawer(table, shape, queries)
    groups = sorted(drawer.groups, key=lambda group: table.persons[group])
    drawn = [groups[number % len(groups)] for number in range(episodes)]
    rows = torch.stack([drawer.draw(group, generator=generator) for group in drawn])
    number, way, take = torch.meshgrid(*map(torch.arange, rows.shape), indexing="ij")
    return FeatureTable(
        variants={"original": table.features[rows.flatten()]},
        person=number.flatten(),
        label=way.flatten(),
        take=take.flatten(),
        persons=tuple(f"{table.persons[group]}/{n:04d}" for n, group in enumerate(drawn)),
        labels=tuple(str(way + 1) for way in range(shape.ways)),
    )


@dataclass(frozen=True)
class QuarterTurns:
    """Every class turned by no, one, two or three right angles: four times as many classes."""

    def __call__(
        self,
        variants: Mapping[str, Float[Tensor, "entry row column"]],  # name -> the table's samples
        rows: Int[Tensor, "person clip"],
        *,
        generator: torch.Generator,
    ) -> Float[Tensor, "person clip row column"]:
        """One turn for each row of samples."""
        turns = torch.randint(4, (len(rows),), generator=generator)
        seen = variants["original"][rows]
        for quarter in (1, 2, 3):
            turned = turns == quarter
            seen[turned] = seen[turned].rot90(quarter, (2, 3))
        return seen


@dataclass(frozen=True)
class AsTheyAre:
    """No augmentation: every sample as it stands in the table."""

    def __call__(
        self,
        variants: Mapping[str, Tensor],  # name -> (entry, *input)
        rows: Int[Tensor, "person clip"],
        *,
        generator: torch.Generator,
    ) -> Float[Tensor, "person clip *input"]:
        """The samples of these rows."""
        return variants["original"][rows]


def with_quarter_turns(table: FeatureTable) -> FeatureTable:
    """Each class by itself, and turned by one, two and three right angles as classes of their
    own.
    """
    turned = [table.features.rot90(quarter, (1, 2)) for quarter in range(4)]
    classes = len(table.labels)
    return replace(
        table,
        variants={"original": torch.cat(turned)},
        person=table.person.repeat(4),
        label=torch.cat([table.label + quarter * classes for quarter in range(4)]),
        take=table.take.repeat(4),
        labels=tuple(
            f"{label}, turned {quarter}" for quarter in range(4) for label in table.labels
        ),
        call=None,
    )
