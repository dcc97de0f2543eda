"""The README's results, filled from result files so that no number in it is typed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vop_core.data.locations import repository_root
from vop_core.errors import EvaluationError
from vop_core.evaluation.protocol import GLOBAL, VOP
from vop_core.evaluation.report import PERSONAL_GAIN, RIGHT_MINUS_WRONG, Report, ReportDifference, report_from_json
from vop_core.evaluation.scores import CLOSED, OPEN
from vop_core.evaluation.tables import markdown
from vop_core.experiments import bench_text
from vop_core.experiments.bench_text import TextTable
from vop_core.experiments.findings import short_answers
from vop_core.experiments.recipes import RECIPES
from vop_core.experiments.scoreboard import WHY_NO_MAGNITUDES

BEGIN, END = "<!-- results: made by `vop results`, not by hand -->", "<!-- end of results -->"
BENCH_BEGIN, BENCH_END = "<!-- bench: made by vop report -->", "<!-- end of bench -->"
SHOTS = 5
PAPER = "paper"
FINDINGS = Path("data") / "results" / "FINDINGS.md"


class Marks(NamedTuple):
    """The two comments around a filled section, and what it holds in a word."""

    begin: str
    end: str
    holds: str


RESULTS_MARKS = Marks(BEGIN, END, "results")
BENCH_MARKS = Marks(BENCH_BEGIN, BENCH_END, "bench")


def results_folder() -> Path:
    """Where the result files of full runs lie."""
    return repository_root() / "data" / "results"


def load_results(folder: Path | None = None) -> list[Report]:
    """All cross-validation reports, by file name. Raises EvaluationError where one is damaged."""
    reports = []
    for file in sorted((folder or results_folder()).glob("crossval-*.json")):
        try:
            reports.append(report_from_json(json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, OSError) as error:
            raise EvaluationError(f"'{file.name}' is no result file ({error}); run vop crossval again.") from error
    return reports


def results_section(reports: list[Report]) -> str:
    """Markdown: a line for each set and recipe with the numbers that decide, then whole tables, folded away."""
    if not reports:
        return "No result file is there yet; make them with `python run.py vop crossval`."
    order = {name: index for index, name in enumerate(RECIPES)}  # a recipe that is no longer there comes last
    reports = sorted(reports, key=lambda report: (report.task, order.get(report.config["recipe"], len(order))))
    parts = [
        f"| data set ({SHOTS} clips) | recipe | set | global % | VoP % | personal gain, points [95 %] | "
        "right minus wrong person, points [95 %] | the same in NLL, nats (below 0 is better) |",
        "|---|---|---|---|---|---|---|---|",
        *(_line(report, set_name) for report in reports for set_name in (OPEN, CLOSED)),
        "",
        *(_summary(reports, set_name) for set_name in (OPEN, CLOSED)),
    ]
    for report in reports:
        config = report.config
        table = markdown(report, set_name=OPEN, shots=SHOTS)
        said = (
            f"{config['folds']} folds over persons, seed(s) {', '.join(map(str, config['seeds']))}, "
            f"{config['run']['shared']['steps']} shared and {config['run']['branch']['steps']} further steps for "
            "global and VoP alike"
        )
        title = f"{report.task}, recipe {config['recipe']}: all rows, open set, {SHOTS} clips"
        parts += ["", f"<details><summary>{title}</summary>", "", f"{said}.", "", table, "", "</details>"]
    return "\n".join(parts)


def _summary(reports: list[Report], set_name: str) -> str:
    gains = [report.difference(PERSONAL_GAIN, set_name, SHOTS) for report in reports]
    wrongs = [report.difference(RIGHT_MINUS_WRONG, set_name, SHOTS) for report in reports]
    above = [sum(d is not None and d.ci95 is not None and d.ci95[0] > 0 for d in found) for found in (gains, wrongs)]
    surer = sum(d is not None and d.nll_ci95 is not None and d.nll_ci95[1] < 0 for d in wrongs)
    return (
        f"- {set_name.capitalize()} set, {len(reports)} trainings: the interval of the personal gain lies above 0 in "
        f"{above[0]}, that of right minus wrong in {above[1]}; in NLL the right person is better than the wrong one in "
        f"{surer}."
    )


def _line(report: Report, set_name: str) -> str:
    gain = report.difference(PERSONAL_GAIN, set_name, SHOTS)
    wrong = report.difference(RIGHT_MINUS_WRONG, set_name, SHOTS)
    rows = [report.row(method, set_name, SHOTS) for method in (GLOBAL, VOP)]
    cells = [
        report.task,
        report.config["recipe"],
        set_name,
        *("-" if row is None else f"{100 * row.accuracy:.1f}" for row in rows),
        _points(gain) + (f" over {gain.best_control}" if gain and gain.best_control else ""),
        _points(wrong),
        _nats(wrong),
    ]
    return f"| {' | '.join(cells)} |"


def _nats(difference: ReportDifference | None) -> str:
    if difference is None or difference.nll_mean is None:
        return "-"
    bounds = "" if difference.nll_ci95 is None else "[{:+.3f}, {:+.3f}]".format(*difference.nll_ci95)
    return f"{difference.nll_mean:+.3f} {bounds}".strip()


def _points(difference: ReportDifference | None) -> str:
    if difference is None:
        return "-"
    bounds = "" if difference.ci95 is None else "[{:+.1f}, {:+.1f}]".format(*(100 * x for x in difference.ci95))
    return f"{100 * difference.mean:+.1f} {bounds}".strip()


def bench_section(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown from the suites' summaries: a table for each data set, the named comparisons, the way to the rest."""
    if PAPER not in summaries:
        return "No result of the bench's main suite is there yet; make it with `python run.py vop bench`."
    tables = list(summaries[PAPER]["datasets"].values())
    answers = [f"- **{question}** {_from_root(answer)}" for question, answer in short_answers(summaries)]
    parts = [f"**In short** (each with its intervals: [{FINDINGS.name}]({FINDINGS.as_posix()})):", "\n".join(answers)]
    parts += [_bench_table(bench_text.headline_table(table)) for table in tables]
    compared = [bench_text.comparison_table(table) for table in tables]
    lines = [(table["dataset"], *line) for table, found in zip(tables, compared, strict=True) for line in found.lines]
    if lines:
        parts.append(_bench_table(TextTable("Named comparisons", ("data set", *compared[0].header), lines)))
    boards = [table for table in tables if table["scoreboard"]]
    if boards:
        main = "; ".join(bench_text.published_headline(table) for table in boards)
        pairs = "\n".join(f"- {table['dataset']}: {bench_text.scoreboard_counts(table)}" for table in boards)
        parts.append(f"The paper's main claim, VoP above its baseline on unknown persons: {main}.")
        parts.append(f"Its published order, pair by pair, signs only:\n\n{pairs}\n\n{WHY_NO_MAGNITUDES}")
    parts.append(
        "All else (closed set, controls, calibration, numbers of clips, outliers, costs, settings, a legend of every "
        "term) is on one page that works offline: [docs/bench.html](docs/bench.html). `python run.py vop report` "
        "puts beside it the library that draws its figures."
    )
    return "\n\n".join(parts)


def _from_root(text: str) -> str:
    """Links of the findings, as the README must write them."""
    return text.replace("](" + "../" * len(FINDINGS.parent.parts), "](")


def _bench_table(table: TextTable) -> str:
    head = [f"**{table.title}**", "", _cells(table.header), _cells(["---"] * len(table.header))]
    return "\n".join([*head, *map(_cells, table.lines), *(("", table.note) if table.note else ())])


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def fill(text: str, section: str, marks: Marks = RESULTS_MARKS) -> str:
    """The README with one of its filled sections replaced. Raises EvaluationError where the marks are missing."""
    if marks.begin not in text or marks.end not in text:
        raise EvaluationError(f"README.md has lost the two comments that mark its {marks.holds}; put them back.")
    head, rest = text.split(marks.begin, 1)
    _, tail = rest.split(marks.end, 1)
    return f"{head}{marks.begin}\n{section.strip()}\n{marks.end}{tail}"
