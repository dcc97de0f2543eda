"""Reports as tables to read: in the terminal (rich) and in Markdown. Percent and points, one decimal."""

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from vop_core.evaluation.intervals import BOOTSTRAP_PERSONS
from vop_core.evaluation.report import PERSONAL_GAIN, Report, ReportDifference, ReportRow
from vop_core.text import printable

MOST_NAMED = 4  # persons in a cell; the JSON names them all
_ROW_HEADER = ("method", "accuracy % [95 %]", "worst decile", "NLL", "ECE %", "harmed")
_DIFFERENCE_HEADER = ("difference", "points [95 %]", "NLL [95 %]")


def rich_tables(report: Report) -> Group:
    """One block per set and number of shots, for ``rich.print``."""
    parts: list[Table | Text] = []
    for title, tables in _blocks(report):
        for header, lines in tables:
            shown = None if title is None else Text(printable(title))
            table = Table(*header, title=shown, title_justify="left")
            for line in lines:
                table.add_row(*(Text(printable(cell)) for cell in line))
            parts.append(table)
            title = None
    return Group(*parts, Text(footnote(report)))


def markdown(report: Report, *, set_name: str | None = None, shots: int | None = None) -> str:
    """The same as Markdown; ``set_name`` and ``shots`` choose one block."""
    lines: list[str] = []
    for title, tables in _blocks(report, set_name, shots):
        lines += [f"**{title}**", ""]
        for header, entries in tables:
            lines += [_markdown_line(header), _markdown_line(["---"] * len(header))]
            lines += [_markdown_line(entry) for entry in entries]
            lines.append("")
    return "\n".join([*lines, footnote(report), ""])


def footnote(report: Report) -> str:
    """How the figures were made, in a few sentences."""
    kinds = sorted({row.interval for row in report.rows if row.interval and row.interval != "none"})
    kinds += sorted({d.interval for d in report.differences if d.interval} - {"none", *kinds})
    intervals = f"95 % intervals: {', '.join(kinds)}. " if kinds else ""
    return (
        f"Means over persons. {intervals}Worst decile: mean accuracy of the worst tenth of persons, at least "
        f"one. Harmed: persons whose own interval of method - global lies below 0; by chance, one in forty."
    )


def _blocks(
    report: Report, set_name: str | None = None, shots: int | None = None
) -> Iterator[tuple[str, list[tuple[tuple[str, ...], list[tuple[str, ...]]]]]]:
    """Title and tables of every (set, shots)."""
    for found_set, found_shots in report.settings:
        if set_name not in (None, found_set) or shots not in (None, found_shots):
            continue
        here = [row for row in report.rows if (row.set, row.shots) == (found_set, found_shots)]
        gaps = [d for d in report.differences if (d.set, d.shots) == (found_set, found_shots)]
        persons = max(row.persons for row in here)
        seeds = max(row.seeds for row in here)
        title = f"{report.task}, {found_set} set, {_count(persons, 'person')}, {_count(found_shots, 'clip')}"
        title += f", {seeds} seeds" if seeds > 1 else ""
        tables = [(_with_spread(_ROW_HEADER, seeds), [_row_cells(row, seeds) for row in here])]
        if gaps:
            cells = [_difference_cells(gap, seeds) for gap in gaps]
            tables.append((_with_spread(_DIFFERENCE_HEADER, seeds), cells))
        if persons < BOOTSTRAP_PERSONS and all(row.per_person for row in here):
            tables.append(_persons_table(here))
        yield title, tables


def _with_spread(header: tuple[str, ...], seeds: int) -> tuple[str, ...]:
    return (*header, "sd over seeds") if seeds > 1 else header


def _row_cells(row: ReportRow, seeds: int) -> tuple[str, ...]:
    harmed = "" if row.harmed is None else f"{len(row.harmed)}"
    if row.harmed and len(row.harmed) <= MOST_NAMED:
        harmed += f" ({', '.join(person.rpartition('/')[2] for person in row.harmed)})"
    cells = (
        row.method,
        f"{100 * row.accuracy:.1f}{_bounds(row.ci95, 100.0, '.1f')}",
        f"{100 * row.worst_decile:.1f}",
        f"{row.nll:.3f}",
        f"{100 * row.ece:.1f}",
        harmed,
    )
    return (*cells, _spread(row.seed_sd)) if seeds > 1 else cells


def _difference_cells(gap: ReportDifference, seeds: int) -> tuple[str, ...]:
    formula = f"{gap.a} - {gap.b}"
    label = f"{gap.name}: {formula}" if gap.name else formula
    if gap.name == PERSONAL_GAIN and gap.best_control:
        label += f", here {gap.best_control}"
    nll = "" if gap.nll_mean is None else f"{gap.nll_mean:+.3f}{_bounds(gap.nll_ci95, 1.0, '+.3f')}"
    cells = (label, f"{100 * gap.mean:+.1f}{_bounds(gap.ci95, 100.0, '+.1f')}", nll)
    return (*cells, _spread(gap.seed_sd)) if seeds > 1 else cells


def _persons_table(rows: list[ReportRow]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Few persons: every one is shown."""
    persons = sorted({person for row in rows for person in row.per_person or ()})
    lines = []
    for person in persons:
        values = [(row.per_person or {}).get(person) for row in rows]
        lines.append((person, *("" if value is None else f"{100 * value:.1f}" for value in values)))
    return ("accuracy % of", *(row.method for row in rows)), lines


def _bounds(bounds: tuple[float, float] | None, factor: float, form: str) -> str:
    if bounds is None:
        return ""
    return f" [{format(factor * bounds[0], form)}, {format(factor * bounds[1], form)}]"


def _spread(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _markdown_line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"
