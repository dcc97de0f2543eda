"""Classification and calibration figures against closed forms and torchmetrics."""

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_calibration_error

from vop_core.evaluation.calibration import Reliability, bin_of, reliability
from vop_core.evaluation.classification import (
    brier_score,
    correctness,
    negative_log_likelihood,
)


@pytest.fixture
def answers(generator):
    probabilities = (2 * torch.randn(3_000, 5, generator=generator)).softmax(-1)
    return probabilities, torch.randint(5, (3_000,), generator=generator)


def error_of(probabilities, labels):
    """The expected calibration error of the label answered."""
    confidence = probabilities.max(-1).values.double().numpy()
    correct = correctness(probabilities, labels).double().numpy()
    return reliability(confidence, correct).expected_calibration_error


def test_a_constant_confident_classifier_has_error_one_minus_accuracy():
    probabilities = torch.zeros(200, 4)
    probabilities[:, 2] = 1
    labels = torch.randint(4, (200,), generator=torch.Generator().manual_seed(0))
    accuracy = float((labels == 2).float().mean())
    assert error_of(probabilities, labels) == pytest.approx(1 - accuracy, abs=1e-6)


def test_a_calibrated_classifier_has_the_error_of_sampling_alone():
    """Confidence c uniform on (1/2, 1], right with probability c.

    Per bin the gap is about N(0, v_b n_b) with v = c (1 - c), so the expected error is
    sum_b sqrt(2 v_b n_b / pi) / n, with variance sum_b (1 - 2 / pi) v_b n_b / n^2.
    """
    rng = np.random.default_rng(0)
    count = 50_000
    confidence = rng.uniform(0.5, 1, count)
    correct = (rng.random(count) < confidence).astype(float)
    bins = reliability(confidence, correct)
    spread = np.bincount(bin_of(confidence), confidence * (1 - confidence), minlength=15)
    expected = np.sqrt(2 * spread / math.pi).sum() / count
    standard_error = math.sqrt((1 - 2 / math.pi) * spread.sum()) / count
    assert abs(bins.expected_calibration_error - expected) < 4 * standard_error


def test_the_error_equals_that_of_torchmetrics(answers):
    probabilities, labels = answers
    theirs = multiclass_calibration_error(
        probabilities, labels, num_classes=5, n_bins=15, norm="l1"
    )
    assert error_of(probabilities, labels) == pytest.approx(float(theirs), abs=1e-6)


def test_bins_are_open_below_and_closed_above():
    edges = np.array([0.0, 1e-9, 1 / 15, 1 / 15 + 1e-9, 0.5, 1.0])
    assert bin_of(edges).tolist() == [0, 0, 0, 1, 7, 14]


def test_reliability_of_parts_adds_up_to_that_of_the_whole(answers):
    probabilities, labels = answers
    confidence = probabilities.max(-1).values.double().numpy()
    correct = correctness(probabilities, labels).double().numpy()
    whole = reliability(confidence, correct)
    parts = reliability(confidence[:700], correct[:700]) + reliability(
        confidence[700:], correct[700:]
    )
    np.testing.assert_allclose(parts.correct_sum, whole.correct_sum)
    assert parts.expected_calibration_error == pytest.approx(whole.expected_calibration_error)


def test_bins_come_back_from_their_parts():
    bins = reliability(np.array([0.9, 0.3, 0.95]), np.array([1.0, 0.0, 0.0]))
    again = Reliability.of_parts(bins.as_parts())
    assert again.expected_calibration_error == bins.expected_calibration_error
    np.testing.assert_array_equal(again.correct_sum, bins.correct_sum)


def test_an_empty_bin_has_no_accuracy_and_no_clips_no_error():
    bins = reliability(np.array([0.9]), np.array([1.0]))
    assert np.isnan(bins.accuracy[0]) and bins.accuracy[13] == 1
    assert np.isnan(bins.confidence[0]) and bins.confidence[13] == pytest.approx(0.9)
    with pytest.raises(ValueError, match="at least one clip"):
        _ = Reliability.of_parts(np.zeros(45)).expected_calibration_error


def test_accuracy_and_nll_equal_the_libraries(answers):
    probabilities, labels = answers
    theirs = multiclass_accuracy(probabilities, labels, num_classes=5, average="micro")
    torch.testing.assert_close(correctness(probabilities, labels).mean(), theirs)
    torch.testing.assert_close(
        negative_log_likelihood(probabilities, labels),
        torch.nn.functional.nll_loss(probabilities.log(), labels, reduction="none"),
    )


def test_nll_of_an_impossible_label_is_finite():
    impossible = negative_log_likelihood(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    assert 80 < float(impossible) < 90


def test_brier_is_nought_for_certainty_two_for_certain_error_and_as_scikit_learn_says(answers):
    from sklearn.metrics import brier_score_loss

    certain = torch.tensor([[1.0, 0.0, 0.0]])
    assert float(brier_score(certain, torch.tensor([0]))) == 0
    assert float(brier_score(certain, torch.tensor([1]))) == 2
    probabilities, labels = answers[0][:200].double(), answers[1][:200]
    # to double precision, as scikit-learn demands
    probabilities /= probabilities.sum(-1, keepdim=True)
    theirs = brier_score_loss(labels.numpy(), probabilities.numpy(), scale_by_half=False)
    assert float(brier_score(probabilities, labels).mean()) == pytest.approx(theirs, rel=1e-5)
