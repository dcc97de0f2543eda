"""A Gaussian's draws in ArviZ's own format, for all that ArviZ can draw, summarise and compare.

Bayesian tools exchange an ``xarray.DataTree`` with groups ``posterior`` and ``prior``; each
variable has the axes ``chain``, ``draw`` and its own. Our draws are independent, so that one chain
is all there is, and every draw counts.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from vop_core.variational.gaussian import DiagonalGaussian

if TYPE_CHECKING:
    from xarray import DataTree

VECTOR = "z"  # the inference vector: what the posterior is over


def as_inference_data(
    posterior: DiagonalGaussian,  # no batch axis
    prior: DiagonalGaussian,  # no batch axis
    *,
    draws: int,
    generator: torch.Generator,
    names: Sequence[str] | None = None,
) -> "DataTree":
    """Draws of both, each a variable ``z`` (chain, draw, number); ``names`` are those of its
    numbers, else 1, 2, ...

    Raises ValueError where there is no draw, or where there are more or fewer names than numbers.
    """
    from arviz_base import from_dict

    numbers = posterior.mean.numel()
    names = list(range(1, numbers + 1)) if names is None else list(names)
    if draws < 1 or len(names) != numbers:
        raise ValueError(
            f"draws must be at least 1 and names as many as numbers, got {draws}, "
            f"{len(names)}/{numbers}"
        )
    groups = {
        group: {VECTOR: gaussian.sample(draws, generator=generator)[None].numpy()}
        for group, gaussian in (("posterior", posterior), ("prior", prior))
    }
    return from_dict(groups, dims={VECTOR: ["number"]}, coords={"number": names})


def as_netcdf(data: "DataTree") -> bytes:
    """A netCDF file in memory, as ``xarray.open_datatree`` reads it for ArviZ."""
    return bytes(data.to_netcdf(None, engine="h5netcdf"))
