"""A suite's summary as tables of words and numbers: what README and page have in common.

Accuracies in percent, differences in points (a - b), NLL in nats; intervals in brackets.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from vop_core.evaluation.plan import CLOSED, OPEN
from vop_core.report.scoreboard import counted, says_little
from vop_core.report.summary import CONTROLS
from vop_core.variational.importance import GOOD_K

SETS = {
    OPEN: "open set (unknown persons)",
    CLOSED: "closed set (persons of the training, other takes)",
}
NOTHING = "–"


class TextTable(NamedTuple):
    """A table to print: its first column names the line."""

    title: str
    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""


# --- numbers --------------------------------------------------------------------------------------


def percent(value: float | None, digits: int = 1) -> str:
    return NOTHING if value is None else f"{100 * value:.{digits}f}"


def number(value: int | float | None, form: str = ".3f") -> str:
    return NOTHING if value is None else format(value, form)


def p_value(value: float | None) -> str:
    """``0.024``; what is smaller than three digits can say is ``< 0.001``."""
    return "< 0.001" if value is not None and value < 0.0005 else number(value)


def level(estimate: Mapping[str, Any] | None) -> str:
    """``88.2 [84.3, 90.9]``, percent."""
    return _with_bounds(estimate, 100.0, ".1f")


def points(estimate: Mapping[str, Any] | None) -> str:
    """``+0.4 [-0.5, +1.6]``, points."""
    return _with_bounds(estimate, 100.0, "+.1f")


def nats(estimate: Mapping[str, Any] | None) -> str:
    """``-0.020 [-0.031, -0.010]``, nats."""
    return _with_bounds(estimate, 1.0, "+.3f")


def correlation(estimate: Mapping[str, Any] | None) -> str:
    """``+0.31 [+0.02, +0.57]``."""
    return _with_bounds(estimate, 1.0, "+.2f")


def _with_bounds(estimate: Mapping[str, Any] | None, factor: float, form: str) -> str:
    if estimate is None:
        return NOTHING
    mean = format(factor * estimate["mean"], form)
    return mean + _bounds(estimate["ci95"], factor, form)


def _bounds(bounds: Sequence[float] | None, factor: float = 100.0, form: str = "+.1f") -> str:
    if bounds is None:
        return ""
    return f" [{format(factor * bounds[0], form)}, {format(factor * bounds[1], form)}]"


def short_person(person: str) -> str:
    return person.rpartition("/")[2]


# --- tables ---------------------------------------------------------------------------------------


def rows_of(table: Mapping[str, Any], set_name: str) -> list[Mapping[str, Any]]:
    """The rows of a set."""
    return [row for row in table["rows"] if row["set"] == set_name]


def headline_table(table: Mapping[str, Any], set_name: str = OPEN) -> TextTable:
    """Few columns: the README's."""
    header = (
        "method",
        "reads",
        "accuracy %",
        "− global, points",
        "p (Holm)",
        "right − wrong",
        "personal gain",
    )
    header += ("over", "NLL − global")
    methods = {method["variant"]: method for method in table["methods"]}
    lines = []
    for row in rows_of(table, set_name):
        versus, gain = row["versus_global"] or {}, row["personal_gain"]
        wrong = row["right_minus_wrong"] or {}
        lines.append(
            (
                row["variant"],
                methods[row["variant"]]["reads"],
                level(row["accuracy"]),
                points(versus.get("accuracy")),
                p_value((versus.get("accuracy") or {}).get("p_holm")),
                points(wrong.get("accuracy")),
                points(gain["accuracy"]) if gain else NOTHING,
                gain["best"] if gain else NOTHING,
                nats(versus.get("nll")),
            )
        )
    lines += [
        (method["variant"], *[NOTHING] * 7, f"did not converge: {method['failed'][0]['reason']}")
        for method in table["methods"]
        if not method["runs"]
    ]
    return TextTable(
        f"{table['dataset']}, {SETS[set_name]}, {_clips(table)}",
        header,
        lines,
        _persons(table, set_name),
    )


