"""The bundled voices: real persons with enrollment and query clips, so that nothing needs a
microphone.

They are the persons of role ``bundle`` of two public corpora (see :mod:`vop_core.data.splits`), and
no shipped model was trained or tuned on them. Their clips lie under ``data/voices``, as
:mod:`vop_core.data.sources.bundled` made them, and are shown with their corpus' attribution.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from vop_core.data.audio import decode_file
from vop_core.data.locations import voices_root
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import PersonDataset, load_dataset
from vop_core.errors import DataError
from vop_core.types import Clip


@dataclass(frozen=True)
class Corpus:
    """Where bundled persons come from, and what is known of all of them."""

    folder: str  # below data/voices
    name: str  # the data set's, whose persons they are
    attribution: str  # to be shown wherever a clip is played
    about: str


CORPORA = {
    "en": Corpus(
        "speech-commands",
        "speech_commands_test",
        "Speech Commands v0.02 (Pete Warden, Google, 2018), CC BY 4.0; compressed to Opus",
        "a volunteer who recorded single words on a device of their own",
    ),
    "ar": Corpus(
        "arabic-speech-commands",
        "arabic_speech_commands",
        "Arabic Speech Commands (Ghandoura, Hjabo, Al Dakkak, 2021), CC BY 4.0; compressed to Opus",
        "a volunteer who recorded 40 Arabic commands",
    ),
}
"""Language of the words -> whose clips are bundled."""

TALKERS = "synthetic-en"
"""Folder of synthetic persons, who talk in the background of environments."""


@runtime_checkable
class BundledSample(Protocol):
    """What a bundled person gave once: a clip, or a picture."""

    @property
    def path(self) -> Path: ...

    @property
    def label(self) -> str: ...

    def load(self) -> Any: ...


@dataclass(frozen=True)
class BundledClip:
    """One clip of a bundled person; ``load`` reads it."""

    path: Path
    label: str
    take: int
    role: str  # "enrollment" or "query"

    def load(self) -> Clip:
        """The clip's sound, mono at 16 kHz. Raises AudioError where the file is damaged."""
        return decode_file(self.path)


@dataclass(frozen=True)
class BundledPerson:
    """A real person, of whom the corpus gives no name, and their clips."""

    id: str  # "speech_commands_test/096456f9"
    name: str  # to be shown: "Speaker 07"
    corpus: Corpus
    # of words drawn at random; to be used without their labels
    enrollment: tuple[BundledSample, ...]
    query: tuple[BundledSample, ...]  # as many words as the person's clips have

    @property
    def description(self) -> str:
        """One line on what is known of the person."""
        clips = len(self.enrollment) + len(self.query)
        return f"{self.corpus.about}; {clips} clips here"


def bundled_dataset(language: str = "en", *, root: Path | None = None) -> PersonDataset:
    """All bundled clips of a language as a data set; its persons keep their corpus' ids.

    Raises DataError for a language without bundled voices, and where their folder is missing.
    """
    if language not in CORPORA:
        raise DataError(
            f"There are no bundled voices in {language!r}: choose one of {', '.join(CORPORA)}."
        )
    return _voices(CORPORA[language].folder, root)


def talkers() -> PersonDataset:
    """The synthetic persons who talk in the background. Raises DataError where they are missing."""
    return _voices(TALKERS, None)


def bundled_persons(language: str = "en", *, root: Path | None = None) -> tuple[BundledPerson, ...]:
    """The bundled persons of a language, in the order of their names.

    Raises DataError as `bundled_dataset` does.
    """
    dataset = bundled_dataset(language, root=root)
    return tuple(
        _person(
            CORPORA[language], [record for record in dataset.records if record.person == person]
        )
        for person in dataset.persons
    )


def damaged_clips(*, root: Path | None = None) -> list[Path]:
    """Clips below ``data/voices`` that are missing or not byte for byte those in the tables."""
    folders = (*(corpus.folder for corpus in CORPORA.values()), TALKERS)
    return [
        record.path
        for folder in folders
        for record in _voices(folder, root).records
        if not record.path.is_file()
        or hashlib.sha256(record.path.read_bytes()).hexdigest() != record.attributes["sha256"]
    ]


def _voices(folder: str, root: Path | None) -> PersonDataset:
    place = (root or voices_root()) / folder
    if not place.is_dir():
        raise DataError("The bundled voices are missing: make them with  vop voices build.")
    return load_dataset(place)


def _person(corpus: Corpus, records: list[ClipRecord]) -> BundledPerson:
    clips = [
        BundledClip(record.path, record.label, record.take, record.attributes["role"])
        for record in records
    ]
    return BundledPerson(
        id=records[0].person,
        name=records[0].attributes["name"],
        corpus=corpus,
        enrollment=tuple(clip for clip in clips if clip.role == "enrollment"),
        query=tuple(clip for clip in clips if clip.role == "query"),
    )
