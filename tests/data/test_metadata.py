"""Checking and loading read a data set alike, and nothing in it counts twice."""

import os
import shutil
import unicodedata
from pathlib import Path

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.audio_fixtures import vowel
from vop_core.data.features import load_features
from vop_core.data.format import check_dataset
from vop_core.data.persons import load_dataset
from vop_core.errors import DataError, VopError

ROWS = (
    ("a1.wav", "anna", "yes"),
    ("a2.wav", "anna", "no"),
    ("b1.wav", "ben", "yes"),
    ("b2.wav", "ben", "no"),
)


@pytest.fixture
def folder(tmp_path):
    """Two persons who say two words, and a folder without a clip."""
    folder = tmp_path / "words"
    (folder / "sub").mkdir(parents=True)
    for index, (name, *_) in enumerate(ROWS):
        soundfile.write(folder / name, vowel(0.4, pitch=100.0 + 20 * index), 16_000)
    return table(folder, ROWS)


def table(folder, rows, header="path,person,label"):
    lines = [header, *(",".join(row) for row in rows)]
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def refused(folder):
    """The one sentence with which loading refuses the folder; checking has it too."""
    with pytest.raises(DataError) as refusal:
        load_dataset(folder)
    assert str(refusal.value) in check_dataset(folder).problems
    return str(refusal.value)


def refused_when_heard(folder):
    """The sentence about clips that load, but may not be used together; checking has it too."""
    with pytest.raises(DataError) as refusal:
        load_features(load_dataset(folder), cache=False)
    assert str(refusal.value) in check_dataset(folder).problems
    return str(refusal.value)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (".", "Line 6 of words/metadata.csv names the folder '.'; give the path of a sound file."),
        (
            "./",
            "Line 6 of words/metadata.csv names the folder './'; give the path of a sound file.",
        ),
        (
            "a1.wav/",
            "Line 6 of words/metadata.csv names the folder 'a1.wav/'; give the path",
        ),
        ("sub", "names 'sub', which is not a file"),
        ("./a1.wav", "lists 'a1.wav' a second time; remove the row."),
        ("sub\\\\..\\\\a1.wav", "points outside the data set"),
        ("a1.wav", "lists 'a1.wav' a second time"),
        ("../a.wav", "points outside the data set"),
        ("x/../../a.wav", "points outside the data set"),
        ("/etc/a.wav", "points outside the data set"),
        ("C:\\a.wav", "points outside the data set"),
        ("\\\\host\\a.wav", "points outside the data set"),
    ],
)
def test_a_path_that_is_no_new_file_of_the_folder_is_refused(folder, path, says):
    assert says in refused(table(folder, [*ROWS, (path, "anna", "yes")]))


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_another_name_for_a_listed_file_is_that_file(folder, link):
    getattr(folder / "again.wav", link)(folder / "a1.wav")
    says = "lists 'again.wav', which is the file 'a1.wav', a second time; remove the row."
    assert says in refused(table(folder, [*ROWS, ("again.wav", "ben", "yes")]))


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_a_path_is_found_whichever_way_unicode_is_stored(folder, stored, written):
    place = folder / unicodedata.normalize(stored, "Renée")
    place.mkdir()
    (folder / "a1.wav").rename(place / unicodedata.normalize(stored, "oui é.wav"))
    listed = unicodedata.normalize(written, "Renée/oui é.wav")
    table(folder, [(listed, *ROWS[0][1:]), *ROWS[1:]])
    assert check_dataset(folder).problems == ()
    assert all(record.path.is_file() for record in load_dataset(folder).records)


def test_a_person_in_two_unicode_forms_is_one_person(folder):
    forms = [unicodedata.normalize(form, "René") for form in ("NFC", "NFD")]
    table(folder, [("a1.wav", forms[0], "yes"), ("a2.wav", forms[1], "no"), *ROWS[2:]])
    assert check_dataset(folder).problems == ()
    dataset = load_dataset(folder)
    assert dataset.persons == (f"words/{forms[0]}", "words/ben")
    assert len(dataset.restrict(persons=[f"words/{forms[1]}"])) == 2


@pytest.mark.parametrize(
    ("first", "second"), [("s05", "S05"), ("anna b", "anna  b"), ("anna_b", "anna b")]
)
def test_two_spellings_of_one_name_are_refused_with_both(folder, first, second):
    persons = [("a1.wav", first, "yes"), ("a2.wav", second, "no"), *ROWS[2:]]
    assert f"The persons 'words/{first}' and 'words/{second}' of" in refused(table(folder, persons))
    labels = [("a1.wav", "anna", first), ("a2.wav", "anna", second), *ROWS[2:]]
    assert f"The labels '{first}' and '{second}' of" in refused(table(folder, labels))


