"""One model's answer to one query clip in plain numbers, and what a personal model's answer
changed.

For pages and figures that show a single clip; scores over many clips are made in ``score``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vop_core.types import Prediction

SMALLEST_CHANGE = 0.5  # percentage points: less is not worth a sentence
WON, LOST, BOTH_RIGHT, BOTH_WRONG = "won", "lost", "both right", "both wrong"  # outcomes


@dataclass(frozen=True)
class LabelProbability:
    """One label's probability, with its 95 % credible interval where weights were drawn."""

    label: str
    probability: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Answer:
    """One model's answer to one query clip: every label's probability, and how uncertain it is.

    Entropies are in nats; total = aleatoric + epistemic.
    """

    labels: tuple[LabelProbability, ...]
    total: float
    aleatoric: float
    epistemic: float
    draws: int = 0

    @property
    def best(self) -> LabelProbability:
        """The most probable label."""
        return self.ranked(1)[0]

    def ranked(self, most: int) -> list[LabelProbability]:
        """The ``most`` probable labels, most probable first."""
        return sorted(self.labels, key=lambda label: -label.probability)[:most]


def first_answer(
    prediction: Prediction, labels: Sequence[str], drawn: Prediction | None = None
) -> Answer:
    """The answer to a prediction's first query, in the order of ``labels``.

    ``prediction`` has the probabilities under one setting of the weights (the posterior mean);
    ``drawn``, the same query under draws of the weights, adds credible intervals and the split of
    the uncertainty.
    """
    return _answer(prediction, labels, drawn, 0)


def each_answer(prediction: Prediction, labels: Sequence[str]) -> list[Answer]:
    """The answer to each of a prediction's queries."""
    return [_answer(prediction, labels, None, row) for row in range(len(prediction.probabilities))]


def _answer(
    prediction: Prediction, labels: Sequence[str], drawn: Prediction | None, row: int
) -> Answer:
    columns = [prediction.probabilities[row].tolist()]
    if drawn is not None:
        columns += [drawn.lower[row].tolist(), drawn.upper[row].tolist()]
    spread = prediction if drawn is None else drawn
    entropies = (spread.total, spread.aleatoric, spread.epistemic)
    return Answer(
        tuple(map(LabelProbability, labels, *columns)),
        *(float(entropy[row]) for entropy in entropies),
        spread.draws,
    )


@dataclass(frozen=True)
class Change:
    """How one label's probability moved from the global to the personal model, in probability."""

    label: str
    before: float
    after: float

    @property
    def points(self) -> float:
        """Percentage points gained."""
        return 100 * (self.after - self.before)


def changes(before: Answer, after: Answer, most: int = 3) -> list[Change]:
    """The labels whose probability moved most, by at least half a percentage point."""
    pairs = zip(before.labels, after.labels, strict=True)
    moved = [Change(old.label, old.probability, new.probability) for old, new in pairs]
    moved.sort(key=lambda change: -abs(change.points))
    return [change for change in moved[:most] if abs(change.points) >= SMALLEST_CHANGE]


def outcome(true_label: str, global_label: str, personal_label: str) -> str:
    """``both right``, ``won`` (only the personal model right), ``lost`` (only the global) or ``both
    wrong``.
    """
    if global_label == true_label:
        return BOTH_RIGHT if personal_label == true_label else LOST
    return WON if personal_label == true_label else BOTH_WRONG
