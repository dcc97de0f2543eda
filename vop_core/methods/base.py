"""What every way to personalize shares: a promise to keep, and the facts a reader needs before its accuracy.

A method is one file. It says what it is (``facts``), what can be set (``config_type``), and two things about a batch of
persons: ``adapt`` turns their enrollment clips into an *adaptation*, named tensors with a leading person axis and
nothing else, and ``answer`` classifies their query clips with it. From these two the promise follows,
``enroll(enrollment) -> PersonalModel``, for one person as for many.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vop_core.data.features import FeatureTable
from vop_core.errors import EvaluationError
from vop_core.methods.global_model import CLIPS_AT_ONCE, GlobalModel
from vop_core.nets.bcresnet import BcResNet, BcResNetConfig
from vop_core.types import PersonalModel, Prediction
from vop_core.variational.predictive import check_draws, predict_from_draws, predict_from_mean

SLOW = 1 / 8  # the other learning rate that is tried for what a method adds to the encoder
Adaptation = dict[str, Tensor]
"""What is kept of persons: each tensor has a leading person axis, which may be empty of further axes."""


@dataclass(frozen=True, kw_only=True)
class MethodFacts:
    """What must be known of a method before its figures mean anything."""

    summary: str  # one sentence: what it does with a person's clips
    source: str  # its tag in CITATION.cff
    labels: bool = False  # reads which words the enrollment clips say
    gradients: bool = False  # takes gradient steps while it enrolls
    trained: bool = False  # is trained from the fold's checkpoint; else it is made of the global model as it is
    encoder_fixed: bool = False  # is trained, but on the finished global model, whose encoder stays as it is
    personal: bool = True  # reads the enrollment clips at all
    draws: int = 0  # weight draws that its answer averages; 0: one setting of the weights
    posterior: bool = False  # keeps a distribution whose draws are worth a row of their own
    nobody: bool = False  # has an answer without any enrollment clip
    trained_as: str | None = None  # the method in whose training it shares, by its name in the registry
    version: int = 1  # goes up when its code changes what it computes, so that old results are not taken for new


@dataclass(frozen=True, kw_only=True)
class NoConfig:
    """Nothing can be set."""


@dataclass(frozen=True, kw_only=True)
class TrainedConfig:
    """What can be set of every method that is trained from the fold's checkpoint."""

    # Share of the learning rate, for all but the encoder; "later" keeps the names of runs made before it existed.
    rate: float = field(default=1.0, metadata={"later": True})

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ValueError(f"rate must be positive, got {self.rate}")


