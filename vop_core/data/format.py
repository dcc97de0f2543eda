"""The one on-disk format: a folder with ``metadata.csv`` and 16 kHz mono FLAC.

Columns of ``metadata.csv``: ``path`` (relative, ``/`` between folders), ``person``, ``label``, ``take`` (a
whole number), then any further attributes. A person is known everywhere as ``dataset/person``, where
``dataset`` is the row's ``dataset`` attribute if there is one, else the folder's name. Reading is tolerant
(``\\`` in paths, a byte-order mark, missing takes are counted); writing is strict: all or nothing.
"""

import csv
import errno
import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile
from jaxtyping import Float
from torch import Tensor

from vop_core.errors import DataError

METADATA = "metadata.csv"
REQUIRED_COLUMNS = ("path", "person", "label")
SAMPLE_RATE = 16_000  # Hz
FEWEST_CLIPS = 2  # one to enroll and one to ask about


def read_metadata(folder: str | Path) -> list[dict[str, str]]:
    """The rows of ``metadata.csv`` as they stand, its columns checked.

    Raises
    ------
    DataError
        No folder, no readable ``metadata.csv``, no rows, or a required column is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"'{folder}' is not a folder; give the folder that holds {METADATA}.")
    table = folder / METADATA
    if not table.is_file():
        raise DataError(
            f"'{folder}' has no {METADATA}; a data set is a folder with {METADATA} "
            f"(path, person, label, take) and its clips."
        )
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = tuple(reader.fieldnames or ())
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise DataError(f"'{table}' cannot be read as a UTF-8 comma-separated table ({error}).") from error
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise DataError(
            f"'{table}' has no column '{missing[0]}'; its columns must be path, person, label, take."
        )
    if not rows:
        raise DataError(f"'{table}' lists no clips; add one row for each clip.")
    return rows


def person_id(dataset: str, person: str) -> str:
    """``dataset/person``, unless ``person`` already says of which data set it is."""
    return person if "/" in person else f"{dataset}/{person}"


def clip_path(text: str, where: str) -> PurePosixPath:
    """A relative path inside the data set's folder, from ``/`` or ``\\`` notation.

    Raises
    ------
    DataError
        The path is absolute or climbs out with ``..``: a table from elsewhere must not open other files.
    """
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or ":" in path.parts[0] or ".." in path.parts:
        raise DataError(f"{where} points outside the data set ('{text}'); use a path relative to its folder.")
    return path


@dataclass(frozen=True)
class LabelledClip:
    """A clip on its way to disk: who says what, which repetition, and the sound at 16 kHz."""

    person: str  # without the data set's name
    label: str
    take: int
    waveform: Float[Tensor, " sample"]  # amplitude in [-1, 1]
    attributes: Mapping[str, str] = field(default_factory=dict)


def write_dataset(
    folder: str | Path, clips: Iterable[LabelledClip], *, texts: Mapping[str, str] | None = None
) -> int:
    """Write clips as they come, then ``metadata.csv`` and ``texts`` (file name: content); returns how many.

    All or nothing: everything is written beside ``folder`` and moved there at the end. 16-bit samples survive
    unchanged.

    Raises
    ------
    DataError
        ``folder`` already holds something, there are no clips, two clips claim the same person, label and
        take, or the disk is full or read-only.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"'{folder}' already exists and is not empty; remove it or choose another folder.")
    unfinished = folder.with_name(folder.name + ".unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        writer = _Writer(unfinished)
        rows = [writer.write(clip) for clip in clips]
        _write_table(unfinished / METADATA, rows, str(folder))
        for name, text in (texts or {}).items():
            (unfinished / name).write_text(text, encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    except (OSError, soundfile.LibsndfileError) as error:
        raise disk_error(folder, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return len(rows)


class _Writer:
    """Writes clips below ``root``, each under a path of its own on every file system."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cells: set[tuple[str, str, int]] = set()
        self.taken: set[str] = set()

    def write(self, clip: LabelledClip) -> dict[str, str]:
        """Write one clip; returns its row."""
        cell = (clip.person, clip.label, clip.take)
        if cell in self.cells:
            raise DataError(
                f"Take {clip.take} of '{clip.label}' by '{clip.person}' appears twice; number the takes anew."
            )
        self.cells.add(cell)
        path = self._free_path(cell)
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # rounded to the 16-bit grid here: libsndfile would scale by 32767 and alter every sample
        samples = np.clip(np.round(clip.waveform.numpy() * 32768.0), -32768, 32767).astype(np.int16)
        soundfile.write(target, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        return {
            "path": str(path),
            "person": clip.person,
            "label": clip.label,
            "take": str(clip.take),
            **clip.attributes,
            "seconds": f"{len(samples) / SAMPLE_RATE:.3f}",
        }

    def _free_path(self, cell: tuple[str, str, int]) -> PurePosixPath:
        """``person/label_take.flac``, with a digest where names differ only in what paths cannot hold."""
        person, label, take = cell
        plain = PurePosixPath(_file_name(person), f"{_file_name(label)}_{take:02d}.flac")
        digest = hashlib.sha256(repr(cell).encode("utf-8", "surrogatepass")).hexdigest()[:8]
        path = plain if str(plain).casefold() not in self.taken else plain.with_stem(f"{plain.stem}-{digest}")
        self.taken.add(str(path).casefold())
        return path


def _file_name(text: str) -> str:
    """``text`` as a part of a path on every system."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "_"


def _write_table(path: Path, rows: Sequence[Mapping[str, str]], destination: str) -> None:
    if not rows:
        raise DataError(f"No clips were found for '{destination}'; check that the source is complete.")
    rows = sorted(rows, key=lambda row: (row["person"], row["label"], int(row["take"])))
    columns = [column for column in dict.fromkeys(chain.from_iterable(rows)) if column != "seconds"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*columns, "seconds"], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def disk_error(place: str | Path, error: Exception) -> DataError:
    """What the operating system says about a failed write, as one sentence."""
    if getattr(error, "errno", None) == errno.ENOSPC or "No space" in str(error):
        return DataError(
            f"The disk that holds '{place}' is full; free some space or set VOP_DATA to another disk."
        )
    return DataError(f"'{place}' cannot be written ({error}); choose a folder you may write to.")


@dataclass(frozen=True)
class DatasetReport:
    """What a folder holds, and what is wrong with it; every problem is one sentence."""

    name: str
    persons: int
    labels: int
    clips: int
    seconds: float
    problems: tuple[str, ...]

    def raise_if_broken(self) -> None:
        """Raise DataError with the first problem, when there is one."""
        if self.problems:
            more = f" ({len(self.problems) - 1} further problem(s))" if len(self.problems) > 1 else ""
            raise DataError(self.problems[0] + more)


def check_dataset(folder: str | Path) -> DatasetReport:
    """Open every clip of a folder and collect what is wrong, most basic first; see :class:`DatasetReport`.

    Raises
    ------
    DataError
        The folder has no usable ``metadata.csv`` at all: see :func:`read_metadata`.
    """
    folder = Path(folder)
    rows = read_metadata(folder)
    problems: list[str] = []
    heard: dict[str, tuple[str, str]] = {}  # digest of the samples -> person and path first seen with it
    listed: Counter[str] = Counter()
    clips_of: Counter[str] = Counter()
    seconds = 0.0
    for line, row in enumerate(rows, start=2):
        where = f"Line {line} of {METADATA}"
        try:
            path = _checked_path(folder, row, where)
            listed[str(path)] += 1
            if listed[str(path)] > 1:
                raise DataError(f"{where} lists '{path}' a second time; remove the row.")
            samples, rate = _read(folder / path, where, str(path))
            seconds += len(samples) / rate
        except DataError as error:
            problems.append(str(error))
            continue
        person = row["person"].strip()
        clips_of[person] += 1
        first_person, first_path = heard.setdefault(
            hashlib.sha256(samples.tobytes()).hexdigest(), (person, str(path))
        )
        if first_person != person:
            problems.append(
                f"'{path}' of '{person}' is the same recording as '{first_path}' of '{first_person}'; "
                f"remove one, or a split over persons leaks."
            )
    problems += [
        f"Person '{person}' has {count} usable clip(s), too few to enroll and to be asked about; "
        f"add clips or remove this person."
        for person in dict.fromkeys((row.get("person") or "").strip() for row in rows)
        if person and (count := clips_of[person]) < FEWEST_CLIPS
    ]
    labels = {row["label"] for row in rows}
    return DatasetReport(
        os.path.basename(os.path.abspath(folder)),
        len(clips_of),
        len(labels),
        sum(clips_of.values()),
        seconds,
        tuple(problems),
    )


def _checked_path(folder: Path, row: Mapping[str, str], where: str) -> PurePosixPath:
    for column in REQUIRED_COLUMNS:
        if not (row.get(column) or "").strip():
            raise DataError(f"{where} has no {column}; fill it in or remove the row.")
    path = clip_path(row["path"].strip(), where)
    target = folder / path
    if not target.is_file():
        raise DataError(f"{where} names '{path}', which does not exist; add the file or remove the row.")
    if not target.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{where} names '{path}', a link out of the data set; copy the file into the folder.")
    return path


def _read(path: Path, where: str, shown: str) -> tuple[np.ndarray, int]:
    try:
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise DataError(
            f"{where} names '{shown}', which is not readable audio; record or convert it anew."
        ) from error
    if rate != SAMPLE_RATE or samples.shape[1] != 1:
        raise DataError(
            f"{where} names '{shown}', which has {rate} Hz and {samples.shape[1]} channel(s); convert it to "
            f"{SAMPLE_RATE} Hz mono."
        )
    if not samples.any():
        raise DataError(f"{where} names '{shown}', which is empty or silent; remove the row.")
    return samples, rate
