"""Runs end to end on a folder of buzzing persons: cross-validation, shipped models, evaluation of any folder."""

import json
import re
import shutil
from importlib import import_module

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.data.audio_fixtures import vowel
from tests.toys import make_encoder
from vop_core.data.audio import clip_features, decode_file
from vop_core.data.features import load_features
from vop_core.data.format import LabelledClip, write_dataset
from vop_core.data.persons import Fold, load_dataset
from vop_core.data.virtual_persons import VirtualPersonsConfig
from vop_core.errors import CheckpointError, DataError, EvaluationError, PersonFileError
from vop_core.evaluation.protocol import ROWS
from vop_core.experiments import bundle as bundle_module
from vop_core.experiments import recipes as recipes_module
from vop_core.experiments import runs as runs_module
from vop_core.experiments.bundle import load_bundle, open_person_file, save_bundle
from vop_core.experiments.evaluate import evaluate_folder
from vop_core.experiments.recipes import RunConfig, config_hash
from vop_core.experiments.runs import ScoringConfig
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.vop import Vop, VopConfig
from vop_core.tasks.keyword_spotting import crossval_data
from vop_core.training.config import TrainConfig

crossval_module = import_module("vop_core.experiments.crossval")  # the package's attribute is the function

WORDS = ("go", "no", "yes")
TINY = TrainConfig(steps=2, persons_per_step=2, queries_per_person=2, max_shots=2, checkpoint_every=1)
RUN = RunConfig(tau=0.5, shared=TINY, branch=TINY, virtual=VirtualPersonsConfig())
RECIPE = VopConfig(personal_layers=("film",), code=3, features=8, person_loss=0.1)
SCORING = ScoringConfig(shots=(1, 2), repetitions=1, draws=2, closed_shots=(1,))


def write_persons(folder, persons=4, takes=3, words=WORDS):
    clips = [
        LabelledClip(
            f"p{person}", word, take, torch.from_numpy(vowel(0.25 + 0.1 * index, pitch=90.0 + 35 * person + take))
        )
        for person in range(persons)
        for index, word in enumerate(words)
        for take in range(takes)
    ]
    write_dataset(folder, clips)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_persons(tmp_path_factory.mktemp("data") / "buzz")


@pytest.fixture(scope="module")
def features_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def cache(tmp_path, features_cache, monkeypatch):
    """An empty cache of runs, and one tiny recipe; nothing that came with the repository."""
    monkeypatch.setattr("vop_core.data.features.cache_root", lambda: features_cache)
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(crossval_module, "repository_root", lambda: tmp_path / "repository", raising=False)
    monkeypatch.setitem(recipes_module.RECIPES, "tiny", RECIPE)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)  # of the tests' own process
    return tmp_path / "cache"


def cross_validate(folder, **changes):
    return crossval_module.crossval(
        str(folder), **{"folds": 2, "recipes": ("tiny",), "config": RUN, "scoring": SCORING, "jobs": 1} | changes
    )


def test_cross_validation_reports_every_row_and_trains_only_once(folder, cache, monkeypatch):
    seen = []
    report = cross_validate(folder, on_progress=seen.append)["tiny"]
    for shots in SCORING.shots:
        rows = {row.method: row for row in report.rows if (row.set, row.shots) == ("open", shots)}
        assert rows.keys() == set(ROWS)
        for row in rows.values():
            assert row.persons == 4  # each was unknown once
            assert set(row.per_person) == {f"buzz/p{index}" for index in range(4)}
            assert 0 <= row.accuracy <= 1
        assert report.difference("personal gain", "open", shots) is not None
        assert report.difference("right minus wrong", "open", shots) is not None
    assert report.row("vop", "closed", 1).persons == 4
    assert {entry["fold"] for entry in seen} == {0, 1}
    assert {entry["phase"] for entry in seen} >= {"shared", "global", "vop"}
    json.dumps(report.to_json(), allow_nan=False)
    assert not list(cache.rglob("*.state"))

    def never(*arguments, **settings):
        raise AssertionError("a finished cross-validation trained again")

    monkeypatch.setattr(runs_module, "train", never)
    again = cross_validate(folder)["tiny"]
    assert again.to_json() == report.to_json()


def test_an_interrupted_cross_validation_goes_on_and_ends_the_same(folder, cache, monkeypatch, tmp_path):
    straight = cross_validate(folder)["tiny"].to_json()
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "second"))
    count, true_train = [0], runs_module.train

    def broken(*arguments, **settings):
        count[0] += 1
        if count[0] == 3:  # the first fold's VoP branch

            def stop(step, logs):
                if step == 2:  # the first step's state is on disk
                    raise KeyboardInterrupt

            return true_train(*arguments, **settings | {"report": stop})
        return true_train(*arguments, **settings)

    monkeypatch.setattr(runs_module, "train", broken)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(folder)
    assert cross_validate(folder)["tiny"].to_json() == straight
    assert count[0] == 7  # six trainings, one of them begun twice


