r"""Does a classifier that says 80 % keep its word? Reliability and expected calibration error
[ECE].

Clips are sorted by their confidence (the probability of the label answered) into 15 bins of equal
width, each open below and closed above. With n_b clips in bin b, of n in all:

    ECE = sum_b n_b / n | accuracy_b - confidence_b |

Only the three sums of each bin are kept, so that episodes can be added up without keeping
predictions. With few clips the ECE of a perfectly calibrated classifier is above 0 (sampling noise
is never negative in an absolute value): compare rows that have the same clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """The sums that make a reliability diagram: how many clips, how confident, how often right, per
    bin.
    """

    count: Float[np.ndarray, " bin"]
    confidence_sum: Float[np.ndarray, " bin"]
    correct_sum: Float[np.ndarray, " bin"]

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(
            self.count + other.count,
            self.confidence_sum + other.confidence_sum,
            self.correct_sum + other.correct_sum,
        )

    def as_parts(self) -> list[float]:
        """The three sums of every bin, one after the other, as tables of scores keep them."""
        return np.concatenate([self.count, self.confidence_sum, self.correct_sum]).tolist()

    @classmethod
    def of_parts(cls, parts: Float[np.ndarray, " sum"] | Sequence[float]) -> "Reliability":
        """The inverse of ``as_parts``."""
        return cls(*np.asarray(parts, dtype=float).reshape(3, -1))

    @property
    def confidence(self) -> Float[np.ndarray, " bin"]:
        """Mean confidence in each bin; NaN where no clip fell."""
        return _ratio(self.confidence_sum, self.count)

    @property
    def accuracy(self) -> Float[np.ndarray, " bin"]:
        """Share of right answers in each bin; NaN where no clip fell."""
        return _ratio(self.correct_sum, self.count)

    @property
    def expected_calibration_error(self) -> float:
        """Mean distance of confidence and accuracy, bins weighted by their clips; a fraction."""
        total = self.count.sum()
        if total == 0:
            raise ValueError("a calibration error needs at least one clip")
        return float(np.abs(self.correct_sum - self.confidence_sum).sum() / total)


def reliability(
    confidence: Float[np.ndarray, " clip"], correct: Float[np.ndarray, " clip"], *, bins: int = BINS
) -> Reliability:
    """Sort clips into bins by confidence. ``correct`` is 1 for a right answer, 0 for a wrong
    one.
    """
    place = bin_of(confidence, bins)
    return Reliability(
        np.bincount(place, minlength=bins).astype(float),
        np.bincount(place, weights=confidence, minlength=bins),
        np.bincount(place, weights=correct, minlength=bins),
    )


def bin_of(confidence: Float[np.ndarray, "*batch"], bins: int = BINS) -> Int[np.ndarray, "*batch"]:
    """Which of ``bins`` equal bins of (0, 1] a confidence falls into, from 0."""
    return np.clip(np.ceil(confidence.astype(float) * bins).astype(int) - 1, 0, bins - 1)


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
