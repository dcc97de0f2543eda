"""Two calls timed in turn, A B A B ..., and the ratio of their medians with an interval.

What slows a machine for a while slows both of them, so that a ratio means more than seconds do. The
interval holds 95 % of what the rounds, drawn again with repetition, would have given.
"""

import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from jaxtyping import Float

from vop_core.evaluation.intervals import LEVEL

RESAMPLES = 1_999

Call = Callable[[], object]


@dataclass(frozen=True)
class Effort:
    """How long a comparison takes."""

    rounds: int = 15  # of both calls
    slice_seconds: float = 0.03  # of one call in a round, where it takes less
    slow_rounds: int = 5  # of whole processes and data sets
    # how much work there is for those that ask how time grows: persons, clips or draws
    largest: int = 1_000


THOROUGH = Effort()


@dataclass(frozen=True)
class Ratio:
    """The median seconds of one call as a multiple of another's."""

    value: float
    low: float
    high: float
    timed_seconds: float
    against_seconds: float
    rounds: int


def ratio_of(timed: Float[np.ndarray, " round"], against: Float[np.ndarray, " round"]) -> Ratio:
    """Of the seconds of two calls, round by round."""
    generator = np.random.default_rng(0)
    drawn = generator.integers(len(timed), size=(RESAMPLES, len(timed)))
    ratios = np.median(timed[drawn], axis=1) / np.median(against[drawn], axis=1)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    middle = float(np.median(timed)), float(np.median(against))
    return Ratio(middle[0] / middle[1], float(low), float(high), *middle, len(timed))


def interleaved(
    timed: Call,
    against: Call,
    effort: Effort,
    *,
    whole: bool = False,
    timer: Callable[[], float] = time.process_time,
) -> Ratio:
    """Time two calls in turn, on one thread, each repeated until a round's slice is full.

    The default timer counts the processor's seconds of this process: what others do on the machine
    does not count. With ``whole`` each call is made once a round and takes as long as it takes, by
    the clock.
    """
    if whole:
        timer = time.perf_counter
    watches = [timeit.Timer(call, timer=timer) for call in (timed, against)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        once = [watch.timeit(1) for watch in watches]  # and whatever a first call has to make
        if not whole:
            once = [watch.timeit(1) for watch in watches]
        counts = [
            1 if whole else max(1, round(effort.slice_seconds / max(each, 1e-6))) for each in once
        ]
        rounds = effort.slow_rounds if whole else effort.rounds
        seconds = np.array(
            [
                [watch.timeit(count) / count for watch, count in zip(watches, counts, strict=True)]
                for _ in range(rounds)
            ]
        )
    finally:
        torch.set_num_threads(threads)
    return ratio_of(seconds[:, 0], seconds[:, 1])


def median_seconds(call: Call, effort: Effort) -> float:
    """The processor's seconds of one call, on one thread."""
    watch = timeit.Timer(call, timer=time.process_time)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        once = watch.timeit(1), watch.timeit(1)
        count = max(1, round(effort.slice_seconds / max(once[-1], 1e-6)))
        return median(watch.timeit(count) / count for _ in range(effort.slow_rounds))
    finally:
        torch.set_num_threads(threads)
