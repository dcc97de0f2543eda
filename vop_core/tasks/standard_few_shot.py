"""The few-shot benchmarks that others report, for who has their data: Omniglot whole, miniImageNet.

Omniglot as [MATCHING] draws from it: characters of all alphabets together, 1,200 of 1,623 to train
on, and quarter turns as classes of their own, in training and in the test. miniImageNet as its
parts divide the classes, pictures of 84 x 84 in colour. 600 test episodes; of each class 15 samples
are asked about in miniImageNet, 5 in Omniglot. Intervals are over episodes.

Reconstruction: which characters [MATCHING] trained on was not published with the data; here a seed
draws them. Ink is centred and scaled as everywhere here.
Departs: as few steps as every task here takes, a hundredth of what is usual.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from vop_core.data.features import FeatureTable, cached_table
from vop_core.data.metadata import person_id
from vop_core.data.persons import Fold, PersonDataset
from vop_core.data.ways import AsTheyAre, Ways, with_quarter_turns
from vop_core.errors import DataError, PictureError
from vop_core.tasks.base import Progress
from vop_core.tasks.few_shot import EPISODES, FewShot
from vop_core.training.batches import Augmentation

OMNIGLOT, MINI_IMAGENET = "omniglot", "mini_imagenet"
TRAINED_SHARE = 1200 / 1623  # of the characters
CHARACTER_SEED = 0
PARTS = ("train", "test")
SIDE, PLANES = 84, 3


class StandardFewShot(FewShot):
    """Classes of one pool to train on, of another to test."""

    episode_count = 3 * EPISODES  # there is one fold

    def folds(self, dataset: PersonDataset, count: int, *, clips: int) -> tuple[Fold, ...]:
        """The one that the benchmark has. Raises DataError without classes of both pools."""
        train, test = (person_id(dataset.name, part) for part in PARTS)
        if not {train, test} <= set(dataset.persons):
            raise DataError(
                f"'{dataset.name}' has no classes to train on or none to test; bring the whole set."
            )
        return (Fold((train,), (test,)),)

    def group_of(self, person: str) -> str:
        """The episode itself."""
        return person


class StandardOmniglot(StandardFewShot):
    """Characters of all alphabets, and their quarter turns."""

    def dataset(self, name: str) -> PersonDataset:
        """The two pools as persons, whoever drew. Raises DataError where it is not there."""
        found = super().dataset(name)
        order = torch.Generator().manual_seed(CHARACTER_SEED)
        places = torch.randperm(len(found.labels), generator=order).tolist()
        trained = {found.labels[place] for place in places[: round(TRAINED_SHARE * len(places))]}
        pools = {label: PARTS[label not in trained] for label in found.labels}
        records = tuple(
            replace(each, person=person_id(found.name, pools[each.label])) for each in found.records
        )
        return PersonDataset(found.name, found.root, records)

    def drawn(self, table: FeatureTable) -> FeatureTable:
        """Episodes of the tested characters and their turns."""
        return super().drawn(with_quarter_turns(table))


class MiniImageNet(StandardFewShot):
    """Photographs of a hundred classes."""

    encoder: ClassVar[Mapping[str, Any]] = {
        "name": "conv4",
        "config": {"side": SIDE, "planes": PLANES},
    }
    augmentation: ClassVar[Augmentation] = AsTheyAre()

    def table(
        self,
        dataset: PersonDataset,
        *,
        variants: tuple[str, ...] = (),
        cache: bool = True,
        progress: Progress = None,
    ) -> FeatureTable:
        """Red, green and blue above one another, from 0 to 1. Raises PictureError, naming it, for
        what is no picture.
        """

        def compute(_: Any) -> dict[str, torch.Tensor]:
            with ThreadPoolExecutor() as pool:
                found = list(pool.map(_colours, (record.path for record in dataset.records)))
            return {"original": torch.stack(found)}

        about = (lambda _: [SIDE, PLANES]) if cache else None
        return cached_table(dataset, ("original",), compute, about)


def _colours(path: Path) -> torch.Tensor:
    try:
        with Image.open(path) as image:
            small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError):
        raise PictureError(f"'{path.name}' is no picture that can be read; remove it.") from None
    planes = torch.from_numpy(np.array(small)).permute(2, 0, 1)
    return planes.flatten(0, 1).float() / 255


STANDARD = tuple(
    kind(Ways(ways, shots), (name,), queries=queries, persons_per_step=persons)
    for kind, name, ways, shots, queries, persons in (
        (StandardOmniglot, OMNIGLOT, 5, 1, 5, 8),
        (StandardOmniglot, OMNIGLOT, 5, 5, 5, 4),
        (StandardOmniglot, OMNIGLOT, 20, 1, 5, 4),
        (StandardOmniglot, OMNIGLOT, 20, 5, 5, 2),
        (MiniImageNet, MINI_IMAGENET, 5, 1, 15, 4),
        (MiniImageNet, MINI_IMAGENET, 5, 5, 15, 2),
    )
)
