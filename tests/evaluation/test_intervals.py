"""Intervals over persons cover what they claim to cover."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vop_core.evaluation import intervals
from vop_core.evaluation.intervals import (
    interval_over_persons,
    paired_interval,
    persons_harmed,
    persons_needed,
    proportion_interval,
    relative_error_reduction,
    seed_standard_deviation,
    sign_flip_interval,
    spread_if_alike,
    worst_decile,
)


def covered(make, persons, trials, truth=0.3, seed=0):
    rng = np.random.default_rng(seed)
    hits = 0
    for values in rng.normal(truth, 0.1, (trials, persons)):
        low, high = make(values).bounds
        hits += low <= truth <= high
    return hits / trials


def four_standard_errors(probability, trials):
    return 4 * math.sqrt(probability * (1 - probability) / trials)


@pytest.mark.parametrize("persons", [2, 5, 8, 11])
def test_the_t_interval_covers_at_the_nominal_rate(persons):
    trials = 2_000
    assert abs(covered(interval_over_persons, persons, trials) - 0.95) < four_standard_errors(
        0.95, trials
    )


@pytest.mark.parametrize("persons", [6, 9])
def test_the_sign_flip_interval_covers_at_its_exact_rate(persons):
    """Typical-value theorem: 1 - 2k/2^n with k = floor(0.025 * 2^n), so at least 95 %."""
    trials = 1_000
    exact = 1 - 2 * int(0.025 * 2**persons) / 2**persons
    assert exact >= 0.95
    assert abs(covered(paired_interval, persons, trials) - exact) < four_standard_errors(
        exact, trials
    )


@pytest.mark.parametrize("persons", [12, 24])
def test_the_widened_bootstrap_covers_at_the_nominal_rate(persons, monkeypatch):
    """BCa of a symmetric mean is second-order accurate: its own error is O(1/n) beside the sampling
    error.
    """
    monkeypatch.setattr(intervals, "_RESAMPLES", 999)
    trials = 300
    tolerance = four_standard_errors(0.95, trials)
    assert abs(covered(interval_over_persons, persons, trials) - 0.95) < tolerance


def test_the_bootstrap_agrees_with_student_where_persons_are_normal():
    """On exact normal quantiles both intervals estimate the same: within a tenth of the half
    width.
    """
    values = stats.norm.ppf((np.arange(40) + 0.5) / 40)
    low, high = interval_over_persons(values).bounds
    half = stats.t.ppf(0.975, 39) * values.std(ddof=1) / math.sqrt(40)
    assert (low, high) == pytest.approx((-half, half), abs=0.1 * half)


def test_the_sign_flip_interval_inverts_the_exact_test():
    """Brute force: just inside the bounds the two-sided permutation test keeps the centre, outside
    not.
    """
    values = np.random.default_rng(3).normal(0.1, 0.2, 8)
    signs = np.array(list(itertools.product((1, -1), repeat=8)))

    def one_sided(centre, tail):
        sums = signs @ (tail * (values - centre))
        return (sums >= sums[0] - 1e-12).mean()

    low, high = sign_flip_interval(values)
    for bound, tail in ((low, 1), (high, -1)):
        assert one_sided(bound + tail * 1e-6, tail) > 0.025
        assert one_sided(bound - tail * 1e-6, tail) <= 0.025


def test_six_persons_who_all_gain_are_enough_and_five_are_not():
    gains = np.array([0.01, 0.02, 0.03, 0.02, 0.05, 0.04])
    assert sign_flip_interval(gains) == (0.01, 0.05)
    with pytest.raises(ValueError, match="cannot support"):
        sign_flip_interval(gains[:5])
    assert "Student" in paired_interval(gains[:5]).kind


@pytest.mark.parametrize("persons", [4, 9, 24])
def test_pairing_narrows_the_interval_where_persons_correlate(persons):
    """Persons differ by 0.2, the method moves each by 0.02 +- 0.01: pairing removes the first
    spread.
    """
    rng = np.random.default_rng(0)
    base = rng.normal(0.8, 0.2, persons)
    personal = base + rng.normal(0.02, 0.01, persons)
    low, high = paired_interval(personal - base).bounds
    single = [interval_over_persons(values).bounds for values in (base, personal)]
    unpaired = math.hypot(*(bounds[1] - bounds[0] for bounds in single))
    assert high - low < unpaired / 5


def test_one_person_has_no_interval():
    assert interval_over_persons([0.5]) == intervals.Interval(0.5, None, 1, "none")
    assert paired_interval([0.5]).bounds is None


@pytest.mark.parametrize("values", [[], [float("nan")], [0.1, float("inf")]])
def test_what_is_no_list_of_values_is_refused(values):
    with pytest.raises(ValueError, match="finite value"):
        interval_over_persons(values)


@pytest.mark.parametrize("persons", [3, 8, 20])
def test_persons_who_agree_give_a_point(persons):
    low, high = interval_over_persons([0.75] * persons).bounds
    assert low == high == 0.75


def test_almost_equal_persons_still_have_an_interval():
    bounds = interval_over_persons([1.0] * 23 + [0.9], limits=(0.0, 1.0)).bounds
    assert 0.9 < bounds[0] < 1 - 0.1 / 24 < bounds[1] <= 1


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=14),
    st.randoms(use_true_random=False),
)
def test_the_order_of_persons_does_not_matter(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    first, second = paired_interval(values), paired_interval(shuffled)
    assert first.bounds == pytest.approx(second.bounds, abs=1e-12)


def test_worst_decile_is_the_mean_of_the_worst_tenth_and_of_at_least_one():
    assert worst_decile([0.9, 0.2, 0.8]) == 0.2
    assert worst_decile(np.arange(20) / 20) == pytest.approx((0 + 1 / 20) / 2)
    assert worst_decile(np.arange(29) / 29) == pytest.approx((0 + 1 / 29) / 2)


def test_a_harmed_person_is_named_and_an_unlucky_one_is_not():
    differences = {
        "set/harmed": np.array([-1.0] * 6 + [0.0] * 6),
        "set/unlucky": np.array([-1.0] + [0.0] * 11),
        "set/lost in all": np.array([-1.0] * 8),
        "set/helped": np.array([1.0] * 8 + [0.0]),
        "set/too few clips": np.array([-1.0] * 5),
        "set/unchanged": np.zeros(12),
    }
    assert persons_harmed(differences) == ("set/harmed", "set/lost in all")


def test_chance_harms_one_person_in_forty():
    """t over 200 clips whose differences are +-1: 2.5 % below 0."""
    rng = np.random.default_rng(1)
    persons = 1_000
    differences = {str(i): rng.choice([-1.0, 1.0], 200) for i in range(persons)}
    share = len(persons_harmed(differences)) / persons
    # the sum is discrete in steps of 2, which moves its tail by at most one step's probability
    step = stats.binom.pmf(86, 200, 0.5)
    assert abs(share - 0.025) < four_standard_errors(0.025, persons) + step


def test_seeds_have_a_spread_only_from_two_on():
    assert seed_standard_deviation([0.9]) is None
    assert seed_standard_deviation([0.9, 0.8]) == pytest.approx(math.sqrt(0.005))


def test_the_interval_of_a_share_is_wilsons():
    """Against its closed form."""
    right, asked, z = 7, 10, stats.norm.ppf(0.975)
    middle = (right + z**2 / 2) / (asked + z**2)
    reach = z / (asked + z**2) * math.sqrt(right * (asked - right) / asked + z**2 / 4)
    assert proportion_interval(right, asked) == pytest.approx((middle - reach, middle + reach))
    assert proportion_interval(10, 10)[1] == pytest.approx(1)


@pytest.mark.parametrize(("right", "asked"), [(1, 0), (3, 2), (-1, 5)])
def test_impossible_shares_are_refused(right, asked):
    with pytest.raises(ValueError, match="not possible"):
        proportion_interval(right, asked)


def test_persons_who_are_alike_lie_in_the_spread_at_least_as_often_as_it_says():
    rng = np.random.default_rng(3)
    low, high = spread_if_alike(800, 1_000, 25)
    shares = rng.binomial(25, 0.8, 20_000) / 25
    inside = ((shares >= low) & (shares <= high)).mean()
    assert 0.95 - 4 * math.sqrt(0.95 * 0.05 / 20_000) < inside < 0.99


def test_the_share_of_errors_that_is_gone_is_a_ratio_of_means():
    before = np.linspace(0.1, 0.6, 20)
    halved = relative_error_reduction(before / 2, before)
    assert halved.mean == pytest.approx(0.5)
    assert halved.bounds == pytest.approx((0.5, 0.5)), "alike for everybody: no spread"
    some = relative_error_reduction(np.where(np.arange(20) % 2, before, 0), before)
    assert some.bounds[0] < some.mean < some.bounds[1] <= 1
    assert relative_error_reduction(2 * before, before).mean == pytest.approx(-1), (
        "twice the errors"
    )
    # persons without an error weigh nothing; a mean of their ratios would not exist
    assert relative_error_reduction([0.0, 0.1], [0.0, 0.4]).mean == pytest.approx(0.75)
    assert relative_error_reduction([0.0, 0.1], [0.0, 0.4]).bounds is None
    assert relative_error_reduction([0.1, 0.2], [0.0, 0.0]) is None


@pytest.mark.parametrize(("effect", "persons"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_the_persons_needed_are_those_of_the_tables(effect, persons):
    """Two-sided paired t-test at 5 %, 80 % power: small, medium and large effects [POWER]."""
    assert persons_needed(effect, 1.0) == persons


def test_many_persons_are_needed_by_the_normal_formula():
    expected = math.ceil(((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * 50) ** 2)
    assert persons_needed(0.001, 0.05) == expected


def test_so_many_persons_find_the_gain_as_often_as_asked():
    count = persons_needed(0.6, 1.0)
    drawn = np.random.default_rng(0).normal(0.6, 1.0, (4_000, count))
    found = (stats.ttest_1samp(drawn, 0, axis=1).statistic > stats.t.ppf(0.975, count - 1)).mean()
    assert 0.8 - four_standard_errors(0.8, 4_000) < found < 0.8 + 0.03


def test_no_gain_is_never_found():
    assert persons_needed(0.0, 1.0) is None
    assert persons_needed(-0.1, 1.0) is None
