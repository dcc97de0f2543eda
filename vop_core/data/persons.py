"""A data set indexed by person: who said what, and splits that keep persons apart.

The files themselves are described in :mod:`vop_core.data.metadata` and :mod:`vop_core.data.format`.
"""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from vop_core.data.archives import archive_in, read_archive
from vop_core.data.metadata import METADATA, ClipRecord, dataset_name, person_id, read_metadata
from vop_core.data.names import normalized
from vop_core.data.picture_folders import published_pictures
from vop_core.data.tables import read_table
from vop_core.errors import DataError, EvaluationError

QUALITY = "speaker_quality.csv"

# Persons whose labels or recordings cannot be trusted; loading keeps them, a task leaves them out.
# dspspeech20: the measurements in its speaker_quality.csv (s01 wrong labels or noise, s06
# duplicated takes, s16 not even recognised by a model of itself). unipen_characters: the very same
# strokes stand under several writers (141 and 149; 150 and 161; 143, 148, 152 and 158; 151 and
# 157), or twice under one, found by their bytes.
_TWICE = ("139", "141", "143", "146", "148", "149", "150", "151", "152", "154", "157", "158")
KNOWN_BAD: Mapping[str, frozenset[str]] = {
    "dspspeech20": frozenset({"dspspeech20/s01", "dspspeech20/s06", "dspspeech20/s16"}),
    "unipen_characters": frozenset(
        f"unipen_characters/{writer}" for writer in (*_TWICE, "159", "161")
    ),
}


@dataclass(frozen=True)
class PersonDataset:
    """Clips of several persons; immutable, so that a restriction is a new, smaller data set."""

    name: str
    root: Path
    records: tuple[ClipRecord, ...]

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def persons(self) -> tuple[str, ...]:
        """All persons, sorted."""
        return tuple(sorted({record.person for record in self.records}))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({record.label for record in self.records}))

    @property
    def known_bad(self) -> frozenset[str]:
        """Persons of this data set known to be unusable; never left out silently, see
        ``KNOWN_BAD``.
        """
        return frozenset(self.persons) & frozenset().union(*KNOWN_BAD.values())

    @cached_property
    def clips_per_person(self) -> dict[str, int]:
        """Number of clips of every person, in the order of ``persons``."""
        counts = Counter(record.person for record in self.records)
        return {person: counts[person] for person in self.persons}

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """What each recording is, by its bytes: a clip recorded anew under its old name is another
        clip.

        Raises
        ------
        DataError
            A recording is missing.
        """
        return tuple(_digest(record) for record in self.records)

    @cached_property
    def fingerprint(self) -> str:
        """Names the recordings with who says what in them; what was computed from others is not
        this data set's.
        """
        listing = [
            (
                str(record.path.relative_to(self.root)),
                record.person,
                record.label,
                record.take,
                digest,
            )
            for record, digest in zip(self.records, self.digests, strict=True)
        ]
        return hashlib.sha256(json.dumps(sorted(listing)).encode()).hexdigest()[:12]

    def restrict(
        self,
        *,
        persons: Collection[str] | None = None,
        labels: Collection[str] | None = None,
        takes: Collection[int] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> "PersonDataset":
        """Only the clips whose person, label, take and attributes are among those given; None asks
        nothing.

        Raises
        ------
        DataError
            A person or label asked for is not in the data set (a misspelling would otherwise pass
            unseen).
        """
        persons, labels = (
            None if asked is None else {normalized(name) for name in asked}
            for asked in (persons, labels)
        )
        _require_known("person", persons, self.persons, self.name)
        _require_known("label", labels, self.labels, self.name)
        kept = (
            record
            for record in self.records
            if (persons is None or record.person in persons)
            and (labels is None or record.label in labels)
            and (takes is None or record.take in takes)
            and all(
                record.attributes.get(key) == value for key, value in (attributes or {}).items()
            )
        )
        return PersonDataset(self.name, self.root, tuple(kept))

    def without(self, persons: Collection[str]) -> "PersonDataset":
        """Everybody but ``persons``."""
        return self.restrict(
            persons=[person for person in self.persons if person not in set(persons)]
        )


def _digest(record: ClipRecord) -> str:
    try:
        content = record.path.read_bytes() if record.content is None else record.content.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]
    except OSError:
        raise DataError(
            f"The clip '{record.path.name}' of '{record.person}' is missing; copy it, or remove "
            "its row from metadata.csv."
        ) from None


def _require_known(
    kind: str, asked: Collection[str] | None, known: Sequence[str], name: str
) -> None:
    unknown = sorted(set(asked or ()) - set(known))
    if unknown:
        more = f" and {len(known) - 6} more" if len(known) > 6 else ""
        raise DataError(
            f"Data set '{name}' has no {kind} '{unknown[0]}'; it has {', '.join(known[:6])}{more}."
        )


