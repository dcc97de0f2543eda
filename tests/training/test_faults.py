"""What a training survives: being killed, and a disk that is full."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from filelock import FileLock
from typer.testing import CliRunner

from tests.disks import filled, small_disk
from tests.killing import killed_until_done
from tests.toy_task import TwoLayers, TwoLayersConfig, VirtualWriters, digits_table
from tests.toys import log_mels, make_vop, ready, train_config
from vop_core.bench.results import Result, save_results
from vop_core.cli import app
from vop_core.errors import VopError
from vop_core.methods.conditional_vop import ConditionalVop
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.vop import Vop, VopConfig
from vop_core.models.bundle import CARD, MODEL, save_bundle
from vop_core.training.batches import EpisodeSampler
from vop_core.training.checkpoint import load_tensors, save_tensors
from vop_core.training.loop import train

METHODS = {
    # weights drawn by a generator, words followed
    "vop": lambda encoder: Vop(encoder, VopConfig(beta=1.0, content=True)),
    "conditional-vop": ConditionalVop,  # draws by a generator, drops by torch's own stream
}
STEPS = 12
TABLE = digits_table()


def fitted(kind: str, checkpoint: Path | None = None, report=None):
    """A toy that is trained, its state written after every step."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = METHODS[kind](TwoLayers(TwoLayersConfig(labels=10)))
    config = train_config(steps=STEPS, checkpoint_every=1)
    sampler = EpisodeSampler(TABLE, config, VirtualWriters())
    return train(module, sampler, config, checkpoint=checkpoint, report=report)


# --- killed ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="starts processes by fork")
def test_trainings_that_are_killed_at_random_moments_end_in_the_very_same_weights(tmp_path):
    """In a process of its own, which has one thread when it forks."""
    asked = [sys.executable, "-m", "tests.training.test_faults", str(tmp_path)]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=250)
    assert told.returncode == 0, told.stderr
    assert min(map(int, told.stdout.split())) >= 1, "nobody was killed"
    for kind in METHODS:
        tensors, _ = load_tensors(tmp_path / kind, kind="trained run")
        straight = fitted(kind).state_dict()
        assert tensors.keys() == straight.keys()
        assert all(torch.equal(tensors[name], value) for name, value in straight.items())


def trained_under_fire(kind: str, folder: Path, seed: int) -> int:
    """Leaves the final weights in the folder; how often it was killed."""
    fitted(kind)  # the first training of a process takes longer
    started = time.monotonic()
    fitted(kind)

    def work() -> None:
        ended = fitted(kind, folder / f"{kind}.state")
        save_tensors(folder / kind, ended.state_dict(), kind="trained run", about={})

    return killed_until_done(work, time.monotonic() - started, seed=seed)


# --- a full disk ----------------------------------------------------------------------------------


def _a_result(folder: Path) -> None:
    scores = pd.DataFrame(
        [("open", 1, "p", 0, "own", "accuracy", 1.0, None)] * 20_000,
        columns=["set", "shots", "person", "repetition", "row", "metric", "value", "parts"],
    ).assign(value=torch.rand(20_000).tolist())
    run = Result(
        suite="smoke", method="vop", variant="vop", dataset="toy", fold=0, folds=1, seed=0,
        hash="0", scores=scores,
    )  # fmt: skip
    save_results(folder / "result.parquet", [run])


def _a_person(folder: Path) -> None:
    ready(make_vop()).enroll(log_mels(2)).save(folder / "person")


def _a_bundle(folder: Path) -> None:
    card = {"written": len(list(folder.rglob(CARD)))}
    everybody = GlobalModel(make_vop(seed=1).encoder)
    save_bundle(folder / "model", "toy", ("a",), everybody, make_vop(), card)


def _a_state(folder: Path) -> None:
    def full_after_one(step, logs):
        if step == 2:
            with pytest.raises(OSError, match="No space"):
                (folder / "filling").write_bytes(bytes(2**22))

    try:
        fitted("vop", folder / "run.state", report=full_after_one)
    finally:
        (folder / "filling").unlink(missing_ok=True)


WRITERS = {"person": _a_person, "models": _a_bundle, "results": _a_result}


def contents(disk: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(disk)): path.read_bytes()
        for path in disk.rglob("*")
        if path.is_file() and path.name != "filling"
    }


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_on_a_full_disk_what_was_there_stays_whole_and_one_sentence_says_so(write, tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        write(disk)
        before = contents(disk)
        with filled(disk), pytest.raises(VopError, match=r"The disk that holds '.*' is full"):
            write(disk)
        assert before and contents(disk) == before


def test_a_disk_that_fills_while_weights_are_written_leaves_the_card_too(tmp_path):
    """Room for the card, none for the weights: neither is new."""
    with small_disk(tmp_path / "disk") as disk:
        _a_bundle(disk)
        before = contents(disk)
        assert {Path(name).name for name in before} == {CARD, MODEL}
        with filled(disk):
            os.truncate(disk / "filling", (disk / "filling").stat().st_size - 8192)
            with pytest.raises(VopError, match=f"holds '.*{MODEL}' is full"):
                _a_bundle(disk)
        assert contents(disk) == before


def test_a_training_on_a_full_disk_goes_on_from_the_checkpoint_before(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(VopError, match=r"The disk that holds '.*run.state' is full"):
            _a_state(disk)
        assert [*contents(disk)] == ["run.state"]
        steps = []
        ended = fitted("vop", disk / "run.state", report=lambda step, logs: steps.append(step))
        assert steps[0] == 2
    straight = fitted("vop").state_dict()
    assert all(torch.equal(straight[name], value) for name, value in ended.state_dict().items())


# --- two at once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["--resume", "--fresh"])
def test_a_second_training_of_a_task_is_refused_and_touches_nothing(way, tmp_path, monkeypatch):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path))
    of_the_first = tmp_path / "runs" / "keywords-ar" / "vop.state"
    of_the_first.parent.mkdir(parents=True)
    of_the_first.write_text("its state")
    with FileLock(tmp_path / "runs" / "keywords-ar.lock"):
        ran = CliRunner().invoke(app, ["train", "keywords-ar", way, "--to", str(tmp_path / "new")])
    assert ran.exit_code == 2
    assert ran.output.strip().startswith("Another training of keywords-ar goes on in ")
    assert len(ran.output.strip().splitlines()) == 1
    assert of_the_first.read_text() == "its state"
    assert not (tmp_path / "new").exists()


if __name__ == "__main__":
    for index, name in enumerate(METHODS):
        print(trained_under_fire(name, Path(sys.argv[1]), seed=int(time.time()) + index))
