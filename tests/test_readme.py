"""The README says what the result files say, and names the two commands."""

import pytest

from vop_core.data.locations import repository_root
from vop_core.errors import EvaluationError
from vop_core.experiments.bench_outputs import outdated, report_files, reported_suites
from vop_core.experiments.readme import BEGIN, BENCH_MARKS, END, bench_section, fill, load_results, results_section
from vop_core.experiments.suites import SUITES, results_of_suites

README = (repository_root() / "README.md").read_text(encoding="utf-8")


def test_the_results_in_the_readme_are_those_of_the_result_files():
    assert fill(README, results_section(load_results())) == README, "run: vop results"


def test_the_benchs_tables_page_and_section_are_those_of_its_result_files():
    root = repository_root()
    files = report_files(results_of_suites(reported_suites(SUITES)), root, keep=True)
    assert outdated(files, root) == [], "run: vop report"
    if not files:
        assert fill(README, bench_section({}), BENCH_MARKS) == README


def test_a_changed_result_changes_the_readme():
    reports = load_results()
    if not reports:
        pytest.skip("no result file is committed yet")
    assert fill(README, results_section(reports[:-1])) != README


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
