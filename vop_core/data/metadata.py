"""Reading ``metadata.csv``: the one way from a table to records, for checking and for loading.

Columns: ``path`` (relative, ``/`` between folders), ``person``, ``label``, ``take`` (a whole
number), then any further attributes. A person is known everywhere as ``dataset/person``, where
``dataset`` is the row's ``dataset`` attribute if there is one, else the folder's name, or the
corpus whose persons the folder's are (``SAME_PERSONS``). Reading is
tolerant of form (see :mod:`vop_core.data.tables`; ``\\`` in paths, missing takes are counted), but
not of what would count twice or stand for two things. Equal takes are only equal numbers: whether
two clips are one is heard, see :mod:`vop_core.data.recordings`.
"""

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np

from vop_core.data.names import look_alikes, normalized
from vop_core.data.tables import read_table
from vop_core.errors import DataError
from vop_core.text import printable

METADATA = "metadata.csv"
REQUIRED_COLUMNS = ("path", "person", "label")
READ_COLUMNS = (*REQUIRED_COLUMNS, "take", "dataset")
# Data set -> the corpus whose persons speak in it, too: one id for each of them.
SAME_PERSONS = {"speech_commands_test_others": "speech_commands_test"}
MOST_DIGITS = 9  # of a take
NOT_IN_NAMES = {"Cc", "Zl", "Zp"}  # Unicode's categories of controls and of line breaks


@dataclass(frozen=True)
class ClipRecord:
    """One row of the table: where a clip lies, who says what in it, and which repetition it is."""

    path: Path
    person: str  # 'dataset/person'
    label: str
    take: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    # the sample itself, where it lies in an archive and has no file of its own
    content: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing to open."""
        return self.content is None and not self.path.is_file()


@dataclass(frozen=True)
class Metadata:
    """What ``metadata.csv`` lists, and in one sentence each what is wrong with it."""

    name: str  # of the data set
    root: Path
    records: Mapping[int, ClipRecord]  # by the line of the table on which the row begins
    problems: tuple[str, ...]


def read_metadata(folder: str | Path, *, name: str | None = None) -> Metadata:
    """Read ``metadata.csv``; opens no clip. ``name`` is the data set's name, else the folder's.

    A clip that is not there is no problem yet: whoever opens it says so.

    Raises
    ------
    DataError
        There is no such folder, its ``metadata.csv`` is no table of clips (see
        :func:`vop_core.data.tables.read_table`), or it has no rows.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"'{folder}' is not a folder; give the folder that holds {METADATA}.")
    table = folder / METADATA
    if not table.is_file():
        raise DataError(
            f"'{folder}' has no {METADATA}; a data set is a folder with {METADATA} (path, person, "
            "label, take) and its clips."
        )
    rows = read_table(table, REQUIRED_COLUMNS)
    if not rows:
        raise DataError(f"'{table}' lists no clips; add one row for each clip.")
    root = Path(os.path.abspath(folder))  # a linked folder keeps the name it is linked under
    reader = _RowReader(root, name or dataset_name(root))
    records: dict[int, ClipRecord] = {}
    problems: list[str] = []
    for line, fields in rows:
        try:
            records[line] = reader.record(line, fields)
        except DataError as error:
            problems.append(str(error))
    pairs = [(record.person, record.label) for record in records.values()]
    problems += confusable_names(pairs, where=reader.table)
    return Metadata(reader.name, root, records, tuple(problems))


def dataset_name(folder: str | Path) -> str:
    """What a data set is called that is given no name: as its folder, in valid Unicode."""
    return printable(normalized(os.path.basename(os.path.abspath(folder))))


def person_id(dataset: str, person: str) -> str:
    """``dataset/person``, unless ``person`` already says of which data set it is."""
    return person if "/" in person else f"{dataset}/{person}"


def clip_path(text: str, where: str) -> PurePosixPath:
    """A relative path inside the data set's folder, from ``/`` or ``\\`` notation.

    Raises
    ------
    DataError
        The path is absolute or climbs out with ``..`` (a table from elsewhere must not open other
        files), or it ends like a folder's.
    """
    text = text.replace("\\", "/")
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
        raise DataError(
            f"{where} points outside the data set ('{text}'); use a path relative to its folder."
        )
    if text.rsplit("/", 1)[-1] in ("", "."):
        raise DataError(f"{where} names the folder '{text}'; give the path of a sound file.")
    return path


