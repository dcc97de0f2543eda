"""Images with persons in them: one npz, a person (writer, drawer) for every image.

Arrays: ``images`` (example, height, width; uint8) or ``ink_packed`` with ``shape`` (packed bits);
who made them: ``person`` or ``writer``, or ``alphabet`` and ``drawer`` together; ``label`` or
``character``; optionally ``take``. Never unpickles.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from vop_core.errors import DataError


@dataclass(frozen=True)
class ImageDataset:
    """Images indexed by person; ``person`` and ``label`` are positions in ``persons`` and
    ``labels``.
    """

    name: str
    # 0 is paper, 255 is ink (1 where bits were packed)
    images: UInt8[Tensor, "example height width"]
    person: Int[Tensor, " example"]
    label: Int[Tensor, " example"]
    # repetition of this label by this person, counted from 1 where not given
    take: Int[Tensor, " example"]
    persons: tuple[str, ...]  # 'dataset/person'
    labels: tuple[str, ...]


def load_images(path: str | Path) -> ImageDataset:
    """Read an npz file, or a folder with exactly one.

    Raises
    ------
    DataError
        No such file, not an npz, pickled, or arrays missing or of different lengths.
    """
    path = _npz_file(Path(path))
    name = path.parent.name
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            f"'{path}' is not a plain npz archive of arrays; fetch or write it anew."
        ) from error
    images = _images(arrays, path)
    person_names = _person_names(arrays, path)
    label_names = _label_names(arrays, path)
    if not len(images) == len(person_names) == len(label_names):
        raise DataError(
            f"'{path}' has {len(images)} images, but other numbers of persons or labels; write it "
            "anew."
        )
    persons, person = np.unique(np.char.add(f"{name}/", person_names), return_inverse=True)
    labels, label = np.unique(label_names, return_inverse=True)
    take = arrays["take"] if "take" in arrays else _count_takes(person, label)
    return ImageDataset(
        name=name,
        images=torch.from_numpy(images),
        person=torch.from_numpy(person.astype(np.int64)),
        label=torch.from_numpy(label.astype(np.int64)),
        take=torch.from_numpy(take.astype(np.int64)),
        persons=tuple(map(str, persons)),
        labels=tuple(map(str, labels)),
    )


def _npz_file(path: Path) -> Path:
    candidates = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if len(candidates) != 1 or not candidates[0].is_file():
        raise DataError(
            f"'{path}' is not an npz file or a folder with exactly one; give the file's path."
        )
    return candidates[0]


def _images(arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
    if "images" in arrays:
        return np.ascontiguousarray(arrays["images"], dtype=np.uint8)
    if "ink_packed" in arrays and "shape" in arrays:
        height, width = (int(length) for length in arrays["shape"][-2:])
        bits = np.unpackbits(arrays["ink_packed"], axis=1)[:, : height * width]
        return bits.reshape(-1, height, width)
    raise DataError(
        f"'{path}' has no array 'images'; a set of images needs images, person and label."
    )


def _person_names(arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
    for key in ("person", "writer"):
        if key in arrays:
            return arrays[key].astype(str)
    if "alphabet" in arrays and "drawer" in arrays:  # drawers are counted anew in every alphabet
        names = arrays.get("alphabet_names")
        alphabet = (
            names[arrays["alphabet"]] if names is not None else arrays["alphabet"].astype(str)
        )
        return np.char.add(np.char.add(alphabet.astype(str), "-"), arrays["drawer"].astype(str))
    raise DataError(f"'{path}' does not say who made its images; add an array 'person'.")


def _label_names(arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
    for key, names in (("label", "character"), ("character", "character_names")):
        if key in arrays and len(arrays[key]) == len(
            arrays.get("images", arrays.get("ink_packed", ()))
        ):
            known = arrays.get(names)
            return known[arrays[key]].astype(str) if known is not None else arrays[key].astype(str)
    raise DataError(f"'{path}' does not say what its images show; add an array 'label'.")


def _count_takes(person: np.ndarray, label: np.ndarray) -> np.ndarray:
    seen: dict[tuple[int, int], int] = {}
    takes = np.empty(len(person), dtype=np.int64)
    for position, cell in enumerate(zip(person.tolist(), label.tolist(), strict=True)):
        takes[position] = seen[cell] = seen.get(cell, 0) + 1
    return takes
