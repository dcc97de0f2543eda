"""All sources by name, and the two ways to turn one into a data set: ``get`` and ``prepare``."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath

from vop_core.data import audio
from vop_core.data.format import LabelledClip, write_dataset
from vop_core.data.locations import cache_folder, data_root
from vop_core.data.recordings import sound_digest
from vop_core.data.sources.catalogue import SOURCES
from vop_core.data.sources.download import Progress, fetch, silent
from vop_core.data.sources.files import list_files, read_files
from vop_core.data.sources.source import NamedClip, Source
from vop_core.errors import AudioError, DataError
from vop_core.writing import make_folder


@dataclass
class Preparation:
    """What came of a conversion; ``skipped`` says of each clip left out why, one sentence each."""

    folder: Path
    clips: int = 0
    skipped: list[str] = field(default_factory=list)


def find_source(name: str) -> Source:
    """The source called ``name``.

    Raises
    ------
    DataError
        There is none; the message lists the names.
    """
    if name not in SOURCES:
        raise DataError(
            f"There is no data source '{name}'; the known ones are {', '.join(SOURCES)}."
        )
    return SOURCES[name]


def get(
    name: str,
    destination: str | Path | None = None,
    *,
    url: str | None = None,
    progress: Progress = silent,
) -> Preparation:
    """Download, verify and convert a source; ``destination`` is ``VOP_DATA/name`` unless given.

    ``url`` names a mirror; the checksum, where one is published, holds for it too. The archive is
    deleted once converted.

    Raises
    ------
    DataError
        See :func:`vop_core.data.sources.download.fetch` and :func:`prepare`.
    """
    source = find_source(name)
    folder = _free_folder(source, destination)
    archive = fetch(source, cache_folder("downloads"), url=url, progress=progress)
    preparation = prepare(name, archive, folder, progress=progress)
    archive.unlink(missing_ok=True)
    return preparation


def prepare(
    name: str,
    place: str | Path,
    destination: str | Path | None = None,
    *,
    progress: Progress = silent,
) -> Preparation:
    """Convert a source that is already here, as a folder or as an archive, to the one on-disk
    format.

    Clips that cannot be decoded and repetitions of the very same samples are left out and listed.

    Raises
    ------
    DataError
        ``place`` is damaged or has not the source's layout; ``destination`` is not empty, or lies
        in it.
    VopError
        The disk is full or read-only.
    """
    source = find_source(name)
    preparation = Preparation(_free_folder(source, destination))
    published = Path(place).expanduser()
    inside = Path(os.path.realpath(preparation.folder))
    if published.is_dir() and inside.is_relative_to(os.path.realpath(published)):
        raise DataError(
            f"'{preparation.folder}' lies in the published data set; choose a folder outside of it."
        )
    paths, tables = list_files(published, source.tables)
    plan = source.plan(paths, tables)
    if not plan:
        raise DataError(
            f"'{place}' does not look like {source.title}: no file is named like '{source.layout}'."
        )
    clips = _convert(source, published, plan, preparation, progress)
    try:
        first = next(clips)
    except StopIteration:
        raise DataError(
            f"Not one clip of '{place}' could be converted; the first one: {preparation.skipped[0]}"
        ) from None
    preparation.clips = write_dataset(
        preparation.folder, chain([first], clips), texts={"SOURCE.md": _origin(source)}
    )
    return preparation


def _free_folder(source: Source, destination: str | Path | None) -> Path:
    folder = Path(destination).expanduser() if destination else data_root() / source.name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"'{folder}' already exists and is not empty; check it with 'vop data check', or "
            "remove it first."
        )
    make_folder(folder.parent)
    return folder


def _convert(
    source: Source,
    published: Path,
    plan: Mapping[PurePosixPath, NamedClip],
    preparation: Preparation,
    progress: Progress,
) -> Iterator[LabelledClip]:
    heard: dict[bytes, PurePosixPath] = {}
    for done, (path, data) in enumerate(read_files(published, plan), start=1):
        progress(f"convert {source.title}", done, len(plan))
        try:
            clip = audio.decode(data, name=path.name)
        except AudioError as error:
            preparation.skipped.append(f"{path}: {error}")
            continue
        first = heard.setdefault(sound_digest(clip.waveform), path)
        if first != path:
            preparation.skipped.append(f"{path}: the same samples as {first}.")
            continue
        named = plan[path]
        yield LabelledClip(named.person, named.label, named.take, clip.waveform, named.attributes)


def _origin(source: Source) -> str:
    checksum = (
        f"SHA-256 {source.sha256} (published by {source.checksum_origin})"
        if source.sha256
        else "none published"
    )
    return (
        f"# {source.title}\n\n"
        f"Origin: {source.homepage}\n\nArchive: {source.url}\n\nChecksum: {checksum}\n\n"
        f"Licence: {source.licence}. Citation: [{source.citation}] in CITATION.cff.\n\n"
        f"Changed: converted to 16 kHz mono 16-bit FLAC and renamed by 'vop data'; undecodable "
        f"clips and "
        f"exact duplicates left out.\n"
    )
