"""How time and memory grow with persons, clips and draws: exponents of a power law."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy

from vop_core.evaluation.intervals import LEVEL
from vop_core.perf.memory import peak_megabytes
from vop_core.perf.subject import seeded, subject
from vop_core.perf.timing import Effort, median_seconds

STEEPEST = 1.1
POINTS = 5  # over two decades


class Exponent(NamedTuple):
    """Of size in a power law."""

    value: float
    low: float
    high: float


def exponent(sizes: Sequence[int], amounts: Sequence[float]) -> Exponent:
    """By least squares of the logarithms, with a 95 % interval."""
    (slope, _), covariance = np.polyfit(np.log(sizes), np.log(amounts), 1, cov=True)
    half = scipy.stats.t.ppf((1 + LEVEL) / 2, len(sizes) - 2) * covariance[0, 0] ** 0.5
    return Exponent(float(slope), float(slope - half), float(slope + half))


def sizes_up_to(largest: int) -> list[int]:
    """Over the two decades below, evenly in logarithms."""
    return [round(size) for size in np.geomspace(max(largest / 100, 1), largest, POINTS)]


def of_persons(count: int) -> Callable[[], object]:
    """So many persons enroll three clips each and ask one, in one call."""
    vop, clips = subject().bundle.vop, subject().clips(count, 4)
    return lambda: vop.predict_persons(clips[:, :3], clips[:, 3:])


def of_clips(count: int) -> Callable[[], object]:
    """One person enrolls so many clips."""
    vop, (clips,) = subject().bundle.vop, subject().clips(1, count)
    return lambda: vop.enroll(clips)


def of_draws(count: int) -> Callable[[], object]:
    """One clip is answered with so many draws."""
    person, query = subject().bundle.vop.enroll(subject().enrollment), subject().enrollment[:1]
    return lambda: person.predict(query, draws=count, generator=seeded())


GROWING: Mapping[str, Callable[[int], Callable[[], object]]] = {
    "persons": of_persons,
    "clips": of_clips,
    "draws": of_draws,
}


def scaling(effort: Effort, progress: Callable[[int, int], None]) -> list[dict[str, Any]]:
    """Seconds and peak megabytes of each, with their exponents."""
    found = []
    sizes = sizes_up_to(effort.largest)
    for what, make in GROWING.items():
        seconds, held = [], []
        for size in sizes:
            call = make(size)
            seconds.append(median_seconds(call, effort))
            held.append(peak_megabytes(call))
            progress(len(found) * len(sizes) + len(seconds), len(GROWING) * len(sizes))
        fits = {"time": exponent(sizes, seconds), "memory": exponent(sizes, held)}
        found.append(
            {
                "what": what,
                "sizes": sizes,
                "seconds": seconds,
                "megabytes": held,
                "exponents": {
                    name: {"value": fit.value, "interval95": [fit.low, fit.high]}
                    for name, fit in fits.items()
                },
                "steepest_asked": STEEPEST,
                "met": all(fit.value <= STEEPEST for fit in fits.values()),
            }
        )
    return found
