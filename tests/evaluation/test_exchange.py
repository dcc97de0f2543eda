"""Two persons exchange their models: each word is answered by own, other and global model."""

import pytest
import torch

from vop_core.evaluation.exchange import EVERYBODYS, FEWEST_WORDS, OTHER, OWN, exchange
from vop_core.evaluation.intervals import paired_proportions_interval

LABELS = ("yes", "no", "up")


class Says:
    """A model that always takes what it hears for one label."""

    def __init__(self, label, sure=0.8):
        row = torch.full((len(LABELS),), (1 - sure) / 2)
        row[LABELS.index(label)] = sure
        self.row, self.batches = row, []

    def predict(self, query):
        self.batches.append(len(query))
        return type("Told", (), {"probabilities": self.row.expand(len(query), -1)})


def swapped(*words, models=("yes", "no")):
    queries = torch.zeros(sum(map(len, words)), 4, 5)
    return exchange([Says(label) for label in models], Says("up", 0.5), queries, words, LABELS)


def test_each_persons_words_meet_their_own_model_the_others_and_the_global_one():
    found = swapped(["yes", "yes", "no"], ["no", "up"])
    first, second = found.answered
    assert [first[model].labels[0] for model in (OWN, OTHER, EVERYBODYS)] == ["yes", "no", "up"]
    assert [second[model].labels[0] for model in (OWN, OTHER, EVERYBODYS)] == ["no", "yes", "up"]
    assert [first[model].right for model in (OWN, OTHER, EVERYBODYS)] == [2, 1, 0]
    assert [found.right(model) for model in (OWN, OTHER, EVERYBODYS)] == [3, 1, 1]
    assert first[OWN].sure == pytest.approx(0.8) and first[EVERYBODYS].sure == pytest.approx(0.5)


def test_exchanging_the_persons_exchanges_the_rows():
    one = swapped(["yes"], ["no", "up"])
    other = swapped(["no", "up"], ["yes"], models=("no", "yes"))
    assert one.answered == other.answered[::-1]


def test_every_model_is_asked_once_about_all_words():
    models = Says("yes"), Says("no"), Says("up")
    exchange(models[:2], models[2], torch.zeros(7, 4, 5), [["yes"] * 4, ["no"] * 3], LABELS)
    assert [model.batches for model in models] == [[7], [7], [7]]


def test_the_gain_is_paired_over_the_known_words_of_both():
    found = swapped(["yes"] * 6, ["no"] * 6)
    assert found.gain == 1.0 and found.bounds == paired_proportions_interval(12, 0, 12)
    none = swapped(["up"] * 6, ["up"] * 6)
    assert none.gain == 0 and none.bounds == paired_proportions_interval(0, 0, 12)
    half = swapped(["yes"] * 6, ["yes"] * 6)
    assert half.gain == 0 and half.bounds == paired_proportions_interval(6, 6, 12)


def test_unknown_words_count_nowhere_and_few_words_have_no_interval():
    found = swapped(["", "yes"], ["", ""])
    assert (found.told, found.right(OWN), found.answered[1][OWN].told) == (1, 1, 0)
    assert found.bounds is None
    assert swapped(["yes"] * (FEWEST_WORDS - 1), [""]).bounds is None
