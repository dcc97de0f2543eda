"""Folders of synthetic persons in the project's format: the talkers of environments, training
persons, an ``unknown`` test set.

Every folder is made in a fresh process and in a fixed order (persons, then takes), because
espeak-ng repeats itself only so; the same seed then gives the same sounds.
"""

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from vop_core.data.format import LabelledClip, write_dataset
from vop_core.data.locations import repository_root
from vop_core.data.metadata import METADATA
from vop_core.data.opus import write_opus
from vop_core.data.sources.synthetic.persons import COHORTS, SyntheticPerson, draw_persons
from vop_core.data.sources.synthetic.takes import Speaker
from vop_core.data.sources.synthetic.words import (
    KEYWORD_WORDS,
    TALKER_WORDS,
    UNKNOWN_TEST_WORDS,
    UNKNOWN_TRAINING_WORDS,
    invent_word,
)
from vop_core.data.voices import TALKERS
from vop_core.errors import DataError
from vop_core.writing import whole_folder

MADE_HERE = {"vocal_tract", "sha256"}  # columns that only tables of voices made here have
INVENTED = "*"  # in a script: a word that the speaker makes up
COHORT_DATASETS = {
    "training": "synthetic-training",
    "test": "synthetic-test",
}  # whatever the folder is called
TALKER_SEED = 2022
ENROLLMENT_CLIPS, QUERY_CLIPS = 5, 10

PROGRAM = """
import json, sys
from pathlib import Path
from {module} import {function}
folder, given, named = json.load(sys.stdin)
{function}(Path(folder), *given, **named)
"""

Script = tuple[str, str | None]  # label, and the word said or None for silence


def write_talkers(destination: Path | str, *, persons: int = 42, seed: int = TALKER_SEED) -> Path:
    """Make the talkers of environments anew (a minute): none of them is a training person.

    Each has 5 enrollment clips, whose words are drawn independently, and 10 query clips of
    different words, as Opus at 16 kHz. Raises DataError without the ``synth`` extra.
    """
    require_ours(Path(destination))
    _in_fresh_process(write_talker_folder, Path(destination), persons=persons, seed=seed)
    return Path(destination)


def generate_training_persons(
    destination: Path | str,
    *,
    persons: int = 60,
    words: Iterable[str] | None = None,
    takes: int = 3,
    unknown_takes: int = 1,
    invented: int = 40,
    silence_takes: int = 2,
    seed: int = 1,
) -> Path:
    """Make a folder of training persons, none of them a talker of environments: FLAC clips and
    ``metadata.csv``.

    Each person says each of ``words`` (default: the ten of keywords-en)
    ``takes`` times and, labelled ``unknown`` with the word as an attribute, each of
    UNKNOWN_TRAINING_WORDS ``unknown_takes`` times and ``invented`` words that nobody else says;
    ``silence_takes`` clips labelled ``silence`` hold the background alone. With the defaults 146
    clips a person. Raises DataError for a word without phonemes, and without the ``synth`` extra.
    """
    chosen = tuple(words) if words is not None else tuple(KEYWORD_WORDS)
    if missing := [word for word in chosen if word not in KEYWORD_WORDS]:
        raise DataError(f"No phonemes for {missing[0]!r}: choose among {', '.join(KEYWORD_WORDS)}.")
    script: list[Script] = [
        *((word, word) for word in chosen for _ in range(takes)),
        *(("unknown", word) for word in UNKNOWN_TRAINING_WORDS for _ in range(unknown_takes)),
        *[("unknown", INVENTED)] * invented,
        *[("silence", None)] * silence_takes,
    ]
    _in_fresh_process(
        write_cohort, Path(destination), "training", persons=persons, seed=seed, script=script
    )
    return Path(destination)


def generate_unknown_test(
    destination: Path | str, *, persons: int = 20, takes: int = 1, seed: int = 2
) -> Path:
    """Make a folder in which persons of neither other cohort say UNKNOWN_TEST_WORDS, all labelled
    ``unknown``.

    Raises DataError without the ``synth`` extra.
    """
    script = [("unknown", word) for word in UNKNOWN_TEST_WORDS for _ in range(takes)]
    _in_fresh_process(
        write_cohort, Path(destination), "test", persons=persons, seed=seed, script=script
    )
    return Path(destination)


