"""The network without normalisations: its published size, and what it has not."""

import pytest
import torch

from tests.toys import seeded
from vop_core.evaluation.cost import parameter_count
from vop_core.nets.mlp import Mlp, MlpConfig
from vop_core.nets.registry import build_encoder


def test_it_has_the_published_size():
    """2352 - 100 - 100 - 10, of three planes of 28 x 28 [DUA]."""
    network = Mlp(MlpConfig(labels=10, shape=(84, 28)))
    assert parameter_count(network) == 2353 * 100 + 101 * 100 + 101 * 10


def test_it_is_linear_layers_with_relu_between():
    network = Mlp(MlpConfig(labels=3, shape=(2, 5), hidden=(4,))).eval()
    inputs = torch.randn(6, 2, 5, generator=seeded(0))
    hidden = torch.relu(inputs.flatten(1) @ network.layers[0].weight.mT + network.layers[0].bias)
    expected = hidden @ network.classifier.weight.mT + network.classifier.bias
    torch.testing.assert_close(network(inputs), expected)


def test_nothing_of_it_is_normalised():
    network = Mlp(MlpConfig(labels=3, shape=(4,))).eval()
    assert network.personal_layers == ("classifier",)
    assert network.statistics(torch.zeros(2, 4)).shape == (2, network.statistic_count) == (2, 0)


def test_a_context_is_refused():
    with pytest.raises(ValueError, match="no context"):
        MlpConfig(labels=3, context_channels=2)


def test_it_is_built_from_its_description():
    network = Mlp(MlpConfig(labels=3, shape=(4, 4), hidden=(5,)))
    assert build_encoder(network.description()).config == network.config
