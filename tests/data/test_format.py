"""The one on-disk format: what is written is read again, and what is wrong is said."""

import csv
import hashlib
import re
import shutil
import unicodedata

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vop_core.data.format import LabelledClip, check_dataset, write_dataset
from vop_core.data.persons import load_dataset
from vop_core.errors import DataError


def sound(seed: int, samples: int = 4000) -> torch.Tensor:
    """Noise on the 16-bit grid."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-(2**15), 2**15, (samples,), generator=generator) / 2**15


def clips(persons=("anna", "ben"), words=("yes", "zoom in"), takes=(1, 2)):
    cells = [(person, word, take) for person in persons for word in words for take in takes]
    return [LabelledClip(*cell, sound(seed), {"room": "hall"}) for seed, cell in enumerate(cells)]


@pytest.fixture
def folder(tmp_path):
    write_dataset(tmp_path / "words", clips())
    return tmp_path / "words"


def edit(folder, old, new):
    table = folder / "metadata.csv"
    text = table.read_text("utf-8")
    assert old in text
    table.write_text(text.replace(old, new, 1), "utf-8")


def test_what_is_written_is_read_again_sample_for_sample(folder):
    dataset = load_dataset(folder)
    written = {(clip.person, clip.label, clip.take): clip.waveform for clip in clips()}
    assert len(dataset) == len(written) == 8
    for record in dataset.records:
        samples, rate = soundfile.read(record.path, dtype="float32")
        assert (rate, record.path.suffix) == (16_000, ".flac")
        key = (record.person.removeprefix("words/"), record.label, record.take)
        np.testing.assert_array_equal(samples, written[key].numpy())
        assert record.attributes["room"] == "hall"
        assert float(record.attributes["seconds"]) == 0.25


def test_a_written_folder_has_no_problems(folder):
    report = check_dataset(folder)
    assert report.problems == ()
    assert (report.persons, report.labels, report.clips, report.seconds) == (2, 2, 8, 2.0)


labels = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda text: text.strip() == text and text
)


@settings(deadline=None, max_examples=25)
@given(labels)
def test_any_label_survives_the_table_and_makes_a_safe_path(tmp_path_factory, label):
    folder = tmp_path_factory.mktemp("any") / "set"
    write_dataset(folder, clips(words=(label,)))
    dataset = load_dataset(folder)
    assert dataset.labels == (unicodedata.normalize("NFC", label),)
    assert all(
        record.path.is_file() and record.path.parents[1] == folder for record in dataset.records
    )
    shutil.rmtree(folder.parent)


def breaks_off():
    yield clips()[0]
    raise DataError("The source is damaged.")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ([*clips(), clips()[0]], "appears twice"),
        (clips(persons=("anna", "Anna")), r"The persons 'anna' and 'Anna' of .* differ only"),
        (breaks_off(), "damaged"),
        ([], "No clips were found"),
    ],
)
def test_what_cannot_be_written_whole_leaves_nothing_behind(tmp_path, written, says):
    with pytest.raises(DataError, match=says):
        write_dataset(tmp_path / "words", written)
    assert list(tmp_path.iterdir()) == []


def test_labels_that_differ_only_in_punctuation_do_not_overwrite_each_other(tmp_path):
    write_dataset(tmp_path / "w", clips(words=("zoom+in", "zoom/in", "zoom.in")))
    assert check_dataset(tmp_path / "w").problems == ()
    assert check_dataset(tmp_path / "w").labels == 3


def test_an_existing_folder_is_never_overwritten(folder):
    before = hashlib.sha256((folder / "metadata.csv").read_bytes()).digest()
    with pytest.raises(DataError, match="already exists and is not empty"):
        write_dataset(folder, clips())
    assert hashlib.sha256((folder / "metadata.csv").read_bytes()).digest() == before


def move_out(folder):
    """The first clip, which is linked from where it was."""
    target = folder.parent / "elsewhere.flac"
    (folder / "anna" / "yes_01.flac").rename(target)
    (folder / "anna" / "yes_01.flac").symlink_to(target)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (move_out, "a link out of the data set"),
        (
            lambda f: (f / "anna" / "yes_01.flac").unlink(),
            "'anna/yes_01.flac', which does not exist",
        ),
        (
            lambda f: (f / "anna" / "yes_01.flac").write_bytes(b"no sound"),
            "cannot be used: yes_01.flac is",
        ),
        (
            lambda f: (f / "anna" / "yes_01.flac").write_bytes(b""),
            "cannot be used: yes_01.flac is empty",
        ),
        (
            lambda f: soundfile.write(
                f / "anna" / "yes_01.flac", sound(9).reshape(-1, 2).numpy(), 16_000
            ),
            "has 2 channels; convert it to mono",
        ),
        (
            lambda f: soundfile.write(f / "anna" / "yes_01.flac", np.zeros(9999), 16_000),
            "yes_01.flac is silent",
        ),
        (lambda f: edit(f, "anna/yes_02.flac", "anna/yes_01.flac"), "a second time"),
        (lambda f: edit(f, "anna/yes_01.flac", "../yes_01.flac"), "points outside the data set"),
        (
            lambda f: edit(f, "anna/yes_01.flac", "/elsewhere/yes_01.flac"),
            "points outside the data set",
        ),
        (lambda f: edit(f, ",anna,yes,1", ",anna,,1"), "has no label"),
        (
            lambda f: shutil.copy(f / "anna" / "yes_01.flac", f / "ben" / "yes_01.flac"),
            "'ben/yes_01.flac' of 'words/ben' is the same recording as 'anna/yes_01.flac' of "
            "'words/anna'",
        ),
    ],
)
def test_every_flaw_is_found_and_said_in_one_sentence(folder, spoil, says):
    spoil(folder)
    (problem,) = check_dataset(folder).problems
    assert re.search(says, problem) and "\n" not in problem
    (folder / "ben" / "zoom_in_02.flac").unlink()
    assert len(check_dataset(folder).problems) == 2


def test_persons_with_a_single_clip_and_other_rates_are_remarked_on_and_no_problem(tmp_path):
    folder = tmp_path / "w"
    write_dataset(folder, [*clips(), LabelledClip("cai", "yes", 1, sound(99))])
    soundfile.write(folder / "anna" / "yes_01.flac", sound(9).numpy(), 8000)
    report = check_dataset(folder)
    assert report.problems == ()
    assert report.remarks == (
        "1 of 3 persons have a single usable clip and cannot both enroll and be asked about, "
        "'w/cai' among them.",
        "1 clip(s) are stored at 8000 Hz and heard at 16000 Hz.",
    )


def test_the_table_is_sorted_and_plain(folder):
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["path", "person", "label", "take", "room", "seconds"]
    assert [(row["person"], row["label"], row["take"]) for row in rows] == sorted(
        (row["person"], row["label"], row["take"]) for row in rows
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "persons", "words", "count"),
    [
        ("arabic_speech_commands", 24, 40, 3840),
        ("dspspeech20", 27, 20, 3179),
        ("fsdd", 5, 10, 1250),
    ],
)
def test_the_real_folders_are_in_the_format(real_data, name, persons, words, count):
    if not (real_data / name).is_dir():
        pytest.skip(f"no {name} there")
    dataset = load_dataset(real_data / name)
    assert (len(dataset.persons), len(dataset.labels), len(dataset)) == (persons, words, count)
    assert all(record.path.is_file() for record in dataset.records)
