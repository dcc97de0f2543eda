"""Facts about the four rules that make one posterior of several clips."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vop_core.variational.aggregate import (
    AGGREGATIONS,
    average_parameters,
    bayes_fusion,
    pool_features,
    product_of_experts,
)
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.twin import LinearGaussianTwin

WEIGHTS = 5
GENERATOR = torch.Generator().manual_seed(11)
PRIOR = DiagonalGaussian(*torch.randn(2, WEIGHTS, generator=GENERATOR, dtype=torch.float64))


def fuse_with_the_prior(experts: DiagonalGaussian, mask=None) -> DiagonalGaussian:
    return bayes_fusion(experts, PRIOR, mask)


def pool_as_a_gaussian(experts: DiagonalGaussian, mask=None) -> DiagonalGaussian:
    """The parameters of one clip, taken as its features: pooling commutes with a linear head."""
    pooled = pool_features(torch.cat([experts.mean, experts.log_std], -1), mask)
    return DiagonalGaussian(*pooled.chunk(2, -1))


RULES = {
    "average_parameters": average_parameters,
    "pool_features": pool_as_a_gaussian,
    "product_of_experts": product_of_experts,
    "bayes_fusion": fuse_with_the_prior,
}
SEEDS = st.integers(0, 2**31)
SHOTS = st.integers(1, 6)
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())


def draw_experts(*batch: int, seed: int) -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(seed)
    mean, excess = torch.randn(2, *batch, WEIGHTS, generator=generator, dtype=torch.float64)
    gained = torch.nn.functional.softplus(3 * excess)  # a clip only adds knowledge
    return DiagonalGaussian(mean, PRIOR.log_std - 0.5 * gained.log1p())


def assert_equal_gaussians(first: DiagonalGaussian, second: DiagonalGaussian) -> None:
    torch.testing.assert_close(first.mean, second.mean, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(first.log_std, second.log_std, rtol=1e-9, atol=1e-12)


def test_every_named_rule_is_tested_here():
    assert tuple(RULES) == AGGREGATIONS


@every_rule
@given(seed=SEEDS, shots=SHOTS, order=st.randoms(use_true_random=False))
def test_the_order_of_clips_is_irrelevant(rule, seed, shots, order):
    experts = draw_experts(2, shots, seed=seed)
    shuffled = list(range(shots))
    order.shuffle(shuffled)
    assert_equal_gaussians(rule(experts), rule(experts[:, shuffled]))


@every_rule
@given(seed=SEEDS)
def test_a_single_clip_keeps_its_own_posterior(rule, seed):
    experts = draw_experts(3, 1, seed=seed)
    assert_equal_gaussians(rule(experts), experts[:, 0])


@given(seed=SEEDS, wider=st.floats(0.01, 3.0))
def test_bayes_fusion_keeps_a_single_clip_that_is_wider_than_the_prior(seed, wider):
    mean = draw_experts(1, seed=seed).mean
    expert = DiagonalGaussian(mean, (PRIOR.log_std + wider).expand(1, -1))
    assert_equal_gaussians(fuse_with_the_prior(expert), expert[0])


@every_rule
@given(seed=SEEDS, shots=SHOTS)
def test_equal_experts_keep_the_mean_unless_the_prior_pulls(rule, seed, shots):
    expert = draw_experts(1, seed=seed)
    combined = rule(
        DiagonalGaussian(expert.mean.expand(shots, -1), expert.log_std.expand(shots, -1))
    )
    precision, prior = expert.variance[0].reciprocal(), PRIOR.variance.reciprocal()
    gain = {average_parameters: 1.0, pool_as_a_gaussian: 1.0, product_of_experts: float(shots)}
    expected = (
        prior + shots * (precision - prior)
        if rule is fuse_with_the_prior
        else precision * gain[rule]
    )
    mean = expert.mean[0]
    # n - 1 superfluous priors are taken out, and their pull with them
    if rule is fuse_with_the_prior:
        mean = (shots * precision * mean - (shots - 1) * prior * PRIOR.mean) / expected
    torch.testing.assert_close(combined.variance.reciprocal(), expected)
    torch.testing.assert_close(combined.mean, mean)


@every_rule
@given(seed=SEEDS, keep=st.lists(st.booleans(), min_size=2, max_size=6).filter(any))
def test_masking_a_clip_equals_removing_it_whatever_its_numbers_are(rule, seed, keep):
    experts = draw_experts(2, len(keep), seed=seed)
    mask = torch.tensor(keep)
    spoiled = DiagonalGaussian(
        torch.where(mask[:, None], experts.mean, torch.nan),
        torch.where(mask[:, None], experts.log_std, torch.nan),
    )
    assert_equal_gaussians(rule(spoiled, mask.expand(2, -1)), rule(experts[:, mask]))


@every_rule
def test_gradients_stay_finite_beside_masked_clips_full_of_nan(rule):
    experts = draw_experts(2, 3, seed=1)
    mean, log_std = experts.mean.clone(), experts.log_std.clone()
    mean[:, 2] = log_std[:, 2] = torch.nan
    mean.requires_grad_()
    log_std.requires_grad_()
    combined = rule(DiagonalGaussian(mean, log_std), torch.tensor([[True, True, False]] * 2))
    (combined.mean.sum() + combined.log_std.sum()).backward()
    for gradient in (mean.grad, log_std.grad):
        assert gradient.isfinite().all()
        assert torch.equal(gradient[:, 2], torch.zeros(2, WEIGHTS, dtype=torch.float64))
        assert (gradient[:, :2] != 0).any()


@every_rule
def test_persons_are_combined_independently_of_each_other(rule):
    experts = draw_experts(4, 3, seed=2)
    mask = torch.rand(4, 3, generator=torch.Generator().manual_seed(0)) > 0.3
    mask[:, 0] = True
    together = rule(experts, mask)
    for person in range(4):
        assert_equal_gaussians(together[person], rule(experts[person], mask[person]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_a_clip_bayes_fusion_gives_exactly_the_prior(dtype):
    prior = PRIOR.to(dtype)
    masked = bayes_fusion(
        draw_experts(3, 2, seed=0).to(dtype), prior, torch.zeros(3, 2, dtype=torch.bool)
    )
    absent = bayes_fusion(draw_experts(3, 0, seed=0).to(dtype), prior)
    for posterior in (masked, absent):
        assert posterior.batch_shape == (3,)
        assert torch.equal(posterior.mean, prior.mean.expand(3, -1))
        assert torch.equal(posterior.log_std, prior.log_std.expand(3, -1))
        assert torch.equal(posterior.kl(prior), torch.zeros(3, dtype=dtype))


@given(seed=SEEDS, shots=SHOTS)
def test_clips_that_know_nothing_leave_the_prior(seed, shots):
    """An expert equal to the prior is an expert without evidence, however many there are."""
    ignorant = DiagonalGaussian(PRIOR.mean.expand(shots, -1), PRIOR.log_std.expand(shots, -1))
    fused = fuse_with_the_prior(ignorant)
    assert torch.equal(fused.mean, PRIOR.mean)
    assert torch.equal(fused.log_std, PRIOR.log_std)
    # the bare product is surer with every repetition of the same prior: why the two have two names
    torch.testing.assert_close(product_of_experts(ignorant).variance * shots, PRIOR.variance)


@given(seed=SEEDS, shots=SHOTS)
def test_bayes_fusion_is_the_product_over_the_repeated_prior(seed, shots):
    """prod_i q_i / p^(n-1), up to a constant: log densities differ by the same number at any
    point.
    """
    experts = draw_experts(shots, seed=seed)
    points = draw_experts(7, seed=seed + 1).mean
    product = sum(experts[i].log_prob(points) for i in range(shots)) - (shots - 1) * PRIOR.log_prob(
        points
    )
    difference = product - fuse_with_the_prior(experts).log_prob(points)
    torch.testing.assert_close(
        difference, difference[0].expand_as(difference), rtol=1e-7, atol=1e-7
    )


@given(seed=SEEDS, shots=SHOTS)
def test_bayes_fusion_and_only_it_recovers_the_exact_posterior_of_the_twin(seed, shots):
    generator = torch.Generator().manual_seed(seed)
    twin = LinearGaussianTwin.independent(weights=3, clip_noise=0.7)
    clips = twin.draw_person(clips=shots, generator=generator).clips
    exact = twin.weights_given_clips(clips)
    each = [twin.weights_given_clips(clip[None]) for clip in clips]
    experts = DiagonalGaussian(
        torch.stack([one.mean for one in each]),
        torch.stack([0.5 * one.variance.log() for one in each]),
    )
    prior = DiagonalGaussian(
        torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    )
    fused = bayes_fusion(experts, prior)
    torch.testing.assert_close(fused.mean, exact.mean)
    torch.testing.assert_close(fused.variance, exact.variance)
    if shots > 1:
        assert (average_parameters(experts).variance > exact.variance).all()
        assert (product_of_experts(experts).variance < exact.variance).all()


@pytest.mark.parametrize("rule", [average_parameters, product_of_experts, pool_as_a_gaussian])
@pytest.mark.parametrize("shots", [0, 2])
def test_rules_without_a_prior_refuse_a_person_without_clips(rule, shots):
    with pytest.raises(ValueError, match="needs a clip of every person"):
        rule(draw_experts(3, shots, seed=0), torch.zeros(3, shots, dtype=torch.bool))


def test_bayes_fusion_refuses_experts_that_leave_no_precision():
    wide = DiagonalGaussian(PRIOR.mean.expand(3, -1), (PRIOR.log_std + 1).expand(3, -1))
    with pytest.raises(ValueError, match="no positive precision"):
        fuse_with_the_prior(wide)


@every_rule
def test_a_mask_of_another_shape_is_refused(rule):
    # jaxtyping's is a TypeError, where it watches
    with pytest.raises((ValueError, TypeError), match="mask"):
        rule(draw_experts(2, 3, seed=0), torch.ones(3, dtype=torch.bool))


@pytest.mark.parametrize("rule", [average_parameters, product_of_experts, fuse_with_the_prior])
def test_a_gaussian_without_a_shot_axis_is_refused(rule):
    with pytest.raises(ValueError, match="shot axis"):
        rule(PRIOR)


@every_rule
def test_experts_surer_than_single_precision_can_hold_stay_finite(rule):
    """exp(-2 ln sigma) overflows float32 below ln sigma = -44."""
    sure = DiagonalGaussian(torch.ones(4, WEIGHTS), torch.full((4, WEIGHTS), -60.0))
    combined = (
        bayes_fusion(sure, PRIOR.to(torch.float32)) if rule is fuse_with_the_prior else rule(sure)
    )
    assert combined.log_std.isfinite().all()
    torch.testing.assert_close(combined.mean, torch.ones(WEIGHTS))


@given(seed=SEEDS)
def test_prior_batch_axes_are_those_of_the_persons(seed):
    """A prior per person, as a conditional prior would give."""
    experts = draw_experts(2, 3, seed=seed)
    priors = DiagonalGaussian(
        torch.stack([PRIOR.mean, PRIOR.mean + 1]), torch.stack([PRIOR.log_std, PRIOR.log_std + 0.5])
    )
    together = bayes_fusion(experts, priors)
    for person in range(2):
        assert_equal_gaussians(together[person], bayes_fusion(experts[person], priors[person]))
