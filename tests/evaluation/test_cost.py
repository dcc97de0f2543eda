"""Parameters and multiply-accumulates against counts by hand."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vop_core.evaluation.cost import multiply_accumulates, multiply_accumulates_of, parameter_count


def test_a_convolution_and_a_linear_layer_cost_what_the_formula_says():
    """Output positions x kernel x input channels of the group, and inputs x outputs."""
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, (1, 3), groups=8, padding=(0, 1)), nn.Flatten(), nn.Linear(8 * 5 * 7, 4),
    )  # fmt: skip
    positions = 5 * 7
    expected = positions * 8 * 9 * 3 + positions * 8 * 3 + 8 * positions * 4
    assert multiply_accumulates(network, torch.zeros(1, 3, 5, 7)) == expected
    assert multiply_accumulates(network, torch.zeros(2, 3, 5, 7)) == 2 * expected
    assert parameter_count(network) == (8 * 27 + 8) + 2 * 8 + (8 * 3 + 8) + (8 * positions * 4 + 4)


def test_functional_layers_are_counted_too():
    class Functional(nn.Module):
        def forward(self, x):
            return nn.functional.linear(x, torch.ones(3, 5)) @ torch.ones(3, 2)

    assert multiply_accumulates(Functional(), torch.zeros(4, 5)) == 4 * (5 * 3 + 3 * 2)


def test_counting_changes_nothing():
    network = nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3))
    network[1].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    multiply_accumulates(network, torch.randn(4, 2, 9, generator=torch.Generator().manual_seed(0)))
    assert network.training and network[0].training and not network[1].training
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_a_shared_parameter_counts_once():
    first = nn.Linear(3, 3)
    assert parameter_count(nn.Sequential(first, first)) == 12


def test_counting_a_call_agrees_with_torchs_counter_and_includes_gradients():
    """A linear layer: 3 x 4 forward, and once more each for the gradients of its weight and its
    input.
    """
    layer, clips = torch.nn.Linear(4, 3), torch.randn(5, 4, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        layer(clips)
    assert multiply_accumulates_of(lambda: layer(clips)) == counter.get_total_flops() / 2 == 5 * 12
    assert multiply_accumulates(layer, clips) == 5 * 12
    assert multiply_accumulates_of(lambda: layer(clips).sum().backward()) == 3 * 5 * 12