def _in_fresh_process(write: Callable[..., None], folder: Path, *given: str, **named: Any) -> None:
    """Let ``write`` fill the folder where espeak-ng has said nothing yet."""
    paths = [str(repository_root()), os.environ.get("PYTHONPATH", "")]
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(module=__name__, function=write.__name__)],
        input=json.dumps([str(folder), given, named]),
        text=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    if finished.returncode:
        # a traceback ends with the error's kind and what it says
        _, _, reason = finished.stderr.strip().rpartition("\n")[2].partition(": ")
        raise DataError(f"The synthetic voices could not be made: {reason or 'it gave no reason.'}")


def write_talker_folder(folder: Path, *, persons: int, seed: int) -> None:
    """Write the talkers from within this process; `write_talkers` is the way to call it.

    An earlier build is replaced only once the new one is complete.
    """
    require_ours(folder)
    rows: list[dict[str, str]] = []
    with whole_folder(folder) as unfinished:
        for index, person in enumerate(draw_persons("talkers", persons, seed=seed)):
            generator = np.random.default_rng([seed, 0, index, 7])
            for row in _write_talker(unfinished, person, generator):
                rows.append(row | {"dataset": TALKERS})
        table = pd.DataFrame(rows)
        table.to_csv(unfinished / METADATA, index=False, lineterminator="\n")


def _write_talker(
    folder: Path, person: SyntheticPerson, generator: np.random.Generator
) -> Iterator[dict[str, str]]:
    labels = list(TALKER_WORDS)
    # with replacement: words are drawn independently
    enrollment = generator.choice(labels, ENROLLMENT_CLIPS)
    query = generator.choice(labels, QUERY_CLIPS, replace=False)
    roles = ["enrollment"] * ENROLLMENT_CLIPS + ["query"] * QUERY_CLIPS
    speaker = Speaker(person, generator)
    for take, (role, label) in enumerate(zip(roles, [*enrollment, *query], strict=True), start=1):
        path = f"{person.name}/{take:02d}_{label.replace(' ', '_')}.opus"
        data = write_opus(folder / path, speaker.say(TALKER_WORDS[label]), serial=take)
        yield {
            "path": path,
            "person": person.name,
            "label": str(label),
            "take": str(take),
            "role": role,
            "name": f"Synthetic {person.name} · {person.accent} accent",
            **person.attributes(),
            "sha256": hashlib.sha256(data).hexdigest(),
        }


def write_cohort(
    destination: Path, cohort: str, *, persons: int, seed: int, script: list[Script]
) -> None:
    """Write ``persons`` persons of a cohort saying all of ``script`` from within this process, as
    FLAC.

    Replaces an earlier build; raises DataError where something else is in the way.
    """
    require_ours(destination)
    with whole_folder(destination) as unfinished:
        write_dataset(unfinished, _cohort_clips(cohort, persons, seed, script))


def _cohort_clips(
    cohort: str, persons: int, seed: int, script: list[Script]
) -> Iterator[LabelledClip]:
    phonemes = KEYWORD_WORDS | UNKNOWN_TRAINING_WORDS | UNKNOWN_TEST_WORDS
    for index, person in enumerate(draw_persons(cohort, persons, seed=seed)):
        speaker = Speaker(person, np.random.default_rng([seed, COHORTS.index(cohort), index, 7]))
        about = {"dataset": COHORT_DATASETS[cohort]} | person.attributes()
        inventor = np.random.default_rng([seed, COHORTS.index(cohort), index, 8])
        takes: dict[str, int] = {}
        for label, word in script:
            takes[label] = takes.get(label, 0) + 1
            if word == INVENTED:
                word = invent_word(inventor)
            sound = speaker.silence() if word is None else speaker.say(phonemes.get(word, word))
            yield LabelledClip(
                person.name,
                label,
                takes[label],
                torch.from_numpy(sound),
                {"word": word or ""} | about,
            )


def require_ours(folder: Path) -> None:
    """Raise DataError where ``folder`` holds anything but an earlier build, which may be
    replaced.
    """
    if not os.path.lexists(folder):
        return
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if not folder.is_dir() or (files and METADATA not in files):
        raise DataError(
            f"'{folder}' holds something other than voices made here; choose another folder."
        )
    if not files:
        return
    with (folder / METADATA).open(encoding="utf-8", errors="replace", newline="") as stream:
        table = csv.DictReader(stream)
        ours = {row.get("path") for row in table} | {METADATA}
        if not MADE_HERE & set(table.fieldnames or ()):
            raise DataError(f"'{folder}' holds another data set; choose another folder.")
    if others := sorted(files - ours):
        raise DataError(
            f"'{folder}' holds '{others[0]}', which its table does not list; move it, or choose "
            "another folder."
        )
