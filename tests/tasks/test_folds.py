"""Folds of a comparison keep to a corpus's split: choices are made on persons tested nowhere."""

import pytest

from tests.buzzing import KEYWORDS, write_persons
from vop_core.data import splits
from vop_core.data.episodes import check_disjoint
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import Fold, PersonDataset, load_dataset, person_folds
from vop_core.data.splits import CHOOSE, RULES, TRAIN, persons_with_role
from vop_core.data.ways import by_alphabet
from vop_core.errors import EvaluationError
from vop_core.tasks.base import FOLD_SEED, choice_fold, comparison_folds

ROLES = (*["train"] * 6, *["choose"] * 2, *["bundle"] * 2, *["test"] * 2)


@pytest.fixture
def dataset(tmp_path):
    """Twelve persons; the first has a single clip, all others say two words three times."""
    records = (
        ClipRecord(tmp_path / f"{person}{word}{take}.flac", f"toy/p{person:02d}", word, take)
        for person in range(12)
        for word in ("no", "yes")
        for take in (1, 2, 3)
        if person or (word, take) == ("no", 1)
    )
    return PersonDataset("toy", tmp_path, tuple(records))


@pytest.fixture
def split(dataset, tmp_path, monkeypatch):
    rows = (
        f"{name.partition('/')[2]},{role}"
        for name, role in zip(dataset.persons, ROLES, strict=True)
    )
    (tmp_path / "toy.csv").write_text("\n".join(("person,role", *rows)) + "\n")
    monkeypatch.setattr(splits, "splits_root", lambda: tmp_path)


def test_everybody_but_those_chosen_on_is_unknown_once_and_trained_on_otherwise(dataset, split):
    chosen_on = set(dataset.persons[6:8])
    folds = comparison_folds(dataset, 3, clips=1)
    assert sorted(name for fold in folds for name in fold.test) == sorted(
        set(dataset.persons) - chosen_on
    )
    for fold in folds:
        check_disjoint(fold.train, fold.test)
        assert set(fold.train) | set(fold.test) == set(dataset.persons) - chosen_on


def test_who_has_too_few_clips_to_train_on_is_still_asked(dataset, split):
    folds = comparison_folds(dataset, 3, clips=2)
    (unknown,) = [fold for fold in folds if "toy/p00" in fold.test]
    assert len(unknown.train) == 10 - len(unknown.test)
    assert not any("toy/p00" in fold.train for fold in folds)


def test_choices_are_made_on_persons_who_stand_in_no_fold(dataset, split):
    fold = choice_fold(dataset, clips=2)
    assert fold.train == dataset.persons[1:6]
    assert choice_fold(dataset, clips=1).train == dataset.persons[:6]
    assert fold.test == dataset.persons[6:8]
    rotated = {name for each in comparison_folds(dataset, 3, clips=2) for name in each.test}
    check_disjoint(fold.test, rotated)


def test_training_hears_no_variant_that_is_only_tested_with(tmp_path, monkeypatch):
    """Else an augmentation, which may draw from all of its table, would train in test rooms."""
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    folder = str(write_persons(tmp_path / "buzzing"))
    fold = person_folds(KEYWORDS.dataset(folder).persons, 2, seed=FOLD_SEED)[0]
    tested = ("telephone", "own environment", "swapped environment", "unforeseen environment")
    data = KEYWORDS.fold_data(folder, fold, variants=tested)
    assert set(data.train.variants) == {"original", *KEYWORDS.variants}
    assert set(tested) <= set(data.open.variants)


def test_a_light_is_set_on_persons_kept_for_choices_and_used_for_nothing_else(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VOP_DATA", str(tmp_path))
    persons = KEYWORDS.dataset(str(write_persons(tmp_path / "buzz", takes=1))).persons
    data = KEYWORDS.fold_data("buzz", Fold(persons[:2], persons[2:3]))
    assert KEYWORDS.kept_for_choices(data) is None  # without a split
    monkeypatch.setattr(splits, "splits_root", lambda: tmp_path)
    roles = "".join(f"{name.partition('/')[2]},choose\n" for name in persons[2:])
    (tmp_path / "buzz.csv").write_text("person,role\n" + roles)
    kept = KEYWORDS.kept_for_choices(data)
    assert kept.persons == persons[3:] and kept.labels == data.train.labels
    assert len(kept) == 3 and set(kept.variants) == {"original", *KEYWORDS.variants}
    everybody = KEYWORDS.fold_data("buzz", Fold(persons[:2], persons[2:]))
    assert KEYWORDS.kept_for_choices(everybody) is None


def test_without_a_split_everybody_rotates_and_nothing_can_be_chosen_on(dataset):
    folds = comparison_folds(dataset, 3, clips=1)
    assert folds == person_folds(dataset.persons, 3, seed=FOLD_SEED)
    with pytest.raises(EvaluationError, match=r"^'toy' has 0 person\(s\) to train on and 0 to ch"):
        choice_fold(dataset, clips=1)


def test_a_set_whose_persons_have_one_clip_each_is_refused_in_one_sentence(dataset):
    says = "0 of the 12 persons of 'toy' have the 2 clips that training needs"
    with pytest.raises(EvaluationError, match=says):
        comparison_folds(dataset.restrict(labels=["no"], takes=[1]), 3, clips=2)


@pytest.mark.data
@pytest.mark.parametrize("corpus", RULES)
def test_folds_of_real_corpora_hold_nobody_who_is_chosen_on(real_data, corpus):
    if not (real_data / corpus).is_dir():
        pytest.skip(f"no {corpus} there")
    dataset = by_alphabet(load_dataset(real_data / corpus))
    folds, choice = comparison_folds(dataset, 3, clips=2), choice_fold(dataset, clips=2)
    chosen_on = persons_with_role(dataset, CHOOSE)
    for fold in folds:
        check_disjoint((*fold.train, *fold.test), chosen_on)
    assert sum(len(fold.test) for fold in folds) + len(chosen_on) == len(dataset.persons)
    assert choice.test == chosen_on
    assert set(choice.train) <= set(persons_with_role(dataset, TRAIN))
