"""Facts about the posterior family, held against torch.distributions and against sampling."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Independent, Normal, kl_divergence

from vop_core.variational.gaussian import DiagonalGaussian

SEEDS = st.integers(0, 2**31)


def random_gaussian(*shape: int, seed: int = 0) -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(seed)
    mean, log_std = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return DiagonalGaussian(mean, log_std)


def authority(gaussian: DiagonalGaussian) -> Independent:
    return Independent(Normal(gaussian.mean, gaussian.std), 1)


@given(seed=SEEDS)
def test_the_divergence_is_exactly_zero_at_the_prior_and_its_gradient_too(seed):
    prior = random_gaussian(7, seed=seed).to(torch.float32)
    mean = prior.mean.clone().requires_grad_()
    log_std = prior.log_std.clone().requires_grad_()

    divergence = DiagonalGaussian(mean, log_std).kl(prior)
    divergence.backward()

    assert divergence == 0
    assert torch.equal(mean.grad, torch.zeros(7))
    assert torch.equal(log_std.grad, torch.zeros(7))


@given(seed=SEEDS)
def test_the_divergence_equals_that_of_torch_distributions(seed):
    posterior, prior = random_gaussian(3, 5, 7, seed=seed), random_gaussian(7, seed=seed + 1)
    torch.testing.assert_close(
        posterior.kl(prior), kl_divergence(authority(posterior), authority(prior))
    )


@given(seed=SEEDS)
def test_the_divergence_of_each_weight_is_not_negative_and_adds_up(seed):
    posterior, prior = random_gaussian(4, 6, seed=seed), random_gaussian(6, seed=seed + 1)
    per_weight = posterior.kl_per_dimension(prior)
    assert (per_weight >= 0).all()
    torch.testing.assert_close(per_weight.sum(-1), posterior.kl(prior))


@given(exponent=st.floats(-12, -3))
def test_near_the_prior_the_divergence_keeps_its_second_order_in_single_precision(exponent):
    """KL = d^2 for ln sigma off by d: sigma^2 - 1 - ln sigma^2 computed plainly would lose it below
    1e-4.
    """
    off = torch.tensor([10.0**exponent])
    kl = DiagonalGaussian(torch.zeros(1), off).kl(DiagonalGaussian(torch.zeros(1), torch.zeros(1)))
    # what remains of 1/2 (e^2d - 1) - d is at best one rounding of d
    assert abs(float(kl) - float(off) ** 2) <= 2e-7 * float(off) + float(off) ** 3


def test_a_known_divergence_by_hand():
    """From N(0, 1): a mean of 2 costs 2 nats; a sigma of e costs (e^2 - 1)/2 - 1."""
    posterior = DiagonalGaussian(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 1.0]))
    prior = DiagonalGaussian(torch.zeros(2), torch.zeros(2))
    expected = torch.tensor([2.0, (math.e**2 - 1) / 2 - 1])
    torch.testing.assert_close(posterior.kl_per_dimension(prior), expected)


def test_the_divergence_is_the_mean_log_ratio_under_its_own_draws():
    posterior, prior = random_gaussian(4, seed=3), random_gaussian(4, seed=4)
    draws = posterior.sample(100_000, generator=torch.Generator().manual_seed(5))
    log_ratio = posterior.log_prob(draws) - prior.log_prob(draws)
    four_standard_errors = 4 * log_ratio.std() / math.sqrt(len(draws))
    assert abs(log_ratio.mean() - posterior.kl(prior)) < four_standard_errors


def test_the_log_density_equals_that_of_torch_distributions_for_any_leading_axes():
    posterior = random_gaussian(3, 5)
    value = random_gaussian(11, 3, 5, seed=1).mean
    torch.testing.assert_close(posterior.log_prob(value), authority(posterior).log_prob(value))


def test_draws_have_the_mean_and_variance_of_the_gaussian():
    posterior, count = random_gaussian(2, 3), 100_000
    draws = posterior.sample(count, generator=torch.Generator().manual_seed(1))
    assert draws.shape == (count, 2, 3)
    assert ((draws.mean(0) - posterior.mean).abs() < 4 * posterior.std / math.sqrt(count)).all()
    # the variance of a Gaussian sample variance is 2 sigma^4 / (n - 1)
    error = 4 * posterior.variance * math.sqrt(2 / (count - 1))
    assert ((draws.var(0) - posterior.variance).abs() < error).all()


def test_the_same_generator_state_gives_the_same_draws_and_the_global_state_is_left_alone():
    posterior = random_gaussian(3, 4)
    before = torch.get_rng_state()
    first = posterior.sample(5, generator=torch.Generator().manual_seed(7))
    again = posterior.sample(5, generator=torch.Generator().manual_seed(7))
    one = posterior.sample(1, generator=torch.Generator().manual_seed(7))
    reparameterised = posterior.rsample(generator=torch.Generator().manual_seed(7))
    assert torch.equal(first, again)
    assert torch.equal(one[0], reparameterised)
    assert torch.equal(before, torch.get_rng_state())


def test_gradients_pass_through_a_reparameterised_draw_and_stop_at_a_plain_one():
    mean, log_std = torch.zeros(4, requires_grad=True), torch.full((4,), -1.0, requires_grad=True)
    posterior = DiagonalGaussian(mean, log_std)
    draw = posterior.rsample(generator=torch.Generator().manual_seed(0))
    draw.sum().backward()
    assert torch.equal(mean.grad, torch.ones(4))
    torch.testing.assert_close(log_std.grad, draw.detach())  # d(sigma eps)/d ln sigma = sigma eps
    assert not posterior.sample(2, generator=torch.Generator()).requires_grad


def test_as_the_width_goes_to_zero_draws_are_the_mean_and_everything_stays_finite():
    posterior = DiagonalGaussian(torch.arange(3.0), torch.full((3,), -40.0))
    draws = posterior.sample(10, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(draws, posterior.mean.expand(10, 3))
    assert posterior.kl(DiagonalGaussian(torch.zeros(3), torch.zeros(3))).isfinite()
