"""Arabic Speech Commands [ASC]: 40 Arabic words, 10 takes, by 30 persons.

Files are ``dataset/WORD/SSSSSSSS_NO_TT.wav``: speaker, 'NO' (added noise: none), take; WORD is the
English name and may hold a space. The tables of the authors' speaker-disjoint split are
``train.csv``, ``valid.csv`` and ``test.csv`` with one path a row; their names were not seen
first-hand, so any such spelling is accepted and a missing table only leaves the attribute ``split``
out. Nobody publishes a checksum; the address is pinned to the commit that the project's results
were computed on.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from vop_core.data.sources.source import NamedClip, Source, match_paths

_CLIP = re.compile(r"/([a-z][a-z _]*)/(\d{8})_NO_(\d+)\.wav$")
_LISTED = re.compile(r"([a-z][a-z _]*)[/\\](\d{8}_NO_\d+\.wav)")
_COMMIT = "72f3438212ff6cf8fbe5ae8068361840646429bd"


def _plan(
    paths: Iterable[PurePosixPath], tables: Mapping[str, bytes]
) -> dict[PurePosixPath, NamedClip]:
    split_of = {
        listed: {"tr": "train", "va": "validation", "te": "test"}[file[:2].lower()]
        for file, content in tables.items()
        for listed in _LISTED.findall(content.decode("utf-8", "replace"))
    }

    def name_clip(match: re.Match[str]) -> NamedClip:
        word, speaker, take = match.groups()
        split = split_of.get((word, f"{speaker}_NO_{take}.wav"))
        return NamedClip(
            f"s{int(speaker):02d}",
            word.replace("_", " "),
            int(take),
            {"split": split} if split else {},
        )

    return match_paths(_CLIP, paths, name_clip)


SOURCE = Source(
    name="arabic_speech_commands",
    title="Arabic Speech Commands",
    homepage="https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset",
    url=f"https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset/archive/{_COMMIT}.zip",
    licence="CC BY 4.0",
    citation="ASC",
    persons=30,
    labels=40,
    clips=12_000,
    megabytes=300,
    layout="dataset/backward/00000001_NO_01.wav",
    tables=re.compile(r"^(train|valid|test)[a-z]*\.csv$", re.IGNORECASE),
    plan=_plan,
)
