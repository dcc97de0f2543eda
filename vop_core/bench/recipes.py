"""Named recipes: everything that defines a run, frozen, so that a run is known by the hash of its
config.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any

from vop_core.errors import EvaluationError
from vop_core.evaluation.score import GLOBAL, Scoring
from vop_core.methods.amortised_vop import PERSONAL, AmortisedVopConfig
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.registry import METHODS
from vop_core.tasks.base import Task
from vop_core.training.batches import Augmentation
from vop_core.training.config import TrainConfig

VOP = "vop"


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """Encoder, augmentation and the training of the one global model from which every method
    starts.
    """

    encoder: Mapping[str, Any]  # its name and settings, all but the labels
    augmentation: Augmentation
    training: TrainConfig | None  # None: every method starts from an untrained model
    seed: int = 0

    def with_seed(self, seed: int) -> "CheckpointConfig":
        """The same from another seed."""
        training = self.training and replace(self.training, seed=seed)
        return replace(self, seed=seed, training=training)


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What all methods of a comparison share: where they start, how they go on from there, what
    they are asked.
    """

    checkpoint: CheckpointConfig
    further: TrainConfig | None  # None: a model is asked as it starts
    scoring: Scoring = field(default_factory=Scoring)

    @classmethod
    def of_task(cls, task: Task, scoring: Scoring | None = None) -> "BenchConfig":
        """As the task trains its own models, from seed 0."""
        checkpoint = CheckpointConfig(
            encoder=task.encoder, augmentation=task.augmentation, training=task.shared
        )
        config = cls(checkpoint=checkpoint, further=task.branch, scoring=scoring or Scoring())
        return config.with_seed(0)

    @classmethod
    def of_shipped(cls, task: Task, scoring: Scoring) -> "BenchConfig":
        """As the task trains its model in the box, longer than one of many in a comparison."""

        def longer(training: TrainConfig) -> TrainConfig:
            return replace(training, steps=task.shipped_length * training.steps)

        usual = cls.of_task(task, scoring)
        settings = {**task.encoder["config"], **task.shipped_encoder}
        checkpoint = replace(
            usual.checkpoint,
            encoder={**task.encoder, "config": settings},
            training=longer(usual.checkpoint.training),
        )
        return replace(usual, checkpoint=checkpoint, further=longer(usual.further))

    @property
    def clips_per_person(self) -> int:
        """Clips that every training person must have."""
        trainings = (self.checkpoint.training, self.further)
        return max((each.clips_per_person for each in trainings if each), default=1)

    def with_seed(self, seed: int) -> "BenchConfig":
        """The same from another seed; the episodes that are scored stay the same."""
        further = self.further and replace(self.further, seed=1000 + seed)
        return replace(self, checkpoint=self.checkpoint.with_seed(seed), further=further)


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
_AMORTISED = AmortisedVopConfig(**PERSONAL)


def _amortised(recipe: str, **changes: Any) -> Contender:
    config = replace(_AMORTISED, **changes)
    return Contender(variant=recipe, method="amortised-vop", config=config)


RECIPES: dict[str, Contender] = {
    recipe.variant: recipe
    for recipe in (
        Contender(variant=DEFAULT_RECIPE, method=VOP),
        _amortised("amortised"),
        _amortised("bound", beta=1.0, evidence_dropout=0.3),
        # lessons: each fails in its own way, and is kept because of it
        _amortised(
            "slides-literal", conditioning="self", person_loss=0.0, personal_layers=("classifier",)
        ),
        _amortised("point-mass", family="diagonal", prior_scale=1.0, beta=1e-4),
        _amortised("diagonal", family="diagonal", prior_scale=0.1),
    )
}


def shipped_contender(task: Task, recipe: str = DEFAULT_RECIPE) -> Contender:
    """VoP as a task's model in the box. Raises EvaluationError for a recipe of another method."""
    if task.vop == VOP:
        return RECIPES[recipe]
    if recipe != DEFAULT_RECIPE:
        raise EvaluationError(
            f"The recipe '{recipe}' is for other tasks; '{task.name}' has '{DEFAULT_RECIPE}' alone."
        )
    return Contender(variant=recipe, method=task.vop)


def recipe_contenders(recipes: tuple[str, ...]) -> tuple[Contender, ...]:
    """The global model, and VoP by each recipe under the recipe's name."""
    found = tuple(RECIPES[name] for name in recipes)
    return (Contender(variant=GLOBAL, method=GLOBAL), *found)


def as_plain(config: Any) -> Any:
    """A frozen config, or plain values, as JSON has it."""
    return json.loads(json.dumps(asdict(config) if is_dataclass(config) else config))


def config_hash(*configs: Any) -> str:
    """Short name of a combination of configs and plain values."""
    text = json.dumps([as_plain(config) for config in configs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
