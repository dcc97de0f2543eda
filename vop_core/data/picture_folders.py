"""Public sets of pictures as they are published, without a table: what their folders say.

Omniglot [OMNIGLOT]: ``images_background/ALPHABET/CHARACTER/NNNN_DD.png``, and the same under
``images_evaluation``; DD counts an alphabet's drawers. Label ``ALPHABET/CHARACTER``, person
``ALPHABET-DD``.

Classes in parts, as miniImageNet is unpacked: ``train/CLASS/FILE``, ``val`` and ``test``; no class
is in two parts, so a part stands where others have persons.
"""

from collections.abc import Iterator
from pathlib import Path

from vop_core.data.metadata import ClipRecord, person_id
from vop_core.errors import DataError

ALPHABETS = ("images_background", "images_evaluation")
PARTS = ("train", "val", "test")
ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


def published_pictures(folder: Path, name: str) -> tuple[ClipRecord, ...]:
    """Every picture of such a folder; empty where it is laid out otherwise.

    Raises DataError where a class stands in two parts.
    """
    if (folder / ALPHABETS[0]).is_dir():
        return tuple(_of_alphabets(folder, name))
    if all((folder / part).is_dir() for part in ("train", "test")):
        return tuple(_of_parts(folder, name))
    return ()


def _of_alphabets(folder: Path, name: str) -> Iterator[ClipRecord]:
    for part in ALPHABETS:
        for path in sorted((folder / part).glob("*/*/*.png")):
            alphabet, character = path.parts[-3:-1]
            drawer = path.stem.rpartition("_")[2]
            person = person_id(name, f"{alphabet}-{drawer}")
            yield ClipRecord(path, person, f"{alphabet}/{character}", 1)


def _of_parts(folder: Path, name: str) -> Iterator[ClipRecord]:
    seen: dict[str, str] = {}
    for part in PARTS:
        for place in sorted(each for each in (folder / part).glob("*") if each.is_dir()):
            if place.name in seen:
                raise DataError(
                    f"The class '{place.name}' stands in {seen[place.name]} and in {part}; what is "
                    "tested must not be trained on, so remove it from one of them."
                )
            seen[place.name] = part
            files = (path for path in sorted(place.iterdir()) if path.suffix.lower() in ENDINGS)
            for take, path in enumerate(files, start=1):
                yield ClipRecord(path, person_id(name, part), place.name, take)
