"""What the paper left open, question by question: in a sentence over all data sets, and fact by
fact for each of them.

Words follow figures: whether something is "shown" is decided by its interval (``verdicts``), never
by hand.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.evaluation.plan import OPEN
from vop_core.plots.style import listing
from vop_core.report.comparisons import ADABN, WITHOUT_GAUSSIAN
from vop_core.report.summary import ABLATIONS, PAPER, READS
from vop_core.report.tables import correlation, nats, number, percent, points
from vop_core.report.verdicts import (
    NOT_MEASURED,
    NOT_SHOWN,
    REVERSE,
    SHOWN,
    Estimate,
    asked_alone,
    tally,
    verdict,
)
from vop_core.variational.importance import GOOD_K

Table = Mapping[str, Any]
Tables = Mapping[str, Table]
CHANNEL, FEW_PERSONS = "channel", "few-persons"
NARROWING = 0.05  # a smaller relative change of width is called none
PERSONAL_METHODS = (VOP, "conditional-vop", ADABN)  # whose controls the short answers name
POINT = "sigma 0, beta 0"  # the ablation that takes the Gaussian away and nothing else
POSTERIORS = (VOP, "conditional-vop")  # the forms of VoP that have a Gaussian
TARGET = 0.03  # of personal gain and of right − wrong, both, set before anything was trained
ENROLLED = {"mixed": "a mixture of other persons' clips", "prior": "no clip, but the prior"}
WITHOUT_THE_PERSON = {
    SHOWN: "shown: regularization",
    REVERSE: "the reverse shown: harm done by such clips",
}


class Question:
    """Something the paper left open, and how the tables of a suite answer it."""

    words: ClassVar[str]
    suite: ClassVar[str]

    @staticmethod
    def in_short(tables: Tables) -> str:
        """The answer in a sentence over all data sets; empty without figures."""
        raise NotImplementedError

    @staticmethod
    def in_full(name: str, table: Table) -> Sequence[str]:
        """The facts behind it, those of one data set; none without figures."""
        raise NotImplementedError


class PersonalizationOrRegularization(Question):
    words = (
        "How much of the published kind of gain is personalization, and how much is regularization?"
    )
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
        asked = {
            "VoP − global": ("mixed", "whole"),
            "own clips above a mixture of other persons'": ("mixed", "personalization"),
            "own clips above the prior's": ("prior", "personalization"),
        }
        said = [
            f"{words}: {tally(found)}"
            for words, part in asked.items()
            if (found := _parts(tables, *part))
        ]
        gains = _found(
            tables,
            lambda table: (
                asked_alone(row["personal_gain"]["accuracy"])
                for row in _open_row(table, VOP)
                if row["personal_gain"]
            ),
        )
        said += (
            [f"own clips above the best of global and both (the personal gain): {tally(gains)}"]
            if gains
            else []
        )
        return f"On unknown persons, {'; '.join(said)}." if said else ""

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        """Against both controls: a mixture of other persons' clips may harm, and what it harms is
        nobody's gain.
        """
        lines: list[str] = []
        told: set[str] = set()
        for entry in table["decomposition"]:
            if entry["variant"] != VOP:
                continue
            where, parts, nll = f"{name}, {entry['set']} set", entry["accuracy"], entry["nll"]
            if entry["set"] not in told:
                told.add(entry["set"])
                lines.append(
                    f"{where}: VoP − global {points(parts['whole'])}, {verdict(parts['whole'])}."
                )
            without = verdict(parts["regularization"])
            lines.append(
                f"{where}, {ENROLLED[entry['control']]} enrolled: − global "
                f"{points(parts['regularization'])}, "
                f"{WITHOUT_THE_PERSON.get(without, without)}; own clips − that "
                f"{points(parts['personalization'])}, "
                f"{verdict(parts['personalization'])}. In NLL: {nats(nll['regularization'])} and "
                f"{nats(nll['personalization'])} ({verdict(nll['personalization'], better=-1)})."
            )
        row, dropout = _row(table, VOP), _row(table, "dropout")
        if lines and row and row["personal_gain"]:
            gain = row["personal_gain"]
            lines.append(
                f"{name}, open set, personal gain: own clips − the best of global, mixed and the "
                f"prior, "
                f"here {gain['best']}: {points(gain['accuracy'])}, "
                f"{verdict(asked_alone(gain['accuracy']))}."
            )
        if lines and dropout and dropout["versus_global"]:
            against = dropout["versus_global"]["accuracy"]
            lines.append(
                f"{name}: dropout, which knows nobody, − global: {points(against)}, "
                f"{verdict(asked_alone(against))}."
            )
        return lines


class AgainstBaselines(Question):
    words = "Is VoP better than what needs no hypernetwork, or no Gaussian?"
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
        found = _found(tables, lambda table: (e["accuracy"] for e in _compared(table, ADABN)))
        return f"VoP above AdaBN on unknown persons: {tally(found)}." if found else ""

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        lines = [
            f"{name}, {entry['set']} set, {entry['a']} − {entry['b']}: "
            f"{points(entry['accuracy'])}, "
            f"{verdict(entry['accuracy'])}; NLL {nats(entry['nll'])}, "
            f"{verdict(entry['nll'], better=-1)}."
            for entry in table["comparisons"]
            if entry["b"] != WITHOUT_GAUSSIAN
        ]
        if table["picked_baseline"]:
            lines.insert(
                0,
                f"{name}: the baseline picked on the other data sets' persons is "
                f"{table['picked_baseline']}.",
            )
        return list(dict.fromkeys(lines))


class WorthOfTheGaussian(Question):
    words = "What are the Gaussian and its draws worth?"
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
        without = _found(
            tables, lambda table: (e["accuracy"] for e in _compared(table, WITHOUT_GAUSSIAN))
        )
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

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        lines = [
            f"{name}, {entry['set']} set: VoP − the deterministic hypernetwork, each with the "
            f"settings chosen for it: "
            f"{points(entry['accuracy'])}, {verdict(entry['accuracy'])}; NLL {nats(entry['nll'])}, "
            f"{verdict(entry['nll'], better=-1)}."
            for entry in table["comparisons"]
            if entry["b"] == WITHOUT_GAUSSIAN
        ]
        return lines + [
            f"{name}, {entry['shots']} clip(s): averaging {VOP}'s draws − its mean weights: "
            f"{points(entry['accuracy']['difference'])}; NLL {nats(entry['nll']['difference'])}, "
            f"{verdict(entry['nll']['difference'], better=-1)}; 90 % label sets hold the right "
            f"word for "
            f"{percent(entry['coverage']['draws'])} % (draws) and "
            f"{percent(entry['coverage']['mean'])} % (mean) of clips."
            for entry in table["draws"]
            if entry["variant"] == VOP
        ]


class GaussianAlone(Question):
    words = "What is the Gaussian worth with all else alike?"
    suite = ABLATIONS

    @staticmethod
    def in_short(tables: Tables) -> str:
        found = _found(
            tables,
            lambda table: (
                entry["accuracy"] for entry in table["changes"] if entry["variant"] == POINT
            ),
        )
        return f"Without the Gaussian the same recipe is better: {tally(found)}." if found else ""

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        return [
            f"{name}: the recipe with sigma = 0 and beta = 0 and nothing else changed − the "
            f"recipe: "
            f"{points(entry['accuracy'])}, {verdict(entry['accuracy'])}; NLL {nats(entry['nll'])}, "
            f"{verdict(entry['nll'], better=-1)}."
            for entry in table["changes"]
            if entry["variant"] == POINT
        ]


class Narrowing(Question):
    words = "Does a posterior that narrows with clips predict better?"
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
        factors: list[float] = []
        said = []
        for name, table in tables.items():
            widths = {
                each["shots"]: each["std_ratio"]
                for each in table["posteriors"]
                if each["variant"] == VOP
            }
            if len(widths) > 1:
                few, many = min(widths), max(widths)
                factors.append(widths[many] / widths[few])
                said.append(
                    f"{factors[-1]:.2f} times as wide after {many} clips as after {few} on {name}"
                )
        if not said:
            return ""
        text = f"A posterior is {listing(said)}."
        if all(abs(by - 1) < NARROWING for by in factors):
            text += (
                " There is then no narrowing to be worth anything. The bound asks for this: on "
                "the twin, its optimum has a "
                "width that depends on the labelled clips that score, and not on those that enroll "
                "([notebook 05](../../notebooks/05_training.ipynb))."
            )
        return text

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        nll = {
            point["shots"]: point["nll_versus_global"]
            for point in table["curves"]
            if point["variant"] == VOP
        }
        known = [entry for entry in table["posteriors"] if entry["variant"] == VOP]
        return [
            f"{name}, {entry['shots']} clip(s): sd {percent(entry.get('std_ratio'), 0)} % of the "
            f"prior's, "
            f"{number(entry.get('kl_nats'), '.1f')} nats from it, "
            f"{number(entry.get('active_units'), '.1f')} of "
            f"{number(entry.get('units'), '.0f')} numbers tell persons apart; NLL − global "
            f"{nats(nll.get(entry['shots']))}."
            for entry in known
        ]


class WorthOfTheWidth(Question):
    words = "Is a posterior wider where the model is wrong, and does it cover what the labels say?"
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
        found = _found(
            tables, lambda table: (e["correlation"] for e in table["widths"] if e["variant"] == VOP)
        )
        return (
            f"VoP's posterior being wider for persons with more errors: {tally(found)}."
            if found
            else ""
        )

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        lines = []
        for entry in table["widths"]:
            if entry["correlation"]:
                lines.append(
                    f"{name}, {entry['variant']}: rank correlation between a person's posterior "
                    f"width and error "
                    f"{correlation(entry['correlation'])}, {verdict(entry['correlation'])}."
                )
            if tail := entry["pareto_k"]:
                lines.append(
                    f"{name}, {entry['variant']}: Pareto k against the posterior that has seen the "
                    f"labels is above "
                    f"{GOOD_K} for {percent(tail['above'], 0)} % of {tail['posteriors']} "
                    f"posteriors "
                    f"(median {number(tail['median'], '.2f')})."
                )
        return lines


class HowMuchThereIsToGain(Question):
    words = "How much could be gained at all, by whatever means?"
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
        said = []
        for name, table in tables.items():
            rows = [row for row in table["rows"] if row["set"] == OPEN and row.get("versus_global")]
            if rows:
                best = max(rows, key=lambda row: row["versus_global"]["accuracy"]["mean"])
                said.append(
                    f"{best['variant']} {points(best['versus_global']['accuracy'])} on {name}"
                )
        return f"The highest of all, picked after the fact: {'; '.join(said)}." if said else ""

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        read = {method["variant"]: method["reads"] for method in table["methods"]}
        lines = []
        for kind in READS[1:]:
            rows = [
                row
                for row in table["rows"]
                if row["set"] == OPEN
                and read.get(row["variant"]) == kind
                and row.get("versus_global")
            ]
            if rows:
                best = max(rows, key=lambda row: row["versus_global"]["accuracy"]["mean"])
                gap = best["versus_global"]["accuracy"]
                lines.append(
                    f"{name}: the highest of {len(rows)} method(s) that read {kind} is "
                    f"{best['variant']}, − global "
                    f"{points(gap)}, {verdict(gap)} (picked after the fact, which flatters it)."
                )
        return lines


class Target(Question):
    words = (
        "Does a form of VoP reach what this project asked for: 3 points of gain, and 3 that "
        "only the own clips give?"
    )
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
        rows = {
            name: [row for variant in POSTERIORS for row in _open_row(table, variant)]
            for name, table in tables.items()
        }
        said = [
            f"{listing([row['variant'] for row in found if reaches_target(row)])} on {name}"
            for name, found in rows.items()
            if found
        ]
        if not said:
            return ""
        return (
            f"Both at least {100 * TARGET:.0f} points, intervals above 0: {'; '.join(said)}. Three "
            f"further recipes, "
            "trained longer, stand in the README's first table."
        )

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        health = {e["variant"]: e for e in table["posteriors"] if e["shots"] == table["main_shots"]}
        lines = []
        for variant in POSTERIORS:
            row = _row(table, variant)
            if row is None or not row["personal_gain"]:
                continue
            gain, wrong = row["personal_gain"], row["right_minus_wrong"] or {}
            line = (
                f"{name}, {variant}: personal gain {points(gain['accuracy'])} over "
                f"{gain['best']}, right − wrong person "
                f"{points(wrong.get('accuracy'))}: {'' if reaches_target(row) else 'not '}reached."
            )
            if entry := health.get(variant):
                line += (
                    f" Its posterior: sd {percent(entry.get('std_ratio'), 0)} % of the prior's, "
                    f"{number(entry.get('kl_nats'), '.1f')} nats from it, "
                    f"{number(entry.get('active_units'), '.1f')} of "
                    f"{number(entry.get('units'), '.0f')} numbers tell persons apart."
                )
            lines.append(line)
        return lines


class WrongPerson(Question):
    words = "Whose gain vanishes with the wrong person's clips?"
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
        said = _by_method(
            tables,
            lambda table, variant: (
                row["right_minus_wrong"]["accuracy"]
                for row in _open_row(table, variant)
                if row["right_minus_wrong"]
            ),
        )
        return f"Right − wrong person above 0: {said}." if said else ""

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        """What the wrong person's clips take away; where there is no gain over global, they do "
        "harm, and that is all."""
        grouped: dict[str, list[str]] = {}
        for row in table["rows"]:
            gap, versus = row.get("right_minus_wrong"), row["versus_global"]
            if row["set"] == OPEN and gap:
                against = verdict(versus["accuracy"]) if versus else NOT_MEASURED
                kind = (
                    f"right − wrong person {verdict(gap['accuracy'])}, gain over global {against}"
                )
                words = (
                    f"{row['variant']} {points(gap['accuracy'])} (− global "
                    f"{points(versus and versus['accuracy'])})"
                )
                grouped.setdefault(kind, []).append(words)
        return [f"{name}, {kind}: {'; '.join(words)}." for kind, words in grouped.items()]


