r"""A plane through many persons' posteriors, so that they can be looked at side by side.

In units of the prior's standard deviation, the means m_k of K persons are centred and decomposed,
M = U S V^T. The two leading rows of V span the plane in which persons differ most; a person lies at
V_2 (m_k - mean) and, being Gaussian, has there the covariance V_2 diag(s_k^2) V_2^T. The share of
the persons' variance that the plane shows is (S_1^2 + S_2^2) / sum S_i^2.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.variational.gaussian import DiagonalGaussian


@dataclass(frozen=True)
class PrincipalPlane:
    """Two directions in which persons' posterior means differ most."""

    prior: DiagonalGaussian
    centre: Float[Tensor, " weight"]  # the persons' mean, in the prior's standard deviations
    axes: Float[Tensor, "2 weight"]  # orthonormal; the largest entry of each is positive
    share: tuple[float, float]  # of the persons' variance that each axis shows

    @classmethod
    def fit(cls, posteriors: DiagonalGaussian, prior: DiagonalGaussian) -> "PrincipalPlane":
        """The plane of the posteriors (batch axis: person). Raises ValueError for fewer than
        three persons, who span no plane.
        """
        if len(posteriors.batch_shape) != 1 or posteriors.batch_shape[0] < 3:
            raise ValueError(
                f"a plane needs at least three persons, got {tuple(posteriors.batch_shape)}"
            )
        means = _in_units(posteriors.mean, prior)
        centre = means.mean(0)
        _, sizes, rows = torch.linalg.svd(means - centre, full_matrices=False)
        axes = rows[:2]
        largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
        variance = sizes.square() / sizes.square().sum().clamp_min(1e-12)
        return cls(prior, centre, axes * largest.sign(), tuple(variance[:2].tolist()))

    def place(self, posteriors: DiagonalGaussian) -> Float[Tensor, "*batch 2"]:
        """Where the posteriors' means lie in the plane."""
        return (_in_units(posteriors.mean, self.prior) - self.centre) @ self.axes.mT

    def covariance(self, posteriors: DiagonalGaussian) -> Float[Tensor, "*batch 2 2"]:
        """The posteriors' covariance in the plane."""
        variance = posteriors.variance / self.prior.variance
        return (self.axes * variance[..., None, :]) @ self.axes.mT


def _in_units(
    mean: Float[Tensor, "*batch weight"], prior: DiagonalGaussian
) -> Float[Tensor, "*batch weight"]:
    return (mean - prior.mean) / prior.std
