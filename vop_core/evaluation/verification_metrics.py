r"""What scores of claims are worth, with intervals over speakers.

A trial is a claimant, the speaker of the clip, and a score; a *target* is a clip of the claimant.
Errors, EER, minDCF and Cllr are those of :mod:`vop_core.evaluation.detection`, over all trials of a
set. Trials that share a person are not independent, so the bootstrap draws persons, with
replacement, in both of their roles: a person drawn c times counts c times as a claimant and, drawn
s times, s times as a speaker [SPEAKER-BOOTSTRAP]. Two methods are compared on the same draws.

A threshold comes from other persons, and so does the line from scores to log likelihood ratios
(logistic regression, targets and others weighing alike) that Cllr needs.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from vop_core.evaluation.detection import (
    Band,
    Curve,
    det_curve,
    drawn_alarms,
    equal_error_rate,
    log_likelihood_ratio_cost,
    minimum_detection_cost,
    misses_at,
)
from vop_core.evaluation.intervals import LEVEL, Interval
from vop_core.evaluation.score import OWN
from vop_core.evaluation.verification import SAME_GENDER, SIMILARITY, SPEAKER

Scores = Float[np.ndarray, " _score"]
RESAMPLES = 999
P_TARGET = 0.01


@dataclass(frozen=True, eq=False)
class Trials:
    """The scores of all claims of a set, claimants and speakers numbered alike."""

    persons: tuple[str, ...]
    claimant: Int[np.ndarray, " trial"]
    speaker: Int[np.ndarray, " trial"]
    score: Float[np.ndarray, " trial"]
    same_gender: Float[np.ndarray, " trial"]  # 1, 0, or nan where it is not known

    @property
    def target(self) -> Bool[np.ndarray, " trial"]:
        """Which clips are the claimant's."""
        return self.claimant == self.speaker

    def curve(self) -> Curve:
        """Both errors over all trials."""
        return det_curve(self.score[self.target], self.score[~self.target])

    def select(self, keep: Bool[np.ndarray, " trial"]) -> "Trials":
        """Some of the trials."""
        parts = (self.claimant, self.speaker, self.score, self.same_gender)
        return Trials(self.persons, *(part[keep] for part in parts))

    def among(self, persons: Collection[str]) -> "Trials":
        """Claims to be one of these persons, by one of them."""
        inside = np.array([person in persons for person in self.persons])
        return self.select(inside[self.claimant] & inside[self.speaker])

    def among_same_gender(self) -> "Trials":
        """Targets, and others of the claimant's gender."""
        return self.select(self.target | (self.same_gender == 1))


def trials_of(scores: pd.DataFrame, set_name: str, shots: int, row: str, corpus: str) -> Trials:
    """One set's trials from a score table. Raises ValueError where there is none."""
    found = scores[(scores["set"] == set_name) & (scores["shots"] == shots)]
    found = found[found["person"].str.startswith(corpus + "/")]
    asked = found[(found["row"] == row) & (found["metric"] == SIMILARITY)].set_index("person")
    # they stand by the first row, and by those of a model that the method was made of
    first = found[found["row"] == OWN]
    told = {
        name: first[first["metric"] == name].set_index("person") for name in (SPEAKER, SAME_GENDER)
    }
    if asked.empty:
        raise ValueError(f"no trial of {corpus}, {set_name}, {shots} clips, {row}")
    claimant, speaker, score, alike = [], [], [], []
    for person, line in asked.iterrows():
        whose = told[SPEAKER].loc[person]
        score += list(line["parts"])
        speaker += [int(place) for place in whose["parts"]]
        claimant += [int(whose["value"])] * len(line["parts"])
        alike += list(told[SAME_GENDER].loc[person]["parts"])
    heard = np.unique([*claimant, *speaker])
    place = {int(each): number for number, each in enumerate(heard)}
    names = {int(told[SPEAKER].loc[p]["value"]): str(p) for p in asked.index}
    return Trials(
        tuple(names.get(int(each), f"speaker {int(each)}") for each in heard),
        np.array([place[each] for each in claimant]),
        np.array([place[each] for each in speaker]),
        np.array(score),
        np.array(alike, dtype=float),
    )


