"""What a group costs that training never heard, who gains by what is known of people, and what is
left of a gain in another call.

Plain values for the tables of the suites ``groups`` and ``conditions``: unknown persons, the main
number of clips. Lines that belong together are of the same persons and queries.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from vop_core.bench.method_runs import MethodRuns
from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.data.groups import HEARD, NEVER_HEARD
from vop_core.data.splits import known_groups
from vop_core.evaluation.comparison import (
    Values,
    by_person,
    errors_reduced,
    harmed,
    level_of,
    paired,
)
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import CLEAN, OWN, OWN_SAME_CALL, WRONG_PERSON
from vop_core.report.estimates import Estimate, adjust, difference, estimate

GROUPS = "groups"
OTHER_CALL, SAME_CALL = "another call", "the same call"
Entry = dict[str, Any]
Variants = Mapping[str, MethodRuns]


def group_rows(variants: Variants, baselines: Mapping[str, MethodRuns | None]) -> list[Entry]:
    """Every method after training that never heard the group and after one that did, each beside
    its ``global``; the former beside itself and ``global`` after the latter, too: what the missing
    group costs, and what of that the method does not win back.
    """
    found = []
    for variant, runs in variants.items():
        method, training, *condition = variant.split(", ")
        entry = {
            "variant": method,
            "training": training,
            "condition": ", ".join(condition) or CLEAN.name,
            **standing(runs, baselines[variant]),
            "minus_heard": None,
            "minus_global_heard": None,
        }
        if training == NEVER_HEARD:
            for name, other in (("minus_heard", method), ("minus_global_heard", GLOBAL)):
                heard = variants.get(", ".join([other, HEARD, *condition]))
                entry[name] = heard and _against(runs, heard)
        found.append(entry)
    return found


def adjust_over_groups(tables: Iterable[Entry]) -> None:
    """Adjusted p-values for the rows of ``group_rows`` in all tables of a suite: one question is
    asked of every method and of every group.
    """
    rows = [row for table in tables for row in table["groups"]]
    for side in {(row["training"], row["condition"]) for row in rows}:
        alike = [row for row in rows if (row["training"], row["condition"]) == side]
        for name in ("versus_global", "minus_heard", "minus_global_heard"):
            adjust(row[name] for row in alike)


def attribute_rows(
    dataset: str, variants: Variants, baselines: Mapping[str, MethodRuns | None]
) -> list[Entry]:
    """VoP in each group of people that a data set tells apart, in every condition; training heard
    some of them.
    """
    found = []
    for variant, runs in variants.items():
        if runs.first.method != VOP:
            continue
        _, _, condition = variant.partition(", ")
        for group in known_groups(dataset):
            entry = standing(runs, baselines[variant], persons=group.members)
            if entry["accuracy"] is not None:
                named = {"variant": VOP, "group": group.name, "condition": condition or CLEAN.name}
                found.append(named | entry)
    for condition in {entry["condition"] for entry in found}:
        adjust(entry["versus_global"] for entry in found if entry["condition"] == condition)
    return found


def call_rows(variants: Variants, baselines: Mapping[str, MethodRuns | None]) -> list[Entry]:
    """Every method asked across calls: with clips of another call enrolled, and with clips of the
    call that is asked about.
    """
    found = []
    for variant, runs in variants.items():
        same = runs.scores.values(OWN_SAME_CALL, OPEN, runs.main_shots)
        for row, enrolled in ((OWN, OTHER_CALL), (OWN_SAME_CALL, SAME_CALL)) if same else ():
            entry = {"variant": runs.first.method, "enrolled": enrolled, "minus_same_call": None}
            if row == OWN:
                own = runs.scores.values(OWN, OPEN, runs.main_shots)
                entry["minus_same_call"] = difference(paired(own, same))
            found.append(entry | standing(runs, baselines[variant], row))
    for enrolled in (OTHER_CALL, SAME_CALL):
        alike = [entry for entry in found if entry["enrolled"] == enrolled]
        for name in ("versus_global", "minus_same_call"):
            adjust(entry[name] for entry in alike)
    return found


def standing(
    runs: MethodRuns,
    baseline: MethodRuns | None,
    row: str = OWN,
    persons: Collection[str] | None = None,
) -> Entry:
    """How a method does with a row's clips enrolled, beside ``global`` and the wrong person; of
    everybody, or of some persons.
    """
    shots = runs.main_shots

    def values(side: MethodRuns, row: str) -> Values:
        everybody = side.scores.values(row, OPEN, shots)
        return {key: v for key, v in everybody.items() if persons is None or key.person in persons}

    own, wrong = values(runs, row), values(runs, WRONG_PERSON)
    base = values(baseline, OWN) if baseline else {}
    worse = baseline and harmed(runs.scores, baseline.scores, OPEN, shots, row=row)
    if worse and persons is not None:
        worse = [person for person in worse if person in persons]
    return {
        "accuracy": estimate(level_of(by_person(own), limits=(0.0, 1.0))),
        "global": estimate(level_of(by_person(base), limits=(0.0, 1.0))),
        "versus_global": difference(paired(own, base)),
        "error_reduction": estimate(errors_reduced(own, base)),
        "right_minus_wrong": difference(paired(own, wrong)),
        "harmed": worse,
    }


def _against(runs: MethodRuns, other: MethodRuns) -> Estimate | None:
    sides = (each.scores.values(OWN, OPEN, runs.main_shots) for each in (runs, other))
    return difference(paired(*sides))
