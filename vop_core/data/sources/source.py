"""What is known about a public data set, and how its file names tell who said what."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class NamedClip:
    """What a file's place and name say about the clip in it."""

    person: str  # without the data set's name
    label: str
    take: int
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A public data set: where it is, under which terms, and how to read its layout.

    ``plan`` receives the paths of all files and the contents of the ``tables`` found among them; it
    returns the clips, by path. It never sees a sound.
    """

    name: str  # of the data set's folder, and first half of its person ids
    title: str
    homepage: str
    url: str
    licence: str
    citation: str  # tag of the entry in CITATION.cff
    persons: int
    labels: int
    clips: int
    megabytes: int  # to download; nearest known figure
    sha256: str | None = None  # None: nobody publishes one
    checksum_origin: str = ""
    layout: str = ""  # an example path, for messages
    tables: re.Pattern[str] | None = None  # file names of side tables to hand to `plan`
    plan: Callable[[Iterable[PurePosixPath], Mapping[str, bytes]], dict[PurePosixPath, NamedClip]]


def match_paths(
    pattern: re.Pattern[str],
    paths: Iterable[PurePosixPath],
    name_clip: Callable[[re.Match[str]], NamedClip | None],
) -> dict[PurePosixPath, NamedClip]:
    """Clips of all paths whose end matches ``pattern``; archives wrap their files in folders of any
    name.
    """
    planned = {}
    for path in paths:
        match = pattern.search("/" + str(path))
        clip = name_clip(match) if match else None
        if clip is not None:
            planned[path] = clip
    return planned
