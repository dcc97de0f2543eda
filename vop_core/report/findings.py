"""FINDINGS.md: what the paper left open, each answer with its interval, written from the summaries for a new reader.

Words follow figures: whether something is "shown" is decided by its interval (``verdicts``), never by hand.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vop_core.bench.recipes import GLOBAL
from vop_core.evaluation.plan import OPEN
from vop_core.report import verdicts
from vop_core.report.comparisons import ADABN, VOP, WITHOUT_GAUSSIAN
from vop_core.report.summary import ABLATIONS, PAPER, READS
from vop_core.report.tables import completeness, correlation, nats, number, percent, points
from vop_core.report.verdicts import NOT_SHOWN, REVERSE, SHOWN, Table, asked_alone, verdict
from vop_core.variational.importance import GOOD_K

FINDINGS = Path("data") / "results" / "FINDINGS.md"
CHANNEL, FEW_PERSONS = "channel", "few-persons"
INTRODUCTION = (
    "Written by `vop report` from the result files; no number or verdict here is typed. A difference is *shown* where "
    "its 95 % interval over persons leaves 0 out and the sign-flip test over persons agrees, after Holm's correction "
    "where several methods or settings are asked the same; what is asked of VoP alone stands without it, and fewer "
    "than six persons can show nothing. All figures are "
    "for unknown persons with {shots} enrollment clips unless said otherwise; differences are in points of accuracy, "
    "or in nats of NLL, where below 0 is better. What the words mean, and every other figure, "
    "stands on the page that `vop report` writes, docs/bench.html."
)


def findings(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole document; empty without the main suite."""
    if PAPER not in summaries:
        return ""
    tables: Mapping[str, Table] = summaries[PAPER]["datasets"]
    shots = sorted({table["main_shots"] for table in tables.values()})
    parts = ["# Findings", "", INTRODUCTION.format(shots=" or ".join(map(str, shots))), ""]
    for count, (question, short, lines, behind) in enumerate(_answers(summaries), 1):
        parts += [f"## {count}. {question}", ""]
        parts += [f"**In short.** {short}", ""] if short else []
        parts += [*(f"- {line}" for line in lines), "", f"*Behind this: {behind}.*", ""]
    return "\n".join(parts)


