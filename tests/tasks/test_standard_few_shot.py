"""The benchmarks that others report: read as published, classes in pools, episodes as persons."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from tests.tasks.test_few_shot import jobs
from vop_core.bench.results import load_results
from vop_core.bench.run import run_job
from vop_core.data.features import FeatureTable
from vop_core.data.persons import load_dataset
from vop_core.data.ways import Ways, with_quarter_turns
from vop_core.errors import DataError, PictureError
from vop_core.tasks.standard_few_shot import STANDARD, MiniImageNet, StandardOmniglot

ALPHABETS, CHARACTERS, DRAWERS = 2, 10, 6


@pytest.fixture(autouse=True)
def few(tmp_path, monkeypatch):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    for kind in (StandardOmniglot, MiniImageNet):
        monkeypatch.setattr(kind, "episode_count", 8)


@pytest.fixture
def omniglot(tmp_path):
    """Scribbles in the folders of the published set."""
    rng = np.random.default_rng(0)
    for alphabet in range(ALPHABETS):
        part = ("images_background", "images_evaluation")[alphabet]
        for character in range(CHARACTERS):
            folder = tmp_path / "omniglot" / part / f"A{alphabet}" / f"character{character + 1:02d}"
            folder.mkdir(parents=True)
            points = rng.integers(15, 90, (5, 2))
            for drawer in range(DRAWERS):
                image = Image.new("1", (105, 105), 1)
                moved = points + rng.integers(-4, 5, points.shape)
                ImageDraw.Draw(image).line([tuple(map(int, p)) for p in moved], fill=0, width=3)
                image.save(folder / f"{character:04d}_{drawer + 1:02d}.png")
    return tmp_path / "omniglot"


@pytest.fixture
def photographs(tmp_path):
    """Plain colours, a class each, in three parts."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "mini_imagenet"
    for part, classes in (("train", 6), ("val", 1), ("test", 5)):
        for number in range(classes):
            place = folder / part / f"{part}-{number}"
            place.mkdir(parents=True)
            colour = rng.integers(0, 256, 3)
            for picture in range(4):
                noisy = np.clip(colour + rng.integers(-9, 10, (40, 60, 3)), 0, 255)
                Image.fromarray(noisy.astype(np.uint8)).save(place / f"{picture}.png")
    return folder


def test_published_folders_say_who_drew_what(omniglot):
    found = load_dataset(omniglot)
    assert len(found) == ALPHABETS * CHARACTERS * DRAWERS
    assert len(found.labels) == ALPHABETS * CHARACTERS
    assert set(found.persons) == {
        f"omniglot/A{alphabet}-{drawer:02d}"
        for alphabet in range(ALPHABETS)
        for drawer in range(1, DRAWERS + 1)
    }


def test_tested_characters_are_trained_on_in_no_turn(omniglot):
    of_task = StandardOmniglot(Ways(5, 1), (), queries=2, persons_per_step=2)
    (job,) = jobs(str(omniglot), of_task)
    assert (job.fold, job.folds) == (0, 1)
    data = job.data()
    dataset = of_task.dataset(str(omniglot))
    pools = {
        part: {record.label for record in dataset.records if record.person.endswith(part)}
        for part in ("train", "test")
    }
    assert len(pools["train"]) == 15 and len(pools["test"]) == 5  # 1,200 of 1,623, of 20
    trained = {data.train.labels[label] for label in data.train.label.tolist()}
    assert trained == pools["train"] and not trained & pools["test"]
    assert len(data.open.persons) == 8 and len(set(map(of_task.group_of, data.open.persons))) == 8
    # a person is an episode: five classes, of each one to learn from and two asked about
    assert torch.bincount(data.open.person).tolist() == 8 * [15]


def test_a_turn_is_a_class_of_its_own():
    picture = torch.arange(9.0).view(1, 3, 3)
    none = torch.zeros(1, dtype=torch.long)
    table = FeatureTable({"original": picture}, none, none, none, ("test",), ("a",))
    found = with_quarter_turns(table)
    assert found.label.tolist() == [0, 1, 2, 3] and len(set(found.labels)) == 4
    for quarter, turned in enumerate(found.features):
        assert torch.equal(turned, torch.from_numpy(np.rot90(picture[0].numpy(), quarter).copy()))


@pytest.mark.parametrize("kind", [StandardOmniglot, MiniImageNet])
def test_class_means_tell_them_apart_after_a_little_training(kind, omniglot, photographs):
    of_task = kind(Ways(5, 1), (), queries=2, persons_per_step=2)
    folder = {StandardOmniglot: omniglot, MiniImageNet: photographs}[kind]
    small = {"name": "conv4", "config": {**of_task.encoder["config"], "channels": 8}}
    (job,) = jobs(str(folder), of_task, methods=("prototypical",), steps=8)
    config = replace(job.config, checkpoint=replace(job.config.checkpoint, encoder=small))
    job = replace(job, config=config)
    run_job(job)
    (result,) = load_results(job.result_file(job.contenders[0]))
    scores = result.scores
    own = scores[(scores["row"] == "own") & (scores["metric"] == "accuracy")]
    assert own["person"].nunique() == 8
    assert own["value"].mean() > 0.4  # chance is 0.2


def test_colours_stand_above_one_another(photographs):
    of_task = MiniImageNet(Ways(5, 1), (), queries=2, persons_per_step=2)
    table = of_task.table(of_task.dataset(str(photographs)))
    assert table.features.shape == (48, 3 * 84, 84)
    means = table.features.unflatten(1, (3, 84)).mean((2, 3))
    apart = [means[table.label == label] for label in range(len(table.labels))]
    # of one class the colour is one; its noise is of 9 in 256
    assert all(float(each.std(0).max()) < 0.01 for each in apart)


def test_a_part_that_is_missing_and_a_class_in_two_are_refused(photographs):
    of_task = MiniImageNet(Ways(5, 1), (), queries=2, persons_per_step=2)
    (photographs / "test" / "train-0").mkdir()
    with pytest.raises(DataError, match="'train-0' stands in train and in test"):
        of_task.dataset(str(photographs))
    (photographs / "test" / "train-0").rmdir()
    for place in (photographs / "test").iterdir():
        for file in place.iterdir():
            file.unlink()
    with pytest.raises(DataError, match="no classes to train on or none to test"):
        jobs(str(photographs), of_task)


def test_what_is_no_photograph_is_named(photographs):
    (photographs / "val" / "val-0" / "broken.jpg").write_bytes(b"no picture")
    of_task = MiniImageNet(Ways(5, 1), (), queries=2, persons_per_step=2)
    with pytest.raises(PictureError, match=r"'broken\.jpg' is no picture"):
        of_task.table(of_task.dataset(str(photographs)))


def test_the_suite_runs_the_published_shapes():
    shapes = {(of_task.sets[0], of_task.ways.title) for of_task in STANDARD}
    assert shapes == {
        *(("omniglot", f"{ways}-way {shots}-shot") for ways in (5, 20) for shots in (1, 5)),
        *(("mini_imagenet", f"5-way {shots}-shot") for shots in (1, 5)),
    }
    assert {of_task.spared for of_task in STANDARD if of_task.sets[0] == "mini_imagenet"} == {15}
