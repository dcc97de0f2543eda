"""What every test may rely on: one thread, a seeded generator, no browser opened, no real data assumed."""

import os

# Two cores are shared by everything that runs beside the tests; the figures must not depend on it.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "false")

from pathlib import Path

import pytest

# vop_core is imported inside fixtures only: jaxtyping's import hook must stand before its first import.


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


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
