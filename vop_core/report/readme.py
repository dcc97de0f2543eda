"""The README's table of results, filled from the summaries so that no number in it is typed."""

from collections.abc import Mapping
from typing import Any

from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.errors import EvaluationError
from vop_core.evaluation.plan import OPEN
from vop_core.report.estimates import REVERSE, SHOWN, asked_alone, verdict
from vop_core.report.findings import of_this_method
from vop_core.report.summary import CONDITIONS
from vop_core.report.tables import completeness, rows_of
from vop_core.report.words import NOTHING, TEMPLATES, level, points

BEGIN, END = "<!-- bench: made by vop report -->", "<!-- end of bench -->"
# One or two of everything that may be read of a person.
METHODS = (
    "global",
    "vop",
    "film-hypernetwork",
    "adabn",
    "arm-bn",
    "tent",
    "fine-tune-film",
)
REGIMES = ("", ", own-environment", ", unforeseen")  # suffixes of variants


def readme_section(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: in how many settings VoP is shown to gain, and unknown persons where they are
    heard, a line a method.

    A line shows global's accuracy, or the difference to it in each of ``REGIMES``.
    """
    summaries = of_this_method(summaries)
    if CONDITIONS not in summaries:
        return "No result of the bench is there yet; make it with `python run.py vop bench`."
    tables = summaries[CONDITIONS]["datasets"]
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
        **_settings(found),
        names=list(found),
        lines=[
            [method, reads[method], *(_cell(rows, method) for rows in found.values())]
            for method in METHODS
            if method in reads
        ],
        persons=", ".join(persons),
        shots=sorted({str(table["main_shots"]) for table in tables.values()}),
        done=", ".join(sorted({_done(table) for table in tables.values()})),
    )


def _settings(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Of VoP's rows, on every data set in each of ``REGIMES``: how many there are, in how many it
    is shown to be above global, below it and personal, and which shares of global's errors are
    gone.
    """
    rows = [
        rows[VOP + suffix] for rows in found.values() for suffix in REGIMES if VOP + suffix in rows
    ]
    against = [row["versus_global"] for row in rows if row["versus_global"]]
    gaps = [verdict(asked_alone(each["accuracy"])) for each in against]
    gains = [row["personal_gain"] for row in rows if row["personal_gain"]]
    gone = sorted(each["error_reduction"]["mean"] for each in against if each["error_reduction"])
    return {
        "settings": len(gaps),
        "above": gaps.count(SHOWN),
        "below": gaps.count(REVERSE),
        "personal": sum(verdict(asked_alone(gain["accuracy"])) == SHOWN for gain in gains),
        "gone": (gone[0], gone[-1]) if gone else None,
    }


def _cell(rows: Mapping[str, Mapping[str, Any]], method: str) -> str:
    """A method on one data set, a line for each regime."""
    return "<br>".join(_figure(rows.get(method + suffix)) for suffix in REGIMES)


def _figure(row: Mapping[str, Any] | None) -> str:
    """The level of global; of others the difference, bold for a personal gain."""
    if row is None:
        return NOTHING
    if not row["versus_global"]:
        return level(row["accuracy"])
    said, gain = points(row["versus_global"]["accuracy"]), row["personal_gain"]
    own = row["variant"].partition(", ")[0] == VOP  # which alone is asked without others
    shown = gain and verdict(asked_alone(gain["accuracy"]) if own else gain["accuracy"]) == SHOWN
    return f"**{said}**" if shown else said


def _done(table: Mapping[str, Any]) -> str:
    """How much of the suite stands behind global's row."""
    return completeness(next(each for each in table["methods"] if each["variant"] == GLOBAL))


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
