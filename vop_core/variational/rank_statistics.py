r"""Simulation-based calibration: is a posterior, over many simulated persons, as sure as it may be?
[SBC]

Draw a truth from the prior, data from the truth, and L draws from the posterior of the data. Where
the posterior is the true one, truth and draws cannot be told apart, so that the truth's rank among
them is uniform on 0..L. Too narrow a posterior puts the truth outside of its draws too often (a
histogram with horns), too wide a one too rarely (a hill).
"""

from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Uniformity:
    """Ranks in equal bins, and Pearson's test of their being uniform."""

    counts: Int[np.ndarray, " bin"]
    expected: float  # in each bin
    band: tuple[float, float]  # where 99 % of bins' counts lie if the ranks are uniform
    p_value: float


def ranks_of_truth(
    draws: Float[Tensor, "draw person weight"], truth: Float[Tensor, "person weight"]
) -> Int[Tensor, "person weight"]:
    """How many of a person's draws lie below the truth, weight by weight: 0 to the number of
    draws.
    """
    return (draws < truth).sum(0)


def uniformity(ranks: Int[Tensor, " person"], draws: int, *, bins: int = 20) -> Uniformity:
    """Count ranks in bins and test them. Raises ValueError where draws + 1 ranks do not fill the
    bins evenly.
    """
    if (draws + 1) % bins:
        raise ValueError(
            f"{draws + 1} ranks do not fall evenly into {bins} bins; draw {bins} m - 1 times"
        )
    counts = np.bincount((ranks.numpy() * bins) // (draws + 1), minlength=bins)
    low, high = scipy.stats.binom.ppf([0.005, 0.995], len(ranks), 1 / bins)
    return Uniformity(
        counts,
        len(ranks) / bins,
        (float(low), float(high)),
        float(scipy.stats.chisquare(counts).pvalue),
    )
