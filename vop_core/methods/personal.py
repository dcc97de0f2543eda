r"""One person's model, whichever method made it, and the person's file.

A method keeps of a person an *adaptation*, named tensors; where it keeps a posterior, those of each
enrollment clip by itself as well. The file holds them in safetensors, and by which numbers a clip
that enrolled is known again: neither sound nor label.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vop_core.errors import PersonFileError
from vop_core.modes import evaluation_mode
from vop_core.nets.encoder import Encoder
from vop_core.nets.personal_layers import PersonalLayout
from vop_core.training.checkpoint import (
    fingerprint,
    load_tensors,
    read_tensors,
    save_tensors,
    tensor_bytes,
    told,
)
from vop_core.types import Prediction
from vop_core.variational.enrollment_health import EnrollmentHealth, enrollment_health
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.predictive import check_draws, predict_from_draws, predict_from_mean

Adaptation = dict[str, Tensor]
"""What is kept of persons: each tensor has a leading person axis, which may be empty of further
axes.
"""

SIGNATURE = 8  # numbers by which a clip is known again
LARGEST_INPUT = 100_000  # numbers of a clip that a person's file may speak of; a word has 4,000
PROBE_DRAWS = 4  # of the weights of a person's file before anybody relies on it


@dataclass(frozen=True)
class LayerPosterior:
    """A Gaussian's marginals over the weights of one layer, in weight units (global weight +
    deviation).
    """

    layer: str
    names: tuple[str, ...]
    mean: Float[Tensor, " weight"]
    std: Float[Tensor, " weight"]
    global_weights: Float[Tensor, " weight"]


@dataclass(frozen=True)
class Shrinkage:
    """How one weight's Gaussian follows from the clips, in weight units:

    mean = start + share * shown + together,    std^2 = unknown^2 + scatter^2 + together_std^2
    """

    clips: int  # n
    counted: int  # n, or as many as training enrolled at most
    prior_clips: float  # n_0: how many clips the prior is worth
    share: float  # a = counted / (counted + n_0)
    share_of_one: float  # the same of one clip
    start: float  # the global weight
    prior_std: float
    shown: float  # the clips' mean offset from it
    together: float  # what the layer's weights show together, as a learned code
    mean: float
    std: float
    unknown_std: float  # what clips so few leave open
    scatter_std: float  # that of the clips' mean, shrunk
    together_std: float

    @property
    def taken(self) -> float:
        """What of the clips' mean offset moves the weight."""
        return self.share * self.shown


@dataclass(frozen=True)
class WeightPosterior:
    """One person's Gaussian over the personal weights, w = w_0 + B v, with v diagonal Gaussian."""

    vector: DiagonalGaussian  # v, without batch axes
    basis: Float[Tensor, "weight vector"] | None  # B; None: the identity
    origin: Float[Tensor, " weight"]  # w_0: the weights where v is zero
    global_weights: Float[Tensor, " weight"]
    layout: PersonalLayout

    def weights(self, vectors: Float[Tensor, "*draw vector"]) -> Float[Tensor, "*draw weight"]:
        """All personal weights at values of v."""
        return self.origin + (vectors if self.basis is None else vectors @ self.basis.mT)

    def layer(self, layer: str) -> LayerPosterior:
        """Marginals over one layer's weights."""
        part, variance = self.layout.layer_slice(layer), self.vector.variance
        if self.basis is not None:
            variance = self.basis.square() @ variance
        mean, std = self.weights(self.vector.mean)[part], variance[part].sqrt()
        return LayerPosterior(
            layer, self.layout.weight_names(layer), mean, std, self.global_weights[part]
        )

    def sample(
        self, count: int, *, generator: torch.Generator
    ) -> dict[str, Float[Tensor, "draw weight"]]:
        """Draws of all personal layers' weights, jointly, by layer."""
        weights = self.weights(self.vector.sample(count, generator=generator))
        return {layer: weights[:, self.layout.layer_slice(layer)] for layer in self.layout.layers}


