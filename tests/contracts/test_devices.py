"""Everything that is trained and compared keeps to one device, whichever it is."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from tests.another_device import ANOTHER, AnotherDevice, another_device
from tests.toys import log_mels, make_table, train_config
from vop_core.bench.recipes import BenchConfig, Contender
from vop_core.bench.results import DONE, load_results
from vop_core.bench.run import BenchJob, run_job
from vop_core.bench.suites import ABLATIONS
from vop_core.data.features import SWAPPED_ENVIRONMENT
from vop_core.data.persons import Fold
from vop_core.evaluation.score import COLUMNS, Condition, Scoring
from vop_core.methods.registry import METHODS
from vop_core.tasks.base import TaskData
from vop_core.tasks.keyword_spotting import ArabicCommands

# what these do with tensors, no method by its first settings does
MORE = (
    "parallel",
    "content",
    "beta 1",
    "not trained for it, content",
    "amortised, the slides' letter",
)
PERSONS = 5
HEARD = "own environment"
PLACE = [name for name in COLUMNS if name not in ("value", "parts")]
SMOOTH = ("nll", "brier", "confidence", "std_ratio")
VARIANTS = ("original", "slow", "environment 1", "noise", HEARD, SWAPPED_ENVIRONMENT)


class ToyWords(ArabicCommands):
    """Keywords whose clips are made on the spot."""

    def fold_data(self, name, fold, *, variants=(), progress=None):
        table = make_table(persons=PERSONS, takes=2, variants=VARIANTS)
        train, heard = table.of_persons(fold.train), table.of_persons(fold.test)
        return TaskData.of(
            name, "toys", (train, train.select(torch.arange(0, len(train), 2)), heard)
        )

    def kept_for_choices(self, data, sources=None):
        return make_table(persons=2, takes=3, variants=VARIANTS)

    def never_taught(self, dataset):
        return None

    def rejects(self, dataset, count):
        return log_mels(count, seed=9)


def contender(name):
    """A method with its first settings, or an ablation; whatever descends takes two steps."""
    method, config = ABLATIONS[name] if name in MORE else (name, None)
    config = METHODS[method].choices()[0] if config is None else config
    if hasattr(config, "steps"):
        config = replace(config, steps=2)
    return Contender(variant=name, method=method, config=config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of weights and results: what several methods start from is trained once."""
    return tmp_path_factory.mktemp("bench")


def run(asked, folder):
    """A contender's result: trained, prepared, asked with all controls, and all figures taken."""
    training = train_config(steps=3, checkpoint_every=3)
    encoder = {"name": "conv5", "config": {"tau": 0.25}}
    config = BenchConfig.of_task(ToyWords()).with_seed(0)
    config = replace(
        config,
        checkpoint=replace(config.checkpoint, encoder=encoder, training=training),
        further=training,
        scoring=Scoring(
            shots=(2,),
            main_shots=2,
            control_shots=(2,),
            repetitions=1,
            draws=2,
            draw_shots=(2,),
            further_draws=(1,),
            wrong_persons=1,
            unknown_clips=2,
            condition=Condition("toy", HEARD, SWAPPED_ENVIRONMENT),
        ),
    )
    persons = make_table(persons=PERSONS).persons
    job = BenchJob(
        suite="toy",
        task=ToyWords(),
        dataset="toy",
        recordings="toys",
        fold=0,
        folds=2,
        persons=Fold(persons[:3], persons[3:]),
        contenders=(asked,),
        config=config,
        runs=folder / "runs",
        folder=folder / "results",
    )
    run_job(job)
    (result,) = load_results(job.result_file(asked))
    assert result.status == DONE, result.reason
    return result


@pytest.mark.parametrize(
    "name", (*METHODS, *(pytest.param(name, marks=pytest.mark.load) for name in MORE))
)
def test_a_run_keeps_to_its_device_and_comes_to_the_same_on_any(name, folder, monkeypatch):
    here = run(contender(name), folder / "cpu")
    with another_device(monkeypatch):
        there = run(contender(name), folder / ANOTHER.type)
    assert (here.device, there.device) == ("cpu", ANOTHER.type)
    assert here.hash == there.hash
    both = [each.scores.set_index(PLACE)["value"] for each in (here, there)]
    assert both[0].index.equals(both[1].index)
    # others jump where rounding tips a balance
    smooth = [each[each.index.isin(SMOOTH, level="metric")] for each in both]
    pd.testing.assert_series_equal(*smooth, atol=1e-3)
    assert len(smooth[0])


def test_two_devices_do_not_mix():
    """As CUDA has it."""
    with AnotherDevice():
        there, here = torch.ones(3, device=ANOTHER), torch.ones(3)
        assert (there + 1).device == (there * torch.tensor(2.0)).device == ANOTHER
        assert there[here.long()].tolist() == [1.0] * 3
        assert here.copy_(there).device.type == "cpu"
        assert torch.cat((there, here.to(ANOTHER))).device == ANOTHER
        for mixed in (
            lambda: there + here,
            lambda: torch.cat((there, here)),
            lambda: here[there.long()],
            lambda: here.add_(there.sum()),
            lambda: there.index_add(0, here.long(), there),
            lambda: torch.rand(3, device=ANOTHER, generator=torch.Generator()),
        ):
            with pytest.raises(RuntimeError):
                mixed()
