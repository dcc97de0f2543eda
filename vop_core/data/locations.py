"""Where things lie on disk: the one place that knows paths.

What the program writes on its own account (features, trainings, downloads in progress, predictions)
goes to the user's cache folder, or to ``VOP_CACHE`` when that variable is set: the checkout may be
read-only. Data sets are looked for under ``VOP_DATA``, which may be read-only as well, else in the
cache folder.
"""

import os
from pathlib import Path

import platformdirs

from vop_core.data.names import normalized
from vop_core.errors import DataError, VopError
from vop_core.writing import try_folder


def repository_root() -> Path:
    """The folder that holds ``vop_core``, ``app`` and ``data``."""
    return Path(__file__).resolve().parents[2]


def cache_root() -> Path:
    """Where computed and downloaded things are kept: ``VOP_CACHE``, else the user's cache
    folder.
    """
    chosen = os.environ.get("VOP_CACHE", "").strip()
    usual = platformdirs.user_cache_dir("vop-studio", appauthor=False)
    return Path(os.path.abspath(Path(chosen or usual).expanduser()))


def cache_folder(*parts: str) -> Path:
    """A folder of the cache, made and tried: it can be written.

    Raises
    ------
    VopError
        It cannot; the sentence says how to choose another cache.
    """
    folder = cache_root().joinpath(*parts)
    try:
        try_folder(folder)
    except OSError as error:
        raise VopError(
            f"The cache folder '{cache_root()}' cannot be written ({error.strerror}); set "
            "VOP_CACHE to a folder that can."
        ) from error
    return folder


def data_root() -> Path:
    """The folder of data sets: ``VOP_DATA``, else ``data`` in the cache."""
    chosen = os.environ.get("VOP_DATA", "").strip()
    return Path(chosen).expanduser().resolve() if chosen else cache_root() / "data"


def models_root() -> Path:
    """The folder of shipped models: safetensors and a card each."""
    return repository_root() / "data" / "models"


def splits_root() -> Path:
    """The folder of committed splits, a table for each corpus."""
    return repository_root() / "data" / "splits"


def trials_root() -> Path:
    """Where the committed trial lists lie."""
    return repository_root() / "data" / "trials"


def voices_root() -> Path:
    """The folder of the bundled voices."""
    return repository_root() / "data" / "voices"


def find_dataset(name_or_folder: str | Path) -> Path:
    """The folder of a data set, given as a path or as a name under :func:`data_root`.

    Capitals make no difference, and the folder is named as it is stored: persons are known by it.

    Raises
    ------
    DataError
        Neither the path nor the name leads to a folder.
    """
    if not str(name_or_folder).strip():
        raise DataError("The data set's name is empty; give its name, or its folder.")
    given = Path(name_or_folder).expanduser()
    for candidate in (given, data_root() / given):
        stored = _as_stored(Path(os.path.abspath(candidate)))  # not resolved: a link keeps its name
        if stored.is_dir():
            return stored
    raise DataError(
        f"There is no data set at '{name_or_folder}', nor of that name in the data folder; give a "
        "folder with a metadata.csv, set VOP_DATA to the folder that holds it, or fetch one with "
        "'vop data get NAME' ('vop data list' shows the names)."
    )


def _as_stored(path: Path) -> Path:
    """The path as its folder stores the name: in other capitals, or in another Unicode form."""
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return path
    if not path.name or path.name in names:
        return path
    given = normalized(path.name).casefold()
    spellings = (name for name in names if normalized(name).casefold() == given)
    return path.with_name(next(spellings, path.name))


def has_dataset(name_or_folder: str | Path) -> bool:
    """Whether :func:`find_dataset` finds it."""
    try:
        find_dataset(name_or_folder)
    except DataError:
        return False
    return True