class NumberOfClips(Question):
    words = "How many clips are enough?"
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
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
                        f"{variant} {100 * gains[few]:+.1f} with {few} and "
                        f"{100 * gains[many]:+.1f} with {many} ({name})"
                    )
        return f"Points against global: {'; '.join(said)}." if said else ""

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        lines = []
        for variant in (VOP, ADABN):
            found = [
                point
                for point in table["curves"]
                if point["variant"] == variant and point["versus_global"]
            ]
            if found:
                steps = "; ".join(
                    f"{point['shots']}: {points(point['versus_global'])}" for point in found
                )
                lines.append(f"{name}, {variant} − global by number of clips: {steps}.")
        return lines


class Outliers(Question):
    words = "Does personalization help those who need it?"
    suite = PAPER

    @staticmethod
    def in_short(tables: Tables) -> str:
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
        said += [
            f"{points(gap)} for {gap['persons']} on {name}, too few for an interval"
            for name, gap in few.items()
        ]
        return (
            f"A gain of VoP for the persons whom the global model serves badly: {'; '.join(said)}."
            if said
            else ""
        )

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        lines = []
        for entry in table["outliers"]:
            if not entry["persons"]:
                lines.append(
                    f"{name}: nobody of {entry['among']} is an outlier by the rule: "
                    f"{entry['rule']}."
                )
                continue
            after = {method["variant"]: method for method in entry["methods"]}
            if VOP in after:
                right, heard = after[VOP]["accuracy"], after[VOP]["detection"]
                lines.append(
                    f"{name}, outliers by the rule: {entry['rule']} "
                    f"({len(entry['persons'])} of {entry['among']}, chosen on other clips): "
                    f"global {percent(right['before'])} %, VoP {percent(right['after'])} %, "
                    f"difference {points(right['difference'])}; everybody else "
                    f"{points(right['others'])}. Detected at the "
                    f"fixed false-alarm rate: {percent(heard['before'])} % before, "
                    f"{percent(heard['after'])} % after, "
                    f"difference {points(heard['difference'])}; everybody else "
                    f"{points(heard['others'])}."
                )
        return lines


