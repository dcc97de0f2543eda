"""Training steps as episodes: some virtual persons, for each a few unlabeled enrollment clips and
labeled queries.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vop_core.data.features import FeatureTable
from vop_core.errors import DataError
from vop_core.training.config import TrainConfig


@dataclass(frozen=True)
class EpisodeBatch:
    """One training step. Enrollment and query clips of a person never overlap."""

    enrollment: Float[Tensor, "person shot *shape"]  # inputs, or what a fixed encoder makes of them
    present: Bool[Tensor, "person shot"]  # which of the enrollment clips count
    query: Float[Tensor, "person query *shape"]
    labels: Int[Tensor, "person query"]
    training_clips: Float[Tensor, " person"]  # N_k, the person's clips in the training set
    # for methods that read labels; VoP does not
    enrollment_labels: Int[Tensor, "person shot"] | None = None


@runtime_checkable
class Augmentation(Protocol):
    """How a task makes a step's persons of its clips: one person a row, variants of a clip by
    name.
    """

    def __call__(
        self,
        variants: Mapping[str, Float[Tensor, " entry *input"]],  # name -> the table\'s clips
        rows: Int[Tensor, "person clip"],
        *,
        generator: torch.Generator,
    ) -> Float[Tensor, "person clip *input"]: ...


def as_recorded(
    variants: Mapping[str, Float[Tensor, " entry *input"]],  # name -> the table\'s clips
    rows: Int[Tensor, "person clip"],
    *,
    generator: torch.Generator,
) -> Float[Tensor, "person clip *input"]:
    """No augmentation."""
    return variants["original"][rows]


class EpisodeSampler:
    """Draws steps from a table: persons without replacement, a person's words uniformly, then clips
    of them.

    ``augment`` is the task's. Raises DataError when a person has too few clips to enroll and to ask
    about.
    """

    def __init__(
        self,
        table: FeatureTable,
        config: TrainConfig,
        augment: Augmentation | None = None,
        person_weights: Float[Tensor, " person"] | None = None,
        label_weights: Float[Tensor, " label"] | None = None,
    ) -> None:
        self.table, self.config, self.augment = table, config, augment or as_recorded
        self.clips = [
            (table.person == index).nonzero().squeeze(1) for index in range(len(table.persons))
        ]
        needed = config.clips_per_person
        for name, clips in zip(table.persons, self.clips, strict=True):
            if clips.numel() < needed:
                raise DataError(
                    f"{name} has {clips.numel()} training clips but a step needs {needed}; leave "
                    "this person out."
                )
        self.person_weights = (
            torch.ones(len(table.persons)) if person_weights is None else person_weights
        )
        # Labels are drawn by their weights, not by how many clips they have.
        wanted = torch.ones(len(table.labels)) if label_weights is None else label_weights
        self.clip_weights = [
            (wanted / torch.bincount(table.label[clips], minlength=len(wanted)))[table.label[clips]]
            for clips in self.clips
        ]

    def draw(self, *, generator: torch.Generator) -> EpisodeBatch:
        """One step's episodes, augmented."""
        config = self.config
        count = min(config.persons_per_step, len(self.clips))
        persons = torch.multinomial(self.person_weights, count, generator=generator)
        needed = config.clips_per_person
        rows = torch.stack(
            [
                self.clips[person][
                    torch.multinomial(self.clip_weights[person], needed, generator=generator)
                ]
                for person in persons.tolist()
            ]
        )
        # multinomial favours frequent picks first: shuffle, so that enrollment and query are
        # exchangeable
        rows = rows.gather(1, torch.rand(rows.shape, generator=generator).argsort(1))
        features = self.augment(self.table.variants, rows, generator=generator)
        shots = torch.randint(1, config.max_shots + 1, (count, 1), generator=generator)
        return EpisodeBatch(
            enrollment=features[:, : config.max_shots],
            present=torch.arange(config.max_shots) < shots,
            query=features[:, config.max_shots :],
            labels=self.table.label[rows[:, config.max_shots :]],
            training_clips=torch.tensor(
                [float(self.clips[person].numel()) for person in persons.tolist()]
            ),
            enrollment_labels=self.table.label[rows[:, : config.max_shots]],
        )


class RepresentedEpisodes:
    """A training's steps, drawn and represented once: methods that leave the encoder as it is share
    them.
    """

    def __init__(
        self,
        sampler: EpisodeSampler,
        represent: Callable[[Tensor], Tensor],
        steps: int,
        *,
        generator: torch.Generator,
    ) -> None:
        self.steps = [
            _represented(sampler.draw(generator=generator), represent) for _ in range(steps)
        ]
        self.from_start()

    def draw(self, *, generator: torch.Generator) -> EpisodeBatch:
        """The next step; after the last one, the first again."""
        return next(self.upcoming)

    def from_start(self) -> "RepresentedEpisodes":
        """The same steps for another training."""
        self.upcoming = cycle(self.steps)
        return self


@torch.no_grad()
def _represented(batch: EpisodeBatch, represent: Callable[[Tensor], Tensor]) -> EpisodeBatch:
    parts = {name: getattr(batch, name) for name in ("enrollment", "query")}
    return replace(
        batch,
        **{
            name: represent(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
            for name, clips in parts.items()
        },
    )