def corpora_of(scores: pd.DataFrame) -> list[str]:
    """Whose persons claim in a score table, sorted."""
    return sorted(set(scores["person"].str.replace("/[^/]*$", "", regex=True)))


def joined(parts: Sequence[Trials]) -> Trials:
    """The trials of several corpora, whose persons are different ones."""
    starts = np.cumsum([0, *(len(each.persons) for each in parts)])
    return Trials(
        tuple(person for each in parts for person in each.persons),
        *(
            np.concatenate(
                [getattr(each, name) + start for each, start in zip(parts, starts, strict=False)]
            )
            for name in ("claimant", "speaker")
        ),
        *(
            np.concatenate([getattr(each, name) for each in parts])
            for name in ("score", "same_gender")
        ),
    )


# --- resampled persons ----------------------------------------------------------------------------


def weighted_curves(
    trials: Trials, weights: Float[np.ndarray, "resample trial"]
) -> tuple[
    Float[np.ndarray, " threshold"],
    Float[np.ndarray, "resample threshold"],
    Float[np.ndarray, "resample threshold"],
]:
    """Ascending thresholds, misses and false alarms where trials count unlike; nan where one side
    weighs nothing.
    """
    order = np.argsort(trials.score, kind="stable")
    score, target = trials.score[order], trials.target[order]
    values = np.unique(score)
    places = np.concatenate([[0], np.searchsorted(score, values, side="right")])

    def at_most(side: Bool[np.ndarray, " trial"]) -> Float[np.ndarray, "resample threshold"]:
        total = np.cumsum(weights[:, order] * side, axis=1)
        total = np.concatenate([np.zeros((len(total), 1)), total], axis=1)
        with np.errstate(invalid="ignore"):
            return total[:, places] / total[:, -1:]

    return np.concatenate([[-np.inf], values]), at_most(target), 1 - at_most(~target)


