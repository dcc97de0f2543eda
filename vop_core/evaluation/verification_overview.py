"""A verification model's tests at a glance, in the form of :mod:`vop_core.evaluation.overview`.

Plain values (rates are fractions, Cllr is in bits)::

    {"task", "config",
     "rows":        [{"method", "row", "set", "corpus", "shots", "speakers", "targets", "others",
                      "eer", "ci95", "eer_same_gender", "min_dcf", "cllr", "misses",
                      "false_alarms"}],
     "differences": [{"method", "a", "b", "set", "corpus", "shots", "speakers", "mean", "ci95"}]}

``misses`` and ``false_alarms`` are those at the threshold that lets ``FALSE_ALARMS`` of the others
pass among the persons kept for choices; Cllr is calibrated on them too. Both are null where nobody
was kept. A difference is of EERs, a - b, on the same trials; ``a`` and ``b`` are rows of the
method, or ``global``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from vop_core.evaluation.detection import equal_error_rate
from vop_core.evaluation.overview import Overview
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import DRAWS, GLOBAL, OWN, PRIOR, WRONG_PERSON
from vop_core.evaluation.verification import (
    AS_NORM,
    FINE_TUNED,
    KEPT,
    PLDA,
    PRIOR_DRAWS,
    SIMILARITY,
    WRONG_DRAWS,
)
from vop_core.evaluation.verification_metrics import (
    Trials,
    calibrated_cost,
    detection_cost,
    difference_over_speakers,
    errors_at,
    over_speakers,
    threshold_at,
    trials_of,
)

FALSE_ALARMS = 0.05  # of others, at the threshold that is chosen on the kept
ORDER = (
    *(OWN, DRAWS, PRIOR, PRIOR_DRAWS, WRONG_PERSON, WRONG_DRAWS),
    *(AS_NORM, PLDA, FINE_TUNED),
)


def verification_overview(
    task: str, config: Mapping[str, Any], scores: Mapping[str, pd.DataFrame]
) -> Overview:
    """Rows and differences of each method; ``scores`` hold the global model's under ``global``."""
    found = {name: _cells(table) for name, table in scores.items()}
    places = list(dict.fromkeys(cell[:3] for cells in found.values() for cell in cells))
    places = [each for each in sorted(places) if each[0].startswith(OPEN)]
    return {
        "task": task,
        "config": dict(config),
        "rows": [
            row
            for place in places
            for name in scores
            for row in _rows(name, scores[name], found[name], place)
        ],
        "differences": [
            gap
            for place in places
            for name in scores
            if name != GLOBAL
            for gap in _differences(name, scores, found, place)
        ],
    }


Place = tuple[str, str, int]  # set, corpus, shots


def _cells(scores: pd.DataFrame) -> list[tuple[str, str, int, str]]:
    told = scores[scores["metric"] == SIMILARITY]
    corpus = told["person"].str.replace("/[^/]*$", "", regex=True)
    found = zip(told["set"], corpus, told["shots"].astype(int), told["row"], strict=True)
    return list(dict.fromkeys(found))


def _trials(scores: pd.DataFrame, place: Place, row: str) -> Trials:
    set_name, corpus, shots = place
    return trials_of(scores, set_name, shots, row, corpus)


def _rows(
    method: str,
    scores: pd.DataFrame,
    cells: list[tuple[str, str, int, str]],
    place: Place,
) -> Iterator[dict[str, Any]]:
    set_name, corpus, shots = place
    for row in (each for each in ORDER if (*place, each) in cells):
        trials = _trials(scores, place, row)
        eer = over_speakers(trials, equal_error_rate)
        same = trials.among_same_gender()
        kept_place = KEPT + set_name.removeprefix(OPEN), corpus, shots
        cost = misses = alarms = None
        if (*kept_place, row) in cells:
            kept = _trials(scores, kept_place, row)
            misses, alarms = errors_at(trials, threshold_at(kept, FALSE_ALARMS).value)
            cost = calibrated_cost(trials, kept)
        yield {
            "method": method,
            "row": row,
            "set": set_name,
            "corpus": corpus,
            "shots": shots,
            "speakers": len(trials.persons),
            "targets": int(trials.target.sum()),
            "others": int((~trials.target).sum()),
            "eer": eer.mean,
            "ci95": list(eer.bounds),
            "eer_same_gender": (None if (same.target.all()) else equal_error_rate(same.curve())),
            "min_dcf": detection_cost(trials.curve()),
            "cllr": cost,
            "misses": misses,
            "false_alarms": alarms,
        }


def _differences(
    method: str,
    scores: Mapping[str, pd.DataFrame],
    cells: Mapping[str, list[tuple[str, str, int, str]]],
    place: Place,
) -> Iterator[dict[str, Any]]:
    # by draws where there are any: so answers whoever has a posterior
    mine = DRAWS if (*place, DRAWS) in cells[method] else OWN
    controls = (PRIOR_DRAWS, WRONG_DRAWS) if mine == DRAWS else (PRIOR, WRONG_PERSON)
    asked = [((method, mine), (GLOBAL, row)) for row in (OWN, AS_NORM, PLDA, FINE_TUNED)]
    asked += [((method, mine), (method, row)) for row in controls]
    asked += [((method, OWN), (GLOBAL, OWN))] * (mine == DRAWS)
    for pair in asked:
        if not all(name in cells and (*place, row) in cells[name] for name, row in pair):
            continue
        first, second = (_trials(scores[name], place, row) for name, row in pair)
        gap = difference_over_speakers(first, second, equal_error_rate)
        set_name, corpus, shots = place
        (_, a), (against, b) = pair
        yield {
            "method": method,
            "a": a,
            "b": b if against == method else (GLOBAL if b == OWN else f"{GLOBAL}, {b}"),
            "set": set_name,
            "corpus": corpus,
            "shots": shots,
            "speakers": gap.persons,
            "mean": gap.mean,
            "ci95": list(gap.bounds),
        }
