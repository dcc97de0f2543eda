"""The bundled writers are what their rule makes, and each image was used once."""

import numpy as np
import pytest
import torch

from vop_core.data.hands import (
    ENROLLMENT,
    TAKES,
    WRITERS,
    bundled_digits,
    bundled_writers,
    written_digits,
)
from vop_core.data.picture_features import picture_of
from vop_core.data.scans import COMMON_SCANS
from vop_core.errors import DataError
from vop_core.tasks.registry import TASKS
from vop_core.types import PICTURE_SIDE


def test_the_committed_digits_are_those_that_are_made():
    kept = np.stack([record.content for record in bundled_digits().records])
    made = written_digits().flatten(0, 1)
    # a pixel is kept as one of 256 levels; another version of a library may round differently
    assert np.abs(kept / 255 - made.numpy()).max() < 0.01
    assert len(np.unique(kept.reshape(len(kept), -1), axis=0)) == WRITERS * TAKES * 10


def test_every_writer_enrolls_with_some_digits_and_is_asked_about_all_others():
    writers = bundled_writers()
    assert len(writers) == len({writer.id for writer in writers}) == WRITERS
    for writer in writers:
        assert len(writer.enrollment) == ENROLLMENT
        places = [each.path for each in (*writer.enrollment, *writer.query)]
        assert len(set(places)) == len(places) == 10 * TAKES
        assert {each.label for each in writer.query} <= set("0123456789")
    first = writers[0].query[0].load()
    assert first.ink.shape == (PICTURE_SIDE, PICTURE_SIDE)


def test_a_writer_is_more_like_themselves_than_like_another():
    """Their own digits lie closer together than two writers' same digits: a hand is a person's."""
    dataset = bundled_digits()
    inks = torch.stack([picture_of(record).ink for record in dataset.records])
    blurred = torch.nn.functional.avg_pool2d(inks[:, None], 4).view(WRITERS, TAKES, 10, -1)
    hands = blurred.mean((1, 2))
    halves = blurred[:, :2].mean((1, 2)), blurred[:, 2:].mean((1, 2))
    own = (halves[0] - halves[1]).norm(dim=1)
    others = torch.cdist(hands, hands)[~torch.eye(WRITERS, dtype=torch.bool)].view(WRITERS, -1)
    assert (own < others.median(dim=1).values).float().mean() > 0.9


def test_they_can_be_seen_in_environments_of_their_own():
    task, (writer, other, *_) = TASKS["handwriting"], bundled_writers()
    picture = writer.query[0].load()
    assert task.met_in("clean", writer.id, picture) is picture
    seen = {name: task.met_in(name, writer.id, picture) for name in task.environments(writer.id)}
    assert set(seen) == {"own environment", "unforeseen environment", *COMMON_SCANS}
    for name, each in seen.items():
        torch.testing.assert_close(each.ink, task.met_in(name, writer.id, picture).ink)
        assert (each.ink - picture.ink).abs().max() > 0.05
        alike = bool((each.ink == task.met_in(name, other.id, picture).ink).all())
        assert alike is (name in COMMON_SCANS)
        assert each.notes[-1].startswith("seen as")
    with pytest.raises(DataError, match="Nobody can be met in 'by telephone'"):
        task.met_in("by telephone", writer.id, picture)


def test_missing_writers_are_told(tmp_path):
    with pytest.raises(DataError, match=r"python -m vop_core\.data\.hands"):
        bundled_writers(tmp_path / "none")
