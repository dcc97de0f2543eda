"""Written characters as tables: files and archives alike, scanned person by person."""

import numpy as np
import pytest
import torch
from PIL import Image

from vop_core.data.persons import load_dataset
from vop_core.data.picture_features import SCANS, load_pictures, picture_of
from vop_core.data.pictures import drawn_picture
from vop_core.errors import DataError, PictureError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


@pytest.fixture
def written(tmp_path):
    """Twelve scribbles of three writers, as uint8 images."""
    rng = np.random.default_rng(0)
    images = [drawn_picture([rng.random((5, 2))]).ink.numpy() for _ in range(12)]
    return {
        "images": (255 * np.stack(images)).astype(np.uint8),
        "writer": np.repeat([3, 5, 7], 4),
        "label": np.tile([0, 1], 6),
    }


def archive(folder, arrays):
    folder.mkdir(exist_ok=True)
    np.savez(folder / "all.npz", **arrays)
    return load_dataset(folder)


def test_an_archive_and_its_pictures_in_files_are_the_same_table(tmp_path, written):
    table = load_pictures(archive(tmp_path / "hands", written))
    folder = tmp_path / "hands in files"
    folder.mkdir()
    rows = ["path,person,label,dataset"]
    for index, image in enumerate(written["images"]):
        Image.fromarray(image).save(folder / f"{index:02d}.png")
        rows.append(f"{index:02d}.png,{written['writer'][index]},{written['label'][index]},hands")
    (folder / "metadata.csv").write_text("\n".join(rows))
    files = load_pictures(load_dataset(folder))
    torch.testing.assert_close(files.features, table.features)
    for name in ("persons", "labels"):
        assert getattr(files, name) == getattr(table, name)
    for name in ("person", "label", "take"):
        assert torch.equal(getattr(files, name), getattr(table, name))


def test_strokes_are_drawn_and_a_pen_that_was_lifted_draws_no_line(tmp_path):
    points = np.array([[0, 0], [0, 100], [50, 100], [50, 0]], dtype=np.int16)
    arrays = {
        "points": np.concatenate((points, points)),
        "stroke_end": np.array([False, True, False, True, False, False, False, True]),
        "offset": np.array([0, 4, 8]),
        "writer": np.array([1, 2]),
        "label": np.array(["11", "n"]),
    }
    two, one = (picture_of(each).ink for each in archive(tmp_path / "pen", arrays).records)
    assert one.sum() > two.sum() * 1.1
    with_y_down = points * [1, -1]
    torch.testing.assert_close(one, drawn_picture([with_y_down]).ink)


def test_everybody_has_a_scan_of_their_own_in_whatever_company(tmp_path, written):
    dataset = archive(tmp_path / "hands", written)
    table = load_pictures(dataset, variants=tuple(SCANS))
    assert set(table.variants) == {"original", *SCANS}
    alone = load_pictures(
        dataset.restrict(persons=["hands/5"]), variants=["own environment", "original"]
    )
    seen = table.variants["own environment"][table.person == 1]
    torch.testing.assert_close(alone.variants["own environment"], seen)
    owner = torch.tensor([1, 2, 0])  # half way round three writers
    swapped = {
        each: SCANS["swapped environment"](each, dataset.persons) for each in dataset.persons
    }
    for place, person in enumerate(dataset.persons):
        other = dataset.persons[int(owner[place])]
        assert swapped[person] == SCANS["own environment"](other, dataset.persons)
    with pytest.raises(ValueError, match="unknown variants"):
        load_pictures(dataset, variants=["telephone"])


def test_pictures_are_read_once_and_never_kept_when_that_is_asked(tmp_path, written, cache):
    dataset = archive(tmp_path / "hands", written)
    first = load_pictures(dataset, cache=False)
    assert not cache.exists()
    steps = []
    kept = load_pictures(dataset, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(12, 12)] and len(list(cache.iterdir())) == 1
    again = load_pictures(dataset, progress=lambda done, total: steps.append((done, total)))
    assert len(steps) == 1
    torch.testing.assert_close(first.features, kept.features)
    torch.testing.assert_close(again.features, kept.features)


def test_a_sample_that_stands_there_twice_is_refused(tmp_path, written):
    written["images"][7] = written["images"][2]
    with pytest.raises(DataError, match="same recording"):
        load_pictures(archive(tmp_path / "hands", written))


def test_a_blank_sample_is_refused_by_its_name(tmp_path, written):
    written["images"][7] = 0
    with pytest.raises(PictureError, match=r"all\.npz, sample 7 shows no writing"):
        load_pictures(archive(tmp_path / "hands", written))


def test_a_damaged_picture_is_refused_by_its_name(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    (tmp_path / "metadata.csv").write_text("path,person,label\na.png,p,7\n")
    with pytest.raises(PictureError, match=r"a\.png is no picture"):
        load_pictures(load_dataset(tmp_path))
