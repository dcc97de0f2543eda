"""AudioMNIST [AUDIOMNIST]: ten English digits, 50 takes, by 60 persons with various accents.

Files are ``data/NN/DIGIT_NN_TAKE.wav`` at 48 kHz; ``data/audioMNIST_meta.txt`` is JSON: accent,
age, gender, native speaker and origin of every person. The address is the repository's main branch,
which has no published checksum.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from vop_core.data.sources.source import DIGITS, NamedClip, Source, match_paths
from vop_core.errors import DataError

_CLIP = re.compile(r"/(\d\d)/(\d)_(\d\d)_(\d+)\.wav$")
_KEPT = ("accent", "age", "gender", "native speaker", "origin")


def _plan(
    paths: Iterable[PurePosixPath], tables: Mapping[str, bytes]
) -> dict[PurePosixPath, NamedClip]:
    people = _people(tables.get("audioMNIST_meta.txt", b"{}"))

    def name_clip(match: re.Match[str]) -> NamedClip | None:
        folder, digit, person, take = match.groups()
        if folder != person:
            return None
        return NamedClip(person, DIGITS[int(digit)], int(take), people.get(person, {}))

    return match_paths(_CLIP, paths, name_clip)


def _people(table: bytes) -> dict[str, dict[str, str]]:
    try:
        people = json.loads(table)
        return {
            person: {key.replace(" ", "_"): str(facts[key]) for key in _KEPT if key in facts}
            for person, facts in people.items()
        }
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(
            "'audioMNIST_meta.txt' is not the JSON table it should be; fetch the data set anew."
        ) from error


SOURCE = Source(
    name="audiomnist",
    title="AudioMNIST",
    homepage="https://github.com/soerenab/AudioMNIST",
    url="https://github.com/soerenab/AudioMNIST/archive/refs/heads/master.zip",
    licence="MIT",
    citation="AUDIOMNIST",
    persons=60,
    labels=10,
    clips=30_000,
    megabytes=950,
    layout="data/01/0_01_0.wav",
    tables=re.compile(r"^audioMNIST_meta\.txt$"),
    plan=_plan,
)
