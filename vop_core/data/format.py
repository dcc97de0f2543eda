"""The one on-disk format: a folder with ``metadata.csv`` and 16 kHz mono FLAC.

The columns of ``metadata.csv`` are described in :mod:`vop_core.data.metadata`. Writing is
strict: all or nothing.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath

import pandas as pd
import soundfile
from jaxtyping import Float
from torch import Tensor

from vop_core.data.audio import decode_file
from vop_core.data.metadata import METADATA, confusable_names, dataset_name, read_metadata
from vop_core.data.names import normalized
from vop_core.data.recordings import Recordings, shown_path, sound_digest, to_16_bit
from vop_core.errors import AudioError, DataError
from vop_core.text import printable
from vop_core.types import SAMPLE_RATE, Clip
from vop_core.writing import whole_folder, write_error, write_text


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
    """Write clips as they come, then ``metadata.csv`` and ``texts`` (file name: content); returns
    how many.

    All or nothing: everything is written beside ``folder`` and moved there at the end. 16-bit
    samples survive unchanged. A name that is no valid Unicode is written with escapes.

    Raises
    ------
    DataError
        ``folder`` already holds something, there are no clips, two clips claim the same person,
        label and take, or two persons or labels differ only in how they are written.
    VopError
        The disk is full or read-only.
    """
    folder = Path(folder)
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(
            f"'{folder}' already exists and is not empty; remove it or choose another folder."
        )
    with whole_folder(folder) as unfinished:
        writer = _Writer(unfinished)
        try:
            rows = [writer.write(clip) for clip in clips]
        except soundfile.LibsndfileError as error:  # how the library names what the system refuses
            raise write_error(folder, error) from error
        _write_table(unfinished / METADATA, rows, str(folder))
        for name, text in (texts or {}).items():
            write_text(unfinished / name, text)
    return len(rows)


class _Writer:
    """Writes clips below ``root``, each under a path of its own on every file system."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cells: set[tuple[str, str, int]] = set()
        self.taken: set[str] = set()

    def write(self, clip: LabelledClip) -> dict[str, str]:
        """Write one clip; returns its row."""
        person, label = normalized(clip.person), normalized(clip.label)
        cell = (person, label, clip.take)
        if cell in self.cells:
            raise DataError(
                f"Take {clip.take} of '{label}' by '{person}' appears twice; number the takes anew."
            )
        self.cells.add(cell)
        path = self._free_path(cell)
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        samples = to_16_bit(clip.waveform)
        soundfile.write(target, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        return {
            "path": str(path),
            "person": person,
            "label": label,
            "take": str(clip.take),
            **clip.attributes,
            "seconds": f"{len(samples) / SAMPLE_RATE:.3f}",
        }

    def _free_path(self, cell: tuple[str, str, int]) -> PurePosixPath:
        """``person/label_take.flac``, with a digest where names differ only in what paths cannot
        hold.
        """
        person, label, take = cell
        plain = PurePosixPath(_file_name(person), f"{_file_name(label)}_{take:02d}.flac")
        digest = hashlib.sha256(repr(cell).encode("utf-8", "surrogatepass")).hexdigest()[:8]
        path = (
            plain
            if str(plain).casefold() not in self.taken
            else plain.with_stem(f"{plain.stem}-{digest}")
        )
        self.taken.add(str(path).casefold())
        return path


def _file_name(text: str) -> str:
    """``text`` as a part of a path on every system."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "_"


def _write_table(path: Path, rows: Sequence[Mapping[str, str]], destination: str) -> None:
    if not rows:
        raise DataError(
            f"No clips were found for '{destination}'; check that the source is complete."
        )
    pairs = [(row["person"], row["label"]) for row in rows]
    for problem in confusable_names(pairs, where=destination):
        raise DataError(problem)
    rows = sorted(rows, key=lambda row: (row["person"], row["label"], int(row["take"])))
    columns = [column for column in dict.fromkeys(chain.from_iterable(rows)) if column != "seconds"]
    table = pd.DataFrame(rows, columns=[*columns, "seconds"], dtype=object)
    table.map(printable, na_action="ignore").to_csv(path, index=False, lineterminator="\n")


@dataclass(frozen=True)
class DatasetReport:
    """What a folder holds, what is wrong with it, and what is only worth knowing, in sentences."""

    name: str
    persons: int
    labels: int
    clips: int
    seconds: float
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def check_dataset(folder: str | Path) -> DatasetReport:
    """Open every clip of a folder and collect what is wrong, most basic first; see
    :class:`DatasetReport`.

    Raises
    ------
    DataError
        The folder has no usable ``metadata.csv`` at all: see :func:`read_metadata`.
    """
    metadata = read_metadata(folder)
    problems = list(metadata.problems)
    recordings = Recordings(metadata.root)
    clips_of: Counter[str] = Counter()
    rates: Counter[int] = Counter()
    seconds = 0.0
    for line, record in metadata.records.items():
        table = f"{dataset_name(metadata.root)}/{METADATA}"
        where = f"Line {line} of {table} names '{shown_path(record, metadata.root)}'"
        try:
            clip = _open(record.path, where)
            seconds += clip.seconds
            clips_of[record.person] += 1
            recordings.add(record, sound_digest(clip.waveform))
            rates[_stored_rate(record.path, where)] += 1
        except DataError as error:
            problems.append(str(error))
    return DatasetReport(
        metadata.name,
        len(clips_of),
        len({record.label for record in metadata.records.values()}),
        sum(clips_of.values()),
        seconds,
        tuple(problems),
        tuple(_remarks(clips_of, rates)),
    )


def _remarks(clips_of: Mapping[str, int], rates: Mapping[int, int]) -> Iterator[str]:
    single = [person for person, clips in clips_of.items() if clips == 1]
    if single:
        yield (
            f"{len(single)} of {len(clips_of)} persons have a single usable clip and cannot both "
            f"enroll and be asked about, '{single[0]}' among them."
        )
    for rate, clips in sorted(rates.items()):
        if rate != SAMPLE_RATE:
            yield f"{clips} clip(s) are stored at {rate} Hz and heard at {SAMPLE_RATE} Hz."


def _open(path: Path, where: str) -> Clip:
    """The clip as training and evaluation hear it. Raises DataError where they could not."""
    if not os.path.isfile(path):
        raise DataError(f"{where}, which does not exist; add the file or remove the row.")
    try:
        return decode_file(path)
    except AudioError as error:
        raise DataError(f"{where}, which cannot be used: {error}") from error


def _stored_rate(path: Path, where: str) -> int:
    """In Hz. Raises DataError for what training would not read, or has several channels."""
    try:
        # by its name soundfile could not open it if that is no text
        with path.open("rb") as stream:
            stored = soundfile.info(stream)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        said = f"{where}, which is no wav, flac or ogg file; convert it to FLAC."
        raise DataError(said) from error
    if stored.channels != 1:
        raise DataError(f"{where}, which has {stored.channels} channels; convert it to mono.")
    return stored.samplerate
