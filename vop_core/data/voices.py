"""The bundled voices: synthetic persons with enrollment and query clips, so that nothing needs a
microphone.

They were made by `vop_core.data.sources.synthetic` and lie under ``data/voices``. They are
synthetic, every page calls them so (their names begin with "Synthetic"), and no model was trained
or tuned on them.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from vop_core.data.audio import decode_file
from vop_core.data.locations import voices_root
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import PersonDataset, load_dataset
from vop_core.errors import DataError
from vop_core.types import Clip

FOLDERS = {"en": "synthetic-en", "ar": "synthetic-ar"}
"""Language of the words -> folder, which is also the data set's name."""


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
    """A synthetic person: how the voice was made, and the clips."""

    id: str  # "synthetic-en/07"
    name: str  # to be shown, for example "Synthetic 07 · Hindi accent"
    accent: str
    voice: str  # espeak-ng's voice and variant
    rate: int  # words a minute
    room: str
    microphone: str
    # words drawn independently; to be used without their labels
    enrollment: tuple[BundledClip, ...]
    query: tuple[BundledClip, ...]  # different words

    @property
    def description(self) -> str:
        """One line on voice and surroundings."""
        return (
            f"{self.accent} accent, {self.rate} words a minute, {self.microphone} microphone, "
            f"{self.room}"
        )


def bundled_dataset(language: str = "en", *, root: Path | None = None) -> PersonDataset:
    """All bundled clips of a language as a data set.

    Raises DataError for a language without bundled voices, and where their folder is missing.
    """
    if language not in FOLDERS:
        raise DataError(
            f"There are no bundled voices in {language!r}: choose one of {', '.join(FOLDERS)}."
        )
    folder = (root or voices_root()) / FOLDERS[language]
    if not folder.is_dir():
        raise DataError("The bundled voices are missing: make them with  vop voices build.")
    return load_dataset(folder)


def bundled_persons(language: str = "en", *, root: Path | None = None) -> tuple[BundledPerson, ...]:
    """The bundled persons of a language, in the order of their numbers.

    Raises DataError as `bundled_dataset` does.
    """
    dataset = bundled_dataset(language, root=root)
    return tuple(
        _person(person, [record for record in dataset.records if record.person == person])
        for person in dataset.persons
    )


def damaged_clips(language: str = "en", *, root: Path | None = None) -> list[Path]:
    """Bundled clips that are missing or not byte for byte those in the table."""
    return [
        record.path
        for record in bundled_dataset(language, root=root).records
        if not record.path.is_file()
        or hashlib.sha256(record.path.read_bytes()).hexdigest() != record.attributes["sha256"]
    ]


def _person(person: str, records: list[ClipRecord]) -> BundledPerson:
    about = records[0].attributes
    clips = [
        BundledClip(record.path, record.label, record.take, record.attributes["role"])
        for record in records
    ]
    return BundledPerson(
        id=person,
        name=about["name"],
        accent=about["accent"],
        voice=about["voice"],
        rate=int(about["rate"]),
        room=about["room"],
        microphone=about["microphone"],
        enrollment=tuple(clip for clip in clips if clip.role == "enrollment"),
        query=tuple(clip for clip in clips if clip.role == "query"),
    )
