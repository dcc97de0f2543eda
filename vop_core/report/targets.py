"""What we set out to reach, and by how much it was met or missed: judged by the tables alone.

All of it is for unknown persons with the main number of clips unless said otherwise, in persons'
own environments (suite ``conditions``) and on clean clips (suite ``paper``), and of the other tasks
(suite ``tasks``). The targets were set
before any of these tables was made; they are written nowhere else.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.evaluation.plan import OPEN
from vop_core.report.estimates import REVERSE, SHOWN, asked_alone, verdict
from vop_core.report.other_tasks import (
    HANDWRITING,
    VERIFICATION,
    against,
    vop_rows,
)
from vop_core.report.questions import Suites, Table, entries
from vop_core.report.summary import ADABN, CONDITIONS, FINE_TUNING, PAPER
from vop_core.report.tables import look_up

OWN_ENVIRONMENT = "own-environment"
LIKE_THE_PAPER = "speech_commands_test"  # the set with the highest target on clean clips


class Case(NamedTuple):
    """One data set, or one number of clips on it."""

    place: str
    met: bool
    figure: str  # what was measured


class Target(NamedTuple):
    """A claim and on how many cases it should hold; None: on every one."""

    words: str
    cases: Callable[[Suites], list[Case]]
    needed: int | None = None


class Judgement(NamedTuple):
    """What the tables say to a target."""

    words: str
    verdict: str  # met, missed, not measured
    cases: list[Case]


def judgements(suites: Suites) -> list[Judgement]:
    """Every target; ``suites``: suite -> data set -> its tables."""
    found = []
    for target in TARGETS:
        asked = (PAPER, CONDITIONS, VERIFICATION, HANDWRITING)
        cases = target.cases({suite: suites.get(suite, {}) for suite in asked})
        holds = sum(case.met for case in cases)
        needed = len(cases) if target.needed is None else target.needed
        said = "not measured" if not cases else "met" if holds >= needed else "missed"
        found.append(Judgement(target.words, said, cases))
    return found


# --- picking from the tables ----------------------------------------------------------------------


def _rows(tables: Mapping[str, Table], condition: str = "") -> dict[str, Table]:
    """VoP's row of each data set that has one with a comparison."""
    variant = f"{VOP}, {condition}" if condition else VOP
    found = {
        name: next(iter(entries(table, "rows", variant=variant, set=OPEN)), None)
        for name, table in tables.items()
    }
    return {name: row for name, row in found.items() if row and row["versus_global"]}


def _clean(suites: Suites) -> Mapping[str, Table]:
    """The tables with rows on clean clips: of the main suite, or until that has run of
    ``conditions``.
    """
    return suites[PAPER] or suites[CONDITIONS]


def _points(value: float) -> str:
    return f"{100 * value:+.1f} points"


def _errors_gone(row: Table) -> float | None:
    """None where global makes no errors."""
    gone = row["versus_global"]["error_reduction"]
    return gone and gone["mean"]


def _in_own_environment(suites: Suites) -> list[Case]:
    found = []
    for name, row in _rows(suites[CONDITIONS], OWN_ENVIRONMENT).items():
        gone, gain = _errors_gone(row), look_up(row, "personal_gain.accuracy.mean")
        if gone is not None and gain is not None:
            figure = f"{100 * gone:.0f} % of errors gone, personal gain {_points(gain)}"
            found.append(Case(name, gone >= 0.25 and gain >= 0.03, figure))
    return found


def _errors_gone_on_clean_clips(share: float, *names: str) -> Callable[[Suites], list[Case]]:
    """On the sets named, else on all but the one with a target of its own."""

    def cases(suites: Suites) -> list[Case]:
        found = []
        for name, row in _rows(_clean(suites)).items():
            gone = _errors_gone(row)
            if gone is not None and (name in names if names else name != LIKE_THE_PAPER):
                found.append(Case(name, gone >= share, f"{100 * gone:.0f} % of errors gone"))
        return found

    return cases


def _below_global(suites: Suites) -> list[Case]:
    found = []
    for name, row in _rows(_clean(suites)).items():
        gap = asked_alone(row["versus_global"]["accuracy"])
        found.append(Case(name, verdict(gap) != REVERSE, _points(gap["mean"])))
    return found


def _right_person(suites: Suites) -> list[Case]:
    found = []
    for name, row in _rows(suites[CONDITIONS], OWN_ENVIRONMENT).items():
        if gap := look_up(row, "right_minus_wrong.accuracy"):
            found.append(Case(name, gap["mean"] >= 0.03, _points(gap["mean"])))
    return found


def _against(condition: str, other: str) -> Callable[[Suites], dict[str, Any]]:
    """VoP less another method, of each data set."""
    suffix = f", {condition}" if condition else ""

    def gaps(suites: Suites) -> dict[str, Any]:
        where = {"a": VOP + suffix, "b": other + suffix, "set": OPEN}
        return {
            name: found[0]["accuracy"]
            for name, table in (suites[CONDITIONS] if condition else _clean(suites)).items()
            if (found := entries(table, "comparisons", **where))
        }

    return gaps


def _above_adabn(wanted: Callable[[str], bool], condition: str) -> Callable[[Suites], list[Case]]:
    def cases(suites: Suites) -> list[Case]:
        return [
            Case(name, wanted(verdict(asked_alone(gap))), _points(gap["mean"]))
            for name, gap in _against(condition, ADABN)(suites).items()
        ]

    return cases


