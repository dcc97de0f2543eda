"""BC-ResNet against the table of its paper, and its personal pass against single persons
[BCRESNET].
"""

import pytest
import torch

from tests.toys import SUBSETS, log_mels, make_encoder, ready, seeded
from vop_core.evaluation.cost import parameter_count
from vop_core.nets.bcresnet import BcResNet, BcResNetConfig


def parameters_by_hand(tau: float, labels: int) -> int:
    """The paper's table, counted: convolutions without bias, two numbers a normalised channel, five
    bands.
    """

    def block(before: int, after: int, transition: bool) -> int:
        change = before * after + 2 * after if transition else 0
        frequency = 3 * after + 2 * 5 * after
        time = 3 * after + 2 * after + after * after
        return change + frequency + time

    stem, head = round(16 * tau), round(32 * tau)
    total, before = 25 * stem + 2 * stem, stem
    for count, base in ((2, 8), (2, 12), (4, 16), (4, 20)):
        for index in range(count):
            after = round(base * tau)
            total += block(before, after, index == 0)
            before = after
    return total + 25 * before + before * head + 2 * head + head * labels + labels


@pytest.mark.parametrize(("tau", "parameters"), [(1, "9.2"), (2, "27.3"), (3, "54.2")])
def test_networks_have_as_many_thousand_parameters_as_the_paper_says(tau, parameters):
    """With the 12 labels of its task."""
    found = parameter_count(BcResNet(BcResNetConfig(labels=12, tau=float(tau))))
    assert found == parameters_by_hand(tau, 12)
    assert f"{found / 1000:.1f}" == parameters


def test_layers_have_the_shapes_of_the_papers_table():
    """40 mels and W frames: channels x frequency x time after each stage."""
    network, shapes = BcResNet(BcResNetConfig(labels=12)).eval(), {}

    def note(name):
        return lambda module, inputs, output: shapes.update({name: tuple(output.shape[1:])})

    watched = {"stem": network.stem, "collapse": network.collapse, "embedding": network.embedding}
    watched |= {f"block {index}": block for index, block in enumerate(network.blocks)}
    for name, module in watched.items():
        module.register_forward_hook(note(name))
    assert network(torch.zeros(1, 40, 31)).shape == (1, 12)
    expected = {
        "stem": (16, 20, 31),
        "block 1": (8, 20, 31),
        "block 3": (12, 10, 31),
        "block 7": (16, 5, 31),
    }
    expected |= {"block 11": (20, 5, 31), "collapse": (20, 1, 31), "embedding": (32, 1, 31)}
    assert {name: shapes[name] for name in expected} == expected


def test_dilations_and_identity_paths_are_those_of_the_paper():
    blocks = BcResNet(BcResNetConfig(labels=12)).blocks
    assert [block.time[0].dilation[1] for block in blocks] == [1] * 2 + [2] * 2 + [4] * 4 + [8] * 4
    assert [block.transition for block in blocks] == [index in (0, 2, 4, 8) for index in range(12)]


@pytest.mark.parametrize("frames", [1, 2, 17, 101, 160])
def test_any_number_of_frames_gives_logits(frames):
    network = make_encoder(stem_stride=2).eval()
    assert network(log_mels(2, frames=frames)).isfinite().all()


@pytest.mark.parametrize(
    ("changes", "reason"), [({"mels": 64}, "multiple of 40"), ({"labels": 1}, "at least 2")]
)
def test_shapes_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        make_encoder(**changes)


def personal_pass(network, layers, persons=3, queries=2):
    layout = network.personal_layout(layers)
    weights = 0.3 * torch.randn(persons, layout.size, generator=seeded(1))
    return layout, weights, log_mels(persons * queries, seed=2)


@pytest.mark.parametrize("layers", SUBSETS, ids=str)
def test_batched_persons_are_a_loop_over_persons_with_weights_written_in(layers):
    network = ready(make_encoder())
    layout, weights, clips = personal_pass(network, layers)
    together = network(clips, layout.unflatten(weights))
    plain = BcResNet(network.config).eval()
    for person, own in enumerate(clips.split(2)):
        written = {
            name: value[person]
            for name, value in network.personal_weights(layout.unflatten(weights)).items()
        }
        plain.load_state_dict(network.state_dict() | written)
        torch.testing.assert_close(
            together[2 * person : 2 * person + 2], plain(own), rtol=1e-4, atol=1e-5
        )
    assert not torch.allclose(together, network(clips), atol=1e-3)  # the deviations do something


@pytest.mark.parametrize("layers", SUBSETS, ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_without_deviation_a_person_is_the_global_network(layers, training):
    network = ready(make_encoder(dropout=0.0)).train(training)
    layout, weights, clips = personal_pass(network, layers)
    torch.testing.assert_close(
        network(clips, layout.unflatten(torch.zeros_like(weights))),
        network(clips),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_personal_weight_gets_the_gradient_of_its_own_persons_clips_only():
    network = ready(make_encoder())
    layout, weights, clips = personal_pass(network, ("film", "pointwise", "classifier"))
    weights.requires_grad_()
    network(clips, layout.unflatten(weights))[2:4].square().sum().backward()
    moved = weights.grad.abs().sum(1)
    assert moved[1] > 0
    assert moved[[0, 2]].tolist() == [0, 0]


@pytest.mark.parametrize("training", [False, True])
def test_statistics_leave_the_network_as_it_was(training):
    network = ready(make_encoder(dropout=0.5)).train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    clips = log_mels(4)
    found = network.statistics(clips)
    assert found.shape == (4, network.statistic_count)
    assert not found.requires_grad
    assert all(module.training is training for module in network.modules())
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    torch.testing.assert_close(found, network.eval().statistics(clips), rtol=0, atol=0)


def test_statistics_are_mean_and_deviation_of_every_channel_and_band():
    network = ready(make_encoder())
    seen = []
    network.blocks[0].frequency_norm.register_forward_hook(
        lambda module, inputs, output: seen.append(output)
    )
    found = network.statistics(log_mels(2))
    channels = network.config.channels(8)
    bands = seen[0].reshape(2, channels * 5, -1)
    torch.testing.assert_close(found[:, : channels * 5], bands.mean(-1), rtol=1e-4, atol=1e-5)
    spread = (bands.var(-1, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(found[:, channels * 5 : channels * 10], spread, rtol=1e-4, atol=1e-5)
