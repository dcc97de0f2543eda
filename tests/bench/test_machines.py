"""A bench on several machines: the same results, whichever of them are lost on the way."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.buzzing import KEYWORDS
from vop_core.bench import machines, suites
from vop_core.bench.recipes import Contender
from vop_core.bench.results import Store
from vop_core.bench.run import bench, run_bench, run_job
from vop_core.cli import app
from vop_core.data.locations import voices_root
from vop_core.errors import DataError, EvaluationError, VopError

METHODS = "global", "adabn", "vop"


def jobs(folder):
    return bench(
        "smoke",
        KEYWORDS,
        str(voices_root() / KEYWORDS.in_the_box),
        [Contender(variant=name, method=name) for name in METHODS],
        config=suites.smoke_config(KEYWORDS),
        folds=4,
        only_folds=(0, 1),
        runs=folder / "runs",
        store=Store(folder / "smoke.parquet", folder / "results"),
    )


def results(folder):
    return Store(folder / "smoke.parquet", folder / "results").results()


@pytest.fixture
def two_nodes():
    """The address of a cluster of two nodes, on loopback, of a core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    clusters = pytest.importorskip("ray.cluster_utils", reason="the 'cluster' extra is missing")
    node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100_000_000}
    cluster = clusters.Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
    yield cluster.address
    cluster.shutdown()


def workers():
    """The processes that now do a job for the cluster."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            named = (folder / "cmdline").read_bytes().startswith(b"ray::_results")
        except OSError:
            continue
        if named:
            yield int(folder.name)


@pytest.mark.load
@pytest.mark.filterwarnings("ignore")  # Ray's own
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_two_nodes_find_what_one_process_does_though_a_worker_is_killed(two_nodes, tmp_path):
    said = []

    def kill_after_the_first(entry):
        said.append(entry["phase"])
        if said == [entry["phase"]]:
            os.kill(next(workers()), signal.SIGKILL)

    run_bench(jobs(tmp_path / "cluster"), cluster=two_nodes, on_progress=kill_after_the_first)
    assert [phase for phase in said if phase.startswith("begun again")]
    for job in jobs(tmp_path / "here"):
        run_job(job)
    there, here = results(tmp_path / "cluster"), results(tmp_path / "here")
    assert len(there) == 2 * len(METHODS)
    for one, other in zip(there, here, strict=True):
        assert (one.key, one.hash, one.status) == (other.key, other.hash, other.status)
        pd.testing.assert_frame_equal(one.scores, other.scores)


class Job(machines.Sent):
    """A job of which nothing is needed but its refusal."""

    def elsewhere(self, folder):
        return self


def test_a_machine_with_another_program_or_other_recordings_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match="another version"):
        next(machines._results(run_job, Job(), "another"))
    first, _ = jobs(tmp_path)
    with pytest.raises(DataError, match="not those that were planned with"):
        run_job(replace(first, recordings="others"))


def test_without_ray_or_with_a_count_of_jobs_a_cluster_is_refused_in_a_sentence(
    monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(VopError, match="'cluster' extra"):
        run_bench(jobs(tmp_path), cluster="auto")
    ran = CliRunner().invoke(app, ["bench", "--cluster", "auto", "--jobs", "2"])
    assert ran.exit_code and "on a cluster Ray places the work" in ran.stderr
