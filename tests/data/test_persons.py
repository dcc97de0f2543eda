"""Data sets indexed by person, and splits that keep persons apart."""

from pathlib import Path

import platformdirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vop_core.data.episodes import check_disjoint
from vop_core.data.locations import cache_root, data_root, find_dataset, repository_root
from vop_core.data.persons import (
    closed_open_split,
    load_dataset,
    person_folds,
    read_quality,
    trainable_persons,
)
from vop_core.errors import DataError, EvaluationError


@pytest.fixture
def folder(tmp_path):
    """A table of three persons, two words and three takes; the clips themselves are not needed to
    load it.
    """
    rows = [
        f"{person}/{word}_{take}.flac,{person},{word},{take},{'f' if person == 'anna' else 'm'}"
        for person in ("anna", "ben", "cai")
        for word in ("no", "yes")
        for take in (1, 4, 9)
    ]
    root = tmp_path / "words"
    root.mkdir()
    (root / "metadata.csv").write_text(
        "path,person,label,take,gender\n" + "\n".join(rows) + "\n", "utf-8"
    )
    return root


def table(root, text):
    root.mkdir(exist_ok=True)
    (root / "metadata.csv").write_bytes(text.encode())
    return root


def test_a_person_is_known_by_data_set_and_name(folder):
    dataset = load_dataset(folder)
    assert dataset.persons == ("words/anna", "words/ben", "words/cai")
    assert dataset.labels == ("no", "yes")
    assert len(dataset) == 18
    assert dataset.records[0].path == folder / "anna" / "no_1.flac"
    assert dataset.records[0].attributes == {"gender": "f"}
    assert dataset.clips_per_person["words/ben"] == 6


def test_restrictions_combine(folder):
    dataset = load_dataset(folder)
    part = dataset.restrict(persons=["words/anna", "words/ben"], labels=["yes"], takes=[1, 9])
    assert {(r.person, r.label, r.take) for r in part.records} == {
        (person, "yes", take) for person in ("words/anna", "words/ben") for take in (1, 9)
    }
    assert dataset.restrict(attributes={"gender": "f"}).persons == ("words/anna",)
    assert dataset.without(["words/anna"]).persons == ("words/ben", "words/cai")


def test_asking_for_an_unknown_person_or_label_is_refused(folder):
    dataset = load_dataset(folder)
    with pytest.raises(DataError, match="has no person 'anna'"):
        dataset.restrict(persons=["anna"])
    with pytest.raises(DataError, match="has no label 'maybe'"):
        dataset.restrict(labels=["maybe"])


def test_tables_from_elsewhere_are_read_tolerantly(tmp_path):
    """Windows separators, a byte-order mark, spaces in labels, no takes, a person of another data
    set.
    """
    text = (
        "\ufeffpath,person,label,dataset\r\nzoom in\\a.flac,p1,zoom in,\r\nb.flac,p1,zoom "
        "in,other\r\n"
    )
    dataset = load_dataset(table(tmp_path / "w", text))
    first, second = dataset.records
    assert first.path == tmp_path / "w" / "zoom in" / "a.flac"
    assert (first.person, second.person) == ("w/p1", "other/p1")
    assert first.label == "zoom in"
    assert first.take == 1


