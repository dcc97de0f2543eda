"""From scores to the report that is printed, saved and read by everything else.

JSON (accuracies are fractions, NLL is in nats, ``mean`` is a - b, ``ci95`` is null for a single person)::

    {"task", "config",
     "rows":        [{"method", "set", "shots", "persons", "accuracy", "ci95", "worst_decile", "nll", "ece"}],
     "differences": [{"a", "b", "set", "shots", "mean", "ci95"}]}

Rows and differences carry further fields, listed in the classes below. The claim of the project is

    personal gain = vop - max(global, vop-zero, vop-mixed)

the maximum over the controls' mean accuracies in the same set and shots; its interval is the paired one
against that best control. Choosing the best control after the fact flatters the control, not the method.
``ci95_conservative`` does without the choice: from the smallest lower to the largest upper bound against any
of the three, so that it covers whichever is truly best, and lies above 0 only if the method beats them all.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from vop_core.errors import EvaluationError
from vop_core.evaluation.intervals import (
    interval_over_persons,
    paired_interval,
    persons_harmed,
    seed_standard_deviation,
    worst_decile,
)
from vop_core.evaluation.protocol import DRAWS, GLOBAL, MIXED, NOISE, VOP, WRONG_PERSON, ZERO
from vop_core.evaluation.scores import CLOSED, OPEN, ScoreTable
from vop_core.writing import JSON, check_output, write_text

CONTROLS = (GLOBAL, ZERO, MIXED)  # what the personal gain is measured against
PERSONAL_GAIN = "personal gain"
RIGHT_MINUS_WRONG = "right minus wrong"
BEST_CONTROL = f"max({', '.join(CONTROLS)})"
_COMPARED = ((VOP, GLOBAL), (VOP, ZERO), (VOP, MIXED), (VOP, WRONG_PERSON), (VOP, NOISE), (DRAWS, GLOBAL))


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """One method in one set with one number of shots; means over persons."""

    method: str
    set: str  # "open": persons never heard in training; "closed": other takes of persons that were
    shots: int
    persons: int
    accuracy: float
    ci95: tuple[float, float] | None
    worst_decile: float  # mean accuracy of the worst tenth of persons, at least of one
    nll: float
    ece: float  # mean of the persons' own errors; few clips push it up, alike for all rows of a table
    brier: float | None = None
    ece_pooled: float | None = None  # all persons' clips in the same bins
    interval: str | None = None  # how ci95 was made
    harmed: tuple[str, ...] | None = None  # persons whose own interval of method - global lies below 0
    seed_sd: float | None = None  # of the mean accuracy from one trained model to the next
    seeds: int = 1
    repetitions: int = 1
    fallbacks: int = 0  # control clips that had to carry another word
    per_person: Mapping[str, float] | None = None  # accuracies


@dataclass(frozen=True, kw_only=True)
class ReportDifference:
    """A paired difference of accuracies, a - b, over the persons, episodes and clips that both have."""

    a: str
    b: str
    set: str
    shots: int
    mean: float
    ci95: tuple[float, float] | None
    name: str | None = None  # PERSONAL_GAIN, RIGHT_MINUS_WRONG or none
    persons: int | None = None
    interval: str | None = None
    seed_sd: float | None = None
    nll_mean: float | None = None  # nats; below 0 is better
    nll_ci95: tuple[float, float] | None = None
    best_control: str | None = None  # of the personal gain: which of the three it was measured against
    ci95_conservative: tuple[float, float] | None = None
    per_person: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Report:
    """What an evaluation found."""

    task: str
    config: Mapping[str, Any]
    rows: tuple[ReportRow, ...]
    differences: tuple[ReportDifference, ...]

    def row(self, method: str, set_name: str, shots: int) -> ReportRow | None:
        """The row of a method, or None where it was not run."""
        found = (r for r in self.rows if (r.method, r.set, r.shots) == (method, set_name, shots))
        return next(found, None)

    def difference(self, name: str, set_name: str, shots: int) -> ReportDifference | None:
        """A difference by its name, ``PERSONAL_GAIN`` or ``RIGHT_MINUS_WRONG``, or by 'a - b'."""
        for found in self.differences:
            if (found.set, found.shots) == (set_name, shots) and name in (
                found.name,
                f"{found.a} - {found.b}",
            ):
                return found
        return None

    @property
    def settings(self) -> tuple[tuple[str, int], ...]:
        """All (set, shots) reported, open set first."""
        return tuple(sorted({(row.set, row.shots) for row in self.rows}, key=lambda s: (s[0] != OPEN, s[1])))

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists, as in the module's description."""
        return json.loads(json.dumps(asdict(self), allow_nan=False))

    def save(self, path: str | Path) -> None:
        """Write the JSON. Raises VopError where the file holds something else, or cannot be written."""
        check_output(path, replaces=JSON)
        write_text(path, json.dumps(self.to_json(), indent=1) + "\n")


