"""Overviews as tables to read: in the terminal (rich) and in Markdown. Percent and points, one
decimal.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from vop_core.evaluation.intervals import BOOTSTRAP_PERSONS
from vop_core.evaluation.overview import PERSONAL_GAIN, Overview
from vop_core.evaluation.score import GLOBAL, MIXED, PRIOR
from vop_core.text import counted, printable

MOST_NAMED = 4  # persons in a cell; the JSON names them all
Entry = dict[str, Any]
Block = tuple[Sequence[str], list[Sequence[str]]]  # header and lines

ROW_COLUMNS: dict[str, Callable[[Entry], str]] = {
    "method": lambda row: row_name(row),
    "accuracy % [95 %]": lambda row: (
        f"{100 * row['accuracy']:.1f}{_bounds(row['ci95'], 100.0, '.1f')}"
    ),
    "worst decile": lambda row: f"{100 * row['worst_decile']:.1f}",
    "NLL": lambda row: f"{row['nll']:.3f}",
    "ECE %": lambda row: f"{100 * row['ece']:.1f}",
    "harmed": lambda row: "" if row["harmed"] is None else named(row["harmed"]),
}
DIFFERENCE_COLUMNS: dict[str, Callable[[Entry], str]] = {
    "difference": lambda gap: _formula(gap),
    "points [95 %]": lambda gap: f"{100 * gap['mean']:+.1f}{_bounds(gap['ci95'], 100.0, '+.1f')}",
    "NLL [95 %]": lambda gap: f"{gap['nll_mean']:+.3f}{_bounds(gap['nll_ci95'], 1.0, '+.3f')}",
}
# of a task that compares
CLAIM_COLUMNS: dict[str, Callable[[Entry], str]] = {
    "method": lambda row: row_name(row),
    "EER % [95 %]": lambda row: f"{100 * row['eer']:.1f}{_bounds(row['ci95'], 100.0, '.1f')}",
    "same gender": lambda row: _percent(row["eer_same_gender"]),
    "minDCF": lambda row: f"{row['min_dcf']:.2f}",
    "Cllr": lambda row: "" if row["cllr"] is None else f"{row['cllr']:.2f}",
    "misses %": lambda row: _percent(row["misses"]),
    "false alarms %": lambda row: _percent(row["false_alarms"]),
}
CLAIM_DIFFERENCE_COLUMNS: dict[str, Callable[[Entry], str]] = {
    "difference": lambda gap: f"{gap['method']}: {gap['a']} - {gap['b']}",
    "EER, points [95 %]": lambda gap: (
        f"{100 * gap['mean']:+.1f}{_bounds(gap['ci95'], 100.0, '+.1f')}"
    ),
}
SPREAD: dict[str, Callable[[Entry], str]] = {
    "sd over seeds": lambda entry: (
        "" if entry["seed_sd"] is None else f"{100 * entry['seed_sd']:.1f}"
    )
}


def row_name(row: Entry) -> str:
    """``vop``, and ``vop, mixed`` for what is not the person's own clips."""
    return row["method"] if row["row"] == "own" else f"{row['method']}, {row['row']}"


def rich_tables(overview: Overview) -> Group:
    """One block per set and number of shots, for ``rich.print``."""
    parts: list[Table | Text] = []
    for title, tables in blocks(overview):
        for number, (header, lines) in enumerate(tables):
            shown = Text(printable(title)) if number == 0 else None
            table = Table(*header, title=shown, title_justify="left")
            for line in lines:
                table.add_row(*(Text(printable(cell)) for cell in line))
            parts.append(table)
    return Group(*parts, Text(footnote(overview)))


def markdown(overview: Overview) -> str:
    """The same as Markdown."""
    lines: list[str] = []
    for title, tables in blocks(overview):
        lines += [f"**{title}**", ""]
        for header, entries in tables:
            lines += [
                f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *entries)
            ]
            lines.append("")
    return "\n".join([*lines, footnote(overview), ""])


