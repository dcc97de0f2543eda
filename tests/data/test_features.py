"""From a folder of clips to a table of log-mels: the same numbers by every way, and nothing kept
unasked.
"""

import itertools
import shutil
from collections import Counter
from dataclasses import replace

import pytest
import torch

from tests.data.audio_fixtures import soundfile_bytes, vowel
from tests.toys import seeded
from vop_core.data import environments as environments_module
from vop_core.data import features as features_module
from vop_core.data.audio import LogMelConfig, clip_features, decode_file
from vop_core.data.environments import Environment, drawn_environment, environment_owner
from vop_core.data.features import (
    ENVIRONMENTS,
    change_rate,
    join_tables,
    load_features,
    matched_noise,
    put_in_room,
)
from vop_core.data.format import LabelledClip, write_dataset
from vop_core.data.persons import load_dataset
from vop_core.errors import AudioError, DataError, VopError
from vop_core.tasks.keyword_spotting import SILENCE, with_silence
from vop_core.types import SAMPLE_RATE

FLOAT16 = 2**-11  # relative rounding of half precision


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three persons with a pitch of their own, two words of different length, one of them longer
    than a second.
    """
    lengths = {"yes": 0.6, "goodbye": 1.3}
    clips = [
        LabelledClip(
            person,
            word,
            take,
            torch.from_numpy(vowel(seconds, pitch=90.0 + 40 * index + 5 * take)),
            {"session": f"call {take}"},
        )
        for index, person in enumerate(("anna", "ben", "cleo"))
        for word, seconds in lengths.items()
        for take in (1, 2)
    ]
    folder = tmp_path_factory.mktemp("features") / "words"
    write_dataset(folder, clips)
    return load_dataset(folder)


@pytest.fixture(scope="module")
def table(dataset):
    """Its log-mels, and those of two variants."""
    return load_features(dataset, variants=("room", "noise"), cache=False)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_without_the_cache_nothing_is_written(dataset, cache):
    before = {path: path.stat().st_mtime_ns for path in dataset.root.rglob("*")}
    load_features(dataset, variants=("noise",), cache=False)
    assert {path: path.stat().st_mtime_ns for path in dataset.root.rglob("*")} == before
    assert not cache.exists()


def test_a_table_says_who_says_what(dataset, table):
    assert table.features.shape == (12, 40, 101)
    assert table.features.dtype == torch.float32
    assert (table.persons, table.labels) == (
        ("words/anna", "words/ben", "words/cleo"),
        ("goodbye", "yes"),
    )
    for row, record in enumerate(dataset.records):
        assert table.persons[table.person[row]] == record.person
        assert table.labels[table.label[row]] == record.label
        assert int(table.take[row]) == record.take


def test_the_call_of_every_clip_is_kept_and_unknown_where_one_clip_has_none(dataset, table):
    """Each take was another call; what is cut and joined keeps the calls of its clips."""
    torch.testing.assert_close(table.call, table.take - 1, rtol=0, atol=0)
    part = table.of_persons(["words/cleo"])
    joined = join_tables([table, part], table.labels)
    words = (*table.labels, SILENCE)
    for some in (part, joined, with_silence(join_tables([table], words))):
        torch.testing.assert_close(some.call, some.take - 1, rtol=0, atol=0)
    first, *others = dataset.records
    unsaid = replace(dataset, records=(replace(first, attributes={}), *others))
    silent = load_features(unsaid, cache=False)
    assert silent.call is None and silent.of_persons(["words/anna"]).call is None
    assert join_tables([table, silent], table.labels).call is None


def test_what_the_app_hears_is_what_training_heard(dataset, table):
    """The one way from sound to features, up to the half precision of the store."""
    for row, record in enumerate(dataset.records):
        heard = clip_features(decode_file(record.path).waveform)
        torch.testing.assert_close(table.features[row], heard, rtol=FLOAT16, atol=1e-6)


def test_the_cache_gives_back_what_was_computed(dataset, cache, monkeypatch):
    wanted = ("slow", "fast", "room", "telephone", "noise")
    fresh = load_features(dataset, variants=wanted, cache=False)
    first = load_features(dataset, variants=wanted)
    assert len(list((cache / "features").iterdir())) == 1 + len(wanted)
    monkeypatch.setattr(features_module, "decode_file", None)  # a hit decodes nothing
    second = load_features(dataset, variants=wanted)
    for name in ("original", *wanted):
        torch.testing.assert_close(first.variants[name], fresh.variants[name], rtol=0, atol=0)
        torch.testing.assert_close(second.variants[name], fresh.variants[name], rtol=0, atol=0)


def test_other_settings_and_other_clips_have_a_cache_of_their_own(dataset, cache):
    table = load_features(dataset)
    quieter = load_features(dataset, config=replace(LogMelConfig(), floor=1e-3))
    assert not torch.allclose(table.features, quieter.features, atol=0.1)
    assert len(load_features(dataset.restrict(labels=["yes"]))) == 6
    assert len(list((cache / "features").iterdir())) == 3


def test_a_clip_recorded_anew_is_not_answered_from_the_cache(tmp_path, cache):
    """Uncompressed files of one length have one size: only their contents or times tell them
    apart.
    """
    folder = tmp_path / "wavs"
    folder.mkdir()
    (folder / "metadata.csv").write_text("path,person,label,take\na.wav,anna,yes,1\n", "utf-8")
    (folder / "a.wav").write_bytes(soundfile_bytes(vowel(0.7, pitch=100.0)))
    before = load_features(load_dataset(folder)).features
    (folder / "a.wav").write_bytes(soundfile_bytes(vowel(0.7, pitch=220.0)))
    after = load_features(load_dataset(folder)).features
    assert not torch.allclose(before, after, atol=0.1)


def test_a_clip_that_is_missing_or_no_sound_is_named(dataset, cache, tmp_path):
    shutil.copytree(dataset.root, tmp_path / "words")
    dataset = load_dataset(tmp_path / "words")
    record = dataset.records[3]
    record.path.write_bytes(b"not a sound at all")
    with pytest.raises(AudioError, match=record.path.name):
        load_features(dataset, cache=False)
    record.path.unlink()
    for keep in (False, True):
        with pytest.raises(VopError, match=record.path.name):
            load_features(dataset, cache=keep)


def test_progress_ends_at_the_number_of_clips(dataset, cache):
    seen = []
    load_features(dataset, cache=False, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (12, 12)
    with pytest.raises(ValueError, match="unknown variants"):
        load_features(dataset, variants=("whisper",))


def test_tables_are_cut_and_renumbered_without_mixing_anybody_up(table):
    part = table.of_persons(["words/cleo", "words/anna"])
    assert part.persons == ("words/anna", "words/cleo")
    assert part.person.tolist() == [0] * 4 + [1] * 4
    torch.testing.assert_close(part.features, table.features[table.person != 1], rtol=0, atol=0)
    nobody = table.of_persons([])
    assert (len(nobody), nobody.persons) == (0, ())


def test_joined_tables_keep_persons_apart_and_words_together(dataset, table):
    other = replace(
        load_features(dataset.restrict(labels=["yes"]), cache=False),
        persons=tuple(f"b/{index}" for index in range(3)),
    )
    joined = join_tables([table, other], ("yes", "no", "goodbye"))
    assert len(joined) == 18 and len(joined.persons) == 6
    assert set(joined.variants) == {"original"}
    assert (joined.label[12:] == 0).all()
    assert joined.person[12:].unique().tolist() == [3, 4, 5]
    for row in range(12):
        assert joined.labels[joined.label[row]] == table.labels[table.label[row]]


# --- variants -------------------------------------------------------------------------------------


def test_faster_speech_is_shorter_and_higher():
    tone = torch.sin(2 * torch.pi * 400 * torch.arange(SAMPLE_RATE) / SAMPLE_RATE)
    fast = change_rate(tone, 1.25)
    assert abs(fast.numel() - SAMPLE_RATE / 1.25) <= 1
    peak = int(torch.fft.rfft(fast).abs().argmax()) * SAMPLE_RATE / fast.numel()
    assert abs(peak - 500) < 2 * SAMPLE_RATE / fast.numel()


def test_a_room_keeps_loudness_and_length_and_rings_on():
    click = torch.zeros(SAMPLE_RATE)
    click[1000:1010] = 1.0
    wet = put_in_room(click, generator=seeded())
    assert wet.shape == click.shape
    torch.testing.assert_close(wet.norm(), click.norm(), rtol=1e-3, atol=0)
    assert float(wet[:990].abs().max()) < 1e-4
    assert float(wet[1500:2500].norm()) > 0.01


def test_noise_has_the_long_term_spectrum_of_the_clip():
    clip = torch.from_numpy(vowel(1.0, pitch=150.0))
    noise = matched_noise(clip, generator=seeded())
    bands = lambda wave: torch.fft.rfft(wave).abs().square()[:8000].reshape(8, -1).sum(1)  # noqa: E731
    share = bands(noise) / bands(noise).sum(), bands(clip) / bands(clip).sum()
    torch.testing.assert_close(*share, rtol=0, atol=0.15)


def test_a_persons_room_is_the_same_in_every_clip_and_on_every_day(dataset, table, tmp_path):
    again = load_features(dataset, variants=("room", "noise"), cache=False)
    for name in ("room", "noise"):
        torch.testing.assert_close(table.variants[name], again.variants[name], rtol=0, atol=0)
    # the very same recording, said to be another person's, stands in another room
    shutil.copytree(dataset.root, tmp_path / "other" / "words")
    text = (dataset.root / "metadata.csv").read_text("utf-8").replace("anna,", "anton,")
    (tmp_path / "other" / "words" / "metadata.csv").write_text(text, "utf-8")
    moved = load_features(
        load_dataset(tmp_path / "other" / "words"), variants=("room",), cache=False
    )
    anna, anton = table.persons.index("words/anna"), moved.persons.index("words/anton")
    torch.testing.assert_close(
        table.features[table.person == anna], moved.features[moved.person == anton]
    )
    assert not torch.allclose(
        table.variants["room"][table.person == anna],
        moved.variants["room"][moved.person == anton],
        atol=0.05,
    )


# --- environments ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def placed(dataset):
    """The log-mels of every person in every environment."""
    return load_features(dataset, variants=tuple(ENVIRONMENTS), cache=False)


def test_all_clips_of_a_person_share_one_environment_and_each_has_noise_of_its_own(
    dataset, monkeypatch
):
    heard = []

    def listen(environment, waveform, *, generator):
        heard.append((environment, generator.initial_seed()))
        return waveform

    monkeypatch.setattr(Environment, "apply", listen)
    load_features(dataset, variants=tuple(ENVIRONMENTS), cache=False)
    wanted = Counter()
    for person in dataset.persons:
        for number in (1, 2, 3, 4):
            wanted[drawn_environment("training", f"{person} {number}")] += 4
        # four clips of the person's own, and four of who stands in it when they are swapped
        wanted[drawn_environment("foreseen", person)] += 8
        wanted[drawn_environment("unforeseen", person)] += 4
    assert Counter(environment for environment, _ in heard) == wanted
    assert len({seed for _, seed in heard}) == len(heard) == 7 * len(dataset)


def test_swapped_is_the_environment_of_the_person_that_is_told(dataset):
    for person in dataset.persons:
        owner = environment_owner(person, dataset.persons)
        swapped = ENVIRONMENTS["swapped environment"](person, dataset.persons)
        assert owner != person
        assert swapped == ENVIRONMENTS["own environment"](owner, dataset.persons)


def test_environments_change_what_is_heard_and_are_the_same_on_every_day(dataset, placed):
    again = load_features(dataset, variants=("environment 3", "own environment"), cache=False)
    for name in ("environment 3", "own environment"):
        torch.testing.assert_close(placed.variants[name], again.variants[name], rtol=0, atol=0)
    heard = [placed.variants[name] for name in ENVIRONMENTS]
    for first, second in itertools.combinations([placed.features, *heard], 2):
        assert (first - second).abs().mean() > 0.1
    assert all(torch.isfinite(value).all() for value in heard)


def test_an_environment_made_otherwise_is_not_answered_from_the_cache(dataset, cache, monkeypatch):
    files = lambda: len(list((cache / "features").iterdir()))  # noqa: E731
    load_features(dataset, variants=("environment 1",))
    load_features(dataset, variants=("environment 1",))
    assert files() == 2
    monkeypatch.setattr(environments_module, "RECIPE", 99)
    load_features(dataset, variants=("environment 1",))
    assert files() == 3


def test_a_person_alone_has_nobody_to_swap_environments_with(dataset):
    alone = dataset.restrict(persons=["words/anna"])
    with pytest.raises(DataError, match="only person"):
        load_features(alone, variants=("swapped environment",), cache=False)
