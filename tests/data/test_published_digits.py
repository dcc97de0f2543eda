"""MNIST's and SVHN's own files: read as their authors wrote them, or refused in a sentence."""

import gzip
import struct

import numpy as np
import pytest
from scipy.io import savemat

from vop_core.continual.benchmarks import BENCHMARKS
from vop_core.data.published_digits import mnist, svhn
from vop_core.errors import DataError


def write_mnist(folder, part: str, pictures: np.ndarray, labels: np.ndarray, packed: bool = False):
    for kind, values in (("images-idx3", pictures), ("labels-idx1", labels)):
        head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        data = head + values.astype(np.uint8).tobytes()
        name = f"{part}-{kind}-ubyte" + (".gz" if packed else "")
        (folder / name).write_bytes(gzip.compress(data) if packed else data)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Twenty samples of each digit in both sets and parts, where VOP_DATA says."""
    generator = np.random.default_rng(0)
    labels = np.arange(200) % 10
    (tmp_path / "mnist").mkdir()
    (tmp_path / "svhn").mkdir()
    for part, name in (("train", "train"), ("t10k", "test")):
        pictures = generator.integers(0, 256, (200, 28, 28))
        write_mnist(tmp_path / "mnist", part, pictures, labels, packed=part == "train")
        colours = generator.integers(0, 256, (32, 32, 3, 200)).astype(np.uint8)
        told = np.where(labels == 0, 10, labels)[:, None]
        savemat(tmp_path / "svhn" / f"{name}_32x32.mat", {"X": colours, "y": told})
    monkeypatch.setenv("VOP_DATA", str(tmp_path))
    return tmp_path


def test_both_sets_are_read_as_they_are_written(published):
    digits = mnist(published / "mnist", "train")
    assert digits.pictures.shape == (200, 28, 28, 1)
    assert (digits.labels == np.arange(200) % 10).all()
    colours = svhn(published / "svhn", "test")
    assert colours.pictures.shape == (200, 32, 32, 3)
    assert (colours.labels == np.arange(200) % 10).all()  # ten is nought


def test_the_standard_benchmark_has_two_users_and_half_of_each_adapts(published):
    sequence = BENCHMARKS["numbers-standard"].sequence(0)
    assert sequence.users == ("mnist", "svhn")
    assert sequence.server.features.shape == (400, 84, 28)
    for task in range(5):
        (users,) = sequence.batches(task)
        assert users.own.shape[:2] == users.asked.shape[:2] == (2, 20)
    grey = sequence.own.features[sequence.own.person == 0].unflatten(1, (3, 28))
    assert grey[:, 0].equal(grey[:, 1])
    # the darkest pixel of each, as the released code has it
    assert float(grey.min()) == pytest.approx(-0.1307 / 0.3081)
    assert float(sequence.own.features.max()) <= (1 - 0.1307) / 0.3081 + 1e-6


def test_what_is_missing_or_damaged_is_said(published):
    file = published / "mnist" / "t10k-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(DataError, match="'t10k-labels-idx1-ubyte' is damaged"):
        mnist(published / "mnist", "test")
    file.unlink()
    with pytest.raises(DataError, match="'mnist' has no file 't10k-labels-idx1-ubyte'"):
        mnist(published / "mnist", "test")
    (published / "svhn" / "test_32x32.mat").write_bytes(b"no matrix")
    with pytest.raises(DataError, match=r"'test_32x32\.mat' is damaged"):
        svhn(published / "svhn", "test")
    write_mnist(published / "mnist", "t10k", np.zeros((3, 28, 28)), np.zeros(2))
    with pytest.raises(DataError, match="3 pictures and 2 labels"):
        mnist(published / "mnist", "test")
