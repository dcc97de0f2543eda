"""Evaluate a shipped model on any folder in the format."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vop_core.bench.measure import Scene, scene_scores
from vop_core.bench.recipes import VOP, as_plain
from vop_core.data.persons import load_dataset
from vop_core.data.ways import by_alphabet
from vop_core.errors import DataError
from vop_core.evaluation.comparison import Run, ScoreIndex
from vop_core.evaluation.overview import Overview, overview
from vop_core.evaluation.plan import short_of_clips
from vop_core.evaluation.score import Scoring
from vop_core.evaluation.verification_overview import verification_overview
from vop_core.methods.base import PersonalizationMethod
from vop_core.models.bundle import Bundle
from vop_core.tasks.registry import TASKS

Progress = Callable[[str, int, int], None] | None  # method, queries answered, of how many


def evaluate_folder(
    bundle: Bundle, folder: Path | str, *, scoring: Scoring, progress: Progress = None
) -> Overview:
    """All rows on all persons of a folder; a person is closed if the model card names it, else
    open.

    Nothing of the folder enters the feature cache. Labels in another spelling are read as the
    task's words, and persons with too few clips for a number of shots are not asked with so many;
    the overview's config tells both under "notes". Raises DataError for a folder that is not in the
    format, holds a recording twice, or has words the task does not know, EvaluationError where
    nobody has clips enough.
    """
    dataset = load_dataset(folder)
    if dataset.known_bad and len(dataset.known_bad) < len(dataset.persons):
        dataset = dataset.without(dataset.known_bad)
    missing = [record.path for record in dataset.records if record.is_missing]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(dataset)} clips of '{dataset.name}' are missing, the first is "
            f"'{missing[0].name}'; copy them or remove their rows from metadata.csv."
        )
    # before the clips are decoded: a misspelled label is said at once
    task, counts = TASKS[bundle.task], Counter(record.label for record in dataset.records)
    notes = [] if task.compares or task.taught else task.reading_notes(counts, bundle.labels)
    short = short_of_clips(dataset.clips_per_person, scoring.shots)
    if short and not task.taught:
        notes.append(short)
    if task.taught:
        asked = task.table(by_alphabet(dataset), cache=False)
        task, shots = task.askable(asked, scoring.shots)
        if dropped := sorted(set(scoring.shots) - set(shots)):
            notes.append(
                f"Nobody has {task.asked.ways} signs with more than {dropped[0]} samples, so "
                f"nothing is asked after {', '.join(map(str, dropped))} of each."
            )
        scoring, table = task.scoring_of(shots, scoring.seed), task.drawn(asked)
        trained = set(bundle.trained_persons)
        known = [name for name in table.persons if task.group_of(name) in trained]
        scene = Scene.of_table(task, table, known, scoring)
    elif task.compares:
        unknown = set(dataset.persons) - set(bundle.trained_persons)
        claims = task.claims([str(folder)], unknown, scoring.shots, cache=False)
        scene = Scene.of_claims(task, claims)
    else:
        noise = [name for name in task.variants if name == "noise"]
        table = task.table(dataset, variants=noise, cache=False)
        table = task.relabel(table, bundle.labels)
        scene = Scene.of_table(task, table, bundle.trained_persons, scoring)
    methods = {task.baseline: bundle.global_model, VOP: bundle.vop}
    config = {
        "data": dataset.name,
        "model": bundle.fingerprint,
        "scoring": as_plain(scoring),
        "recipe": bundle.card.get("recipe"),
        "notes": notes,
    }
    return scene_overview(bundle.task, config, methods, scene, scoring, progress)


def scene_overview(
    task: str,
    config: Mapping[str, Any],
    methods: Mapping[str, PersonalizationMethod],  # with the global model under ``global``
    scene: Scene,
    scoring: Scoring,
    progress: Progress = None,
) -> Overview:
    """What methods answer to a scene, in rows and differences."""
    return overview_of(task, config, scene_tables(methods, scene, scoring, progress))


def scene_tables(
    methods: Mapping[str, PersonalizationMethod],
    scene: Scene,
    scoring: Scoring,
    progress: Progress = None,
) -> dict[str, pd.DataFrame]:
    """Every method's scores."""
    return {
        name: scene_scores(method, scene, scoring, progress=progress and partial(progress, name))
        for name, method in methods.items()
    }


def overview_of(
    task: str, config: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> Overview:
    """Rows and differences of scores, of a task of either kind."""
    if TASKS[task].compares:
        return verification_overview(task, config, tables)
    scores = {name: ScoreIndex.of([Run(0, 0, found)]) for name, found in tables.items()}
    return overview(task, config, scores, TASKS[task].baseline)
