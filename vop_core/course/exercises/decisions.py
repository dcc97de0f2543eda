"""Exercises of notebook 11: an error rate that is equal, and what a threshold decides."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import scipy

from vop_core.course.exercises.exercise import Exercise, Picture, answered, line, near

COSTS = ((0.5, 1.0, 1.0), (0.01, 1.0, 1.0), (0.1, 10.0, 1.0), (0.3, 1.0, 5.0))


def _scores(distance: float, count: int) -> tuple[list[float], list[float]]:
    generator = np.random.default_rng(11)
    return (
        (distance + generator.standard_normal(count)).tolist(),
        generator.standard_normal(count).tolist(),
    )


def _tied(distance: float, count: int, others: int) -> tuple[list[float], list[float]]:
    """To one decimal: some scores are the same, and a claim at the threshold is believed."""
    return (
        [round(score, 1) for score in _scores(distance, count)[0]],
        [round(score, 1) for score in _scores(distance, others)[1]],
    )


def _smallest(targets: Sequence[float], others: Sequence[float]) -> float:
    """By scikit-learn's ROC: the least, over all thresholds, of the larger of both errors."""
    from sklearn.metrics import roc_curve

    truth = [1] * len(targets) + [0] * len(others)
    alarms, hits, _ = roc_curve(truth, [*targets, *others], drop_intermediate=False)
    return float(np.maximum(alarms, 1 - hits).min())


def _check_equal(answer: Callable) -> str | None:
    for distance, count, others in ((1.0, 40, 40), (2.0, 60, 25), (0.3, 25, 60), (0.5, 9, 30)):
        given = _tied(distance, count, others)
        wanted, found = _smallest(*given), answer(*given)
        if not near(found, wanted):
            return (
                f"for {count} true claims and {others} others, some of them with the same score, "
                f"scikit-learn's curve has {wanted:.4f}; yours is {float(found):.4f}."
            )
    return None


def _ratio(prior: float, miss_cost: float, alarm_cost: float) -> float:
    """Where believing and refusing are expected to cost the same, searched for."""

    def difference(ratio: float) -> float:
        odds = math.exp(ratio) * prior / (1 - prior)
        true = odds / (1 + odds)
        return true * miss_cost - (1 - true) * alarm_cost

    return scipy.optimize.brentq(difference, -30, 30, xtol=1e-12)


def _check_ratio(answer: Callable) -> str | None:
    for case in COSTS:
        if not near(answered(answer(*case)), _ratio(*case)):
            prior, miss, alarm = case
            return (
                f"with a share of true claims of {prior:g}, a miss for {miss:g} and a false alarm "
                f"for {alarm:g}, both decisions cost the same at {_ratio(*case):+.4f}."
            )
    return None


EXERCISES = {
    "equal-error-rate": Exercise(
        _check_equal,
        Picture(
            "distance of true claims from others, sd",
            "equal error rate",
            line(0.0, 3.0, 13),
            lambda distance: _scores(distance, 50),
            _smallest,
        ),
        (
            "Try every score as the threshold: misses are true claims below it, false alarms "
            "others at or above it.",
            "With finitely many scores they need not meet: take the threshold where the larger of "
            "both is smallest.",
        ),
        "One number for a curve; what a lock needs is a point of it.",
        cases=(_tied(1.0, 40, 40), _tied(0.5, 9, 30)),
    ),
    "threshold-of-costs": Exercise(
        _check_ratio,
        Picture(
            "share of claims that are true",
            "log likelihood ratio from which to believe",
            line(0.02, 0.98, 25),
            lambda prior: (prior, 1.0, 1.0),
            _ratio,
        ),
        (
            "Believe where the expected cost of a miss is above that of a false alarm.",
            "Posterior odds are prior odds times the likelihood ratio; compare them with "
            "alarm_cost / miss_cost, and take the logarithm.",
        ),
        "The model gives the ratio; the share of true claims and the costs are yours.",
        cases=COSTS,
    ),
}
