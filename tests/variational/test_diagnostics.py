"""Both collapses are called by name, and figures are those of their definitions."""

import math

import pytest
import torch

from vop_core.variational.diagnostics import (
    PRIOR_KL,
    interval_holds,
    intraclass_correlation,
    posterior_health,
)
from vop_core.variational.gaussian import DiagonalGaussian

WEIGHTS = 16
PRIOR = DiagonalGaussian(
    *torch.tensor([[0.3], [math.log(0.5)]], dtype=torch.float64).expand(2, WEIGHTS)
)


def persons(
    count: int, *, std_ratio: float, between: float, shared_shift: float = 0.0
) -> DiagonalGaussian:
    """Posteriors of the given width, means ``between`` prior sd apart around a shift that all
    share.
    """
    generator = torch.Generator().manual_seed(3)
    offsets = torch.randn(count, WEIGHTS, generator=generator, dtype=torch.float64)
    mean = PRIOR.mean + PRIOR.std * (shared_shift + between * offsets)
    return DiagonalGaussian(mean, (PRIOR.log_std + math.log(std_ratio)).expand(count, -1))


def test_a_posterior_that_is_wide_and_differs_between_persons_is_healthy():
    health = posterior_health(persons(20, std_ratio=0.6, between=0.5), PRIOR)
    assert health.verdict == "healthy"
    assert health.active_units == WEIGHTS


@pytest.mark.parametrize("between", [0.0, 1.0])
def test_a_posterior_far_narrower_than_the_prior_is_a_point_mass(between):
    health = posterior_health(persons(20, std_ratio=0.01, between=between), PRIOR)
    assert health.verdict == "point mass"
    assert "no measure of uncertainty" in health.sentence


def test_a_posterior_that_has_not_moved_is_the_prior():
    health = posterior_health(PRIOR.expand(20), PRIOR)
    assert health.verdict == "prior"
    assert health.kl == 0
    assert health.std_ratio == 1
    assert health.active_units == 0


def test_a_shift_that_all_persons_share_is_not_personal_however_many_nats_it_costs():
    """Our first experiments met it: 13 nats, a lovely width, and one answer for everybody."""
    health = posterior_health(persons(20, std_ratio=0.6, between=0.05, shared_shift=1.0), PRIOR)
    assert health.kl > 10
    assert health.active_units == 0
    assert health.verdict == "prior"
    assert "same for every person" in health.sentence


def test_the_prior_verdict_begins_where_two_persons_could_not_be_told_apart():
    def just(factor: float) -> DiagonalGaussian:
        shift = math.sqrt(2 * factor * PRIOR_KL / WEIGHTS)  # shift^2 / 2 nats per weight
        mean = PRIOR.mean + PRIOR.std * shift * torch.tensor([[1.0], [-1.0]])
        return DiagonalGaussian(mean, PRIOR.log_std.expand(2, -1))

    assert posterior_health(just(0.99), PRIOR).verdict == "prior"
    assert posterior_health(just(1.01), PRIOR).verdict == "healthy"


def test_figures_are_those_of_their_definitions():
    posteriors = persons(7, std_ratio=0.4, between=0.5)
    health = posterior_health(posteriors, PRIOR)
    assert health.persons == 7
    assert health.kl == pytest.approx(float(posteriors.kl(PRIOR).mean()))
    assert health.kl == pytest.approx(float(health.kl_per_dimension.sum()))
    assert health.std_ratio == pytest.approx(0.4)
    variance = posteriors.mean.var(0, correction=1) / 0.5**2
    torch.testing.assert_close(health.between_person_variance, variance)
    assert health.between_person_std == pytest.approx(float(variance.mean().sqrt()))


def test_a_unit_is_active_when_its_mean_varies_by_more_than_a_hundredth_of_the_prior_variance():
    """Two persons at +-d have variance 2 d^2: counted above 0.01 s^2, on the prior's own scale."""
    limit = math.sqrt(0.01 / 2) * 0.5
    offset = torch.zeros(WEIGHTS, dtype=torch.float64)
    offset[:3], offset[3:5] = 1.01 * limit, 0.99 * limit
    mean = PRIOR.mean + torch.stack([offset, -offset])
    assert (
        posterior_health(DiagonalGaussian(mean, PRIOR.log_std.expand(2, -1)), PRIOR).active_units
        == 3
    )


def test_one_person_is_judged_without_being_compared():
    posterior = persons(1, std_ratio=0.6, between=0.5)
    for health in (posterior_health(posterior, PRIOR), posterior_health(posterior[0], PRIOR)):
        assert health.verdict == "healthy"
        assert health.persons == 1
        assert health.between_person_variance is None
        assert health.active_units is None
        assert health.between_person_std is None
    assert posterior_health(PRIOR, PRIOR).verdict == "prior"


