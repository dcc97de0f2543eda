"""What every way to personalize shares: a promise to keep, and the facts a reader needs before its
accuracy.

A method is one file. It says what it is and what it can do (``facts``), what can be set
(``config_type``), and two things about a batch of persons: ``adapt`` turns their enrollment clips
into an *adaptation*, named tensors with a leading person axis and nothing else, and
``predict_proba`` classifies their query clips with it. From these two the promise follows,
``enroll(enrollment) -> PersonalModel``, for one person as for many.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vop_core.data.features import FeatureTable
from vop_core.errors import EvaluationError
from vop_core.methods.personal import (
    Adaptation,
    PersonalModel,
    Shrinkage,
    WeightPosterior,
    gaussian_of,
    load_person,
    signatures_of,
)
from vop_core.modes import evaluation_mode
from vop_core.nets.batched import (
    CLIPS_AT_ONCE,
    embeddings_of,
    personal_embeddings,
    personal_logits,
    run_personal,
)
from vop_core.nets.classifier_inference import classify
from vop_core.nets.encoder import Encoder
from vop_core.nets.registry import build_encoder
from vop_core.settings import Settings, positive
from vop_core.training.batches import EpisodeBatch
from vop_core.training.checkpoint import fingerprint
from vop_core.variational.enrollment_health import HealthReference
from vop_core.variational.gaussian import DiagonalGaussian

SLOW = 1 / 8  # the other learning rate that is tried for what a method adds to the encoder


@dataclass(frozen=True, kw_only=True)
class MethodFacts:
    """What must be known of a method before its figures mean anything, and what it can do."""

    summary: str  # one sentence: what it does with a person's clips
    source: str  # its tag in CITATION.cff
    labels: bool = False  # reads which words the enrollment clips say
    gradients: bool = False  # takes gradient steps while it enrolls
    # is trained from the fold's checkpoint; else it is made of the global model as it is
    trained: bool = False
    # is trained, but on the finished global model, whose encoder stays as it is
    encoder_fixed: bool = False
    personal: bool = True  # reads the enrollment clips at all
    draws: int = 0  # weight draws that its answer averages; 0: one setting of the weights
    # keeps a Gaussian over a person's weights, whose draws are worth a row of their own
    posterior: bool = False
    prior: bool = False  # has an answer without any enrollment clip
    # needs labeled clips of every class that is asked about: for few-shot episodes alone
    every_class: bool = False
    foldable: bool = False  # a person's weights can be written into a plain encoder
    # the method in whose training it shares, by its name in the registry
    trained_as: str | None = None
    # goes up when its code changes what it computes, so that old results are not taken for new
    version: int = 1

    @property
    def drawn(self) -> bool:
        """Whether one draw of the weights differs from another."""
        return self.posterior or self.draws > 0


@dataclass(frozen=True, kw_only=True)
class TrainedConfig(Settings):
    """What can be set of every method that is trained from the fold's checkpoint."""

    rate: float = positive(1.0)  # share of the learning rate, for all but the encoder


