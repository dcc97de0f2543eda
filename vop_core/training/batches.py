"""Training steps as episodes: some virtual persons, for each a few unlabeled enrollment clips and
labeled queries.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import cycle
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vop_core.data.features import FeatureTable
from vop_core.data.ways import WayDrawer, Ways
from vop_core.errors import DataError
from vop_core.training.config import TrainConfig


@dataclass(frozen=True)
class EpisodeBatch:
    """One training step. Enrollment and query clips of a person never overlap; where clips are few,
    queries repeat.
    """

    enrollment: Float[Tensor, "person shot *shape"]  # inputs, or what a fixed encoder makes of them
    present: Bool[Tensor, "person shot"]  # which of the enrollment clips count
    query: Float[Tensor, "person query *shape"]
    labels: Int[Tensor, "person query"]
    training_clips: Float[Tensor, " person"]  # N_k, the person's clips in the training set
    # for methods that read labels; VoP does not
    enrollment_labels: Int[Tensor, "person shot"] | None = None

    def of(self, persons: slice) -> "EpisodeBatch":
        """The step of some of its persons."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        own = {name: value[persons] for name, value in values.items() if value is not None}
        return replace(self, **own)

    def together(
        self,
    ) -> tuple[Float[Tensor, " clip *shape"], Int[Tensor, " clip"], Bool[Tensor, " clip"]]:
        """All present clips and queries in one run, person by person; whose each is; which of them
        enroll.
        """
        asked = torch.ones_like(self.labels, dtype=torch.bool)
        owner, place = torch.cat((self.present, asked), dim=1).nonzero().T
        clips = torch.cat((self.enrollment, self.query), dim=1)[owner, place]
        return clips, owner, place < self.present.shape[1]


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
    of them, on the CPU, so that a seed's steps are the same on every device; the batch is where the
    table's clips are.

    Persons give what they have: from ``min_shots`` to ``max_shots`` clips enroll, but never all,
    and the others are asked about, once more in turn where they are fewer than a step's queries. So
    every person weighs alike in a step. A single clip is asked about with nothing enrolled; where a
    method needs an enrollment, such a person is never drawn.

    ``augment`` is the task's. Raises DataError when nobody has the clips that a step needs.
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
        weights = torch.ones(len(table.persons)) if person_weights is None else person_weights
        able = torch.tensor([len(clips) >= config.clips_per_person for clips in self.clips])
        self.person_weights = weights * able
        if not self.person_weights.any():
            raise DataError(
                f"Nobody has the {config.clips_per_person} training clip(s) that a step needs; add "
                "clips."
            )
        # Labels are drawn by their weights, not by how many clips they have.
        wanted = torch.ones(len(table.labels)) if label_weights is None else label_weights
        self.clip_weights = [
            (wanted / torch.bincount(table.label[clips], minlength=len(wanted)))[table.label[clips]]
            for clips in self.clips
        ]

    def draw(self, *, generator: torch.Generator) -> EpisodeBatch:
        """One step's episodes, augmented."""
        most = self.config.max_shots
        count = min(self.config.persons_per_step, int(self.person_weights.count_nonzero()))
        persons = torch.multinomial(self.person_weights, count, generator=generator).tolist()
        episodes = [self._episode(person, generator) for person in persons]
        rows = torch.stack([torch.cat((enrolled, asked)) for _, enrolled, asked in episodes])
        features = self.augment(self.table.variants, rows, generator=generator)
        device, labels = features.device, self.table.label[rows].to(features.device)
        shots = torch.tensor([[shots] for shots, _, _ in episodes])
        counts = torch.tensor([float(len(self.clips[person])) for person in persons])
        return EpisodeBatch(
            enrollment=features[:, :most],
            present=(torch.arange(most) < shots).to(device),
            query=features[:, most:],
            labels=labels[:, most:],
            training_clips=counts.to(device),
            enrollment_labels=labels[:, :most],
        )

    def _episode(
        self, person: int, generator: torch.Generator
    ) -> tuple[int, Int[Tensor, " shot"], Int[Tensor, " query"]]:
        """How many clips of a person enroll; these, filled up; and those that are asked about."""
        config, clips = self.config, self.clips[person]
        most = min(config.max_shots, len(clips) - 1)
        least = min(config.min_shots, most)
        shots = int(torch.randint(least, most + 1, (), generator=generator))
        count = min(len(clips), shots + config.queries_per_person)
        drawn = clips[torch.multinomial(self.clip_weights[person], count, generator=generator)]
        # multinomial favours frequent picks first: shuffle, so that enrollment and query are
        # exchangeable
        drawn = drawn[torch.randperm(count, generator=generator)]
        enrolled, asked = drawn[:shots], drawn[shots:]
        # what fills up an enrollment is not present, and no query of the person unless nothing is
        filling = enrolled if shots else asked
        return (
            shots,
            _in_turn(filling, config.max_shots),
            _in_turn(asked, config.queries_per_person),
        )


def _in_turn(clips: Int[Tensor, " clip"], count: int) -> Int[Tensor, " place"]:
    """``count`` clips, each as often as any other or once more."""
    return clips[torch.arange(count) % len(clips)]


class WaySampler:
    """Draws steps of few-shot episodes: groups with replacement, for each new classes, which are
    augmented as persons are.

    ``queries_per_person`` are an episode's, spread over its classes. Raises DataError as
    :class:`vop_core.data.ways.WayDrawer`.
    """

    def __init__(
        self, table: FeatureTable, config: TrainConfig, augment: Augmentation, shape: Ways
    ) -> None:
        self.table, self.config, self.augment, self.shape = table, config, augment, shape
        queries = max(1, config.queries_per_person // shape.ways)
        self.drawer = WayDrawer(table, shape, queries)

    def draw(self, *, generator: torch.Generator) -> EpisodeBatch:
        """One step's episodes, augmented; every class enrolls with equally many samples."""
        groups, count = list(self.drawer.groups), self.config.persons_per_step
        places = torch.randint(len(groups), (count,), generator=generator).tolist()
        rows = torch.stack(
            [self.drawer.draw(groups[place], generator=generator) for place in places]
        )
        samples = self.augment(self.table.variants, rows.flatten(0, 1), generator=generator)
        samples = samples.unflatten(0, rows.shape[:2])
        ways, shots = self.shape.ways, self.shape.shots
        label = torch.arange(ways, device=samples.device)[:, None].expand(rows.shape[1:])
        enrolled, asked = samples[:, :, :shots].flatten(1, 2), samples[:, :, shots:].flatten(1, 2)
        return EpisodeBatch(
            enrollment=enrolled,
            present=torch.ones(enrolled.shape[:2], dtype=torch.bool, device=samples.device),
            query=asked,
            labels=label[:, shots:].flatten().expand(asked.shape[:2]),
            training_clips=samples.new_full((count,), float(rows[0].numel())),
            enrollment_labels=label[:, :shots].flatten().expand(enrolled.shape[:2]),
        )


class RepresentedEpisodes:
    """A training's steps, drawn and represented once: methods that leave the encoder as it is share
    them.
    """

    def __init__(
        self,
        sampler: "EpisodeSampler | WaySampler",
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
