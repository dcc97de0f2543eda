"""Whether a difference is shown, and each open question's answer in a sentence over all data sets.

Words follow figures: what is "shown" is decided by intervals over persons, never by hand.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from vop_core.evaluation.plan import OPEN
from vop_core.plots.style import listing
from vop_core.report.comparisons import ADABN, SIGNIFICANCE, VOP, WITHOUT_GAUSSIAN
from vop_core.report.tables import points

Table = Mapping[str, Any]
Tables = Mapping[str, Table]
Estimate = Mapping[str, Any]
SHOWN, REVERSE, NOT_SHOWN, NOT_MEASURED = "shown", "the reverse shown", "not shown", "not measured"
NARROWING = 0.05  # a smaller relative change of width is called none
PERSONAL_METHODS = (VOP, "conditional-vop", ADABN)  # whose controls the short answers name
POINT = "sigma 0, beta 0"  # the ablation that takes the Gaussian away and nothing else
POSTERIORS = (VOP, "conditional-vop")  # the forms of VoP that have a Gaussian
TARGET = 0.03  # of personal gain and of right − wrong, both, set before anything was trained


def verdict(estimate: Estimate | None, *, better: int = 1) -> str:
    """Whether a difference that is good in the direction ``better`` is shown, its reverse is, or neither.

    Two authorities must agree: the interval leaves 0 out, and the sign-flip test over persons rejects, adjusted where
    several methods or settings are asked the same. Skewed differences of few persons pass the first alone.
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


def asked_alone(estimate: Estimate) -> Estimate:
    """The same without Holm's correction, for a question that was asked of one method before anything was measured."""
    return {name: value for name, value in estimate.items() if name != "p_holm"}


def personalization_or_regularization(tables: Tables) -> str:
    asked = {
        "VoP − global": ("mixed", "whole"),
        "own clips above a mixture of other persons'": ("mixed", "personalization"),
        "own clips above the prior's": ("prior", "personalization"),
    }
    said = [f"{words}: {tally(found)}" for words, part in asked.items() if (found := _parts(tables, *part))]
    gains = _found(
        tables,
        lambda table: (
            asked_alone(row["personal_gain"]["accuracy"]) for row in _open_row(table, VOP) if row["personal_gain"]
        ),
    )
    said += [f"own clips above the best of global and both (the personal gain): {tally(gains)}"] if gains else []
    return f"On unknown persons, {'; '.join(said)}." if said else ""


def _parts(tables: Tables, control: str, part: str) -> dict[str, Any]:
    """A part of VoP's gain on each data set."""
    return _found(
        tables,
        lambda table: (
            entry["accuracy"][part]
            for entry in table["decomposition"]
            if (entry["variant"], entry["control"], entry["set"]) == (VOP, control, OPEN)
        ),
    )


def against_baselines(tables: Tables) -> str:
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
    said = [f"VoP above the deterministic hypernetwork: {tally(without)}"] if without else []
    said += [f"a lower NLL by averaging draws: {tally(draws, better=-1)}"] if draws else []
    return f"On unknown persons, {'; '.join(said)}." if said else ""


def gaussian_alone(tables: Tables) -> str:
    found = _found(tables, lambda table: (entry["accuracy"] for entry in table["changes"] if entry["variant"] == POINT))
    return f"Without the Gaussian the same recipe is better: {tally(found)}." if found else ""


def _compared(table: Table, baseline: str) -> Iterator[Table]:
    return (each for each in table["comparisons"] if each["b"] == baseline and each["set"] == OPEN)


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


def reaches_target(row: Table) -> bool:
    """Whether personal gain and right − wrong are both at the target, with intervals that leave 0 out."""
    found = [part and asked_alone(part["accuracy"]) for part in (row["personal_gain"], row["right_minus_wrong"])]
    return all(part and part["mean"] >= TARGET and verdict(part) == SHOWN for part in found)


def target(tables: Tables) -> str:
    rows = {
        name: [row for variant in POSTERIORS for row in _open_row(table, variant)] for name, table in tables.items()
    }
    said = [
        f"{listing([row['variant'] for row in found if reaches_target(row)])} on {name}"
        for name, found in rows.items()
        if found
    ]
    if not said:
        return ""
    return (
        f"Both at least {100 * TARGET:.0f} points, intervals above 0: {'; '.join(said)}. Three further recipes, "
        "trained longer, stand in the README's first table."
    )


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
    few = {name: gap for name, gap in found.items() if gap["ci95"] is None}
    sure = {name: gap for name, gap in found.items() if name not in few}
    said = [tally(sure)] if sure else []
    said += [f"{points(gap)} for {gap['persons']} on {name}, too few for an interval" for name, gap in few.items()]
    return f"A gain of VoP for the persons whom the global model serves badly: {'; '.join(said)}." if said else ""


def microphone_or_person(tables: Tables) -> str:
    said = _by_method(
        tables,
        lambda table, variant: (
            entry["differences"]["person"] for entry in table["channels"] if entry["variant"] == variant
        ),
    )
    return f"Right − wrong person above 0, all clips through the added channel: {said}." if said else ""


def few_persons(tables: Tables) -> str:
    said = []
    for name, table in tables.items():
        gains: dict[str, dict[float, Estimate]] = {}
        for row in table["rows"]:
            method, _, persons = row["variant"].partition(", ")
            if row["set"] == OPEN and row["versus_global"]:
                count = float(persons.split()[0]) if persons else math.inf
                gains.setdefault(method, {})[count] = row["versus_global"]["accuracy"]
        for method, by_count in gains.items():
            steps = ", ".join(
                f"{100 * by_count[count]['mean']:+.1f} with {'all' if math.isinf(count) else int(count)}"
                for count in sorted(by_count)
            )
            shown = sum(verdict(gain) == SHOWN for gain in by_count.values())
            said.append(f"{method} {steps} ({shown} of {len(by_count)} shown) on {name}")
    return f"Points against global, trained on as many persons: {'; '.join(said)}." if said else ""


def samovar_collapse(tables: Tables) -> str:
    said = []
    for name, table in tables.items():
        rows = [row for row in table["rows"] if row["set"] == OPEN and "samovar" in row["variant"]]
        if rows and table["labels"]:
            lowest = min(rows, key=lambda row: row["accuracy"]["mean"])
            said.append(
                f"{lowest['variant']} {100 * lowest['accuracy']['mean']:.1f} % on {name}, where chance is "
                f"{100 / table['labels']:.1f} %"
            )
    return (
        "A classifier written from scratch, with a KL of a hundredth of the bound's price: then little holds the "
        "posterior, which is shown the labels, to the prior, which has to answer without them. The lowest rows: "
        f"{'; '.join(said)}. That this happened to the published row is not shown."
        if said
        else ""
    )


def settings_left_open(tables: Tables) -> str:
    said = []
    for name, table in tables.items():
        groups: dict[str, list[str]] = {SHOWN: [], REVERSE: []}
        for entry in table["changes"]:
            groups.setdefault(verdict(entry["accuracy"]), []).append(entry["variant"])
        if table["changes"]:
            better, worse = (", ".join(groups[kind]) or "none" for kind in (SHOWN, REVERSE))
            said.append(f"on {name} better: {better}, worse: {worse}, of {len(table['changes'])} tried")
    return f"Shown over persons, after Holm's correction, {'; '.join(said)}." if said else ""
