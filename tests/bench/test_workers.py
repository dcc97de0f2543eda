"""Jobs side by side: what becomes of them when the one who started them is gone."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from vop_core.bench.workers import JobLog, run_all
from vop_core.errors import EvaluationError

PATIENCE = 120  # seconds; a fresh process imports for a few


@dataclass(frozen=True)
class Sleeper:
    """A job that says who does it, and then takes longer than anybody waits."""

    folder: Path
    name: str

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def title(self) -> dict[str, str]:
        return {"name": self.name}


def sleep_long(job: Sleeper, on_progress=None) -> None:
    part = job.folder / f"{job.name}.part"
    part.write_text(str(os.getpid()))
    part.rename(job.folder / f"{job.name}.process")
    time.sleep(10 * PATIENCE)


def fail_on_a(job: Sleeper, on_progress=None) -> None:
    if job.name == "a":
        raise EvaluationError("a cannot be done")
    (job.folder / job.name).write_text("done")


def test_where_one_job_fails_the_others_are_done_and_its_error_is_raised(tmp_path):
    heard = []
    with pytest.raises(EvaluationError, match="a cannot be done"):
        run_all(fail_on_a, [Sleeper(tmp_path, name) for name in "abc"], 1, heard.append)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]
    assert [entry["phase"] for entry in heard] == ["failed: a cannot be done"]


def test_a_training_step_is_read_only_when_it_is_written(tmp_path):
    """To read a figure is to wait for the device; what is written is what it always was."""
    read = []

    class Figure:
        def __init__(self, value: int) -> None:
            self.value = value

        def __float__(self) -> float:
            read.append(self.value)
            return float(self.value)

    log, expected = JobLog(tmp_path / "log", {}), 1.0
    for step in range(1, 61):
        log.report("phase", step, 60, {"loss": Figure(step)})
        assert len(read) == (step if step in (50, 60) else 50 * (step > 50))
        expected = 0.98 * expected + 0.02 * step
    written = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [entry["step"] for entry in written] == [50, 60]
    assert written[-1]["loss"] == round(expected, 4)


def alive(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def until(found, what: str):
    end = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < end, f"no sign of {what} after {PATIENCE} s"
        time.sleep(0.1)
    return value


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux who is alive")
def test_workers_end_when_the_run_that_started_them_is_killed(tmp_path):
    """Killed outright, a run cannot say goodbye; its workers must not train on beside the run that
    replaces it.
    """
    run = subprocess.Popen([sys.executable, "-m", "tests.bench.test_workers", str(tmp_path)])
    try:
        processes = until(
            lambda: (
                [int(f.read_text()) for f in found]
                if len(found := [*tmp_path.glob("*.process")]) == 2
                else []
            ),
            "both workers",
        )
        assert all(map(alive, processes)) and run.pid not in processes
        run.send_signal(signal.SIGKILL)
        until(lambda: not any(map(alive, processes)), "their end")
    finally:
        run.kill()
        run.wait()


if __name__ == "__main__":
    run_all(sleep_long, [Sleeper(Path(sys.argv[1]), name) for name in "ab"], 2)
