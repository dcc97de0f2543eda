"""A task's words are known in any spelling; what no model knows is never passed off as
``unknown``.
"""

import pytest
import torch

from tests.toys import make_table
from vop_core.data.sources.catalogue import DSPSPEECH_WORDS
from vop_core.errors import DataError
from vop_core.tasks.keyword_spotting import KEYWORDS_EN
from vop_core.tasks.registry import TASKS

ENGLISH, OTHER = TASKS["keywords-en"], TASKS["keywords-ar"]
WORDS = ("yes", "zoom in", "zoom out")


def test_words_are_the_tasks_in_any_spelling():
    found = ("Open", "SIGNAL", "open", "unknown", "Silence")
    assert ENGLISH.words(found, KEYWORDS_EN) == dict(
        zip(found, ("open", "signal", "open", "unknown", "silence"), strict=True)
    )
    assert list(OTHER.words(["Zoom_In", "zoom-out"], WORDS).values()) == ["zoom in", "zoom out"]


def test_every_word_of_the_training_data_is_known_to_the_task():
    words = ENGLISH.words((label for label, *_ in DSPSPEECH_WORDS), KEYWORDS_EN)
    for label, _, language in DSPSPEECH_WORDS:
        assert words[label] == ("unknown" if language == "zh" else label)
    assert ENGLISH.words(["house", "April"], KEYWORDS_EN) == {
        "house": "unknown",
        "April": "unknown",
    }


def test_a_word_that_no_model_knows_is_refused_with_the_known_ones():
    known = "its words are speech, speaker"
    with pytest.raises(DataError, match=rf"'opne' is not a word of this task; {known}.*'unknown'"):
        ENGLISH.words(["open", "opne"], KEYWORDS_EN)
    with pytest.raises(
        DataError, match=r"'house', like 1 other label\(s\), is not .*zoom out: .* or remove them"
    ):
        OTHER.words(["house", "shuzi"], WORDS)
    with pytest.raises(DataError, match="'unknown' is not a word"):
        OTHER.words(["unknown"], WORDS)


def test_what_is_read_as_another_word_is_said():
    counts = {"Open": 24, "open": 1, "shuzi": 3, "house": 2, "zero": 5}
    assert ENGLISH.reading_notes(counts, KEYWORDS_EN) == [
        "'Open' is read as 'open' (24 clips).",
        "5 clips of words taught as 'unknown' are read so: shuzi, house.",
    ]
    assert ENGLISH.reading_notes({"zero": 5, "unknown": 2}, KEYWORDS_EN) == []


def test_relabelling_moves_every_clip_to_its_word_and_no_other():
    table = make_table(persons=2, takes=1, labels=3)
    named = type(table)(**{**vars(table), "labels": ("Two", "shuzi", "one")})
    relabelled = ENGLISH.relabel(named, KEYWORDS_EN)
    assert relabelled.labels == KEYWORDS_EN
    wanted = torch.tensor([KEYWORDS_EN.index(word) for word in ("two", "unknown", "one")])
    assert torch.equal(relabelled.label, wanted[table.label])
    assert torch.equal(relabelled.person, table.person)
