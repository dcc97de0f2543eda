r"""Is the amortised posterior a fair stand-in for the one that has seen the labels?

For draws z from q(z | x), the weights r = p(z) prod_i p(y_i | x_i, z) / q(z | x) would turn them
into draws from the posterior p(z | x, y) of the labeled enrollment clips. A generalized Pareto fit
to the largest weights says how heavy their tail is [PSIS]: with k below 0.7 a few hundred draws
stand for that posterior, above it q misses part of it.
"""

import numpy as np
from jaxtyping import Float
from torch import Tensor

from vop_core.variational.gaussian import DiagonalGaussian

GOOD_K = 0.7  # [PSIS]


def log_importance_weights(
    posterior: DiagonalGaussian,  # no batch axis
    prior: DiagonalGaussian,  # no batch axis
    vectors: Float[Tensor, "draw vector"],
    log_likelihood: Float[Tensor, " draw"],  # of the labeled clips under each draw, nats
) -> Float[Tensor, " draw"]:
    """ln r of each draw, up to the unknown evidence."""
    return prior.log_prob(vectors) + log_likelihood - posterior.log_prob(vectors)


def pareto_k(log_weights: Float[Tensor, " draw"]) -> float:
    """Shape of the weights' tail, by ArviZ; -inf where all weights are alike."""
    from arviz_stats.base import array_stats

    values = log_weights.double().cpu().numpy()
    if np.ptp(values) < 1e-12:
        return float("-inf")
    # it takes log likelihoods, and weighs by their inverse
    return float(array_stats.psislw(-values)[1])
