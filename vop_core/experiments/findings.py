"""FINDINGS.md: what the paper left open, each answer with its interval, written from the summaries for a new reader.

Words follow figures: whether something is "shown" is decided by its interval (``verdicts``), never by hand.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vop_core.evaluation.scores import OPEN
from vop_core.experiments import verdicts
from vop_core.experiments.bench_questions import ADABN, VOP, WITHOUT_GAUSSIAN
from vop_core.experiments.bench_report import ABLATIONS, PAPER, READS
from vop_core.experiments.bench_runs import GLOBAL
from vop_core.experiments.bench_text import completeness, correlation, nats, number, percent, points
from vop_core.experiments.verdicts import NOT_SHOWN, REVERSE, SHOWN, Table, verdict
from vop_core.variational.importance import GOOD_K

CHANNEL, FEW_PERSONS = "channel", "few-persons"
INTRODUCTION = (
    "Written by `vop report` from the result files; no number or verdict here is typed. A difference is *shown* where "
    "its 95 % interval over persons leaves 0 out. All figures are for unknown persons with {shots} enrollment clips "
    "unless said otherwise; differences are in points of accuracy, or in nats of NLL, where below 0 is better. What "
    "the words mean, and every other figure: [docs/bench.html](../../docs/bench.html)."
)


def findings(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole document; empty without the main suite."""
    if PAPER not in summaries:
        return ""
    tables: Mapping[str, Table] = summaries[PAPER]["datasets"]
    shots = sorted({table["main_shots"] for table in tables.values()})
    parts = ["# Findings", "", INTRODUCTION.format(shots=" or ".join(map(str, shots))), ""]
    parts += ["What stands behind each data set:", ""]
    parts += [f"- {name}: {_behind(table)}" for name, table in tables.items()] + [""]
    answered = 0
    for question, (suite, answer) in QUESTIONS.items():
        asked: Mapping[str, Table] = summaries.get(suite, {}).get("datasets", {})
        lines = [line for name, table in asked.items() for line in answer(name, table)]
        if lines:
            answered += 1
            short = SHORT_ANSWERS[answer](asked) if answer in SHORT_ANSWERS else ""
            parts += [f"## {answered}. {question}", ""]
            parts += [f"**In short.** {short}", ""] if short else []
            parts += [*(f"- {line}" for line in lines), ""]
    return "\n".join(parts)


def _behind(table: Table) -> str:
    by_method = {method["variant"]: method for method in table["methods"]}
    persons = max((row["accuracy"]["persons"] for row in table["rows"] if row["set"] == OPEN), default=0)
    return f"{persons} unknown persons; the row `global` has {completeness(by_method[GLOBAL])}."


def _row(table: Table, variant: str, set_name: str = OPEN) -> Mapping[str, Any] | None:
    return next((row for row in table["rows"] if (row["variant"], row["set"]) == (variant, set_name)), None)


# --- the questions ---------------------------------------------------------------------------------------------------


def personalization_or_regularization(name: str, table: Table) -> list[str]:
    lines = []
    for entry in table["decomposition"]:
        if entry["variant"] == VOP and entry["control"] == "mixed":
            parts = entry["accuracy"]
            lines.append(
                f"{name}, {entry['set']} set: VoP − global {points(parts['whole'])}. Of it, what a mixture of other "
                f"persons' clips gives as well (regularization): {points(parts['regularization'])}, "
                f"{verdict(parts['regularization'])}; what only the own clips give (personalization): "
                f"{points(parts['personalization'])}, {verdict(parts['personalization'])}. In NLL: "
                f"{nats(entry['nll']['regularization'])} and {nats(entry['nll']['personalization'])} "
                f"({verdict(entry['nll']['personalization'], better=-1)})."
            )
    dropout = _row(table, "dropout")
    if lines and dropout and dropout["versus_global"]:
        lines.append(
            f"{name}: dropout, which knows nobody, − global: {points(dropout['versus_global']['accuracy'])}, "
            f"{verdict(dropout['versus_global']['accuracy'])}."
        )
    return lines


def wrong_person(name: str, table: Table) -> list[str]:
    grouped: dict[str, list[str]] = {}
    for row in table["rows"]:
        gap = row.get("right_minus_wrong")
        if row["set"] == OPEN and gap:
            against = points(row["versus_global"]["accuracy"]) if row["versus_global"] else "not compared"
            words = f"{row['variant']} {points(gap['accuracy'])} (− global {against})"
            grouped.setdefault(verdict(gap["accuracy"]), []).append(words)
    return [f"{name}, right − wrong person {found}: {'; '.join(words)}." for found, words in grouped.items()]


