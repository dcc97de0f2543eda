"""Few-shot classification from files to scores: alphabets apart, every method the same episodes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from vop_core.bench import suites
from vop_core.bench.recipes import BenchConfig, Contender
from vop_core.bench.results import Store, load_results
from vop_core.bench.run import bench, run_job
from vop_core.bench.suites import FEW_SHOT_METHODS, FOLDS
from vop_core.data.features import FeatureTable
from vop_core.data.locations import has_dataset
from vop_core.data.persons import Fold
from vop_core.data.pictures import drawn_picture
from vop_core.data.ways import WayDrawer, Ways
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.score import Scoring
from vop_core.models.evaluate import evaluate_folder
from vop_core.models.ship import train_task
from vop_core.tasks.base import comparison_folds
from vop_core.tasks.few_shot import FEW_SHOT, OMNIGLOT, FewShot
from vop_core.tasks.registry import TASKS
from vop_core.training.batches import WaySampler

CHARACTERS, DRAWERS = 4, 8


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three alphabets of four scribbles each, as Omniglot's file is made."""
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(FewShot, "episode_count", 6)
    rng = np.random.default_rng(0)
    alphabet, character, drawer = (
        value.flatten()
        for value in np.meshgrid(range(3), range(CHARACTERS), range(DRAWERS), indexing="ij")
    )
    strokes = rng.random((3 * CHARACTERS, 5, 2))
    ink = np.stack(
        [
            drawn_picture([strokes[CHARACTERS * a + c] + 0.05 * rng.random((5, 2))]).ink.numpy()
            for a, c in zip(alphabet, character, strict=True)
        ]
    )
    place = tmp_path / "toy_alphabets"
    place.mkdir()
    names = [f"A{a}/c{c}" for a in range(3) for c in range(CHARACTERS)]
    np.savez(
        place / "all.npz",
        images=(255 * ink).astype(np.uint8),
        alphabet=alphabet,
        alphabet_names=np.array(["A0", "A1", "A2"]),
        drawer=drawer,
        character=CHARACTERS * alphabet + character,
        character_names=np.array(names),
    )
    return str(place)


def task(ways=3, shots=1) -> FewShot:
    return FewShot(Ways(ways, shots), (), queries=2, persons_per_step=3)


def jobs(folder, of_task, methods=FEW_SHOT_METHODS, steps=2):
    usual = BenchConfig.of_task(of_task, of_task.scoring)
    shared, further = (
        replace(each, steps=steps) for each in (usual.checkpoint.training, usual.further)
    )
    encoder = {"name": "conv4", "config": {"channels": 16}}
    config = replace(
        usual,
        checkpoint=replace(usual.checkpoint, encoder=encoder, training=shared),
        further=further,
    )
    return bench(
        "tasks",
        of_task,
        of_task.named(folder),
        [Contender(variant=method, method=method) for method in methods],
        config=config,
        folds=3,
        store=Store.of("smoke"),
    )


def test_alphabets_of_an_episode_were_trained_on_by_nobody(folder):
    of_task = task()
    tested = []
    for job in jobs(folder, of_task):
        data = job.data()
        assert len(data.labels) == 3 and data.open.labels == ("1", "2", "3")
        trained = {label.partition("/")[0] for label in data.train.labels} & {
            data.train.labels[label].partition("/")[0] for label in data.train.label.tolist()
        }
        alphabets = {person.split("/")[1] for person in data.open.persons}
        assert alphabets and not alphabets & trained
        tested += alphabets
    assert sorted(tested) == ["A0", "A1", "A2"]


def test_of_every_class_as_many_samples_enroll(folder):
    of_task = task(shots=2)
    data = jobs(folder, of_task)[0].data()
    persons = range(len(data.open.persons))
    for episode in of_task.episodes(data.open, persons, 6, generator=torch.Generator()):
        assert torch.bincount(data.open.label[episode.enrollment]).tolist() == [2, 2, 2]
        assert torch.bincount(data.open.label[episode.query]).tolist() == [2, 2, 2]


def test_every_method_answers_the_same_episodes_and_learns_from_their_labels(folder):
    """Scribbles with little noise are told apart by class means after a little training; what
    does not read the episode's labels is right by chance, and so is who learned another episode.
    """
    job = jobs(folder, task(), steps=30)[0]
    run_job(job)
    results = {
        each.variant: each for path in job.folder.glob("*.parquet") for each in load_results(path)
    }
    assert set(results) == set(FEW_SHOT_METHODS)
    assert all(each.status == "done" for each in results.values())
    right = {}
    for name, each in results.items():
        scores = each.scores[each.scores["metric"] == "accuracy"]
        # the fold's one alphabet, six times
        assert scores["person"].nunique() == 1 and scores["repetition"].nunique() == 6
        right[name] = scores.groupby("row", observed=True)["value"].mean()
    for name in ("prototypical", "simple-cnaps"):
        assert right[name]["own"] > 0.8
        # 6 episodes of 6 queries: chance 1/3 has a standard error of 0.08
        assert right[name]["wrong-person"] < 1 / 3 + 4 * 0.08
    assert right["global"]["own"] < 1 / 3 + 4 * 0.08