class MicrophoneOrPerson(Question):
    words = "Does a telephone channel, added to all queries, take the person away?"
    suite = CHANNEL

    @staticmethod
    def in_short(tables: Tables) -> str:
        said = _by_method(
            tables,
            lambda table, variant: (
                entry["differences"]["person"]
                for entry in table["channels"]
                if entry["variant"] == variant
            ),
        )
        return (
            f"Right − wrong person above 0, all clips through the added channel: {said}."
            if said
            else ""
        )

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        lines = []
        for entry in table["channels"]:
            parts = entry["differences"]
            lines.append(
                f"{name}, {entry['variant']}, queries through the {entry['channel']} channel: "
                f"own clips through it − own "
                f"clips as recorded {points(parts['channel'])}, {verdict(parts['channel'])}; "
                f"right − wrong person through "
                f"it {points(parts['person'])}, {verdict(parts['person'])}; right person as "
                f"recorded − wrong person "
                f"through it {points(parts['person_against_channel'])}, "
                f"{verdict(parts['person_against_channel'])}."
            )
        return lines


class FewPersons(Question):
    words = "Does personalization pay where few persons were trained on?"
    suite = FEW_PERSONS

    @staticmethod
    def in_short(tables: Tables) -> str:
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
                    f"{100 * by_count[count]['mean']:+.1f} with "
                    f"{'all' if math.isinf(count) else int(count)}"
                    for count in sorted(by_count)
                )
                shown = sum(verdict(gain) == SHOWN for gain in by_count.values())
                said.append(f"{method} {steps} ({shown} of {len(by_count)} shown) on {name}")
        return (
            f"Points against global, trained on as many persons: {'; '.join(said)}." if said else ""
        )

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        lines = []
        for row in table["rows"]:
            method, _, persons = row["variant"].partition(", ")
            if row["set"] == OPEN and row["versus_global"] and method != GLOBAL:
                said = persons or "all training persons"
                wrong = row["right_minus_wrong"] or {}
                lines.append(
                    f"{name}, {method} trained on {said}: − global of the same persons "
                    f"{points(row['versus_global']['accuracy'])}, "
                    f"{verdict(row['versus_global']['accuracy'])}; "
                    f"right − wrong person {points(wrong.get('accuracy'))}."
                )
        return lines


