"""Handwriting: pictures in, digits out; nobody is trained on and tested."""

import numpy as np
import pytest
import torch

from vop_core.data.features import FeatureTable
from vop_core.data.pictures import drawn_picture
from vop_core.data.splits import CHOOSE, TEST, TRAIN, role_of
from vop_core.errors import PictureError
from vop_core.tasks import handwriting
from vop_core.tasks.base import comparison_folds
from vop_core.tasks.handwriting import DIGITS
from vop_core.tasks.registry import TASKS
from vop_core.types import PICTURE_SIDE

TASK = TASKS["handwriting"]


def test_pictures_are_the_inputs_and_nothing_else_is():
    pictures = [drawn_picture([np.random.default_rng(seed).random((4, 2))]) for seed in (0, 1)]
    torch.testing.assert_close(
        TASK.features(pictures), torch.stack([each.ink for each in pictures])
    )
    with pytest.raises(PictureError, match="There is no picture"):
        TASK.features([])
    with pytest.raises(PictureError, match="'a picture' is no picture"):
        TASK.features(["a picture"])


def test_what_nobody_wrote_are_pictures_of_three_kinds_and_another_seed_has_others():
    first, again, other = (
        TASK.nobodys(5, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert set(first) == {"noise", "blots", "stripes"}
    for kind, inks in first.items():
        assert inks.shape == (5, PICTURE_SIDE, PICTURE_SIDE)
        assert inks.min() >= 0 and inks.max() <= 1
        torch.testing.assert_close(inks, again[kind])
        assert (inks != other[kind]).any()


@pytest.fixture
def writers(tmp_path, monkeypatch):
    """A folder of six writers of ten scribbled digits each, three times."""
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    digits = rng.random((10, 5, 2))
    images = [
        drawn_picture([digits[digit] + 0.05 * rng.random((5, 2))]).ink.numpy()
        for _ in range(18)
        for digit in range(10)
    ]
    folder = tmp_path / "hands"
    folder.mkdir()
    np.savez(
        folder / "all.npz",
        images=(255 * np.stack(images)).astype(np.uint8),
        writer=np.repeat(np.arange(6), 30),
        label=np.tile(np.arange(10), 18),
    )
    return folder


def test_a_fold_asks_strangers_in_environments_of_their_own(writers):
    dataset = TASK.dataset(str(writers))
    fold = comparison_folds(dataset, 3, clips=2)[0]
    variants = ("own environment", "swapped environment")
    data = TASK.fold_data(str(writers), fold, variants=variants)
    assert data.train.labels == DIGITS
    assert set(data.train.persons).isdisjoint(data.open.persons)
    # of every digit of a known writer the last take is asked
    assert len(data.train) == 4 * 20 and len(data.closed) == 4 * 10 and len(data.open) == 2 * 30
    assert set(data.train.variants) == {"original"}, "augmentation draws scans of its own"
    own, swapped = (data.open.variants[name] for name in variants)
    assert (own - data.open.features).abs().amax((1, 2)).min() > 0.05
    assert (own - swapped).abs().amax((1, 2)).min() > 0.05


def without_ink(dataset, **_):
    """Whose samples are there, and of what, one pixel each."""
    index = [
        torch.tensor([names.index(getattr(record, field)) for record in dataset.records])
        for field, names in (("person", dataset.persons), ("label", dataset.labels))
    ]
    take = torch.tensor([record.take for record in dataset.records])
    pixel = {"original": torch.zeros(len(take), 1, 1)}
    return FeatureTable(pixel, *index, take, dataset.persons, dataset.labels)


@pytest.mark.data
def test_the_shipped_model_learns_from_writers_with_that_role_alone(real_data, monkeypatch):
    for name in ("mnist_train_writers", "unipen_characters"):
        if not (real_data / name).is_dir():
            pytest.skip(f"no {name} there")
    monkeypatch.setenv("VOP_DATA", str(real_data))
    monkeypatch.setattr(handwriting, "load_pictures", without_ink)  # minutes, and not asked for
    data = TASK.data()
    assert data.train.labels == data.open.labels == DIGITS
    assert {role_of(person) for person in data.train.persons} == {TRAIN}
    assert {role_of(person) for person in data.open.persons} == {TEST}
    assert {role_of(person) for person in TASK.kept_for_choices(data).persons} == {CHOOSE}
    corpora = {person.partition("/")[0] for person in data.train.persons}
    assert corpora == {"mnist_train_writers", "unipen_characters"} and corpora <= set(TASK.licences)
