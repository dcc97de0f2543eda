"""A suite's summary as tables of words and numbers, for the page: columns over lists of entries."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from vop_core.evaluation.plan import CLOSED, OPEN
from vop_core.evaluation.tables import named
from vop_core.report import scoreboard
from vop_core.report.estimates import verdict
from vop_core.report.scoreboard import REMADE_ON, WHY_NO_MAGNITUDES, counted, says_little
from vop_core.report.summary import CONTROLS
from vop_core.report.words import (
    NOTHING,
    correlation,
    level,
    nats,
    number,
    p_value,
    percent,
    points,
)
from vop_core.variational.importance import GOOD_K

SETS = {
    OPEN: "open set (unknown persons)",
    CLOSED: "closed set (persons of the training, other takes)",
}
Table = Mapping[str, Any]


class TextTable(NamedTuple):
    """A table to print: its first column names the line."""

    title: str
    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""


class Column(NamedTuple):
    """What stands over a column, where an entry keeps it (names joined by dots), and how it is
    said.
    """

    name: str
    path: str
    say: Callable[[Any], str]


def look_up(entry: Any, path: str) -> Any:
    """What lies at the end of a path of names; None where the path ends before."""
    for name in path.split("."):
        entry = None if entry is None else entry.get(name)
    return entry


def text_table(
    title: str, columns: Iterable[Column], entries: Iterable[Table], note: str = ""
) -> TextTable:
    """A line an entry."""
    columns = list(columns)
    lines = [[column.say(look_up(entry, column.path)) for column in columns] for entry in entries]
    return TextTable(title, [column.name for column in columns], lines, note)


# --- how a cell is said ---------------------------------------------------------------------------


def words(value: Any) -> str:
    return NOTHING if value is None else str(value)


def as_number(form: str) -> Callable[[float | None], str]:
    return lambda value: number(value, form)


def judged(value: Any) -> str:
    return NOTHING if value is None else verdict(value)


def whole_percent(value: float | None) -> str:
    return percent(value, 0)


def pair(
    first: str, second: str, say: Callable[[Any], str], between: str = ", "
) -> Callable[[Table], str]:
    """Two figures of an entry in one cell."""
    return lambda entry: f"{say(entry.get(first))}{between}{say(entry.get(second))}"


def _harmed(persons: Sequence[str] | None) -> str:
    return NOTHING if persons is None else named(persons)


def _what_it_does(method: Table) -> str:
    return f"{method['summary']} [{method['source']}]" if method["summary"] else NOTHING


def _by_layer(shares: Sequence[float]) -> str:
    return ", ".join(map(whole_percent, shares))


def _width_and_error(entry: Table) -> str:
    return "width alike for all" if entry["alike"] else correlation(entry["correlation"])


def _counts(verdicts: Mapping[str, int]) -> str:
    return ", ".join(f"{verdict} {count}" for verdict, count in verdicts.items())


# --- columns --------------------------------------------------------------------------------------

METHOD = Column("method", "variant", words)
HEADLINE = (
    METHOD,
    Column("reads", "method.reads", words),
    Column("accuracy %", "accuracy", level),
    Column("− global, points", "versus_global.accuracy", points),
    Column("errors gone, %", "versus_global.error_reduction", points),
    Column("p (Holm)", "versus_global.accuracy.p_holm", p_value),
    Column("right − wrong", "right_minus_wrong.accuracy", points),
    Column("personal gain", "personal_gain.accuracy", points),
    Column("over", "personal_gain.best", words),
    Column("above all controls", "personal_gain.accuracy", judged),
    Column("NLL − global", "versus_global.nll", nats),
)
CONTROL = (
    METHOD,
    Column("starts from", "method.starts_from", words),
    *(Column(control, f"controls.{control}", percent) for control in CONTROLS),
    Column("own", "accuracy.mean", percent),
    Column("own − mixed", "own_minus_mixed.accuracy", points),
    Column("worst quarter", "worst_quarter.accuracy.mean", percent),
    Column("worst quarter − global", "worst_quarter.versus_global", points),
    Column("harmed", "versus_global.harmed", _harmed),
)
PROBABILITY = (
    METHOD,
    Column("NLL", "nll", number),
    Column("NLL − global", "versus_global.nll", nats),
    Column("right − wrong, NLL", "right_minus_wrong.nll", nats),
    Column("Brier", "brier", number),
    Column("ECE %", "ece", percent),
    Column("pooled ECE %", "ece_pooled", percent),
    Column("AURC", "aurc", number),
    Column("coverage %", "coverage", percent),
)
CURVES = {
    "accuracy": ("Accuracy % by number of enrollment clips", level),
    "versus_global": ("Difference to global in points, by number of enrollment clips", points),
    "error_reduction": ("Share of global's errors that is gone, %, by number of clips", points),
    "nll": (
        "NLL by number of enrollment clips (each number leaves other clips to ask about)",
        number,
    ),
    "nll_versus_global": (
        "NLL − global on the same clips, by number of enrollment clips",
        nats,
    ),
    "coverage": ("Coverage % of 90 % label sets, by number of enrollment clips", percent),
}
PARTS = ("further training", "regularization", "personalization", "whole")  # of a gain
CHANGE = (
    Column("setting", "variant", words),
    Column("− vop, points", "accuracy", points),
    Column("errors gone, %", "error_reduction", points),
    Column("NLL − vop", "nll", nats),
    Column("right − wrong", "row.right_minus_wrong.accuracy", points),
    Column("sd / prior sd", "posterior.std_ratio", as_number(".2f")),
)
# how a method does in a group or a call
STANDING = (
    Column("accuracy %", "accuracy", level),
    Column("persons", "accuracy.persons", words),
    Column("− global, points", "versus_global", points),
    Column("errors gone", "error_reduction", points),
    Column("right − wrong", "right_minus_wrong", points),
    Column("harmed", "harmed", _harmed),
)

# title and columns of tables whose lines are one list of the summary as it is; the title may name
# its figures
SPECIFICATIONS: dict[str, tuple[str, Sequence[Column]]] = {
    "methods": (
        "What each method is and costs",
        (
            METHOD,
            Column("what it does", "it", _what_it_does),
            Column("encoder's parameters", "cost.encoder_parameters", as_number(",.0f")),
            Column("added parameters", "cost.added_parameters", as_number(",.0f")),
            Column("MACs an answer", "cost.answer_multiply_accumulates", as_number(",.0f")),
            Column("answer cost", "cost.answer_ratio", as_number(".2f")),
            Column("bytes a person", "cost.bytes_per_person", as_number(",.0f")),
            Column("enrollment, passes", "cost.enrollment_passes", as_number(".1f")),
            Column("gradient steps", "cost.gradient_steps", as_number(".0f")),
            Column("completeness", "it", lambda method: completeness(method)),
        ),
    ),
    "draws": (
        "Does averaging over the posterior's draws help?",
        (
            METHOD,
            Column("clips", "shots", words),
            Column("draws", "draws", as_number(".0f")),
            Column("accuracy %: draws, mean", "accuracy", pair("draws", "mean", percent)),
            Column("difference", "accuracy.difference", points),
            Column("NLL: draws, mean", "nll", pair("draws", "mean", number)),
            Column("difference", "nll.difference", nats),
            Column("coverage %: draws, mean", "coverage", pair("draws", "mean", percent)),
            Column("difference", "coverage.difference", points),
        ),
    ),
    "posteriors": (
        "The posterior: means over folds and seeds",
        (
            METHOD,
            Column("clips", "shots", words),
            Column("KL, nats", "kl_nats", as_number(".2f")),
            Column("negative bound, nats a clip", "negative_bound", as_number(".2f")),
            Column("sd / prior sd", "std_ratio", as_number(".2f")),
            Column("spread between persons", "between_person_std", as_number(".2f")),
            Column("of it the person, %", "intraclass_correlation", whole_percent),
            Column("verdicts", "verdicts", _counts),
        ),
    ),
    "widths": (
        "Are persons with a wider posterior answered worse, and is its tail covered?",
        (
            METHOD,
            Column("clips", "shots", words),
            Column("rank correlation of width and error", "it", _width_and_error),
            Column("persons", "correlation.persons", words),
            Column("Pareto k, median", "pareto_k.median", as_number(".2f")),
            Column(f"k above {GOOD_K}, %", "pareto_k.above", whole_percent),
            Column("posteriors", "pareto_k.posteriors", as_number(".0f")),
        ),
    ),
    "coverage": (
        "Is the width true? How often the 90 % interval holds what all other clips of the person "
        "show",
        (
            METHOD,
            Column("clips", "shots", words),
            Column("persons", "held.persons", words),
            Column("held, %", "held", level),
            Column("by layer, first to last", "layers", _by_layer),
            Column("width", "width", words),
        ),
    ),
    "comparisons": (
        "{dataset}: named comparisons, {main_shots} clips",
        (
            Column("comparison", "name", words),
            Column("a − b", "it", pair("a", "b", words, " − ")),
            Column("set", "set", words),
            Column("accuracy, points", "accuracy", points),
            Column("errors of b gone, %", "error_reduction", points),
            Column("NLL, nats", "nll", nats),
        ),
    ),
    "environments": (
        "{dataset}: right or wrong person, heard where the person is asked or elsewhere: accuracy "
        "%, {main_shots} clips",
        (
            METHOD,
            Column("own", "levels.own", percent),
            Column("own, other environment", "levels.own_elsewhere", percent),
            Column("wrong person, same environment", "levels.wrong_here", percent),
            Column("wrong person", "levels.wrong", percent),
            Column("environment", "differences.environment", points),
            Column("person, same environment", "differences.person", points),
            Column("person, other environment", "differences.person_elsewhere", points),
            Column("person and environment", "differences.both", points),
        ),
    ),
    "calls": (
        "{dataset}: clips of another call enrolled, or of the call that is asked about, the same "
        "queries, {main_shots} clips",
        (
            METHOD,
            Column("enrolled", "enrolled", words),
            Column("global", "global", level),
            *STANDING,
            Column("− the same call", "minus_same_call", points),
        ),
    ),
    "attributes": (
        "{dataset}: people by what the data say of them, training heard some of each, "
        "{main_shots} clips",
        (
            Column("group", "group", words),
            Column("condition", "condition", words),
            Column("global", "global", level),
            *STANDING,
        ),
    ),
    "episodes": (
        "{dataset}: the same means, with intervals over episodes",
        (
            METHOD,
            Column("accuracy %", "accuracy", level),
            Column("episodes", "accuracy.persons", words),
        ),
    ),
    "groups": (
        "{dataset}: after training that never heard the group, and after one of as many persons "
        "that did, the same queries, {main_shots} clips",
        (
            METHOD,
            Column("training", "training", words),
            Column("condition", "condition", words),
            *STANDING,
            Column("− itself, heard", "minus_heard", points),
            Column("− global, heard", "minus_global_heard", points),
        ),
    ),
    "scoreboard": (
        "{dataset}: {counts}",
        (
            Column("published order", "it", pair("a", "b", words, " above ")),
            Column("set", "set", words),
            Column("published, points", "published", as_number("+.2f")),
            Column("ours, points", "ours", points),
            Column("errors of the second gone, %", "error_reduction", points),
            Column("verdict", "verdict", words),
            Column("because", "reason", words),
        ),
    ),
}


# --- tables ---------------------------------------------------------------------------------------


def rows_of(table: Table, set_name: str) -> list[Table]:
    """The rows of a set."""
    return [row for row in table["rows"] if row["set"] == set_name]


def listed_table(table: Table, name: str) -> TextTable:
    """One of ``SPECIFICATIONS``; an entry as a whole is its ``it``."""
    title, columns = SPECIFICATIONS[name]
    facts = {
        "dataset": table["dataset"],
        "main_shots": table["main_shots"],
        "counts": scoreboard_counts(table),
    }
    note = ""
    if name == "comparisons" and not table["picked_baseline"]:
        note = "No baseline is picked: that needs results of another data set."
    entries = ({**entry, "it": entry} for entry in table.get(name, ()))
    return text_table(title.format(**facts), columns, entries, note)


def _with_methods(table: Table, set_name: str) -> list[Table]:
    methods = {method["variant"]: method for method in table["methods"]}
    return [row | {"method": methods[row["variant"]]} for row in rows_of(table, set_name)]


def headline_table(table: Table, set_name: str = OPEN) -> TextTable:
    """Whether a method gains, over whom, and what is lost with the wrong person."""
    made = text_table(
        f"{table['dataset']}, {SETS[set_name]}, {table['main_shots']} clips",
        HEADLINE,
        _with_methods(table, set_name),
        _persons(table, set_name),
    )
    gaps = [NOTHING] * (len(HEADLINE) - 2)
    failed = [
        (method["variant"], *gaps, f"did not converge: {method['failed'][0]['reason']}")
        for method in table["methods"]
        if not method["runs"]
    ]
    return made._replace(lines=[*made.lines, *failed])


def control_table(table: Table, set_name: str) -> TextTable:
    """What needs the right person, and what any clips would do."""
    title = "Controls: accuracy %, whose clips enrolled"
    return text_table(title, CONTROL, _with_methods(table, set_name))


def probability_table(table: Table, set_name: str, summary: Table) -> TextTable:
    """Are the probabilities worth anything, and is what was never taught turned away?"""
    rejection = (
        Column("AUROC", "auroc", number),
        Column("FPR95 %", "fpr95", percent),
        Column(
            f"detection % at {whole_percent(summary['false_alarm_rate'])} %", "detection", percent
        ),
    )
    columns = PROBABILITY + (rejection if set_name == OPEN else ())
    title = f"Probabilities; {summary['calibration_bins']} calibration bins"
    return text_table(title, columns, rows_of(table, set_name))


def completeness(method: Table) -> str:
    """Which runs there are, and which did not converge."""
    failed = [
        f"{each['status']} in fold {each['fold']}, seed {each['seed']}" for each in method["failed"]
    ]
    return "; ".join([method["completeness"], *failed])


def curve_table(table: Table, figure: str = "accuracy") -> TextTable:
    """One of ``CURVES`` by number of clips, a line a method."""
    title, say = CURVES[figure]
    shots = sorted({point["shots"] for point in table["curves"]})
    lines: dict[str, dict[str, Any]] = {}
    for point in table["curves"]:
        line = lines.setdefault(point["variant"], {"variant": point["variant"]})
        line[str(point["shots"])] = point[figure]
    columns = [Column(f"{n} clip{'s' * (n != 1)}", str(n), say) for n in shots]
    return text_table(title, [METHOD, *columns], lines.values(), curve_note(table))


def curve_note(table: Table) -> str:
    """Who stands behind every point of the curves, who was left out for want of clips, and which
    points are not there.
    """
    groups: dict[str, list[str]] = {}
    for variant, who in table["curve_persons"].items():
        said = f"the same {who['persons']} persons at every point"
        if who["left_out"]:
            said += f", {who['left_out']} left out who have too few clips for some"
        if who["beyond"]:
            clips = ", ".join(map(str, who["beyond"]))
            said += f"; no point where less than half of the persons have clips enough: {clips}"
        groups.setdefault(said, []).append(variant)
    if len(groups) == 1:
        return f"{next(iter(groups)).capitalize()}."
    return "; ".join(f"{', '.join(names)}: {said}" for said, names in groups.items())


def decomposition_table(table: Table) -> TextTable:
    """How much of a gain is left when the clips are not the person's."""
    entries = table["decomposition"]
    used = [part for part in PARTS if any(part in entry["accuracy"] for entry in entries)]
    columns = [
        METHOD,
        Column("set", "set", words),
        Column("control", "control", words),
        *(Column(f"{part}, points", f"accuracy.{part}", points) for part in used),
        *(Column(f"{part}, nats", f"nll.{part}", nats) for part in PARTS[1:3]),
    ]
    title = (
        "The gain taken apart: (control − global) is regularization, (own − control) "
        "personalization"
    )
    return text_table(title, columns, entries)


