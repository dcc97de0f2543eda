"""Whether personalization is worth shipping: what counts as shown."""

import numpy as np
import pytest
import torch

from vop_core.models.decision import (
    HARM,
    NOTHING,
    SHIP,
    SOME,
    Regime,
    _padded,
    card_places,
    card_regimes,
    verdict,
)

PEOPLE = [f"p{n:02}" for n in range(20)]


def regime(gain, *, wrong=0.0, harmed=0, p=0.01, shots=3, spread=0.01):
    rng = np.random.default_rng(0)
    everybody = dict(zip(PEOPLE, rng.uniform(0.6, 0.8, len(PEOPLE)), strict=True))

    def more(by):
        return {name: share + by + rng.normal(0, spread) for name, share in everybody.items()}

    return Regime(shots, more(gain), everybody, more(wrong), harmed, p)


@pytest.mark.parametrize(
    ("regimes", "expected"),
    [
        ([regime(0.1), regime(0.2)], SHIP),
        ([regime(0.1), regime(0.0, p=1.0)], SOME),
        ([regime(0.1, harmed=1)], SOME),
        ([regime(0.1, p=0.06)], NOTHING),
        ([regime(0.1, wrong=0.1)], NOTHING),
        ([regime(-0.1)], HARM),
    ],
    ids=["all", "one of two", "one harmed", "one of many tries", "not personal", "a loss"],
)
def test_shipping_needs_a_gain_that_is_personal_and_harms_nobody(regimes, expected):
    assert verdict(regimes) == expected


def test_a_card_s_tests_are_adjusted_for_their_number():
    def rows(shots):
        found = regime(0.1, shots=shots)
        sides = ("global", "own", found.everybody), ("vop", "own", found.own)
        for method, row, shares in (*sides, ("vop", "wrong-person", found.wrong)):
            yield {
                "method": method,
                "row": row,
                "set": "open",
                "shots": shots,
                "harmed": [],
                "per_person": shares,
            }

    one = card_regimes({"results": {"rows": [*rows(1)]}})
    two = card_regimes({"results": {"rows": [*rows(5), *rows(1)]}})
    assert [each.shots for each in two] == [1, 5]
    assert two[0].p == pytest.approx(2 * one[0].p)
    assert card_regimes({}) == ()


def test_places_count_whom_the_card_counts():
    rows = [
        {"person": f"p{n}", "environment": place, "queries": 10, "global": 5, "personal": 5 + more}
        for place, gains in (("clean", (1, 1, -1)), ("own environment", (0, 0, 3)))
        for n, more in enumerate(gains)
    ]
    clean, own = card_places({"bundled": {"rows": rows}})
    assert clean.better_worse_same == (2, 1, 0)
    assert own.better_worse_same == (1, 0, 2)
    assert own.gain.mean == pytest.approx(0.1)


def test_padding_repeats_the_first_clip():
    padded = _padded(torch.arange(3.0)[:, None], 5)
    assert padded[:, 0].tolist() == [0, 1, 2, 0, 0]
