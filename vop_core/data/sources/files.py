"""One way to read a data set's files, whether they lie in a folder, a zip or a tar.

Nothing is ever unpacked: members are read by name into memory, so no archive can write outside its
folder.
"""

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from re import Pattern

from vop_core.errors import DataError

Member = tuple[PurePosixPath, Callable[[], bytes]]  # a file's path, and how to read it
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError)


def list_files(
    place: Path, tables: Pattern[str] | None = None
) -> tuple[list[PurePosixPath], Mapping[str, bytes]]:
    """All paths inside a folder or archive, sorted, and the contents of those whose file name
    matches ``tables``.

    Raises
    ------
    DataError
        Not a folder, zip or tar, or damaged.
    """
    paths, found = [], {}
    for path, read in _members(place):
        paths.append(path)
        if tables is not None and tables.match(path.name):
            found[path.name] = read()
    return sorted(paths), found


def read_files(
    place: Path, wanted: Collection[PurePosixPath]
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Path and content of every wanted file, in the order in which they are stored."""
    for path, read in _members(place):
        if path in wanted:
            yield path, read()


def _members(place: Path) -> Iterator[Member]:
    try:
        if not place.exists():
            raise DataError(
                f"There is nothing at '{place}'; give a folder or an archive that exists."
            )
        if place.is_dir():
            yield from _of_folder(place)
        elif zipfile.is_zipfile(place):
            yield from _of_zip(place)
        elif tarfile.is_tarfile(place):
            yield from _of_tar(place)
        else:
            raise DataError(
                f"'{place}' is neither a folder nor a zip or tar archive; give one of these."
            )
    except _DAMAGED as error:
        raise DataError(f"'{place}' is damaged ({error}); fetch it anew.") from error


def _of_folder(place: Path) -> Iterator[Member]:
    for path in sorted(place.rglob("*")):
        if path.is_file():
            yield PurePosixPath(path.relative_to(place).as_posix()), path.read_bytes


def _of_zip(place: Path) -> Iterator[Member]:
    with zipfile.ZipFile(place) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield PurePosixPath(member.filename), partial(archive.read, member)


def _of_tar(place: Path) -> Iterator[Member]:
    with tarfile.open(place, "r|*") as archive:  # a stream: one pass, nothing kept
        for member in archive:
            if member.isfile():
                yield PurePosixPath(member.name), archive.extractfile(member).read
