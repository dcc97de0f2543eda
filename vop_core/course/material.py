"""What the notebooks look at: the shipped models, the bundled voices, further people where there
are any, committed results.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.bench.results import Result
from vop_core.bench.suites import suite_results
from vop_core.course.links import LinkedState
from vop_core.data.audio import decode_file
from vop_core.data.episodes import draw_episodes
from vop_core.data.features import load_features
from vop_core.data.locations import find_dataset, repository_root
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import load_dataset
from vop_core.data.voices import CORPORA, BundledPerson, bundled_dataset, bundled_persons
from vop_core.errors import DataError
from vop_core.evaluation.comparison import Run, ScoreIndex
from vop_core.evaluation.plan import OPEN, EvaluationClips, PlannedEpisode
from vop_core.evaluation.score import OWN
from vop_core.models import Bundle, load_bundle
from vop_core.report.outputs import load_summary, summary_file
from vop_core.tasks.registry import KEYWORD_TASKS, TASKS

LEAST_QUERIES = 30  # that a bundled person of the crowd can be asked
OPEN_QUERIES = 25  # asked of each further person
SHOTS = 5


@dataclass(frozen=True, eq=False)
class Crowd:
    """Persons with as many clips each, as a model of one task hears them."""

    names: tuple[str, ...]
    labels: tuple[str, ...]
    enrollment: Float[Tensor, "person shot mel frame"]
    enrollment_labels: Int[Tensor, "person shot"]
    query: Float[Tensor, "person query mel frame"]
    query_labels: Int[Tensor, "person query"]

    def clips(self) -> EvaluationClips:
        """All clips in one table, person by person, enrollment before query."""
        features = torch.cat([self.enrollment, self.query], dim=1)
        labels = torch.cat([self.enrollment_labels, self.query_labels], dim=1)
        persons, clips = labels.shape
        index = torch.arange(persons)[:, None].expand(persons, clips)
        return EvaluationClips(
            features.flatten(0, 1), labels.flatten(), index.flatten(), self.names
        )

    def episodes(self) -> tuple[PlannedEpisode, ...]:
        """One of each person, on the rows of :meth:`clips`; everybody else is a peer."""
        persons, shots = self.enrollment_labels.shape
        rows = torch.arange(persons * (shots + self.query_labels.shape[1])).view(persons, -1)
        everybody = range(persons)
        return tuple(
            PlannedEpisode(
                person,
                self.names[person],
                OPEN,
                shots,
                repetition=0,
                enrollment=rows[person, :shots],
                query=rows[person, shots:],
                peers=tuple(other for other in everybody if other != person),
            )
            for person in everybody
        )


@lru_cache(maxsize=2)
def models(task: str = "keywords-en") -> Bundle:
    """The shipped models of a task. Raises CheckpointError, in a sentence, where they are
    missing.
    """
    return load_bundle(task)


@lru_cache(maxsize=2)
def voices(task: str = "keywords-en") -> tuple[BundledPerson, ...]:
    """The bundled persons who speak a task's words. Raises DataError where they are
    missing.
    """
    return bundled_persons(TASKS[task].language)


@lru_cache(maxsize=2)
def bundled_crowd(task: str = "keywords-en") -> Crowd:
    """The bundled persons with at least ``LEAST_QUERIES`` query clips, each asked as many as the
    one of them who has the fewest: clips as they were recorded.
    """
    bundle, dataset = models(task), bundled_dataset(TASKS[task].language)
    table = load_features(dataset)  # kept in the cache: every notebook hears the same clips
    label = torch.tensor([bundle.labels.index(word) for word in table.labels])[table.label]
    asks = torch.tensor([record.attributes["role"] == "query" for record in dataset.records])
    own = [table.person == person for person in range(len(table.persons))]
    members = [number for number, of in enumerate(own) if int((of & asks).sum()) >= LEAST_QUERIES]

    def rows(role: Tensor, most: int) -> Int[Tensor, "person clip"]:
        of_each = [(own[number] & role).nonzero().squeeze(1)[:most] for number in members]
        least = min(map(len, of_each))
        return torch.stack([each[:least] for each in of_each])

    enrolled, asked = rows(~asks, SHOTS), rows(asks, len(table))
    features = table.features
    return Crowd(
        tuple(table.persons[number] for number in members),
        bundle.labels,
        features[enrolled],
        label[enrolled],
        features[asked],
        label[asked],
    )


@lru_cache(maxsize=2)
def open_crowd(task: str = "keywords-en") -> Crowd | None:
    """Test persons of the task's models with clips enough, where ``VOP_DATA`` names a folder that
    has them; else None.
    """
    if not os.environ.get("VOP_DATA", "").strip():
        return None
    bundle = models(task)
    generator = torch.Generator().manual_seed(0)
    found: list[tuple[str, Tensor, Tensor, Tensor, Tensor]] = []
    for corpus, persons in groupby(
        bundle.card["persons"]["open"], key=lambda person: person.partition("/")[0]
    ):
        try:
            dataset = load_dataset(find_dataset(corpus))
        except DataError:
            continue
        records: dict[str, list[ClipRecord]] = {person: [] for person in persons}
        for record in dataset.records:
            if record.person in records and record.label in bundle.labels:
                records[record.person].append(record)
        found += [
            (person, *_open_person(bundle, own, generator))
            for person, own in records.items()
            if len(own) >= SHOTS + OPEN_QUERIES
        ]
    if not found:
        return None
    names, *parts = zip(*found, strict=True)
    return Crowd(tuple(names), bundle.labels, *(torch.stack(part) for part in parts))


def _open_person(
    bundle: Bundle, records: Sequence[ClipRecord], generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One person's episode: features and labels of the clips that enroll, and of the others."""
    label = torch.tensor([bundle.labels.index(each.label) for each in records])
    (episode,) = draw_episodes(
        torch.zeros_like(label),
        label,
        persons=[0],
        shots=SHOTS,
        generator=generator,
        queries=OPEN_QUERIES,
    )

    def heard(rows: Tensor) -> Tensor:
        return bundle.features([decode_file(records[row].path) for row in rows.tolist()])

    enrolled, asked = episode.enrollment, episode.query
    return heard(enrolled), label[enrolled], heard(asked), label[asked]