def changes_table(table: Table) -> TextTable:
    """One setting changed at a time."""
    rows = {row["variant"]: row for row in rows_of(table, OPEN)}
    posteriors = {
        each["variant"]: each
        for each in table["posteriors"]
        if each["shots"] == table["main_shots"]
    }
    entries = [
        each | {"row": rows.get(each["variant"]), "posterior": posteriors.get(each["variant"])}
        for each in table["changes"]
    ]
    return text_table("One setting changed, against the recipe vop", CHANGE, entries)


def remade_table(summaries: Mapping[str, Table]) -> TextTable:
    """The published table, made anew on public ground."""
    columns = (
        Column("published row", "name", words),
        Column("condition", "condition", words),
        Column("set", "set", words),
        Column("published, accuracy %", "published", lambda pair: f"{pair[0]:.2f} ± {pair[1]:.2f}"),
        Column("ours, accuracy %", "row.accuracy", level),
        Column("− global, points", "row.versus_global.accuracy", points),
        Column("errors gone, %", "row.versus_global.error_reduction", points),
        Column("right − wrong", "row.right_minus_wrong.accuracy", points),
        Column("own − mixed", "row.own_minus_mixed.accuracy", points),
        Column("personal gain", "row.personal_gain.accuracy", points),
        Column("what the controls say", "says", words),
    )
    title = f"The published table, and the same rows on {REMADE_ON}"
    return text_table(title, columns, scoreboard.remade_table(summaries), WHY_NO_MAGNITUDES)