def test_both_branches_start_from_one_shared_model_and_train_equally_long(folder, cache, monkeypatch):
    trained, true_train = [], runs_module.train

    def watched(module, sampler, config, **settings):
        start = module.encoder.stem[0].weight.detach().clone()
        result = true_train(module, sampler, config, **settings)
        trained.append((type(module), config, start, module.encoder.stem[0].weight.detach().clone()))
        return result

    monkeypatch.setattr(runs_module, "train", watched)
    cross_validate(folder)
    for shared, rival, vop in (trained[:3], trained[3:]):
        assert (shared[0], rival[0], vop[0]) == (GlobalModel, GlobalModel, Vop)
        assert rival[1] == vop[1]
        torch.testing.assert_close(rival[2], shared[3], rtol=0, atol=0)
        torch.testing.assert_close(vop[2], shared[3], rtol=0, atol=0)


def test_more_folds_than_persons_and_unknown_folders_are_refused(folder, cache):
    with pytest.raises(EvaluationError, match="9 folds need at least 9 persons"):
        cross_validate(folder, folds=9)
    with pytest.raises(DataError, match="There is no data set"):
        cross_validate("no_such_words")


def test_persons_too_small_to_train_on_are_left_out_and_counted(tmp_path, cache):
    """Each of four has three clips and a step needs four; of the four of another folder one has too few."""
    with pytest.raises(EvaluationError, match=r"0 of the 4 persons of 'small' have the 4 clips .* add clips"):
        cross_validate(write_persons(tmp_path / "small", takes=1))
    mixed = write_persons(tmp_path / "mixed")
    table = (mixed / "metadata.csv").read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in table if not (",p3," in line and ",no," not in line)]
    assert len(kept) == len(table) - 6
    (mixed / "metadata.csv").write_text("".join(kept), "utf-8")
    report = cross_validate(mixed, folds=3)["tiny"]
    assert report.config["left_out"] == 1
    assert {row.persons for row in report.rows} == {3}
    assert "left_out" not in cross_validate(write_persons(tmp_path / "whole"))["tiny"].config


def test_a_run_is_named_by_everything_that_defines_it():
    names = [
        config_hash(RUN),
        config_hash(RUN.with_seed(1)),
        config_hash(RUN, RECIPE),
        config_hash(RUN, VopConfig(code=3, features=8)),
        config_hash(RUN, ["a"]),
    ]
    assert len(set(names)) == len(names)
    assert config_hash(RUN) == config_hash(RunConfig(tau=0.5, shared=TINY, branch=TINY))


# --- shipped models -------------------------------------------------------------------------------------------


