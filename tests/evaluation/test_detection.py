"""Both errors of a detector, against closed forms and scikit-learn."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_curve

from vop_core.evaluation.detection import (
    Detector,
    command_scores,
    cross_fitted,
    det_band,
    det_curve,
    equal_error_rate,
    improvement,
    log_likelihood_ratio_cost,
    minimum_detection_cost,
    probit,
)

COUNT = 40_000


def two_normals(distance, count=COUNT, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(distance, 1, count), rng.normal(0, 1, count)


def four_standard_errors(share, count=COUNT):
    return 4 * math.sqrt(share * (1 - share) / count)


@pytest.mark.parametrize("distance", [0.5, 2.0, 3.0])
def test_two_normals_have_the_equal_error_rate_of_half_their_distance(distance):
    expected = stats.norm.cdf(-distance / 2)
    found = equal_error_rate(det_curve(*two_normals(distance)))
    assert abs(found - expected) < four_standard_errors(expected)


def test_two_normals_are_a_straight_line_on_probit_axes():
    """Phi^-1(misses) = -distance - Phi^-1(false alarms)."""
    curve = det_curve(*two_normals(2.0))
    kept = (curve.misses > 0.02) & (curve.false_alarms > 0.02)
    line = -2.0 - probit(curve.false_alarms[kept])
    # at 2 % the probit's slope is 21: four standard errors of both shares
    assert np.abs(probit(curve.misses[kept]) - line).max() < 2 * 21 * four_standard_errors(0.02)


def test_the_errors_are_those_of_scikit_learn():
    targets, others = two_normals(1.0, 200)
    truth = np.repeat([1, 0], 200)
    alarms, hits, _ = roc_curve(truth, np.concatenate([targets, others]), drop_intermediate=False)
    curve = det_curve(targets, others)
    np.testing.assert_allclose(curve.false_alarms[::-1], alarms)
    np.testing.assert_allclose(1 - curve.misses[::-1], hits)


def test_answering_all_or_none_costs_one_and_a_perfect_detector_nothing():
    same = det_curve(np.zeros(3), np.zeros(5))
    assert minimum_detection_cost(same, prior=0.01) == 1
    perfect = det_curve(np.ones(3), np.zeros(5))
    assert minimum_detection_cost(perfect, prior=0.01) == 0
    assert equal_error_rate(perfect) == 0


@pytest.mark.parametrize("prior", [0.01, 0.5])
def test_the_minimal_cost_of_two_normals_lies_at_the_threshold_of_bayes(prior):
    """At t = distance / 2 + ln((1 - P) / P) / distance."""
    distance = 2.0
    bar = distance / 2 + math.log((1 - prior) / prior) / distance
    errors = stats.norm.cdf(bar - distance), stats.norm.sf(bar)
    factors = prior, 1 - prior
    expected = sum(np.multiply(factors, errors)) / min(factors)
    found = minimum_detection_cost(det_curve(*two_normals(distance)), prior=prior)
    noise = sum(
        factor * four_standard_errors(error) for factor, error in zip(factors, errors, strict=True)
    )
    assert abs(found - expected) < noise / min(factors)


def test_scores_that_say_nothing_cost_one_bit_and_certain_ones_none():
    assert log_likelihood_ratio_cost(np.zeros(4), np.zeros(2)) == pytest.approx(1)
    assert log_likelihood_ratio_cost(np.full(4, 50.0), np.full(2, -50.0)) < 1e-12
    three_to_one = np.log(np.full(4, 3.0))
    expected = (math.log2(4 / 3) + math.log2(4 / 3)) / 2
    assert log_likelihood_ratio_cost(three_to_one, -three_to_one) == pytest.approx(expected)


# --- many persons ---------------------------------------------------------------------------------


def detector(distance, persons=24, sources=12, clips=40, seed=0):
    rng = np.random.default_rng(seed)
    targets = [rng.normal(distance, 1, clips) for _ in range(persons)]
    right = [np.ones(clips, dtype=bool)] * persons
    return Detector(targets, right, rng.normal(0, 1, (persons, sources, clips)))


def test_persons_count_alike_however_many_clips_they_have():
    few = Detector(
        [np.array([1.0]), np.zeros(99)],
        [np.ones(1, dtype=bool), np.ones(99, dtype=bool)],
        np.zeros((2, 1, 1)),
    )
    curve = few.curve()
    assert curve.misses[curve.thresholds == 0] == 0.5


def test_a_threshold_chosen_on_others_keeps_its_false_alarms_on_average():
    found = cross_fitted(detector(2.0), false_alarms=0.1)
    count = 24 * 12 * 40 / 4  # persons and sources of the same fold
    assert abs(found.false_alarms.mean() - 0.1) < four_standard_errors(0.1, count)
    # Phi(z_0.9 - 2), and what the threshold's own error adds
    expected = stats.norm.cdf(stats.norm.ppf(0.9) - 2)
    assert abs(found.misses.mean() - expected) < four_standard_errors(expected, 24 * 40) + 0.02


def test_nobody_has_a_say_in_their_own_threshold():
    """One person's and one source's scores go through the roof: their fold's threshold stays."""
    before = detector(2.0)
    loud = before.non_targets.copy()
    loud[0] += 100
    loud[:, 0] += 100
    after = Detector(before.targets, before.right, loud)
    thresholds = [cross_fitted(each, false_alarms=0.1).thresholds for each in (before, after)]
    assert thresholds[0][0] == thresholds[1][0]
    assert (thresholds[0][1:] < thresholds[1][1:]).all()


def test_what_is_answered_wrongly_is_no_help():
    given = detector(8.0)
    wrong = Detector(given.targets, [np.arange(40) % 4 > 0] * 24, given.non_targets)
    points = [cross_fitted(each, false_alarms=0.05) for each in (given, wrong)]
    assert points[1].wrong.mean() == pytest.approx(0.25, abs=0.01)
    assert improvement(*points).mean == pytest.approx(points[1].wrong.mean())


def test_the_band_covers_the_line_of_two_normals():
    """As often as 95 % intervals should, in 60 experiments."""
    hits = 0
    for seed in range(60):
        band = det_band(detector(2.0, seed=seed, clips=20))
        at = np.argmin(np.abs(band.false_alarms - 0.1))
        expected = stats.norm.cdf(stats.norm.isf(band.false_alarms[at]) - 2)
        hits += band.low[at] <= expected <= band.high[at]
    assert hits / 60 > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 60)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_of_false_alarms_lies_between_none_and_all(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        cross_fitted(detector(1.0), false_alarms=share)


def test_a_clip_is_a_command_as_surely_as_its_likeliest_command():
    scores, which = command_scores(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]), np.array([1, 2]))
    assert scores.tolist() == [0.3, 0.7]
    assert which.tolist() == [1, 2]