def make_report(task: str, config: Mapping[str, Any], table: ScoreTable) -> Report:
    """Summarize scores: one row per method, set and shots, and the differences that matter.

    Raises
    ------
    EvaluationError
        There are no scores.
    """
    if not table.scores:
        raise EvaluationError("There are no scores to report; evaluate at least one person.")
    settings = sorted({(set_name, shots) for _, set_name, shots in table.cells})
    rows = tuple(_row(table, *cell) for cell in sorted(table.cells, key=lambda cell: (cell[1:], _rank(cell[0]))))
    differences: list[ReportDifference] = []
    for set_name, shots in settings:
        compared = [_difference(table, a, b, set_name, shots) for a, b in _COMPARED]
        found = {(each.a, each.b): each for each in compared if each is not None}
        differences += found.values()
        against = [found[VOP, control] for control in CONTROLS if (VOP, control) in found]
        if len(against) == len(CONTROLS):
            differences.append(_personal_gain(against))
    return Report(task, dict(config), rows, tuple(differences))


def _rank(method: str) -> tuple[int, str]:
    """The order of rows in a table: the protocol's, further methods last."""
    order = (GLOBAL, VOP, DRAWS, ZERO, MIXED, WRONG_PERSON, NOISE)
    return (order.index(method) if method in order else len(order), method)


def _row(table: ScoreTable, method: str, set_name: str, shots: int) -> ReportRow:
    cell = method, set_name, shots
    accuracy = table.person_values(*cell)
    interval = interval_over_persons(list(accuracy.values()), limits=(0.0, 1.0))
    scores = table.of(*cell)
    by_seed = [table.person_values(*cell, seed=seed) for seed in sorted({score.seed for score in scores})]
    harmed = None
    if method != GLOBAL and table.of(GLOBAL, set_name, shots):
        harmed = persons_harmed(table.paired_clips(method, GLOBAL, set_name, shots))
    return ReportRow(
        method=method,
        set=set_name,
        shots=shots,
        persons=len(accuracy),
        accuracy=interval.mean,
        ci95=interval.bounds,
        worst_decile=worst_decile(list(accuracy.values())),
        nll=_mean(table.person_values(*cell, "nll").values()),
        ece=_mean(table.person_calibration_errors(*cell).values()),
        brier=_mean(table.person_values(*cell, "brier").values()),
        ece_pooled=table.pooled_calibration_error(*cell),
        interval=interval.kind,
        harmed=harmed,
        seed_sd=_seed_spread(by_seed),
        seeds=len(by_seed),
        repetitions=len({score.repetition for score in scores}),
        fallbacks=sum(score.fallbacks for score in scores),
        per_person=accuracy,
    )


def _difference(table: ScoreTable, a: str, b: str, set_name: str, shots: int) -> ReportDifference | None:
    values = table.paired_values(a, b, set_name, shots)
    if not values:
        return None
    interval = paired_interval(list(values.values()))
    nll = paired_interval(list(table.paired_values(a, b, set_name, shots, "nll").values()))
    by_seed = [table.paired_values(a, b, set_name, shots, seed=seed) for seed in table.seeds]
    return ReportDifference(
        a=a,
        b=b,
        set=set_name,
        shots=shots,
        mean=interval.mean,
        ci95=interval.bounds,
        name=RIGHT_MINUS_WRONG if (a, b) == (VOP, WRONG_PERSON) else None,
        persons=len(values),
        interval=interval.kind,
        seed_sd=_seed_spread(by_seed),
        nll_mean=nll.mean,
        nll_ci95=nll.bounds,
        per_person=values,
    )


