"""The paper's one reachable table, held against ours: is each published difference found again,
with its sign?

Only signs are compared. Magnitudes cannot be: see ``WHY_NO_MAGNITUDES``. The published figures are
accuracies in percent with the published +- [VOP slides, Experiment results].

Reconstruction: what the published +- means is unknown; a difference smaller than both together
    (root of the sum of squares) is taken for no published order.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from vop_core.bench.method_runs import MethodRuns, on_own_start
from vop_core.bench.recipes import GLOBAL
from vop_core.evaluation.plan import CLOSED, OPEN
from vop_core.report.estimates import (
    ERROR_REDUCTION,
    SHOWN,
    SIGNIFICANCE,
    Estimate,
    adjust,
    differences,
    verdict,
)

REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_ATTEMPTED = (
    "reproduced",
    "not reproduced",
    "undecided",
    "not attempted",
)
VERDICTS = (REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_ATTEMPTED)

PUBLISHED: Mapping[str, Mapping[str, tuple[float, float]]] = {
    CLOSED: {
        "Baseline": (87.46, 1.68),
        "Baseline w/ Dropout": (81.77, 1.75),
        "Baseline w/ samovar (2fc)": (17.25, 1.42),
        "Baseline w/ samovar (1fc)": (87.47, 1.27),
        "VoP": (92.80, 1.40),
    },
    OPEN: {
        "Baseline": (74.45, 0.77),
        "Baseline w/ Dropout": (77.35, 1.90),
        "Baseline w/ samovar (2fc)": (24.35, 1.84),
        "Baseline w/ samovar (1fc)": (81.43, 1.02),
        "VoP": (83.60, 0.84),
    },
}
REMADE_ON = "wuw2"  # the public data nearest to the paper's
REMADE_IN = {"clean": "", "own environment": ", own-environment"}  # suffixes of variants
NOT_RUN = "not run yet"
# a closed set needs further takes of those who are trained on, and a suite that asks for them
NOBODY_ASKED = "no known person is asked here"
COLLAPSED = "Baseline w/ samovar (2fc)"  # at or below chance in the paper
OURS: Mapping[str, str] = {  # the unlabeled form: it reads what VoP reads
    "Baseline": "global",
    "Baseline w/ Dropout": "dropout",
    "Baseline w/ samovar (2fc)": "samovar-2fc",
    "Baseline w/ samovar (1fc)": "samovar-1fc",
    "VoP": "vop",
}
Entry = dict[str, Any]
WHY_NO_MAGNITUDES = (
    "Only the sign of each difference is compared. The published magnitudes cannot be: they were "
    "measured on the Qualcomm Keyword Speech data set, which may not be redistributed (four "
    "phrases; ours are other words, languages and persons), with a backbone, an optimiser, splits "
    "and a number of enrollment clips that were not available to us, and the meaning of their ± is "
    "unknown. The published samovar (2fc) is at or below the chance of four classes: it did not "
    "train, and an order against it says little; such pairs are counted apart. Undecided: our "
    "figures, or the published ones, do not tell the two apart."
)


def scoreboard(variants: Mapping[str, MethodRuns]) -> list[Entry]:
    """All pairs of the published table, open set first, the published winner named first: the
    difference a - b in points, and what became of it here.

    Pairs are tested together: our p-values are Holm's over all that have a published order.
    """
    pairs = [(first, second, name) for name in (OPEN, CLOSED) for first, second in _pairs(name)]
    ours = {pair: _our_difference(pair, variants) for pair in pairs}
    adjust(found["accuracy"] for pair, found in ours.items() if _is_ordered(pair))
    return [_published_difference(pair, ours[pair], variants) for pair in pairs]


def remade_table(summaries: Mapping[str, Mapping[str, Any]]) -> list[Entry]:
    """The published table on ``REMADE_ON``, a line for each of its rows, sets and our conditions:
    published and our accuracy, and what the controls say of ours.

    ``summaries``: suite -> summary; the first suite that has a row gives it. None where it has not
    been run, or a method's runs asked nobody of the set.
    """
    rows: dict[tuple[str, str], Entry] = {}
    for content in summaries.values():
        for row in content["datasets"].get(REMADE_ON, {"rows": ()})["rows"]:
            rows.setdefault((row["variant"], row["set"]), row)
    return [
        {
            "name": name,
            "set": set_name,
            "condition": condition,
            "published": published,
            "row": (row := rows.get((OURS[name] + suffix, set_name))),
            "says": NOBODY_ASKED
            if row is None and (OURS[name] + suffix, OPEN) in rows
            else what_controls_say(row),
        }
        for condition, suffix in REMADE_IN.items()
        for set_name, table in PUBLISHED.items()
        for name, published in table.items()
    ]


def what_controls_say(row: Entry | None) -> str:
    """Of a row of a summary, in words: is its difference to global personal?"""
    if row is None:
        return NOT_RUN
    if not row["controls"]:
        return "reads no clip: any gain is training or regularization"
    gain, wrong, mixed = (
        verdict(row[part] and row[part]["accuracy"])
        for part in ("personal_gain", "right_minus_wrong", "own_minus_mixed")
    )
    if gain == SHOWN:
        return "personal: own clips beat each control"
    needs = [words for words, found in (("wrong", wrong), ("mixed", mixed)) if found == SHOWN]
    if needs:
        return f"own clips beat {' and '.join(needs)} persons, but not each control"
    return "not shown to need the person's own clips"


def counted(entries: Sequence[Entry]) -> dict[str, int]:
    """How many of each verdict."""
    return {each: sum(entry["verdict"] == each for entry in entries) for each in VERDICTS}


def says_little(entry: Entry) -> bool:
    """Whether one of the two did not train in the paper."""
    return COLLAPSED in (entry["a"], entry["b"])


def _pairs(set_name: str) -> list[tuple[str, str]]:
    table = PUBLISHED[set_name]
    return list(combinations(sorted(table, key=lambda name: -table[name][0]), 2))


def _is_ordered(pair: tuple[str, str, str]) -> bool:
    """Whether the published difference is larger than its own two spreads."""
    (high, high_spread), (low, low_spread) = (PUBLISHED[pair[2]][name] for name in pair[:2])
    return high - low > math.hypot(high_spread, low_spread)


def _our_difference(
    pair: tuple[str, str, str], variants: Mapping[str, MethodRuns]
) -> dict[str, Estimate | None]:
    names = [OURS[name] for name in pair[:2]]
    if any(_why_missing(name, variants) for name in names):
        return {"accuracy": None, ERROR_REDUCTION: None}
    first, second = (variants[name] for name in names)
    if first.variant == GLOBAL:
        first = on_own_start(first, second)
    elif second.variant == GLOBAL:
        second = on_own_start(second, first)
    return differences(first, second, pair[2])


def _published_difference(
    pair: tuple[str, str, str],
    found: Mapping[str, Estimate | None],
    variants: Mapping[str, MethodRuns],
) -> Entry:
    (first, second, set_name), ours = pair, found["accuracy"]
    names = [OURS[first], OURS[second]]
    if ours is None:
        missing = [reason for name in names if (reason := _why_missing(name, variants))]
        found_again, reason = NOT_ATTEMPTED, "; ".join(missing) or "no persons in this set"
    elif not _is_ordered(pair):
        found_again, reason = UNDECIDED, "the published difference is within its own ±"
    else:
        found_again, reason = _verdict(ours)
    published = PUBLISHED[set_name][first][0] - PUBLISHED[set_name][second][0]
    return {
        "a": first,
        "b": second,
        "set": set_name,
        "published": round(published, 2),
        "ours": ours,
        ERROR_REDUCTION: found[ERROR_REDUCTION],
        "our_names": names,
        "verdict": found_again,
        "reason": reason,
    }


def _verdict(ours: Estimate) -> tuple[str, str]:
    bounds = ours["ci95"]
    if bounds is None:
        return UNDECIDED, "too few persons for an interval"
    if bounds[0] <= 0 <= bounds[1]:
        return UNDECIDED, "our interval includes 0"
    if ours.get("p_holm", 0.0) > SIGNIFICANCE:
        return (
            UNDECIDED,
            "our interval leaves 0 out, but not after Holm's correction over the pairs",
        )
    if bounds[0] > 0:
        return REPRODUCED, "our interval lies above 0"
    return NOT_REPRODUCED, "our interval lies below 0: the opposite sign"


def _why_missing(name: str, variants: Mapping[str, MethodRuns]) -> str:
    if name not in variants:
        return f"there is no result of {name}"
    runs = variants[name]
    return "" if runs.done else f"{name} did not converge: {runs.failed[0].reason}"
