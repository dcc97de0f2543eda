"""Names are compared by meaning: two spellings of one name are never two."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vop_core.data.names import folded, look_alikes, normalized

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(names)
def test_a_name_is_read_alike_however_it_is_stored(name):
    for form in ("NFC", "NFD"):
        stored = unicodedata.normalize(form, name)
        assert normalized(stored) == normalized(f"\t{stored} ") == normalized(normalized(stored))
        assert folded(stored) == folded(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s05", "S05"),
        ("Straße", "STRASSE"),
        ("zoom in", "Zoom  In"),
        ("zoom in", "zoom_in"),
        ("zoom in", "zoom\u00a0in"),
        ("zoom-in", "zoom_in"),
        ("Ｓ０５", "s05"),
        ("an\u200dna", "anna"),
    ],
)
def test_names_that_differ_only_in_how_they_are_written_look_alike(one, other):
    assert list(look_alikes(["x", one, other, one])) == [(one, other)]


@pytest.mark.parametrize(
    ("one", "other"),
    [("s5", "s05"), ("1", "-1"), ("c+", "c"), ("zoomin", "zoom in"), ("e", "é"), ("_", "-")],
)
def test_names_that_say_different_things_do_not(one, other):
    assert list(look_alikes([one, other])) == []
