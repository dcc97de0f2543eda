"""Few-shot classification: which of N classes, met a moment ago in K samples each.

Omniglot's alphabets [OMNIGLOT] are disjoint between training and test; an episode's classes are
characters of one alphabet. UNIPEN's letters [UNIPEN] are by writer: classes and samples of an
episode are one writer's, and tested writers are trained on nowhere. Every episode counts as a
person; labels are ``1`` to ``N``, given anew each time.

Departs: the standard benchmark draws characters of all alphabets, from 50 of them; an episode here
stays within one, of six. No published figure compares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch

from vop_core.data.features import FeatureTable
from vop_core.data.metadata import person_id
from vop_core.data.persons import Fold, PersonDataset
from vop_core.data.ways import QuarterTurns, Ways, way_table
from vop_core.errors import EvaluationError
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
    limits = "No model in the box: a few-shot classifier is made anew in every episode."

    def __init__(
        self, ways: Ways, sets: tuple[str, ...], *, queries: int, persons_per_step: int
    ) -> None:
        self.ways, self.sets, self.queries = ways, sets, queries
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
        shots = (self.ways.ways * self.ways.shots,)
        return Scoring(
            shots=shots,
            main_shots=shots[0],
            control_shots=shots,
            draw_shots=(),
            repetitions=1,
            wrong_persons=1,
            unknown_clips=0,
            closed=False,
        )

    def named(self, dataset: str) -> str:
        """A data set in episodes of this shape, as results name it."""
        return f"{dataset} {self.ways.title}"

    def dataset(self, name: str) -> PersonDataset:
        """Characters of alphabets, where a data set has some, else letters of writers: persons are
        what episodes are drawn within. Raises DataError where it is not there.
        """
        found = super().dataset(name.removesuffix(f" {self.ways.title}"))
        if all("/" in label for label in found.labels):  # alphabet/character
            records = tuple(
                replace(each, person=person_id(found.name, each.label.partition("/")[0]))
                for each in found.records
            )
            return PersonDataset(found.name, found.root, records)
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
        unknown = way_table(
            table.of_persons(fold.test),
            self.ways,
            queries=self.queries,
            episodes=EPISODES,
            generator=torch.Generator().manual_seed(EPISODE_SEED),
        )
        none = unknown.select(torch.zeros(len(unknown), dtype=torch.bool))
        parts = table.of_persons(fold.train), none, unknown
        found = TaskData.of(self.named(dataset.name), dataset.fingerprint, parts)
        return replace(found, ways=self.ways)

    def episodes(
        self,
        table: FeatureTable,
        persons: Sequence[int],
        shots: int,
        *,
        generator: torch.Generator,
    ) -> list[Episode]:
        """As they were drawn: of each class the first K samples enroll."""
        found = []
        for person in persons:
            rows = (table.person == person).nonzero().squeeze(1)
            enrolls = table.take[rows] < self.ways.shots
            found.append(Episode(person, rows[enrolls], rows[~enrolls]))
        return found


FEW_SHOT = (
    FewShot(Ways(5, 1), (OMNIGLOT,), queries=QUERIES, persons_per_step=8),
    FewShot(Ways(5, 5), (OMNIGLOT,), queries=QUERIES, persons_per_step=4),
    FewShot(Ways(20, 1), (OMNIGLOT,), queries=QUERIES, persons_per_step=4),
    FewShot(Ways(20, 5), (OMNIGLOT,), queries=QUERIES, persons_per_step=2),
    FewShot(Ways(5, 1), (UNIPEN,), queries=SPARED, persons_per_step=8),
    FewShot(Ways(5, 5), (UNIPEN,), queries=SPARED, persons_per_step=4),
)
