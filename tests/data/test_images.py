"""Images with persons in them: who drew what, and archives that say it badly."""

import numpy as np
import pytest

from vop_core.data.images import load_images
from vop_core.errors import DataError


def test_images_know_their_persons(tmp_path):
    images = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
    (tmp_path / "digits").mkdir()
    path = tmp_path / "digits" / "all.npz"
    np.savez(path, images=images, writer=np.array([7, 7, 9, 7]), label=np.array([1, 1, 0, 0]))
    for place in (path, path.parent):
        loaded = load_images(place)
        assert loaded.persons == ("digits/7", "digits/9")
        assert loaded.labels == ("0", "1")
        assert loaded.person.tolist() == [0, 0, 1, 0]
        assert loaded.label.tolist() == [1, 1, 0, 0]
        assert loaded.take.tolist() == [1, 2, 1, 1]
        np.testing.assert_array_equal(loaded.images.numpy(), images)


def test_packed_ink_unpacks_and_a_drawer_counts_within_an_alphabet(tmp_path):
    ink = np.random.default_rng(0).integers(0, 2, (3, 5, 5), dtype=np.uint8)
    np.savez(
        tmp_path / "ink.npz",
        ink_packed=np.packbits(ink.reshape(3, -1), axis=1),
        shape=np.array([99, 5, 5]),
        alphabet=np.array([0, 1, 1]),
        drawer=np.array([1, 1, 2]),
        character=np.array([0, 1, 1]),
        alphabet_names=np.array(["Greek", "Latin"]),
        character_names=np.array(["Greek/a", "Latin/a"]),
    )
    loaded = load_images(tmp_path / "ink.npz")
    np.testing.assert_array_equal(loaded.images.numpy(), ink)
    assert [name.split("/")[1] for name in loaded.persons] == ["Greek-1", "Latin-1", "Latin-2"]
    assert loaded.labels == ("Greek/a", "Latin/a")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"label": [1], "person": [1]}, "no array 'images'"),
        ({"images": np.zeros((1, 2, 2)), "label": [1]}, "who made its images"),
        ({"images": np.zeros((1, 2, 2)), "person": [1]}, "what its images show"),
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
def test_bad_image_archives_are_refused(tmp_path, arrays, says):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=says):
        load_images(tmp_path / "x.npz")


def test_what_is_no_npz_is_refused(tmp_path):
    with pytest.raises(DataError, match="not an npz file or a folder with exactly one"):
        load_images(tmp_path)
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(DataError, match="not a plain npz"):
        load_images(tmp_path / "x.npz")
