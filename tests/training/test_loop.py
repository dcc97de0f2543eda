"""The training loop: what is logged, where it goes on, and where it refuses to."""

from dataclasses import replace

import pytest
import torch

from tests.toys import make_encoder, make_table, make_vop, train_config
from vop_core.data.virtual_persons import OFF
from vop_core.errors import CheckpointError
from vop_core.methods.global_model import GlobalModel
from vop_core.training.batches import EpisodeSampler
from vop_core.training.config import TrainConfig
from vop_core.training.loop import one_cycle, train

CONFIG = train_config(steps=4, checkpoint_every=2)
VIRTUAL = replace(OFF, gain=0.5, noise_probability=0.5)


class Interrupted(Exception):
    pass


def fit(module, config=CONFIG, *, checkpoint=None, stop_at=None, report=None):
    def note(step, logs):
        if report is not None:
            report(step, logs)
        if step == stop_at:
            raise Interrupted

    # as the runs do: half of the convolutions' speed lies in the order of their numbers in memory
    module.encoder.to(memory_format=torch.channels_last)
    return train(
        module.train(),
        EpisodeSampler(make_table(), config, VIRTUAL),
        config,
        checkpoint=checkpoint,
        report=note,
    )


def fresh(kind="vop"):
    if kind == "vop":
        return make_vop(person_loss=0.1)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return GlobalModel(make_encoder())


def same(first, second):
    names = first.state_dict().keys()
    return all(torch.equal(first.state_dict()[name], second.state_dict()[name]) for name in names)


@pytest.mark.parametrize("kind", ["vop", "global"])
def test_an_interrupted_training_ends_in_the_very_same_weights(kind, tmp_path):
    straight = fit(fresh(kind))
    state, steps = tmp_path / "run.state", []
    with pytest.raises(Interrupted):
        # one step after the checkpoint, which is lost
        fit(fresh(kind), checkpoint=state, stop_at=3)
    resumed = fit(fresh(kind), checkpoint=state, report=lambda step, logs: steps.append(step))
    assert steps == [3, 4]
    assert same(straight, resumed)
    assert not same(straight, fresh(kind))


def test_the_same_seed_trains_the_same_weights_and_another_seed_others():
    assert same(fit(fresh()), fit(fresh()))
    assert not same(fit(fresh()), fit(fresh(), replace(CONFIG, seed=1)))


def test_training_gives_torchs_own_random_stream_back():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(fresh(), replace(CONFIG, steps=1))
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_a_trained_module_comes_back_itself_in_evaluation_mode():
    module = fresh()
    trained = fit(module, replace(CONFIG, steps=1))
    assert trained is module
    assert not any(part.training for part in trained.modules())


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    state = tmp_path_factory.mktemp("interrupted") / "run.state"
    with pytest.raises(Interrupted):
        fit(fresh(), checkpoint=state, stop_at=2 + 1)
    return state


@pytest.mark.parametrize(
    "change", [{"steps": 6}, {"seed": 1}, {"learning_rate": 1e-3}, {"persons_per_step": 2}]
)
def test_a_training_with_other_settings_does_not_go_on_from_it(change, interrupted):
    with pytest.raises(CheckpointError, match="other settings"):
        fit(fresh(), replace(CONFIG, **change), checkpoint=interrupted)


def test_a_model_of_another_shape_does_not_go_on_from_it(interrupted):
    with pytest.raises(CheckpointError, match="another shape"):
        fit(make_vop(code=5), checkpoint=interrupted)


def test_a_damaged_state_is_refused(interrupted, tmp_path):
    state = tmp_path / "run.state"
    state.write_bytes(interrupted.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="damaged"):
        fit(fresh(), checkpoint=state)


def test_one_cycle_rises_to_its_peak_and_falls_to_nothing():
    config = TrainConfig(steps=1000, warmup=0.2, learning_rate=0.5)
    rates = torch.tensor([one_cycle(step, config) for step in range(1000)])
    assert rates.argmax() in (199, 200)
    assert float(rates.max()) == pytest.approx(0.5, rel=1e-3)
    assert float(rates[0]) == pytest.approx(0.02, rel=0.05)
    assert 0 < float(rates[-1]) < 1e-5
    assert (rates[:200].diff() > 0).all() and (rates[200:].diff() < 0).all()
    # halves of cosines: half-way up and half-way down stand half-way between their ends
    assert float(rates[100]) == pytest.approx(0.5 * (0.04 + 0.96 / 2), rel=0.02)
    assert float(rates[600]) == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"max_shots": 0},
        {"min_shots": -1},
        {"min_shots": 4},
        {"queries_per_person": 0},
        {"warmup": 1.0},
    ],
)
def test_settings_that_cannot_be_are_refused(change):
    with pytest.raises(ValueError, match="must"):
        train_config(**change)
