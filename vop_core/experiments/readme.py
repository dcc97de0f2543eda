"""The README's results, filled from result files so that no number in it is typed."""

import json
from pathlib import Path

from vop_core.data.locations import repository_root
from vop_core.errors import EvaluationError
from vop_core.evaluation.report import PERSONAL_GAIN, RIGHT_MINUS_WRONG, Report, ReportDifference, report_from_json
from vop_core.evaluation.tables import markdown

BEGIN, END = "<!-- results: made by `vop results`, not by hand -->", "<!-- end of results -->"
SHOTS = 5


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
    """Markdown: one line a recipe with the two numbers that decide, then the full open-set table at five shots."""
    if not reports:
        return "No result file is there yet; make them with `python run.py vop crossval`."
    parts = [
        "| data set (open set, 5 clips) | recipe | personal gain, points [95 %] | measured against | "
        "right minus wrong person [95 %] |",
        "|---|---|---|---|---|",
    ]
    for report in reports:
        gain = report.difference(PERSONAL_GAIN, "open", SHOTS)
        wrong = report.difference(RIGHT_MINUS_WRONG, "open", SHOTS)
        parts.append(
            f"| {report.task} | {report.config['recipe']} | {_points(gain)} | "
            f"{gain.best_control if gain else '-'} | {_points(wrong)} |"
        )
    for report in reports:
        config = report.config
        parts += [
            "",
            f"**{report.task}, recipe `{config['recipe']}`**: {config['folds']} folds over persons, seed(s) "
            f"{', '.join(map(str, config['seeds']))}, {config['run']['shared']['steps']} shared and "
            f"{config['run']['branch']['steps']} further steps for global and VoP alike.",
            "",
            markdown(report, set_name="open", shots=SHOTS),
        ]
    return "\n".join(parts)


def _points(difference: ReportDifference | None) -> str:
    if difference is None:
        return "-"
    bounds = "" if difference.ci95 is None else "[{:+.1f}, {:+.1f}]".format(*(100 * x for x in difference.ci95))
    return f"{100 * difference.mean:+.1f} {bounds}".strip()


def fill(text: str, section: str) -> str:
    """The README with its results section replaced. Raises EvaluationError where the marks are missing."""
    if BEGIN not in text or END not in text:
        raise EvaluationError("README.md has lost the two comments that mark its results; put them back.")
    head, rest = text.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    return f"{head}{BEGIN}\n{section.strip()}\n{END}{tail}"
