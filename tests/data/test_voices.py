"""The committed bundled voices: the persons of the split, enough clips of each, undamaged, small,
and close to their sources.
"""

import shutil
from collections import Counter

import pytest
import torch

from vop_core.data import voices
from vop_core.data.audio import clip_features, decode_file
from vop_core.data.format import check_dataset
from vop_core.data.locations import find_dataset, has_dataset, voices_root
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import load_dataset
from vop_core.data.sources import bundled
from vop_core.data.sources.bundled import chosen_clips, write_corpus
from vop_core.data.splits import BUNDLE, role_of
from vop_core.errors import DataError

LANGUAGES = ("en", "ar")


@pytest.fixture(scope="module", params=LANGUAGES)
def persons(request):
    return voices.bundled_persons(request.param)


def test_there_are_24_english_and_8_arabic_persons_all_of_them_kept_to_be_bundled():
    counts = []
    for language in LANGUAGES:
        dataset = voices.bundled_dataset(language)
        assert {role_of(person) for person in dataset.persons} == {BUNDLE}
        counts.append(len(dataset.persons))
    assert counts == [24, 8]


def test_everybody_can_enroll_and_be_asked_and_no_clip_does_both(persons):
    for person in persons:
        assert 3 <= len(person.enrollment) <= 10 and len(person.query) >= 5
        paths = [clip.path for clip in (*person.enrollment, *person.query)]
        assert len(set(paths)) == len(paths)


def test_query_clips_say_as_many_words_as_there_are(persons):
    """All of the person's words, or as many as there are query clips."""
    for person in persons:
        words = {clip.label for clip in (*person.enrollment, *person.query)}
        asked = {clip.label for clip in person.query}
        assert len(asked) == min(len(words), len(person.query))


def test_labels_are_the_words_of_the_corpora():
    ten = {"yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"}
    assert set(voices.bundled_dataset("en").labels) == ten
    assert len(voices.bundled_dataset("ar").labels) == 40


def test_persons_are_numbered_and_come_with_their_attribution(persons):
    assert [person.name for person in persons] == [
        f"Speaker {number:02d}" for number in range(1, len(persons) + 1)
    ]
    assert all("CC BY 4.0" in person.corpus.attribution for person in persons)
    card = (voices_root() / "README.md").read_text("utf-8")
    assert all(
        person.corpus.attribution.split(" (")[0].removesuffix(" v0.02") in card
        for person in persons
    )


def test_files_are_those_of_the_table_and_in_the_format():
    assert voices.damaged_clips() == []
    for folder in (*(corpus.folder for corpus in voices.CORPORA.values()), voices.TALKERS):
        assert check_dataset(voices_root() / folder).problems == ()


def test_clips_of_people_stay_below_six_megabytes():
    folders = [voices_root() / corpus.folder for corpus in voices.CORPORA.values()]
    sizes = [path.stat().st_size for folder in folders for path in folder.rglob("*")]
    assert sum(sizes) < 6e6


def test_every_clip_loads_as_a_second_of_speech(persons):
    for person in persons:
        for clip in (*person.enrollment, *person.query):
            sound = clip.load()
            assert sound.sample_rate == 16_000
            assert 0.3 < sound.seconds < 1.1
            assert sound.waveform.abs().max() > 0.01


def test_missing_voices_and_unknown_languages_are_refused_with_a_remedy(tmp_path):
    with pytest.raises(DataError, match="vop voices build"):
        voices.bundled_persons("en", root=tmp_path)
    with pytest.raises(DataError, match="en, ar"):
        voices.bundled_persons("fr")


def test_a_damaged_clip_is_noticed(tmp_path):
    for folder in (*(corpus.folder for corpus in voices.CORPORA.values()), voices.TALKERS):
        shutil.copytree(voices_root() / folder, tmp_path / folder)
    victim = sorted((tmp_path / voices.CORPORA["ar"].folder).rglob("*.opus"))[0]
    victim.write_bytes(victim.read_bytes()[:-1])
    assert voices.damaged_clips(root=tmp_path) == [victim.resolve()]


# --- how they are made ----------------------------------------------------------------------------


def clips_of(counts):
    return [
        ClipRecord(voices_root() / f"{word}{take}", "words/anna", word, take)
        for word, count in counts.items()
        for take in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "enrollment", "query", "asked_words"),
    [
        ({"yes": 9, "no": 1}, 5, 5, 2),
        ({"yes": 30, "no": 1, "go": 1}, 10, 22, 3),
        ({f"word {number}": 4 for number in range(40)}, 10, 40, 40),
        ({f"word {number}": 1 for number in range(11)}, 5, 6, 6),
    ],
)
def test_roles_follow_from_the_names_of_the_clips(counts, enrollment, query, asked_words):
    clips = clips_of(counts)
    chosen = list(chosen_clips(clips))
    assert chosen == list(chosen_clips(clips[::-1]))
    assert Counter(role for role, _ in chosen) == {"enrollment": enrollment, "query": query}
    assert len({id(record) for _, record in chosen}) == len(chosen)
    asked = {record.label for role, record in chosen if role == "query"}
    assert len(asked) == asked_words


def test_enrollment_words_are_drawn_at_random():
    """Once every word is asked once, ten of the 120 clips left are drawn: how often no word comes
    twice is known; 300 persons, 4 s.e.
    """
    chance = torch.tensor([(120 - 3 * k) / (120 - k) for k in range(10)]).prod().item()
    hits = []
    for number in range(300):
        clips = [
            ClipRecord(voices_root() / f"{word}{take}", f"words/{number}", str(word), take)
            for word in range(40)
            for take in range(4)
        ]
        words = [record.label for role, record in chosen_clips(clips) if role == "enrollment"]
        hits.append(len(set(words)) == 10)
    error = (chance * (1 - chance) / len(hits)) ** 0.5
    assert abs(sum(hits) / len(hits) - chance) < 4 * error


@pytest.mark.data
@pytest.mark.parametrize("language", LANGUAGES)
def test_clips_are_heard_as_their_sources_are(language):
    """Ten clips: log-mels differ by less than 0.2 nats on average, lengths not at all."""
    corpus = voices.CORPORA[language]
    if not has_dataset(corpus.name):
        pytest.skip("the corpus is not here")
    source = {
        (record.person, record.label, record.take): record.path
        for record in load_dataset(find_dataset(corpus.name)).records
    }
    records = voices.bundled_dataset(language).records
    for record in records[:: len(records) // 10]:
        original = decode_file(source[record.person, record.label, record.take]).waveform
        bundled = decode_file(record.path).waveform
        assert bundled.shape == original.shape
        difference = clip_features(bundled) - clip_features(original)
        assert difference.abs().mean() < 0.35


@pytest.mark.data
def test_a_new_build_chooses_the_committed_clips(tmp_path, monkeypatch):
    corpus = voices.CORPORA["en"]
    if not has_dataset(corpus.name):
        pytest.skip("the corpus is not here")
    # which clips, not how they sound: those that are committed are heard above
    clip = voices.bundled_persons("en")[0].query[0].load()

    def write_nothing(path, *_, **__):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return b""

    monkeypatch.setattr(bundled, "decode_file", lambda path: clip)
    monkeypatch.setattr(bundled, "write_opus", write_nothing)
    write_corpus(tmp_path / corpus.folder, corpus)
    assert [
        (record.path.name, record.attributes["role"])
        for record in voices.bundled_dataset("en", root=tmp_path).records
    ] == [
        (record.path.name, record.attributes["role"])
        for record in voices.bundled_dataset("en").records
    ]
