"""Google Speech Commands v2 [GSC]: 35 English words by 2,618 persons at their own microphones.

Files are ``word/SPEAKER_nohash_TAKE.wav``, where SPEAKER is a hash of the person;
``validation_list.txt`` and ``testing_list.txt`` name the clips of the authors' splits, which keep
persons apart. ``_background_noise_`` holds no words and is left out.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from vop_core.data.sources.source import NamedClip, Source, match_paths

_CLIP = re.compile(r"/([a-z]+)/([0-9a-f]{6,10})_nohash_(\d+)\.wav$")
_LISTS = {"validation_list.txt": "validation", "testing_list.txt": "test"}


def _plan(
    paths: Iterable[PurePosixPath], tables: Mapping[str, bytes]
) -> dict[PurePosixPath, NamedClip]:
    split_of = {
        line.strip(): split
        for file, split in _LISTS.items()
        for line in tables.get(file, b"").decode("utf-8", "replace").splitlines()
    }

    def name_clip(match: re.Match[str]) -> NamedClip:
        word, speaker, take = match.groups()
        split = split_of.get(match.group().lstrip("/"), "train")
        return NamedClip(speaker, word, int(take), {"split": split} if split_of else {})

    return match_paths(_CLIP, paths, name_clip)


SOURCE = Source(
    name="speech_commands_v2",
    title="Google Speech Commands v2",
    homepage="https://arxiv.org/abs/1804.03209",
    url="https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    licence="CC BY 4.0",
    citation="GSC",
    persons=2618,
    labels=35,
    clips=105_829,
    megabytes=2429,
    sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    checksum_origin="torchaudio and TensorFlow Datasets",
    layout="yes/004ae714_nohash_0.wav",
    tables=re.compile(r"^(validation|testing)_list\.txt$"),
    plan=_plan,
)