def confusable_names(pairs: Iterable[tuple[str, str]], *, where: str) -> Iterator[str]:
    """One sentence for every two persons or labels that differ only in how they are written.

    ``pairs`` are a person and a label for every clip.
    """
    kinds = {"persons": "a person on both sides of a split leaks", "labels": "a word is one label"}
    for (kind, why), names in zip(kinds.items(), zip(*pairs, strict=True), strict=False):
        for first, second in look_alikes(names):
            yield (
                f"The {kind} '{first}' and '{second}' of {where} differ only in how they are "
                f"written; write them alike, or rename one: {why}."
            )


class _RowReader:
    """Turns rows into records; remembers what it has seen, so that nothing is listed twice."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        self.corpus = SAME_PERSONS.get(name, name)
        self.table = f"{dataset_name(root)}/{METADATA}"
        self._files = _Files(root)
        self._listed: dict[Hashable, PurePosixPath] = {}  # file: where it is first listed
        self._said: Counter[tuple[str, str]] = Counter()  # clips by person and label

    def record(self, line: int, fields: Mapping[str, str]) -> ClipRecord:
        """The record of a row. Raises DataError where it lacks something or repeats another."""
        where = f"Line {line} of {self.table}"
        for column in REQUIRED_COLUMNS:
            if not fields[column]:
                raise DataError(f"{where} has no {column}; fill it in or remove the row.")
        for column in READ_COLUMNS:
            text = fields.get(column, "")
            # most text is printable, which is asked quickly
            if not text.isprintable() and NOT_IN_NAMES & set(map(unicodedata.category, text)):
                raise DataError(
                    f"{where} has a line break or control character in its {column}; remove it."
                )
        listed = clip_path(fields["path"], where)
        path = self._files.find(listed)
        identity = self._files.identity(path, f"{where} names '{listed}'")
        if identity in self._listed:
            first = self._listed[identity]
            alias = "" if first == listed else f", which is the file '{first}',"
            raise DataError(f"{where} lists '{listed}'{alias} a second time; remove the row.")
        self._listed[identity] = listed
        person, label = (
            person_id(fields.get("dataset") or self.corpus, fields["person"]),
            fields["label"],
        )
        self._said[person, label] += 1
        take = _take(fields.get("take", ""), self._said[person, label], where)
        attributes = {
            key: value for key, value in fields.items() if key not in (*REQUIRED_COLUMNS, "take")
        }
        return ClipRecord(path, person, label, take, attributes)


class _Files:
    """The files below a folder, found by name whichever way Unicode is stored there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names = cache(_names_in)
        self._real = cache(Path.resolve)

    def find(self, listed: PurePosixPath) -> Path:
        """Where a listed clip lies, or would lie."""
        path = self.root
        for part in listed.parts:
            path = path / (part if part.isascii() else self._names(path).get(part, part))
        return path

    def identity(self, path: Path, said: str) -> Hashable:
        """What tells a file from all others, under whatever names it is listed.

        Raises DataError for what is there but no file, and for a link out of the folder.
        """
        try:
            facts = os.lstat(path)
            target = self._real(path.parent) / path.name
            if stat.S_ISLNK(facts.st_mode):
                target = target.resolve()
                facts = os.stat(path)
        except (OSError, ValueError, RuntimeError):  # not there; too long; a link to itself
            return path
        if not stat.S_ISREG(facts.st_mode):
            raise DataError(f"{said}, which is not a file; give the path of a sound file.")
        if not target.is_relative_to(self._real(self.root)):
            raise DataError(f"{said}, a link out of the data set; copy the file into the folder.")
        return (facts.st_dev, facts.st_ino) if facts.st_ino else target


def _names_in(folder: Path) -> dict[str, str]:
    """Names in a folder by their normalized form; none where it cannot be read."""
    try:
        return {normalized(name): name for name in os.listdir(folder)}
    except (OSError, ValueError):
        return {}


def _take(text: str, counted: int, where: str) -> int:
    if not text:
        return counted
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        shown = text if len(text) <= 20 else text[:20] + "…"
        raise DataError(
            f"{where} has the take '{shown}'; a take must be a whole number like 1, 2, 3."
        )
    return int(text)
