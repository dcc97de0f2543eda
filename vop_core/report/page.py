"""The bench as one HTML page that works offline: tables, figures, legend, settings; its words are
in ``templates``.

It follows the reader's light or dark colours. Figures need plotly.js beside it, which ``vop
report`` takes from the installed package: other people's code is not committed. Without it the page
says so where a figure would be.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from vop_core import plots
from vop_core.evaluation.plan import CLOSED, OPEN
from vop_core.evaluation.tables import blocks, footnote
from vop_core.report import tables as text
from vop_core.report.findings import short_answers
from vop_core.report.scoreboard import WHY_NO_MAGNITUDES
from vop_core.report.summary import PAPER
from vop_core.report.tables import TextTable
from vop_core.report.words import TEMPLATES

LINES_SHOWN = 8  # in a figure with a line for each method; the others wait in its legend
SHOWN_FIRST = ("global", "vop", "film-hypernetwork", "adabn")
LIBRARY = "plotly.min.js"
Table = Mapping[str, Any]


class Section(NamedTuple):
    """One data set in one suite."""

    anchor: str
    title: str
    blocks: "Sequence[TextTable | Drawing | Remark]"


class Drawing(NamedTuple):
    """A figure as JSON for plotly.js, with its words; the page numbers it."""

    title: str
    alt: str
    height: int
    drawn: str


class Remark(NamedTuple):
    """What is said between tables."""

    title: str
    words: str


def bench_page(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole page, from the summaries of the suites."""
    remade = Section("table-1", "Table 1 of the paper", [text.remade_table(summaries)])
    sections = [remade] + [
        Section(
            re.sub(r"[^a-z0-9]+", "-", f"{suite}-{dataset}".lower()),
            f"{dataset}, suite {suite}",
            list(filter(_says_anything, _blocks(content, table, whole=suite == PAPER))),
        )
        for suite, content in summaries.items()
        for dataset, table in content["datasets"].items()
    ]
    sections += [
        Section(
            re.sub(r"[^a-z0-9]+", "-", f"{suite}-{name}".lower()),
            f"Speaker verification, suite {suite}",
            [
                TextTable(f"{title}: {what}", header, lines, footnote(table) * (what == "errors"))
                for title, tables in blocks(table)
                for what, (header, lines) in zip(("errors", "differences"), tables, strict=True)
            ],
        )
        for suite, content in summaries.items()
        for name, table in content.get("claims", {}).items()
    ]
    # links lead from another folder: their words are enough
    answers = [
        (question, re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", said))
        for question, said in short_answers(summaries)
    ]
    settings = [
        _settings(suite, table)
        for suite, content in summaries.items()
        for table in content["datasets"].values()
    ]
    page = TEMPLATES.get_template("page.html")
    return page.render(library=LIBRARY, sections=sections, answers=answers, settings=settings)


def plotting_library() -> str:
    """plotly.js as the plotly package brings it: the page must work without a connection."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _says_anything(block: "TextTable | Drawing | Remark | None") -> bool:
    """Not a table without a line or note, nor a figure without a mark."""
    if isinstance(block, TextTable):
        return bool(block.lines or block.note)
    return block is not None


def _figure(title: str, figure: go.Figure) -> Drawing | None:
    """None for a figure without a mark."""
    if not figure.data:
        return None
    alt = plots.text_alternative(figure)
    figure.layout.template = go.layout.Template()  # the page brings its own colours
    drawn = json.dumps(figure.to_plotly_json(), ensure_ascii=False, allow_nan=False, default=list)
    # no name may end the script
    return Drawing(title, alt, figure.layout.height, drawn.replace("</", "<\\/"))


def _blocks(content: Table, table: Table, *, whole: bool) -> Iterator[Any]:
    """One data set: the main tables, and for the paper's suite all of it."""
    reads = {method["variant"]: method["reads"] for method in table["methods"]}
    shown = _lines_shown(table)
    for set_name in (OPEN, CLOSED):
        rows = text.rows_of(table, set_name)
        if not rows:
            continue
        yield text.headline_table(table, set_name)
        yield _figure(
            f"Difference to global, {text.SETS[set_name]}", plots.forest_figure(rows, reads)
        )
        yield text.control_table(table, set_name)
        yield _figure(f"Whose clips enrolled, {text.SETS[set_name]}", plots.control_figure(rows))
        yield text.probability_table(table, set_name, content)
        if set_name == OPEN:
            calibration = plots.reliability_figure(table["reliability"], shown=shown)
            yield _figure("Confidence and right answers, unknown persons", calibration)
    if table["comparisons"]:
        yield text.listed_table(table, "comparisons")
    yield text.curve_table(table)
    curves = plots.shots_figure(table["curves"], shown=shown)
    yield _figure("Accuracy of unknown persons by number of clips", curves)
    yield text.curve_table(table, "versus_global")
    yield text.curve_table(table, "error_reduction")
    if whole:
        yield from _further(table, shown)
    yield text.changes_table(table)
    for name in (
        "episodes",
        "groups",
        "environments",
        "calls",
        "attributes",
        "draws",
        "posteriors",
        "coverage",
        "widths",
        "methods",
    ):
        yield text.listed_table(table, name)
    cost = plots.cost_figure(text.rows_of(table, OPEN), table["methods"])
    yield _figure("What enrollment costs and brings, unknown persons", cost)


def _further(table: Table, shown: Sequence[str] | None) -> Iterator[Any]:
    yield text.decomposition_table(table)
    for figure in ("nll", "nll_versus_global", "coverage"):
        yield text.curve_table(table, figure)
    yield _figure(
        "Surer, and right? Unknown persons", plots.certainty_figure(table["curves"], shown=shown)
    )
    if table["scoreboard"]:
        yield Remark("Scoreboard of the paper", WHY_NO_MAGNITUDES)
        yield text.listed_table(table, "scoreboard")


def _lines_shown(table: Table) -> tuple[str, ...] | None:
    """All methods where they are few; else those compared by name, then the first others."""
    variants = list(dict.fromkeys(point["variant"] for point in table["curves"]))
    if len(variants) <= LINES_SHOWN:
        return None
    wanted = [name for name in (*SHOWN_FIRST, table["picked_baseline"]) if name in variants]
    return tuple(dict.fromkeys(wanted)) or tuple(variants[:LINES_SHOWN])


def _settings(suite: str, table: Table) -> tuple[TextTable, str]:
    """What was trained and scored how, which runs stand behind the figures, and the settings that
    all share.
    """
    lines = []
    for method in table["methods"]:
        runs = ", ".join(f"seed {seed} fold {fold}: {name}" for seed, fold, name in method["runs"])
        differs = ", ".join(name for name in method["differs"] if name) or "nothing"
        persons = ", ".join(map(str, method["train_persons"]))
        config = json.dumps(method["config"], ensure_ascii=False)
        lines.append((method["variant"], config, differs, persons, text.completeness(method), runs))
    header = (
        "method",
        "its settings",
        "differs from the shared ones in",
        "training persons a fold",
        "there are",
    )
    title = (
        f"{table['dataset']}, suite {suite}: recordings {table['recordings']}, {table['folds']} "
        "folds over persons"
    )
    shared = json.dumps(table["shared_config"], ensure_ascii=False, indent=1)
    return TextTable(title, (*header, "result files"), lines), shared
