"""Evaluate a shipped model on any folder in the format."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from vop_core.data.features import load_features
from vop_core.data.persons import load_dataset
from vop_core.errors import DataError
from vop_core.evaluation.report import Report, make_report
from vop_core.experiments.bundle import Bundle
from vop_core.experiments.recipes import as_plain
from vop_core.experiments.runs import SHOTS, ScoringConfig, score
from vop_core.tasks.keyword_spotting import reading_notes, relabel


def evaluate_folder(
    bundle: Bundle,
    folder: Path | str,
    *,
    shots: Sequence[int] = SHOTS,
    scoring: ScoringConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """All rows on all persons of a folder; a person is closed if the model card names it, else open.

    Nothing of the folder enters the feature cache. Labels in another spelling are read as the
    task's words, which the report's config tells under "notes". Raises DataError for a folder that
    is not in the format, holds a recording twice, or has words the task does not know,
    EvaluationError for a person with too few clips.
    """
    dataset = load_dataset(folder)
    if dataset.known_bad and len(dataset.known_bad) < len(dataset.persons):
        dataset = dataset.without(dataset.known_bad)
    missing = [record.path for record in dataset.records if not record.path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(dataset)} clips of '{dataset.name}' are missing, the first is "
            f"'{missing[0].name}'; copy them or remove their rows from metadata.csv."
        )
    # before the clips are decoded: a misspelled label is said at once
    notes = reading_notes(Counter(record.label for record in dataset.records), bundle.labels)
    scoring = replace(scoring or ScoringConfig(), shots=tuple(shots))
    table = relabel(load_features(dataset, variants=("original", "noise"), cache=False), bundle.labels)
    scores = score(
        table,
        bundle.global_model,
        bundle.vop,
        trained_persons=bundle.trained_persons,
        shots=shots,
        config=scoring,
        progress=progress,
    )
    config = {
        "data": dataset.name,
        "model": bundle.fingerprint,
        "scoring": as_plain(scoring),
        "recipe": bundle.card.get("recipe"),
        "notes": notes,
    }
    return make_report(bundle.task, config, scores)