def footnote(overview: Overview) -> str:
    """How the figures were made, in a few sentences."""
    if _compares(overview):
        return (
            "95 % intervals: bootstrap over speakers, as claimants and as others. minDCF: one "
            "claim in a hundred is true. Misses and false alarms: at a threshold chosen on other "
            "persons; Cllr, in bits, is calibrated on them, too."
        )
    kinds = dict.fromkeys(
        entry["interval"] for part in ("rows", "differences") for entry in overview[part]
    )
    named = ", ".join(sorted(kinds.keys() - {"none"}))
    intervals = f"95 % intervals: {named}. " if named else ""
    return (
        f"Means over persons. {intervals}Worst decile: mean accuracy of the worst tenth of "
        "persons, at least one. Harmed: persons whose own interval of method - global lies below "
        "0; by chance, one in forty."
    )


def blocks(overview: Overview) -> Iterator[tuple[str, list[Block]]]:
    """Title and tables of every (set, shots), and corpus where a task compares."""
    if _compares(overview):
        yield from _claim_blocks(overview)
        return
    for set_name, shots in dict.fromkeys((row["set"], row["shots"]) for row in overview["rows"]):
        rows, gaps = (
            [
                entry
                for entry in overview[part]
                if (entry["set"], entry["shots"]) == (set_name, shots)
            ]
            for part in ("rows", "differences")
        )
        persons, seeds = (max(row[name] for row in rows) for name in ("persons", "seeds"))
        title = (
            f"{overview['task']}, {set_name} set, {counted(persons, 'person')}, "
            f"{counted(shots, 'clip')}"
        )
        title += f", {seeds} seeds" if seeds > 1 else ""
        spread = SPREAD if seeds > 1 else {}
        tables = [_table(ROW_COLUMNS | spread, rows)]
        if gaps:
            tables.append(_table(DIFFERENCE_COLUMNS | spread, gaps))
        if persons < BOOTSTRAP_PERSONS:
            tables.append(_persons_table(rows))
        yield title, tables


def _compares(overview: Overview) -> bool:
    return any("eer" in row for row in overview["rows"])


def _claim_blocks(overview: Overview) -> Iterator[tuple[str, list[Block]]]:
    """Title and tables of every (set, corpus, shots)."""

    def place(entry: Entry) -> tuple[str, str, int]:
        return entry["set"], entry["corpus"], entry["shots"]

    for each in dict.fromkeys(map(place, overview["rows"])):
        rows, gaps = (
            [entry for entry in overview[part] if place(entry) == each]
            for part in ("rows", "differences")
        )
        first = rows[0]
        calls = ", another call asked" if "calls" in first["set"] else ""
        title = (
            f"{overview['task']}, {first['corpus']}{calls}, "
            f"{counted(first['speakers'], 'speaker')}, {counted(first['targets'], 'true claim')}, "
            f"{counted(first['others'], 'false one')}, {counted(first['shots'], 'clip')}"
        )
        yield title, [_table(CLAIM_COLUMNS, rows), _table(CLAIM_DIFFERENCE_COLUMNS, gaps)]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _table(columns: dict[str, Callable[[Entry], str]], entries: Sequence[Entry]) -> Block:
    return tuple(columns), [tuple(say(entry) for say in columns.values()) for entry in entries]


def named(persons: Sequence[str]) -> str:
    """How many persons, and who they are where they are few."""
    if not 0 < len(persons) <= MOST_NAMED:
        return str(len(persons))
    return f"{len(persons)} ({', '.join(person.rpartition('/')[2] for person in persons)})"


def _formula(gap: Entry) -> str:
    against = gap["b"]
    if gap["name"] == PERSONAL_GAIN:
        baseline = GLOBAL if against in (PRIOR, MIXED) else against
        against = f"max({baseline}, prior, mixed), here {against}"
    named = [gap["method"], gap["name"]] if gap["name"] else [gap["method"]]
    return f"{', '.join(named)}: {gap['a']} - {against}"


def _persons_table(rows: Sequence[Entry]) -> Block:
    """Few persons: every one is shown."""
    persons = sorted({person for row in rows for person in row["per_person"]})
    found = [[row["per_person"].get(person) for row in rows] for person in persons]
    lines = [
        (person, *("" if value is None else f"{100 * value:.1f}" for value in values))
        for person, values in zip(persons, found, strict=True)
    ]
    return ("accuracy % of", *map(row_name, rows)), lines


def _bounds(bounds: Sequence[float] | None, factor: float, form: str) -> str:
    if bounds is None:
        return ""
    return f" [{format(factor * bounds[0], form)}, {format(factor * bounds[1], form)}]"
