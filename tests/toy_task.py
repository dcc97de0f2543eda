"""A task that is no speech: scikit-learn's digits, as virtual writers write them, under two layers
of convolution.

Everything that a new encoder and a new task need to know is in this file; whatever holds for any
task is tested on it.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from vop_core.data.features import FeatureTable
from vop_core.data.locations import cache_root
from vop_core.data.persons import PersonDataset, person_folds
from vop_core.modes import evaluation_mode
from vop_core.nets.encoder import Encoder, NormTitle
from vop_core.nets.personal_layers import Deviations, PersonalClassifier, PersonalSubSpectralNorm
from vop_core.tasks.base import FOLD_SEED, Task, TaskData
from vop_core.training.config import TrainConfig

SIDE = 8  # pixels
BLACK = 2.0  # the strongest pressure, as ink


@dataclass(frozen=True, kw_only=True)
class TwoLayersConfig:
    labels: int
    channels: int = 8
    context_channels: int = 0


class TwoLayers(Encoder):
    """Grey images of any size to logits. It has no matrix before the classifier that a person could
    own.
    """

    name = "two-layers"
    config_type = TwoLayersConfig
    first_matrix = "first.weight"

    def __init__(self, config: TwoLayersConfig) -> None:
        super().__init__()
        self.config = config
        width = config.channels
        self.first = nn.Conv2d(1 + config.context_channels, width, 3, padding=1, bias=False)
        self.first_norm = PersonalSubSpectralNorm(width, bands=1)
        self.second = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False)
        self.second_norm = PersonalSubSpectralNorm(2 * width, bands=1)
        self.classifier = PersonalClassifier(2 * width, config.labels)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        return SIDE, SIDE

    @property
    def personal_norms(self) -> dict[str, PersonalSubSpectralNorm]:
        return {"first_norm": self.first_norm, "second_norm": self.second_norm}

    @property
    def norm_titles(self) -> dict[str, NormTitle]:
        return {
            "first_norm": NormTitle("Layer 1: strokes", "pattern"),
            "second_norm": NormTitle("Layer 2: shapes", "pattern"),
        }

    def embed(
        self,
        inputs: Float[Tensor, "clip row column"],
        deviations: Deviations | None = None,
        context: Float[Tensor, "clip channel row column"] | None = None,
    ) -> Float[Tensor, "clip feature"]:
        return self._maps(inputs, deviations or {}, context)[-1].mean((2, 3))

    @torch.no_grad()
    def statistics(
        self, inputs: Float[Tensor, "clip row column"]
    ) -> Float[Tensor, "clip statistic"]:
        with evaluation_mode(self):
            first, second, _ = self._maps(inputs, {}, None)
        return torch.cat(
            (self.first_norm.statistics(first), self.second_norm.statistics(second)), dim=1
        )

    def _maps(
        self, inputs: Tensor, own: Deviations, context: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        seen = inputs[:, None] if context is None else torch.cat((inputs[:, None], context), dim=1)
        first = self._normalised("first_norm", self.first(seen), own)
        second = self._normalised("second_norm", self.second(torch.relu(first)), own)
        return first, second, torch.relu(second)

    def _normalised(self, name: str, value: Tensor, own: Deviations) -> Tensor:
        norm = self.get_submodule(name)
        return norm(value, own.get(f"{name}.norm.weight"), own.get(f"{name}.norm.bias"))


def written(
    images: Float[Tensor, "writer clip row column"], *, generator: torch.Generator
) -> Float[Tensor, "writer clip row column"]:
    """As each writer writes them: slanted, wider or narrower, with another pressure on another
    paper.
    """
    writers, clips = images.shape[:2]
    slant, width, pressure, paper = torch.rand(4, writers, generator=generator)
    zero, one = torch.zeros(writers), torch.ones(writers)
    affine = torch.stack([0.8 + 0.4 * width, slant - 0.5, zero, zero, one, zero], dim=1).view(
        writers, 2, 3
    )
    grid = functional.affine_grid(affine, (writers, clips, SIDE, SIDE), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    return (0.5 + pressure)[:, None, None, None] * moved + 0.3 * paper[:, None, None, None]


@dataclass(frozen=True)
class VirtualWriters:
    """The task's augmentation: every person of a step is a new writer."""

    def __call__(
        self,
        variants: dict[str, Tensor],
        rows: Int[Tensor, "person clip"],
        *,
        generator: torch.Generator,
    ) -> Float[Tensor, "person clip row column"]:
        return written(variants["original"][rows], generator=generator)


