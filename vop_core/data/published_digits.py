"""MNIST and SVHN as they are published, for the exact Numbers benchmark.

MNIST: ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-…``, each perhaps with
``.gz``. SVHN: ``train_32x32.mat`` and ``test_32x32.mat``, where label 10 is the digit 0.
"""

import gzip
import hashlib
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from vop_core.errors import DataError

MNIST_PARTS = {"train": "train", "test": "t10k"}
UNSIGNED_BYTES = 0x08  # of an idx file's values


class Digits(NamedTuple):
    """Pictures and what they show."""

    pictures: UInt8[np.ndarray, "picture row column plane"]
    labels: Int[np.ndarray, " picture"]


def mnist(folder: Path, part: str) -> Digits:
    """``train`` or ``test``, one plane. Raises DataError where a file is missing or another's."""
    stem = MNIST_PARTS[part]
    pictures = _idx(folder / f"{stem}-images-idx3-ubyte", 3)
    labels = _idx(folder / f"{stem}-labels-idx1-ubyte", 1)
    if len(pictures) != len(labels):
        raise DataError(
            f"MNIST's {part} part has {len(pictures)} pictures and {len(labels)} labels; bring "
            "both files anew."
        )
    return Digits(pictures[..., None], labels.astype(np.int64))


def svhn(folder: Path, part: str) -> Digits:
    """``train`` or ``test``, in colour. Raises DataError where the file is missing or another's."""
    from scipy.io import loadmat

    path = folder / f"{part}_32x32.mat"
    if not path.is_file():
        raise DataError(_missing(path))
    try:
        found = loadmat(path)
        pictures, labels = found["X"].transpose(3, 0, 1, 2), found["y"].ravel() % 10
    except Exception:  # scipy raises whatever the bytes lead it to
        raise DataError(_damaged(path)) from None
    if pictures.ndim != 4 or pictures.dtype != np.uint8 or len(pictures) != len(labels):
        raise DataError(_damaged(path))
    return Digits(pictures, labels.astype(np.int64))


def fingerprint(folder: Path) -> str:
    """Names the files of a folder by their names and sizes."""
    files = sorted((each.name, each.stat().st_size) for each in folder.iterdir() if each.is_file())
    return hashlib.sha256(repr(files).encode()).hexdigest()[:12]


def _idx(path: Path, axes: int) -> UInt8[np.ndarray, "*shape"]:
    packed = path.with_name(f"{path.name}.gz")
    if not path.is_file() and not packed.is_file():
        raise DataError(_missing(path))
    try:
        data = path.read_bytes() if path.is_file() else gzip.decompress(packed.read_bytes())
        zero, kind, found, *shape = struct.unpack_from(f">HBB{axes}I", data)
        if (zero, kind, found) != (0, UNSIGNED_BYTES, axes):
            raise ValueError
        return np.frombuffer(bytearray(data), np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error):
        raise DataError(_damaged(path)) from None


def _missing(path: Path) -> str:
    return (
        f"'{path.parent.name}' has no file '{path.name}'; bring the whole set as it is published."
    )


def _damaged(path: Path) -> str:
    return f"'{path.name}' is damaged, or another file of that name; bring it anew."
