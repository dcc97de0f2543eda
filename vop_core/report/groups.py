"""What a group costs that training never heard, and what is left of a gain in another call.

Plain values for the tables of the suites ``groups`` and ``conditions``: unknown persons, the main
number of clips. Lines that belong together are of the same persons and queries.
"""

from collections.abc import Mapping
from typing import Any

from vop_core.bench.method_runs import MethodRuns
from vop_core.bench.recipes import GLOBAL
from vop_core.data.groups import HEARD, NEVER_HEARD
from vop_core.evaluation.comparison import by_person, errors_reduced, harmed, level_of, paired
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
    for side in {(entry["training"], entry["condition"]) for entry in found}:
        alike = [entry for entry in found if (entry["training"], entry["condition"]) == side]
        for name in ("versus_global", "minus_heard", "minus_global_heard"):
            adjust(entry[name] for entry in alike)
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


def standing(runs: MethodRuns, baseline: MethodRuns | None, row: str = OWN) -> Entry:
    """How a method does with a row's clips enrolled, beside ``global`` and the wrong person."""
    shots = runs.main_shots
    own, wrong = (runs.scores.values(each, OPEN, shots) for each in (row, WRONG_PERSON))
    base = baseline.scores.values(OWN, OPEN, shots) if baseline else {}
    return {
        "accuracy": estimate(level_of(by_person(own), limits=(0.0, 1.0))),
        "global": estimate(level_of(by_person(base), limits=(0.0, 1.0))),
        "versus_global": difference(paired(own, base)),
        "error_reduction": estimate(errors_reduced(own, base)),
        "right_minus_wrong": difference(paired(own, wrong)),
        "harmed": baseline and harmed(runs.scores, baseline.scores, OPEN, shots, row=row),
    }


def _against(runs: MethodRuns, other: MethodRuns) -> Estimate | None:
    sides = (each.scores.values(OWN, OPEN, runs.main_shots) for each in (runs, other))
    return difference(paired(*sides))