class SamovarCollapse(Question):
    words = "What makes a SAMOVAR row collapse, as the published 2fc does?"
    suite = ABLATIONS

    @staticmethod
    def in_short(tables: Tables) -> str:
        said = []
        for name, table in tables.items():
            rows = [
                row for row in table["rows"] if row["set"] == OPEN and "samovar" in row["variant"]
            ]
            if rows and table["labels"]:
                lowest = min(rows, key=lambda row: row["accuracy"]["mean"])
                said.append(
                    f"{lowest['variant']} {100 * lowest['accuracy']['mean']:.1f} % on {name}, "
                    f"where chance is "
                    f"{100 / table['labels']:.1f} %"
                )
        return (
            "A classifier written from scratch, with a KL of a hundredth of the bound's price: "
            "then little holds the "
            "posterior, which is shown the labels, to the prior, which has to answer without them. "
            "The lowest rows: "
            f"{'; '.join(said)}. That this happened to the published row is not shown."
            if said
            else ""
        )

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        rows = [row for row in table["rows"] if row["set"] == OPEN and "samovar" in row["variant"]]
        labels = table["labels"]
        if not rows or not labels:
            return []
        lines = [
            f"{name}, {row['variant']}: {percent(row['accuracy']['mean'])} %, − global "
            f"{points(row['versus_global'] and row['versus_global']['accuracy'])}."
            for row in rows
        ]
        lowest = min(rows, key=lambda row: row["accuracy"]["mean"])
        below = "below" if lowest["accuracy"]["mean"] < 1 / labels else "above"
        return [
            *lines,
            f"{name}: the lowest row, {lowest['variant']}, is {below} the chance of {labels} "
            f"words, "
            f"{percent(1 / labels)} %.",
        ]


