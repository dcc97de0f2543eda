"""Written characters of many persons as one tensor of ink, and as others' scanners see it."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.environments import (
    OWN_ENVIRONMENT,
    UNFORESEEN_ENVIRONMENT,
    environment_owner,
)
from vop_core.data.features import (
    SWAPPED_ENVIRONMENT,
    FeatureTable,
    cached_table,
    generator_of,
)
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import PersonDataset
from vop_core.data.pictures import decode_picture_file, drawn_picture, grey_picture
from vop_core.data.recordings import Recordings
from vop_core.data.scans import Scan, drawn_scan, scanned
from vop_core.types import Picture

RECIPE = 1  # goes up when the same pictures are read as other ink
ALIKE_BY_CHANCE = 12  # points; drawings with fewer may be equal without being one


SCANS: dict[str, Callable[[str, Sequence[str]], Scan]] = {
    OWN_ENVIRONMENT: lambda person, _: drawn_scan("foreseen", person),
    SWAPPED_ENVIRONMENT: lambda person, persons: drawn_scan(
        "foreseen", environment_owner(person, persons)
    ),
    UNFORESEEN_ENVIRONMENT: lambda person, _: drawn_scan("unforeseen", person),
}
"""Variants in which every person has a scan: which, of a person and all persons of the data set."""


def picture_of(record: ClipRecord) -> Picture:
    """A sample of a data set as ink. Raises PictureError, naming it."""
    if record.content is None:
        return decode_picture_file(record.path)
    name = f"{record.path.parent.name}, sample {record.path.name}"
    if record.content.dtype == np.uint8:
        return grey_picture(record.content, name=name)
    lifted = np.flatnonzero(record.content[:-1, 2]) + 1
    return drawn_picture(np.split(record.content[:, :2], lifted), name=name)


def load_pictures(
    dataset: PersonDataset,
    *,
    variants: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    cache: bool = True,
) -> FeatureTable:
    """Every sample of a data set as ink, and as the scanners of ``SCANS`` see it.

    Raises PictureError, naming it, for a sample that cannot be used, and DataError for one that
    stands in the data set twice.
    """
    if unknown := set(variants) - {"original", *SCANS}:
        raise ValueError(f"unknown variants {sorted(unknown)}; there are {', '.join(SCANS)}")

    def compute(_: Sequence[str]) -> dict[str, Tensor]:
        return {"original": _inks(dataset, progress)}

    about = (lambda _: [RECIPE]) if cache else None
    table = cached_table(dataset, ("original",), compute, about)
    scans = {name: _scanned(table, name) for name in variants if name != "original"}
    return replace(table, variants=table.variants | scans)


def _inks(
    dataset: PersonDataset, progress: Callable[[int, int], None] | None
) -> Float[Tensor, "sample row column"]:
    recordings = Recordings(dataset.root)
    for record, digest in zip(dataset.records, dataset.digests, strict=True):
        if record.content is None or len(record.content) >= ALIKE_BY_CHANCE:
            recordings.add(record, digest.encode())
    inks = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for done, picture in enumerate(pool.map(picture_of, dataset.records), start=1):
            inks.append(picture.ink)
            if progress is not None and (done % 1000 == 0 or done == len(dataset)):
                progress(done, len(dataset))
    return torch.stack(inks)


def _scanned(table: FeatureTable, variant: str) -> Float[Tensor, "sample row column"]:
    seen = torch.empty_like(table.features)
    for index, person in enumerate(table.persons):
        own = table.person == index
        scan = SCANS[variant](person, table.persons)
        generator = generator_of(f"{variant} {person}")
        seen[own] = scanned(table.features[own][None], [scan], generator=generator)[0]
    return seen
