"""A personal test counts what it says, and its intervals and verdicts are exact."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from scipy import stats

from vop_core.errors import EvaluationError
from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.intervals import clips_needed, paired_proportions_interval
from vop_core.evaluation.personal_test import (
    PairedGain,
    PersonalTest,
    left_out,
    mixed_in,
    spread,
    words_of_files,
)

LABELS = ("yes", "no", "up", "unknown")


def answering(*answers: tuple[str, float]) -> torch.Tensor:
    """Probabilities whose best label and its probability are given; the rest is shared."""
    rows = []
    for label, sure in answers:
        row = torch.full((len(LABELS),), (1 - sure) / (len(LABELS) - 1))
        row[LABELS.index(label)] = sure
        rows.append(row)
    return torch.stack(rows)


def made() -> PersonalTest:
    """Three known words and two others; the personal model is right twice, the global one once."""
    own = answering(("yes", 0.9), ("no", 0.6), ("yes", 0.7), ("unknown", 0.8), ("up", 0.5))
    by_global = answering(("yes", 0.8), ("up", 0.7), ("unknown", 0.9), ("no", 0.9), ("up", 0.95))
    words = ("yes", "no", "up", "coffee", "winter")
    without = torch.stack([own, answering(*[("yes", 0.9)] * 5)])
    everybody = {"global": by_global, "own": own, "wrong-person": by_global}
    return PersonalTest(LABELS, frozenset({"unknown"}), words, everybody, without)


def test_a_word_that_no_model_knows_counts_in_no_score():
    scores = made().scores()
    assert {name: (each.right, each.asked) for name, each in scores.items()} == {
        "global": (1, 3),
        "own": (2, 3),
        "wrong-person": (1, 3),
    }


def test_words_won_and_lost_are_those_that_one_model_alone_gets_right():
    gain = made().gain()
    assert (gain.won, gain.lost, gain.asked) == (1, 0, 3)
    swapped = made()
    swapped = PersonalTest(
        swapped.labels,
        swapped.none_of_them,
        swapped.words,
        {"global": swapped.probabilities["own"], "own": swapped.probabilities["global"]},
        swapped.without,
    )
    assert (swapped.gain().won, swapped.gain().lost) == (0, 1)


def test_mistakes_name_what_was_said_and_what_it_was_taken_for():
    assert made().mistakes("global") == {("no", "up"): 1, ("up", "unknown"): 1}
    assert made().mistakes("own") == {("up", "yes"): 1}


def test_an_answer_is_withheld_below_the_threshold_and_where_it_is_that_the_word_is_unknown():
    everything = made().withheld("own", 0.0)
    assert (everything.answered, everything.right, everything.asked) == (3, 2, 3)
    assert (everything.unknown_answered, everything.unknown) == (1, 2)
    sure = made().withheld("own", 0.65)
    assert (sure.answered, sure.right, sure.unknown_answered) == (2, 1, 0)
    by_global = made().withheld("global", 0.0)
    assert by_global.answered == 2, "'unknown' is no answer"


@pytest.mark.parametrize("model", ["global", "own"])
def test_the_curve_and_the_slider_tell_the_same(model):
    for threshold, answered, right in made().curve(model):
        found = made().withheld(model, threshold)
        assert answered == pytest.approx(found.answered / found.asked)
        assert right == pytest.approx(found.right / found.answered)


def test_influence_is_what_the_answers_would_be_without_the_clip():
    unchanged, changed = made().influence()
    assert (unchanged.right, unchanged.changed) == (2, ())
    assert changed.right == 1
    assert ("no", "no", "yes") in changed.changed and (
        "coffee",
        "unknown",
        "yes",
    ) in changed.changed


# --- intervals over one person's clips ------------------------------------------------------------


def tables(asked: int):
    pairs = itertools.product(range(asked + 1), repeat=2)
    return [(won, lost) for won, lost in pairs if won + lost <= asked]


@pytest.mark.parametrize("asked", [1, 10, 20])
def test_the_paired_interval_leaves_zero_out_just_where_the_exact_sign_test_rejects(asked):
    for won, lost in tables(asked):
        low, high = paired_proportions_interval(won, lost, asked)
        p_value = stats.binomtest(won, won + lost).pvalue if won + lost else 1.0
        assert (low > 0 or high < 0) == (p_value <= 0.05), (won, lost)
        assert low <= (won - lost) / asked <= high


@pytest.mark.parametrize("asked", [3, 10, 40])
def test_where_no_clip_differs_the_paired_interval_has_its_closed_form(asked):
    """Of n clips none differs: at most 1 - 0.025^(1/n) of all do, one way or the other."""
    most = 1 - 0.025 ** (1 / asked)
    assert paired_proportions_interval(0, 0, asked) == pytest.approx((-most, most), abs=2e-3)


@pytest.mark.parametrize("won, lost", [(0.05, 0.0), (0.3, 0.1), (0.1, 0.1), (0.0, 0.0)])
def test_the_paired_interval_covers_at_least_as_it_says(won, lost):
    """By enumeration of every table of 12 clips."""
    covered = 0.0
    for table in tables(12):
        low, high = paired_proportions_interval(*table, 12)
        counts = [*table, 12 - sum(table)]
        chance = stats.multinomial.pmf(counts, 12, [won, lost, 1 - won - lost])
        covered += chance * (low <= won - lost <= high)
    assert covered >= 0.95


def test_swapping_the_models_swaps_the_interval():
    low, high = paired_proportions_interval(5, 1, 20)
    assert paired_proportions_interval(1, 5, 20) == pytest.approx((-high, -low), abs=2e-3)


def test_impossible_counts_are_refused():
    for counts in ((3, 3, 5), (-1, 0, 5), (0, 0, 0)):
        with pytest.raises(ValueError):
            paired_proportions_interval(*counts)


@pytest.mark.parametrize("won, lost", [(0.3, 0.1), (0.1, 0.2)])
def test_so_many_clips_show_a_difference_four_times_in_five(won, lost):
    """McNemar's test on drawn tables; the formula is its normal limit, so within 5 points."""
    count = clips_needed(won, lost)
    drawn = np.random.default_rng(0).multinomial(count, [won, lost, 1 - won - lost], 20_000)
    differ = np.maximum(drawn[:, 0] + drawn[:, 1], 1)
    rejected = (drawn[:, 0] - drawn[:, 1]) ** 2 / differ > stats.chi2.ppf(0.95, 1)
    assert rejected.mean() == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("won", [0.1, 0.5])
