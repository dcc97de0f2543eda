"""Where things lie on disk: the one place that knows paths.

Data sets are looked for under ``VOP_DATA`` when that variable is set, else under ``data/cache`` of the
repository. What the program itself writes (features, downloads in progress) always goes to ``data/cache``, so
that ``VOP_DATA`` may be a read-only folder.
"""

import os
from pathlib import Path

from vop_core.errors import DataError


def repository_root() -> Path:
    """The folder that holds ``vop_core``, ``app`` and ``data``."""
    return Path(__file__).resolve().parents[2]


def cache_root() -> Path:
    """Where computed and downloaded things may be written; ignored by git and safe to delete."""
    return repository_root() / "data" / "cache"


def data_root() -> Path:
    """The folder of data sets: ``VOP_DATA``, else ``data/cache``."""
    chosen = os.environ.get("VOP_DATA", "").strip()
    return Path(chosen).expanduser().resolve() if chosen else cache_root()


def models_root() -> Path:
    """The folder of shipped models: safetensors and a card each."""
    return repository_root() / "data" / "models"


def voices_root() -> Path:
    """The folder of the bundled synthetic voices."""
    return repository_root() / "data" / "voices"


def find_dataset(name_or_folder: str | Path) -> Path:
    """The folder of a data set, given as a path or as a name under :func:`data_root`.

    Raises
    ------
    DataError
        Neither the path nor the name leads to a folder.
    """
    given = Path(name_or_folder).expanduser()
    for candidate in (given, data_root() / given):
        if candidate.is_dir():
            return Path(os.path.abspath(candidate))  # not resolved: a link keeps the name it was given
    raise DataError(
        f"There is no data set at '{name_or_folder}', nor of that name in the data folder; give a folder with a "
        f"metadata.csv, set VOP_DATA to the folder that holds it, or fetch one with 'vop data get NAME' "
        f"('vop data list' shows the names)."
    )


def has_dataset(name_or_folder: str | Path) -> bool:
    """Whether :func:`find_dataset` finds it."""
    try:
        find_dataset(name_or_folder)
    except DataError:
        return False
    return True
