"""What is known about a public data set, and how its file names tell who said what."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

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
    """A public data set: where it is, under which terms, and how to read its layout."""

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
    layout: str  # an example path, for messages
    clip: re.Pattern[str]  # the end of a clip's path: archives wrap files in folders of any name
    tables: re.Pattern[str] | None = None  # file names of side tables
    # what the paths that are like a clip's say together, and the contents of the side tables
    learn: Callable[[Sequence[re.Match[str]], Mapping[str, bytes]], Any] = lambda paths, tables: {}
    # what one such path says, given what was learned; None where it is no clip's
    name_clip: Callable[[re.Match[str], Any], NamedClip | None]

    def plan(
        self, paths: Iterable[PurePosixPath], tables: Mapping[str, bytes]
    ) -> dict[PurePosixPath, NamedClip]:
        """The clips among all paths, which are named without a look at their sound.

        Raises DataError where a side table is damaged, or clips are missing that the names need.
        """
        found = {path: match for path in paths if (match := self.clip.search(f"/{path}"))}
        learned = self.learn(list(found.values()), tables)
        named = {path: self.name_clip(match, learned) for path, match in found.items()}
        return {path: clip for path, clip in named.items() if clip is not None}
