"""Draws in ArviZ's own format, for all that ArviZ can draw, summarise and compare.

Bayesian tools exchange an ``xarray.DataTree`` with groups ``posterior`` and ``prior``; each
variable has the axes ``chain``, ``draw`` and its own. Our draws are independent, so that one chain
is all there is, and every draw counts.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

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
    numbers = posterior.mean.numel()
    names = list(range(1, numbers + 1)) if names is None else list(names)
    if draws < 1 or len(names) != numbers:
        raise ValueError(
            f"draws must be at least 1 and names as many as numbers, got {draws}, "
            f"{len(names)}/{numbers}"
        )
    groups = {
        group: {VECTOR: gaussian.sample(draws, generator=generator)}
        for group, gaussian in (("posterior", posterior), ("prior", prior))
    }
    return draws_as_inference_data(groups, {VECTOR: "number"}, {"number": names})


def draws_as_inference_data(
    groups: Mapping[str, Mapping[str, Float[Tensor, "draw number"]]],  # group -> variable -> draws
    axes: Mapping[str, str],  # variable -> what its numbers' axis is called
    names: Mapping[str, Sequence[str | int]],  # axis -> what its numbers are called
) -> "DataTree":
    """Draws that were made already, as one chain."""
    from arviz_base import from_dict

    chains = {
        group: {name: drawn[None].numpy() for name, drawn in variables.items()}
        for group, variables in groups.items()
    }
    dims = {variable: [axis] for variable, axis in axes.items()}
    return from_dict(chains, dims=dims, coords={axis: list(each) for axis, each in names.items()})


def as_netcdf(data: "DataTree") -> bytes:
    """A netCDF file in memory, as ``xarray.open_datatree`` reads it for ArviZ."""
    return bytes(data.to_netcdf(None, engine="h5netcdf"))
