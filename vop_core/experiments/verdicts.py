"""Whether a difference is shown, and each open question's answer in a sentence over all data sets.

Words follow figures: what is "shown" is decided by intervals over persons, never by hand.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from vop_core.evaluation.scores import OPEN
from vop_core.experiments.bench_questions import ADABN, VOP, WITHOUT_GAUSSIAN
from vop_core.experiments.bench_text import points
from vop_core.plots.style import listing

Table = Mapping[str, Any]
Tables = Mapping[str, Table]
Estimate = Mapping[str, Any]
SHOWN, REVERSE, NOT_SHOWN, NOT_MEASURED = "shown", "the reverse shown", "not shown", "not measured"
NARROWING = 0.05  # a smaller relative change of width is called none
PERSONAL_METHODS = (VOP, "conditional-vop", ADABN)  # whose controls the short answers name


def verdict(estimate: Estimate | None, *, better: int = 1) -> str:
    """Whether a difference that is good in the direction ``better`` is shown, its reverse is, or neither."""
    if estimate is None or estimate["ci95"] is None:
        return NOT_MEASURED
    low, high = sorted(better * bound for bound in estimate["ci95"])
    if low > 0:
        return SHOWN
    return REVERSE if high < 0 else NOT_SHOWN


def tally(estimates: Mapping[str, Estimate | None], *, better: int = 1) -> str:
    """On which data sets a difference is shown: "shown on a and b, not shown on c". Empty without any."""
    groups: dict[str, list[str]] = {}
    for name, estimate in estimates.items():
        groups.setdefault(verdict(estimate, better=better), []).append(name)
    kinds = [kind for kind in (SHOWN, REVERSE, NOT_SHOWN, NOT_MEASURED) if kind in groups]
    return ", ".join(f"{kind} on {listing(groups[kind])}" for kind in kinds)


def _found(tables: Tables, pick: Callable[[Table], Iterator[Any]]) -> dict[str, Any]:
    """Of each data set the first thing that ``pick`` finds."""
    first = {name: next(pick(table), None) for name, table in tables.items()}
    return {name: found for name, found in first.items() if found is not None}


def _open_row(table: Table, variant: str) -> Iterator[Table]:
    return (row for row in table["rows"] if (row["variant"], row["set"]) == (variant, OPEN))


def _by_method(tables: Tables, pick: Callable[[Table, str], Iterator[Estimate]]) -> str:
    """Of each of ``PERSONAL_METHODS`` that has any, the tally of what ``pick`` finds."""
    found = {method: _found(tables, partial(pick, variant=method)) for method in PERSONAL_METHODS}
    return "; ".join(f"{method} {tally(estimates)}" for method, estimates in found.items() if estimates)


def personalization_or_regularization(tables: Tables) -> str:
    parts = _found(
        tables,
        lambda table: (
            entry["accuracy"]
            for entry in table["decomposition"]
            if (entry["variant"], entry["control"], entry["set"]) == (VOP, "mixed", OPEN)
        ),
    )
    asked = {
        "VoP − global": "whole",
        "what mixed persons' clips give as well": "regularization",
        "what only the own clips give": "personalization",
    }
    said = [f"{name}: {tally({data: each[part] for data, each in parts.items()})}" for name, part in asked.items()]
    return f"On unknown persons, {'; '.join(said)}." if parts else ""


def against_rivals(tables: Tables) -> str:
    found = _found(tables, lambda table: (e["accuracy"] for e in _compared(table, ADABN)))
    return f"VoP above AdaBN on unknown persons: {tally(found)}." if found else ""


def worth_of_the_gaussian(tables: Tables) -> str:
    without = _found(tables, lambda table: (e["accuracy"] for e in _compared(table, WITHOUT_GAUSSIAN)))
    draws = _found(
        tables,
        lambda table: (
            entry["nll"]["difference"]
            for entry in table["draws"]
            if (entry["variant"], entry["shots"]) == (VOP, table["main_shots"])
        ),
    )
    said = [f"VoP above the same network without a Gaussian: {tally(without)}"] if without else []
    said += [f"a lower NLL by averaging draws: {tally(draws, better=-1)}"] if draws else []
    return f"On unknown persons, {'; '.join(said)}." if said else ""


def _compared(table: Table, rival: str) -> Iterator[Table]:
    return (each for each in table["comparisons"] if each["b"] == rival and each["set"] == OPEN)


def narrowing(tables: Tables) -> str:
    factors: list[float] = []
    said = []
    for name, table in tables.items():
        widths = {each["shots"]: each["std_ratio"] for each in table["posteriors"] if each["variant"] == VOP}
        if len(widths) > 1:
            few, many = min(widths), max(widths)
            factors.append(widths[many] / widths[few])
            said.append(f"{factors[-1]:.2f} times as wide after {many} clips as after {few} on {name}")
    if not said:
        return ""
    text = f"A posterior is {listing(said)}."
    if all(abs(by - 1) < NARROWING for by in factors):
        text += (
            " There is then no narrowing to be worth anything. The bound asks for this: on the twin, its optimum has a "
            "width that depends on the labelled clips that score, and not on those that enroll "
            "([notebook 05](../../notebooks/05_training.ipynb))."
        )
    return text


def worth_of_the_width(tables: Tables) -> str:
    found = _found(tables, lambda table: (e["correlation"] for e in table["widths"] if e["variant"] == VOP))
    return f"VoP's posterior being wider for persons with more errors: {tally(found)}." if found else ""


def how_much_there_is_to_gain(tables: Tables) -> str:
    said = []
    for name, table in tables.items():
        rows = [row for row in table["rows"] if row["set"] == OPEN and row.get("versus_global")]
        if rows:
            best = max(rows, key=lambda row: row["versus_global"]["accuracy"]["mean"])
            said.append(f"{best['variant']} {points(best['versus_global']['accuracy'])} on {name}")
    return f"The highest of all, picked after the fact: {'; '.join(said)}." if said else ""


def wrong_person(tables: Tables) -> str:
    said = _by_method(
        tables,
        lambda table, variant: (
            row["right_minus_wrong"]["accuracy"] for row in _open_row(table, variant) if row["right_minus_wrong"]
        ),
    )
    return f"Right − wrong person above 0: {said}." if said else ""


def number_of_clips(tables: Tables) -> str:
    said = []
    for name, table in tables.items():
        for variant in (VOP, ADABN):
            gains = {
                each["shots"]: each["versus_global"]["mean"]
                for each in table["curves"]
                if each["variant"] == variant and each["versus_global"]
            }
            if len(gains) > 1:
                few, many = min(gains), max(gains)
                said.append(
                    f"{variant} {100 * gains[few]:+.1f} with {few} and {100 * gains[many]:+.1f} with {many} ({name})"
                )
    return f"Points against global: {'; '.join(said)}." if said else ""


def outliers(tables: Tables) -> str:
    found = _found(
        tables,
        lambda table: (
            method["accuracy"]["difference"]
            for entry in table["outliers"]
            if entry["persons"]
            for method in entry["methods"]
            if method["variant"] == VOP
        ),
    )
    return f"A gain of VoP for the persons whom the global model serves badly: {tally(found)}." if found else ""


def microphone_or_person(tables: Tables) -> str:
    said = _by_method(
        tables,
        lambda table, variant: (
            entry["differences"]["person"] for entry in table["channels"] if entry["variant"] == variant
        ),
    )
    return f"Right − wrong person above 0, both through another channel: {said}." if said else ""


def few_persons(tables: Tables) -> str:
    said = []
    for name, table in tables.items():
        gains = [
            verdict(row["versus_global"]["accuracy"])
            for row in table["rows"]
            if row["set"] == OPEN and row["versus_global"]
        ]
        if gains:
            said.append(f"shown in {gains.count(SHOWN)} of {len(gains)} rows on {name}")
    return f"A gain over the global model of the same persons is {'; '.join(said)}." if said else ""


def settings_left_open(tables: Tables) -> str:
    said = []
    for name, table in tables.items():
        groups: dict[str, list[str]] = {SHOWN: [], REVERSE: []}
        for entry in table["changes"]:
            groups.setdefault(verdict(entry["accuracy"]), []).append(entry["variant"])
        if table["changes"]:
            better, worse = (", ".join(groups[kind]) or "none" for kind in (SHOWN, REVERSE))
            said.append(f"on {name} better: {better}, worse: {worse}, of {len(table['changes'])} tried")
    return f"Shown by an interval over persons, {'; '.join(said)}." if said else ""
