"""What ``vop report`` writes: one JSON a suite, the README's table, findings and page; and whether
they still agree.

JSON comes from the tables of scores; all else comes from the JSON. The page is not committed.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vop_core.bench.results import Result
from vop_core.bench.sequences import SUITE as DUA
from vop_core.errors import EvaluationError
from vop_core.report.findings import FINDINGS, findings
from vop_core.report.page import LIBRARY, bench_page, plotting_library
from vop_core.report.readme import fill, readme_section
from vop_core.report.sequences import sequence_files
from vop_core.report.speed import speed_files
from vop_core.report.summary import FORMAT, as_text, summary
from vop_core.writing import make_folder, write_text

SKIPPED = ("smoke", "tuning")  # no evidence of anything; settings on trial
CLOSE = 2e-5  # figures of another machine may differ in their last digit
PAGE = Path("docs") / "bench.html"
README = Path("README.md")


def reported_suites(suites: Iterable[str]) -> tuple[str, ...]:
    """Those suites that have tables."""
    return tuple(suite for suite in suites if suite not in SKIPPED)


def summary_file(root: Path, suite: str) -> Path:
    """Where a suite's summary lies."""
    return root / "data" / "results" / f"bench-{suite}.json"


def report_files(
    results: Mapping[str, Mapping[str, Sequence[Result]]], root: Path, *, keep: bool = False
) -> dict[Path, str]:
    """Every file of the report and its text; nothing is written. ``results``: suite -> data set ->
    results.

    ``keep``: README and page are made of the summaries that lie there, where these hold the same
    figures.

    Raises
    ------
    EvaluationError
        Results that must not be put together, or a README without its marks.
    """
    # sequences of tasks have a page of their own
    ordered = [each for found in results.get(DUA, {}).values() for each in found]
    sequences = sequence_files(ordered, root)
    results = {suite: found for suite, found in results.items() if suite != DUA}
    summaries = {
        suite: summary(found, suite) for suite, found in results.items() if any(found.values())
    }
    for suite in results.keys() - summaries.keys():
        if summary_file(root, suite).exists():
            raise EvaluationError(
                f"'{summary_file(root, suite).name}' is there, but the suite has no results; bring "
                f"'{suite}.parquet' back, or remove that file."
            )
    if not summaries:
        return {}
    files = {summary_file(root, suite): as_text(content) for suite, content in summaries.items()}
    if keep:
        summaries = {
            suite: _kept(summary_file(root, suite), content) for suite, content in summaries.items()
        }
    return files | pages(summaries, root) | speed_files(root) | sequences


def pages(summaries: Mapping[str, Mapping[str, Any]], root: Path) -> dict[Path, str]:
    """README, findings and page of the summaries, suite by suite. Raises EvaluationError for a
    README without its marks.
    """
    readme = (root / README).read_text(encoding="utf-8")
    return {
        root / README: fill(readme, readme_section(summaries)),
        root / FINDINGS: findings(summaries),
        root / PAGE: bench_page(summaries),
        (root / PAGE).with_name(LIBRARY): plotting_library(),
    }


def write_files(files: Mapping[Path, str]) -> list[Path]:
    """Write what is new or changed, each file whole or not at all; gives the files written."""
    written = []
    for path, text in files.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        make_folder(path.parent)
        write_text(path, text)
        written.append(path)
    return written


def outdated(files: Mapping[Path, str], root: Path) -> list[Path]:
    """Files that say something else than the results do, and summaries without any result."""
    not_committed = {root / PAGE, (root / PAGE).with_name(LIBRARY)}
    ours = {path: text for path, text in files.items() if path not in not_committed}
    stale = [path for path, text in ours.items() if not _agrees(path, text)]
    left_over = set((root / "data" / "results").glob("bench-*.json")) - files.keys()
    return sorted({*stale, *left_over})


def load_summary(path: Path) -> dict[str, Any]:
    """Read a suite's summary. Raises EvaluationError where it is damaged or of another version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["format"]
    except (OSError, ValueError, KeyError, TypeError):
        raise EvaluationError(
            f"'{path.name}' is no summary of the bench; make it again with: vop report"
        ) from None
    if version != FORMAT:
        raise EvaluationError(
            f"'{path.name}' was written by another version (format {version}, this program reads "
            f"{FORMAT}); make it again with: vop report"
        )
    return content


def _kept(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    try:
        stored = load_summary(path)
    except EvaluationError:
        return content
    return stored if alike(stored, content) else content


def _agrees(path: Path, text: str) -> bool:
    if not path.exists():
        return False
    stored = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        try:
            return alike(json.loads(stored), json.loads(text))
        except ValueError:
            return False
    return stored == text


def alike(one: Any, other: Any) -> bool:
    """Equal, but for the last digit of numbers."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) or isinstance(other, float):
        numbers = all(isinstance(value, int | float) for value in (one, other))
        return numbers and math.isclose(one, other, rel_tol=1e-6, abs_tol=CLOSE)
    return one == other