def digits_table(writers: int = 6, takes: int = 3, labels: int = 10, seed: int = 0) -> FeatureTable:
    """Every writer writes every digit below ``labels`` ``takes`` times; no image is used twice."""
    found = load_digits()
    images, truth = torch.tensor(found.images).float() / 16, torch.tensor(found.target)
    word = torch.arange(labels).repeat(takes)
    chosen = [
        (truth == label).nonzero().squeeze(1)[: writers * takes].view(writers, takes)
        for label in range(labels)
    ]
    rows = torch.stack(chosen, dim=2).flatten(1)  # (writer, take * label)
    generator = torch.Generator().manual_seed(seed)
    return FeatureTable(
        variants={"original": written(images[rows], generator=generator).flatten(0, 1)},
        person=torch.arange(writers).repeat_interleave(len(word)),
        label=word.repeat(writers),
        take=torch.arange(takes).repeat_interleave(labels).repeat(writers) + 1,
        persons=tuple(f"digits/writer{index:02d}" for index in range(writers)),
        labels=tuple(str(label) for label in range(labels)),
    )


def write_digits(folder: Path, writers: int = 8) -> Path:
    """Pictures of ``digits_table`` as files, listed as every data set is."""
    table = digits_table(writers)
    pixels = (table.features * (255 / BLACK)).clamp(0, 255).byte().numpy()
    rows = ["path,person,label,take"]
    folder.mkdir(parents=True)
    for index, (picture, person, label, take) in enumerate(
        zip(pixels, table.person.tolist(), table.label.tolist(), table.take.tolist(), strict=True)
    ):
        Image.fromarray(picture).save(folder / f"{index:04d}.png")
        rows.append(f"{index:04d}.png,writer{person},{table.labels[label]},{take}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def pixels_of(path: Path) -> Float[Tensor, "row column"]:
    """A picture as ink: paper is 0."""
    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture, dtype=np.float32)) * (BLACK / 255)


class Digits(Task):
    """Which digit was written."""

    kind = name = "digits"
    title = "Written digits"
    limits = "Small pictures, and writers who never lived."
    encoder = {"name": TwoLayers.name, "config": {"channels": 8}}  # noqa: RUF012
    augmentation = VirtualWriters()
    shared = TrainConfig(
        steps=150, persons_per_step=4, queries_per_person=6, max_shots=6, learning_rate=2e-2
    )
    branch = replace(shared, steps=30, seed=1000)

    @property
    def in_the_box(self) -> str:
        folder = cache_root() / self.name
        return str(folder if folder.exists() else write_digits(folder))

    def table(self, dataset: PersonDataset, *, variants=(), cache=True, progress=None):
        person = {name: index for index, name in enumerate(dataset.persons)}
        label = {name: index for index, name in enumerate(dataset.labels)}
        records = dataset.records
        return FeatureTable(
            variants={"original": torch.stack([pixels_of(each.path) for each in records])},
            person=torch.tensor([person[each.person] for each in records]),
            label=torch.tensor([label[each.label] for each in records]),
            take=torch.tensor([each.take for each in records]),
            persons=dataset.persons,
            labels=dataset.labels,
        )

    def data(self, *, progress=None) -> TaskData:
        fold = person_folds(self.dataset(self.in_the_box).persons, 4, seed=FOLD_SEED)[0]
        return self.fold_data(self.in_the_box, fold)

    def features(self, samples):
        return torch.stack([pixels_of(path) for path in samples])