class PersonalModel:
    """The network of one person: a method and what it keeps of the person.

    Views of the posterior raise EvaluationError where the method keeps none (``facts.posterior``).
    """

    def __init__(
        self,
        method: nn.Module,  # a vop_core.methods.base.PersonalizationMethod
        adaptation: Adaptation,  # person axis of length 1
        *,
        # makes that of each enrollment clip by itself, where there is a posterior
        clips: Callable[[], Adaptation] = dict,
        signatures: Float[Tensor, "shot number"] | None = None,
        input_shape: Sequence[int] = (),  # of the clips that enrolled
    ) -> None:
        self.method, self.adaptation, self._make_clips = method, adaptation, clips
        self.signatures = torch.zeros(0, SIGNATURE) if signatures is None else signatures
        self.input_shape = tuple(input_shape)

    @cached_property
    def clips(self) -> Adaptation:
        """Of each enrollment clip by itself, where there is a posterior: made when first asked for,
        because no answer needs it.
        """
        with evaluation_mode(self.method), torch.no_grad():
            return self._make_clips()

    @property
    def shots(self) -> int:
        """How many clips enrolled."""
        return len(self.signatures)

    @property
    def bytes(self) -> int:
        """Size of what is kept of the person to answer, as float32."""
        return adaptation_bytes(self.adaptation)

    def predict(
        self,
        query: Float[Tensor, " query *input"],
        *,
        draws: int = 0,
        generator: torch.Generator | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Prediction:
        """Class probabilities: of one setting of the weights (``draws`` = 0), or over draws, with
        95 % credible intervals.

        The bench's main row of a method is asked with its ``facts.draws``. ``progress`` is told the
        draws done and asked for. Raises EvaluationError for more than 1,000 draws.
        """
        check_draws(draws)
        method = self.method
        with evaluation_mode(method), torch.inference_mode():
            clips = method.represent(query)[None]
            if not draws:
                return predict_from_mean(method.predict_proba(self.adaptation, clips)[0])
            answers = method.predict_proba_draws(
                self.adaptation, clips, draws=draws, generator=generator, progress=progress
            )
            return predict_from_draws(answers[:, 0])

    def freeze(self) -> Encoder:
        """A plain module with the weights of one setting: the global model's keys, shapes and cost.

        Raises EvaluationError where the method cannot fold (``facts.foldable``).
        """
        return self.method.folded(self.adaptation)

    def heard(self, inputs: Float[Tensor, " clip *input"]) -> Bool[Tensor, " clip"]:
        """Which clips are among those that enrolled: an answer about them says nothing about new
        words.
        """
        alike = torch.isclose(signatures_of(inputs)[:, None], self.signatures, rtol=0, atol=1e-4)
        return alike.all(-1).any(-1)

    # --- where the method keeps a posterior -------------------------------------------------------

    @property
    def posterior(self) -> DiagonalGaussian:
        """Over the vector that makes the personal weights, without batch axes."""
        return self._weights("combined").vector

    @property
    def prior(self) -> DiagonalGaussian:
        """The same before any clip."""
        return self._weights("prior").vector

    @property
    def clip_posteriors(self) -> DiagonalGaussian:
        """Each clip's own, batch axis (shot)."""
        return gaussian_of(self.clips)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The personal layers, in order."""
        return self._weights("combined").layout.layers

    @property
    def health(self) -> EnrollmentHealth:
        """Whether this posterior is a distribution at all, and its clips one person's."""
        clips = self.clip_posteriors if self.clips else None
        return enrollment_health(self.posterior, self.prior, clips, self.method.health_reference)

    @property
    def layer_titles(self) -> dict[str, str]:
        """What each personal layer is, for a general reader."""
        return self._weights("combined").layout.titles

    def shrinkage(self, layer: str, weight: int) -> Shrinkage | None:
        """How a weight's Gaussian, by its index in the layer, follows from the clips; None where no
        formula says it.
        """
        place = self._weights("combined").layout.layer_slice(layer).start + weight
        return self.method.shrinkage(self.adaptation, self.shots, place)

    def layer_posterior(self, layer: str, which: str | int = "combined") -> LayerPosterior:
        """Marginals over a layer's weights of the combined posterior, the "prior", or one clip's
        (its index).
        """
        return self._weights(which).layer(layer)

    def sample_weights(
        self, count: int, *, generator: torch.Generator
    ) -> dict[str, Float[Tensor, "draw weight"]]:
        """Draws of all personal layers' weights (global weight + deviation), jointly, by layer."""
        return self._weights("combined").sample(count, generator=generator)

    @torch.no_grad()
    def _weights(self, which: str | int) -> WeightPosterior:
        if which == "combined":
            return self.method.posterior(self.adaptation)
        if which == "prior":
            return self.method.posterior(self.method.prior(1))
        if isinstance(which, int):
            return self.method.posterior(
                {name: value[which, None] for name, value in self.clips.items()}
            )
        raise ValueError(f"which is 'combined', 'prior' or the index of a clip; got {which!r}")

    # --- the person's file ------------------------------------------------------------------------

    def save(self, path: Path | str, *, task: str | None = None) -> None:
        """Write what is kept of the person, and nothing of the voice, to a safetensors file."""
        tensors, about = self.kept(task)
        save_tensors(Path(path), tensors, kind="person", about=about)

    def kept(self, task: str | None) -> tuple[dict[str, Tensor], dict[str, object]]:
        """What a person's file holds, and what it says of itself."""
        tensors = {f"person.{name}": value for name, value in self.adaptation.items()}
        tensors |= {f"clips.{name}": value for name, value in self.clips.items()}
        tensors |= {"signatures": self.signatures}
        about = {"task": task, "model": self.method.fingerprint, "input": self.input_shape}
        return tensors, about | {"digest": fingerprint(tensors)}


def person_bytes(person: PersonalModel, *, task: str | None = None) -> bytes:
    """What ``PersonalModel.save`` writes, for who must write no file."""
    tensors, about = person.kept(task)
    return tensor_bytes(tensors, kind="person", about=about)


def load_person(method: nn.Module, path: Path, *, task: str | None = None) -> PersonalModel:
    """Read a person's file made by ``PersonalModel.save`` with this very method and these very
    weights.

    Raises PersonFileError, in one sentence, for a file of another task, model, version, shape or
    type, a damaged or a pickled one, and for numbers with which the model cannot answer.
    """
    tensors, about = load_tensors(path, kind="person", error=PersonFileError)
    return _person(method, tensors, about, name=path.name, task=task)


def read_person(
    method: nn.Module, data: bytes, name: str, *, task: str | None = None
) -> PersonalModel:
    """The same from a file's bytes; the sentences call it ``name``."""
    tensors, about = read_tensors(data, name, kind="person", error=PersonFileError)
    return _person(method, tensors, about, name=name, task=task)


def _person(
    method: nn.Module,
    tensors: dict[str, Tensor],
    about: dict[str, object],
    *,
    name: str,
    task: str | None,
) -> PersonalModel:
    if task is not None and about.get("task") != task:
        raise PersonFileError(
            f"'{name}' was enrolled for {told(about.get('task'))}, not for {task}; choose that "
            f"task, or enroll again for this one."
        )
    if about.get("model") != method.fingerprint:
        raise PersonFileError(
            f"'{name}' was enrolled with another model; enroll again with this one."
        )
    kept = fingerprint(tensors)
    input_shape, signatures = about.get("input"), tensors.pop("signatures", None)
    if signatures is None or signatures.ndim != 2 or signatures.shape[1] != SIGNATURE:
        raise PersonFileError(f"'{name}' does not know its clips; enroll again.")
    made = _example(method, input_shape, enrolled=len(signatures) > 0)
    if (
        made is None
        or signatures.dtype != made.signatures.dtype
        or _forms(tensors) != _forms(_tensors(made, len(signatures)))
    ):
        raise PersonFileError(f"'{name}' holds a person of another shape; enroll again.")
    if not all(bool(value.isfinite().all()) for value in (*tensors.values(), signatures)):
        raise PersonFileError(f"'{name}' holds numbers that are not finite; enroll again.")
    parts = {
        part: {
            key.removeprefix(part): value for key, value in tensors.items() if key.startswith(part)
        }
        for part in ("person.", "clips.")
    }
    person = PersonalModel(
        method,
        parts["person."],
        clips=lambda: parts["clips."],
        signatures=signatures,
        input_shape=input_shape,
    )
    if not _answers(person, made):
        raise PersonFileError(
            f"'{name}' holds numbers with which no model can answer; enroll again."
        )
    if about.get("digest") != kept:
        raise PersonFileError(f"'{name}' is not as it was saved: it is damaged; enroll again.")
    return person


def _example(method: nn.Module, input_shape: object, *, enrolled: bool) -> PersonalModel | None:
    """Somebody of whom the same is kept: nobody, or who enrolled one silent clip of that shape.
    None for a shape that is none.
    """
    if not enrolled:
        return method.prior_model()
    sizes = method.encoder.input_shape
    fits = (
        isinstance(input_shape, list)
        and len(input_shape) == len(sizes)
        and all(type(size) is int and size > 0 for size in input_shape)
        and all(one in (None, size) for size, one in zip(input_shape, sizes, strict=True))
    )
    if not fits or math.prod(input_shape) > LARGEST_INPUT:
        return None
    return method.enroll(torch.zeros(1, *input_shape), torch.zeros(1, dtype=torch.long))


def _tensors(made: PersonalModel, shots: int) -> dict[str, Tensor]:
    """What a file of ``shots`` clips holds of such a person."""
    clips = {name: value[:1].expand(shots, *value.shape[1:]) for name, value in made.clips.items()}
    return {f"clips.{name}": value for name, value in clips.items()} | {
        f"person.{name}": value for name, value in made.adaptation.items()
    }


def _forms(tensors: dict[str, Tensor]) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    return {name: _form(value) for name, value in tensors.items()}


def _form(tensor: Tensor) -> tuple[torch.dtype, tuple[int, ...]]:
    return tensor.dtype, tuple(tensor.shape)


def _answers(person: PersonalModel, made: PersonalModel) -> bool:
    """Whether a file's numbers are weights: finite ones may overflow on their way to an answer."""
    if not person.shots:
        return all(person.adaptation[name].equal(value) for name, value in made.adaptation.items())
    facts, silence = person.method.facts, torch.zeros(1, *person.input_shape)
    try:
        if facts.posterior:
            gaussians = gaussian_of(person.adaptation), gaussian_of(person.clips)
            variances = torch.cat([gaussian.variance.flatten() for gaussian in gaussians])
            if not bool((variances.isfinite() & (variances > 0)).all()):
                return False
        person.predict(silence)
        if facts.drawn:
            generator = torch.Generator().manual_seed(0)
            person.predict(silence, draws=PROBE_DRAWS, generator=generator)
    except ValueError:
        return False
    return True


def signatures_of(inputs: Float[Tensor, " clip *input"]) -> Float[Tensor, "clip number"]:
    """A few numbers by which a clip is known again and from which it cannot be had: its slowest
    cosine moments.
    """
    flat = inputs.flatten(1).float()
    return flat @ _waves(flat.shape[1], flat.device).mT / flat.shape[1]


@lru_cache(4)
def _waves(size: int, device: torch.device) -> Float[Tensor, "number place"]:
    """The slowest cosines; ordinary tensors even when first asked for in inference mode."""
    with torch.inference_mode(False):
        position = (torch.arange(size, device=device) + 0.5) / size
        return torch.cos(torch.pi * torch.arange(SIGNATURE, device=device)[:, None] * position)


def gaussian_of(adaptation: Adaptation) -> DiagonalGaussian:
    """The posteriors that adaptations hold, batch axis (person), of a method that keeps them
    (``facts.posterior``).
    """
    return DiagonalGaussian(adaptation["mean"], adaptation["log_std"])


def adaptation_bytes(adaptation: Adaptation) -> int:
    """Bytes of one person's part of an adaptation, four a number."""
    return sum(4 * value[0].numel() for value in adaptation.values())
