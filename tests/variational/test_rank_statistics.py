"""Ranks of the truth: uniform under the true posterior, horned under a narrow one."""

import numpy as np
import pytest
import torch
from scipy import stats

from vop_core.variational.rank_statistics import ranks_of_truth, uniformity

PERSONS, DRAWS = 4_000, 99


def ranks(width: float, shift: float = 0.0) -> torch.Tensor:
    """Truth and draws of N(0, 1), the draws scaled and shifted."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(PERSONS, 1, generator=generator)
    draws = shift + width * torch.randn(DRAWS, PERSONS, 1, generator=generator)
    return ranks_of_truth(draws, truth)[:, 0]


def test_the_rank_is_the_number_of_draws_below():
    draws = torch.tensor([[[1.0]], [[2.0]], [[3.0]]])
    assert [int(ranks_of_truth(draws, torch.tensor([[value]]))) for value in (0.5, 2.5, 9.0)] == [
        0,
        2,
        3,
    ]


def test_ranks_under_the_true_posterior_are_uniform():
    found = uniformity(ranks(1.0), DRAWS)
    assert found.p_value > 1e-3
    assert found.counts.sum() == PERSONS
    outside = ((found.counts < found.band[0]) | (found.counts > found.band[1])).sum()
    assert outside <= 2  # of 20 bars, each outside with probability below 1 %


@pytest.mark.parametrize(("width", "ends_above_middle"), [(0.6, True), (1.6, False)])
def test_too_narrow_makes_horns_and_too_wide_a_hill(width, ends_above_middle):
    found = uniformity(ranks(width), DRAWS)
    assert found.p_value < 1e-9
    assert ((found.counts[0] + found.counts[-1]) / 2 > found.counts[10]) is np.bool_(
        ends_above_middle
    )


def test_the_p_value_is_pearsons():
    found = uniformity(ranks(1.0), DRAWS, bins=10)
    statistic = ((found.counts - PERSONS / 10) ** 2 / (PERSONS / 10)).sum()
    assert found.p_value == pytest.approx(stats.chi2.sf(statistic, 9))


def test_bins_that_ranks_cannot_fill_evenly_are_refused():
    with pytest.raises(ValueError, match="evenly"):
        uniformity(ranks(1.0), DRAWS, bins=7)
