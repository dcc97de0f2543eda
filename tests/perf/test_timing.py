"""Ratios of time: what they must be where the answer is known."""

import numpy as np
import pytest
import torch

from vop_core.perf.comparison import Comparison, Finding, judged, sentence
from vop_core.perf.scaling import exponent, sizes_up_to
from vop_core.perf.timing import Effort, interleaved, ratio_of

QUICK = Effort(rounds=15, slice_seconds=0.004, slow_rounds=2, largest=16)


def work():
    return sum(range(20_000))


@pytest.mark.alone
def test_a_call_takes_as_long_as_itself():
    found = interleaved(work, work, QUICK)
    assert found.low <= found.value <= found.high
    # 1 lies within the interval, or as near as a busy machine's clock can tell
    assert found.low - 0.1 < 1 < found.high + 0.1


@pytest.mark.alone
def test_twice_the_work_takes_twice_as_long():
    found = interleaved(lambda: (work(), work()), work, QUICK)
    assert 1.6 < found.value < 2.5


def test_calls_take_turns_and_the_threads_come_back():
    order, threads = [], torch.get_num_threads()
    effort = Effort(rounds=3, slice_seconds=0.0)
    interleaved(lambda: order.append("a"), lambda: order.append("b"), effort)
    assert order[-6:] == ["a", "b"] * 3
    assert torch.get_num_threads() == threads


def test_the_interval_closes_in_on_a_ratio_without_noise():
    found = ratio_of(np.full(7, 3.0), np.full(7, 2.0))
    assert (found.value, found.low, found.high) == (1.5, 1.5, 1.5)


def test_what_slows_both_calls_alike_moves_the_interval_less_than_the_seconds():
    slowed = np.linspace(1, 3, 31)
    found = ratio_of(1.2 * slowed, slowed)
    assert found.low == pytest.approx(1.2) and found.high == pytest.approx(1.2)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_an_exact_power_law_gives_back_its_exponent(power):
    sizes = sizes_up_to(1_000)
    assert sizes[0] == 10 and sizes[-1] == 1_000
    found = exponent(sizes, [3.0 * size**power for size in sizes])
    assert found.value == pytest.approx(power, abs=1e-9)
    assert found.low == pytest.approx(power, abs=1e-6)


def test_noise_about_a_line_leaves_its_exponent_in_the_interval():
    """Nineteen in twenty, less four standard errors of 200 trials."""
    generator, sizes = np.random.default_rng(0), sizes_up_to(1_000)
    held = 0
    for _ in range(200):
        noise = generator.normal(0, 0.2, len(sizes))
        fit = exponent(sizes, (np.array(sizes) * np.exp(noise)).tolist())
        held += fit.low <= 1 <= fit.high
    assert held / 200 > 0.95 - 4 * (0.95 * 0.05 / 200) ** 0.5


def line(value, low, high, *, exact=True, least=False):
    finding = Finding(value, low, high, exact={"keys agree": exact})
    comparison = Comparison("toy", "this", "that", lambda effort: finding, 2.0, least=least)
    return judged(comparison, comparison.measure(Effort()))


@pytest.mark.parametrize(
    ("row", "met", "certain", "said"),
    [
        (line(1.5, 1.4, 1.6), True, True, "Met: 1.5 [1.4, 1.6] times; at most 2 was asked."),
        (line(1.9, 1.4, 2.6), True, False, "Met, but not for certain"),
        (line(2.1, 1.4, 2.6), False, False, "Not met, but not for certain"),
        (line(2.4, 2.1, 2.6), False, True, "Not met"),
        (line(2.4, 2.1, 2.6, least=True), True, True, "Met"),
        (line(1.5, 1.4, 1.6, exact=False), False, True, "It does not hold that keys agree."),
    ],
)
def test_a_verdict_follows_from_the_figure_its_interval_and_what_is_exact(row, met, certain, said):
    assert (row["met"], row["certain"]) == (met, certain)
    assert said in sentence(row)
