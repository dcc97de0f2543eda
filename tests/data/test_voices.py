"""The committed bundled voices: enough persons, the right clips, undamaged, small, and plainly
synthetic.
"""

from collections import Counter

import pytest

from vop_core.data import voices
from vop_core.data.format import check_dataset
from vop_core.data.locations import voices_root
from vop_core.data.sources.synthetic import ARABIC_WORDS, KEYWORD_WORDS
from vop_core.errors import DataError

LANGUAGES = ("en", "ar")


@pytest.fixture(scope="module", params=LANGUAGES)
def persons(request):
    return voices.bundled_persons(request.param)


def test_there_are_forty_english_and_ten_arabic_persons_at_least():
    assert len(voices.bundled_persons("en")) >= 40
    assert len(voices.bundled_persons("ar")) >= 10


def test_everybody_has_five_enrollment_and_ten_query_clips_of_different_words(persons):
    for person in persons:
        assert len(person.enrollment) == 5
        assert len({clip.label for clip in person.query}) == len(person.query) == 10


def test_enrollment_words_are_drawn_independently_of_the_query_words():
    """Of 18 words 10 are queried: an independent draw falls among them in 10/18 of cases; 4 s.e.
    allowed.
    """
    persons = voices.bundled_persons("en")
    hits = [
        clip.label in {query.label for query in p.query} for p in persons for clip in p.enrollment
    ]
    standard_error = (10 / 18 * 8 / 18 / len(hits)) ** 0.5
    assert abs(sum(hits) / len(hits) - 10 / 18) < 4 * standard_error
    # with replacement
    assert any(len({clip.label for clip in person.enrollment}) < 5 for person in persons)


def test_labels_are_those_of_the_two_keyword_tasks():
    labels = {language: set(voices.bundled_dataset(language).labels) for language in LANGUAGES}
    assert labels["en"] == set(KEYWORD_WORDS)
    assert labels["ar"] <= set(ARABIC_WORDS) and len(labels["ar"]) >= 35


def test_names_say_that_the_persons_are_synthetic(persons):
    assert all(person.name.startswith("Synthetic") for person in persons)
    assert len({person.name for person in persons}) == len(persons)


def test_persons_differ_in_accent_voice_room_and_microphone():
    persons = voices.bundled_persons("en")
    assert len({person.accent for person in persons}) >= 20
    assert len({person.voice for person in persons}) == len(persons)
    assert len({person.room.split(",")[0] for person in persons}) >= 4
    assert max(Counter(person.microphone for person in persons).values()) <= len(persons) / 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_files_are_those_of_the_table_and_in_the_format(language):
    assert voices.damaged_clips(language) == []
    assert check_dataset(voices_root() / voices.FOLDERS[language]).problems == ()


def test_all_clips_together_stay_far_below_twelve_megabytes():
    sizes = [path.stat().st_size for path in voices_root().rglob("*") if path.is_file()]
    assert sum(sizes) < 6e6


def test_a_clip_loads_as_speech_that_is_neither_clipped_nor_silent(persons):
    for person in persons:
        clip = person.query[0].load()
        assert clip.sample_rate == 16_000
        assert 0.4 < clip.seconds < 2.5
        assert 0.03 < clip.waveform.abs().max() < 0.999


def test_missing_voices_and_unknown_languages_are_refused_with_a_remedy(tmp_path):
    with pytest.raises(DataError, match="vop voices build"):
        voices.bundled_persons("en", root=tmp_path)
    with pytest.raises(DataError, match="en, ar"):
        voices.bundled_persons("fr")


def test_a_damaged_clip_is_noticed(tmp_path):
    import shutil

    folder = tmp_path / voices.FOLDERS["ar"]
    shutil.copytree(voices_root() / voices.FOLDERS["ar"], folder)
    victim = sorted(folder.rglob("*.opus"))[0]
    victim.write_bytes(victim.read_bytes()[:-1])
    assert voices.damaged_clips("ar", root=tmp_path) == [victim.resolve()]
