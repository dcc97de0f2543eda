"""The twin's closed forms, reached by other routes: one large joint Gaussian, numbers drawn, an
optimiser.
"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal, kl_divergence

from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.twin import (
    LinearGaussianTwin,
    closest_below,
    conditioning_gap,
    credible_coverage,
    family_gap,
    with_full_covariance,
)

SEEDS = st.integers(0, 2**31)
CLIPS = st.integers(1, 6)


def twin_and_person(seed: int, clips: int = 4):
    generator = torch.Generator().manual_seed(seed)
    twin = LinearGaussianTwin.random(weights=3, observations=4, generator=generator)
    return twin, twin.draw_person(clips=clips, generator=generator)


def condition(mean, covariance, first: int, value) -> tuple[torch.Tensor, torch.Tensor]:
    """The first block of a joint Gaussian, given the rest: the textbook's Schur complement."""
    gain = covariance[:first, first:] @ torch.linalg.inv(covariance[first:, first:])
    return (
        mean[:first] + gain @ (value - mean[first:]),
        covariance[:first, :first] - gain @ covariance[first:, :first],
    )


def joint_covariance(twin, features, clips: int, with_labels: bool) -> torch.Tensor:
    """Of (w, x_1..n [, y_1..n]), assembled from the definitions, with phi held fixed."""
    rows = [twin.weight_map, *[twin.clip_map] * clips]
    noise = [torch.zeros(3)] + [torch.full((4,), twin.clip_noise**2)] * clips
    if with_labels:
        rows.append(features @ twin.weight_map)
        noise.append(torch.full((clips,), twin.label_noise**2))
    everything = torch.cat(rows)
    return everything @ everything.mT + torch.cat(noise).double().diag()


