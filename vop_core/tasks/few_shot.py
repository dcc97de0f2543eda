"""Few-shot classification: which of N classes, met a moment ago in K samples each.

Omniglot's alphabets [OMNIGLOT] are disjoint between training and test; an episode's classes are
characters of one alphabet. UNIPEN's letters [UNIPEN] are by writer: classes and samples of an
episode are one writer's, and tested writers are trained on nowhere. Labels are ``1`` to
``N``, given anew in every episode; intervals are over alphabets, or writers.

Departs: the standard benchmark draws characters of all alphabets, from 50 of them; an episode here
stays within one, of six. No published figure compares. Who has the whole set runs that benchmark:
:mod:`vop_core.tasks.standard_few_shot`.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

import torch

from vop_core.data.features import FeatureTable
from vop_core.data.persons import Fold, PersonDataset
from vop_core.data.voices import BundledPerson
from vop_core.data.ways import QuarterTurns, WayDrawer, Ways, by_alphabet, way_table
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.score import Scoring
from vop_core.tasks.base import BRANCH, SHARED, Progress, TaskData
from vop_core.tasks.handwriting import DIGITS, UNIPEN, Handwriting
from vop_core.training.config import TrainConfig
from vop_core.types import PICTURE_SIDE, Episode

OMNIGLOT = "omniglot_small"
EPISODES = 200  # of a fold
EPISODE_SEED = 0
QUERIES = 5  # of each class, in a test on alphabets
SPARED = 1  # what a writer has beside five shots


class FewShot(Handwriting):
    """Handwriting in episodes of one shape."""

    kind = "few-shot classification"
    name = "few-shot"
    title = "Few-shot classification"
    encoder: ClassVar[Mapping[str, Any]] = {"name": "conv4", "config": {"side": PICTURE_SIDE}}
    augmentation = QuarterTurns()
    taught = True
    baseline = "prototypical"
    episode_count: ClassVar[int] = EPISODES
    limits = "No model in the box: a few-shot classifier is made anew in every episode."

    def __init__(
        self,
        ways: Ways,
        sets: tuple[str, ...],
        *,
        queries: int,
        persons_per_step: int,
        asked: Ways | None = None,
        spared: int | None = None,
    ) -> None:
        self.ways, self.sets, self.asked = ways, sets, asked or ways
        # of each class, asked about in an episode of training, and in one of a test
        self.queries, self.spared = queries, spared or queries
        step = {
            "persons_per_step": persons_per_step,
            "queries_per_person": min(max(15, ways.ways), queries * ways.ways),
            "learning_rate": 2e-3,
        }
        self.shared: TrainConfig = replace(SHARED, steps=600, **step)
        self.branch: TrainConfig = replace(BRANCH, steps=400, **step)

    @property
    def scoring(self) -> Scoring:
        """Every episode once, with all controls that labels allow."""
        return self.scoring_of((self.asked.shots,))

    def scoring_of(self, shots: Sequence[int], seed: int = EPISODE_SEED) -> Scoring:
        """The same with so many samples of each class; the last is the main number."""
        samples = [self.asked.ways * count for count in shots]
        settings = {"draw_shots": (), "repetitions": 1, "wrong_persons": 1, "closed": False}
        found = Scoring.everywhere(samples, seed=seed)
        return replace(found, main_shots=samples[-1], **settings)

    def named(self, dataset: str) -> str:
        """A data set in episodes of this shape, as results name it."""
        return f"{dataset} {self.ways.title}"

    def dataset(self, name: str) -> PersonDataset:
        """Characters of alphabets, where a data set has some, else letters of writers: persons are
        what episodes are drawn within. Raises DataError where it is not there.
        """
        found = by_alphabet(super().dataset(name.removesuffix(f" {self.ways.title}")))
        return found.restrict(labels=[label for label in found.labels if label not in DIGITS])

    def data(self, *, progress: Progress = None) -> TaskData:
        """Raises EvaluationError: there is no shipped model."""
        raise EvaluationError(self.limits)

    def fold_data(
        self, name: str, fold: Fold, *, variants: Sequence[str] = (), progress: Progress = None
    ) -> TaskData:
        """Training samples as they are; the test groups' as episodes, the same for every method.

        Raises DataError where no group has classes enough.
        """
        dataset = self.dataset(name)
        table = self.table(dataset, progress=progress)
        parts = table.of_persons(fold.train), table.of_persons(fold.test)
        return self.in_episodes(self.named(dataset.name), dataset.fingerprint, *parts)

    def in_episodes(
        self, name: str, recordings: str, train: FeatureTable, test: FeatureTable
    ) -> TaskData:
        """Training samples as they are, those of the tested groups as episodes. Raises DataError
        where no group has classes enough.
        """
        unknown = self.drawn(test)
        none = unknown.select(torch.zeros(len(unknown), dtype=torch.bool))
        found = TaskData.of(name, recordings, (train, none, unknown))
        return replace(found, ways=self.ways)

    def kept_for_choices(
        self, data: TaskData, sources: Sequence[str] | None = None
    ) -> FeatureTable | None:
        """None: no method here takes anything of persons kept apart."""

    def bundled_persons(self) -> tuple[BundledPerson, ...]:
        """Nobody: what is told apart is nobody's before it is taught."""
        return ()

    def drawn(self, table: FeatureTable) -> FeatureTable:
        """Episodes of a table's groups. Raises DataError where no group has classes enough."""
        return way_table(
            table,
            self.asked,
            queries=self.spared,
            episodes=self.episode_count,
            generator=torch.Generator().manual_seed(EPISODE_SEED),
        )

    def askable(
        self, table: FeatureTable, shots: Sequence[int]
    ) -> tuple["FewShot", tuple[int, ...]]:
        """The task with episodes that a table has samples enough for, and which numbers of samples
        of each class these are. Raises DataError where it is none.
        """
        able, ways = [], self.asked.ways
        for count in sorted(set(shots)):
            try:
                WayDrawer(table, Ways(ways, count), self.spared)
            except DataError:
                if not able:
                    raise
                break
            able.append(count)
        found = copy(self)
        found.asked = Ways(ways, able[-1])
        return found, tuple(able)

    def group_of(self, person: str) -> str:
        """The alphabet, or the writer, that an episode was drawn within."""
        return person.rpartition("/")[0]

    def episodes(
        self,
        table: FeatureTable,
        persons: Sequence[int],
        shots: int,
        *,
        generator: torch.Generator,
    ) -> list[Episode]:
        """As they were drawn: of each class the first samples enroll, however many the same ones
        are asked about.
        """
        found, each = [], shots // self.asked.ways
        for person in persons:
            rows = (table.person == person).nonzero().squeeze(1)
            take = table.take[rows]
            found.append(Episode(person, rows[take < each], rows[take >= self.asked.shots]))
        return found


FEW_SHOT = (
    FewShot(Ways(5, 1), (OMNIGLOT,), queries=QUERIES, persons_per_step=8),
    FewShot(Ways(5, 5), (OMNIGLOT,), queries=QUERIES, persons_per_step=4),
    FewShot(Ways(20, 1), (OMNIGLOT,), queries=QUERIES, persons_per_step=4),
    FewShot(Ways(20, 5), (OMNIGLOT,), queries=QUERIES, persons_per_step=2),
    FewShot(Ways(5, 1), (UNIPEN,), queries=SPARED, persons_per_step=8),
    FewShot(Ways(5, 5), (UNIPEN,), queries=SPARED, persons_per_step=4),
)