def control_table(table: Mapping[str, Any], set_name: str) -> TextTable:
    """What needs the right person, and what any clips would do."""
    header = (
        "method",
        "starts from",
        *CONTROLS,
        "own",
        "own − mixed",
        "gain, any",
        "worst decile",
        "harmed",
    )
    methods = {method["variant"]: method for method in table["methods"]}
    lines = []
    for row in rows_of(table, set_name):
        versus, gain, mixed = (
            row["versus_global"] or {},
            row["personal_gain"] or {},
            row["own_minus_mixed"] or {},
        )
        lines.append(
            (
                row["variant"],
                methods[row["variant"]]["starts_from"],
                *(percent(row["controls"].get(control)) for control in CONTROLS),
                percent(row["accuracy"]["mean"]),
                points(mixed.get("accuracy")),
                _bounds(gain.get("ci95_conservative")).strip() or NOTHING,
                percent(row["worst_decile"]),
                _harmed(versus.get("harmed")),
            )
        )
    return TextTable("Controls: accuracy %, whose clips enrolled", header, lines)


def _harmed(persons: Sequence[str] | None) -> str:
    if persons is None:
        return NOTHING
    return f"{len(persons)}" + (
        f" ({', '.join(map(short_person, persons))})" if 0 < len(persons) <= 4 else ""
    )


def probability_table(
    table: Mapping[str, Any], set_name: str, summary: Mapping[str, Any]
) -> TextTable:
    """Are the probabilities worth anything, and is what was never taught turned away?"""
    alarms = f"detection % at {percent(summary['false_alarm_rate'], 0)} %"
    header = (
        "method",
        "NLL",
        "NLL − global",
        "right − wrong, NLL",
        "Brier",
        "ECE %",
        "pooled ECE %",
        "AURC",
    )
    header += ("coverage %",) + (("AUROC", "FPR95 %", alarms) if set_name == OPEN else ())
    lines = []
    for row in rows_of(table, set_name):
        versus, wrong = row["versus_global"] or {}, row["right_minus_wrong"] or {}
        cells = (
            row["variant"],
            number(row["nll"]),
            nats(versus.get("nll")),
            nats(wrong.get("nll")),
            number(row["brier"]),
            percent(row["ece"]),
            percent(row["ece_pooled"]),
            number(row["aurc"]),
            percent(row["coverage"]),
        )
        rejection = (number(row["auroc"]), percent(row["fpr95"]), percent(row["detection"]))
        lines.append(cells + (rejection if set_name == OPEN else ()))
    return TextTable(
        f"Probabilities; {summary['calibration_bins']} calibration bins", header, lines
    )


def cost_table(table: Mapping[str, Any]) -> TextTable:
    """What a person costs, and what each method is."""
    header = (
        "method",
        "what it does",
        "encoder's parameters",
        "added parameters",
        "MACs an answer",
        "answer cost",
    )
    header += ("bytes a person", "enrollment, passes")
    header += ("gradient steps", "completeness")
    lines = []
    for method in table["methods"]:
        cost = method["cost"]
        lines.append(
            (
                method["variant"],
                f"{method['summary']} [{method['source']}]" if method["summary"] else NOTHING,
                number(cost.get("encoder_parameters"), ",.0f"),
                number(cost.get("added_parameters"), ",.0f"),
                number(cost.get("answer_multiply_accumulates"), ",.0f"),
                number(cost.get("answer_ratio"), ".2f"),
                number(cost.get("bytes_per_person"), ",.0f"),
                number(cost.get("enrollment_passes"), ".1f"),
                number(cost.get("gradient_steps"), ".0f"),
                completeness(method),
            )
        )
    return TextTable("What each method is and costs", header, lines)


def completeness(method: Mapping[str, Any]) -> str:
    """Which runs there are, and which did not converge."""
    failed = [
        f"{each['status']} in fold {each['fold']}, seed {each['seed']}" for each in method["failed"]
    ]
    return "; ".join([method["completeness"], *failed])