def _personal_gain(against: list[ReportDifference]) -> ReportDifference:
    """The difference from the best control, which is the smallest of the differences."""
    best = min(against, key=lambda difference: difference.mean)
    bounds = [difference.ci95 for difference in against if difference.ci95 is not None]
    conservative = None
    if len(bounds) == len(against):
        conservative = min(low for low, _ in bounds), max(high for _, high in bounds)
    kept = {field.name: getattr(best, field.name) for field in fields(best)}
    return ReportDifference(
        **kept
        | {
            "b": BEST_CONTROL,
            "name": PERSONAL_GAIN,
            "best_control": best.b,
            "ci95_conservative": conservative,
        }
    )


def _seed_spread(by_seed: list[dict[str, float]]) -> float | None:
    """Seed-to-seed standard deviation of the mean; None unless all seeds tested the same persons."""
    tested = [values for values in by_seed if values]
    if len({frozenset(values) for values in tested}) != 1:
        return None
    return seed_standard_deviation([_mean(values.values()) for values in tested])


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def load_report(path: str | Path) -> Report:
    """Read a report and hold it against the format.

    Raises
    ------
    EvaluationError
        The file is missing, no JSON, or not in the format; says what is wrong where.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"'{path}' cannot be read as a report ({error}); evaluate again.") from error
    try:
        return report_from_json(content)
    except EvaluationError as error:
        raise EvaluationError(f"'{path}' is no report: {error}") from error


def report_from_json(content: Any) -> Report:
    """A report from the JSON's dictionaries; fields it does not know are ignored.

    Raises
    ------
    EvaluationError
        Not in the format; says what is wrong where.
    """
    _demand(isinstance(content, dict), "The report must be a JSON object.")
    for key, kind in (("task", str), ("config", dict), ("rows", list), ("differences", list)):
        _demand(isinstance(content.get(key), kind), f"The report's '{key}' is missing or of the wrong type.")
    rows = tuple(_entry(ReportRow, entry, f"Row {i}") for i, entry in enumerate(content["rows"], 1))
    differences = tuple(
        _entry(ReportDifference, entry, f"Difference {i}") for i, entry in enumerate(content["differences"], 1)
    )
    for i, row in enumerate(rows, 1):
        for name in ("accuracy", "worst_decile", "ece"):
            _demand(0 <= getattr(row, name) <= 1, f"Row {i} has a '{name}' that is no fraction.")
        _demand(row.persons >= 1, f"Row {i} has no persons.")
    cells = {(row.method, row.set, row.shots) for row in rows}
    _demand(len(cells) == len(rows), "The report has the same method, set and shots in two rows.")
    return Report(content["task"], content["config"], rows, differences)


_KINDS: dict[type, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {  # texts, counts, numbers
    ReportRow: (
        ("method", "set"),
        ("shots", "persons"),
        ("accuracy", "worst_decile", "nll", "ece"),
    ),
    ReportDifference: (("a", "b", "set"), ("shots",), ("mean",)),
}


def _entry(kind: type, entry: Any, where: str) -> Any:
    """One row or difference, its required fields checked."""
    _demand(isinstance(entry, dict), f"{where} is no object.")
    texts, counts, numbers = _KINDS[kind]
    for names, types in ((texts, str), (counts, int), (numbers, int | float)):
        for name in names:
            right = isinstance(entry.get(name), types) and not isinstance(entry.get(name), bool)
            _demand(right, f"{where} has no '{name}' or one of the wrong type.")
    _demand(entry["set"] in (OPEN, CLOSED), f"{where} has the set '{entry['set']}', not open or closed.")
    _demand(entry["shots"] >= 1, f"{where} has fewer than 1 shot.")
    _demand("ci95" in entry, f"{where} has no 'ci95'.")
    known = {field.name: entry[field.name] for field in fields(kind) if field.name in entry}
    for name in {"ci95", "nll_ci95", "ci95_conservative"} & known.keys():
        known[name] = _bounds(known[name], f"{where} has a '{name}' that is no pair of ascending numbers.")
    known |= {name: float(entry[name]) for name in numbers}
    if known.get("harmed") is not None:
        known["harmed"] = tuple(known["harmed"])
    return kind(**known)


def _bounds(value: Any, complaint: str) -> tuple[float, float] | None:
    if value is None:
        return None
    _demand(isinstance(value, list) and len(value) == 2, complaint)
    _demand(all(isinstance(x, int | float) and not isinstance(x, bool) for x in value), complaint)
    _demand(value[0] <= value[1], complaint)
    return float(value[0]), float(value[1])


def _demand(condition: bool, complaint: str) -> None:
    if not condition:
        raise EvaluationError(complaint)