def fast_and_slow(*tried: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Settings to try at the full learning rate of what a method adds, and at ``SLOW``."""
    return tried + tuple({**each, "rate": SLOW} for each in tried)


class PersonalizationMethod(nn.Module, ABC):
    """An encoder, and one way to make it a person's own."""

    facts: ClassVar[MethodFacts]
    config_type: ClassVar[type[Settings]] = Settings
    # what is tried on validation persons in place of the defaults; the first is the default
    tried: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    # what persons' enrollments are compared with; None: they are not judged
    health_reference: HealthReference | None = None

    def __init__(self, encoder: Encoder, config: Any = None) -> None:
        super().__init__()
        self.config = self.choices()[0] if config is None else config
        self.encoder = encoder

    @classmethod
    def choices(cls) -> tuple[Any, ...]:
        """The settings of ``tried``."""
        return tuple(cls.config_type(**each) for each in cls.tried)

    @classmethod
    def from_global(
        cls, model: "PersonalizationMethod", config: Any = None
    ) -> "PersonalizationMethod":
        """On a copy of a trained global model's encoder, in evaluation mode."""
        return cls(copy.deepcopy(model.encoder).requires_grad_(), config).eval()

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> "PersonalizationMethod":
        """An untrained one from the settings that ``description`` gave."""
        settings = {
            name: tuple(value) if type(value) is list else value
            for name, value in description["config"].items()
        }
        # JSON knows no tuples
        return cls(build_encoder(description["encoder"]), cls.config_type(**settings))

    def description(self) -> dict[str, Any]:
        """The settings from which an empty copy can be built."""
        return {"encoder": self.encoder.description(), "config": asdict(self.config)}

    def prepare(self, clips: FeatureTable, kept: FeatureTable | None = None) -> None:
        """Take from the training persons' clips what enrolling needs (class means, curvature), and
        from those of persons ``kept`` apart what training cannot tell. Nothing unless said.
        """

    @property
    def gradient_steps(self) -> int:
        """Gradient steps of one enrollment."""
        return 0

    # --- what a method says -----------------------------------------------------------------------

    def represent(self, inputs: Float[Tensor, " clip *input"]) -> Float[Tensor, " clip *shape"]:
        """What of a clip does not depend on the person, computed once: the input itself unless a
        method knows better.

        ``adapt`` and ``predict_proba`` read this representation.
        """
        return inputs

    @abstractmethod
    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *shape"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Represented enrollment clips of many persons to their adaptations.

        Raises EvaluationError without labels where they are read.
        """

    def adapt_one(
        self, clips: Float[Tensor, " shot *shape"], labels: Int[Tensor, " shot"] | None
    ) -> tuple[Adaptation, Callable[[], Adaptation]]:
        """One person's adaptation, and where a posterior is kept how to make that of each clip by
        itself, which nobody may ask for.
        """
        return self.adapt(clips[None], None if labels is None else labels[None]), dict

    def prior(self, persons: int) -> Adaptation:
        """The adaptations of persons of whom there is no clip. Raises EvaluationError where there
        is none.
        """
        raise EvaluationError("This method has no answer without enrollment clips.")

    @abstractmethod
    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query *shape"]
    ) -> Float[Tensor, "person query label"]:
        """Class probabilities of each person's represented queries, with one setting of the
        weights.
        """

    def draw(
        self, adaptation: Adaptation, count: int, *, generator: torch.Generator | None
    ) -> Adaptation:
        """Settings of the weights drawn for each person, (draw, person, ...); without a
        distribution the one again.

        Raises ValueError without a generator where there is something to draw.
        """
        return {name: value.expand(count, *value.shape) for name, value in adaptation.items()}

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The encoder's parameters and buffers that are persons' own, (person, \\*shape), by name.

        Raises EvaluationError where what is a person's own is no weight of the encoder.
        """
        raise EvaluationError(
            "What this method keeps of a person cannot be written into a plain network."
        )

    def features(
        self, adaptation: Adaptation, clips: Float[Tensor, "person clip *shape"]
    ) -> Float[Tensor, "person clip feature"]:
        """What the classifier reads of each person's represented clips, with one setting of the
        weights.

        Raises EvaluationError where what is a person's own is no weight of the encoder.
        """
        persons, width = len(clips), self.encoder.classifier.in_features
        # a classifier that gives back what it reads
        through = {
            "classifier.weight": torch.eye(width, device=clips.device).expand(persons, -1, -1),
            "classifier.bias": torch.zeros(persons, width, device=clips.device),
        }
        return run_personal(self.encoder, self.own_weights(adaptation) | through, clips)

    def embed_episodes(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Float[Tensor, "person clip feature"], Tensor | float]:
        """What the classifier reads of each person's enrollment clips and then queries, all under
        the weights that the enrollment clips make, with gradients; anything where a clip is not
        present. And what a bound charges for these weights, in nats a clip.

        Raises EvaluationError where a method cannot be trained to compare.
        """
        raise EvaluationError("This method is not trained to compare clips.")

    def posterior(self, adaptation: Adaptation) -> WeightPosterior:
        """One person's Gaussian over the personal weights. Raises EvaluationError where none is
        kept.
        """
        raise EvaluationError("This method keeps no posterior over a person's weights.")

    def observed(
        self,
        enrollment: Float[Tensor, "person shot *shape"],
        clips: Float[Tensor, "person clip *shape"],
    ) -> DiagonalGaussian | None:
        """What persons' represented clips show, with others beside the enrollment and without the
        prior, of the numbers that its posterior is about, and how far off that may be.

        None where these numbers cannot be seen on clips: then no width can be checked.
        """
        return None

    def shrinkage(self, adaptation: Adaptation, clips: int, weight: int) -> Shrinkage | None:
        """How one of all personal weights follows from a person's so many clips; None where no
        formula says it.
        """
        return None

    @property
    def layer_numbers(self) -> dict[str, slice]:
        """Which of the numbers that can be observed are each layer's."""
        return {layer: self.layout.layer_slice(layer) for layer in self.layout.layers}

    # --- what follows -----------------------------------------------------------------------------

    def enroll(
        self, enrollment: Float[Tensor, " shot *input"], labels: Int[Tensor, " shot"] | None = None
    ) -> PersonalModel:
        """A few clips in, a personal model out; nothing of the method changes.

        Raises EvaluationError without any clip, or without labels where the method reads them.
        """
        if enrollment.shape[0] == 0:
            raise EvaluationError("Enrollment needs at least one clip; record or choose one.")
        known = needed_labels(labels) if self.facts.labels else None
        with evaluation_mode(self), torch.no_grad():
            adaptation, clips = self.adapt_one(self.represent(enrollment), known)
        # laid out as a person's file is: whoever is loaded answers by the same sums
        adaptation = {name: value.contiguous() for name, value in adaptation.items()}
        return PersonalModel(
            self,
            adaptation,
            clips=clips,
            signatures=signatures_of(enrollment),
            input_shape=enrollment.shape[1:],
        )

    def prior_model(self) -> PersonalModel:
        """The model at the prior: nobody enrolled. Raises EvaluationError where a method has no
        prior.
        """
        with torch.no_grad():
            adaptation = {name: value.detach() for name, value in self.prior(1).items()}
        none = (
            {name: value[:0] for name, value in adaptation.items()} if self.facts.posterior else {}
        )
        return PersonalModel(self, adaptation, clips=lambda: none)

    def load_person(self, path: Path | str, *, task: str | None = None) -> PersonalModel:
        """Read a person's file made by ``PersonalModel.save`` with this very model.

        Raises PersonFileError as :func:`vop_core.methods.personal.load_person`.
        """
        return load_person(self, Path(path), task=task)

    def predict_proba_draws(
        self,
        adaptation: Adaptation,
        query: Float[Tensor, "person query *shape"],
        *,
        draws: int,
        generator: torch.Generator | None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Float[Tensor, "draw person query label"]:
        """Class probabilities under each draw; a method without a distribution gives its one answer
        again. ``progress`` is told the draws done and asked for.
        """
        if not self.facts.drawn:
            found = self.predict_proba(adaptation, query)
            return found.expand(draws, *found.shape)
        drawn = self.draw(adaptation, draws, generator=generator)
        answers, at_once = [], max(1, CLIPS_AT_ONCE // max(1, query.shape[:2].numel()))
        for start in range(0, draws, at_once):
            count = min(at_once, draws - start)
            # each draw is a person
            part = {name: value[start : start + count] for name, value in drawn.items()}
            own = {name: value.flatten(0, 1) for name, value in part.items()}
            found = self.predict_proba(own, query.expand(count, *query.shape).flatten(0, 1))
            answers.append(found.unflatten(0, (count, -1)))
            if progress is not None:
                progress(start + count, draws)
        return torch.cat(answers)

    def predict_persons(
        self,
        enrollment: Float[Tensor, "person shot *input"] | None,
        query: Float[Tensor, "person query *input"],
        *,
        labels: Int[Tensor, "person shot"] | None = None,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "person query label"]:
        """Enroll many persons, or nobody (None), and answer their queries.

        ``draws`` = 0 answers with one setting of the weights, else probabilities are averaged over
        that many draws.
        Raises EvaluationError without enrollment where the method has no answer then.
        """
        with torch.no_grad():
            clips = [
                None
                if part is None
                else self.represent(part.flatten(0, 1)).unflatten(0, part.shape[:2])
                for part in (enrollment, query)
            ]
            return self.predict_represented(*clips, labels=labels, draws=draws, generator=generator)

    def predict_represented(
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
                adaptation = self.prior(len(query))
            else:
                adaptation = self.adapt(enrollment, labels if self.facts.labels else None)
            if not draws:
                return self.predict_proba(adaptation, query)
            return self.predict_proba_draws(
                adaptation, query, draws=draws, generator=generator
            ).mean(0)

    @torch.no_grad()
    def folded(self, adaptation: Adaptation) -> Encoder:
        """One person's weights in a plain encoder: the global model's keys, shapes and cost.

        Raises EvaluationError where a method cannot fold (``facts.foldable``).
        """
        encoder = copy.deepcopy(self.encoder)
        own = {name: value.squeeze(0) for name, value in self.own_weights(adaptation).items()}
        encoder.load_state_dict(encoder.state_dict() | own)
        return encoder.eval()

    @cached_property
    def fingerprint(self) -> str:
        """Names this very model, so that a person's file is never read into another."""
        return fingerprint(self.state_dict(), type(self).__name__, self.description())


class ClassifierMethod(PersonalizationMethod):
    """Methods that leave everything below the classifier to all persons: a clip is its embedding,
    computed once, and a person has a classifier, rows of weights and bias.
    """

    rows: ClassVar[str] = "rows"  # where adaptations hold the classifiers

    def represent(self, inputs: Float[Tensor, " clip *input"]) -> Float[Tensor, "clip feature"]:
        """What the classifier reads."""
        return embeddings_of(self.encoder, inputs)

    def features(
        self, adaptation: Adaptation, clips: Float[Tensor, "person clip feature"]
    ) -> Float[Tensor, "person clip feature"]:
        """The representation: it is everybody's."""
        return clips

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """With each person's rows."""
        return classify(adaptation[self.rows], query).softmax(-1)

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The classifier."""
        rows = adaptation[self.rows]
        return {"classifier.weight": rows[..., :-1], "classifier.bias": rows[..., -1]}


class GaussianMethod(PersonalizationMethod):
    """Methods whose persons deviate from the encoder's personal layers by what a Gaussian vector
    says, ``mean`` and ``log_std`` of their adaptations.
    """

    @abstractmethod
    def deviations(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """What adaptations add to the global weights at their mean, by parameter name, (person,
        \\*shape).
        """

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query *input"]
    ) -> Float[Tensor, "person query label"]:
        """With the weights at the posterior mean."""
        return personal_logits(self.encoder, self.deviations(adaptation), query).softmax(-1)

    def draw(
        self, adaptation: Adaptation, count: int, *, generator: torch.Generator | None
    ) -> Adaptation:
        """Means drawn from each person's posterior."""
        drawn = gaussian_of(adaptation).sample(count, generator=needed_generator(generator))
        return super().draw(adaptation, count, generator=generator) | {"mean": drawn}

    def features(
        self, adaptation: Adaptation, clips: Float[Tensor, "person clip *shape"]
    ) -> Float[Tensor, "person clip feature"]:
        """Under the personal layers at the posterior mean."""
        return personal_embeddings(self.encoder, self.deviations(adaptation), clips)

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The personal layers at the posterior mean."""
        return self.encoder.personal_weights(self.deviations(adaptation))


class SharedClassifier(ClassifierMethod):
    """Methods that read no enrollment: one classifier answers everybody, or everybody's draw of one
    (``rows``).
    """

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Nothing is kept of anybody."""
        return self.prior(len(enrollment))

    def prior(self, persons: int) -> Adaptation:
        """Everybody's."""
        return {"nothing": self.encoder.classifier.weight.new_zeros(persons, 0)}

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """The same for everybody."""
        if self.rows in adaptation:
            return super().predict_proba(adaptation, query)
        return (
            self.encoder.classifier(query.flatten(0, 1)).softmax(-1).unflatten(0, query.shape[:2])
        )

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The classifier where it is drawn, else nothing."""
        return super().own_weights(adaptation) if self.rows in adaptation else {}


def supervised_loss(
    logits: Float[Tensor, "query label"], labels: Int[Tensor, " query"]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy of a step's queries, and what is logged of it."""
    loss = functional.cross_entropy(logits, labels)
    accuracy = (logits.argmax(-1) == labels).float().mean()
    return loss, {"loss": loss.detach(), "accuracy": accuracy}


def needed_labels(labels: Tensor | None) -> Tensor:
    """The labels of enrollment clips. Raises EvaluationError without them."""
    if labels is None:
        raise EvaluationError("This method reads which words the clips say; pass their labels.")
    return labels


def needed_generator(generator: torch.Generator | None) -> torch.Generator:
    """The generator itself. Raises ValueError without one: nothing here draws from a global
    stream.
    """
    if generator is None:
        raise ValueError(
            "drawing weights needs a generator: pass generator=torch.Generator().manual_seed(...)"
        )
    return generator


def every_clip(enrollment: Float[Tensor, "person shot *shape"]) -> Bool[Tensor, "person shot"]:
    """Outside of training, all clips count."""
    return torch.ones(enrollment.shape[:2], dtype=torch.bool, device=enrollment.device)
