"""Settings that mean nothing are refused in one sentence, whichever method has them."""

import pytest

from vop_core.methods.base import TrainedConfig
from vop_core.methods.registry import METHODS

TRAINED = [kind for kind in METHODS.values() if issubclass(kind.config_type, TrainedConfig)]


@pytest.mark.parametrize("kind", TRAINED)
def test_a_trained_method_refuses_a_learning_rate_that_would_not_train_it(kind):
    """Also where its own settings are checked as well: the shared check is not lost on the way."""
    assert kind.config_type(rate=0.5).rate == 0.5
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="rate must be positive"):
            kind.config_type(rate=rate)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("adabn", {"source_clips": -1.0}),
        ("t3a", {"kept": 0}),
        ("t3a", {"row_clips": 0.0}),
        ("prototypes", {"prior_clips": 0.0}),
        ("fine-tune-head", {"learning_rate": 0.0}),
        ("fine-tune-head", {"momentum": 1.0}),
        ("fine-tune-head", {"anchor": -1.0}),
        ("fine-tune-film", {"softmax": "some"}),
        ("lora", {"rank": 0}),
        ("tent", {"source_clips": -1.0}),
        ("tent", {"steps": -1}),
        ("laplace", {"prior_precision": 0.0}),
        ("dropout", {"probability": 1.0}),
        ("samovar-1fc", {"beta": -1.0}),
        ("versa", {"training_draws": 0}),
        ("arm-cml", {"channels": 0}),
        ("anil", {"inner_rate": 0.0}),
        ("anil", {"inner_steps": -1}),
        ("amortised-vop", {"family": "mixture"}),
        ("amortised-vop", {"conditioning": "both"}),
        ("amortised-vop", {"aggregation": "median"}),
        ("amortised-vop", {"evidence": "face"}),
        ("amortised-vop", {"prior_scale": 0.0}),
        ("amortised-vop", {"mean_spread": -0.1}),
        ("conditional-vop", {"beta": -1.0}),
    ],
    ids=str,
)
def test_settings_that_mean_nothing_are_refused(name, wrong):
    (setting,) = wrong
    with pytest.raises(ValueError, match=f"^{setting} (must|is one of) [^.]*; got "):
        METHODS[name].config_type(**wrong)