def _one_clip(suites: Suites) -> list[Case]:
    found = []
    for name, table in suites[CONDITIONS].items():
        for point in entries(table, "curves", variant=f"{VOP}, {OWN_ENVIRONMENT}", shots=1):
            if gap := point["versus_global"]:
                met = verdict(asked_alone(gap)) == SHOWN
                found.append(Case(name, met, _points(gap["mean"])))
    return found


def _without_labels(suites: Suites) -> list[Case]:
    """Against whichever of the fine-tuning rows does best there, which flatters it."""
    gaps: dict[str, list[tuple[float, str]]] = {}
    for other in FINE_TUNING:
        for name, gap in _against("", other)(suites).items():
            gaps.setdefault(name, []).append((gap["mean"], other))
    found = []
    for name, each in gaps.items():
        gap, other = min(each)
        found.append(Case(name, gap >= 0, f"{_points(gap)} against {other}"))
    return found


def _coverage(suites: Suites) -> list[Case]:
    return [
        Case(
            f"{name}, {entry['shots']} clip(s)",
            entry["width"] == "true",
            f"{100 * entry['held']['mean']:.0f} %",
        )
        for name, table in suites[PAPER].items()
        for entry in entries(table, "coverage", variant=VOP)
        if entry["shots"] in (1, 3, 5, 10)
    ]


def _below_the_cosine(suites: Suites) -> list[Case]:
    gaps = against(suites[VERIFICATION], VOP, GLOBAL)
    return [
        Case(place, verdict(gap, better=-1) == SHOWN, _points(gap["mean"]))
        for place, gap in gaps.items()
    ]


def _hands_in_own_environment(suites: Suites) -> list[Case]:
    found = []
    for name, table in suites[HANDWRITING].items():
        for row in vop_rows(table):
            gone, gain = _errors_gone(row), look_up(row, "personal_gain.accuracy")
            if row["variant"] == f"{VOP}, {OWN_ENVIRONMENT}" and gone is not None and gain:
                met = gone >= 0.25 and verdict(asked_alone(gain)) == SHOWN
                points = _points(gain["mean"])
                figure = f"{100 * gone:.0f} % of errors gone, personal gain {points}"
                found.append(Case(name, met, figure))
    return found


def _clean_hands(suites: Suites) -> list[Case]:
    found = []
    for name, table in suites[HANDWRITING].items():
        for row in vop_rows(table):
            if row["variant"] == VOP:
                gap = asked_alone(row["versus_global"]["accuracy"])
                found.append(Case(name, verdict(gap) != REVERSE, _points(gap["mean"])))
    return found


def _width_and_error(suites: Suites) -> list[Case]:
    found = []
    for name, table in suites[PAPER].items():
        for entry in entries(table, "widths", variant=VOP):
            estimate = entry["correlation"]
            figure = f"rank correlation {estimate['mean']:+.2f}" if estimate else "alike for all"
            found.append(Case(name, bool(estimate) and verdict(estimate) == SHOWN, figure))
    return found


TARGETS = (
    Target(
        "In the own environment at least 25 % of global's errors are gone and the personal gain "
        "over all controls is at least 3 points, on at least three sets",
        _in_own_environment,
        needed=3,
    ),
    Target(
        "On clean clips of Speech Commands at least 30 % of the errors are gone",
        _errors_gone_on_clean_clips(0.30, LIKE_THE_PAPER),
    ),
    Target(
        "On clean clips of one more set at least 15 % of the errors are gone",
        _errors_gone_on_clean_clips(0.15),
        needed=1,
    ),
    Target("On clean clips VoP is shown to be below global on no set", _below_global),
    Target(
        "In the own environment the right person is at least 3 points above the wrong one, on "
        "every set",
        _right_person,
    ),
    Target(
        "On clean clips VoP is shown to be above AdaBN on at least two sets",
        _above_adabn(SHOWN.__eq__, ""),
        needed=2,
    ),
    Target(
        "On clean clips VoP is shown to be below AdaBN on none",
        _above_adabn(REVERSE.__ne__, ""),
    ),
    Target(
        "In the own environment VoP is shown to be above AdaBN on at least two sets",
        _above_adabn(SHOWN.__eq__, OWN_ENVIRONMENT),
        needed=2,
    ),
    Target(
        "In the own environment VoP is shown to be below AdaBN on none",
        _above_adabn(REVERSE.__ne__, OWN_ENVIRONMENT),
    ),
    Target(
        "One clip is shown to gain over global in the own environment on at least two sets",
        _one_clip,
        needed=2,
    ),
    Target(
        "VoP without labels is at least as good as fine-tuning with the labels of the same clips "
        "on at least three sets",
        _without_labels,
        needed=3,
    ),
    Target(
        "After 1, 3, 5 and 10 clips the 90 % interval holds what the person's other clips show in "
        "85 to 95 % of cases, everywhere",
        _coverage,
    ),
    Target("Persons with a wider posterior err more, on every set", _width_and_error),
    Target(
        "Verifying with 5 clips, VoP's equal error rate is shown to be below the global model's on "
        "at least one set",
        _below_the_cosine,
        needed=1,
    ),
    Target(
        "Of hands in an environment of their own at least 25 % of global's errors are gone and the "
        "personal gain is shown, on every set",
        _hands_in_own_environment,
    ),
    Target("Of clean hands VoP is shown to be below global on no set", _clean_hands),
)
