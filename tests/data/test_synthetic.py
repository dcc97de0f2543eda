"""How synthetic persons are made: cohorts never meet, accents can say every word, a rebuild is the
same.
"""

import contextlib
import hashlib
import itertools

import numpy as np
import pytest
import soundfile

from vop_core.data import acoustics, opus
from vop_core.data.format import check_dataset
from vop_core.data.persons import load_dataset
from vop_core.data.sources.synthetic import build
from vop_core.data.sources.synthetic.build import (
    generate_training_persons,
    generate_unknown_test,
    write_talkers,
)
from vop_core.data.sources.synthetic.words import (
    KEYWORD_WORDS,
    UNKNOWN_TEST_WORDS,
    UNKNOWN_TRAINING_WORDS,
    invent_word,
)
from vop_core.errors import DataError


@pytest.fixture(scope="module")
def persons():
    """The module that draws persons; skipped without the synth extra."""
    pytest.importorskip("espeakng_loader", reason="synthetic voices need the synth extra")
    from vop_core.data.sources.synthetic import persons

    return persons


@contextlib.contextmanager
def same_process():
    """Folders are made in this process: only who wants the same sounds again needs a fresh one."""
    with pytest.MonkeyPatch.context() as patch:
        here = lambda write, *given, **named: write(*given, **named)  # noqa: E731
        patch.setattr(build, "_in_fresh_process", here)
        yield


@pytest.fixture(scope="module")
def training(persons, tmp_path_factory):
    """A small training folder: two persons, two words, every unknown word once."""
    folder = tmp_path_factory.mktemp("made") / "training"
    with same_process():
        return generate_training_persons(
            folder, persons=2, words=["yes", "no"], takes=2, invented=3, seed=5
        )


