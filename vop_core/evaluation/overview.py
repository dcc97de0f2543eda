"""One model's tests at a glance: what ``vop evaluate`` and ``vop crossval`` print and write, and
what a card keeps.

Plain values (accuracies are fractions, NLL is in nats, a difference is a - b, ``ci95`` is null for
a single person)::

    {"task", "config",
     "rows":        [{"method", "row", "set", "shots", "persons", "accuracy", "ci95", ...}],
     "differences": [{"name", "method", "a", "b", "set", "shots", "mean", "ci95", ...}]}

The global model is a method of its own, whose only row is ``own``. In a difference ``a`` and ``b``
are rows of the method, or ``global``. The claim of the project is its

    personal gain = own - max(global, prior, mixed)

the maximum over the controls' mean accuracies in the same set and shots; its interval is the paired
one against that best control, named in ``b``. Choosing the best control after the fact flatters the
control, not the method. ``ci95_conservative`` does without the choice: from the smallest lower to
the largest upper bound against any of the three, so that it covers whichever is truly best, and
lies above 0 only if the method beats them all.
"""

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

from vop_core.errors import EvaluationError
from vop_core.evaluation.comparison import (
    ScoreIndex,
    Values,
    by_person,
    difference_of,
    gain_over_controls,
    harmed,
    level_of,
    paired,
)
from vop_core.evaluation.intervals import seed_standard_deviation, worst_decile
from vop_core.evaluation.plan import CLOSED, OPEN
from vop_core.evaluation.score import DRAWS, GLOBAL, MIXED, NOISE, OWN, PRIOR, WRONG_PERSON

ORDER = (OWN, DRAWS, PRIOR, MIXED, WRONG_PERSON, NOISE)
PERSONAL_GAIN, RIGHT_MINUS_WRONG = "personal gain", "right minus wrong"
Overview = dict[str, Any]


def overview(
    task: str,
    config: Mapping[str, Any],
    scores: Mapping[str, ScoreIndex],
    baseline: str = GLOBAL,
) -> Overview:
    """Rows and differences of each method; ``scores`` hold the global model's under ``baseline``.

    Raises EvaluationError without scores.
    """
    settings = sorted({(cell.set, cell.shots) for index in scores.values() for cell in index.cells})
    settings = [each for name in (OPEN, CLOSED) for each in settings if each[0] == name]
    if not settings:
        raise EvaluationError("There are no scores to report; evaluate at least one person.")
    return {
        "task": task,
        "config": dict(config),
        "rows": [
            row
            for setting in settings
            for name in scores
            for row in _rows(name, scores, baseline, *setting)
        ],
        "differences": [
            gap
            for setting in settings
            for name in scores
            if name != baseline
            for gap in _differences(name, scores, baseline, *setting)
        ],
    }


def _rows(
    method: str, scores: Mapping[str, ScoreIndex], baseline: str, set_name: str, shots: int
) -> Iterator[dict[str, Any]]:
    index = scores[method]
    for row in sorted(index.rows(set_name, shots), key=ORDER.index):
        cell = row, set_name, shots
        values = index.values(*cell)
        accuracy = by_person(values)
        level = level_of(accuracy, limits=(0.0, 1.0))
        pooled = [bins.expected_calibration_error for bins in index.reliability(*cell).values()]
        hurt = None
        if (row, method) != (OWN, baseline) and row == OWN and baseline in scores:
            hurt = harmed(index, scores[baseline], set_name, shots)
        yield {
            "method": method,
            "row": row,
            "set": set_name,
            "shots": shots,
            "persons": len(accuracy),
            "accuracy": level.mean,
            "ci95": _plain(level.bounds),
            "interval": level.kind,
            "worst_decile": worst_decile(list(accuracy.values())),
            **{
                name: fmean(index.person_values(*cell, name).values())
                for name in ("nll", "brier", "ece")
            },
            "ece_pooled": fmean(pooled) if pooled else None,
            "harmed": _plain(hurt),
            "seeds": len({episode.seed for episode in values}),
            "seed_sd": _seed_spread(values),
            "repetitions": len({episode.repetition for episode in values}),
            "fallbacks": round(sum(index.values(*cell, "fallbacks").values())),
            "per_person": accuracy,
            "nll_per_person": index.person_values(*cell, "nll"),
        }


def _differences(
    method: str, scores: Mapping[str, ScoreIndex], baseline: str, set_name: str, shots: int
) -> Iterator[dict[str, Any]]:
    index = scores[method]
    rows = {row: index for row in index.rows(set_name, shots)}
    if baseline in scores:
        rows[baseline] = scores[baseline]

    def values(name: str, metric: str) -> Values:
        return (
            rows[name].values(OWN if name == baseline else name, set_name, shots, metric)
            if name in rows
            else {}
        )

    def gap(a: str, b: str, name: str | None = None) -> dict[str, Any] | None:
        episodes = [values(each, "accuracy") for each in (a, b)]
        persons = paired(*episodes)
        found, nll = (
            difference_of(paired(values(a, metric), values(b, metric)))
            for metric in ("accuracy", "nll")
        )
        if found is None or nll is None:
            return None
        by_episode = {
            e: value - episodes[1][e] for e, value in episodes[0].items() if e in episodes[1]
        }
        return {
            "name": name,
            "method": method,
            "a": a,
            "b": b,
            "set": set_name,
            "shots": shots,
            "persons": len(persons),
            "mean": found.mean,
            "ci95": _plain(found.bounds),
            "interval": found.kind,
            "seed_sd": _seed_spread(by_episode),
            "nll_mean": nll.mean,
            "nll_ci95": _plain(nll.bounds),
            "per_person": persons,
        }

    asked = [
        (OWN, baseline, None),
        (OWN, PRIOR, None),
        (OWN, MIXED, None),
        (OWN, WRONG_PERSON, RIGHT_MINUS_WRONG),
    ]
    asked += [(OWN, NOISE, None), (DRAWS, baseline, None)]
    yield from (found for each in asked if (found := gap(*each)) is not None)
    if (
        baseline in scores
        and (
            gain := gain_over_controls(
                index, scores[baseline], set_name, shots, baseline_name=baseline
            )
        )
        is not None
    ):
        against = gap(OWN, gain.best, PERSONAL_GAIN)
        interval = {
            "persons": gain.accuracy.persons,
            "mean": gain.accuracy.mean,
            "ci95": _plain(gain.accuracy.bounds),
            "per_person": gain.gaps[gain.best],
        }
        yield against | interval | {"ci95_conservative": _plain(gain.conservative)}


def _plain(values: tuple | None) -> list | None:
    return None if values is None else list(values)


def _seed_spread(values: Values) -> float | None:
    """Seed-to-seed standard deviation of the mean; None unless all seeds tested the same
    persons.
    """
    seeds = sorted({episode.seed for episode in values})
    means = [
        by_person({e: value for e, value in values.items() if e.seed == seed}) for seed in seeds
    ]
    if len({frozenset(found) for found in means}) != 1:
        return None
    return seed_standard_deviation([fmean(found.values()) for found in means])