def evidence(dataset: str, suite: str = "paper") -> Mapping[str, Any]:
    """The committed tables of a data set, as ``vop report`` made them.

    Raises DataError where this suite has no such data set yet.
    """
    found = load_summary(summary_file(repository_root(), suite))["datasets"]
    if dataset not in found:
        raise DataError(
            f"The suite '{suite}' has no results on {dataset} yet; it has "
            f"{', '.join(found) or 'none'}."
        )
    return found[dataset]


@lru_cache(maxsize=1)
def _main_results() -> Mapping[str, tuple[Result, ...]]:
    return suite_results("paper")


def scores(dataset: str, method: str) -> ScoreIndex:
    """Every committed score of a method's main run on a data set: persons, rows, numbers of clips.

    Raises DataError where there is none.
    """
    results = [each for each in _main_results().get(dataset, ()) if each.variant == method]
    if not results:
        raise DataError(
            f"There is no result of '{method}' on {dataset}; run: vop bench --data {dataset}"
        )
    return ScoreIndex.of(Run(each.seed, each.fold, each.scores) for each in results)


def right_answers(
    dataset: str, method: str, *, shots: int = SHOTS
) -> dict[str, Int[np.ndarray, " clip"]]:
    """Real persons whom a method never heard, and which of their clips it answered rightly, in one
    episode each.

    Raises DataError where there is no committed result.
    """
    kept = scores(dataset, method).parts(OWN, OPEN, shots)
    firsts = {
        episode.person: right
        for episode, right in sorted(kept.items(), key=lambda item: item[0], reverse=True)
    }
    return {person: firsts[person].astype(int) for person in sorted(firsts)}


def linked(
    person: str, *, query: int | None = None, clips: int = SHOTS, seed: int = 0
) -> LinkedState:
    """The state of the app that shows a bundled person as a notebook does."""
    language = next(
        language for language, corpus in CORPORA.items() if person.startswith(f"{corpus.name}/")
    )
    task = next(name for name, task in KEYWORD_TASKS.items() if task.language == language)
    return LinkedState(task=task, person=person, clips=clips, query=query, seed=seed)