def test_where_one_model_loses_nothing_the_clips_needed_have_a_closed_form(won):
    chance, power = stats.norm.ppf([0.975, 0.8])
    assert clips_needed(won, 0.0) == math.ceil((chance + power * (1 - won) ** 0.5) ** 2 / won)


def test_models_that_do_not_differ_need_no_number_of_clips():
    assert clips_needed(0.1, 0.1) is None
    level = PairedGain(1, 1, 20)
    assert level.verdict == "not shown" and level.needed == clips_needed(0.15, 0.05)


@pytest.mark.parametrize(
    "won, lost, verdict", [(6, 0, "helps"), (0, 6, "harms"), (5, 0, "not shown")]
)
def test_the_verdict_follows_the_interval(won, lost, verdict):
    assert PairedGain(won, lost, 10).verdict == verdict


# --- what is asked --------------------------------------------------------------------------------


def test_every_word_comes_once_before_any_comes_again():
    words = ["yes"] * 5 + ["no"] * 3 + ["up"]
    places = spread(words, 6, generator=generator_for(1))
    assert len(set(places)) == 6
    asked = [words[place] for place in places]
    assert set(asked[:3]) == {"yes", "no", "up"} and set(asked[3:5]) == {"yes", "no"}
    assert sorted(spread(words, 99, generator=generator_for(1))) == list(range(9))


def test_other_words_come_in_between_one_in_each_stretch():
    known = [f"known {number}" for number in range(12)]
    for seed in range(20):
        found = mixed_in(known, ["a", "b", "c"], generator=generator_for(seed))
        assert [word for word in found if word in known] == known
        assert Counter(found) == Counter([*known, "a", "b", "c"])
        assert [word for word in found if word not in known] == ["a", "b", "c"]
        assert found.index("b") - found.index("a") <= 10


def test_each_clip_is_left_out_once():
    assert left_out(3).tolist() == [[1, 2], [0, 2], [0, 1]]
    assert left_out(1).shape == (1, 0)


def test_files_name_their_word_or_come_in_order():
    words = ["left", "on", "off"]
    assert words_of_files(["left.wav", "03_On-2.flac", "off 1.mp3"], words) == words
    assert words_of_files(["a.wav", "recording 2.wav", "don.wav"], words) is None
    with pytest.raises(EvaluationError, match=r"b\.wav"):
        words_of_files(["left.wav", "b.wav"], words)
    with pytest.raises(EvaluationError, match="on and off"):
        words_of_files(["on and off.wav"], words)
