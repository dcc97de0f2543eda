"""Comparing methods: pairing, the sign-flip test, Holm, controls and the worst quarter."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vop_core.errors import EvaluationError
from vop_core.evaluation.comparison import (
    RANDOM_PATTERNS,
    CurvePersons,
    EpisodeKey,
    Run,
    ScoreIndex,
    WorstQuarter,
    by_person,
    decomposition,
    errors_reduced,
    gain_over_controls,
    harmed,
    holm,
    paired,
    personal_gain,
    sign_flip_p_value,
)
from vop_core.evaluation.score import COLUMNS


def line(
    person="p", *, accuracy=0.5, row="own", set_name="open", shots=5, repetition=0, right=None
):
    """A line of a table of scores; ``right`` says of each query whether it was answered rightly."""
    return (set_name, shots, person, repetition, row, "accuracy", accuracy, right)


def frame(*lines):
    return pd.DataFrame(lines, columns=list(COLUMNS))


def values(**persons):
    """One episode a person."""
    return {EpisodeKey(person, 0, 0, 0): value for person, value in persons.items()}


# Means and pairs


def test_a_person_is_the_mean_over_repetitions_then_folds_then_seeds():
    found = by_person(
        {
            EpisodeKey("a", 0, 0, 0): 0.0,
            EpisodeKey("a", 1, 0, 0): 1.0,  # fold 0 of seed 0: 1/2
            EpisodeKey("a", 0, 0, 1): 1.0,  # seed 0: 3/4
            EpisodeKey("a", 0, 1, 0): 0.25,  # seed 1: 1/4
            EpisodeKey("b", 0, 0, 0): 0.125,
        }
    )
    assert found == {"a": 0.5, "b": 0.125}


def test_a_difference_is_taken_over_common_episodes_only():
    first = {
        EpisodeKey("a", 0, 0, 0): 0.9,
        EpisodeKey("a", 1, 0, 0): 0.1,
        EpisodeKey("b", 0, 0, 0): 0.3,
    }
    second = {
        EpisodeKey("a", 0, 0, 0): 0.5,
        EpisodeKey("a", 0, 1, 0): 0.0,
        EpisodeKey("c", 0, 0, 0): 0.3,
    }
    assert paired(first, second) == pytest.approx({"a": 0.4})


def test_an_episode_scored_twice_is_refused():
    run = Run(0, 0, frame(line()))
    with pytest.raises(EvaluationError, match="scored twice"):
        ScoreIndex.of([run, run])


def test_a_person_unknown_in_two_folds_is_refused_but_a_known_one_is_not():
    with pytest.raises(EvaluationError, match="unknown in two folds"):
        ScoreIndex.of([Run(0, 0, frame(line())), Run(0, 1, frame(line()))])
    known = [Run(0, fold, frame(line(set_name="closed", accuracy=float(fold)))) for fold in (0, 1)]
    assert ScoreIndex.of(known).person_values("own", "closed", 5) == {"p": 0.5}


def test_figures_that_were_not_taken_are_left_out():
    auroc = ("open", 5, "a", 0, "own", "auroc", 0.9, None)
    index = index_of(auroc, line("a"), line("b"))
    assert index.person_values("own", "open", 5, "auroc") == {"a": 0.9}


def test_bins_are_pooled_over_persons_and_kept_apart_by_seed():
    bins = [1.0, 2.0, 0.25, 1.5, 1.0, 1.0]  # clips, confidence and right answers of two bins
    lines = [("open", 5, person, 0, "own", "ece", 0.1, bins) for person in "ab"]
    runs = [Run(seed, 0, frame(*lines)) for seed in (0, 1)]
    pooled = ScoreIndex.of(runs).reliability("own", "open", 5)
    assert sorted(pooled) == [0, 1]
    assert pooled[1].count.tolist() == [2.0, 4.0]
    # |2 - 0.5| + |2 - 3| over 6 clips
    assert pooled[0].expected_calibration_error == pytest.approx(2.5 / 6)


# The sign-flip test


@pytest.mark.parametrize("seed", range(3))
def test_the_exact_p_value_is_scipys(seed):
    differences = np.random.default_rng(seed).normal(0.4, 1.0, 9)
    authority = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=np.inf,
        alternative="two-sided",
    )
    assert sign_flip_p_value(differences) == pytest.approx(authority.pvalue, abs=1e-12)


def test_the_random_p_value_is_near_the_exact_one():
    differences = np.random.default_rng(5).normal(0.35, 1.0, 18)
    patterns = np.array(list(product((1, -1), repeat=18)))
    exact = (np.abs(patterns @ differences) >= abs(differences.sum()) - 1e-9).mean()
    tolerance = 5 * np.sqrt(exact * (1 - exact) / RANDOM_PATTERNS)
    assert 0.01 < exact < 0.5
    assert abs(sign_flip_p_value(differences) - exact) < tolerance


def test_persons_who_all_gain_alike_give_the_smallest_p():
    assert sign_flip_p_value([0.1] * 8) == 2 / 2**8
    assert sign_flip_p_value([0.1] * 40) == pytest.approx(1 / (1 + RANDOM_PATTERNS), rel=0.5)


def test_nothing_at_all_has_p_one():
    assert sign_flip_p_value([0.0] * 7) == 1.0
    assert sign_flip_p_value([0.3]) == 1.0


@pytest.mark.parametrize("count", [7, 25])
def test_order_and_sign_of_persons_do_not_change_p(count):
    differences = np.random.default_rng(2).normal(0.3, 1.0, count)
    p = sign_flip_p_value(differences)
    assert sign_flip_p_value(differences[::-1]) == p
    assert sign_flip_p_value(differences) == p
    assert sign_flip_p_value(-differences) == pytest.approx(p, abs=0.01 if count > 16 else 0)


def test_rounded_fractions_tie_as_the_fractions_do():
    fractions = np.array([1, 1, 2, 2, -1, -3, 4, 1]) / 93
    assert sign_flip_p_value(fractions.round(5), rounding=1e-5) == sign_flip_p_value(fractions)
    assert sign_flip_p_value(fractions.round(5)) != sign_flip_p_value(fractions)


# Holm


def test_holm_by_hand():
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    # 4 x 0.005, 3 x 0.01, 2 x 0.03, and 1 x 0.04 which may not fall below the one before it
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_raw_and_bonferronis(p_values):
    found = holm(p_values)
    assert list(found) == list(p_values)
    for name, p in p_values.items():
        assert p <= found[name] <= min(1.0, len(p_values) * p) or found[name] == max(
            found[other] for other in p_values if p_values[other] <= p
        )
        assert found[name] <= 1.0
    order = sorted(p_values, key=lambda name: p_values[name])
    assert [found[name] for name in order] == sorted(found.values())


# Controls


def index_of(*lines):
    return ScoreIndex.of([Run(0, 0, frame(*lines))])


def test_harm_is_judged_on_the_first_episode_of_each_person():
    good, bad = [1] * 8, [0] * 7 + [1]
    before = index_of(line("a", right=good), line("a", repetition=1, right=good))
    later = index_of(line("a", right=good), line("a", repetition=1, right=bad))
    at_once = index_of(line("a", right=bad), line("a", repetition=1, right=good))
    assert harmed(later, before, "open", 5) == ()
    assert harmed(at_once, before, "open", 5) == ("a",)


def test_harm_of_one_seed_is_weighed_against_the_other():
    good, bad = [1] * 4 + [0] * 4, [0] * 7 + [1]
    before = ScoreIndex.of([Run(seed, 0, frame(line("a", right=good))) for seed in (0, 1)])
    after = ScoreIndex.of(
        [Run(0, 0, frame(line("a", right=bad))), Run(1, 0, frame(line("a", right=[1] * 8)))]
    )
    assert harmed(after, before, "open", 5) == ()


def test_harm_of_different_clips_is_refused_and_of_no_clips_unknown():
    one, other = index_of(line(right=[1] * 8)), index_of(line(right=[1] * 7))
    with pytest.raises(EvaluationError, match="asked about"):
        harmed(one, other, "open", 5)
    assert harmed(index_of(line()), one, "open", 5) is None


def test_the_personal_gain_is_measured_against_the_best_control():
    own = values(a=0.9, b=0.8, c=0.7)
    gain = personal_gain(
        own, {"global": values(a=0.7, b=0.7, c=0.7), "mixed": values(a=0.8, b=0.8, c=0.6)}
    )
    assert gain.best == "mixed"
    assert gain.accuracy.mean == pytest.approx(0.2 / 3)
    assert gain.gaps["mixed"] == pytest.approx({"a": 0.1, "b": 0.0, "c": 0.1})
    assert (
        gain.conservative[0] <= gain.accuracy.bounds[0]
        and gain.conservative[1] >= gain.accuracy.bounds[1]
    )
    assert gain.conservative[1] > 0.3  # global's upper bound


def test_the_controls_of_a_gain_are_global_mixed_and_the_prior_where_there_is_one():
    own = [line(person, accuracy=0.9) for person in "abc"]
    mixed = [line(person, accuracy=0.7, row="mixed") for person in "abc"]
    prior = [line(person, accuracy=0.8, row="prior") for person in "abc"]
    baseline = index_of(*(line(person, accuracy=0.6) for person in "abc"))
    assert gain_over_controls(index_of(*own, *mixed), baseline, "open", 5).best == "mixed"
    assert gain_over_controls(index_of(*own, *mixed, *prior), baseline, "open", 5).best == "prior"
    assert gain_over_controls(index_of(*own), baseline, "open", 5) is None


def test_the_personal_gain_uses_only_episodes_that_every_control_has():
    own, fewer = values(a=0.9, b=0.1), values(a=0.8)
    assert personal_gain(
        own, {"global": values(a=0.5, b=0.5), "mixed": fewer}
    ).accuracy.mean == pytest.approx(0.1)
    assert personal_gain(own, {"global": own, "mixed": {}}) is None


def test_the_parts_of_a_gain_add_up_for_every_person():
    generator = np.random.default_rng(0)
    steps = [
        {
            EpisodeKey(person, 0, seed, 0): generator.random()
            for person in "abc"
            for seed in (0, 1)
            if keep(person, seed)
        }
        for keep in (lambda p, s: True, lambda p, s: p != "c", lambda p, s: (p, s) != ("a", 1))
    ]
    *parts, whole = decomposition(steps)
    assert sorted(whole) == ["a", "b"]
    for person in whole:
        assert sum(part[person] for part in parts) == pytest.approx(whole[person])


# Curves


def test_a_curve_is_of_those_who_are_asked_at_every_point():
    asked = {10: "abcd", 1: "abcdefg", 5: "abcdeh"}
    found = CurvePersons.of(asked)
    assert found.shots == (1, 5, 10) and found.persons == set("abcd")
    assert found.left_out == tuple("efgh") and found.beyond == ()
    kept = found.only(values(a=0.1, e=0.9))
    assert [episode.person for episode in kept] == ["a"]


def test_a_point_that_most_persons_could_not_be_asked_at_is_left_out_in_their_place():
    found = CurvePersons.of({1: "abcdefg", 5: "abcd", 20: "abc"})
    assert found.shots == (1, 5) and found.beyond == (20,)
    assert found.persons == set("abcd") and found.left_out == tuple("efg")
    assert CurvePersons.of({}) == ((), frozenset(), (), ())


# The worst quarter


def test_the_worst_quarter_is_scored_on_the_clips_that_did_not_choose_it():
    even = {"a": 0.1, "b": 0.9, "c": 0.8, "d": 0.7}
    odd = {"a": 0.6, "b": 0.2, "c": 0.8, "d": 0.9}
    worst = WorstQuarter.of(even | {"no odd clip": 0.0}, odd)
    assert worst == (("a",), ("b",))
    found = worst.mean(even, odd)
    assert found.mean == pytest.approx((0.6 + 0.9) / 2) and found.bounds is None
    assert worst.mean({"b": 0.5}, {"a": 0.5}).mean == pytest.approx(0.5)
    assert worst.mean({"b": 0.5}, {}) is None
    assert WorstQuarter.of({}, {}).mean({}, {}) is None


def test_a_person_chosen_by_both_halves_counts_twice():
    even = {"a": 0.1, "b": 0.2, **{f"p{n}": 1.0 for n in range(6)}}
    odd = {"a": 0.3, "b": 0.9, "p0": 0.0, **{f"p{n}": 1.0 for n in range(1, 6)}}
    worst = WorstQuarter.of(even, odd)  # a and b by the even clips, p0 and a by the odd ones
    assert worst.mean(even, odd).mean == pytest.approx(((0.3 + 0.9) / 2 + (1.0 + 0.1) / 2) / 2)
    assert worst.mean(even, odd).persons == 3


def by_chance(seed, persons=40, clips=20, share=0.8):
    dice = np.random.default_rng(seed)
    return [
        {f"p{index:02}": right / clips for index, right in enumerate(found)}
        for found in dice.binomial(clips, share, (2, persons))
    ]


def test_persons_who_are_alike_are_not_served_worse_and_the_interval_says_so():
    """Chosen by luck they have the common accuracy on their other clips; scored on the clips that
    chose them they would be 0.1 below it.
    """
    tables = [by_chance(seed) for seed in range(300)]
    found = [WorstQuarter.of(*halves).mean(*halves) for halves in tables]
    error = np.sqrt(0.8 * 0.2 / 20 / 20 / len(found))  # 20 scorings of 20 clips in each table
    assert np.mean([each.mean for each in found]) == pytest.approx(0.8, abs=4 * error)
    held = np.mean([low <= 0.8 <= high for low, high in (each.bounds for each in found)])
    # a few persons chosen twice and binomial counts: two points beside the binomial's tolerance
    assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / len(found)) + 0.02
    hindsight = [np.mean(sorted(half.values())[:10]) for half, _ in tables]
    assert np.mean(hindsight) < 0.72


def test_a_gain_holds_over_all_only_where_each_control_is_beaten():
    """The closest control by its mean need not be the most uncertain one."""
    persons = [EpisodeKey(f"toy/{index:02d}", 0, 0, 0) for index in range(8)]
    own = dict.fromkeys(persons, 0.9)
    steady = dict.fromkeys(persons, 0.88)
    wild = {person: 0.95 if index % 2 else 0.5 for index, person in enumerate(persons)}
    gain = personal_gain(own, {"global": steady, "mixed": wild})
    assert gain.best == "global" and gain.accuracy.bounds[0] > 0
    assert not gain.over_all
    assert personal_gain(own, {"global": steady, "mixed": steady}).over_all
    assert errors_reduced(own, steady).mean == pytest.approx(1 - 0.10 / 0.12)
    assert errors_reduced(own, dict.fromkeys(persons, 1.0)) is None
