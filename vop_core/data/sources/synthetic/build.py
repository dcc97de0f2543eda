"""Folders of synthetic persons in the project's format: the bundled voices, training persons, an ``unknown``
test set.

Every folder is made in a fresh process and in a fixed order (persons, then takes), because espeak-ng repeats
itself only so; the same seed then gives the same sounds.
"""

import csv
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile

from vop_core.data.sources.synthetic.acoustics import SAMPLE_RATE
from vop_core.data.sources.synthetic.opus import write_opus
from vop_core.data.sources.synthetic.persons import COHORTS, SyntheticPerson, draw_persons
from vop_core.data.sources.synthetic.takes import Speaker
from vop_core.data.sources.synthetic.words import (
    ARABIC_WORDS,
    KEYWORD_WORDS,
    UNKNOWN_TEST_WORDS,
    UNKNOWN_TRAINING_WORDS,
)
from vop_core.errors import DataError

ENGLISH_FOLDER, ARABIC_FOLDER = "synthetic-en", "synthetic-ar"  # also the data sets' names
COHORT_DATASETS = {
    "training": "synthetic-training",
    "test": "synthetic-test",
}  # whatever the folder is called
BUNDLED_SEED = 2022
ENROLLMENT_CLIPS, QUERY_CLIPS = 5, 10

Row = dict[str, str]


def build_bundled_voices(
    destination: Path | str, *, seed: int = BUNDLED_SEED, english_persons: int = 42, arabic_persons: int = 12
) -> Path:
    """Make the bundled voices, ``synthetic-en`` and ``synthetic-ar``, anew below ``destination`` (about a
    minute).

    Each person has 5 enrollment clips, whose words are drawn independently, and 10 query clips of different
    words, as Opus at 16 kHz. Raises DataError without the ``synth`` extra.
    """
    _in_fresh_process(
        "bundled",
        destination,
        "--seed",
        seed,
        "--persons",
        english_persons,
        "--arabic-persons",
        arabic_persons,
    )
    return Path(destination)


def generate_training_persons(
    destination: Path | str,
    *,
    persons: int = 60,
    words: Iterable[str] | None = None,
    takes: int = 3,
    unknown_takes: int = 1,
    silence_takes: int = 2,
    seed: int = 1,
) -> Path:
    """Make a folder of training persons, none of them a bundled one: FLAC clips and ``metadata.csv``.

    Each person says each of ``words`` (default: the 18 of keywords-en; any key of the word tables) ``takes``
    times and each of UNKNOWN_TRAINING_WORDS ``unknown_takes`` times, labelled ``unknown`` with the word as an
    attribute; ``silence_takes`` clips labelled ``silence`` hold the background alone. With the defaults 106
    clips a person. Raises DataError for a word without phonemes, and without the ``synth`` extra.
    """
    chosen = tuple(words) if words is not None else tuple(KEYWORD_WORDS)
    if missing := [word for word in chosen if word not in KEYWORD_WORDS]:
        raise DataError(f"No phonemes for {missing[0]!r}: choose among {', '.join(KEYWORD_WORDS)}.")
    arguments = ("--persons", persons, "--takes", takes, "--unknown-takes", unknown_takes)
    arguments += ("--silence-takes", silence_takes, "--seed", seed, "--words", *chosen)
    _in_fresh_process("training", destination, *arguments)
    return Path(destination)


def generate_unknown_test(
    destination: Path | str, *, persons: int = 20, takes: int = 1, seed: int = 2
) -> Path:
    """Make a folder in which persons of neither other cohort say UNKNOWN_TEST_WORDS, all labelled
    ``unknown``.

    Raises DataError without the ``synth`` extra.
    """
    _in_fresh_process("test", destination, "--persons", persons, "--takes", takes, "--seed", seed)
    return Path(destination)


def _in_fresh_process(cohort: str, destination: Path | str, *arguments: object) -> None:
    command = [
        sys.executable,
        "-m",
        "vop_core.data.sources.synthetic",
        "--cohort",
        cohort,
        "--out",
        str(destination),
    ]
    finished = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
    if finished.returncode:
        reason = (finished.stderr.strip().splitlines() or ["it gave no reason."])[-1]
        raise DataError(f"The synthetic voices could not be made: {reason}")


