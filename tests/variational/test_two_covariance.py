"""Agreement and distance of clips against torch.distributions and on simulated persons [PLDA]."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.toys import seeded
from vop_core.variational.two_covariance import LEAST_VARIANCE, SHRINKAGE, TwoCovariance

SIZE = 6
PERSONS, CLIPS = 2000, 5
WITHIN = 0.5 ** (torch.arange(SIZE)[:, None] - torch.arange(SIZE)).abs()  # correlated
BETWEEN = torch.diag(torch.tensor([4.0, 2.0, 1.0, 0.5, 0.0, 0.0])) + 0.3
MEAN = torch.linspace(-1, 1, SIZE)


def drawn(persons: int, clips: int, *, seed: int, between=BETWEEN) -> torch.Tensor:
    """Clips of so many persons, (person, clip, vector)."""
    generator = seeded(seed)
    noise = [torch.randn(persons, count, SIZE, generator=generator) for count in (1, clips)]
    own, apart = (
        part @ root_of(covariance)
        for part, covariance in zip(noise, (between, WITHIN), strict=True)
    )
    return MEAN + own + apart


def root_of(covariance: torch.Tensor) -> torch.Tensor:
    """Its symmetric root; some directions may have no variance."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp_min(0).sqrt() @ vectors.mT


@pytest.fixture(scope="module")
def fitted():
    clips = drawn(PERSONS, CLIPS, seed=0)
    return TwoCovariance.fit(clips.flatten(0, 1), torch.arange(PERSONS).repeat_interleave(CLIPS))


def test_the_variances_are_found(fitted):
    """Within four standard errors: of a mean square of Gaussians, 2 variance^2 / degrees."""
    within = torch.ones(SIZE)
    error = within * (2 / (PERSONS * (CLIPS - 1))) ** 0.5
    assert ((fitted.within - within).abs() < 4 * error).all()
    means = BETWEEN.diagonal() + within / CLIPS
    assert ((fitted.between - BETWEEN.diagonal()).abs() < 4 * means * (2 / PERSONS) ** 0.5).all()
    assert ((fitted.mean - MEAN).abs() < 4 * (means / PERSONS).sqrt()).all()


def test_persons_weigh_alike_however_many_clips_they_have():
    """The variance within is the mean of the persons' own; a single clip has none."""
    clips, counts = drawn(4, 9, seed=6), (9, 2, 5, 1)
    own = [
        scale * clips[person, :count]
        for person, (scale, count) in enumerate(zip((3, 1, 2, 1), counts, strict=True))
    ]
    found = TwoCovariance.fit(
        torch.cat(own), torch.arange(4).repeat_interleave(torch.tensor(counts))
    )
    expected = torch.stack([each.var(0) for each in own[:3]]).mean(0)
    torch.testing.assert_close(found.within - LEAST_VARIANCE, expected)
    torch.testing.assert_close(found.mean, torch.stack([each.mean(0) for each in own]).mean(0))


@pytest.mark.parametrize("shots", [2, 5])
def test_agreement_is_the_ratio_of_two_densities(fitted, shots):
    """Of all clips as one Gaussian vector, blocks B + W and B or blocks B + W and 0."""
    inverse = torch.linalg.inv(fitted.directions.double())
    within, between = (
        inverse @ inverse.mT,
        inverse @ torch.diag(fitted.ratios.double()) @ inverse.mT,
    )
    same = torch.block_diag(*[within] * shots) + between.repeat(shots, shots)
    apart = torch.block_diag(*[within + between] * shots)
    clips = drawn(4, shots, seed=1)
    mean, flat = fitted.mean.double().repeat(shots), clips.flatten(1).double()
    one, several = (
        MultivariateNormal(mean, covariance).log_prob(flat) for covariance in (same, apart)
    )
    expected = ((one - several) / (shots - 1)).float()
    torch.testing.assert_close(fitted.agreement(clips), expected, rtol=1e-3, atol=1e-3)


def test_the_directions_whiten_what_is_left_of_correlations_within_persons(fitted):
    clips = drawn(PERSONS, CLIPS, seed=0)
    apart = (clips - clips.mean(1, keepdim=True)).flatten(0, 1)
    within = apart.mT @ apart / (PERSONS * (CLIPS - 1))
    within = (1 - SHRINKAGE) * within + SHRINKAGE * torch.diag(within.diagonal())
    white = fitted.directions @ within @ fitted.directions.mT
    torch.testing.assert_close(white, torch.eye(SIZE), rtol=0, atol=2 * LEAST_VARIANCE / 0.25)
    assert (fitted.ratios.diff() <= 0).all()


def test_agreement_does_not_depend_on_the_order_of_clips(fitted):
    clips = drawn(3, 4, seed=2)
    torch.testing.assert_close(fitted.agreement(clips), fitted.agreement(clips.flip(1)))
    with pytest.raises(ValueError, match="one clip"):
        fitted.agreement(clips[:, :1])


@pytest.mark.parametrize("shots", [1, 3, 10])
def test_the_distance_of_persons_is_1_in_the_mean_square(fitted, shots):
    """The mean of squares has variance 2 tr(R^2) / size^2, R the correlations of a mean."""
    square = fitted.distance(drawn(PERSONS, shots, seed=3)).square()
    covariance = BETWEEN + WITHIN / shots
    scale = covariance.diagonal().rsqrt()
    correlation = covariance * scale * scale[:, None]
    error = (2 * correlation.square().sum() / SIZE**2 / PERSONS).sqrt()
    estimated = 4 * (2 / PERSONS) ** 0.5  # of the variances, at worst
    assert abs(square.mean() - 1) < 4 * error + estimated


def test_a_mixture_is_told_the_better_the_further_its_persons_are_apart():
    """Two persons' clips agree less than one's, and the share that is caught grows with B."""
    caught = []
    for scale in (0.01, 1.0, 16.0):
        between = scale * BETWEEN
        clips = drawn(PERSONS, 4, seed=4, between=between)
        owner = torch.arange(PERSONS).repeat_interleave(4)
        fitted = TwoCovariance.fit(clips.flatten(0, 1), owner)
        fresh = drawn(PERSONS, 4, seed=5, between=between)
        limit = fitted.agreement(fresh).quantile(0.05)
        mixed = torch.cat((fresh[:, :2], fresh.roll(1, 0)[:, 2:]), dim=1)
        caught.append(float((fitted.agreement(mixed) < limit).float().mean()))
    error = 4 * (0.05 * 0.95 / PERSONS) ** 0.5
    assert caught[0] < 0.1 + error  # hardly more than of single persons
    assert caught[0] + 0.1 < caught[1] < caught[2]
    assert caught[2] > 0.95


def test_too_few_clips_are_refused():
    clips = torch.zeros(3, SIZE)
    for owner in ([0, 0, 0], [0, 1, 2]):
        with pytest.raises(ValueError, match="two clips of somebody"):
            TwoCovariance.fit(clips, torch.tensor(owner))
