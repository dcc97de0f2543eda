"""Errors of claims against closed forms, and intervals over speakers."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vop_core.evaluation.detection import det_curve, equal_error_rate
from vop_core.evaluation.score import COLUMNS, OPEN, OWN, START
from vop_core.evaluation.verification import SAME_GENDER, SIMILARITY, SPEAKER
from vop_core.evaluation.verification_metrics import (
    Trials,
    _equal_error_rates,
    _resampled,
    _resampled_errors,
    calibrated_cost,
    calibration,
    det_band_over_speakers,
    detection_cost,
    difference_over_speakers,
    errors_at,
    over_speakers,
    threshold_at,
    trials_of,
    weighted_curves,
)

PERSONS, CLIPS = 40, 6


def simulated(distance=2.0, *, of_person=0.0, seed=0, persons=PERSONS) -> Trials:
    """Everybody claims to be everybody, with normal scores; ``of_person`` makes some persons
    easier to know again than others.
    """
    rng = np.random.default_rng(seed)
    claimant, speaker = (each.ravel() for each in np.indices((persons, persons)))
    claimant, speaker = np.repeat(claimant, CLIPS), np.repeat(speaker, CLIPS)
    score = rng.normal(distance * (claimant == speaker), 1)
    score = score + of_person * rng.normal(size=persons)[claimant] * (claimant == speaker)
    names = tuple(f"corpus/{number:02d}" for number in range(persons))
    alike = (claimant % 2 == speaker % 2).astype(float)
    return Trials(names, claimant, speaker, score, alike)


def test_two_normals_have_the_equal_error_rate_of_half_their_distance():
    """The interval over speakers holds it, too; the error is that of the few targets."""
    expected = stats.norm.cdf(-1)
    found = over_speakers(simulated(), equal_error_rate)
    assert abs(found.mean - expected) < 4 * (expected * (1 - expected) / (PERSONS * CLIPS)) ** 0.5
    low, high = found.bounds
    assert low < expected < high and found.persons == PERSONS


def test_trials_of_one_weight_are_the_plain_curve_and_weight_counts_them_again():
    trials, rng = simulated(persons=5), np.random.default_rng(1)
    counts = np.stack([np.ones(len(trials.score)), rng.integers(1, 4, len(trials.score)) * 1.0])
    counts = np.concatenate([counts, 0 * counts[:1]])
    thresholds, misses, alarms = weighted_curves(trials, counts)
    for number in (0, 1):
        targets, others = (
            np.repeat(trials.score[side], counts[number][side].astype(int))
            for side in (trials.target, ~trials.target)
        )
        again = det_curve(targets, others)
        np.testing.assert_allclose(thresholds, again.thresholds)
        np.testing.assert_allclose(misses[number], again.misses, atol=1e-12)
        np.testing.assert_allclose(alarms[number], again.false_alarms, atol=1e-12)
    assert np.isnan(misses[2]).all()


def test_the_equal_error_rates_of_resamples_are_those_of_their_curves():
    trials = simulated(persons=6)
    found = _equal_error_rates(*_resampled_errors(trials, 0)[1:])
    one_by_one = [
        equal_error_rate(curve) if np.isfinite(curve.misses).all() else np.nan
        for curve in _resampled(trials, 0)
    ]
    np.testing.assert_allclose(found, one_by_one)


def test_the_interval_of_a_share_of_targets_is_that_of_a_mean_over_persons():
    """3.92 standard errors wide, and far wider than if trials were independent."""
    trials = simulated(of_person=2.0)
    missed = (trials.score <= 1.0)[trials.target].reshape(PERSONS, CLIPS).mean(1)
    low, high = over_speakers(trials, lambda curve: misses_at(curve, 1.0)).bounds
    expected = 2 * stats.norm.ppf(0.975) * missed.std() / PERSONS**0.5
    # of two percentiles of 999 draws: relative standard error 0.05
    assert abs((high - low) / expected - 1) < 0.2
    independent = (missed.mean() * (1 - missed.mean()) / (PERSONS * CLIPS)) ** 0.5
    assert high - low > 1.5 * 2 * stats.norm.ppf(0.975) * independent


def misses_at(curve, threshold):
    return curve.misses[np.searchsorted(curve.thresholds, threshold, side="right") - 1]


def test_a_method_does_not_differ_from_itself_and_does_from_a_better_one():
    worse, better = simulated(1.0), simulated(2.0)
    same = difference_over_speakers(worse, worse, equal_error_rate)
    assert (same.mean, same.bounds) == (0.0, (0.0, 0.0))
    assert difference_over_speakers(better, worse, equal_error_rate).bounds[1] < 0
    with pytest.raises(ValueError, match="the same trials"):
        difference_over_speakers(worse, simulated(persons=20), equal_error_rate)


def test_a_threshold_keeps_its_false_alarms_at_home_and_what_it_makes_elsewhere_is_counted():
    home, loud = simulated(), simulated(seed=1)
    threshold = threshold_at(home, 0.05)
    assert threshold.bounds[0] <= threshold.value <= threshold.bounds[1]
    assert errors_at(home, threshold.value)[1] <= 0.05
    elsewhere = dataclasses.replace(loud, score=loud.score + 1.0)
    misses, alarms = errors_at(elsewhere, threshold.value)
    assert alarms > 0.15 and misses < errors_at(home, threshold.value)[0]
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at(home, 1.0)


def test_calibration_finds_the_likelihood_ratio_of_two_normals():
    """For N(d, 1) against N(0, 1) it is d s - d^2 / 2, and Cllr knows no scale of scores."""
    distance = 2.0
    kept, asked = simulated(distance, seed=2), simulated(distance, seed=3)
    ratios = calibration(kept)(np.array([0.0, 1.0]))
    error = 4 * (4 / (PERSONS * CLIPS)) ** 0.5  # of a logistic slope with so few targets, generous
    assert abs((ratios[1] - ratios[0]) - distance) < error
    assert abs(ratios[0] + distance**2 / 2) < 2 * error
    moved = [dataclasses.replace(each, score=7 - 0 + 3 * each.score) for each in (kept, asked)]
    np.testing.assert_allclose(
        calibrated_cost(asked, kept), calibrated_cost(moved[1], moved[0]), atol=1e-3
    )
    assert calibrated_cost(asked, kept) < 1 and detection_cost(asked.curve()) <= 1


def test_the_band_holds_the_line_of_two_normals():
    band = det_band_over_speakers(simulated())
    expected = stats.norm.cdf(-2 - stats.norm.ppf(band.false_alarms))
    assert ((band.low <= expected) & (expected <= band.high)).mean() > 0.9
    assert (band.low <= band.misses).all() and (band.misses <= band.high).all()


def test_same_gender_leaves_the_targets_and_the_harder_others():
    trials = simulated()
    alike = trials.among_same_gender()
    assert alike.target.sum() == trials.target.sum()
    assert (alike.same_gender[~alike.target] == 1).all() and len(alike.score) < len(trials.score)


def test_trials_come_from_the_table_of_scores():
    key = (OPEN, 1, "corpus/a", 0, OWN)
    other = (OPEN, 1, "corpus/b", 0, OWN)
    lines = [
        (*key, SIMILARITY, 0.9, [0.9, 0.1]),
        (*key, SPEAKER, 3.0, [3.0, 5.0]),
        (*key, SAME_GENDER, np.nan, [1.0, np.nan]),
        (*other, SIMILARITY, 0.8, [0.8, 0.2]),
        (*other, SPEAKER, 5.0, [5.0, 3.0]),
        (*other, SAME_GENDER, np.nan, [1.0, np.nan]),
    ]
    # the global model's answers, which what is made of it brings along
    lines += [(*line[:4], START, *line[5:]) for line in lines]
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    found = trials_of(table, OPEN, 1, OWN, "corpus")
    assert found.persons == ("corpus/a", "corpus/b")
    assert found.target.tolist() == [True, False, True, False]
    assert found.score.tolist() == [0.9, 0.1, 0.8, 0.2]
    with pytest.raises(ValueError, match="no trial"):
        trials_of(table, OPEN, 5, OWN, "corpus")