def curve_table(table: Mapping[str, Any], figure: str = "accuracy") -> TextTable:
    """By number of clips; ``figure``: accuracy, versus_global, nll, nll_versus_global or
    coverage.
    """
    shots = sorted({point["shots"] for point in table["curves"]})
    say = {
        "accuracy": level,
        "versus_global": points,
        "nll": number,
        "nll_versus_global": nats,
        "coverage": percent,
    }[figure]
    title = {
        "accuracy": "Accuracy % by number of enrollment clips",
        "versus_global": "Difference to global in points, by number of enrollment clips",
        "nll": "NLL by number of enrollment clips (each number leaves other clips to ask about)",
        "nll_versus_global": "NLL − global on the same clips, by number of enrollment clips",
        "coverage": "Coverage % of 90 % label sets, by number of enrollment clips",
    }[figure]
    found = {(point["variant"], point["shots"]): say(point[figure]) for point in table["curves"]}
    variants = dict.fromkeys(point["variant"] for point in table["curves"])
    lines = [(variant, *(found.get((variant, n), NOTHING) for n in shots)) for variant in variants]
    return TextTable(title, ("method", *(f"{n} clip{'s' * (n != 1)}" for n in shots)), lines)


def draws_table(table: Mapping[str, Any]) -> TextTable:
    """Averaged over weight draws, against the mean weights."""
    header = (
        "method",
        "clips",
        "draws",
        "accuracy %: draws, mean",
        "difference",
        "NLL: draws, mean",
        "difference",
    )
    header += ("coverage %: draws, mean", "difference")
    lines = []
    for entry in table["draws"]:
        accuracy, nll, coverage = entry["accuracy"], entry["nll"], entry["coverage"]
        lines.append(
            (
                entry["variant"],
                str(entry["shots"]),
                number(entry["draws"], ".0f"),
                f"{percent(accuracy['draws'])}, {percent(accuracy['mean'])}",
                points(accuracy["difference"]),
                f"{number(nll['draws'])}, {number(nll['mean'])}",
                nats(nll["difference"]),
                f"{percent(coverage['draws'])}, {percent(coverage['mean'])}",
                points(coverage["difference"]),
            )
        )
    return TextTable("Does averaging over the posterior's draws help?", header, lines)


def posterior_table(table: Mapping[str, Any]) -> TextTable:
    """What the posterior looks like."""
    header = (
        "method",
        "clips",
        "KL, nats",
        "sd / prior sd",
        "spread between persons",
        "active units",
        "verdicts",
    )
    lines = [
        (
            entry["variant"],
            str(entry["shots"]),
            number(entry.get("kl_nats"), ".2f"),
            number(entry.get("std_ratio"), ".2f"),
            number(entry.get("between_person_std"), ".2f"),
            f"{number(entry.get('active_units'), '.1f')} of {number(entry.get('units'), '.0f')}",
            ", ".join(f"{verdict} {count}" for verdict, count in entry["verdicts"].items()),
        )
        for entry in table["posteriors"]
    ]
    return TextTable("The posterior: means over folds and seeds", header, lines)


def width_table(table: Mapping[str, Any]) -> TextTable:
    """Is the posterior's width worth anything?"""
    header = (
        "method",
        "clips",
        "rank correlation of width and error",
        "persons",
        "Pareto k, median",
    )
    header += (f"k above {GOOD_K}, %", "posteriors")
    lines = []
    for entry in table["widths"]:
        tail, found = entry["pareto_k"] or {}, entry["correlation"]
        lines.append(
            (
                entry["variant"],
                str(entry["shots"]),
                correlation(found),
                str(found["persons"]) if found else NOTHING,
                number(tail.get("median"), ".2f"),
                percent(tail.get("above"), 0),
                number(tail.get("posteriors"), ".0f"),
            )
        )
    return TextTable(
        "Are persons with a wider posterior answered worse, and is its tail covered?", header, lines
    )