class SettingsLeftOpen(Question):
    words = "Which of the settings that the paper leaves open matter?"
    suite = ABLATIONS

    @staticmethod
    def in_short(tables: Tables) -> str:
        said = []
        for name, table in tables.items():
            groups: dict[str, list[str]] = {SHOWN: [], REVERSE: []}
            for entry in table["changes"]:
                groups.setdefault(verdict(entry["accuracy"]), []).append(entry["variant"])
            if table["changes"]:
                better, worse = (", ".join(groups[kind]) or "none" for kind in (SHOWN, REVERSE))
                said.append(
                    f"on {name} better: {better}, worse: {worse}, of {len(table['changes'])} tried"
                )
        return f"Shown over persons, after Holm's correction, {'; '.join(said)}." if said else ""

    @staticmethod
    def in_full(name: str, table: Table) -> list[str]:
        grouped: dict[str, list[str]] = {}
        for entry in table["changes"]:
            words = f"{entry['variant']} {points(entry['accuracy'])}"
            grouped.setdefault(verdict(entry["accuracy"]), []).append(words)
        words = {SHOWN: "better", REVERSE: "worse", NOT_SHOWN: "no difference shown"}
        return [
            f"{name}, against the recipe, {words.get(kind, kind)}: {'; '.join(f)}."
            for kind, f in grouped.items()
        ]


