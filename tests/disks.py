"""A disk so small that it is soon full."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = 2**21


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Two MiB of memory as a disk of its own. Skips where nobody may mount one."""
    folder.mkdir()
    if not sys.platform.startswith("linux"):
        pytest.skip("mounts a disk as Linux does")
    how = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if subprocess.run(how, capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """With no byte left."""
    filling = disk / "filling"
    handle = os.open(filling, os.O_CREAT | os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space"):
            while True:
                os.write(handle, bytes(4096))
        yield
    finally:
        os.close(handle)
        filling.unlink()