def comparison_table(table: Mapping[str, Any]) -> TextTable:
    """The comparisons asked for by name."""
    header = ("comparison", "a − b", "set", "accuracy, points", "NLL, nats")
    lines = [
        (
            each["name"],
            f"{each['a']} − {each['b']}",
            each["set"],
            points(each["accuracy"]),
            nats(each["nll"]),
        )
        for each in table["comparisons"]
    ]
    note = (
        ""
        if table["picked_baseline"]
        else "No baseline is picked: that needs results of another data set."
    )
    return TextTable(f"{table['dataset']}: named comparisons, {_clips(table)}", header, lines, note)


def decomposition_table(table: Mapping[str, Any]) -> TextTable:
    """How much of a gain is left when the clips are not the person's."""
    parts = ("further training", "regularization", "personalization", "whole")
    used = [
        part for part in parts if any(part in entry["accuracy"] for entry in table["decomposition"])
    ]
    lines = [
        (
            entry["variant"],
            entry["set"],
            entry["control"],
            *(points(entry["accuracy"].get(part)) for part in used),
            nats(entry["nll"].get("regularization")),
            nats(entry["nll"].get("personalization")),
        )
        for entry in table["decomposition"]
    ]
    header = ("method", "set", "control", *(f"{part}, points" for part in used))
    header += ("regularization, nats", "personalization, nats")
    return TextTable(
        "The gain taken apart: (control − global) is regularization, (own − control) "
        "personalization",
        header,
        lines,
    )


def changes_table(table: Mapping[str, Any]) -> TextTable:
    """One setting changed at a time."""
    header = ("setting", "− vop, points", "NLL − vop", "right − wrong", "sd / prior sd")
    wrong = {
        row["variant"]: (row["right_minus_wrong"] or {}).get("accuracy")
        for row in rows_of(table, OPEN)
    }
    shots = table["main_shots"]
    width = {
        each["variant"]: each.get("std_ratio")
        for each in table["posteriors"]
        if each["shots"] == shots
    }
    lines = [
        (
            each["variant"],
            points(each["accuracy"]),
            nats(each["nll"]),
            points(wrong.get(each["variant"])),
            number(width.get(each["variant"]), ".2f"),
        )
        for each in table["changes"]
    ]
    return TextTable("One setting changed, against the recipe vop", header, lines)


def channel_table(table: Mapping[str, Any]) -> TextTable:
    """Microphone or person."""
    rows = ("own", "own_elsewhere", "wrong", "wrong_elsewhere")
    parts = ("channel", "person", "person_elsewhere", "person_against_channel")
    header = ("method", "own", "own, as recorded", "wrong person", "wrong person, as recorded")
    header += (
        "channel",
        "person",
        "person, as recorded",
        "right person as recorded − wrong person, same channel",
    )
    lines = [
        (
            each["variant"],
            *(percent(each["levels"][row]) for row in rows),
            *(points(each["differences"][part]) for part in parts),
        )
        for each in table["channels"]
    ]
    channel = next((each["channel"] for each in table["channels"]), "")
    title = (
        f"Queries through the {channel} channel: accuracy %, whose clips enrolled and through "
        f"which channel"
    )
    return TextTable(title, header, lines)


def outlier_tables(table: Mapping[str, Any]) -> list[TextTable]:
    """One table for each reading of an outlier."""
    return [_outlier_table(found) for found in table["outliers"]]


