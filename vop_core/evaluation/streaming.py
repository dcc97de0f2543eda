r"""Streaming detection: a word is reported where its probability stays high in a running stream.

The last second of sound is a query every ``hop`` samples. With p_t the probability of the chosen
word in query t, and s_t its mean over the last ``smoothing`` queries (those before the first count
as 0), the word is detected at t where

    s_t >= threshold,  and nothing was detected in the ``refractory`` queries before t

What a detector costs is counted in time, not in trials: false alarms an hour.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from vop_core.settings import Settings, at_least
from vop_core.types import SAMPLE_RATE


@dataclass(frozen=True, kw_only=True)
class StreamConfig(Settings):
    """How a stream is asked; the browser page reads the same numbers."""

    hop: int = at_least(1, 1_600)  # samples between queries, 0.1 s
    smoothing: int = at_least(1, 3)  # queries that a detection is the mean of
    refractory: int = at_least(0, 10)  # queries after a detection without another

    @property
    def queries_an_hour(self) -> float:
        """Of a stream that goes on."""
        return 3_600 * SAMPLE_RATE / self.hop


def smoothed(
    probabilities: Float[np.ndarray, "query series"], config: StreamConfig
) -> Float[np.ndarray, "query series"]:
    """Of each series, the mean of every query and those before it, ``config.smoothing`` in all."""
    total = np.cumsum(probabilities, axis=0, dtype=np.float64)
    total[config.smoothing :] -= total[: -config.smoothing].copy()
    return total / config.smoothing


def detections(
    smooth: Float[np.ndarray, " query"], threshold: float, config: StreamConfig
) -> Int[np.ndarray, " detection"]:
    """The queries at which a word is detected, ascending."""
    found: list[int] = []
    for query in np.flatnonzero(smooth >= threshold).tolist():
        if not found or query - found[-1] > config.refractory:
            found.append(query)
    return np.array(found, dtype=np.int64)
