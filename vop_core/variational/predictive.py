r"""From draws of the weights to one prediction that says how sure it is.

With S draws w_s ~ q(w | x) and p_s = p(y | x*, w_s):

    probabilities  p = 1/S sum_s p_s
    total          H(p)                    entropy of the averaged prediction
    aleatoric      1/S sum_s H(p_s)        what would remain if the weights were known
    epistemic      total - aleatoric       information label and weights share, >= 0 [BALD]

Entropies are in nats.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.errors import EvaluationError
from vop_core.types import Prediction

MOST_DRAWS = 1_000
"""Of a prediction: its Monte-Carlo error is then below 1.6 points, 0.5 / sqrt(1,000), whatever the
posterior.
"""

# no random variable in [0, 1] has a larger standard deviation (Popoviciu): what one draw alone
# leaves open
_LARGEST_STD_OF_A_PROBABILITY = 0.5


def check_draws(draws: int) -> None:
    """Raise EvaluationError for a number of draws below 0 or above ``MOST_DRAWS``."""
    if not 0 <= draws <= MOST_DRAWS:
        error = _LARGEST_STD_OF_A_PROBABILITY / math.sqrt(MOST_DRAWS)
        raise EvaluationError(
            f"{draws:,} draws were asked for; choose from 0 to {MOST_DRAWS:,}, where the sampling "
            f"error of a probability is already below {100 * error:.1f} points."
        )


def predict_from_draws(
    draw_probabilities: Float[Tensor, "draw query label"], level: float = 0.95
) -> Prediction:
    """Average over draws; interval, entropies and Monte-Carlo error come from their spread.

    ``level`` is the mass of the equal-tailed credible interval of each probability. A single draw
    has no spread: its interval is a point, and its standard error is given as 0.5, the largest
    there can be. Raises ValueError without draws, for numbers that are no probabilities, or a level
    outside (0, 1).
    """
    draws = draw_probabilities.shape[0]
    if draws == 0:
        raise ValueError(
            "a prediction from draws needs at least one draw; use predict_from_mean for none"
        )
    if not 0 < level < 1:
        raise ValueError(f"the level of a credible interval lies between 0 and 1, got {level}")
    _check_probabilities(draw_probabilities)
    probabilities = draw_probabilities.mean(0)
    aleatoric = _entropy(draw_probabilities).mean(0)
    # Jensen's inequality makes the difference non-negative; rounding alone can put it below
    epistemic = (_entropy(probabilities) - aleatoric).clamp(min=0)
    tail = (1 - level) / 2
    return Prediction(
        probabilities=probabilities,
        lower=draw_probabilities.quantile(tail, dim=0),
        upper=draw_probabilities.quantile(1 - tail, dim=0),
        total=aleatoric + epistemic,
        aleatoric=aleatoric,
        epistemic=epistemic,
        standard_error=_standard_error(draw_probabilities),
        draws=draws,
    )


def predict_from_mean(probabilities: Float[Tensor, "query label"]) -> Prediction:
    """The answer of one fixed setting of the weights, the posterior mean: no spread, nothing
    epistemic.

    It is the limit of ``predict_from_draws`` for sigma -> 0, and what the frozen personal network
    computes.
    """
    _check_probabilities(probabilities)
    entropy = _entropy(probabilities)
    return Prediction(
        probabilities=probabilities,
        lower=probabilities,
        upper=probabilities,
        total=entropy,
        aleatoric=entropy,
        epistemic=torch.zeros_like(entropy),
        standard_error=torch.zeros_like(probabilities),
        draws=0,
    )


def _entropy(probabilities: Float[Tensor, "*batch label"]) -> Float[Tensor, "*batch"]:
    return torch.special.entr(probabilities).sum(-1)


def _standard_error(
    draw_probabilities: Float[Tensor, "draw query label"],
) -> Float[Tensor, "query label"]:
    draws = draw_probabilities.shape[0]
    if draws == 1:
        return torch.full_like(draw_probabilities[0], _LARGEST_STD_OF_A_PROBABILITY)
    return draw_probabilities.std(0) / math.sqrt(draws)


def _check_probabilities(probabilities: Float[Tensor, "*batch label"]) -> None:
    sums = probabilities.sum(-1)
    tolerance = probabilities.shape[-1] * torch.finfo(probabilities.dtype).eps * 8
    if not bool(((sums - 1).abs() <= tolerance).all()) or bool((probabilities < 0).any()):
        raise ValueError("these are not probabilities: each row must be non-negative and sum to 1")
