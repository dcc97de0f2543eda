"""The README's table of results, filled from the summaries so that no number in it is typed."""

from collections.abc import Mapping
from typing import Any

from vop_core.errors import EvaluationError
from vop_core.evaluation.plan import OPEN
from vop_core.report.estimates import SHOWN, verdict
from vop_core.report.findings import short_answers
from vop_core.report.summary import PAPER
from vop_core.report.tables import rows_of
from vop_core.report.words import NOTHING, TEMPLATES, level, points

BEGIN, END = "<!-- bench: made by vop report -->", "<!-- end of bench -->"
# One or two of everything that may be read of a person.
METHODS = (
    "global",
    "vop",
    "conditional-vop",
    "film-hypernetwork",
    "adabn",
    "tent",
    "versa",
    "prototypes",
    "fine-tune-film",
    "fine-tune-all",
)


def readme_section(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: the first finding, and the main suite on unknown persons, a line a method.

    A line shows global's accuracy, or the difference to it and the share of its errors gone.
    """
    if PAPER not in summaries:
        return (
            "No result of the bench's main suite is there yet; make it with `python run.py vop "
            "bench`."
        )
    tables = summaries[PAPER]["datasets"]
    reads = {
        each["variant"]: each["reads"] for table in tables.values() for each in table["methods"]
    }
    found = {
        name: {row["variant"]: row for row in rows_of(table, OPEN)}
        for name, table in tables.items()
    }
    persons = (
        f"{name} {max(row['accuracy']['persons'] for row in rows.values())}"
        for name, rows in found.items()
        if rows
    )
    return TEMPLATES.get_template("readme.md").render(
        finding=next((answer for _, answer in short_answers(summaries)), ""),
        names=list(found),
        lines=[
            [method, reads[method], *(_cell(rows.get(method)) for rows in found.values())]
            for method in METHODS
            if method in reads
        ],
        persons=", ".join(persons),
        shots=sorted({str(table["main_shots"]) for table in tables.values()}),
    )


def _cell(row: Mapping[str, Any] | None) -> str:
    """The level of global; of others the difference and the errors gone, bold for a personal
    gain.
    """
    if row is None:
        return NOTHING
    gaps, gain = row["versus_global"], row["personal_gain"]
    if not gaps:
        return level(row["accuracy"])
    said = points(gaps["accuracy"])
    if gain and verdict(gain["accuracy"]) == SHOWN:
        said = f"**{said}**"
    return f"{said}<br>{points(gaps['error_reduction'])} %"


def fill(text: str, section: str) -> str:
    """The README with its filled section replaced. Raises EvaluationError where the marks are
    missing.
    """
    if BEGIN not in text or END not in text:
        raise EvaluationError(
            "README.md has lost the two comments that mark its results; put them back."
        )
    head, rest = text.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    return f"{head}{BEGIN}\n{section.strip()}\n{END}{tail}"
