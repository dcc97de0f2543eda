"""Handwriting: which character is written; tested on known persons' new takes (closed) and on
unknown persons (open).

``handwriting`` reads ten digits, as MNIST's writers [QMNIST] and UNIPEN's [UNIPEN] write them. Any
data set of written characters, whatever its labels, can be cross-validated over its persons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vop_core.data.features import FeatureTable, join_tables
from vop_core.data.hands import bundled_writers, hands_root
from vop_core.data.persons import PersonDataset
from vop_core.data.picture_features import load_pictures
from vop_core.data.pictures import decode_picture_file
from vop_core.data.scans import COMMON_SCANS, Scan, own_scans, seen_by
from vop_core.data.virtual_writers import VirtualWriters
from vop_core.data.voices import BundledPerson
from vop_core.errors import PictureError
from vop_core.tasks.base import Progress, Task, TaskData, shipped_fold, split
from vop_core.types import MOST_CLIPS, PICTURE_SIDE, Picture

DIGITS = tuple("0123456789")
MNIST, UNIPEN = "mnist_train_writers", "unipen_characters"


class Handwriting(Task):
    """Which of ten digits somebody wrote, by its ink."""

    kind = "handwriting"
    name = "handwriting"
    title = "Handwritten digits"
    encoder: ClassVar[Mapping[str, Any]] = {
        "name": "conv5",
        "config": {"rows": PICTURE_SIDE, "offset": 0.2, "spread": 0.4},
    }
    augmentation = VirtualWriters()
    in_the_box = str(hands_root())
    terms: ClassVar[Mapping[str, str]] = {"clip": "sample", "word": "digit", "heard": "seen"}
    limits = (
        "Single digits, one a picture. Trained for study, not for products: MNIST's writers were "
        "census workers and pupils, UNIPEN's wrote with a pen on a tablet."
    )
    licences: ClassVar[Mapping[str, str]] = {
        MNIST: "MNIST (LeCun, Cortes, Burges), writers from QMNIST (Yadav, Bottou 2019), BSD",
        UNIPEN: "UNIPEN train_r01_v07 (Guyon et al. 1994); no stroke of it is here",
    }

    def table(
        self,
        dataset: PersonDataset,
        *,
        variants: Sequence[str] = (),
        cache: bool = True,
        progress: Progress = None,
    ) -> FeatureTable:
        """The ink of every sample. Raises PictureError."""
        return load_pictures(dataset, variants=variants, cache=cache, progress=progress)

    def data(self, *, progress: Progress = None) -> TaskData:
        """MNIST's and UNIPEN's digits; closed and open set are writers of both."""
        parts, recordings = [], []
        for name in (MNIST, UNIPEN):
            dataset = self.dataset(name).restrict(labels=DIGITS)  # UNIPEN has letters, too
            fold = shipped_fold(dataset)
            dataset = dataset.restrict(persons=(*fold.train, *fold.test))
            parts.append(split(dataset, self.table(dataset, progress=progress), fold.test))
            recordings.append(dataset.fingerprint)
        joined = [join_tables(tables, DIGITS) for tables in zip(*parts, strict=True)]
        return TaskData.of(self.name, "-".join(recordings), joined)

    def features(self, samples: Sequence[Any]) -> Float[Tensor, "sample row column"]:
        """The ink of pictures. Raises PictureError for none, and for what is no picture."""
        if not samples:
            raise PictureError("There is no picture; draw or choose at least one.")
        for sample in samples:
            if not isinstance(sample, Picture):
                raise PictureError(
                    f"{sample!r:.60} is no picture; read a file with decode_picture_file, and "
                    "strokes with drawn_picture."
                )
        return torch.stack([sample.ink for sample in samples])

    def read(self, path: Path) -> Picture:
        """A picture file. Raises PictureError."""
        return decode_picture_file(path)

    def bytes_of(self, sample: Picture) -> int:
        """A byte a pixel."""
        return sample.ink.numel()

    def check_enrollment(self, samples: Sequence[Any]) -> None:
        """Raise PictureError for none, more than ten, one twice, or what is no picture."""
        self.features(samples)
        if len(samples) > MOST_CLIPS:
            raise PictureError(
                f"{MOST_CLIPS} pictures are as many as the models were trained with, and these are "
                f"{len(samples)}; leave out {len(samples) - MOST_CLIPS}."
            )
        refuse_twins(samples)

    def scrambled(self, sample: Picture, *, generator: torch.Generator) -> Picture:
        """The picture's pixels in random places: as much ink, and no writing."""
        places = torch.randperm(sample.ink.numel(), generator=generator)
        return replace(sample, ink=sample.ink.flatten()[places].view_as(sample.ink))

    def bundled_persons(self) -> tuple[BundledPerson, ...]:
        """The bundled writers. Raises DataError."""
        return bundled_writers()

    def environments(self, person: str) -> Mapping[str, Scan]:
        """One that is foreseen and one that is not, the bench's of these names, and the common
        ones.
        """
        return own_scans(person) | COMMON_SCANS

    def met_in(self, environment: str, person: str | None, sample: Picture) -> Picture:
        """As a scanner of the person's own sees it. Raises DataError."""
        scans = self.environments(person) if person else COMMON_SCANS
        if environment not in scans:
            return super().met_in(environment, person, sample)
        return seen_by(scans[environment], sample)

    def nobodys(
        self, count: int, *, generator: torch.Generator
    ) -> dict[str, Float[Tensor, "sample row column"]]:
        """Noise, blots and stripes."""
        noise, smooth = torch.rand(2, count, PICTURE_SIDE, PICTURE_SIDE, generator=generator)
        smooth = functional.avg_pool2d(smooth, 9, 1, 4)
        blots = (smooth > smooth.flatten(1).median(1).values[:, None, None]).float()
        row = torch.arange(PICTURE_SIDE)
        period = 3 + 6 * torch.rand(count, 1, 1, generator=generator)
        turn = torch.pi * torch.rand(count, 1, 1, generator=generator)
        along = row[:, None] * turn.cos() + row * turn.sin()
        stripes = (torch.sin(2 * torch.pi * along / period) > 0).float()
        return {"noise": noise, "blots": blots, "stripes": stripes}


def refuse_twins(pictures: Sequence[Picture]) -> None:
    """Raise PictureError for a picture that is there twice."""
    first: dict[str, str] = {}
    for picture in pictures:
        if picture.digest in first:
            raise PictureError(
                f"{picture.name} is the same picture as {first[picture.digest]}; each counts "
                "once, so leave one out."
            )
        first[picture.digest] = picture.name
