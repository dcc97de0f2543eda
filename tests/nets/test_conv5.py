"""Five convolutions: their size, and a person's weights in them."""

import itertools

import pytest
import torch
from torch.nn import functional

from tests.toys import seeded
from vop_core.evaluation.cost import parameter_count
from vop_core.nets.conv5 import Conv5, Conv5Config
from vop_core.nets.registry import build_encoder


def encoder(**settings) -> Conv5:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Conv5(Conv5Config(labels=10, **settings)).eval()


def test_it_has_the_parameters_that_its_table_says():
    channels = (1, 16, 24, 32, 32, 32)
    convolutions = sum(9 * one * other for one, other in itertools.pairwise(channels))
    assert parameter_count(encoder()) == convolutions + 2 * sum(channels[1:]) + 10 * 33


@pytest.mark.parametrize("input_norm", [False, True])
def test_deviations_of_every_person_act_as_if_they_were_written_into_the_network(input_norm):
    network, persons, clips = encoder(input_norm=input_norm), 2, 3
    layout = network.personal_layout(("band_film", "classifier"))
    deviations = layout.unflatten(0.1 * torch.randn(persons, layout.size, generator=seeded(1)))
    inputs = torch.randn(persons * clips, 40, 50, generator=seeded(2))
    together = network(inputs, deviations).unflatten(0, (persons, clips))
    own = network.personal_weights(deviations)
    for person in range(persons):
        written = encoder(input_norm=input_norm)
        written.load_state_dict(
            network.state_dict() | {name: value[person] for name, value in own.items()}
        )
        alone = written(inputs.unflatten(0, (persons, clips))[person])
        torch.testing.assert_close(together[person], alone, rtol=1e-4, atol=1e-5)


def test_its_layers_say_how_large_a_piece_of_the_input_they_see():
    network, inputs = encoder(rows=100), torch.zeros(1, 1, 100, 100, requires_grad=True)
    value = inputs
    for convolution, title in zip(network.convolutions, network.norm_titles.values(), strict=True):
        value = functional.conv2d(
            value, torch.ones_like(convolution.weight), stride=convolution.stride, padding=1
        )
        middle = value[0, 0, value.shape[2] // 2, value.shape[3] // 2]
        (seen,) = torch.autograd.grad(middle, inputs, retain_graph=True)
        side = int(seen[0, 0].any(0).sum())
        assert f"{value.shape[1]} patterns of {side} × {side} points" in title.layer


def test_a_context_is_not_looked_at_before_training():
    network = encoder()
    inputs = torch.randn(2, 40, 50, generator=seeded(3))
    context = torch.randn(2, 3, 40, 50, generator=seeded(4))
    wider = network.with_context(3)
    torch.testing.assert_close(wider(inputs, context=context), network(inputs))


def test_a_context_is_read_as_it_is():
    """It is no log-mel: what those are divided by has no meaning for it."""
    network = encoder().with_context(3)
    inputs = torch.randn(2, 40, 50, generator=seeded(3))
    context = torch.randn(2, 3, 40, 50, generator=seeded(4))
    with torch.no_grad():
        network.convolutions[0].weight.normal_(generator=seeded(5))
    found = []
    network.convolutions[0].register_forward_hook(lambda _, inputs, output: found.append(output))
    network(inputs, context=context)
    own, others = network.convolutions[0].weight.split([1, 3], dim=1)
    expected = sum(
        functional.conv2d(maps, weight, stride=2, padding=1)
        for maps, weight in (((inputs[:, None] + 3) / 4, own), (context, others))
    )
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-4)


def test_statistics_are_those_of_each_normalisation():
    network = encoder()
    inputs = torch.randn(2, 40, 50, generator=seeded(5))
    found = network.statistics(inputs)
    assert found.shape == (2, network.statistic_count)
    first = network.norms[0](network.convolutions[0]((inputs[:, None] + 3) / 4))
    torch.testing.assert_close(found[:, :16], first.mean((2, 3)))


def test_it_is_built_from_its_description():
    network = encoder(tau=0.5, dropout=0.2)
    assert build_encoder(network.description()).config == network.config


def test_a_normalised_input_forgets_the_level_of_each_row():
    """In training a step's rows have mean 0 and variance 1, whatever they had."""
    network = encoder(input_norm=True, dropout=0.0).train()
    inputs = torch.randn(4, 40, 50, generator=seeded(6))
    level, scale = torch.randn(1, 40, 1, generator=seeded(7)), torch.linspace(1, 3, 40)[:, None]
    torch.testing.assert_close(network(inputs), network(inputs * scale + level), atol=1e-3, rtol=0)
    found = network.eval().statistics(inputs)
    assert found.shape == (4, network.statistic_count)
    rows = network.input_norm(inputs[:, :, None])
    torch.testing.assert_close(found[:, :40], rows.mean((2, 3)))
