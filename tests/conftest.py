"""What every test may rely on: one thread, a seeded generator, no browser opened, no real data
assumed.
"""

import os

# Two cores are shared by everything that runs beside the tests; the figures must not depend on it.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "false")

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]

# Nothing of the user's cache is read or written. One folder for the whole run: workers share what
# is computed once.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["VOP_CACHE"] = tempfile.mkdtemp(prefix="vop-tests-cache-")

# vop_core is imported inside fixtures only: jaxtyping's import hook must stand before its first
# import.


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["VOP_CACHE"], ignore_errors=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside of pytest-timeout's clock
def pytest_runtest_protocol(item):
    """Side by side under pytest-xdist, but a test marked ``alone`` has the machine to itself."""
    worker = getattr(item.config, "workerinput", None)
    if worker is None:
        return (yield)
    run = Path(tempfile.gettempdir()) / f"vop-tests-{worker['testrunuid']}"
    rooms = [f"gw{number}" for number in range(worker["workercount"])]
    with beside_others(
        run, worker["workerid"], rooms, alone=item.get_closest_marker("alone") is not None
    ):
        return (yield)


@contextmanager
def beside_others(folder: Path, room: str, rooms: list[str], *, alone: bool) -> Iterator[None]:
    """Hold one room, or all of them; whoever waits for all holds the door, so that nobody else gets
    ahead.
    """
    folder.mkdir(exist_ok=True)
    door = FileLock(folder / "door")
    with ExitStack() as held:
        with door:
            for name in rooms if alone else [room]:
                held.enter_context(FileLock(folder / name))
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def book() -> Path:
    """The course as a book, made once for all workers, in a process without type checks."""
    folder = Path(os.environ["VOP_CACHE"]) / "book"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            command = "import sys; from vop_core.cli import main; sys.argv[0] = 'vop'; main()"
            asked = ["course", "book", "--to", str(folder)]
            short = os.environ | {"VOP_COURSE_BUDGET": "short"}  # each slider moves by one step
            subprocess.run([sys.executable, "-c", command, *asked], check=True, cwd=ROOT, env=short)
    return folder


@pytest.fixture
def generator():
    """A seeded torch generator: same test, same numbers."""
    import torch

    return torch.Generator().manual_seed(20220717)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder VOP_DATA points to; tests that ask for it are skipped where there is none."""
    folder = os.environ.get("VOP_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("VOP_DATA names no folder with data sets")
    return Path(folder)
