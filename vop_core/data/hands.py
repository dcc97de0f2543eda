"""The bundled writers: virtual persons who write scikit-learn's digits, each in their own hand.

The digits are the Optical Recognition of Handwritten Digits data [OPTDIGITS], of which nobody knows
who wrote which; every image is used once. A writer's slant, size, pen and bend are the same for all
digits of theirs (:mod:`vop_core.data.virtual_writers`). No shipped model was trained on them.

    python -m vop_core.data.hands    makes data/hands anew
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.locations import repository_root
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import PersonDataset, load_dataset
from vop_core.data.picture_features import picture_of
from vop_core.data.pictures import grey_picture
from vop_core.data.virtual_writers import VirtualWriters, written_by
from vop_core.data.voices import BundledPerson, Corpus
from vop_core.errors import DataError
from vop_core.types import Picture
from vop_core.writing import make_folder, whole_file

WRITERS, TAKES = 24, 4  # takes of each digit
ENROLLMENT = 20  # digits of a writer that may enroll, drawn at random; the others are asked about
STRENGTHS = VirtualWriters(slant=0.35, turn=0.1, size=0.12, style=1.0, pen=0.5, jitter=0.6)
SEED = 0
ENLARGED = 8  # times, before a digit of 8 x 8 is read as ink
PALEST, DARKEST = 7.0, 10.5  # of 16: where ink begins, and where it is black
CORPUS = Corpus(
    "virtual-writers",
    "virtual-writers",
    "Optical Recognition of Handwritten Digits (Alpaydin, Kaynak 1998), CC BY 4.0, as scikit-learn "
    "has it; made larger, and written by virtual persons",
    "a virtual person, who writes real digits in a hand of their own",
)


@dataclass(frozen=True)
class BundledPicture:
    """One digit of a bundled writer; ``load`` reads it."""

    record: ClipRecord
    role: str  # "enrollment" or "query"

    @property
    def path(self) -> Path:
        """Names it; there is no such file."""
        return self.record.path

    @property
    def label(self) -> str:
        """The digit."""
        return self.record.label

    def load(self) -> Picture:
        """Its ink."""
        return picture_of(self.record)


def hands_root() -> Path:
    """The folder of the bundled writers."""
    return repository_root() / "data" / "hands" / CORPUS.folder


def bundled_digits(root: Path | None = None) -> PersonDataset:
    """All their digits as a data set. Raises DataError where they are missing."""
    folder = root or hands_root()
    if not folder.is_dir():
        raise DataError(
            "The bundled writers are missing: make them with  python -m vop_core.data.hands."
        )
    return load_dataset(folder)


def bundled_writers(root: Path | None = None) -> tuple[BundledPerson, ...]:
    """The bundled writers, in the order of their names. Raises DataError as `bundled_digits`."""
    dataset = bundled_digits(root)
    return tuple(
        _writer([record for record in dataset.records if record.person == person])
        for person in dataset.persons
    )


def _writer(records: list[ClipRecord]) -> BundledPerson:
    name = records[0].person.partition("/")[2]
    order = torch.randperm(len(records), generator=torch.Generator().manual_seed(int(name)))
    ranked = [records[place] for place in order]
    return BundledPerson(
        id=records[0].person,
        name=f"Writer {name}",
        corpus=CORPUS,
        enrollment=tuple(BundledPicture(each, "enrollment") for each in ranked[:ENROLLMENT]),
        query=tuple(BundledPicture(each, "query") for each in ranked[ENROLLMENT:]),
    )


# --- how they were made ---------------------------------------------------------------------------


def written_digits() -> Float[Tensor, "writer digit row column"]:
    """Every writer's ink: ``TAKES`` times the digits from 0 to 9."""
    from sklearn.datasets import load_digits

    found = load_digits()
    rng = np.random.default_rng(SEED)
    rows = []
    for label in range(10):
        own = rng.permutation(np.flatnonzero(found.target == label))
        rows.append(own[: WRITERS * TAKES].reshape(WRITERS, TAKES))
    places = np.stack(rows, axis=2).reshape(WRITERS, -1)
    inks = [[grey_picture(_enlarged(found.images[place])).ink for place in own] for own in places]
    generator = torch.Generator().manual_seed(SEED)
    return written_by(
        torch.stack([torch.stack(own) for own in inks]), STRENGTHS, generator=generator
    )


def _enlarged(image: np.ndarray) -> np.ndarray:
    large = scipy.ndimage.zoom(np.pad(image, 2), ENLARGED, order=3)
    return 255 * np.clip((large - PALEST) / (DARKEST - PALEST), 0, 1)


def build_hands(folder: Path) -> None:
    """Write all digits as one npz. Raises VopError where nothing can be written."""
    make_folder(folder)
    images = (255 * written_digits()).round().byte().numpy()
    with whole_file(folder / "digits.npz") as part, part.open("wb") as stream:
        np.savez_compressed(
            stream,
            images=images.reshape(-1, *images.shape[2:]),
            writer=np.repeat([f"{number:02d}" for number in range(1, WRITERS + 1)], 10 * TAKES),
            label=np.tile(np.arange(10).astype("U1"), WRITERS * TAKES),
        )


if __name__ == "__main__":
    build_hands(hands_root())
