"""Means and differences over persons as plain values, and whether a difference is shown: decided by
intervals and tests over persons, never by hand.

An estimate holds its ``mean``, ``ci95`` (the 95 % interval, null where there is none), ``persons``
and ``interval``: how that was made. A difference has the sign-flip test's ``p`` beside it, and
``p_holm``, adjusted, where several methods or settings are asked the same.
"""

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from vop_core.bench.method_runs import MethodRuns
from vop_core.evaluation.comparison import (
    CurvePersons,
    PersonalGain,
    Values,
    by_person,
    difference_of,
    errors_reduced,
    holm,
    paired,
    sign_flip_p_value,
)
from vop_core.evaluation.intervals import Interval
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import OWN
from vop_core.plots.style import listing

SIGNIFICANCE = 0.05
ROUNDING = 1e-5  # of a difference of two figures of five digits, as result files hold them
VALUES = ("accuracy", "nll")  # that differences are taken of; below 0 is better in the second
ERROR_REDUCTION = "error_reduction"  # beside them: a share of errors
SHOWN, REVERSE, NOT_SHOWN, NOT_MEASURED = "shown", "the reverse shown", "not shown", "not measured"
Estimate = dict[str, Any]


def estimate(interval: Interval | None) -> Estimate | None:
    """An interval as plain values."""
    if interval is None:
        return None
    return {
        "mean": interval.mean,
        "ci95": None if interval.bounds is None else list(interval.bounds),
        "persons": interval.persons,
        "interval": interval.kind,
    }


def difference(values: Mapping[str, float]) -> Estimate | None:
    """The mean of each person's difference, with interval and p-value; None without persons."""
    found = estimate(difference_of(values))
    if found is not None:
        found["p"] = _p_value(values)
    return found


def _p_value(values: Mapping[str, float]) -> float:
    return sign_flip_p_value(list(values.values()), rounding=ROUNDING)


def differences(
    first: MethodRuns, second: MethodRuns, set_name: str, row: str = OWN
) -> dict[str, Estimate | None]:
    """First, with own clips, - a row of second: accuracy and NLL at the main number of clips; and
    which share of that row's errors is gone.
    """
    cell = set_name, first.main_shots
    sides = {
        value: (
            first.scores.values(OWN, *cell, value),
            second.scores.values(row, *cell, value),
        )
        for value in VALUES
    }
    return {value: difference(paired(*found)) for value, found in sides.items()} | {
        ERROR_REDUCTION: estimate(errors_reduced(*sides["accuracy"]))
    }


def gain_estimate(gain: PersonalGain) -> Estimate:
    """The gain over the best control, with what holds for all of them: bounds from the smallest to
    the largest against any, and the largest p.

    So it is shown where own clips are shown to beat each control. No claim is lost by the choice
    of the best: that each single test rejects is a test at the same level that all are beaten.
    """
    return {
        "mean": gain.accuracy.mean,
        "ci95": gain.conservative,
        "persons": gain.accuracy.persons,
        "interval": f"{gain.accuracy.kind}, against any control",
        "p": max(map(_p_value, gain.gaps.values())),
    }


def adjust(asked: Iterable[Estimate | None]) -> None:
    """Write Holm's adjusted p-values into differences that belong together; those without a p stay
    as they are.
    """
    tested = {str(place): found for place, found in enumerate(asked) if found and "p" in found}
    for place, value in holm({place: found["p"] for place, found in tested.items()}).items():
        tested[place]["p_holm"] = value


def mean_over_persons(values: Values) -> float | None:
    """One figure's mean; None without persons."""
    persons = by_person(values)
    return fmean(persons.values()) if persons else None


def curve_persons(runs: MethodRuns, metric: str = "accuracy") -> CurvePersons:
    """Which unknown persons stand behind every point of a method's curve."""
    shots = runs.scores.shots(OWN, OPEN)
    asked = {n: [e.person for e in runs.scores.values(OWN, OPEN, n, metric)] for n in shots}
    return CurvePersons.of({n: persons for n, persons in asked.items() if persons})


def verdict(estimate: Estimate | None, *, better: int = 1) -> str:
    """Whether a difference that is good in the direction ``better`` is shown, its reverse is, or
    neither.

    Two authorities must agree: the interval leaves 0 out, and the sign-flip test over persons
    rejects, adjusted where several methods or settings are asked the same. Skewed differences of
    few persons pass the first alone.
    """
    if estimate is None or estimate["ci95"] is None:
        return NOT_MEASURED
    if estimate.get("p_holm", estimate.get("p", 0.0)) > SIGNIFICANCE:
        return NOT_SHOWN
    low, high = sorted(better * bound for bound in estimate["ci95"])
    if low > 0:
        return SHOWN
    return REVERSE if high < 0 else NOT_SHOWN


def tally(estimates: Mapping[str, Estimate | None], *, better: int = 1) -> str:
    """On which data sets a difference is shown: "shown on a and b, not shown on c". Empty without
    any.
    """
    verdicts = {name: verdict(each, better=better) for name, each in estimates.items()}
    groups = {
        kind: [name for name, found in verdicts.items() if found == kind]
        for kind in (SHOWN, REVERSE, NOT_SHOWN, NOT_MEASURED)
    }
    return ", ".join(f"{kind} on {listing(names)}" for kind, names in groups.items() if names)


def shown_on(estimates: Mapping[str, Estimate | None], *, better: int = 1) -> str:
    """Where a difference is shown: "a and b"; empty where nowhere."""
    names = [name for name, each in estimates.items() if verdict(each, better=better) == SHOWN]
    return listing(names) if names else ""


def asked_alone(estimate: Estimate) -> Estimate:
    """The same without Holm's correction, for a question that was asked of one method before
    anything was measured.
    """
    return {name: value for name, value in estimate.items() if name != "p_holm"}