def write_bundled(destination: Path, *, seed: int, english_persons: int, arabic_persons: int) -> None:
    """Write both bundled folders from within this process; `build_bundled_voices` is the way to call it."""
    for folder, language, count, words in (
        (ENGLISH_FOLDER, "en", english_persons, KEYWORD_WORDS),
        (ARABIC_FOLDER, "ar", arabic_persons, ARABIC_WORDS),
    ):
        rows: list[Row] = []
        for index, person in enumerate(draw_persons("bundled", count, seed=seed, language=language)):
            rows += _write_bundled_person(
                destination / folder, person, words, [seed, language == "ar", index, 7]
            )
        _write_metadata(destination / folder, rows)


def _write_bundled_person(
    folder: Path, person: SyntheticPerson, words: Mapping[str, str], seed: list[int]
) -> list[Row]:
    generator = np.random.default_rng(seed)
    labels = list(words)
    enrollment = generator.choice(labels, ENROLLMENT_CLIPS)  # with replacement: words are drawn independently
    query = generator.choice(labels, QUERY_CLIPS, replace=False)
    speaker = Speaker(person, generator)
    roles = ["enrollment"] * ENROLLMENT_CLIPS + ["query"] * QUERY_CLIPS
    rows = []
    for take, (role, label) in enumerate(zip(roles, [*enrollment, *query], strict=True), start=1):
        path = f"{person.name}/{take:02d}_{label.replace(' ', '_')}.opus"
        data = write_opus(folder / path, speaker.say(words[label]), serial=take)
        display = (
            f"Synthetic {person.name} · {person.accent} {'voice' if person.language == 'ar' else 'accent'}"
        )
        row = {
            "path": path,
            "person": person.name,
            "label": str(label),
            "take": str(take),
            "dataset": folder.name,
        }
        row |= {"role": role, "name": display}
        rows.append(row | person.attributes() | {"sha256": hashlib.sha256(data).hexdigest()})
    return rows


def write_cohort(
    destination: Path,
    cohort: str,
    *,
    persons: int,
    seed: int,
    scripts: Iterable[tuple[str, str | None, int]],  # label, word or None for silence, takes
) -> None:
    """Write persons of a cohort saying all of ``scripts`` as FLAC, with ``metadata.csv``."""
    phonemes = KEYWORD_WORDS | UNKNOWN_TRAINING_WORDS | UNKNOWN_TEST_WORDS
    scripts = list(scripts)
    rows: list[Row] = []
    for index, person in enumerate(draw_persons(cohort, persons, seed=seed)):
        speaker = Speaker(person, np.random.default_rng([seed, COHORTS.index(cohort), index, 7]))
        (destination / person.name).mkdir(parents=True, exist_ok=True)
        for label, word, takes in scripts:
            for take in range(1, takes + 1):
                path = f"{person.name}/{label if word is None else word}_{take:02d}.flac"
                sound = speaker.silence() if word is None else speaker.say(phonemes[word])
                soundfile.write(destination / path, sound, SAMPLE_RATE, subtype="PCM_16")
                row = {"path": path, "person": person.name, "label": label, "take": str(take)}
                row |= {"dataset": COHORT_DATASETS[cohort], "word": word or ""}
                rows.append(row | person.attributes())
    _write_metadata(destination, rows)


def training_scripts(
    words: Iterable[str], *, takes: int, unknown_takes: int, silence_takes: int
) -> list[tuple[str, str | None, int]]:
    """What each training person says: (label, word, takes)."""
    return [
        *((word, word, takes) for word in words),
        *(("unknown", word, unknown_takes) for word in UNKNOWN_TRAINING_WORDS),
        ("silence", None, silence_takes),
    ]


def unknown_test_scripts(*, takes: int) -> list[tuple[str, str | None, int]]:
    """What each test person says: (label, word, takes)."""
    return [("unknown", word, takes) for word in UNKNOWN_TEST_WORDS]


def _write_metadata(folder: Path, rows: list[Row]) -> None:
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def clear(folder: Path) -> None:
    """Remove an earlier build: a folder of ours (it has a ``metadata.csv``), or nothing at all.

    Raises DataError when something else is in the way.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / "metadata.csv").is_file():
        raise DataError(f"{folder} holds something other than a data set: choose an empty folder.")
    shutil.rmtree(folder)