def test_more_ways_than_classes_and_fewer_samples_than_asked_are_refused(folder):
    with pytest.raises(DataError, match="5-way 1-shot episodes need 5 classes of 3 samples"):
        jobs(folder, task(ways=5))[0].data()
    with pytest.raises(DataError, match="3-way 9-shot episodes need 3 classes of 11 samples"):
        jobs(folder, task(shots=9))[0].data()


@pytest.mark.skipif(not has_dataset(OMNIGLOT), reason="VOP_DATA names no folder with Omniglot")
@pytest.mark.parametrize("of_task", FEW_SHOT, ids=lambda each: f"{each.sets} {each.ways.title}")
def test_every_setting_of_the_suite_has_samples_enough_to_train_and_to_ask(of_task):
    (name,) = of_task.sets
    dataset = of_task.dataset(of_task.named(name))
    place = {person: index for index, person in enumerate(dataset.persons)}
    shown = {label: index for index, label in enumerate(dataset.labels)}
    count = len(dataset)
    table = FeatureTable(  # of samples without ink
        variants={"original": torch.zeros(count, 1, 1)},
        person=torch.tensor([place[record.person] for record in dataset.records]),
        label=torch.tensor([shown[record.label] for record in dataset.records]),
        take=torch.zeros(count, dtype=torch.long),
        persons=dataset.persons,
        labels=dataset.labels,
    )
    for fold in comparison_folds(dataset, FOLDS, clips=2):
        train, test = (table.of_persons(part) for part in (fold.train, fold.test))
        for training in (of_task.shared, of_task.branch):
            WaySampler(train, training, of_task.augmentation, of_task.ways)
        assert WayDrawer(test, of_task.ways, of_task.queries).groups


class ToySigns(FewShot):
    """Alphabets A0 and A1 teach what a sign is; it is asked about those of A2."""

    name = "toy-signs"
    vop = "class-vop"
    encoder: ClassVar[Mapping[str, Any]] = {"name": "conv4", "config": {"channels": 16}}
    limits = "Scribbles."

    def __init__(self, folder: str) -> None:
        shapes = {"asked": Ways(3, 2), "spared": 1}
        super().__init__(Ways(4, 1), (folder,), queries=2, persons_per_step=3, **shapes)
        self.shared = replace(self.shared, steps=30)
        self.branch = replace(self.branch, steps=20)

    def data(self, *, progress=None):
        dataset = self.dataset(self.sets[0])
        fold = Fold(dataset.persons[:2], dataset.persons[2:])
        return self.fold_data(self.sets[0], fold, progress=progress)


def test_a_model_of_signs_is_trained_carded_and_evaluated(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(TASKS, ToySigns.name, ToySigns(folder))
    bundle = train_task(ToySigns.name, folder=tmp_path / "model")
    assert bundle.labels == ("1", "2", "3", "4")
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "prototypical" in card and "Health light" not in card and "Scribbles." in card
    assert bundle.card["persons"] == {
        "trained": ["toy_alphabets/A0", "toy_alphabets/A1"],
        "open": ["toy_alphabets/A2"],
    }
    found = evaluate_folder(bundle, folder, scoring=Scoring.everywhere((1, 2, 9)))
    assert found["config"]["notes"] == [
        "Nobody has 3 signs with more than 9 samples, so nothing is asked after 9 of each."
    ]
    rows = {(r["method"], r["row"], r["set"], r["shots"]): r for r in found["rows"]}
    for method in ("prototypical", "vop"):
        for of_set, persons in (("open", 1), ("closed", 2)):
            for shots in (3, 6):
                assert rows[method, "own", of_set, shots]["persons"] == persons
                assert rows[method, "own", of_set, shots]["accuracy"] > 0.6
    gained = {gap["b"] for gap in found["differences"] if gap["name"] == "personal gain"}
    assert gained == {"prototypical"}
    with pytest.raises(DataError, match="3-way 9-shot episodes need"):
        evaluate_folder(bundle, folder, scoring=Scoring.everywhere((9,)))
    with pytest.raises(EvaluationError, match="'toy-signs' has 'personal' alone"):
        train_task(ToySigns.name, recipe="amortised", folder=tmp_path / "other")


def test_there_is_no_model_in_the_box():
    with pytest.raises(EvaluationError, match="made anew in every episode"):
        FEW_SHOT[0].data()


def test_a_set_asked_for_by_its_name_is_asked_in_every_shape_and_for_nothing_else(monkeypatch):
    names = []
    monkeypatch.setattr(suites, "bench", lambda *args, **_: names.append(args[2]) or [])
    monkeypatch.setattr(suites, "find_dataset", Path)
    (omniglot,) = {name for task in FEW_SHOT for name in task.sets if name.startswith("omni")}
    shapes = [task.named(omniglot) for task in FEW_SHOT if omniglot in task.sets]
    for asked, expected in ((omniglot, shapes), (shapes[0], shapes[:1])):
        names.clear()
        suites.suite_jobs("tasks", datasets=[asked])
        assert names == expected
