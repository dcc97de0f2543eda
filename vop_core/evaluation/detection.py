r"""Detection: answer only where a score is high enough, and the two errors that follow.

A *target* should be answered (a command), a *non-target* should not (another word, noise). Above a
threshold t

    misses(t) = share of targets with score <= t,    false alarms(t) = share of non-targets > t

and the DET curve draws one against the other on probit axes, x -> Phi^-1(x), on which two normal
distributions of scores give a straight line [DET].

    EER     where both errors are equal
    minDCF  min over t of  P C_miss misses(t) + (1 - P) C_fa false_alarms(t),  over the smaller of
            its two first factors, so that 1 is what answering all or none costs [DCF]
    Cllr    1/2 ( mean over targets of log2(1 + e^-s) + mean over non-targets of log2(1 + e^s) ),
            in bits, of scores s that are log-likelihood ratios: 1 says nothing [CLLR]

Many persons, each with a model of their own, are a :class:`Detector`: persons count alike, and so
do the sources of non-targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

from vop_core.evaluation.intervals import LEVEL, Interval, interval_over_persons, paired_interval

Scores = Float[np.ndarray, " _score"]
MOST_THRESHOLDS = 400
RESAMPLES = 999
FOLDS = 4
DRAWN_FROM, DRAWN_TO, DRAWN_POINTS = 0.005, 0.5, 60  # false alarms at which bands are drawn


@dataclass(frozen=True)
class Curve:
    """Both errors at ascending thresholds; the first answers everything, the last nothing."""

    thresholds: Float[np.ndarray, " threshold"]
    misses: Float[np.ndarray, " threshold"]
    false_alarms: Float[np.ndarray, " threshold"]


def det_curve(targets: Scores, non_targets: Scores) -> Curve:
    """Both errors at every score that occurs. Raises ValueError without targets or non-targets."""
    if not len(targets) or not len(non_targets):
        raise ValueError("a curve needs at least one target and one non-target")
    thresholds = np.concatenate([[-np.inf], np.unique(np.concatenate([targets, non_targets]))])
    return Curve(thresholds, _at_most(targets, thresholds), 1 - _at_most(non_targets, thresholds))


def equal_error_rate(curve: Curve) -> float:
    """Where the curve, its points joined by straight lines, has as many misses as false alarms."""
    gap = curve.misses - curve.false_alarms  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    before = after - 1
    share = -gap[before] / (gap[after] - gap[before])
    return float(curve.misses[before] + share * (curve.misses[after] - curve.misses[before]))


def minimum_detection_cost(
    curve: Curve, *, prior: float, miss_cost: float = 1.0, false_alarm_cost: float = 1.0
) -> float:
    """minDCF: ``prior`` is the share of targets in use. Raises ValueError for a prior outside (0,
    1).
    """
    if not 0 < prior < 1:
        raise ValueError(f"the prior is a share of targets between 0 and 1, not {prior}")
    miss, alarm = prior * miss_cost, (1 - prior) * false_alarm_cost
    return float((miss * curve.misses + alarm * curve.false_alarms).min() / min(miss, alarm))


def log_likelihood_ratio_cost(targets: Scores, non_targets: Scores) -> float:
    """Cllr in bits; scores are natural logarithms of likelihood ratios."""
    cost = np.logaddexp(0, -targets).mean() + np.logaddexp(0, non_targets).mean()
    return float(cost / (2 * np.log(2)))


def probit(shares: Float[np.ndarray, " share"]) -> Float[np.ndarray, " share"]:
    """Phi^-1, where a DET curve draws a share."""
    return scipy.stats.norm.ppf(shares)


def _at_most(scores: Scores, thresholds: Scores) -> Float[np.ndarray, " threshold"]:
    return np.searchsorted(np.sort(scores), thresholds, side="right") / len(scores)


# --- many persons ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Detector:
    """What models answered to each person's targets, and to the same non-targets for each."""

    targets: Sequence[Scores]  # by person
    right: Sequence[Bool[np.ndarray, " _score"]]  # whether the answer would be the right one
    # by person and source: other speakers, kinds of noise
    non_targets: Float[np.ndarray, "person source clip"]

    def thresholds(self) -> Float[np.ndarray, " threshold"]:
        """Of all scores, or evenly among them where they are very many; the first answers all."""
        scores = np.unique(np.concatenate([*self.targets, self.non_targets.ravel()]))
        if len(scores) > MOST_THRESHOLDS:
            places = np.linspace(0, len(scores) - 1, MOST_THRESHOLDS).round().astype(int)
            scores = scores[places]
        return np.concatenate([[-np.inf], scores])

    def errors(
        self, thresholds: Float[np.ndarray, " threshold"]
    ) -> tuple[Float[np.ndarray, "person threshold"], Float[np.ndarray, "person source threshold"]]:
        """Misses by person, and false alarms by person and source."""
        misses = np.stack([_at_most(scores, thresholds) for scores in self.targets])
        alarms = (self.non_targets[..., None] > thresholds).mean(2)
        return misses, alarms

    def curve(self) -> Curve:
        """Mean errors over persons and sources."""
        thresholds = self.thresholds()
        misses, alarms = self.errors(thresholds)
        return Curve(thresholds, misses.mean(0), alarms.mean((0, 1)))