def short_answers(summaries: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Question and answer in a sentence, of those questions that have one."""
    return [(question, short) for question, short, *_ in _answers(summaries) if short]


def _answers(summaries: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, list[str], str]]:
    """Question, answer in a sentence (may be empty), in full, and what stands behind; none without figures."""
    for words, question in QUESTIONS.items():
        asked: Mapping[str, Table] = summaries.get(question.suite, {}).get("datasets", {})
        if lines := [line for name, table in asked.items() for line in question.answer(name, table)]:
            behind = "; ".join(f"{name}: {_behind(table)}" for name, table in asked.items())
            yield words, question.short(asked), lines, f"suite {question.suite}, {behind}"


def _behind(table: Table) -> str:
    by_method = {method["variant"]: method for method in table["methods"]}
    persons = max((row["accuracy"]["persons"] for row in table["rows"] if row["set"] == OPEN), default=0)
    shown = by_method.get(GLOBAL) or next(iter(by_method.values()))
    return f"{persons} unknown persons, {completeness(shown)}"


def _row(table: Table, variant: str, set_name: str = OPEN) -> Mapping[str, Any] | None:
    return next((row for row in table["rows"] if (row["variant"], row["set"]) == (variant, set_name)), None)


# --- the questions ---------------------------------------------------------------------------------------------------


ENROLLED = {"mixed": "a mixture of other persons' clips", "prior": "no clip, but the prior"}
WITHOUT_THE_PERSON = {SHOWN: "shown: regularization", REVERSE: "the reverse shown: harm done by such clips"}


def personalization_or_regularization(name: str, table: Table) -> list[str]:
    """Against both controls: a mixture of other persons' clips may harm, and what it harms is nobody's gain."""
    lines: list[str] = []
    told: set[str] = set()
    for entry in table["decomposition"]:
        if entry["variant"] != VOP:
            continue
        where, parts, nll = f"{name}, {entry['set']} set", entry["accuracy"], entry["nll"]
        if entry["set"] not in told:
            told.add(entry["set"])
            lines.append(f"{where}: VoP − global {points(parts['whole'])}, {verdict(parts['whole'])}.")
        without = verdict(parts["regularization"])
        lines.append(
            f"{where}, {ENROLLED[entry['control']]} enrolled: − global {points(parts['regularization'])}, "
            f"{WITHOUT_THE_PERSON.get(without, without)}; own clips − that {points(parts['personalization'])}, "
            f"{verdict(parts['personalization'])}. In NLL: {nats(nll['regularization'])} and "
            f"{nats(nll['personalization'])} ({verdict(nll['personalization'], better=-1)})."
        )
    row, dropout = _row(table, VOP), _row(table, "dropout")
    if lines and row and row["personal_gain"]:
        gain = row["personal_gain"]
        lines.append(
            f"{name}, open set, personal gain: own clips − the best of global, mixed and the prior, "
            f"here {gain['best']}: {points(gain['accuracy'])}, {verdict(asked_alone(gain['accuracy']))}."
        )
    if lines and dropout and dropout["versus_global"]:
        against = dropout["versus_global"]["accuracy"]
        lines.append(
            f"{name}: dropout, which knows nobody, − global: {points(against)}, {verdict(asked_alone(against))}."
        )
    return lines


def wrong_person(name: str, table: Table) -> list[str]:
    """What the wrong person's clips take away; where there is no gain over global, they do harm, and that is all."""
    grouped: dict[str, list[str]] = {}
    for row in table["rows"]:
        gap, versus = row.get("right_minus_wrong"), row["versus_global"]
        if row["set"] == OPEN and gap:
            against = verdict(versus["accuracy"]) if versus else verdicts.NOT_MEASURED
            kind = f"right − wrong person {verdict(gap['accuracy'])}, gain over global {against}"
            words = f"{row['variant']} {points(gap['accuracy'])} (− global {points(versus and versus['accuracy'])})"
            grouped.setdefault(kind, []).append(words)
    return [f"{name}, {kind}: {'; '.join(words)}." for kind, words in grouped.items()]


def against_baselines(name: str, table: Table) -> list[str]:
    lines = [
        f"{name}, {entry['set']} set, {entry['a']} − {entry['b']}: {points(entry['accuracy'])}, "
        f"{verdict(entry['accuracy'])}; NLL {nats(entry['nll'])}, {verdict(entry['nll'], better=-1)}."
        for entry in table["comparisons"]
        if entry["b"] != WITHOUT_GAUSSIAN
    ]
    if table["picked_baseline"]:
        lines.insert(0, f"{name}: the baseline picked on the other data sets' persons is {table['picked_baseline']}.")
    return list(dict.fromkeys(lines))  # the baseline may be the one asked for by name


def worth_of_the_gaussian(name: str, table: Table) -> list[str]:
    lines = [
        f"{name}, {entry['set']} set: VoP − the deterministic hypernetwork, each with the settings chosen for it: "
        f"{points(entry['accuracy'])}, {verdict(entry['accuracy'])}; NLL {nats(entry['nll'])}, "
        f"{verdict(entry['nll'], better=-1)}."
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


def gaussian_alone(name: str, table: Table) -> list[str]:
    return [
        f"{name}: the recipe with sigma = 0 and beta = 0 and nothing else changed − the recipe: "
        f"{points(entry['accuracy'])}, {verdict(entry['accuracy'])}; NLL {nats(entry['nll'])}, "
        f"{verdict(entry['nll'], better=-1)}."
        for entry in table["changes"]
        if entry["variant"] == verdicts.POINT
    ]


def narrowing(name: str, table: Table) -> list[str]:
    nll = {point["shots"]: point["nll_versus_global"] for point in table["curves"] if point["variant"] == VOP}
    known = [entry for entry in table["posteriors"] if entry["variant"] == VOP]
    return [
        f"{name}, {entry['shots']} clip(s): sd {percent(entry.get('std_ratio'), 0)} % of the prior's, "
        f"{number(entry.get('kl_nats'), '.1f')} nats from it, {number(entry.get('active_units'), '.1f')} of "
        f"{number(entry.get('units'), '.0f')} numbers tell persons apart; NLL − global {nats(nll.get(entry['shots']))}."
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


def target(name: str, table: Table) -> list[str]:
    health = {e["variant"]: e for e in table["posteriors"] if e["shots"] == table["main_shots"]}
    lines = []
    for variant in verdicts.POSTERIORS:
        row = _row(table, variant)
        if row is None or not row["personal_gain"]:
            continue
        gain, wrong = row["personal_gain"], row["right_minus_wrong"] or {}
        line = (
            f"{name}, {variant}: personal gain {points(gain['accuracy'])} over {gain['best']}, right − wrong person "
            f"{points(wrong.get('accuracy'))}: {'' if verdicts.reaches_target(row) else 'not '}reached."
        )
        if entry := health.get(variant):
            line += (
                f" Its posterior: sd {percent(entry.get('std_ratio'), 0)} % of the prior's, "
                f"{number(entry.get('kl_nats'), '.1f')} nats from it, {number(entry.get('active_units'), '.1f')} of "
                f"{number(entry.get('units'), '.0f')} numbers tell persons apart."
            )
        lines.append(line)
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
        after = {method["variant"]: method for method in entry["methods"]}
        if VOP in after:
            right, heard = after[VOP]["accuracy"], after[VOP]["detection"]
            lines.append(
                f"{name}, outliers by the rule: {entry['rule']} "
                f"({len(entry['persons'])} of {entry['among']}, chosen on other clips): "
                f"global {percent(right['before'])} %, VoP {percent(right['after'])} %, "
                f"difference {points(right['difference'])}; everybody else {points(right['others'])}. Detected at the "
                f"fixed false-alarm rate: {percent(heard['before'])} % before, {percent(heard['after'])} % after, "
                f"difference {points(heard['difference'])}; everybody else {points(heard['others'])}."
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


def samovar_collapse(name: str, table: Table) -> list[str]:
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
        f"{name}: the lowest row, {lowest['variant']}, is {below} the chance of {labels} words, "
        f"{percent(1 / labels)} %.",
    ]


class Question(NamedTuple):
    """Which suite answers it, line by line for a data set, and in a sentence over all of them."""

    suite: str
    answer: Callable[[str, Table], Sequence[str]]
    short: Callable[[verdicts.Tables], str]


QUESTIONS: Mapping[str, Question] = {
    "How much of the published kind of gain is personalization, and how much is regularization?": Question(
        PAPER, personalization_or_regularization, verdicts.personalization_or_regularization
    ),
    "Is VoP better than what needs no hypernetwork, or no Gaussian?": Question(
        PAPER, against_baselines, verdicts.against_baselines
    ),
    "What are the Gaussian and its draws worth?": Question(
        PAPER, worth_of_the_gaussian, verdicts.worth_of_the_gaussian
    ),
    "What is the Gaussian worth with all else alike?": Question(ABLATIONS, gaussian_alone, verdicts.gaussian_alone),
    "Does a posterior that narrows with clips predict better?": Question(PAPER, narrowing, verdicts.narrowing),
    "Is a posterior wider where the model is wrong, and does it cover what the labels say?": Question(
        PAPER, worth_of_the_width, verdicts.worth_of_the_width
    ),
    "How much could be gained at all, by whatever means?": Question(
        PAPER, how_much_there_is_to_gain, verdicts.how_much_there_is_to_gain
    ),
    "Does a form of VoP reach what this project asked for: 3 points of gain, and 3 that only the own clips give?": (
        Question(PAPER, target, verdicts.target)
    ),
    "Whose gain vanishes with the wrong person's clips?": Question(PAPER, wrong_person, verdicts.wrong_person),
    "How many clips are enough?": Question(PAPER, number_of_clips, verdicts.number_of_clips),
    "Does personalization help those who need it?": Question(PAPER, outliers, verdicts.outliers),
    "Does a telephone channel, added to all queries, take the person away?": Question(
        CHANNEL, microphone_or_person, verdicts.microphone_or_person
    ),
    "Does personalization pay where few persons were trained on?": Question(
        FEW_PERSONS, few_persons, verdicts.few_persons
    ),
    "What makes a SAMOVAR row collapse, as the published 2fc does?": Question(
        ABLATIONS, samovar_collapse, verdicts.samovar_collapse
    ),
    "Which of the settings that the paper leaves open matter?": Question(
        ABLATIONS, settings_left_open, verdicts.settings_left_open
    ),
}