def _outlier_table(found: Mapping[str, Any]) -> TextTable:
    title = (
        f"Outliers of global: {found['rule']} ({len(found['persons'])} of {found['among']} persons)"
    )
    header = (
        "method",
        "accuracy %: before, after",
        "change",
        "all others",
        "detection %: before, after",
        "change",
    )
    header += ("all others", "each outlier, accuracy % before → after")
    lines = []
    for entry in found["methods"]:
        accuracy, detection = entry["accuracy"], entry["detection"]
        each = (
            f"{short_person(p)} {percent(a)} → {percent(b)}"
            for p, (a, b) in accuracy["of_persons"].items()
        )
        lines.append(
            (
                entry["variant"],
                f"{percent(accuracy['before'])}, {percent(accuracy['after'])}",
                points(accuracy["difference"]),
                points(accuracy["others"]),
                f"{percent(detection['before'])}, {percent(detection['after'])}",
                points(detection["difference"]),
                points(detection["others"]),
                ", ".join(each)
                if len(accuracy["of_persons"]) <= 8
                else f"{len(accuracy['of_persons'])} persons",
            )
        )
    return TextTable(title, header, lines, outlier_note(found))


def outlier_note(found: Mapping[str, Any]) -> str:
    """Who they are, and what regression to the mean would have done."""
    if not found["persons"]:
        return "Nobody is an outlier by this reading."
    hindsight = found["in_hindsight"]
    said = (
        f"Chosen on the clips of even takes: {', '.join(map(short_person, found['persons']))}. "
        f"With nothing done, "
        f"global answers {percent(found['chosen']['mean'])} % of the clips they were chosen on and "
        f"{percent(found['scored']['mean'])} % of those they are scored on: "
        f"{points(found['regression'])} points, and "
        f"{points(found['all_regression'])} for all persons, whose odd takes may be easier; the "
        f"rest is regression to "
        "the mean."
    )
    if hindsight["persons"]:
        gained = hindsight["other"] - hindsight["chosen"]
        said += (
            f" Had they been chosen on the scored clips ({len(hindsight['persons'])} persons), the "
            f"accuracy before "
            f"would read {percent(hindsight['chosen'])} %, and the same persons' other clips give "
            f"{100 * gained:+.1f} "
            "points with nothing done."
        )
    return said


def scoreboard_table(table: Mapping[str, Any]) -> TextTable:
    """The paper's differences, and what became of each."""
    header = ("published order", "set", "published, points", "ours, points", "verdict", "because")
    lines = [
        (
            f"{entry['a']} above {entry['b']}",
            entry["set"],
            f"{entry['published']:+.2f}",
            points(entry["ours"]),
            entry["verdict"],
            entry["reason"],
        )
        for entry in table["scoreboard"]
    ]
    return TextTable(f"{table['dataset']}: {scoreboard_counts(table)}", header, lines)


def scoreboard_counts(table: Mapping[str, Any]) -> str:
    """``6 reproduced, 2 undecided, ...``; pairs with what did not train in the paper apart."""
    sound = [entry for entry in table["scoreboard"] if not says_little(entry)]
    apart = [entry for entry in table["scoreboard"] if says_little(entry)]
    said = (
        ", ".join(f"{count} {verdict}" for verdict, count in counted(part).items())
        for part in (sound, apart)
    )
    return "; pairs with samovar (2fc), which did not train there: ".join(said)


def _clips(table: Mapping[str, Any]) -> str:
    return f"{table['main_shots']} clips"


def _persons(table: Mapping[str, Any], set_name: str) -> str:
    """How many persons stand behind the rows, and which rows are not complete."""
    rows = rows_of(table, set_name)
    if not rows:
        return ""
    counts = sorted({row["accuracy"]["persons"] for row in rows})
    said = (
        f"{' to '.join(map(str, (counts[0], counts[-1]))) if len(counts) > 1 else counts[0]} "
        f"persons"
    )
    tested = max(
        (row["versus_global"]["tested"] for row in rows if row["versus_global"]), default=0
    )
    return f"{said}; Holm over {tested} methods; {_complete(table['methods'])}."


def _complete(methods: Iterable[Mapping[str, Any]]) -> str:
    """What most methods have, and by name what the others have."""
    groups: dict[str, list[str]] = {}
    for method in methods:
        groups.setdefault(completeness(method), []).append(method["variant"])
    most = max(groups, key=lambda words: len(groups[words]))
    others = [f"{words}: {', '.join(names)}" for words, names in groups.items() if words != most]
    return "; ".join([most, *others])