def load_dataset(folder: str | Path, *, name: str | None = None) -> PersonDataset:
    """Read ``metadata.csv``, which opens no clip; where there is none, the one npz of the folder,
    or pictures as they are published (:mod:`vop_core.data.picture_folders`).

    ``name`` is the data set's name, else the folder's.

    Raises
    ------
    DataError
        The folder is not in the format, or a row of its table is wrong: the first problem of
        :func:`vop_core.data.metadata.read_metadata`, or that of
        :func:`vop_core.data.archives.read_archive`.
    """
    if not (Path(folder) / METADATA).exists():
        root, named = Path(os.path.abspath(folder)), name or dataset_name(folder)
        archive = archive_in(Path(folder))
        records = read_archive(archive) if archive else published_pictures(root, named)
        if records:
            return PersonDataset(named, root, records)
    metadata = read_metadata(folder, name=name)
    for problem in metadata.problems:
        raise DataError(problem)
    return PersonDataset(metadata.name, metadata.root, tuple(metadata.records.values()))


def read_quality(folder: str | Path) -> dict[str, str]:
    """What ``speaker_quality.csv`` says about persons, 'flag: evidence'; empty where there is none.

    Raises
    ------
    DataError
        It is no table with a column ``person``: see :func:`vop_core.data.tables.read_table`.
    """
    table = Path(folder) / QUALITY
    if not table.is_file():
        return {}
    name = dataset_name(folder)
    return {
        person_id(name, fields["person"]): f"{fields.get('flag', '')}: {fields.get('evidence', '')}"
        for _, fields in read_table(table, ("person",))
        if fields["person"]
    }


@dataclass(frozen=True)
class Fold:
    """One fold over persons: those trained on and those tested on, disjoint."""

    train: tuple[str, ...]
    test: tuple[str, ...]


def person_folds(persons: Iterable[str], folds: int, *, seed: int) -> tuple[Fold, ...]:
    """Every person is tested in exactly one fold and trained on in all others; sizes differ by at
    most one.

    The order of ``persons`` does not matter; ``seed`` shuffles them.

    Raises
    ------
    EvaluationError
        Fewer than two folds, or fewer persons than folds.
    """
    names = sorted(set(persons))
    if folds < 2:
        raise EvaluationError(
            f"Cross-validation needs at least 2 folds, but {folds} were asked for."
        )
    if len(names) < folds:
        raise EvaluationError(
            f"{folds} folds need at least {folds} persons, but there are {len(names)}; use fewer "
            "folds."
        )
    shuffled = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    tests = [{names[position] for position in shuffled[fold::folds]} for fold in range(folds)]
    return tuple(
        Fold(
            train=tuple(name for name in names if name not in test),
            test=tuple(name for name in names if name in test),
        )
        for test in tests
    )


def spread(persons: Sequence[str], count: int) -> tuple[str, ...]:
    """``count`` of the persons, evenly spaced in their order; a smaller choice is not a part of a
    larger one.
    """
    if count > len(persons):
        raise EvaluationError(
            f"{count} training persons are wanted, but a fold has {len(persons)}."
        )
    return tuple(persons[index * len(persons) // count] for index in range(count))


@dataclass(frozen=True)
class ClosedOpenSplit:
    """Clips to train on, other takes of the same persons (closed), and unknown persons (open)."""

    train: PersonDataset
    closed: PersonDataset
    open: PersonDataset


def closed_open_split(
    dataset: PersonDataset, *, open_persons: Collection[str], held_out_takes: int = 1
) -> ClosedOpenSplit:
    """Open: ``open_persons``. Closed: of everybody else, the last takes of every word. Train: the
    rest.

    "Last" is counted within each person's word, because sources number takes differently. A word
    said too rarely to spare ``held_out_takes`` takes stays wholly in training.
    """
    known = dataset.without(open_persons)
    cells: dict[tuple[str, str], list[ClipRecord]] = defaultdict(list)
    for record in known.records:
        cells[record.person, record.label].append(record)
    held_out = {
        id(record)
        for cell in cells.values()
        if len(cell) > held_out_takes > 0
        for record in sorted(cell, key=lambda record: (record.take, str(record.path)))[
            -held_out_takes:
        ]
    }

    def part(held: bool) -> PersonDataset:
        records = tuple(record for record in known.records if (id(record) in held_out) is held)
        return PersonDataset(dataset.name, dataset.root, records)

    return ClosedOpenSplit(
        train=part(False), closed=part(True), open=dataset.restrict(persons=open_persons)
    )


def trainable_persons(dataset: PersonDataset, clips: int) -> tuple[str, ...]:
    """Persons of whom at least ``clips`` recordings are left to train on, beside what the closed
    set holds out.
    """
    left = closed_open_split(dataset, open_persons=()).train.clips_per_person
    return tuple(person for person, count in left.items() if count >= clips)
