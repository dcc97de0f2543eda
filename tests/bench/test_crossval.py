"""Cross-validation end to end on a folder of buzzing persons."""

import json

import pytest
import torch

from tests.buzzing import CONFIG, RECIPE, SCORING, SMALL, write_persons
from tests.toys import difference_named
from vop_core.bench import recipes as recipes_module
from vop_core.bench import training as training_module
from vop_core.bench.crossval import crossval
from vop_core.bench.recipes import CheckpointConfig, Contender, config_hash
from vop_core.data.virtual_persons import VirtualPersons
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.score import DRAWS, MIXED, NOISE, OWN, PRIOR, WRONG_PERSON
from vop_core.methods.amortised_vop import AmortisedVop, AmortisedVopConfig
from vop_core.methods.global_model import GlobalModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_persons(tmp_path_factory.mktemp("data") / "buzz")


@pytest.fixture(scope="module")
def features_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def cache(tmp_path, features_cache, monkeypatch):
    """An empty cache of runs, and one tiny recipe."""
    monkeypatch.setattr("vop_core.data.features.cache_root", lambda: features_cache)
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    tiny = Contender(variant="tiny", method="amortised-vop", config=RECIPE)
    monkeypatch.setitem(recipes_module.RECIPES, "tiny", tiny)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)  # of the tests' own process
    return tmp_path / "cache"


def cross_validate(folder, **changes):
    settings = {"folds": 2, "recipes": ("tiny",), "config": CONFIG, "processes": 1}
    return crossval(str(folder), **settings | changes)


def test_cross_validation_reports_every_row_and_trains_only_once(folder, cache, monkeypatch):
    seen = []
    found = cross_validate(folder, on_progress=seen.append)
    assert "left_out" not in found["config"]
    for set_name in ("open", "closed"):
        for shots in SCORING.shots:
            here = [row for row in found["rows"] if (row["set"], row["shots"]) == (set_name, shots)]
            rows = {row["row"] for row in here if row["method"] == "tiny"}
            assert rows == {OWN, DRAWS, PRIOR, MIXED, WRONG_PERSON, NOISE}
            assert [row["row"] for row in here if row["method"] == "global"] == [OWN]
            for row in here:
                assert row["persons"] == 4  # each was unknown once, and known once
                assert set(row["per_person"]) == {f"buzz/p{index}" for index in range(4)}
            for name in ("personal gain", "right minus wrong"):
                assert difference_named(found, name, set_name, shots) is not None
    assert {entry["fold"] for entry in seen} == {0, 1}
    assert {entry["phase"] for entry in seen} >= {"checkpoint", "global", "tiny"}
    json.dumps(found, allow_nan=False)
    assert not list(cache.rglob("*.state"))

    def never(*arguments, **settings):
        raise AssertionError("a finished cross-validation trained again")

    monkeypatch.setattr(training_module, "train", never)
    assert cross_validate(folder) == found


def test_an_interrupted_cross_validation_goes_on_and_ends_the_same(
    folder, cache, monkeypatch, tmp_path
):
    straight = cross_validate(folder)
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "second"))
    count, true_train = [0], training_module.train

    def broken(*arguments, **settings):
        count[0] += 1
        if count[0] == 3:  # the first fold's VoP

            def stop(step, logs):
                if step == 2:  # the first step's state is on disk
                    raise KeyboardInterrupt

            return true_train(*arguments, **settings | {"report": stop})
        return true_train(*arguments, **settings)

    monkeypatch.setattr(training_module, "train", broken)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(folder)
    assert cross_validate(folder) == straight
    assert count[0] == 7  # six trainings, one of them begun twice


def test_global_and_recipe_start_from_one_shared_model_and_train_equally_long(
    folder, cache, monkeypatch
):
    trained, true_train = [], training_module.train

    def watched(module, sampler, config, **settings):
        start = module.encoder.stem[0].weight.detach().clone()
        result = true_train(module, sampler, config, **settings)
        trained.append(
            (type(module), config, start, module.encoder.stem[0].weight.detach().clone())
        )
        return result

    monkeypatch.setattr(training_module, "train", watched)
    cross_validate(folder)
    for shared, baseline, vop in (trained[:3], trained[3:]):
        assert (shared[0], baseline[0], vop[0]) == (GlobalModel, GlobalModel, AmortisedVop)
        assert baseline[1] == vop[1]
        torch.testing.assert_close(baseline[2], shared[3], rtol=0, atol=0)
        torch.testing.assert_close(vop[2], shared[3], rtol=0, atol=0)


def test_more_folds_than_persons_and_unknown_folders_are_refused(folder, cache):
    with pytest.raises(EvaluationError, match="9 folds need at least 9 persons"):
        cross_validate(folder, folds=9)
    with pytest.raises(DataError, match="There is no data set"):
        cross_validate("no_such_words")


def test_persons_with_a_clip_or_two_are_used_for_what_they_have_and_counted(tmp_path, cache):
    """Of six persons one has a single clip, which can be neither enrolled nor learned from, and one
    has two of one word: one to learn from, the other held out, too few for a step, but enough to be
    asked.
    """
    folder = write_persons(tmp_path / "mixed", persons=6)
    table = (folder / "metadata.csv").read_text("utf-8").splitlines(keepends=True)
    kept = {"p4": ("no_00",), "p5": ("no_00", "no_01")}
    few = [
        line
        for line in table
        if all(f",{name}," not in line or line[3:8] in clips for name, clips in kept.items())
    ]
    assert len(few) == len(table) - 8 - 7
    (folder / "metadata.csv").write_text("".join(few), "utf-8")
    found = cross_validate(folder, folds=3)
    assert found["config"]["remarks"] == [
        "2 person(s) of mixed are not trained on: fewer than 2 training clips.",
        "Of 6 persons, some have no clip left to ask about: "
        "1 after 1 enrolled (mixed/p4); 2 after 2 enrolled (mixed/p5).",
    ]
    persons = {
        row["shots"]: set(row["per_person"])
        for row in found["rows"]
        if (row["set"], row["row"], row["method"]) == ("open", OWN, "tiny")
    }
    learned = {f"mixed/p{index}" for index in range(4)}
    assert persons == {1: learned | {"mixed/p5"}, 2: learned}
    assert cross_validate(write_persons(tmp_path / "whole"))["config"]["remarks"] == []


def test_a_run_is_named_by_everything_that_defines_it():
    run = CONFIG.checkpoint
    names = [
        config_hash(run),
        config_hash(run.with_seed(1)),
        config_hash(run, RECIPE),
        config_hash(run, AmortisedVopConfig(code=3, features=8)),
        config_hash(run, ["a"]),
    ]
    assert len(set(names)) == len(names)
    again = CheckpointConfig(encoder=SMALL, augmentation=VirtualPersons(), training=run.training)
    assert config_hash(run) == config_hash(again)
