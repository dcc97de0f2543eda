"""Addresses of the app's pages: what a notebook links to is what the app opens."""

import pytest

from vop_core.course.links import LinkedState
from vop_core.errors import VopError


def test_an_address_says_what_it_was_made_of():
    for state in (
        LinkedState(),
        LinkedState(task="keywords-ar"),
        LinkedState(
            task="keywords-en",
            person="speech_commands_test/135c6841",
            environment="own environment",
            clips=2,
            query=4,
            seed=9,
            layer="film 5",
            weight=3,
        ),
    ):
        assert LinkedState.from_query(state.as_query()) == state


@pytest.mark.parametrize(
    "query",
    [
        {"clips": "0"},
        {"clips": "many"},
        {"seed": "-1"},
        {"query": "1.5"},
        {"seed": "9" * 12},
        {"weight": "-1"},
    ],
)
def test_an_address_with_a_number_that_is_none_is_refused(query):
    with pytest.raises(VopError, match="whole number"):
        LinkedState.from_query(query)


def test_what_is_not_ours_in_an_address_is_left_alone():
    assert LinkedState.from_query({"utm_source": "x"}) == LinkedState()
