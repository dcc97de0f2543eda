"""The list of methods, and what it knows of their settings."""

import pytest

from vop_core.methods.base import TrainedConfig
from vop_core.methods.registry import METHODS

TUNABLE = [
    name for name, method in METHODS.items() if issubclass(method.config_type, TrainedConfig)
]


@pytest.mark.parametrize("name", TUNABLE)
def test_a_trained_method_refuses_a_learning_rate_that_would_not_train_it(name):
    """Also where its own settings are checked as well: the shared check is not lost on the way."""
    assert METHODS[name].config_type(rate=0.5).rate == 0.5
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="rate must be positive"):
            METHODS[name].config_type(rate=rate)