def test_numbers_that_cannot_be_judged_are_refused():
    with pytest.raises(ValueError, match="one person axis"):
        posterior_health(PRIOR.expand(2, 3), PRIOR)
    with pytest.raises(ValueError, match="one person axis"):
        posterior_health(PRIOR.expand(0), PRIOR)
    with pytest.raises(ValueError, match="not finite"):
        posterior_health(DiagonalGaussian(PRIOR.mean * math.nan, PRIOR.log_std), PRIOR)


# Persons and clips


def enrollments(counts, *, person_std, clip_std, weights, seed=0):
    """Values of persons with so many enrollments each; everybody's index."""
    generator = torch.Generator().manual_seed(seed)
    person = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    own = person_std * torch.randn(len(counts), weights, generator=generator)
    noise = clip_std * torch.randn(len(person), weights, generator=generator)
    return 5.0 + own[person] + noise, person


def test_the_intraclass_correlation_of_equal_counts_is_the_textbooks():
    """(MS_b - MS_w) / (MS_b + (k - 1) MS_w), by hand: 3 persons, 2 enrollments."""
    values = torch.tensor([[1.0], [3.0], [6.0], [6.0], [8.0], [10.0]])
    within, grand = (2 + 0 + 2) / 3, 34 / 6
    between = 2 * sum((mean - grand) ** 2 for mean in (2, 6, 9)) / 2
    expected = (between - within) / (between + within)
    person = torch.tensor([0, 0, 1, 1, 2, 2])
    assert intraclass_correlation(values, person) == pytest.approx(expected)
    order = torch.tensor([4, 0, 2, 5, 1, 3])
    assert intraclass_correlation(values[order], person[order]) == pytest.approx(expected)


def test_enrollments_that_agree_are_all_person_and_those_that_do_not_are_none():
    agreed, person = enrollments([3, 2, 4], person_std=1.0, clip_std=0.0, weights=5)
    assert intraclass_correlation(agreed, person) == pytest.approx(1.0)
    alike = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    assert intraclass_correlation(alike, torch.tensor([0, 0, 1, 1])) == 0.0


def test_without_two_persons_two_enrollments_or_any_variance_there_is_no_correlation():
    values = torch.randn(4, 2)
    assert intraclass_correlation(values, torch.zeros(4, dtype=torch.long)) is None
    assert intraclass_correlation(values, torch.arange(4)) is None
    assert intraclass_correlation(torch.ones(4, 2), torch.tensor([0, 0, 1, 1])) is None


@pytest.mark.parametrize(("clip_std", "expected"), [(1.0, 0.5), (3.0, 0.1)])
def test_persons_with_unequal_counts_show_the_share_they_were_made_with(clip_std, expected):
    """Within four standard errors of the correlation of one weight [Fisher], over many weights."""
    counts, weights = [1, 2, 3, 6] * 10, 200
    found = intraclass_correlation(
        *enrollments(counts, person_std=1.0, clip_std=clip_std, weights=weights)
    )
    few = 2  # as if all had the fewest enrollments that tell anything: wider than the truth
    error = math.sqrt(2 / (few * (few - 1) * (len(counts) - 1) * weights))
    error *= (1 - expected) * (1 + (few - 1) * expected)
    assert abs(found - expected) < 4 * error


def test_the_interval_of_gaussian_persons_holds_their_other_clips_as_often_as_it_says():
    """Posterior after n clips, value of m others; 90 % within four binomial standard errors. With
    a sigma four times too small the intervals hold too little, four times too large too much.
    """
    tau, sigma, persons, others = 0.6, 1.5, 4000, 7
    generator = torch.Generator().manual_seed(2)
    for clips in (1, 3, 5, 10):
        own = tau * torch.randn(persons, 1, generator=generator)
        heard = own + sigma * torch.randn(persons, clips, generator=generator)
        asked = own + sigma * torch.randn(persons, others, generator=generator)

        def held(sigma, clips=clips, heard=heard, asked=asked):
            share = clips / (clips + sigma**2 / tau**2)
            mean = share * heard.mean(1, keepdim=True)
            log_std = torch.full_like(mean, 0.5 * math.log(tau**2 * (1 - share)))
            seen = asked.mean(1, keepdim=True)
            error = torch.full_like(seen, math.log(sigma / math.sqrt(others)))
            found = interval_holds(DiagonalGaussian(mean, log_std), DiagonalGaussian(seen, error))
            return float(found.double().mean())

        tolerance = 4 * math.sqrt(0.9 * 0.1 / persons)
        assert abs(held(sigma) - 0.9) < tolerance
        assert held(4 * sigma) > 0.9 + tolerance and held(sigma / 4) < 0.9 - tolerance