def _hashes(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_word_lists_share_no_word_and_no_pronunciation():
    lists = (KEYWORD_WORDS, UNKNOWN_TRAINING_WORDS, UNKNOWN_TEST_WORDS)
    assert all(len(words) >= least for words, least in zip(lists, (10, 40, 20), strict=True))
    for one, other in itertools.combinations(lists, 2):
        assert not set(one) & set(other)
        assert not set(one.values()) & set(other.values())


def test_cohorts_share_no_voice(persons):
    cohorts = [set(persons.cohort_variants(cohort)) for cohort in persons.COHORTS]
    for one, other in itertools.combinations(cohorts, 2):
        assert one and other and not one & other


def test_no_talker_resembles_a_training_or_test_person(persons):
    """Whatever the seed: no espeak-ng voice in common, and some accents only the talkers have."""
    talkers = persons.draw_persons("talkers", 42, seed=build.TALKER_SEED)
    for cohort, seed in itertools.product(("training", "test"), (1, 2, build.TALKER_SEED)):
        others = persons.draw_persons(cohort, 100, seed=seed)
        assert not {person.variant for person in talkers} & {person.variant for person in others}
        assert not {(p.room, p.microphone) for p in talkers} & {
            (p.room, p.microphone) for p in others
        }
        assert not {person.accent for person in others} & set(persons.TALKERS_ONLY_ACCENTS)
    assert {person.accent for person in talkers} >= set(persons.TALKERS_ONLY_ACCENTS)


def test_more_persons_do_not_change_the_first_ones(persons):
    assert (
        persons.draw_persons("training", 3, seed=1)
        == persons.draw_persons("training", 9, seed=1)[:3]
    )


def test_every_accent_has_a_sound_for_every_phoneme(persons):
    """Each word's mnemonics exist in the person's own table: espeak-ng would drop unknown ones
    silently.
    """
    by_accent = {person.accent: person for person in persons.draw_persons("talkers", 40, seed=3)}
    assert set(by_accent) == set(persons.ACCENTS)
    words = [
        *KEYWORD_WORDS.values(),
        *UNKNOWN_TRAINING_WORDS.values(),
        *UNKNOWN_TEST_WORDS.values(),
    ]
    inventor = np.random.default_rng(0)
    words += [invent_word(inventor) for _ in range(300)]
    for person, word in itertools.product(by_accent.values(), words):
        table = persons.phoneme_table(persons.ACCENTS[person.accent][1])
        for sound in persons.pronounce(word, person).split("|"):
            assert sound.removeprefix("'") in table


def test_a_voice_espeak_lacks_is_refused(persons):
    arguments = {"rate": 150, "pitch": 50, "pitch_range": 50, "phonemes": True}
    with pytest.raises(DataError, match="variant 'nobody'"):
        persons.engine().say("n|'aI|n", language="en", variant="nobody", **arguments)
    with pytest.raises(DataError, match="language 'en-gb'"):
        persons.engine().say("n|'aI|n", language="en-gb", variant="f2", **arguments)


def test_the_same_seed_gives_the_same_files_and_another_does_not(persons, tmp_path):
    first, again = (write_talkers(tmp_path / name, seed=1, persons=1) for name in ("a", "b"))
    assert _hashes(first) == _hashes(again)
    one, other = (persons.draw_persons("talkers", 1, seed=seed) for seed in (1, 2))
    assert one != other


def test_training_folder_holds_what_was_asked_for(training):
    assert check_dataset(training).problems == ()
    dataset = load_dataset(training)
    assert dataset.persons == ("synthetic-training/t01", "synthetic-training/t02")
    assert dataset.labels == ("no", "silence", "unknown", "yes")
    words = [record.attributes["word"] for record in dataset.records if record.label == "unknown"]
    listed = [word for word in words if word in UNKNOWN_TRAINING_WORDS]
    assert sorted(listed) == sorted([*UNKNOWN_TRAINING_WORDS] * 2)
    assert len(words) - len(listed) == len(set(words) - set(listed)) == 2 * 3, (
        "nobody makes up another's word"
    )


def test_an_invented_word_is_never_a_keyword_or_a_test_word():
    """Whatever the stress: `unknown` must not be taught a keyword, nor one of the words that test
    it.
    """
    generator = np.random.default_rng(0)
    words = [invent_word(generator) for _ in range(20_000)]
    known = {
        word.replace("'", "")
        for table in (KEYWORD_WORDS, UNKNOWN_TEST_WORDS)
        for word in table.values()
    }
    assert not known & {word.replace("'", "") for word in words}
    assert all(word.count("'") == 1 for word in words)
    assert len(set(words)) > 15_000


def test_words_are_loud_and_silence_is_quiet_and_nothing_clips(training):
    """Short-time peak level stands at least 8 dB above the clip's own quiet parts in every word."""
    for path in training.rglob("*.flac"):
        samples, rate = soundfile.read(path)
        frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
        level = 10 * np.log10((frames**2).mean(1) + 1e-12)
        contrast = np.percentile(level, 95) - np.percentile(level, 10)
        assert rate == 16_000 and np.abs(samples).max() < 0.9
        assert contrast < 8 if path.name.startswith("silence") else contrast > 8


def test_unknown_test_words_are_said_by_persons_of_a_third_cohort(persons, tmp_path):
    with same_process():
        dataset = load_dataset(generate_unknown_test(tmp_path / "unknown", persons=1))
    assert dataset.persons == ("synthetic-test/u01",) and dataset.labels == ("unknown",)
    assert {record.attributes["word"] for record in dataset.records} == set(UNKNOWN_TEST_WORDS)


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="choose another folder"):
        build.require_ours(tmp_path)
    (tmp_path / "metadata.csv").write_text("path,person,label,take\n")
    with pytest.raises(DataError, match="another data set"):
        build.require_ours(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_word_without_phonemes_is_refused(tmp_path):
    with pytest.raises(DataError, match="'sesquipedalian'"):
        generate_training_persons(tmp_path / "x", words=["yes", "sesquipedalian"])


def test_a_telephone_passes_nothing_above_four_kilohertz():
    response = acoustics.channel_response(
        acoustics.draw_microphone("telephone", np.random.default_rng(0))
    )
    frequency = np.linspace(0, 8000, len(response))
    assert (
        response[frequency > 4500].max()
        < 0.1 * response[(frequency > 500) & (frequency < 3000)].min()
    )


def test_a_farther_speaker_is_more_reverberant():
    room = {"name": "x", "size": (5.0, 4.0, 3.0), "absorption": 0.3, "microphone": (2.5, 2.0, 1.5)}
    tails = []
    for distance in (0.2, 1.5):
        place = acoustics.Room(distance=distance, angle=0.0, **room)
        response = acoustics.room_responses(place, 1, np.random.default_rng(0))[0]
        assert np.abs(response).max() == 1  # the direct sound
        tails.append(float((response[60:] ** 2).sum()))
    assert tails[1] > 10 * tails[0]


def test_level_is_kept_and_the_noise_lies_as_far_below_as_asked():
    """Levels of a one-second tone and of the background alone; 4 s.e. of the noise's power
    allowed.
    """
    generator = np.random.default_rng(0)
    microphone = acoustics.Microphone("test", 20.0, 8000.0, 0.0, (), "hiss", 20.0, 0.0)
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    where = {"response": np.ones(1, np.float32), "lead_seconds": 0.0, "tail_seconds": 0.0}
    where |= {"microphone": microphone}
    level = {"level_db": -26.0, "usual_level_db": -26.0, "generator": generator}

    def decibels(sound):
        return 10 * np.log10((sound**2).mean())

    # coloured noise: fewer free samples
    four_standard_errors = 4 * 10 / np.log(10) * (2 / 16_000) ** 0.5 * 3
    assert abs(decibels(acoustics.record(tone, **where, **level)) + 26) < 0.1
    quiet = decibels(acoustics.record(np.zeros_like(tone), **where, **level))
    assert abs(quiet + 46) < four_standard_errors + 0.5  # the channel takes a little of the noise


def test_page_checksums_are_those_libogg_writes(tmp_path):
    """Putting the file's own stream number back gives the file back, byte for byte."""
    tone = np.sin(np.arange(16_000) / 10).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "libsndfile.opus", tone, 16_000, format="OGG", subtype="OPUS")
    original = (tmp_path / "libsndfile.opus").read_bytes()
    changed = opus.write_opus(tmp_path / "ours.opus", tone, serial=7)
    assert changed != original
    assert opus._with_serial(changed, int.from_bytes(original[14:18], "little")) == original
    assert len(soundfile.read(tmp_path / "ours.opus")[0]) == 16_000
