"""A shipped model on any folder in the format."""

import shutil

import pytest

from tests.buzzing import KEYWORDS, SCORING, WORDS, write_persons
from vop_core.data.persons import Fold, load_dataset
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.score import DRAWS, MIXED, NOISE, OWN, PRIOR, WRONG_PERSON, Scoring
from vop_core.models import load_bundle
from vop_core.models.evaluate import evaluate_folder

ONE = Scoring.everywhere((1,), repetitions=1, draws=2)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def features_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("vop_core.data.features.cache_root", lambda: tmp_path / "features")
    return tmp_path / "features"


def test_any_folder_is_evaluated_and_the_card_says_who_is_known(
    models, folder, cache, features_cache
):
    known = {path.name for path in features_cache.rglob("*")}
    found = evaluate_folder(load_bundle("keywords-ar", folder=models), folder, scoring=SCORING)
    for name, persons in (("closed", {"buzz/p0", "buzz/p1"}), ("open", {"buzz/p2", "buzz/p3"})):
        here = [row for row in found["rows"] if (row["set"], row["shots"]) == (name, 2)]
        rows = {row["row"]: row for row in here if row["method"] == "vop"}
        assert rows.keys() == {OWN, DRAWS, PRIOR, MIXED, WRONG_PERSON, NOISE}
        assert [row["row"] for row in here if row["method"] == "global"] == [OWN]
        assert set(rows[OWN]["per_person"]) == persons
    # a visitor's folder is not kept
    assert {path.name for path in features_cache.rglob("*")} == known
    assert not cache.exists()


def test_another_spelling_is_that_word_and_the_report_says_so(models, folder, cache, tmp_path):
    bundle = load_bundle("keywords-ar", folder=models)
    mine = write_persons(tmp_path / "buzz", words=("GO", *WORDS[1:]))
    report = evaluate_folder(bundle, mine, scoring=ONE)
    plain = evaluate_folder(bundle, folder, scoring=ONE)
    assert report["config"]["notes"] == ["'GO' is read as 'go' (12 clips)."]
    assert plain["config"]["notes"] == []
    assert [row["accuracy"] for row in report["rows"]] == [row["accuracy"] for row in plain["rows"]]


def test_a_recording_that_is_there_twice_is_neither_evaluated_nor_trained_on(
    models, cache, tmp_path
):
    mine = write_persons(tmp_path / "mine")
    shutil.copy(mine / "p0" / "go_00.flac", mine / "p1" / "no_01.flac")
    says = "'p1/no_01.flac' of 'mine/p1' is the same recording as 'p0/go_00.flac' of 'mine/p0'"
    with pytest.raises(DataError, match=says):
        evaluate_folder(load_bundle("keywords-ar", folder=models), mine, scoring=ONE)
    with pytest.raises(DataError, match=says):
        KEYWORDS.fold_data(str(mine), Fold(("mine/p0",), ("mine/p1",)))


@pytest.mark.parametrize(
    ("trouble", "error", "reason"),
    [
        ("word", DataError, "'maybe' is not a word of this task"),
        ("clip", DataError, "1 of 36 clips of 'mine' are missing"),
        ("few", EvaluationError, "too few"),
        ("table", DataError, "metadata.csv"),
    ],
)
def test_a_folder_that_cannot_be_evaluated_is_refused(
    models, cache, tmp_path, trouble, error, reason
):
    words = (*WORDS[:2], "maybe") if trouble == "word" else WORDS
    takes = 1 if trouble == "few" else 3
    mine = write_persons(tmp_path / "mine", takes=takes, words=words)
    if trouble == "clip":
        load_dataset(mine).records[0].path.unlink()
    if trouble == "table":
        (mine / "metadata.csv").unlink()
    with pytest.raises(error, match=reason):
        evaluate_folder(
            load_bundle("keywords-ar", folder=models), mine, scoring=Scoring.everywhere((4,))
        )
