"""The conjugate person: estimates that are right on average, intervals that hold what they claim,
and layers that take a person off once.
"""

import math

import pytest
import torch
from scipy import stats

from vop_core.course import offsets
from vop_core.course.budget import BUDGET


def shown(persons, clips, seed=0, person_std=1.5, clip_std=2.0):
    return offsets.draw_shown(
        persons,
        clips,
        person_std=person_std,
        clip_std=clip_std,
        generator=torch.Generator().manual_seed(seed),
    )


def test_components_are_those_of_the_analysis_of_variance():
    table = shown(12, 5).clips
    between, within = offsets.variance_components(table)
    ratio = stats.f_oneway(*table.numpy()).statistic
    assert 1 + 5 * between / within == pytest.approx(ratio)


def test_components_are_right_on_average_and_never_below_0():
    found = torch.tensor(
        [offsets.variance_components(shown(8, 4, seed).clips) for seed in range(2_000)]
    )
    assert found.min() >= 0
    # cut at 0, what is left over persons may be a little high, by less than its spread
    for each, truth in zip(found.T, (1.5**2, 2.0**2), strict=True):
        assert abs(each.mean() - truth) < 4 * each.std() / math.sqrt(len(each)) + 0.05
    alike = [
        offsets.variance_components(shown(8, 4, seed, person_std=0.0).clips)[0]
        for seed in range(20)
    ]
    assert 0.0 in alike


def test_with_true_components_an_interval_holds_what_it_claims():
    seen = shown(20_000, 3)
    found = offsets.offset_posterior(seen.clips, 1.5**2, 2.0**2)
    inside = ((found.mean[:, 0] - seen.offsets).abs() < 1.96 * found.std[:, 0]).double().mean()
    assert abs(inside - 0.95) < 4 * (0.95 * 0.05 / 20_000) ** 0.5
    endless = offsets.offset_posterior(seen.clips.repeat(1, 10_000), 1.5**2, 2.0**2)
    torch.testing.assert_close(endless.mean[:, 0], seen.clips.mean(1), rtol=1e-3, atol=1e-3)


def test_only_in_a_cascade_is_a_person_taken_off_once(monkeypatch):
    monkeypatch.setenv(BUDGET, "short")
    left = {how: float(offsets.left_over(how).var(0).mean()) for how in offsets.HOW}
    assert left[offsets.CASCADE] < left[offsets.NOTHING] < left[offsets.AT_ONCE]
