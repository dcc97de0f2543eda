"""One model's answer in plain numbers, and what a personal model's answer changed."""

import pytest
import torch

from vop_core.evaluation.answers import changes, first_answer, outcome
from vop_core.types import Prediction


def prediction(*rows: list[float], spread: float = 0.0) -> Prediction:
    probabilities = torch.tensor(rows)
    entropy = torch.special.entr(probabilities).sum(-1)
    return Prediction(
        probabilities,
        (probabilities - spread).clamp(min=0),
        (probabilities + spread).clamp(max=1),
        entropy,
        entropy * 0.75,
        entropy * 0.25,
        torch.zeros_like(probabilities),
        draws=8 if spread else 0,
    )


LABELS = ("open", "close", "print")


def test_the_answer_is_the_mean_weights_and_the_interval_the_draws():
    answer = first_answer(
        prediction([0.6, 0.3, 0.1]), LABELS, prediction([0.5, 0.3, 0.2], spread=0.2)
    )
    assert (answer.best.label, answer.best.probability) == ("open", pytest.approx(0.6))
    assert (answer.best.lower, answer.best.upper) == (pytest.approx(0.3), pytest.approx(0.7))
    assert answer.draws == 8
    assert answer.total == pytest.approx(answer.aleatoric + answer.epistemic)


def test_without_draws_there_is_no_interval():
    assert first_answer(prediction([0.6, 0.3, 0.1]), LABELS).best.lower is None


def test_changes_are_named_from_the_largest_and_trifles_left_out():
    before = first_answer(prediction([0.6, 0.3, 0.1]), LABELS)
    after = first_answer(prediction([0.2, 0.702, 0.098]), LABELS)
    found = changes(before, after)
    assert [change.label for change in found] == ["close", "open"]
    assert found[0].points == pytest.approx(40.2, abs=1e-3)


@pytest.mark.parametrize(
    "answers, found",
    [("aa", "both right"), ("ba", "won"), ("ab", "lost"), ("bc", "both wrong")],
)
def test_the_outcome_tells_won_from_lost(answers, found):
    assert outcome("a", *answers) == found
