"""Archives of written characters: who made what, and archives that say it badly."""

import numpy as np
import pytest

from vop_core.data.persons import load_dataset
from vop_core.errors import DataError


def archive(folder, name="x", **arrays):
    folder.mkdir(exist_ok=True)
    np.savez(folder / f"{name}.npz", **arrays)
    return folder


def test_images_know_their_persons(tmp_path):
    images = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
    writer, label = np.array([7, 7, 9, 7]), np.array([1, 1, 0, 0])
    found = load_dataset(archive(tmp_path / "digits", images=images, writer=writer, label=label))
    assert (found.name, found.persons, found.labels) == (
        "digits",
        ("digits/7", "digits/9"),
        ("0", "1"),
    )
    assert [record.person for record in found.records] == [f"digits/{each}" for each in writer]
    assert [record.label for record in found.records] == [str(each) for each in label]
    assert [record.take for record in found.records] == [1, 2, 1, 1]
    for record, image in zip(found.records, images, strict=True):
        np.testing.assert_array_equal(record.content, image)
        assert not record.is_missing


def test_a_data_set_of_an_archive_is_known_by_its_content(tmp_path):
    arrays = {
        "images": np.arange(8, dtype=np.uint8).reshape(2, 2, 2),
        "person": np.array([1, 2]),
        "label": np.array([1, 1]),
    }
    first = load_dataset(archive(tmp_path / "digits", **arrays))
    assert len(set(first.digests)) == 2
    again = load_dataset(archive(tmp_path / "digits", **arrays))
    assert again.fingerprint == first.fingerprint
    arrays["images"][1, 1, 1] += 1
    changed = load_dataset(archive(tmp_path / "digits", **arrays))
    assert changed.fingerprint != first.fingerprint
    assert changed.restrict(persons=["digits/1"]).digests == first.digests[:1]


def test_packed_ink_unpacks_and_a_drawer_counts_within_an_alphabet(tmp_path):
    ink = np.random.default_rng(0).integers(0, 2, (3, 5, 5), dtype=np.uint8)
    folder = archive(
        tmp_path / "ink",
        ink_packed=np.packbits(ink.reshape(3, -1), axis=1),
        shape=np.array([99, 5, 5]),
        alphabet=np.array([0, 1, 1]),
        drawer=np.array([1, 1, 2]),
        character=np.array([0, 1, 1]),
        alphabet_names=np.array(["Greek", "Latin"]),
        character_names=np.array(["Greek/a", "Latin/a"]),
    )
    found = load_dataset(folder)
    np.testing.assert_array_equal(np.stack([each.content for each in found.records]), 255 * ink)
    assert found.persons == ("ink/Greek-1", "ink/Latin-1", "ink/Latin-2")
    assert found.labels == ("Greek/a", "Latin/a")


def test_strokes_are_points_from_the_top_with_the_places_where_the_pen_was_lifted(tmp_path):
    folder = archive(
        tmp_path / "pen",
        points=np.array([[0, 0], [3, 4], [1, 1], [2, 2], [9, 9]], dtype=np.int16),
        stroke_end=np.array([False, True, True, False, True]),
        offset=np.array([0, 3, 5]),
        writer=np.array([1, 2]),
        label=np.array(["a", "b"]),
    )
    first, second = load_dataset(folder).records
    assert first.content.tolist() == [[0, 0, 0], [3, -4, 1], [1, -1, 1]]
    assert second.content.tolist() == [[2, -2, 0], [9, -9, 1]]


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"label": [1], "person": [1]}, "neither an array 'images'"),
        ({"images": np.zeros((4, 2)), "label": [1], "person": [1]}, "neither an array 'images'"),
        ({"images": np.zeros((1, 2, 2)), "label": [1]}, "who made its samples"),
        ({"images": np.zeros((1, 2, 2)), "person": [1]}, "what its samples show"),
        (
            {"images": np.zeros((2, 2, 2)), "person": [1], "label": [1, 2]},
            "other numbers of persons",
        ),
        (
            {"images": np.zeros((1, 2, 2)), "person": np.array([{}]), "label": [1]},
            "not a plain npz",
        ),
    ],
)
def test_bad_archives_are_refused(tmp_path, arrays, says):
    with pytest.raises(DataError, match=says):
        load_dataset(archive(tmp_path / "bad", **arrays))


def test_a_folder_with_a_broken_archive_or_several_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(DataError, match="not a plain npz"):
        load_dataset(tmp_path)
    (tmp_path / "y.npz").write_bytes(b"")
    with pytest.raises(DataError, match=r"has no metadata\.csv"):
        load_dataset(tmp_path)
