"""A prediction's parts add up, and it is the mean-weight answer where the weights are certain."""

import math

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.predictive import predict_from_draws, predict_from_mean

SEEDS = st.integers(0, 2**31)


def random_draws(
    draws: int, queries: int = 3, labels: int = 5, seed: int = 0, sharpness: float = 2.0
):
    generator = torch.Generator().manual_seed(seed)
    logits = sharpness * torch.randn(
        draws, queries, labels, generator=generator, dtype=torch.float64
    )
    return logits.softmax(-1)


@given(seed=SEEDS, draws=st.integers(1, 40), sharpness=st.sampled_from([0.0, 1.0, 10.0, 500.0]))
def test_total_is_aleatoric_plus_epistemic_and_none_is_negative(seed, draws, sharpness):
    prediction = predict_from_draws(random_draws(draws, seed=seed, sharpness=sharpness))
    torch.testing.assert_close(prediction.total, prediction.aleatoric + prediction.epistemic)
    assert (prediction.aleatoric >= 0).all()
    assert (prediction.epistemic >= 0).all()
    assert (prediction.total <= math.log(5) + 1e-12).all()


@given(seed=SEEDS, draws=st.integers(2, 40))
def test_entropies_equal_those_of_scipy(seed, draws):
    probabilities = random_draws(draws, seed=seed).numpy()
    prediction = predict_from_draws(torch.from_numpy(probabilities))
    total = entropy(probabilities.mean(0), axis=-1)
    aleatoric = entropy(probabilities, axis=-1).mean(0)
    numpy.testing.assert_allclose(prediction.total, total, rtol=1e-10)
    numpy.testing.assert_allclose(prediction.aleatoric, aleatoric, rtol=1e-10)
    # mutual information is the mean divergence of each draw's answer from their average
    information = entropy(probabilities, probabilities.mean(0, keepdims=True), axis=-1).mean(0)
    numpy.testing.assert_allclose(prediction.epistemic, information, rtol=1e-8, atol=1e-12)


@given(seed=SEEDS, draws=st.integers(1, 40))
def test_probabilities_sum_to_one_and_the_order_of_draws_is_irrelevant(seed, draws):
    probabilities = random_draws(draws, seed=seed)
    prediction, turned = (
        predict_from_draws(probabilities),
        predict_from_draws(probabilities.flip(0)),
    )
    torch.testing.assert_close(prediction.probabilities.sum(-1), torch.ones(3, dtype=torch.float64))
    for part in ("probabilities", "lower", "upper", "total", "epistemic", "standard_error"):
        torch.testing.assert_close(getattr(prediction, part), getattr(turned, part))
    assert prediction.draws == draws


def test_draws_that_are_sure_of_different_labels_are_all_epistemic():
    """Half say the first label, half the second: ln 2 nats, none of it in the labels themselves."""
    prediction = predict_from_draws(torch.eye(2)[:, None])
    torch.testing.assert_close(prediction.epistemic, torch.tensor([math.log(2)]))
    torch.testing.assert_close(prediction.aleatoric, torch.zeros(1))


def test_draws_that_agree_are_all_aleatoric():
    agreed = torch.tensor([[0.5, 0.5], [0.9, 0.1]])
    prediction, certain = predict_from_draws(agreed.expand(20, 2, 2)), predict_from_mean(agreed)
    for part in ("probabilities", "lower", "upper", "total", "aleatoric"):
        torch.testing.assert_close(getattr(prediction, part), getattr(certain, part))
    torch.testing.assert_close(prediction.epistemic, torch.zeros(2))
    torch.testing.assert_close(prediction.standard_error, torch.zeros(2, 2))
    assert certain.draws == 0
    assert torch.equal(certain.label_index, torch.tensor([0, 0]))


def test_rounding_does_not_make_knowledge_negative():
    """Equal draws in single precision: the plain difference of entropies falls below 0 for some
    queries.
    """
    agreed = random_draws(1, queries=500, seed=1).float().expand(7, -1, -1)
    plain = torch.special.entr(agreed.mean(0)).sum(-1) - torch.special.entr(agreed).sum(-1).mean(0)
    assert (plain < 0).any()
    assert (predict_from_draws(agreed).epistemic >= 0).all()


def test_as_the_width_goes_to_zero_the_answer_is_that_of_the_mean_weights(generator):
    mean = torch.randn(4, 6, generator=generator, dtype=torch.float64)  # label, feature
    features = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    certain = predict_from_mean((features @ mean.mT).softmax(-1))
    for log_std, tolerance in ((-8.0, 1e-2), (-20.0, 1e-7)):
        weights = DiagonalGaussian(mean, torch.full_like(mean, log_std)).sample(
            50, generator=generator
        )
        prediction = predict_from_draws((features @ weights.mT).softmax(-1))
        for part in ("probabilities", "lower", "upper", "total", "aleatoric", "epistemic"):
            close_to = getattr(certain, part)
            torch.testing.assert_close(getattr(prediction, part), close_to, rtol=0, atol=tolerance)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_interval_holds_the_asked_share_of_draws(level):
    draws = random_draws(1001, queries=1, seed=4)
    prediction = predict_from_draws(draws, level=level)
    inside = ((draws >= prediction.lower) & (draws <= prediction.upper)).double().mean(0)
    torch.testing.assert_close(inside, torch.full_like(inside, level), rtol=0, atol=2 / 1001)


def test_the_standard_error_is_the_spread_of_repeated_answers():
    """400 answers from 25 draws each scatter as the standard error says; its square is unbiased."""
    many = random_draws(10_000, queries=1, seed=5).reshape(400, 25, 1, 5)
    answers = torch.stack([predict_from_draws(draws).probabilities for draws in many])
    claimed = (
        torch.stack([predict_from_draws(draws).standard_error for draws in many]).square().mean(0)
    )
    # relative error of the variance of 400 nearly Gaussian means: sqrt(2 / 399); the claim's own is
    # far less
    torch.testing.assert_close(answers.var(0), claimed, rtol=4 * math.sqrt(2 / 399) + 0.03, atol=0)


def test_a_single_draw_claims_no_precision():
    prediction = predict_from_draws(random_draws(1))
    assert (prediction.standard_error == 0.5).all()
    assert torch.equal(prediction.lower, prediction.upper)


@pytest.mark.parametrize(
    ("probabilities", "level", "sentence"),
    [
        (torch.ones(0, 2, 3), 0.95, "at least one draw"),
        (torch.ones(4, 2, 3), 0.95, "not probabilities"),
        (torch.tensor([[[1.5, -0.5]]]), 0.95, "not probabilities"),
        (torch.full((4, 2, 3), torch.nan), 0.95, "not probabilities"),
        (torch.full((4, 2, 2), 0.5), 1.0, "between 0 and 1"),
    ],
)
def test_what_is_no_prediction_is_refused(probabilities, level, sentence):
    with pytest.raises(ValueError, match=sentence):
        predict_from_draws(probabilities, level)
