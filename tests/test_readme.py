"""The README says what the results say, and names the two commands."""

import json

import pytest

from vop_core.bench.method_runs import group_runs
from vop_core.bench.suites import PRETRAINED, SUITES, suite_results
from vop_core.data.locations import repository_root
from vop_core.errors import EvaluationError
from vop_core.report.groups import GROUPS, adjust_over_groups
from vop_core.report.outputs import (
    alike,
    load_summary,
    outdated,
    pages,
    reported_suites,
    summary_file,
)
from vop_core.report.readme import BEGIN, END, fill
from vop_core.report.summary import (
    bench_table,
    claims_table,
    pick_baseline,
    plain,
    unlabeled_baselines,
)

ROOT = repository_root()
README = (ROOT / "README.md").read_text(encoding="utf-8")
SUMMARIES = {
    suite: summary_file(ROOT, suite)
    for suite in reported_suites(SUITES)
    if summary_file(ROOT, suite).exists()
}


@pytest.mark.parametrize("suite", SUMMARIES)
def test_a_suites_summary_is_that_of_its_results(suite):
    """On its smallest data set; ``vop report --check`` makes all of them again."""
    results = suite_results(suite)
    content = load_summary(SUMMARIES[suite])
    stored, claims = content["datasets"], content.get("claims", {})
    assert stored.keys() | claims.keys() == results.keys()
    name = min(results, key=lambda name: sum(len(result.scores) for result in results[name]))
    if name in claims:
        # one method: intervals over speakers take their time
        alone = claims_table(name, [r for r in results[name] if r.variant == PRETRAINED])
        rows = [row for row in claims[name]["rows"] if row["method"] == PRETRAINED]
        assert alike(rows, json.loads(json.dumps(plain(alone)))["rows"]), "run: vop report"
        return
    grouped = {name: group_runs(results[name]) for name in stored}
    baseline = pick_baseline(grouped, name, unlabeled_baselines(grouped))
    table = bench_table(name, grouped[name], baseline, suite)
    if suite == GROUPS:
        adjust_over_groups((stored | {name: table}).values())
    table = plain(table)
    assert alike(stored[name], json.loads(json.dumps(table))), "run: vop report"


def test_findings_and_readme_are_those_of_the_summaries():
    files = pages({suite: load_summary(file) for suite, file in SUMMARIES.items()}, ROOT)
    summaries = {file: file.read_text(encoding="utf-8") for file in SUMMARIES.values()}
    assert outdated(files | summaries, ROOT) == [], "run: vop report"


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
