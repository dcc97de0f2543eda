"""Files are written whole or not at all, and never over something else.

Everything that VoP Studio writes goes through :func:`whole_file`; a command asks
:func:`check_output` before its work starts.
"""

import errno
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vop_core.errors import VopError


@dataclass(frozen=True)
class Kind:
    """What a file may hold: its name in a sentence, and how an existing file is recognized."""

    name: str
    holds: Callable[[Path], bool]


def _is_json(path: Path) -> bool:
    try:
        with path.open("rb") as stream:  # a large file of another kind is not read whole
            if stream.read(64).lstrip()[:1] not in (b"{", b"["):
                return False
        return isinstance(json.loads(path.read_bytes()), (dict, list))
    except (ValueError, RecursionError):
        return False


JSON = Kind("JSON", _is_json)


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary file that takes the place of ``path`` when the block ends well, and vanishes when
    it does not.

    An existing file keeps its permissions, a link its target. What is no file on a disk
    (``/dev/stdout``, a pipe) receives the bytes when the block has ended.

    Raises
    ------
    VopError
        The file cannot be written (as :func:`write_error` says it); the former file is whole.
    """
    try:
        if _is_stream(Path(path)):
            with tempfile.TemporaryDirectory() as folder:
                part = Path(folder, "part")
                part.touch()
                yield part
                with part.open("rb") as source, open(path, "ab") as sink:
                    shutil.copyfileobj(source, sink)
            return
        target = Path(os.path.realpath(path))
        with _beside(target) as part:
            yield part
            if target.exists():
                part.chmod(stat.S_IMODE(target.stat().st_mode))
            with part.open("r+b") as stream:
                os.fsync(stream.fileno())
            part.replace(target)
    except OSError as error:
        raise write_error(path, error) from error


def write_text(path: str | Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all. Raises VopError as :func:`whole_file`."""
    with whole_file(path) as part:
        # a byte of a file's name that is no UTF-8 becomes an escape, which JSON reads back as it
        # was
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder that takes the place of ``path`` when the block ends well, and vanishes if
    it does not.

    The caller has made sure that what is at ``path`` may go.

    Raises
    ------
    VopError
        The folder cannot be written (as :func:`write_error` says it); what was there is whole.
    """
    try:
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        part, former = (
            target.with_name(f".vop-{secrets.token_hex(8)}{end}") for end in (".part", ".old")
        )
        part.mkdir()
        try:
            yield part
            if target.exists():
                target.rename(former)
            try:
                part.rename(target)
            except OSError:
                if former.exists():
                    former.rename(target)
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(former, ignore_errors=True)
    except OSError as error:
        raise write_error(path, error) from error


def make_folder(path: str | Path) -> None:
    """Make a folder where it is missing, and try it. Raises VopError as :func:`write_error` says
    it.
    """
    try:
        try_folder(Path(path))
    except OSError as error:
        raise write_error(path, error) from error


def try_folder(folder: Path) -> None:
    """Make a folder where it is missing, and a file in it that vanishes. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def check_output(path: str | Path, *, inputs: Iterable[str | Path] = (), replaces: Kind) -> None:
    """Refuse a file that must not or cannot be written, before any work starts.

    Parameters
    ----------
    path
        The file to write.
    inputs
        Files and folders that are read: none of them, and no file in such a folder, is written
        over.
    replaces
        What an existing file must hold to be written over; an empty one always may be.

    Raises
    ------
    VopError
        ``path`` is a folder, its folder is missing or cannot be written, it is read, or holds
        something else.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and any(_reads(Path(given), path) for given in inputs):
            raise VopError(
                f"'{path}' is one of the files to read; choose another name for what is written."
            )
        if _is_stream(path):
            return
        if path.exists() and path.stat().st_size and not replaces.holds(path):
            raise VopError(
                f"'{path}' is there already and is not {replaces.name}; choose another name, or "
                "move it away."
            )
        with _beside(Path(os.path.realpath(path))):
            pass
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: str | Path, error: Exception, kind: type[VopError] = VopError) -> VopError:
    """What the operating system says about a failed write, as one sentence."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space" in str(error):
        return kind(
            f"The disk that holds '{path}' is full; free some space, or choose another place."
        )
    if number == errno.EISDIR:
        return kind(f"'{path}' is a folder; give the name of a file.")
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST):
        return kind(
            f"'{path}' cannot be written, for its folder does not exist; choose another name."
        )
    if number == errno.ENAMETOOLONG:
        return kind(f"The name '{path}' is too long; choose a shorter one.")
    reason = getattr(error, "strerror", None) or error
    return kind(f"'{path}' cannot be written ({reason}); choose a place you may write to.")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """An empty file in the target's folder, gone at the end unless it was moved; tries what writing
    needs.
    """
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    part = target.with_name(f".vop-{secrets.token_hex(8)}.part")
    part.touch(exist_ok=False)
    try:
        yield part
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    """Whether a name leads to no file on a disk: a device, a pipe, or an open stream by its
    number.
    """
    if path.exists() and not path.is_file():
        return True
    for _ in range(40):  # as many links as Linux follows
        if Path(os.path.realpath(path.parent)).is_relative_to("/proc"):
            return True
        if not path.is_symlink():
            break
        path = path.parent / os.readlink(path)
    return False


def _reads(given: Path, path: Path) -> bool:
    """Whether reading ``given`` reads the file ``path``, however the two are spelled or linked."""
    if given.is_dir():
        real = os.path.realpath(path)
        return any(os.path.samefile(given, parent) for parent in Path(real).parents) or any(
            os.path.samefile(path, each) for each in given.rglob("*") if each.is_file()
        )
    return given.exists() and os.path.samefile(given, path)
