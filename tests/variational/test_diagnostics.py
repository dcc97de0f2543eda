"""Both collapses are called by name, and figures are those of their definitions."""

import math

import pytest
import torch

from vop_core.variational.diagnostics import PRIOR_KL, posterior_health
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
