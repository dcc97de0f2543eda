"""Free Spoken Digit Dataset [FSDD], release 1.0.9: ten English digits, 50 takes, by five persons.

Files are ``recordings/DIGIT_PERSON_TAKE.wav`` at 8 kHz: nothing above 4 kHz is in them. Takes 0 to
4 are the authors' test split. Release 1.0.9 is the one with a published checksum; a newer folder,
with more persons, is converted by ``vop data prepare``.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from vop_core.data.sources.source import DIGITS, NamedClip, Source, match_paths

_CLIP = re.compile(r"/recordings/(\d)_([a-z]+)_(\d+)\.wav$")


def _plan(
    paths: Iterable[PurePosixPath], tables: Mapping[str, bytes]
) -> dict[PurePosixPath, NamedClip]:
    def name_clip(match: re.Match[str]) -> NamedClip:
        digit, person, take = match.groups()
        split = "test" if int(take) < 5 else "train"
        return NamedClip(person, DIGITS[int(digit)], int(take), {"split": split, "orig_sr": "8000"})

    return match_paths(_CLIP, paths, name_clip)


SOURCE = Source(
    name="fsdd",
    title="Free Spoken Digit Dataset 1.0.9",
    homepage="https://github.com/Jakobovski/free-spoken-digit-dataset",
    url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz",
    licence="CC BY-SA 4.0",
    citation="FSDD",
    persons=5,
    labels=10,
    clips=2_500,
    megabytes=12,
    sha256="8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0",
    checksum_origin="TensorFlow Datasets",
    layout="recordings/7_jackson_32.wav",
    plan=_plan,
)
