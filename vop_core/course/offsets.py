"""The conjugate person: an offset that is Gaussian over persons and shown by clips with an error;
and two layers one behind the other, whose second sees what the first has left of it.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.course.budget import within_budget
from vop_core.variational.gaussian import DiagonalGaussian

NOTHING, AT_ONCE, CASCADE = "not corrected", "corrected at once", "in a cascade"
HOW = (NOTHING, AT_ONCE, CASCADE)
CHANNELS, ENROLLED, NEW = 4, 5, 40


class Shown(NamedTuple):
    """What clips show of persons, and what is true of them."""

    clips: Float[Tensor, "person clip"]
    offsets: Float[Tensor, " person"]


def draw_shown(
    persons: int, clips: int, *, person_std: float, clip_std: float, generator: torch.Generator
) -> Shown:
    """The random-effects model: b ~ N(0, tau^2) over persons, d | b ~ N(b, sigma^2) over clips."""
    kinds = {"generator": generator, "dtype": torch.float64}
    offsets = person_std * torch.randn(persons, **kinds)
    return Shown(offsets[:, None] + clip_std * torch.randn(persons, clips, **kinds), offsets)


def variance_components(shown: Float[Tensor, "person clip"]) -> tuple[float, float]:
    """tau^2 and sigma^2 by the mean squares between and within persons, tau^2 not below 0
    [SEARLE].
    """
    within = float(shown.var(1).mean())
    between = float(shown.mean(1).var()) - within / shown.shape[1]
    return max(between, 0.0), within


def offset_posterior(
    shown: Float[Tensor, "person clip"], person_variance: float, clip_variance: float
) -> DiagonalGaussian:
    """Of each person's offset, given their clips; batch axis: person."""
    clips = shown.shape[1]
    share = clips / (clips + clip_variance / person_variance)
    mean = share * shown.mean(1, keepdim=True)
    std = torch.tensor(person_variance * (1 - share), dtype=mean.dtype).sqrt()
    return DiagonalGaussian(mean, std.log().expand_as(mean))


@lru_cache(maxsize=4)
def left_over(how: str) -> Float[Tensor, "person channel"]:
    """What two layers leave of each person in new clips: mean output of the second, less what is
    usual over persons.

    A layer takes off the share of the mean offset that it sees in the enrolled clips, and hands on
    tanh of a fixed mixture. At once: the second layer's offset is read where the first has taken
    nothing off.
    """
    generator = torch.Generator().manual_seed(6)
    persons = within_budget(full=2_000, short=500)
    kinds = {"generator": generator, "dtype": torch.float64}
    offset = torch.randn(persons, 1, CHANNELS, **kinds)
    mixture = torch.randn(CHANNELS, CHANNELS, **kinds) / CHANNELS**0.5
    enrolled, new = (
        offset + torch.randn(persons, clips, CHANNELS, **kinds) for clips in (ENROLLED, NEW)
    )

    def taken(seen: Float[Tensor, "person clip channel"]) -> Float[Tensor, "person 1 channel"]:
        usual = seen.mean((0, 1))
        return ENROLLED / (ENROLLED + 1) * (seen.mean(1, keepdim=True) - usual)

    first = torch.zeros_like(offset) if how == NOTHING else taken(enrolled)
    handed_on, heard = (((clips - first) @ mixture).tanh() for clips in (enrolled, new))
    if how == NOTHING:
        second = torch.zeros_like(offset)
    else:
        second = taken(handed_on if how == CASCADE else (enrolled @ mixture).tanh())
    output = (heard - second).mean(1)
    return output - output.mean(0)
