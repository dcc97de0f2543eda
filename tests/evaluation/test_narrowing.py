"""What more clips do to a posterior."""

from types import SimpleNamespace

import pytest
import torch

from tests.app.conftest import make_bundle
from vop_core.evaluation.intervals import paired_interval
from vop_core.evaluation.narrowing import (
    common_curves,
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


OWN, WRONG = ("vop", "own"), ("vop", "wrong-person")


def row(name, shots, accuracy, set_name="open"):
    """Of an overview: the persons' accuracies, and their NLL as what is missing to 1."""
    nll = {person: 1 - value for person, value in accuracy.items()}
    kept = {"per_person": accuracy, "nll_per_person": nll}
    return {"method": name[0], "row": name[1], "set": set_name, "shots": shots, **kept}


def test_a_person_who_misses_one_cell_is_in_no_curve():
    """Else the wrong person's curve, of persons who are easy, may lie above the own one."""
    hard, easy = {"a": 0.2, "b": 0.4}, {"c": 1.0, "d": 0.8}
    rows = [
        row(OWN, 5, hard | easy),
        row(OWN, 1, hard | easy),
        row(WRONG, 5, easy | {"b": 0.0}),
        row(OWN, 5, {"x": 0.0}, set_name="closed"),
    ]
    curves, persons = common_curves(rows, (OWN, WRONG))
    assert persons == 3 and curves[OWN].clips == (1, 5) and curves[WRONG].clips == (5,)
    assert curves[OWN].values == pytest.approx(((0.4 + 1.0 + 0.8) / 3,) * 2)
    assert curves[WRONG].values == pytest.approx((0.6,))


def test_the_first_curve_lies_outside_of_a_bar_exactly_where_its_difference_is_not_0():
    first = {f"p{n}": 0.5 + 0.02 * n for n in range(14)}
    other = {p: v - 0.03 - 0.005 * (n % 5) for n, (p, v) in enumerate(first.items())}
    for score, sign in (("accuracy", 1), ("nll", -1)):
        curves, _ = common_curves(
            [row(OWN, 3, first), row(WRONG, 3, other)], (OWN, WRONG), score=score
        )
        own, wrong = curves[OWN].values[0], curves[WRONG]
        gap = paired_interval([sign * (first[p] - other[p]) for p in first])
        assert (own - wrong.high[0], own - wrong.low[0]) == pytest.approx(gap.bounds)
        assert curves[OWN].low is None and not wrong.low[0] < own < wrong.high[0]


def test_without_a_person_common_to_all_there_is_no_curve():
    rows = [row(OWN, 1, {"a": 1.0}), row(OWN, 5, {"b": 1.0})]
    assert common_curves(rows, (OWN,)) == ({}, 0)
    assert common_curves([], (OWN,)) == ({}, 0)
