"""What more clips do to a posterior."""

from types import SimpleNamespace

import pytest
import torch

from tests.app.conftest import make_bundle
from vop_core.evaluation.narrowing import (
    headline_differences,
    learning_curve,
    movement,
    width_ratio,
)


def test_the_learning_curve_begins_at_the_prior_and_ends_with_all_clips(generator):
    bundle = make_bundle("keywords-en")
    enrollment = torch.randn(3, 40, 101, generator=generator)
    query = torch.randn(4, 40, 101, generator=generator)
    curve = learning_curve(bundle.vop, enrollment, query, [0, 1, 2, 3])
    assert curve.clips == (0, 1, 2, 3) and curve.width[0] == pytest.approx(1)
    assert curve.width[-1] == pytest.approx(width_ratio(bundle.vop.enroll(enrollment)))
    probabilities = bundle.vop.enroll(enrollment).predict(query).probabilities
    expected = -probabilities[torch.arange(4), torch.arange(4)].log().mean()
    assert curve.nll[-1] == pytest.approx(float(expected), rel=1e-5)


def test_movement_is_measured_in_prior_standard_deviations():
    def layer(mean, std):
        return SimpleNamespace(mean=torch.full((4,), mean), std=torch.full((4,), std))

    moved = movement(layer(0.0, 2.0), layer(1.0, 1.0), layer(3.0, 0.5))
    assert (moved.shift, moved.width) == (pytest.approx(1.0), pytest.approx(0.5))


def test_headlines_are_those_of_the_open_set_at_five_clips_or_the_most_there_are():
    def difference(shots, name="personal gain", set_name="open"):
        return {"name": name, "set": set_name, "shots": shots}

    several = [difference(shots) for shots in (1, 5, 10)]
    others = [
        difference(5, set_name="closed"),
        difference(5, name="vop minus adabn"),
        {"set": "open", "shots": 5},
    ]
    assert headline_differences([*several, *others]) == [difference(5)]
    assert headline_differences([difference(1), difference(3)]) == [difference(3)]
    assert headline_differences([]) == []