@dataclass(frozen=True)
class Band:
    """Misses at given false alarms, with a 95 % interval each."""

    false_alarms: Float[np.ndarray, " point"]
    misses: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"]
    high: Float[np.ndarray, " point"]


def det_band(detector: Detector, *, level: float = LEVEL, seed: int = 0) -> Band:
    """The DET curve with a percentile bootstrap over persons and, apart from them, over sources."""
    thresholds = detector.thresholds()
    misses, alarms = detector.errors(thresholds)
    persons, sources, _ = alarms.shape
    asked = drawn_alarms()
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(persons, np.full(persons, 1 / persons), RESAMPLES) / persons
    heard = rng.multinomial(sources, np.full(sources, 1 / sources), RESAMPLES) / sources
    missed = drawn @ misses
    alarmed = (drawn @ alarms.reshape(persons, -1)).reshape(RESAMPLES, sources, -1)
    alarmed = np.einsum("rs,rst->rt", heard, alarmed)
    curves = np.stack([misses_at(*pair, asked) for pair in zip(alarmed, missed, strict=True)])
    tail = 50 * (1 - level)
    low, high = np.percentile(curves, [tail, 100 - tail], axis=0)
    return Band(asked, misses_at(alarms.mean((0, 1)), misses.mean(0), asked), low, high)


def drawn_alarms() -> Float[np.ndarray, " point"]:
    """The shares of false alarms at which bands are drawn, evenly on a probit axis."""
    ends = probit(np.array([DRAWN_FROM, DRAWN_TO]))
    return scipy.stats.norm.cdf(np.linspace(*ends, DRAWN_POINTS))


def misses_at(alarms: Scores, misses: Scores, asked: Scores) -> Scores:
    """Fewest misses with at most so many false alarms: both as ascending thresholds give them."""
    first = np.searchsorted(-alarms, -asked, side="left")
    return misses[np.minimum(first, len(misses) - 1)]


@dataclass(frozen=True)
class OperatingPoint:
    """What follows from a threshold that was chosen on others: shares by person, and false alarms
    by source.
    """

    misses: Float[np.ndarray, " person"]
    wrong: Float[np.ndarray, " person"]  # answered, with another word than was said
    false_alarms: Float[np.ndarray, " source"]
    thresholds: Float[np.ndarray, " fold"]

    @property
    def helped(self) -> Float[np.ndarray, " person"]:
        """Share of a person's targets answered rightly."""
        return 1 - self.misses - self.wrong

    def levels(self) -> dict[str, Interval]:
        """The means with their intervals: over persons, and for false alarms over sources."""
        return {
            name: interval_over_persons(getattr(self, name), limits=(0.0, 1.0))
            for name in ("helped", "misses", "wrong", "false_alarms")
        }


def cross_fitted(detector: Detector, *, false_alarms: float, folds: int = FOLDS) -> OperatingPoint:
    """Choose the lowest threshold with at most so many false alarms on three quarters of persons
    and sources, and apply it to the others, in turn: nobody has a say in their own threshold.

    Raises ValueError for a target outside (0, 1), and for fewer than two persons or sources.
    """
    if not 0 < false_alarms < 1:
        raise ValueError(f"false alarms are a share between 0 and 1, not {false_alarms}")
    persons, sources, _ = detector.non_targets.shape
    folds = min(folds, persons, sources)
    if folds < 2:
        raise ValueError("a threshold chosen on others needs two persons and two sources")
    person_fold, source_fold = np.arange(persons) % folds, np.arange(sources) % folds
    grid = np.unique(detector.non_targets)
    alarms = (detector.non_targets[..., None] > grid).mean(2)
    misses, wrong, heard = np.zeros(persons), np.zeros(persons), np.zeros(sources)
    chosen = np.zeros(folds)
    for fold in range(folds):
        others = alarms[person_fold != fold][:, source_fold != fold].mean((0, 1))
        # there is one: nothing is above the highest score
        chosen[fold] = grid[np.argmax(others <= false_alarms)]
        mine = np.flatnonzero(person_fold == fold).tolist()
        for person in mine:
            misses[person], wrong[person] = _at(detector, person, float(chosen[fold]))
        held = np.flatnonzero(source_fold == fold)
        above = detector.non_targets[np.ix_(mine, held)] > chosen[fold]
        heard[held] = above.mean((0, 2))
    return OperatingPoint(misses, wrong, heard, chosen)


def _at(detector: Detector, person: int, threshold: float) -> tuple[float, float]:
    answered = detector.targets[person] > threshold
    return float((~answered).mean()), float((answered & ~detector.right[person]).mean())


def improvement(personal: OperatingPoint, everybody: OperatingPoint) -> Interval:
    """How many more of a person's targets are answered rightly, paired over persons."""
    return paired_interval(personal.helped - everybody.helped)


def command_scores(
    probabilities: Float[np.ndarray, "*clips label"], commands: Int[np.ndarray, " command"]
) -> tuple[Float[np.ndarray, "*clips"], Int[np.ndarray, "*clips"]]:
    """How sure a classifier is that a clip is one of the commands, and which: the largest
    probability of any.
    """
    found = probabilities[..., commands]
    return found.max(-1), commands[found.argmax(-1)]
