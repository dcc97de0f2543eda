"""Persons in the plane in which they differ most."""

import pytest
import torch
from sklearn.decomposition import PCA

from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.principal import PrincipalPlane


def persons(generator) -> tuple[DiagonalGaussian, DiagonalGaussian]:
    prior = DiagonalGaussian(torch.randn(7, generator=generator), torch.linspace(-1, 1, 7))
    mean, log_std = torch.randn(2, 12, 7, generator=generator)
    return DiagonalGaussian(prior.mean + 3 * mean, log_std), prior


def test_the_plane_is_that_of_scikit_learn_in_units_of_the_prior():
    posteriors, prior = persons(torch.Generator().manual_seed(1))
    plane = PrincipalPlane.fit(posteriors, prior)
    units = ((posteriors.mean - prior.mean) / prior.std).numpy()
    authority = PCA(2).fit(units)
    assert plane.share == pytest.approx(authority.explained_variance_ratio_.tolist(), rel=1e-4)
    theirs = torch.from_numpy(authority.transform(units))
    assert torch.allclose(plane.place(posteriors).abs(), theirs.abs().float(), atol=1e-3)


def test_a_persons_covariance_in_the_plane_is_that_of_draws():
    generator = torch.Generator().manual_seed(2)
    posteriors, prior = persons(generator)
    plane = PrincipalPlane.fit(posteriors, prior)
    drawn = posteriors[0].sample(40_000, generator=generator)
    places = plane.place(DiagonalGaussian(drawn, torch.zeros_like(drawn)))
    expected = plane.covariance(posteriors)[0]
    # the standard error of a covariance of n draws is at most sqrt(2 / n) of the variances
    bound = 5 * (2 / 40_000) ** 0.5 * float(expected.diag().max())
    assert float((places.T.cov() - expected).abs().max()) < bound


def test_two_persons_span_no_plane():
    posteriors, prior = persons(torch.Generator().manual_seed(3))
    with pytest.raises(ValueError, match="three persons"):
        PrincipalPlane.fit(posteriors[:2], prior)