def test_a_folder_without_a_table_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"has no metadata\.csv"):
        load_dataset(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(DataError, match="lists no clips"):
        load_dataset(table(tmp_path / "w", "path,person,label,take\n"))


def test_known_bad_persons_are_named_but_not_dropped(tmp_path):
    rows = "".join(f"{p}/{k}.flac,{p},w,{k}\n" for p in ("s01", "s02", "s06") for k in (1, 2))
    dataset = load_dataset(table(tmp_path / "dspspeech20", "path,person,label,take\n" + rows))
    assert dataset.known_bad == {"dspspeech20/s01", "dspspeech20/s06"}
    assert "dspspeech20/s01" in dataset.persons
    assert dataset.without(dataset.known_bad).persons == ("dspspeech20/s02",)


def test_quality_remarks_are_read_per_person(folder):
    assert read_quality(folder) == {}
    (folder / "speaker_quality.csv").write_text("person,flag,evidence\nanna,weak,accuracy 0.4\n")
    assert read_quality(folder) == {"words/anna": "weak: accuracy 0.4"}


names = st.lists(st.text("abcdefgh", min_size=1, max_size=4), min_size=6, max_size=30, unique=True)


@settings(deadline=None, max_examples=60)
@given(names, st.integers(2, 6), st.integers(0, 2**31))
def test_folds_test_everybody_once_and_never_share_a_person(persons, folds, seed):
    drawn = person_folds(persons, folds, seed=seed)
    assert sorted(name for fold in drawn for name in fold.test) == sorted(persons)
    for fold in drawn:
        check_disjoint(fold.train, fold.test)
        assert set(fold.train) | set(fold.test) == set(persons)
    sizes = [len(fold.test) for fold in drawn]
    assert max(sizes) - min(sizes) <= 1


@settings(deadline=None, max_examples=30)
@given(names, st.integers(0, 2**31), st.randoms(use_true_random=False))
def test_folds_depend_on_the_seed_and_not_on_the_order_of_persons(persons, seed, random):
    shuffled = random.sample(persons, len(persons))
    assert person_folds(persons, 3, seed=seed) == person_folds(shuffled, 3, seed=seed)


def test_another_seed_makes_other_folds():
    persons = [f"p{number}" for number in range(20)]
    assert len({person_folds(persons, 4, seed=seed) for seed in range(5)}) == 5


def test_more_folds_than_persons_are_refused():
    with pytest.raises(EvaluationError, match="3 folds need at least 3 persons, but there are 2"):
        person_folds(["a", "b"], 3, seed=0)
    with pytest.raises(EvaluationError, match="at least 2 folds"):
        person_folds(["a", "b"], 1, seed=0)


def test_closed_holds_the_last_takes_of_known_persons_and_open_the_unknown(folder):
    split = closed_open_split(load_dataset(folder), open_persons=["words/cai"])
    check_disjoint(split.train.persons, split.open.persons)
    assert split.open.persons == ("words/cai",)
    assert len(split.open) == 6
    assert split.closed.persons == split.train.persons == ("words/anna", "words/ben")
    assert {record.take for record in split.closed.records} == {9}
    assert {record.take for record in split.train.records} == {1, 4}
    paths = [
        {record.path for record in part.records} for part in (split.train, split.closed, split.open)
    ]
    assert sum(map(len, paths)) == len(set().union(*paths)) == 18


def test_a_word_said_once_stays_in_training(tmp_path):
    rows = "a1.flac,a,yes,1\na2.flac,a,no,1\na3.flac,a,no,2\nb.flac,b,no,1\n"
    dataset = load_dataset(table(tmp_path / "w", "path,person,label,take\n" + rows))
    split = closed_open_split(dataset, open_persons=["w/b"])
    assert [(record.label, record.take) for record in split.closed.records] == [("no", 2)]
    assert {(record.label, record.take) for record in split.train.records} == {
        ("yes", 1),
        ("no", 1),
    }


def test_who_can_be_trained_on_is_counted_without_what_the_closed_set_holds_out(folder):
    """Six clips each, of which the last take of both words is held out: four are left, and never
    five.
    """
    dataset = load_dataset(folder)
    assert trainable_persons(dataset, 4) == dataset.persons
    assert trainable_persons(dataset, 5) == ()
    fewer = dataset.restrict(takes=[1])  # said once, a word stays in training
    assert trainable_persons(fewer, 2) == dataset.persons


def test_data_sets_are_found_by_path_and_by_name(folder, monkeypatch):
    monkeypatch.setenv("VOP_DATA", str(folder.parent))
    assert data_root() == folder.parent
    assert find_dataset("words") == find_dataset(folder) == folder
    with pytest.raises(DataError, match="There is no data set at 'wordz'"):
        find_dataset("wordz")
    for empty in ("", " "):
        with pytest.raises(DataError, match="name is empty"):
            find_dataset(empty)


def test_a_data_set_has_the_name_it_is_stored_under_however_it_is_asked_for(folder, monkeypatch):
    """Persons are known by it: as "WORDS/anna", a person who was trained on would pass for
    unknown.
    """
    monkeypatch.setenv("VOP_DATA", str(folder.parent))
    monkeypatch.chdir(folder)
    for asked in ("words", "Words", "WORDS/", folder.with_name("wOrds"), ".", "../Words"):
        assert load_dataset(find_dataset(asked)).name == "words"
    folder.rename(folder.with_name("Rene\u0301"))
    assert load_dataset(find_dataset("ren\u00e9")).persons[0] == "Ren\u00e9/anna"


def test_without_a_choice_data_lies_in_the_users_cache_and_nothing_in_the_checkout(
    monkeypatch, tmp_path
):
    monkeypatch.delenv("VOP_DATA", raising=False)
    assert data_root() == cache_root() / "data"
    monkeypatch.delenv("VOP_CACHE")
    assert cache_root() == Path(platformdirs.user_cache_dir("vop-studio", appauthor=False))
    assert not cache_root().is_relative_to(repository_root())
    monkeypatch.setenv("VOP_CACHE", "~/elsewhere")
    assert cache_root() == Path.home() / "elsewhere"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOP_CACHE", "here")
    assert cache_root() == tmp_path / "here"


def test_a_linked_folder_keeps_the_name_it_is_linked_under(folder, tmp_path):
    link = tmp_path / "speech"
    link.symlink_to(folder)
    assert load_dataset(link).persons == ("speech/anna", "speech/ben", "speech/cai")
