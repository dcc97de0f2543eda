"""Draws handed to ArviZ: nothing is lost or mixed up on the way."""

import math

import pytest
import torch

from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.inference_data import as_inference_data

POSTERIOR = DiagonalGaussian(torch.tensor([-2.0, 0.0, 3.0]), torch.tensor([0.5, 1.0, 0.1]).log())
PRIOR = DiagonalGaussian(torch.zeros(3), torch.zeros(3))


def test_each_group_holds_draws_of_its_own_gaussian():
    """Mean and sd of N draws of N(m, s^2) have standard errors s / sqrt(N) and s / sqrt(2 N); five
    of them allowed.
    """
    draws = 4_000
    data = as_inference_data(
        POSTERIOR, PRIOR, draws=draws, generator=torch.Generator().manual_seed(0)
    )
    for group, gaussian in (("posterior", POSTERIOR), ("prior", PRIOR)):
        values = data[group]["z"]
        assert values.dims == ("chain", "draw", "number") and values.shape == (1, draws, 3)
        error = gaussian.std / math.sqrt(draws)
        assert (
            (torch.from_numpy(values.mean(("chain", "draw")).values) - gaussian.mean)
            .abs()
            .lt(5 * error)
            .all()
        )
        spread = torch.from_numpy(values.std(("chain", "draw")).values)
        assert (spread - gaussian.std).abs().lt(5 * error / math.sqrt(2)).all()


def test_numbers_bear_their_names():
    data = as_inference_data(
        POSTERIOR, PRIOR, draws=5, generator=torch.Generator().manual_seed(0), names="abc"
    )
    assert data["posterior"]["z"].sel(number="c").mean() > 2.5
    plain = as_inference_data(POSTERIOR, PRIOR, draws=5, generator=torch.Generator().manual_seed(0))
    assert plain["prior"]["number"].values.tolist() == [1, 2, 3]
    assert (plain["prior"]["z"].values == data["prior"]["z"].values).all()


@pytest.mark.parametrize("changes", [{"draws": 0}, {"names": "ab"}, {"names": "abcd"}])
def test_no_draws_and_names_that_do_not_fit_are_refused(changes):
    with pytest.raises(ValueError, match="draws must be at least 1 and names as many as numbers"):
        as_inference_data(
            POSTERIOR, PRIOR, **{"draws": 5, "generator": torch.Generator(), **changes}
        )
