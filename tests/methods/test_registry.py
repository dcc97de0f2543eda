"""The list of methods, and what it knows of their settings."""

from dataclasses import fields

import pytest

from vop_core.methods.base import TrainedConfig
from vop_core.methods.registry import METHODS, settings_as_first_named


def test_a_setting_that_came_later_has_one_default_in_every_method():
    """``settings_as_first_named`` knows it by its name alone."""
    defaults: dict[str, set] = {}
    for method in METHODS.values():
        for each in fields(method.config_type):
            if each.metadata.get("later"):
                defaults.setdefault(each.name, set()).add(each.default)
    assert {"rate", "steady"} <= defaults.keys()
    assert all(len(found) == 1 for found in defaults.values())


TUNABLE = [name for name, method in METHODS.items() if issubclass(method.config_type, TrainedConfig)]


@pytest.mark.parametrize("name", TUNABLE)
def test_a_trained_method_refuses_a_learning_rate_that_would_not_train_it(name):
    """Also where its own settings are checked as well: the shared check is not lost on the way."""
    assert METHODS[name].config_type(rate=0.5).rate == 0.5
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="rate must be positive"):
            METHODS[name].config_type(rate=rate)


def test_only_later_settings_at_their_default_are_left_out():
    assert settings_as_first_named({"beta": 1.0, "rate": 1.0}) == {"beta": 1.0}
    assert settings_as_first_named({"beta": 1.0, "rate": 0.125}) == {"beta": 1.0, "rate": 0.125}
