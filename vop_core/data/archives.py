"""Samples of many persons in one npz: images or pen strokes, each with who made it and what it
shows.

Arrays, one entry a sample: ``images`` (row, column; uint8), or ``ink_packed`` with ``shape``
(packed bits), or strokes as ``points`` (x to the right, y upwards), ``stroke_end`` (after which the
pen was lifted) and ``offset`` (where a sample's points begin; one more at the end); who made it:
``person`` or ``writer``, or ``alphabet`` and ``drawer`` together; ``label`` or ``character``;
optionally ``take``. Nothing is unpickled.
"""

import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vop_core.data.metadata import SAME_PERSONS, ClipRecord, dataset_name, person_id
from vop_core.errors import DataError

Arrays = Mapping[str, np.ndarray]


def archive_in(folder: Path) -> Path | None:
    """The one npz of a folder; None where there is none, or several."""
    found = sorted(folder.glob("*.npz")) if folder.is_dir() else []
    return found[0] if len(found) == 1 else None


def read_archive(path: Path) -> tuple[ClipRecord, ...]:
    """Every sample of an npz, with its content; persons are of the data set that its folder names.

    Raises
    ------
    DataError
        It is no npz, or pickled, or arrays are missing or of different lengths.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            f"'{path}' is not a plain npz archive of arrays; fetch or write it anew."
        ) from error
    contents = _contents(arrays, path)
    persons, labels = _persons(arrays, path), _labels(arrays, len(contents), path)
    if not len(contents) == len(persons) == len(labels):
        raise DataError(
            f"'{path}' has {len(contents)} samples, but other numbers of persons or labels; write "
            "it anew."
        )
    name = dataset_name(path.parent)
    persons = [person_id(SAME_PERSONS.get(name, name), person) for person in persons]
    takes = arrays["take"].tolist() if "take" in arrays else _counted(persons, labels)
    return tuple(
        ClipRecord(path / str(place), *row, content=content)
        for place, (content, *row) in enumerate(zip(contents, persons, labels, takes, strict=True))
    )


def _contents(arrays: Arrays, path: Path) -> Sequence[np.ndarray]:
    """uint8 (row, column), 255 or 1 being ink; or int16 (point, 3): x, y downwards, whether the pen
    was lifted after it.
    """
    if "images" in arrays and arrays["images"].ndim == 3:
        return list(np.ascontiguousarray(arrays["images"], dtype=np.uint8))
    if "ink_packed" in arrays and "shape" in arrays:
        height, width = (int(length) for length in arrays["shape"][-2:])
        bits = np.unpackbits(arrays["ink_packed"], axis=1)[:, : height * width]
        return list(255 * bits.reshape(-1, height, width))
    if {"points", "stroke_end", "offset"} <= set(arrays):
        x, y = arrays["points"].astype(np.int16).T
        points = np.stack((x, -y, arrays["stroke_end"].astype(np.int16)), axis=1)
        return np.split(points, arrays["offset"][1:-1])
    raise DataError(
        f"'{path}' has neither an array 'images' (sample, row, column) nor strokes; a set of "
        "written characters needs one of them, person and label."
    )


def _persons(arrays: Arrays, path: Path) -> list[str]:
    for name in ("person", "writer"):
        if name in arrays:
            return arrays[name].astype(str).tolist()
    if "alphabet" in arrays and "drawer" in arrays:  # drawers are counted anew in every alphabet
        names = arrays.get("alphabet_names")
        alphabet = arrays["alphabet"] if names is None else names[arrays["alphabet"]]
        pairs = zip(alphabet.astype(str), arrays["drawer"].astype(str), strict=True)
        return [f"{alphabet}-{drawer}" for alphabet, drawer in pairs]
    raise DataError(f"'{path}' does not say who made its samples; add an array 'person'.")


def _labels(arrays: Arrays, count: int, path: Path) -> list[str]:
    for name, titles in (("label", "character"), ("character", "character_names")):
        if name in arrays and len(arrays[name]) == count:
            known = arrays.get(titles)
            return (arrays[name] if known is None else known[arrays[name]]).astype(str).tolist()
    raise DataError(f"'{path}' does not say what its samples show; add an array 'label'.")


def _counted(persons: Sequence[str], labels: Sequence[str]) -> list[int]:
    said: Counter[tuple[str, str]] = Counter()
    takes = []
    for cell in zip(persons, labels, strict=True):
        said[cell] += 1
        takes.append(said[cell])
    return takes
