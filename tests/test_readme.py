"""The README says what the results say, and names the two commands."""

import pytest

from vop_core.bench.suites import SUITES, suite_results
from vop_core.data.locations import repository_root
from vop_core.errors import EvaluationError
from vop_core.report.outputs import outdated, report_files, reported_suites
from vop_core.report.readme import BEGIN, END, fill

README = (repository_root() / "README.md").read_text(encoding="utf-8")


def test_summaries_findings_and_readme_are_those_of_the_results():
    root = repository_root()
    files = report_files(
        {suite: suite_results(suite) for suite in reported_suites(SUITES)}, root, keep=True
    )
    assert outdated(files, root) == [], "run: vop report"


def test_both_commands_are_named():
    assert "python run.py app" in README and "python run.py test" in README


def test_a_readme_without_its_marks_is_refused():
    with pytest.raises(EvaluationError, match="two comments"):
        fill(README.replace(BEGIN, ""), "x")


def test_filling_keeps_everything_outside_the_marks():
    filled = fill(README, "one line")
    assert filled.split(BEGIN)[0] == README.split(BEGIN)[0]
    assert filled.split(END)[1] == README.split(END)[1]
    assert f"{BEGIN}\none line\n{END}" in filled