@pytest.mark.parametrize("with_labels", [False, True])
@given(seed=SEEDS, clips=st.integers(0, 6))
def test_what_is_known_of_a_person_equals_conditioning_the_joint_gaussian(with_labels, seed, clips):
    """Without a clip it is the prior."""
    twin, person = twin_and_person(seed, clips)
    covariance = joint_covariance(twin, person.features, clips, with_labels)
    if with_labels:
        seen = torch.cat([person.clips.flatten(), person.labels])
        exact = twin.weights_given_labels(person.clips, person.labels)
    else:
        seen, exact = person.clips.flatten(), twin.weights_given_clips(person.clips)
    mean, spread = condition(torch.zeros(len(covariance)).double(), covariance, 3, seen)
    torch.testing.assert_close(exact.mean, mean, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(exact.covariance_matrix, spread, rtol=1e-6, atol=1e-8)


@given(seed=SEEDS, clips=CLIPS)
def test_the_evidence_is_bayes_rule_solved_for_it_at_any_weights(seed, clips):
    """ln p(y|x) = ln p(w|x) + ln p(y|x,w) - ln p(w|x,y), whatever w is."""
    twin, person = twin_and_person(seed, clips)
    anywhere = person.weights + 1
    evidence = (
        twin.weights_given_clips(person.clips).log_prob(anywhere)
        + twin.log_likelihood(anywhere, person.clips, person.labels)
        - twin.weights_given_labels(person.clips, person.labels).log_prob(anywhere)
    )
    torch.testing.assert_close(
        twin.log_evidence(person.clips, person.labels), evidence, rtol=1e-6, atol=1e-8
    )


@given(seed=SEEDS, clips=CLIPS)
def test_the_gap_between_evidence_and_bound_is_the_divergence_from_the_posterior(seed, clips):
    """The slides' identity, for any q: ln p(y|x) - ELBO(q) = KL(q || p(w|x,y))."""
    twin, person = twin_and_person(seed, clips)
    posterior = twin.weights_given_labels(person.clips, person.labels)
    prior = twin.weights_given_clips(person.clips)
    anyone = with_full_covariance(DiagonalGaussian(person.weights, -person.weights.abs()))
    evidence = twin.log_evidence(person.clips, person.labels)
    gap = evidence - twin.elbo(anyone, prior, person.clips, person.labels).elbo
    torch.testing.assert_close(gap, kl_divergence(anyone, posterior), rtol=1e-6, atol=1e-6)
    assert gap > 0
    touching = twin.elbo(posterior, prior, person.clips, person.labels).elbo
    torch.testing.assert_close(touching, evidence, rtol=1e-7, atol=1e-7)


def test_with_a_prior_that_does_not_read_the_clips_the_bound_is_on_another_evidence():
    """The departure from the slides, in numbers: N(0, BB') instead of p(w|x) bounds its own ln
    p(y).
    """
    twin, person = twin_and_person(4)
    fixed = twin.weight_prior()
    features, noise = person.features, twin.label_noise**2
    precision = torch.linalg.inv(fixed.covariance_matrix) + features.mT @ features / noise
    covariance = torch.linalg.inv(precision)
    mean = covariance @ features.mT @ person.labels / noise
    best = MultivariateNormal(mean, (covariance + covariance.mT) / 2)
    bound = twin.elbo(best, fixed, person.clips, person.labels).elbo
    torch.testing.assert_close(bound, twin.log_evidence(person.clips, person.labels, fixed))
    assert not torch.isclose(bound, twin.log_evidence(person.clips, person.labels))


def test_the_closest_diagonal_gaussian_is_where_the_gradient_of_the_divergence_vanishes():
    twin, person = twin_and_person(5)
    posterior = twin.weights_given_labels(person.clips, person.labels)
    best = closest_below(posterior)
    mean, log_std = best.mean.clone().requires_grad_(), best.log_std.clone().requires_grad_()
    kl_divergence(with_full_covariance(DiagonalGaussian(mean, log_std)), posterior).backward()
    for gradient in (mean.grad, log_std.grad):
        torch.testing.assert_close(gradient, torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-9)
    assert (best.variance <= posterior.variance + 1e-12).all()  # mean field is too sure of itself


def test_drawn_persons_follow_the_model():
    twin = LinearGaussianTwin.random(
        weights=2, observations=3, generator=torch.Generator().manual_seed(0)
    )
    person = twin.draw_person(clips=20_000, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(person.weights, twin.weight_map @ person.code)
    clip_errors = person.clips - twin.clip_map @ person.code
    label_errors = person.labels - person.features @ person.weights
    for errors, noise in ((clip_errors, twin.clip_noise), (label_errors, twin.label_noise)):
        assert abs(errors.mean()) < 4 * noise / math.sqrt(errors.numel())
        assert abs(errors.var() - noise**2) < 4 * noise**2 * math.sqrt(2 / errors.numel())


def test_the_same_generator_draws_the_same_person():
    twin, person = twin_and_person(9)
    again, same = twin_and_person(9)
    assert torch.equal(twin.clip_map, again.clip_map)
    assert torch.equal(person.labels, same.labels)


@pytest.mark.parametrize("clips", [1, 5])
def test_with_independent_weights_what_the_clips_say_is_diagonal(clips):
    twin = LinearGaussianTwin.independent(weights=3)
    person = twin.draw_person(clips=clips, generator=torch.Generator().manual_seed(0))
    covariance = twin.weights_given_clips(person.clips).covariance_matrix
    torch.testing.assert_close(covariance, torch.diag(covariance.diagonal()), rtol=0, atol=1e-15)


def test_a_batch_of_persons_is_each_of_them_alone():
    twin = LinearGaussianTwin.random(
        weights=3, observations=4, generator=torch.Generator().manual_seed(1)
    )
    crowd = twin.draw_persons(5, clips=4, generator=torch.Generator().manual_seed(2))
    before = twin.weights_given_clips(crowd.clips)
    posterior = twin.weights_given_labels(crowd.clips, crowd.labels)
    evidence = twin.log_evidence(crowd.clips, crowd.labels)
    bound = twin.elbo(posterior, before, crowd.clips, crowd.labels).elbo
    for index in range(5):
        clips, labels = crowd.clips[index], crowd.labels[index]
        alone = twin.weights_given_labels(clips, labels)
        torch.testing.assert_close(posterior.mean[index], alone.mean)
        torch.testing.assert_close(posterior.covariance_matrix[index], alone.covariance_matrix)
        torch.testing.assert_close(evidence[index], twin.log_evidence(clips, labels))
        torch.testing.assert_close(crowd.features[index], twin.features(clips))
    torch.testing.assert_close(bound, evidence)


@given(SEEDS, CLIPS, st.sampled_from([0.1, 1.0, 7.0]))
def test_what_the_bound_asks_for_without_labels_is_where_the_expected_bound_is_flat(
    seed, clips, beta
):
    """The bound is linear in y and y y', so that labels at their mean, with their spread as a
    constant, do.
    """
    twin, person = twin_and_person(seed, clips)
    known, prior = twin.weights_given_clips(person.clips), twin.weight_prior()
    asked = twin.asked_for_without_labels(known, prior, person.features, beta=beta)
    mean, scale = asked.mean.clone().requires_grad_(), asked.scale_tril.clone().requires_grad_()
    q = MultivariateNormal(mean, scale_tril=scale)
    expected = twin.expected_log_likelihood(q, person.clips, person.features @ known.mean)
    (expected - beta * kl_divergence(q, prior)).backward()
    for gradient in (mean.grad, scale.grad.tril()):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-7)


def test_how_sure_the_bound_asks_to_be_does_not_depend_on_what_enrollment_tells():
    twin, person = twin_and_person(3, 6)
    asked = [
        twin.asked_for_without_labels(
            twin.weights_given_clips(person.clips[:n]), twin.weight_prior(), person.features
        ).covariance_matrix
        for n in (0, 1, 6)
    ]
    torch.testing.assert_close(asked[0], asked[1])
    torch.testing.assert_close(asked[0], asked[2])


def test_with_labels_seen_the_gaps_are_those_of_the_definition():
    """Family: the closest diagonal's divergence. Conditioning: the mean over labels, by Monte
    Carlo.
    """
    twin, person = twin_and_person(4, 3)
    clips = person.clips.expand(40_000, -1, -1)
    before = twin.weights_given_clips(person.clips)
    generator = torch.Generator().manual_seed(5)
    drawn = (
        before.mean
        + torch.randn(40_000, 3, generator=generator, dtype=torch.float64) @ before.scale_tril.mT
    )
    noise = torch.randn(40_000, 3, generator=generator, dtype=torch.float64)
    labels = drawn @ person.features.mT + twin.label_noise * noise
    posterior = twin.weights_given_labels(clips, labels)
    nearest = kl_divergence(with_full_covariance(closest_below(posterior)), posterior)
    torch.testing.assert_close(family_gap(posterior), nearest)
    blind = closest_below(twin.asked_for_without_labels(before, before, person.features))
    lost = kl_divergence(with_full_covariance(blind.expand(40_000)), posterior) - nearest
    wanted = conditioning_gap(before, twin.weights_given_labels(person.clips, person.labels))
    assert abs(lost.mean() - wanted) < 4 * lost.std() / math.sqrt(len(lost))
    told = 0.5 * (posterior.precision_matrix[0].logdet() - before.precision_matrix.logdet())
    assert wanted > told > 0


def test_the_true_posterior_covers_what_it_claims_and_a_narrower_one_less():
    twin = LinearGaussianTwin.random(
        weights=3, observations=4, generator=torch.Generator().manual_seed(6)
    )
    crowd = twin.draw_persons(4_000, clips=2, generator=torch.Generator().manual_seed(7))
    exact = twin.weights_given_clips(crowd.clips)
    levels = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    found = credible_coverage(exact, crowd.weights, levels)
    assert ((found - levels).abs() < 4 * (levels * (1 - levels) / 4_000).sqrt()).all()
    halved = MultivariateNormal(exact.mean, exact.covariance_matrix / 4)
    assert (credible_coverage(halved, crowd.weights, levels) < found).all()
