"""Conv-4: its published size, and a person's weights in it."""

import pytest
import torch
from torch.nn import functional

from tests.toys import seeded
from vop_core.evaluation.cost import parameter_count
from vop_core.nets.conv4 import Conv4, Conv4Config
from vop_core.nets.registry import build_encoder


def encoder(**settings) -> Conv4:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Conv4(Conv4Config(labels=5, **settings)).eval()


def test_it_has_the_published_size():
    """64 channels in four blocks, and 64 numbers of an Omniglot picture [PROTONET]."""
    network = encoder()
    blocks = 9 * (64 + 3 * 64 * 64) + 4 * 2 * 64
    assert parameter_count(network) == blocks + 5 * 65
    assert network.embed(torch.zeros(2, 28, 28)).shape == (2, 64)
    assert encoder(side=84).embed(torch.zeros(2, 84, 84)).shape == (2, 64 * 5 * 5)


def test_planes_above_one_another_are_maps_side_by_side():
    network = encoder(planes=3, side=16, channels=8)
    pictures = torch.randn(2, 3, 16, 16, generator=seeded(3))
    assert network.input_shape == (48, 16)
    first = functional.conv2d(pictures, network.convolutions[0].weight, padding=1)
    seen = []
    network.convolutions[0].register_forward_hook(lambda *call: seen.append(call[2]))
    network.embed(pictures.flatten(1, 2))
    torch.testing.assert_close(seen[0], first)


def test_a_picture_that_would_be_halved_to_nothing_is_refused():
    with pytest.raises(ValueError, match="16"):
        Conv4Config(labels=5, side=15)


def test_deviations_of_every_person_act_as_if_they_were_written_into_the_network():
    network, persons, clips = encoder(channels=8), 2, 3
    layout = network.personal_layout(("band_film", "classifier"))
    deviations = layout.unflatten(0.1 * torch.randn(persons, layout.size, generator=seeded(1)))
    inputs = torch.randn(persons * clips, 28, 28, generator=seeded(2))
    together = network(inputs, deviations).unflatten(0, (persons, clips))
    own = network.personal_weights(deviations)
    for person in range(persons):
        written = encoder(channels=8)
        written.load_state_dict(
            network.state_dict() | {name: value[person] for name, value in own.items()}
        )
        alone = written(inputs.unflatten(0, (persons, clips))[person])
        torch.testing.assert_close(together[person], alone, rtol=1e-4, atol=1e-5)


def test_its_layers_say_how_large_a_piece_of_the_picture_they_see():
    network, inputs = encoder(channels=8), torch.zeros(1, 1, 112, 112, requires_grad=True)
    value = inputs
    for convolution, title in zip(network.convolutions, network.norm_titles.values(), strict=True):
        value = functional.conv2d(value, torch.ones_like(convolution.weight), padding=1)
        middle = value[0, 0, value.shape[2] // 2, value.shape[3] // 2]
        (seen,) = torch.autograd.grad(middle, inputs, retain_graph=True)
        side = int(seen[0, 0].any(0).sum())
        assert f"{value.shape[1]} patterns of {side} × {side} points" in title.layer
        # a mean reads the same pixels as a maximum, and lets all of their gradients through
        value = functional.avg_pool2d(value, 2)


def test_a_context_is_not_looked_at_before_training():
    network = encoder(channels=8)
    inputs = torch.randn(2, 28, 28, generator=seeded(3))
    context = torch.randn(2, 3, 28, 28, generator=seeded(4))
    wider = network.with_context(3)
    torch.testing.assert_close(wider(inputs, context=context), network(inputs))
    assert network.with_context(0) is network


def test_statistics_are_those_of_each_normalisation():
    network = encoder(channels=8)
    inputs = torch.randn(2, 28, 28, generator=seeded(5))
    found = network.statistics(inputs)
    assert found.shape == (2, network.statistic_count)
    first = network.norms[0](network.convolutions[0](inputs[:, None]))
    torch.testing.assert_close(found[:, :8], first.mean((2, 3)))


def test_it_is_built_from_its_description():
    network = encoder(channels=8, side=32)
    assert build_encoder(network.description()).config == network.config