QUESTIONS: tuple[type[Question], ...] = (
    PersonalizationOrRegularization,
    AgainstBaselines,
    WorthOfTheGaussian,
    GaussianAlone,
    Narrowing,
    WorthOfTheWidth,
    HowMuchThereIsToGain,
    Target,
    WrongPerson,
    NumberOfClips,
    Outliers,
    MicrophoneOrPerson,
    FewPersons,
    SamovarCollapse,
    SettingsLeftOpen,
)


# --- picking from the tables ----------------------------------------------------------------------


def _row(table: Table, variant: str, set_name: str = OPEN) -> Mapping[str, Any] | None:
    return next(
        (row for row in table["rows"] if (row["variant"], row["set"]) == (variant, set_name)), None
    )


def reaches_target(row: Table) -> bool:
    """Whether personal gain and right − wrong are both at the target, with intervals that leave 0
    out.
    """
    found = [
        part and asked_alone(part["accuracy"])
        for part in (row["personal_gain"], row["right_minus_wrong"])
    ]
    return all(part and part["mean"] >= TARGET and verdict(part) == SHOWN for part in found)


def _found(tables: Tables, pick: Callable[[Table], Iterator[Any]]) -> dict[str, Any]:
    """Of each data set the first thing that ``pick`` finds."""
    first = {name: next(pick(table), None) for name, table in tables.items()}
    return {name: found for name, found in first.items() if found is not None}


def _open_row(table: Table, variant: str) -> Iterator[Table]:
    return (row for row in table["rows"] if (row["variant"], row["set"]) == (variant, OPEN))


def _by_method(tables: Tables, pick: Callable[[Table, str], Iterator[Estimate]]) -> str:
    """Of each of ``PERSONAL_METHODS`` that has any, the tally of what ``pick`` finds."""
    found = {method: _found(tables, partial(pick, variant=method)) for method in PERSONAL_METHODS}
    return "; ".join(
        f"{method} {tally(estimates)}" for method, estimates in found.items() if estimates
    )


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


def _compared(table: Table, baseline: str) -> Iterator[Table]:
    return (each for each in table["comparisons"] if each["b"] == baseline and each["set"] == OPEN)