@pytest.fixture
def models(tmp_path):
    """Untrained models under a task's name, with persons p0 and p1 said to be trained on."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shared = GlobalModel(make_encoder(labels=len(WORDS), stem_stride=2)).eval()
        vop = Vop.from_global(shared, RECIPE).eval()
    card = {"recipe": "tiny", "persons": {"trained": ["buzz/p0", "buzz/p1"], "open": []}}
    save_bundle(tmp_path / "models", "keywords-ar", WORDS, shared, vop, card)
    return tmp_path / "models"


def test_shipped_models_are_loaded_as_they_were_saved_and_do_not_learn(models):
    loaded, again = (load_bundle("keywords-ar", folder=models) for _ in range(2))
    assert loaded.labels == WORDS
    assert loaded.fingerprint == again.fingerprint
    for module in (loaded.global_model, loaded.vop):
        assert not any(part.training for part in module.modules())
        assert not any(value.requires_grad for value in module.parameters())


def test_features_of_the_app_are_features_of_the_table(models, folder):
    dataset = load_dataset(folder).restrict(persons=["buzz/p0"])
    table = load_features(dataset, cache=False)
    clips = [decode_file(record.path) for record in dataset.records]
    heard = load_bundle("keywords-ar", folder=models).features(clips)
    torch.testing.assert_close(table.features, heard, rtol=2**-11, atol=1e-6)
    torch.testing.assert_close(heard[0], clip_features(clips[0].waveform), rtol=0, atol=0)


def refused_model(models, reason, task="keywords-ar"):
    with pytest.raises(CheckpointError) as caught:
        load_bundle(task, folder=models)
    sentence = str(caught.value)
    assert re.search(reason, sentence), sentence
    assert sentence.endswith((".", "vop train keywords-ar")) and sentence.count(". ") == 0 and "\n" not in sentence


def test_models_that_do_not_belong_here_are_refused(models):
    refused_model(models, "of keywords-ar, not of keywords-en", task="keywords-en")
    refused_model(models / "nowhere", "no trained model")
    with pytest.raises(CheckpointError, match="no task 'faces'"):
        load_bundle("faces")


@pytest.mark.parametrize("damage", ["truncated", "pickled", "random", "shape", "missing", "labels", "card", "no card"])
def test_damaged_models_are_refused_in_one_sentence(models, damage):
    file = models / bundle_module.MODEL
    with safe_open(file, framework="pt") as stream:
        head = stream.metadata()
    tensors = load_file(file)
    name = "vop.hyper_personalizer.head.0.weight"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "pickled":
        torch.save(tensors, file)
    elif damage == "random":
        file.write_bytes(
            b"\x01" + bytes(torch.randint(256, (5000,), generator=torch.Generator().manual_seed(0)).tolist())
        )
    elif damage == "shape":
        save_file(tensors | {name: tensors[name][:, 1:].contiguous()}, file, head)
    elif damage == "missing":
        save_file({key: value for key, value in tensors.items() if key != name}, file, head)
    elif damage == "labels":
        about = json.loads(head["about"]) | {"labels": ["yes"]}
        save_file(tensors, file, head | {"about": json.dumps(about)})
    elif damage == "card":
        (models / bundle_module.CARD).write_text("{", "utf-8")
    else:
        (models / bundle_module.CARD).unlink()
    refused_model(models, {"pickled": "pickled", "labels": "names 1 words"}.get(damage, "damaged|does not fit"))


def test_a_persons_file_finds_its_models_by_itself(models, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_module, "models_root", lambda: tmp_path / "root")
    models.rename(tmp_path / "models-moved")
    (tmp_path / "root").mkdir()
    (tmp_path / "models-moved").rename(tmp_path / "root" / "keywords-ar")
    bundle = load_bundle("keywords-ar")
    clips = 2 * torch.randn(2, 40, 101, generator=torch.Generator().manual_seed(0)) - 6
    bundle.vop.enroll(clips).save(tmp_path / "me.safetensors", task="keywords-ar")
    found, person = open_person_file(tmp_path / "me.safetensors")
    assert (found.task, person.shots) == ("keywords-ar", 2)
    bundle.vop.enroll(clips).save(tmp_path / "me.safetensors", task="faces")
    with pytest.raises(PersonFileError, match="unknown task faces"):
        open_person_file(tmp_path / "me.safetensors")


# --- any folder -----------------------------------------------------------------------------------------------


def test_any_folder_is_evaluated_and_the_card_says_who_is_known(models, folder, cache, features_cache):
    known = {path.name for path in features_cache.rglob("*")}
    report = evaluate_folder(load_bundle("keywords-ar", folder=models), folder, shots=(1, 2), scoring=SCORING)
    for name, persons in (("closed", {"buzz/p0", "buzz/p1"}), ("open", {"buzz/p2", "buzz/p3"})):
        rows = {row.method: row for row in report.rows if (row.set, row.shots) == (name, 2)}
        assert rows.keys() == set(ROWS)
        assert set(rows["vop"].per_person) == persons
    assert {path.name for path in features_cache.rglob("*")} == known  # a visitor's folder is not kept
    assert not cache.exists()


def test_another_spelling_is_that_word_and_the_report_says_so(models, folder, cache, tmp_path):
    bundle = load_bundle("keywords-ar", folder=models)
    mine = write_persons(tmp_path / "buzz", words=("GO", *WORDS[1:]))
    report = evaluate_folder(bundle, mine, shots=(1,), scoring=SCORING)
    plain = evaluate_folder(bundle, folder, shots=(1,), scoring=SCORING)
    assert report.config["notes"] == ["'GO' is read as 'go' (12 clips)."]
    assert plain.config["notes"] == []
    assert [row.accuracy for row in report.rows] == [row.accuracy for row in plain.rows]


def test_a_recording_that_is_there_twice_is_neither_evaluated_nor_trained_on(models, cache, tmp_path):
    mine = write_persons(tmp_path / "mine")
    shutil.copy(mine / "p0" / "go_00.flac", mine / "p1" / "no_01.flac")
    says = "'p1/no_01.flac' of 'mine/p1' is the same recording as 'p0/go_00.flac' of 'mine/p0'"
    with pytest.raises(DataError, match=says):
        evaluate_folder(load_bundle("keywords-ar", folder=models), mine, shots=(1,), scoring=SCORING)
    with pytest.raises(DataError, match=says):
        crossval_data(str(mine), Fold(("mine/p0",), ("mine/p1",)))


@pytest.mark.parametrize(
    ("trouble", "error", "reason"),
    [
        ("word", DataError, "'maybe' is not a word of this task"),
        ("clip", DataError, "1 of 36 clips of 'mine' are missing"),
        ("few", EvaluationError, "too few"),
        ("table", DataError, "metadata.csv"),
    ],
)
def test_a_folder_that_cannot_be_evaluated_is_refused(models, cache, tmp_path, trouble, error, reason):
    words = (*WORDS[:2], "maybe") if trouble == "word" else WORDS
    takes = 1 if trouble == "few" else 3
    mine = write_persons(tmp_path / "mine", takes=takes, words=words)
    if trouble == "clip":
        load_dataset(mine).records[0].path.unlink()
    if trouble == "table":
        (mine / "metadata.csv").unlink()
    with pytest.raises(error, match=reason):
        evaluate_folder(load_bundle("keywords-ar", folder=models), mine, shots=(4,), scoring=SCORING)
