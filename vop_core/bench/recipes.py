"""Named recipes: everything that defines a run, frozen, so that a run is known by the hash of its
config.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any

from vop_core.evaluation.comparison import GLOBAL
from vop_core.evaluation.score import Scoring
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.registry import METHODS
from vop_core.methods.vop import PERSONAL, VopConfig
from vop_core.tasks.base import BRANCH, SHARED, Task
from vop_core.training.batches import Augmentation
from vop_core.training.config import TrainConfig

VOP = "vop"
FURTHER = TrainConfig(
    steps=200,
    persons_per_step=8,
    queries_per_person=8,
    learning_rate=8e-3,
    encoder_rate=0.1,
    seed=2000,
)


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """Encoder, augmentation and the phases that train the one model from which every method
    starts.
    """

    encoder: Mapping[str, Any]  # its name and settings, all but the labels
    augmentation: Augmentation
    phases: tuple[TrainConfig, ...]
    seed: int = 0

    def with_seed(self, seed: int) -> "CheckpointConfig":
        """The same from another seed, in all phases."""
        phases = tuple(
            replace(phase, seed=1000 * place + seed) for place, phase in enumerate(self.phases)
        )
        return replace(self, seed=seed, phases=phases)


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What all methods of a comparison share: where they start, how they go on from there, what
    they are asked.
    """

    checkpoint: CheckpointConfig
    further: TrainConfig
    scoring: Scoring = field(default_factory=Scoring)

    @classmethod
    def of_task(
        cls,
        task: Task,
        phases: tuple[TrainConfig, ...] = (SHARED, BRANCH),
        further: TrainConfig = FURTHER,
        scoring: Scoring | None = None,
    ) -> "BenchConfig":
        """With the task's encoder and augmentation."""
        checkpoint = CheckpointConfig(
            encoder=task.encoder, augmentation=task.augmentation, phases=phases
        )
        return cls(checkpoint=checkpoint, further=further, scoring=scoring or Scoring())

    @property
    def clips_per_person(self) -> int:
        """Clips that every training person must have."""
        return max(phase.clips_per_person for phase in (*self.checkpoint.phases, self.further))

    def with_seed(self, seed: int) -> "BenchConfig":
        """The same from another seed; the episodes that are scored stay the same."""
        further = replace(self.further, seed=1000 * len(self.checkpoint.phases) + seed)
        return replace(self, checkpoint=self.checkpoint.with_seed(seed), further=further)


def two_phases(task: Task) -> BenchConfig:
    """How shipped models are trained: one shared phase, then the global model and VoP equally many
    steps each.
    """
    scoring = Scoring.everywhere((1, 3, 5, 10))
    return BenchConfig.of_task(task, (task.shared,), task.branch, scoring)


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A method with its settings, under the name it has in tables."""

    variant: str
    method: str
    config: Any = None  # None: the method's default

    @property
    def type(self) -> type[PersonalizationMethod]:
        """The method's class."""
        return METHODS[self.method]

    @property
    def settings(self) -> Any:
        """What it is made with."""
        return self.type.choices()[0] if self.config is None else self.config


DEFAULT_RECIPE = "personal"
_PERSONAL = VopConfig(**PERSONAL)
RECIPES: dict[str, VopConfig] = {
    DEFAULT_RECIPE: _PERSONAL,
    # what it was chosen against
    "bound": replace(_PERSONAL, beta=1.0, evidence_dropout=0.3),
    "log-mel": replace(_PERSONAL, evidence="input"),
    "bayes-fusion": replace(_PERSONAL, aggregation="bayes_fusion"),
    # lessons: each fails in its own way, and is kept because of it
    "slides-literal": replace(
        _PERSONAL, conditioning="self", person_loss=0.0, personal_layers=("classifier",)
    ),
    "point-mass": replace(_PERSONAL, family="diagonal", prior_scale=1.0, beta=1e-4),
    "diagonal": replace(_PERSONAL, family="diagonal", prior_scale=0.1),
}


def recipe_contenders(recipes: tuple[str, ...]) -> tuple[Contender, ...]:
    """The global model, and VoP by each recipe under the recipe's name."""
    found = tuple(Contender(variant=name, method=VOP, config=RECIPES[name]) for name in recipes)
    return (Contender(variant=GLOBAL, method=GLOBAL), *found)


def as_plain(config: Any) -> Any:
    """A frozen config, or plain values, as JSON has it."""
    return json.loads(json.dumps(asdict(config) if is_dataclass(config) else config))


def config_hash(*configs: Any) -> str:
    """Short name of a combination of configs and plain values."""
    text = json.dumps([as_plain(config) for config in configs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
