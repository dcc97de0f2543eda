r"""How many draws of the weights an answer needs.

The average p_S of S independent draws has the standard error sd(p) / sqrt(S). Whether that holds
is seen on the draws themselves: D of them are cut into D / S blocks, whose averages scatter by it.
"""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

STABLE = 0.01  # standard error of the answer's probability, from which on it is called stable


@dataclass(frozen=True)
class DrawError:
    """What so many draws leave open, over all queries."""

    draws: int
    expected: float  # root mean square of sd / sqrt(S), of the answer's probability
    seen: float | None  # the same between blocks of draws; None where there are too few
    changed: float | None  # share of blocks that give another answer than all draws together


def draw_errors(draw_probabilities: Float[Tensor, "draw query label"]) -> tuple[DrawError, ...]:
    """The error of 1, 2, 4, ... draws up to four times as many as there are.

    The answer is that of all draws together. Raises ValueError for fewer than two draws.
    """
    draws = len(draw_probabilities)
    if draws < 2:
        raise ValueError(f"an error is seen on two draws at least, got {draws}")
    answer, variance = _answer(draw_probabilities)
    found = []
    for count in (2**power for power in range(int(math.log2(4 * draws)) + 1)):
        expected = float((variance.mean() / count).sqrt())
        blocks = draws // count
        if blocks < 2:
            found.append(DrawError(count, expected, None, None))
            continue
        means = draw_probabilities[: blocks * count].unflatten(0, (blocks, count)).mean(1)
        of_answer = means.gather(-1, answer.expand(blocks, -1)[..., None]).squeeze(-1)
        changed = (means.argmax(-1) != answer).float().mean()
        found.append(
            DrawError(count, expected, float(of_answer.var(0).mean().sqrt()), float(changed))
        )
    return tuple(found)


def draws_needed(
    draw_probabilities: Float[Tensor, "draw query label"], error: float = STABLE
) -> int:
    """How many draws bring the standard error of the answer's probability down to ``error``, in
    the root mean square over queries.
    """
    _, variance = _answer(draw_probabilities)
    return max(1, math.ceil(float(variance.mean()) / error**2))


def _answer(
    draw_probabilities: Float[Tensor, "draw query label"],
) -> tuple[Tensor, Float[Tensor, " query"]]:
    """Each query's answer by all draws, and the variance of its probability over draws."""
    answer = draw_probabilities.mean(0).argmax(-1)
    of_answer = draw_probabilities.gather(-1, answer.expand(len(draw_probabilities), -1)[..., None])
    return answer, of_answer.squeeze(-1).var(0)