def test_persons_of_two_data_sets_are_counted_apart_and_compared_by_their_whole_name(folder):
    sets = ("x", "x", "y", "y")
    header = "path,person,label,dataset"
    one_name = [
        (path, "s1", label, name) for (path, _, label), name in zip(ROWS, sets, strict=True)
    ]
    table(folder, one_name, header)
    assert check_dataset(folder).persons == len(load_dataset(folder).persons) == 2
    table(folder, [(*one_name[0][:3], "X"), *one_name[1:]], header)
    assert "The persons 'X/s1' and 'x/s1' of" in refused(folder)


@pytest.mark.parametrize("take", ["first", "1.5", "-1", "9" * 30])
def test_a_take_is_a_whole_number_that_a_tensor_can_hold(folder, take):
    rows = [(*row, take if row == ROWS[0] else "1") for row in ROWS]
    assert "a take must be a whole number" in refused(table(folder, rows, "path,person,label,take"))


def test_equal_takes_of_two_recordings_are_two_clips(folder):
    rows = [
        ("a1.wav", "anna", "yes", "01"),
        ("a2.wav", "anna", "yes", "1"),
        *((*row, "1") for row in ROWS[2:]),
    ]
    table(folder, rows, "path,person,label,take")
    assert check_dataset(folder).problems == ()
    assert [record.take for record in load_dataset(folder).records] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("person", "says"),
    [
        (
            "anna",
            "'copy.flac' is the same recording as 'a1.wav'; a clip counts once, so remove one.",
        ),
        (
            "ben",
            "'copy.flac' of 'words/ben' is the same recording as 'a1.wav' of 'words/anna'; ",
        ),
    ],
)
@pytest.mark.parametrize("name", ["copy.wav", "copy.flac"])
def test_a_recording_under_two_names_is_refused_by_whoever_hears_it(folder, person, says, name):
    samples, rate = soundfile.read(folder / "a1.wav", dtype="int16")
    soundfile.write(folder / name, samples, rate)
    table(folder, [*ROWS, (name, person, "yes")])
    assert says.replace("copy.flac", name) in refused_when_heard(folder)


def test_takes_that_differ_in_one_sample_are_two_recordings(folder):
    samples, rate = soundfile.read(folder / "a1.wav", dtype="int16")
    samples[1234] += 1
    soundfile.write(folder / "take2.wav", samples, rate)
    table(folder, [*ROWS, ("take2.wav", "anna", "yes")])
    assert check_dataset(folder).problems == ()
    assert len(load_features(load_dataset(folder), cache=False)) == 5


def test_a_clip_in_another_form_is_named_but_still_compared(folder):
    """At 8 kHz a clip can be used, though it is not in the format."""
    tone = vowel(0.4, pitch=150.0)[::2].copy()
    for name in ("low.wav", "again.wav"):
        soundfile.write(folder / name, tone, 8_000)
    table(folder, [*ROWS, ("low.wav", "anna", "yes"), ("again.wav", "ben", "yes")])
    report = check_dataset(folder)
    assert any("8000 Hz" in remark for remark in report.remarks)
    assert report.problems == (refused_when_heard(folder),)


paths = ["a1.wav", "a2.wav", "b1.wav", "b2.wav", "./a1.wav", "gone.wav", "sub", ".", "..", "/a", ""]
paths += ["x" * 300 + ".wav", "c:/a", '"a\nb"']
persons = [
    "anna",
    "anna",
    "ben",
    "ben",
    "Anna",
    "x/anna",
    " anna ",
    "re\u0301",
    "ré",
    "",
    "\u2028a\u2028b",
]
labels = ["yes", "yes", "no", "Yes", "zoom in", "zoom_in", "", '"a\nb"']
takes = ["1", "01", "", "", "two", "9" * 20, '"1\n2"']
rows = st.tuples(*map(st.sampled_from, (paths, persons, labels, takes)))


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(rows, min_size=1, max_size=5))
def test_whatever_loading_refuses_checking_names_and_whatever_is_in_order_loads(folder, rows):
    table(folder, rows, "path,person,label,take")
    try:
        problems = check_dataset(folder).problems
    except VopError as refusal:
        problems = (str(refusal),)
    assert all(len(problem.splitlines()) == 1 for problem in problems)
    try:
        assert len(load_features(load_dataset(folder), cache=False)) == len(rows) or problems
    except VopError as refusal:
        assert problems and (isinstance(refusal, DataError) <= (str(refusal) in problems))


@pytest.mark.skipif(os.name == "nt", reason="needs file names that are bytes")
def test_a_folder_whose_name_is_no_text_is_checked_and_heard_like_any(folder, tmp_path):
    other = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        folder.rename(other)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert check_dataset(other).problems == ()
    table = load_features(load_dataset(other), variants=("room",), cache=False)
    assert table.persons == ("caf\\xe9/anna", "caf\\xe9/ben")


def test_a_copy_of_a_whole_folder_is_in_order(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    assert check_dataset(tmp_path / "copy").problems == ()
