"""Several processes that torchrun starts train as one would: the same losses, the same weights."""

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed

from tests.toy_task import TwoLayers, TwoLayersConfig, digits_table
from tests.toys import LABELS, make_table, seeded, train_config
from vop_core import processes
from vop_core.errors import DataError
from vop_core.methods.conditional_vop import ConditionalVop
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.registry import METHODS
from vop_core.methods.vop import Vop, VopConfig
from vop_core.nets.bcresnet import BcResNet, BcResNetConfig
from vop_core.training.batches import EpisodeSampler
from vop_core.training.checkpoint import load_tensors, save_tensors
from vop_core.training.loop import _own_share, train

STEPS = 6
TINY = TwoLayersConfig(labels=10)
DROPS = BcResNetConfig(labels=LABELS, tau=0.5, dropout=0.1)
# name -> what is trained; none of these draws weights while it trains
EXACT = {
    "global": lambda: GlobalModel(TwoLayers(TINY)),
    "global with dropout": lambda: GlobalModel(BcResNet(DROPS)),
    "vop": lambda: Vop(TwoLayers(TINY)),
    "vop with dropout": lambda: Vop(BcResNet(DROPS)),
    "vop with content": lambda: Vop(TwoLayers(TINY), VopConfig(content=True)),
    **{
        name: lambda name=name: METHODS[name](TwoLayers(TINY))
        for name in ("film-hypernetwork", "arm-cml", "anil")
    },
}
DRAWS = {
    "conditional-vop": lambda: ConditionalVop(TwoLayers(TINY)),
    "vop by the bound": lambda: Vop(TwoLayers(TINY), VopConfig(beta=1.0)),
}


def fitted(kind, double, checkpoint=None, stop_at=None):
    """The losses of a training, and its weights."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = (EXACT | DRAWS)[kind]()
    table = make_table(6) if isinstance(module.encoder, BcResNet) else digits_table()
    if double:
        module = module.double()
        table = replace(table, variants={"original": table.features.double()})
    # of five persons one process has three and the other two
    config = train_config(steps=STEPS, persons_per_step=5, min_shots=1, checkpoint_every=2)
    losses = []

    def report(step, logs):
        losses.append(float(logs["loss"]))
        if step == stop_at:
            raise InterruptedError

    ended = train(
        module, EpisodeSampler(table, config), config, checkpoint=checkpoint, report=report
    )
    return losses, ended.state_dict()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes on this machine made of every kind."""
    folder = tmp_path_factory.mktemp("together")
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    asked = [sys.executable, *start, "-m", "tests.training.test_together", str(folder)]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=250)
    assert told.returncode == 0, told.stderr[-3000:]
    return folder


def of_process(folder, kind, number):
    state, about = load_tensors(folder / f"{kind} {number}", kind="trained run")
    return about["losses"], state


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXACT)
def test_two_processes_train_as_one_does(kind, folder):
    """Sums in another order differ by rounding alone: u = 2^-53, and a step of Adam or a deep
    network's variances make a million of it at most; content is followed in float32, u = 2^-24, and
    its toy is shallow: a hundred. A statistic of one share alone is off by a tenth.
    """
    bound = 100 * 2.0**-24 if "content" in kind else 1e6 * 2.0**-53
    expected, state = fitted(kind, double="content" not in kind)
    losses, found = of_process(folder, kind, 0)
    assert len(losses) == STEPS
    assert losses == pytest.approx(expected, rel=bound)
    for name, value in state.items():
        torch.testing.assert_close(found[name], value, rtol=10 * bound, atol=10 * bound)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXACT | DRAWS)
def test_both_processes_end_in_the_very_same_weights(kind, folder):
    (losses, state), (others, other) = (of_process(folder, kind, number) for number in (0, 1))
    assert losses == others
    assert all(torch.equal(value, other[name]) for name, value in state.items())


@pytest.mark.slow
def test_two_processes_go_on_where_one_stopped(folder):
    losses, state = of_process(folder, "vop resumed", 0)
    expected, straight = fitted("vop", double=True)
    assert losses == pytest.approx(expected[2:], rel=1e-12)
    for name, value in straight.items():
        torch.testing.assert_close(state[name], value, rtol=1e-9, atol=1e-9)


def test_shares_are_everybody_once_and_differ_by_one_at_most(monkeypatch):
    for persons, many in ((5, 2), (10, 3), (4, 4)):
        monkeypatch.setattr(processes, "count", lambda many=many: many)
        parts = []
        for number in range(many):
            monkeypatch.setattr(processes, "number", lambda number=number: number)
            parts.append(range(persons)[processes.share(persons)])
        assert [each for part in parts for each in part] == list(range(persons))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_more_processes_than_persons_are_refused(monkeypatch):
    monkeypatch.setattr("vop_core.training.loop.count", lambda: 6)
    batch = EpisodeSampler(digits_table(), train_config()).draw(generator=seeded())
    with pytest.raises(DataError, match=r"3 person\(s\), fewer than the 6 processes"):
        _own_share(batch, seeded())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    begun = folder / "begun.state"
    if processes.number() == 0 and os.environ["RANK"] == "0":  # alone, before anybody is known
        with suppress(InterruptedError):
            fitted("vop", True, begun, stop_at=3)
    with processes.together():
        distributed.barrier()
        made = {kind: fitted(kind, double="content" not in kind) for kind in EXACT | DRAWS}
        made["vop resumed"] = fitted("vop", True, begun)
        for kind, (losses, state) in made.items():
            file = folder / f"{kind} {processes.number()}"
            save_tensors(file, state, kind="trained run", about={"losses": losses})