class PersonalizationMethod(nn.Module, ABC):
    """An encoder, and one way to make it a person's own."""

    facts: ClassVar[MethodFacts]
    config_type: ClassVar[type] = NoConfig

    def __init__(self, encoder: BcResNetConfig, config: Any = None) -> None:
        super().__init__()
        self.config = self.config_type() if config is None else config
        self.encoder = BcResNet(encoder)

    @classmethod
    def choices(cls) -> tuple[Any, ...]:
        """The settings that are tried on validation persons; the first is the default."""
        return (cls.config_type(),)

    @classmethod
    def from_global(cls, model: GlobalModel, config: Any = None) -> "PersonalizationMethod":
        """On a copy of a trained global encoder, in evaluation mode."""
        method = cls(model.config, config)
        method.encoder.load_state_dict(model.encoder.state_dict())
        return method.eval()

    def prepare(self, clips: FeatureTable) -> None:
        """Take from the training persons' clips what enrolling needs (class means, curvature). Nothing unless said."""

    @property
    def gradient_steps(self) -> int:
        """Gradient steps of one enrollment."""
        return 0

    # --- what a method says ----------------------------------------------------------------------------------

    def represent(self, log_mels: Float[Tensor, "clip mel frame"]) -> Float[Tensor, "clip *shape"]:
        """What of a clip does not depend on the person, computed once: the log-mel itself unless a method knows better.

        ``adapt`` and ``answer`` read this representation.
        """
        return log_mels

    @abstractmethod
    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *shape"],
        labels: Int[Tensor, "person shot"] | None = None,
        present: Bool[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Represented enrollment clips of many persons, where ``present`` (all unless given), to their adaptations.

        Raises EvaluationError without labels where they are read; ValueError with ``present``, which only training
        needs, where nothing is trained.
        """

    def nobody(self, persons: int) -> Adaptation:
        """The adaptations of persons of whom there is no clip. Raises EvaluationError where there is none."""
        raise EvaluationError("This method has no answer without enrollment clips.")

    @abstractmethod
    def answer(
        self, adaptation: Adaptation, query: Float[Tensor, "person query *shape"]
    ) -> Float[Tensor, "person query label"]:
        """Class probabilities of each person's represented queries, with one setting of the weights."""

    def answer_draws(
        self,
        adaptation: Adaptation,
        query: Float[Tensor, "person query *shape"],
        *,
        draws: int,
        generator: torch.Generator | None,
    ) -> Float[Tensor, "draw person query label"]:
        """Class probabilities under each draw; a method without a distribution gives its one answer again."""
        answer = self.answer(adaptation, query)
        return answer.expand(draws, *answer.shape)

    # --- what follows ----------------------------------------------------------------------------------------

    def enroll(
        self, enrollment: Float[Tensor, "shot mel frame"], labels: Int[Tensor, " shot"] | None = None
    ) -> PersonalModel:
        """A few clips in, a personal model out; nothing of the method changes.

        Raises EvaluationError without any clip, or without labels where the method reads them.
        """
        if enrollment.shape[0] == 0:
            raise EvaluationError("Enrollment needs at least one clip; record or choose one.")
        known = needed_labels(labels)[None] if self.facts.labels else None
        with evaluation_mode(self), torch.no_grad():
            return AdaptedModel(self, self.adapt(self.represent(enrollment)[None], known))

    def predict_persons(
        self,
        enrollment: Float[Tensor, "person shot mel frame"] | None,
        query: Float[Tensor, "person query mel frame"],
        *,
        labels: Int[Tensor, "person shot"] | None = None,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "person query label"]:
        """Enroll many persons, or nobody (None), and answer their queries, from log-mels.

        ``draws`` = 0 answers with one setting of the weights, else probabilities are averaged over that many draws.
        Raises EvaluationError without enrollment where the method has no answer then.
        """
        with torch.no_grad():
            clips = [
                None if part is None else self.represent(part.flatten(0, 1)).unflatten(0, part.shape[:2])
                for part in (enrollment, query)
            ]
            return self.answer_persons(*clips, labels=labels, draws=draws, generator=generator)

    def answer_persons(
        self,
        enrollment: Float[Tensor, "person shot *shape"] | None,
        query: Float[Tensor, "person query *shape"],
        *,
        labels: Int[Tensor, "person shot"] | None = None,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "person query label"]:
        """The same from represented clips."""
        with torch.no_grad():
            if enrollment is None:
                adaptation = self.nobody(len(query))
            else:
                adaptation = self.adapt(enrollment, labels if self.facts.labels else None)
            if not draws:
                return self.answer(adaptation, query)
            return self.answer_draws(adaptation, query, draws=draws, generator=generator).mean(0)

    def description(self) -> dict[str, Any]:
        """The settings from which an empty copy can be built."""
        return {"encoder": asdict(self.encoder.config), "config": asdict(self.config)}


class AdaptedModel:
    """One person's model: the method and what it keeps of the person."""

    def __init__(self, method: PersonalizationMethod, adaptation: Adaptation) -> None:
        self.method, self.adaptation = method, adaptation  # the adaptation's person axis has length 1

    @property
    def bytes(self) -> int:
        """Size of what is kept of the person, as float32."""
        return adaptation_bytes(self.adaptation)

    def predict(
        self,
        query: Float[Tensor, "query mel frame"],
        *,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Prediction:
        """Class probabilities: of one setting of the weights (``draws`` = 0), or over draws.

        The bench's main row of a method is asked with its ``facts.draws``. Raises EvaluationError for more than
        1,000 draws.
        """
        check_draws(draws)
        with evaluation_mode(self.method), torch.inference_mode():
            clips = self.method.represent(query)[None]
            if not draws:
                return predict_from_mean(self.method.answer(self.adaptation, clips)[0])
            answers = self.method.answer_draws(self.adaptation, clips, draws=draws, generator=generator)
            return predict_from_draws(answers[:, 0])


class ClassifierMethod(PersonalizationMethod):
    """Methods that leave everything below the classifier to all persons: a clip is its embedding, computed once."""

    def represent(self, log_mels: Float[Tensor, "clip mel frame"]) -> Float[Tensor, "clip feature"]:
        """What the classifier reads."""
        return embeddings_of(self.encoder, log_mels)


class SharedClassifier(ClassifierMethod):
    """Methods that read no enrollment: one classifier answers everybody."""

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"] | None = None,
        present: Bool[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Nothing is kept of anybody."""
        return self.nobody(len(enrollment))

    def nobody(self, persons: int) -> Adaptation:
        """Everybody's."""
        return {"nothing": torch.zeros(persons, 0)}

    def answer(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """The same for everybody."""
        return self.encoder.classifier(query.flatten(0, 1)).softmax(-1).unflatten(0, query.shape[:2])


def needed_labels(labels: Tensor | None) -> Tensor:
    """The labels of enrollment clips. Raises EvaluationError without them."""
    if labels is None:
        raise EvaluationError("This method reads which words the clips say; pass their labels.")
    return labels


def needed_generator(generator: torch.Generator | None) -> torch.Generator:
    """The generator itself. Raises ValueError without one: nothing here draws from a global stream."""
    if generator is None:
        raise ValueError("drawing weights needs a generator: pass generator=torch.Generator().manual_seed(...)")
    return generator


def whole_enrollments(present: Tensor | None) -> None:
    """Raises ValueError with a mask: only training, which this method has none of, leaves clips out."""
    if present is not None:
        raise ValueError("this method is not trained: it takes whole enrollments, without a mask")


def every_clip(
    enrollment: Float[Tensor, "person shot *shape"], present: Bool[Tensor, "person shot"] | None
) -> Bool[Tensor, "person shot"]:
    """Which clips count: all unless said."""
    if present is not None:
        return present
    return torch.ones(enrollment.shape[:2], dtype=torch.bool, device=enrollment.device)


def embeddings_of(encoder: BcResNet, log_mels: Float[Tensor, "clip mel frame"]) -> Float[Tensor, "clip feature"]:
    """What the classifier reads of each clip, without gradients, in pieces."""
    with torch.no_grad():
        return torch.cat([encoder.embed(part) for part in log_mels.split(CLIPS_AT_ONCE)])


def adaptation_bytes(adaptation: Adaptation) -> int:
    """Bytes of one person's part of an adaptation, four a number."""
    return sum(4 * value[0].numel() for value in adaptation.values())


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for the while: batch normalisation must not learn from a visitor."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
