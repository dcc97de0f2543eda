"""Pareto k against cases whose tail is known."""

import math

import pytest
import torch

from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.importance import GOOD_K, log_importance_weights, pareto_k

PRIOR = DiagonalGaussian(torch.zeros(1), torch.zeros(1))


def weights_of(
    posterior_std: float, observation: float = 0.0, noise: float = 1.0, draws: int = 4000
):
    """One normal observation of z: the exact posterior is N(y / (1 + s^2), s^2 / (1 + s^2))."""
    exact_variance = noise**2 / (1 + noise**2)
    posterior = DiagonalGaussian(
        torch.tensor([observation / (1 + noise**2)]), torch.tensor([posterior_std]).log()
    )
    vectors = posterior.sample(draws, generator=torch.Generator().manual_seed(0))
    likelihood = torch.distributions.Normal(vectors[:, 0], noise).log_prob(
        torch.tensor(observation)
    )
    return log_importance_weights(posterior, PRIOR, vectors, likelihood), exact_variance


def test_the_exact_posterior_has_equal_weights():
    weights, variance = weights_of(math.sqrt(0.5), observation=0.8)
    assert variance == 0.5
    assert weights.max() - weights.min() < 1e-4
    assert pareto_k(weights.double().round(decimals=3)) == float("-inf")


def test_the_weights_mean_is_the_evidence():
    """E_q[r] = p(y), whatever q is; here p(y) = N(y; 0, 1 + s^2). Tolerance: four standard errors
    of the mean.
    """
    weights, _ = weights_of(1.2, observation=0.8, draws=40_000)
    ratio = weights.double().exp()
    evidence = torch.distributions.Normal(0.0, math.sqrt(2.0)).log_prob(torch.tensor(0.8)).exp()
    assert (ratio.mean() - evidence).abs() < 4 * ratio.std() / math.sqrt(len(ratio))


@pytest.mark.parametrize(("std", "good"), [(0.5, True), (0.15, False)])
def test_a_posterior_far_too_narrow_is_found_out(std, good):
    """For q of variance v and exact variance V, r has tail index k = 1 - v / V where v < V: .5 and
    .96 here.
    """
    weights, _ = weights_of(std)
    assert (pareto_k(weights) < GOOD_K) is good
