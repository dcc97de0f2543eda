"""One way to read a data set's files, whether they lie in a folder, a zip or a tar.

Nothing is ever unpacked: members are read by name into memory, so no archive can write outside its
folder.
"""

import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from re import Pattern

from vop_core.errors import DataError

_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError)


@dataclass(frozen=True)
class SourceFiles:
    """The files of a folder or an archive, by their path inside it."""

    place: Path

    def list(
        self, tables: Pattern[str] | None = None
    ) -> tuple[list[PurePosixPath], Mapping[str, bytes]]:
        """All paths, sorted, and the contents of those whose file name matches ``tables``.

        Raises
        ------
        DataError
            Not a folder, zip or tar, or damaged.
        """
        paths, found = [], {}
        for path, read in self._members():
            paths.append(path)
            if tables is not None and tables.match(path.name):
                found[path.name] = read()
        return sorted(paths), found

    def read(self, wanted: Collection[PurePosixPath]) -> Iterator[tuple[PurePosixPath, bytes]]:
        """Path and content of every wanted file, in the order in which they are stored."""
        for path, read in self._members():
            if path in wanted:
                yield path, read()

    def _members(self):
        try:
            if not self.place.exists():
                raise DataError(
                    f"There is nothing at '{self.place}'; give a folder or an archive that exists."
                )
            if self.place.is_dir():
                yield from self._folder()
            elif zipfile.is_zipfile(self.place):
                yield from self._zip()
            elif tarfile.is_tarfile(self.place):
                yield from self._tar()
            else:
                raise DataError(
                    f"'{self.place}' is neither a folder nor a zip or tar archive; give one of "
                    "these."
                )
        except _DAMAGED as error:
            raise DataError(f"'{self.place}' is damaged ({error}); fetch it anew.") from error

    def _folder(self):
        for path in sorted(self.place.rglob("*")):
            if path.is_file():
                yield PurePosixPath(path.relative_to(self.place).as_posix()), path.read_bytes

    def _zip(self):
        with zipfile.ZipFile(self.place) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield PurePosixPath(member.filename), lambda member=member: archive.read(member)

    def _tar(self):
        with tarfile.open(self.place, "r|*") as archive:  # a stream: one pass, nothing kept
            for member in archive:
                if member.isfile():
                    yield (
                        PurePosixPath(member.name),
                        lambda member=member: archive.extractfile(member).read(),
                    )