def against_rivals(name: str, table: Table) -> list[str]:
    lines = [
        f"{name}, {entry['set']} set, {entry['a']} − {entry['b']}: {points(entry['accuracy'])}, "
        f"{verdict(entry['accuracy'])}; NLL {nats(entry['nll'])}, {verdict(entry['nll'], better=-1)}."
        for entry in table["comparisons"]
        if entry["b"] != WITHOUT_GAUSSIAN
    ]
    if table["rival"]:
        lines.insert(0, f"{name}: the rival picked on the other data sets' persons is {table['rival']}.")
    return list(dict.fromkeys(lines))  # the rival may be the one asked for by name


def worth_of_the_gaussian(name: str, table: Table) -> list[str]:
    lines = [
        f"{name}, {entry['set']} set: VoP − the same network with sigma = 0 and beta = 0: {points(entry['accuracy'])}, "
        f"{verdict(entry['accuracy'])}; NLL {nats(entry['nll'])}, {verdict(entry['nll'], better=-1)}."
        for entry in table["comparisons"]
        if entry["b"] == WITHOUT_GAUSSIAN
    ]
    return lines + [
        f"{name}, {entry['shots']} clip(s): averaging {VOP}'s draws − its mean weights: "
        f"{points(entry['accuracy']['difference'])}; NLL {nats(entry['nll']['difference'])}, "
        f"{verdict(entry['nll']['difference'], better=-1)}; 90 % label sets hold the right word for "
        f"{percent(entry['coverage']['draws'])} % (draws) and {percent(entry['coverage']['mean'])} % (mean) of clips."
        for entry in table["draws"]
        if entry["variant"] == VOP
    ]


def narrowing(name: str, table: Table) -> list[str]:
    nll = {point["shots"]: point["nll"] for point in table["curves"] if point["variant"] == VOP}
    known = [entry for entry in table["posteriors"] if entry["variant"] == VOP]
    return [
        f"{name}, {entry['shots']} clip(s): sd {percent(entry.get('std_ratio'), 0)} % of the prior's, "
        f"{number(entry.get('kl_nats'), '.1f')} nats from it, {number(entry.get('active_units'), '.1f')} of "
        f"{number(entry.get('units'), '.0f')} numbers tell persons apart; NLL {number(nll.get(entry['shots']))}."
        for entry in known
    ]


def worth_of_the_width(name: str, table: Table) -> list[str]:
    lines = []
    for entry in table["widths"]:
        if entry["correlation"]:
            lines.append(
                f"{name}, {entry['variant']}: rank correlation between a person's posterior width and error "
                f"{correlation(entry['correlation'])}, {verdict(entry['correlation'])}."
            )
        if tail := entry["pareto_k"]:
            lines.append(
                f"{name}, {entry['variant']}: Pareto k against the posterior that has seen the labels is above "
                f"{GOOD_K} for {percent(tail['above'], 0)} % of {tail['posteriors']} posteriors "
                f"(median {number(tail['median'], '.2f')})."
            )
    return lines


def how_much_there_is_to_gain(name: str, table: Table) -> list[str]:
    read = {method["variant"]: method["reads"] for method in table["methods"]}
    lines = []
    for kind in READS[1:]:
        rows = [
            row
            for row in table["rows"]
            if row["set"] == OPEN and read.get(row["variant"]) == kind and row.get("versus_global")
        ]
        if rows:
            best = max(rows, key=lambda row: row["versus_global"]["accuracy"]["mean"])
            gap = best["versus_global"]["accuracy"]
            lines.append(
                f"{name}: the highest of {len(rows)} method(s) that read {kind} is {best['variant']}, − global "
                f"{points(gap)}, {verdict(gap)} (picked after the fact, which flatters it)."
            )
    return lines


def number_of_clips(name: str, table: Table) -> list[str]:
    lines = []
    for variant in (VOP, ADABN):
        found = [point for point in table["curves"] if point["variant"] == variant and point["versus_global"]]
        if found:
            steps = "; ".join(f"{point['shots']}: {points(point['versus_global'])}" for point in found)
            lines.append(f"{name}, {variant} − global by number of clips: {steps}.")
    return lines


def outliers(name: str, table: Table) -> list[str]:
    lines = []
    for entry in table["outliers"]:
        if not entry["persons"]:
            lines.append(f"{name}: nobody of {entry['among']} is an outlier by the rule: {entry['rule']}.")
            continue
        after = {method["variant"]: method["accuracy"] for method in entry["methods"]}
        if VOP in after:
            lines.append(
                f"{name}, outliers by the rule: {entry['rule']} "
                f"({len(entry['persons'])} of {entry['among']}, chosen on other clips): "
                f"global {percent(after[VOP]['before'])} %, VoP {percent(after[VOP]['after'])} %, "
                f"difference {points(after[VOP]['difference'])}; everybody else {points(after[VOP]['others'])}."
            )
    return lines