def _resampled_errors(trials: Trials, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``weighted_curves`` of every resample, by how often it draws each person."""
    count, rng = len(trials.persons), np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(float)
    weights = drawn[:, trials.claimant] * np.where(trials.target, 1.0, drawn[:, trials.speaker])
    return weighted_curves(trials, weights)


def _resampled(trials: Trials, seed: int) -> Iterator[Curve]:
    """A curve for each resample."""
    thresholds, misses, alarms = _resampled_errors(trials, seed)
    for each in zip(misses, alarms, strict=True):
        yield Curve(thresholds, *each)


def _equal_error_rates(
    misses: Float[np.ndarray, "resample threshold"], alarms: Float[np.ndarray, "resample threshold"]
) -> Float[np.ndarray, " resample"]:
    """``equal_error_rate`` of many curves at once."""
    gap = misses - alarms
    rows, after = np.arange(len(gap)), np.maximum(np.argmax(gap >= 0, axis=1), 1)
    before = after - 1
    share = -gap[rows, before] / (gap[rows, after] - gap[rows, before])
    low, high = misses[rows, before], misses[rows, after]
    return low + share * (high - low)


def _over_speakers(
    trials: Trials, figure: Callable[[Curve], float], seed: int
) -> Float[np.ndarray, " resample"]:
    """A figure of each resample; nan where it draws no target or no other."""
    if figure is equal_error_rate:
        return _equal_error_rates(*_resampled_errors(trials, seed)[1:])
    return np.array(
        [
            figure(curve) if np.isfinite(curve.misses[-1] + curve.false_alarms[-1]) else np.nan
            for curve in _resampled(trials, seed)
        ]
    )


def _percentiles(values: Float[np.ndarray, " resample"], level: float) -> tuple[float, float]:
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def over_speakers(
    trials: Trials, figure: Callable[[Curve], float], *, level: float = LEVEL, seed: int = 0
) -> Interval:
    """A figure of the curve, such as the EER, with its interval over speakers."""
    bounds = _percentiles(_over_speakers(trials, figure, seed), level)
    kind = "bootstrap over speakers"
    return Interval(figure(trials.curve()), bounds, len(trials.persons), kind)


def difference_over_speakers(
    first: Trials,
    second: Trials,
    figure: Callable[[Curve], float],
    *,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """``first`` minus ``second`` on the same trials, persons drawn together.

    Raises ValueError where the trials are not the same.
    """
    same = first.persons == second.persons and all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("claimant", "speaker")
    )
    if not same:
        raise ValueError("only methods that answered the same trials can be compared")
    drawn = _over_speakers(first, figure, seed) - _over_speakers(second, figure, seed)
    gap = figure(first.curve()) - figure(second.curve())
    return Interval(gap, _percentiles(drawn, level), len(first.persons), "bootstrap over speakers")


def det_band_over_speakers(trials: Trials, *, level: float = LEVEL, seed: int = 0) -> Band:
    """The DET curve with its interval over speakers, where few false alarms are made."""
    asked, curve = drawn_alarms(), trials.curve()
    drawn = [misses_at(each.false_alarms, each.misses, asked) for each in _resampled(trials, seed)]
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(np.stack(drawn), [tail, 100 - tail], axis=0)
    return Band(asked, misses_at(curve.false_alarms, curve.misses, asked), low, high)


# --- thresholds and calibrations, from other persons ----------------------------------------------


@dataclass(frozen=True)
class Threshold:
    """A score above which a claim is believed, with its interval over the speakers it is from."""

    value: float
    bounds: tuple[float, float]


@dataclass(frozen=True)
class Verdict:
    """A claim's score under one set of weights, and the threshold that it must pass."""

    score: float
    threshold: Threshold
    draws: tuple[float, ...] = ()  # under as many draws of the weights

    @property
    def accepted(self) -> bool:
        """Whether the claim is believed."""
        return self.score > self.threshold.value

    @property
    def close(self) -> bool:
        """Whether another choice of persons might have put the threshold on its other side."""
        low, high = self.threshold.bounds
        return low <= self.score <= high


def threshold_at(
    trials: Trials, false_alarms: float, *, level: float = LEVEL, seed: int = 0
) -> Threshold:
    """The lowest with at most so many false alarms. Raises ValueError for a share outside (0,
    1).
    """
    if not 0 < false_alarms < 1:
        raise ValueError(f"false alarms are a share between 0 and 1, not {false_alarms}")

    def lowest(curve: Curve) -> float:
        return float(curve.thresholds[np.argmax(curve.false_alarms <= false_alarms)])

    bounds = _percentiles(_over_speakers(trials, lowest, seed), level)
    return Threshold(lowest(trials.curve()), bounds)


def errors_at(trials: Trials, threshold: float) -> tuple[float, float]:
    """Misses and false alarms of a threshold from elsewhere."""
    believed = trials.score > threshold
    return float((~believed[trials.target]).mean()), float(believed[~trials.target].mean())


def calibration(trials: Trials) -> Callable[[Scores], Scores]:
    """From scores to natural log likelihood ratios, as these trials have them."""
    from sklearn.linear_model import LogisticRegression  # takes half a second

    scale = trials.score.std() or 1.0
    fitted = LogisticRegression(class_weight="balanced", C=1e6)
    fitted.fit(trials.score[:, None] / scale, trials.target)
    slope, offset = float(fitted.coef_[0, 0]) / scale, float(fitted.intercept_[0])
    return lambda scores: slope * scores + offset


def calibrated_cost(trials: Trials, kept: Trials) -> float:
    """Cllr in bits, calibrated on the trials of others."""
    ratios = calibration(kept)(trials.score)
    return log_likelihood_ratio_cost(ratios[trials.target], ratios[~trials.target])


def detection_cost(curve: Curve) -> float:
    """minDCF where one claim in a hundred is true."""
    return minimum_detection_cost(curve, prior=P_TARGET)
