"""The suite dua from plan to page, on a sequence small enough for every run; and its benchmarks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.continual.conftest import FEW_STEPS, LABELS, SIDE, make_sequence
from vop_core.bench import sequences
from vop_core.bench.results import DONE, load_results
from vop_core.bench.run import run_bench
from vop_core.bench.suites import store_of, suite_jobs
from vop_core.cli import app
from vop_core.continual.asking import WRONG
from vop_core.continual.benchmarks import BENCHMARKS, Benchmark
from vop_core.continual.registry import SERVER_METHODS
from vop_core.data.corruptions import CORRUPTIONS
from vop_core.data.locations import repository_root
from vop_core.data.splits import TRAIN, role_of
from vop_core.errors import DataError, EvaluationError
from vop_core.report.outputs import outdated
from vop_core.report.sequences import Figures, sequence_files, sequence_page

TOY = Benchmark(
    "toy",
    (),
    lambda benchmark, roles, seed: replace(make_sequence(), recordings=benchmark.recordings),
    {
        "mlp": {"name": "mlp", "config": {"labels": LABELS, "shape": (SIDE, SIDE), "hidden": (8,)}},
        "conv4": {"name": "conv4", "config": {"labels": LABELS, "side": SIDE, "channels": 4}},
    },
    (0, 1),
    training=FEW_STEPS,
)


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """The suite with one small benchmark, in a cache of its own."""
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sequences, "BENCHMARKS", {"toy": TOY})
    return tmp_path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """All methods on both networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOP_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(sequences, "BENCHMARKS", {"toy": TOY})
        jobs = suite_jobs("dua", seeds=[0])
        run_bench(jobs, processes=1)
        assert not any(job.missing for job in suite_jobs("dua", seeds=[0]))
        return [
            result
            for job in jobs
            for each in job.contenders
            for result in load_results(job.result_file(each))
        ]


def test_every_method_is_asked_on_every_network_and_none_twice(results):
    assert {(each.dataset, each.method) for each in results} == {
        (f"toy, {network}", method) for network in TOY.encoders for method in SERVER_METHODS
    }
    assert all(each.status == DONE for each in results)
    assert len({each.hash for each in results}) == len(results)


def test_a_method_alone_finds_what_it_finds_among_others(toy, results):
    (job,) = [j for j in suite_jobs("dua", seeds=[0], methods=["fim-racl"]) if j.network == "conv4"]
    run_bench([job], processes=1)
    (alone,) = load_results(job.result_file(job.contenders[0]))
    (among,) = [r for r in results if (r.dataset, r.method) == ("toy, conv4", "fim-racl")]
    np.testing.assert_array_equal(alone.scores["value"], among.scores["value"])
    assert alone.hash == among.hash


def test_what_is_trained_is_shared_and_found_again(toy):
    (job,) = [j for j in suite_jobs("dua", seeds=[0], methods=["mean-imm"]) if j.network == "mlp"]
    run_bench([job], processes=1)
    before = {file: file.stat().st_mtime_ns for file in job.runs.glob("*.safetensors")}
    assert len(before) == 3
    (other,) = [j for j in suite_jobs("dua", seeds=[0], methods=["mas-imm"]) if j.network == "mlp"]
    run_bench([other], processes=1)
    assert {file: file.stat().st_mtime_ns for file in job.runs.glob("*.safetensors")} == before


def test_the_plan_names_what_is_missing(toy):
    shown = CliRunner().invoke(app, ["bench", "--suite", "dua", "--plan", "--seeds", "0"])
    assert shown.exit_code == 0
    assert f"dua: 0 of {2 * len(SERVER_METHODS)} results are there." in shown.output
    assert "toy, conv4 fold 0 seed 0 lacks" in shown.output


def test_what_there_is_not_is_refused(toy):
    with pytest.raises(EvaluationError, match="no method 'vop'; choose from mas-racl"):
        suite_jobs("dua", methods=["vop"])
    with pytest.raises(EvaluationError, match="no benchmark 'digits' in this suite"):
        suite_jobs("dua", datasets=["digits"])


def test_other_recordings_than_planned_are_refused(toy):
    (job,) = [j for j in suite_jobs("dua", seeds=[0], methods=["joint"]) if j.network == "mlp"]
    with pytest.raises(DataError, match="not those that were planned with"):
        run_bench([replace(job, recordings="others")], processes=1)


def test_the_page_has_a_line_for_every_method_and_the_figures_of_the_results(results):
    page = sequence_page(results)
    for method in SERVER_METHODS:
        assert f"\n| {method} |" in page
    assert "| copied – released |" in page
    figures = Figures(results)
    own = figures.persons("toy, conv4", ("fim-imm", "vop"))
    table = next(r.scores for r in results if (r.dataset, r.method) == ("toy, conv4", "fim-imm"))
    asked = table[(table["row"] == "vop") & (table["metric"] == "accuracy")]
    assert np.mean(list(own.values())) == pytest.approx(asked["value"].mean(), abs=1e-5)
    difference = figures.difference("toy, conv4", ("fim-imm", "vop"), ("fim-imm", "vop" + WRONG))
    assert difference.persons == 3
    # of the talk's benchmarks
    assert "| not run |" in page
    assert "| as in the talk |" not in page


def test_the_committed_page_is_that_of_the_committed_results():
    root = repository_root()
    results = load_results(root / "data" / "results" / "dua.parquet")
    files = sequence_files(results, root)
    assert not files.keys() & set(outdated(files, root))


@pytest.mark.parametrize("name", ["alphabets", "numbers-standard"])
def test_no_choice_is_made_on_those_who_are_tested(name):
    with pytest.raises(DataError, match=f"Nobody of '{name}' is kept for choices"):
        BENCHMARKS[name].sequence(0, choosing=True)


def test_results_are_gathered_under_the_suites_own_name():
    assert store_of("dua").file.name == "dua.parquet"


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["cat-prior", "trans-prior", "words", "alphabets"])
def test_nobody_is_on_both_sides(name):
    """The server's persons are those of the committed splits, and no user's sample is theirs."""
    sequence = BENCHMARKS[name].sequence(0)
    if name != "alphabets":  # drawers have no split
        assert {role_of(person) for person in sequence.server.persons} == {TRAIN}
    rows = [
        {row.numpy().tobytes() for row in table.features}
        for table in (sequence.server, sequence.own, sequence.asked)
    ]
    # pictures may be equal by chance where they are tiny; recordings and drawings are not
    assert not rows[0] & (rows[1] | rows[2])
    if name != "trans-prior":  # there everybody has the same pictures
        assert not rows[1] & rows[2]


@pytest.mark.data
@pytest.mark.slow
def test_users_of_trans_prior_ask_about_the_same_pictures_each_spoilt_in_one_way():
    sequence = BENCHMARKS["trans-prior"].sequence(0)
    assert sequence.users == tuple(CORRUPTIONS)
    for table in (sequence.own, sequence.asked):
        labels = table.label.view(len(CORRUPTIONS), -1)
        assert (labels == labels[0]).all()
        assert (torch.bincount(table.person) == labels.shape[1]).all()