def few_persons(name: str, table: Table) -> list[str]:
    lines = []
    for row in table["rows"]:
        method, _, persons = row["variant"].partition(", ")
        if row["set"] == OPEN and row["versus_global"] and method != GLOBAL:
            said = persons or "all training persons"
            wrong = row["right_minus_wrong"] or {}
            lines.append(
                f"{name}, {method} trained on {said}: − global of the same persons "
                f"{points(row['versus_global']['accuracy'])}, {verdict(row['versus_global']['accuracy'])}; "
                f"right − wrong person {points(wrong.get('accuracy'))}."
            )
    return lines


def microphone_or_person(name: str, table: Table) -> list[str]:
    lines = []
    for entry in table["channels"]:
        parts = entry["differences"]
        lines.append(
            f"{name}, {entry['variant']}, queries through the {entry['channel']} channel: own clips through it − own "
            f"clips as recorded {points(parts['channel'])}, {verdict(parts['channel'])}; right − wrong person through "
            f"it {points(parts['person'])}, {verdict(parts['person'])}; right person as recorded − wrong person "
            f"through it {points(parts['person_against_channel'])}, {verdict(parts['person_against_channel'])}."
        )
    return lines


def settings_left_open(name: str, table: Table) -> list[str]:
    grouped: dict[str, list[str]] = {}
    for entry in table["changes"]:
        words = f"{entry['variant']} {points(entry['accuracy'])}"
        grouped.setdefault(verdict(entry["accuracy"]), []).append(words)
    words = {SHOWN: "better", REVERSE: "worse", NOT_SHOWN: "no difference shown"}
    return [f"{name}, against the recipe, {words.get(kind, kind)}: {'; '.join(f)}." for kind, f in grouped.items()]


def published_below_chance(name: str, table: Table) -> list[str]:
    rows = [row for row in table["rows"] if row["set"] == OPEN and "samovar" in row["variant"]]
    base = _row(table, GLOBAL)
    if not rows or base is None:
        return []
    said = "; ".join(f"{row['variant']} {percent(row['accuracy']['mean'])} %" for row in rows)
    return [
        f"{name}, global {percent(base['accuracy']['mean'])} %. The classifier written from scratch, at the price of "
        f"the bound and at a hundredth of it, where little holds the posterior, which is shown the labels, to the "
        f"prior, which has to answer: {said}. That this happened to the published row is not shown."
    ]


QUESTIONS: Mapping[str, tuple[str, Callable[[str, Table], Sequence[str]]]] = {
    "How much of the published kind of gain is personalization, and how much is regularization?": (
        PAPER,
        personalization_or_regularization,
    ),
    "Is VoP better than what needs no hypernetwork, or no Gaussian?": (PAPER, against_rivals),
    "What is the Gaussian worth?": (PAPER, worth_of_the_gaussian),
    "Does a posterior that narrows with clips predict better?": (PAPER, narrowing),
    "Is a posterior wider where the model is wrong, and does it cover what the labels say?": (
        PAPER,
        worth_of_the_width,
    ),
    "How much could be gained at all, by whatever means?": (PAPER, how_much_there_is_to_gain),
    "Whose gain vanishes with the wrong person's clips?": (PAPER, wrong_person),
    "How many clips are enough?": (PAPER, number_of_clips),
    "Does personalization help those who need it?": (PAPER, outliers),
    "How much of the person is the microphone?": (CHANNEL, microphone_or_person),
    "Does personalization pay where few persons were trained on?": (FEW_PERSONS, few_persons),
    "How can a SAMOVAR row fall below chance, as the published 2fc does?": (ABLATIONS, published_below_chance),
    "Which of the settings that the paper leaves open matter?": (ABLATIONS, settings_left_open),
}
SHORT_ANSWERS: Mapping[Callable[[str, Table], Sequence[str]], Callable[[verdicts.Tables], str]] = {
    personalization_or_regularization: verdicts.personalization_or_regularization,
    against_rivals: verdicts.against_rivals,
    worth_of_the_gaussian: verdicts.worth_of_the_gaussian,
    narrowing: verdicts.narrowing,
    worth_of_the_width: verdicts.worth_of_the_width,
    how_much_there_is_to_gain: verdicts.how_much_there_is_to_gain,
    wrong_person: verdicts.wrong_person,
    number_of_clips: verdicts.number_of_clips,
    outliers: verdicts.outliers,
    microphone_or_person: verdicts.microphone_or_person,
    few_persons: verdicts.few_persons,
    settings_left_open: verdicts.settings_left_open,
}