def scoreboard_counts(table: Table) -> str:
    """``6 reproduced, 2 undecided, ...``; pairs with what did not train in the paper apart."""
    sound = [entry for entry in table["scoreboard"] if not says_little(entry)]
    apart = [entry for entry in table["scoreboard"] if says_little(entry)]
    said = (
        ", ".join(f"{count} {verdict}" for verdict, count in counted(part).items())
        for part in (sound, apart)
    )
    return "; pairs with samovar (2fc), which did not train there: ".join(said)


def _persons(table: Table, set_name: str) -> str:
    """How many persons stand behind the rows, and which rows are not complete."""
    rows = rows_of(table, set_name)
    if not rows:
        return ""
    counts = sorted({row["accuracy"]["persons"] for row in rows})
    between = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    tested = max(look_up(row, "versus_global.tested") or 0 for row in rows)
    return f"{between} persons; Holm over {tested} methods; {_complete(table['methods'])}."


def _complete(methods: Iterable[Table]) -> str:
    """What most methods have, and by name what the others have."""
    groups: dict[str, list[str]] = {}
    for method in methods:
        groups.setdefault(completeness(method), []).append(method["variant"])
    most = max(groups, key=lambda words: len(groups[words]))
    others = [f"{words}: {', '.join(names)}" for words, names in groups.items() if words != most]
    return "; ".join([most, *others])
