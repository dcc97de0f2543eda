"""Confidence as a test: closed forms, limits and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_curve

from vop_core.evaluation.classification import covered_by_label_set
from vop_core.evaluation.selective import (
    area_under_risk_coverage,
    detected,
    false_positive_rate,
    rejection_auroc,
    risk_coverage,
)


def drawn(count, seed):
    return np.random.default_rng(seed).random(count)


def test_aurc_of_a_perfect_order_has_its_closed_form():
    """Of n clips the k wrong ones come last: the error at coverage i is (i - (n - k)) / i beyond n
    - k.
    """
    clips, wrong = 20, 6
    correct = np.r_[np.ones(clips - wrong), np.zeros(wrong)]
    expected = sum((i - (clips - wrong)) / i for i in range(clips - wrong + 1, clips + 1)) / clips
    assert area_under_risk_coverage(np.linspace(1, 0.1, clips), correct) == pytest.approx(expected)


def test_aurc_of_equal_confidences_is_the_error():
    correct = (drawn(50, 0) > 0.3).astype(float)
    assert area_under_risk_coverage(np.full(50, 0.7), correct) == pytest.approx(1 - correct.mean())


def test_aurc_does_not_depend_on_the_order_of_clips():
    confidence, correct = np.round(drawn(60, 1), 1), (drawn(60, 2) > 0.4).astype(float)
    order = np.random.default_rng(3).permutation(60)
    assert area_under_risk_coverage(confidence[order], correct[order]) == pytest.approx(
        area_under_risk_coverage(confidence, correct)
    )


def test_the_curve_s_risks_average_to_aurc_where_no_two_are_equally_sure():
    confidence, correct = drawn(30, 4), (drawn(30, 5) > 0.4).astype(float)
    thresholds, coverages, risks = zip(*risk_coverage(confidence, correct), strict=True)
    assert list(thresholds) == sorted(confidence.tolist(), reverse=True)
    assert coverages == pytest.approx(np.arange(1, 31) / 30)
    assert np.mean(risks) == pytest.approx(area_under_risk_coverage(confidence, correct))


def test_equally_sure_answers_are_one_point_of_the_curve():
    assert risk_coverage(np.array([0.9, 0.5, 0.5, 0.2]), np.array([1.0, 1.0, 0.0, 0.0])) == [
        (0.9, 0.25, 0.0),
        (0.5, 0.75, pytest.approx(1 / 3)),
        (0.2, 1.0, 0.5),
    ]


def test_auroc_is_the_chance_that_a_keyword_is_surer():
    known, unknown = drawn(40, 4), drawn(30, 5)
    pairs = np.mean([(k > u) + 0.5 * (k == u) for k in known for u in unknown])
    assert rejection_auroc(known, unknown) == pytest.approx(pairs)


def test_fpr95_agrees_with_the_first_roc_point_of_that_recall():
    known, unknown = drawn(101, 6) + 0.3, drawn(77, 7)
    truth = np.r_[np.ones(101), np.zeros(77)]
    false, true, _ = roc_curve(truth, np.r_[known, unknown], drop_intermediate=False)
    assert false_positive_rate(known, unknown) == pytest.approx(false[np.argmax(true >= 0.95)])


@pytest.mark.parametrize("count", [10, 20, 39, 100])
def test_detection_lets_at_most_the_stated_share_of_unknown_words_through(count):
    unknown, confidence = drawn(count, 8), drawn(200, 9)
    found = detected(confidence, np.ones(200), unknown, false_alarms=0.05)
    threshold = confidence[found].min()
    assert (unknown >= threshold).mean() <= 0.05
    assert not detected(confidence, np.zeros(200), unknown).any()


def test_label_sets_cover_as_often_as_calibrated_probabilities_promise():
    """Labels drawn from the probabilities themselves: coverage is at least the level, by at most
    one label's worth.
    """
    generator = torch.Generator().manual_seed(0)
    clips = 20_000
    probabilities = torch.rand(clips, 6, generator=generator).square()
    probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    labels = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
    covered = covered_by_label_set(probabilities, labels, 0.9).mean()
    assert covered > 0.9 - 4 * (0.9 * 0.1 / clips) ** 0.5
    assert covered < 1


def test_a_label_set_is_the_smallest_that_reaches_its_level():
    probabilities = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).expand(4, 4)
    for level, size in ((0.4, 1), (0.5, 1), (0.6, 2), (0.9, 3), (0.97, 4)):
        covered = covered_by_label_set(probabilities, torch.arange(4), level)
        assert covered.tolist() == [1.0] * size + [0.0] * (4 - size)
