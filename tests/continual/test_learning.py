"""Learning task after task: penalties with known optima, and sequences that are interrupted."""

import pytest
import torch
from torch.nn import functional

from tests.continual.conftest import FEW_STEPS, LABELS, SIDE
from tests.toys import seeded
from vop_core.continual.ewc import LAMBDA, Ewc
from vop_core.continual.fine_tuning import FineTuning
from vop_core.continual.joint import Joint
from vop_core.continual.learning import learn
from vop_core.continual.lwf import Lwf, distillation
from vop_core.continual.mas import Mas
from vop_core.continual.task_experts import TaskExperts
from vop_core.nets.mlp import Mlp, MlpConfig


def network() -> Mlp:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Mlp(MlpConfig(labels=LABELS, shape=(SIDE, SIDE), hidden=(8,))).eval()


def test_the_penalty_on_a_quadratic_gives_the_known_optimum():
    """a (w - 3)^2 + LAMBDA F (w - 1)^2 is least at (3 a + LAMBDA F) / (a + LAMBDA F) [EWC]."""
    encoder, stiffness = network(), torch.tensor([0.0, 0.01, 1.0])
    weight = encoder.layers[0].bias
    with torch.no_grad():
        weight.fill_(1.0)
    start = {name: value.detach().clone() for name, value in encoder.named_parameters()}
    importance = {name: torch.zeros_like(value) for name, value in start.items()}
    importance["layers.0.bias"][:3] = stiffness
    memory = {"start": start, "importance": importance}
    target, steep = 3.0, 2.0
    optimizer = torch.optim.LBFGS([weight], max_iter=200, tolerance_grad=1e-12)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        held = Ewc().penalty(encoder, torch.empty(0, SIDE, SIDE), torch.empty(0, LABELS), memory)
        loss = steep * (weight - target).square().sum() + held
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    pull = LAMBDA * stiffness
    expected = (steep * target + pull) / (steep + pull)
    torch.testing.assert_close(weight[:3].detach(), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(weight[3:].detach(), torch.full_like(weight[3:], target))


def test_heads_are_free_of_the_penalty():
    encoder = network()
    start = {name: value.detach().clone() for name, value in encoder.named_parameters()}
    memory = {"start": start, "importance": {n: torch.ones_like(v) for n, v in start.items()}}
    with torch.no_grad():
        encoder.classifier.weight.add_(1.0)
    nothing = torch.empty(0, SIDE, SIDE), torch.empty(0, LABELS)
    assert not TaskExperts().penalty(encoder, *nothing, memory)
    with torch.no_grad():
        encoder.layers[0].weight.add_(1.0)
    assert TaskExperts().penalty(encoder, *nothing, memory) > 0


def test_distillation_of_a_certain_teacher_at_temperature_1_is_cross_entropy():
    logits = torch.randn(5, 3, generator=seeded(0))
    labels = torch.tensor([0, 2, 1, 1, 0])
    certain = torch.where(functional.one_hot(labels, 3).bool(), 0.0, -torch.inf)
    certain = certain.clamp_min(-1e4)
    torch.testing.assert_close(
        distillation(logits, certain, 1.0), functional.cross_entropy(logits, labels)
    )


def test_distillation_is_least_where_both_say_the_same():
    taught = torch.randn(4, 3, generator=seeded(1))
    same = distillation(taught, taught, 2.0)
    entropy = torch.distributions.Categorical(logits=taught / 2).entropy().mean()
    torch.testing.assert_close(same, entropy)
    assert distillation(taught + torch.randn(4, 3, generator=seeded(2)), taught, 2.0) > same


def test_importance_of_all_tasks_before_is_added_up(sequence):
    encoder, method = network(), Mas()
    parts = [sequence.of_task(sequence.server, task) for task in range(2)]
    first = method.remember(encoder, parts[0], sequence, 0, {})
    both = method.remember(encoder, parts[1], sequence, 1, first)
    alone = method.remember(encoder, parts[1], sequence, 1, {})
    for name, value in both["importance"].items():
        torch.testing.assert_close(value, first["importance"][name] + alone["importance"][name])


def test_only_the_tasks_own_head_learns(sequence):
    """Weight decay apart, which moves every matrix."""
    states = learn(FineTuning(), network(), sequence, FEW_STEPS)
    torch.testing.assert_close(
        states[0]["classifier.bias"][2:],
        states[1]["classifier.bias"].new_tensor(network().classifier.bias[2:].detach().tolist()),
    )
    torch.testing.assert_close(states[1]["classifier.bias"][:2], states[0]["classifier.bias"][:2])
    assert (states[1]["classifier.bias"][2:4] != states[0]["classifier.bias"][2:4]).all()


def test_all_at_once_is_one_model(sequence):
    states = learn(Joint(), network(), sequence, FEW_STEPS)
    assert len(states) == len(sequence.tasks)
    assert all(state is states[0] for state in states)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("method", [Ewc, Lwf])
def test_an_interrupted_sequence_ends_in_the_very_same_weights(sequence, tmp_path, method):
    whole = learn(method(), network(), sequence, FEW_STEPS)
    files = [tmp_path / f"task{task}.safetensors" for task in range(3)]

    def stop(task: int, step: int, steps: int, logs: object) -> None:
        if (task, step) == (1, 13):
            raise Stopped

    with pytest.raises(Stopped):
        learn(method(), network(), sequence, FEW_STEPS, files=files, report=stop)
    assert files[0].exists()
    assert not files[1].exists()
    begun = []
    resumed = learn(
        method(),
        network(),
        sequence,
        FEW_STEPS,
        files=files,
        report=lambda task, step, steps, logs: begun.append((task, step)),
    )
    assert begun[0] == (1, 11)  # after the last checkpoint, of every five steps
    for one, other in zip(whole, resumed, strict=True):
        for name, value in one.items():
            assert value.equal(other[name]), name
    again = learn(method(), network(), sequence, FEW_STEPS, files=files, report=stop)
    assert all(value.equal(whole[2][name]) for name, value in again[2].items())
