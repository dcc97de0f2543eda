r"""Variational On-the-Fly Personalization [VOP].

A person k gives a few unlabeled clips x; one forward pass of the hyper-personalizer makes a Gaussian q(w | x) over the
weights of the personal layers, and the network answers with weights of it. Training maximises the bound of the slides,

    ELBO_k = E_{w ~ q(w|x)} [ sum_i ln p(y_i | x_i, w) ] - KL( q(w|x) || p(w) )     [VOP slides, Method],

summed over the N_k training clips that share the person's weights: per clip, the KL is divided by N_k.

Two families of q, both diagonal Gaussians over an *inference vector*:

    diagonal   the vector is the personal weights' deviation itself, w = w_0 + v
    low_rank   the vector is a short personality code, w = w_0 + B z; the KL lives in z

Departs: the slides write the prior as p(w | x); here it is N(m, s^2 I), with m zero or learned, not conditional.
Departs: the slides condition on the very clip that is classified (``conditioning="self"``, N_k = 1); the default is
``"cross"``, other clips of the same person, because ``self`` leaks the label into the weights.
Reconstruction: layers, family, aggregation, sizes, beta and the auxiliary person loss are ours; the paper's were not
available.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vop_core.errors import EvaluationError, PersonFileError
from vop_core.methods.base import SLOW, Adaptation, MethodFacts, PersonalizationMethod, TrainedConfig, needed_generator
from vop_core.methods.global_model import CLIPS_AT_ONCE, logits_of
from vop_core.nets.bcresnet import BcResNet, BcResNetConfig
from vop_core.nets.hyper_personalizer import HyperPersonalizer, HyperPersonalizerConfig
from vop_core.nets.personal_layers import apply_deviations
from vop_core.training.batches import EpisodeBatch
from vop_core.training.checkpoint import fingerprint, load_tensors, save_tensors
from vop_core.types import Prediction
from vop_core.variational.diagnostics import PosteriorHealth, posterior_health
from vop_core.variational.elbo import negative_elbo
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.predictive import check_draws, predict_from_draws, predict_from_mean

FAMILIES = ("low_rank", "diagonal")
CONDITIONINGS = ("cross", "self", "mixture")
# How a hyper-personalizer is trained in a few steps without losing its units or the person: see DECISIONS.md.
STEADY: Mapping[str, Any] = {"steady": True, "mean_spread": 0.7, "rate": SLOW}


@dataclass(frozen=True, kw_only=True)
class VopConfig(TrainedConfig):
    """What is personal, how its posterior is made, and what the bound charges for it."""

    personal_layers: tuple[str, ...] = ("film",)
    family: str = "low_rank"
    code: int = 16  # length of the personality code z
    prior_scale: float = 1.0  # s
    learned_prior_mean: bool = True
    aggregation: str = "pool_features"
    conditioning: str = "cross"
    beta: float = 1.0  # 1 is the bound
    kl_warmup: float = 0.3  # share of the steps over which beta rises from 0
    person_loss: float = 0.0  # weight of the auxiliary loss that pulls a person's clip features together
    evidence: str = "encoder"  # what the hyper-personalizer sees of a clip: "encoder" statistics or "log_mel"
    evidence_dropout: float = 0.0  # share of those statistics hidden in training
    channels: int = 48
    features: int = 64
    # Compared in the bench's ablations; "later" keeps the names of runs made before these existed.
    additive: bool = field(default=True, metadata={"later": True})  # else generated weights replace the global ones
    steady: bool = field(default=False, metadata={"later": True})  # a hyper-personalizer whose units cannot die
    mean_spread: float = field(default=0.0, metadata={"later": True})  # see HyperPersonalizerConfig
    free_bits: float = field(default=0.0, metadata={"later": True})  # nats a number that the bound does not charge for

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.family not in FAMILIES:
            raise ValueError(f"family is one of {', '.join(FAMILIES)}; got {self.family!r}")
        if self.conditioning not in CONDITIONINGS:
            raise ValueError(f"conditioning is one of {', '.join(CONDITIONINGS)}; got {self.conditioning!r}")
        if min(self.beta, self.person_loss, self.free_bits, self.mean_spread) < 0:
            raise ValueError("beta, person_loss, free_bits and mean_spread must not be negative")
        object.__setattr__(self, "personal_layers", tuple(self.personal_layers))


@dataclass(frozen=True)
class LayerPosterior:
    """A Gaussian's marginals over the weights of one layer, in weight units (global weight + deviation)."""

    layer: str
    names: tuple[str, ...]
    mean: Float[Tensor, " weight"]
    std: Float[Tensor, " weight"]
    global_weights: Float[Tensor, " weight"]


class Vop(PersonalizationMethod):
    """An encoder with personal layers and the hyper-personalizer that fills them."""

    facts = MethodFacts(
        summary="one forward pass makes a Gaussian over personal weights; answers at its mean",
        source="VOP",
        trained=True,
        posterior=True,
        nobody=True,
    )
    config_type = VopConfig

    def __init__(self, encoder: BcResNetConfig, config: VopConfig | None = None) -> None:
        super().__init__(encoder, config)
        config = self.config
        self.layout = self.encoder.personal_layout(config.personal_layers)
        size = config.code if config.family == "low_rank" else self.layout.size
        self.hyper_personalizer = HyperPersonalizer(
            HyperPersonalizerConfig(
                weights=size,
                evidence=config.evidence,
                inputs=self.encoder.statistic_count if config.evidence == "encoder" else encoder.mels,
                channels=config.channels,
                features=config.features,
                dropout=config.evidence_dropout,
                aggregation=config.aggregation,
                prior_scale=config.prior_scale,
                learned_prior_mean=config.learned_prior_mean,
                steady=config.steady,
                mean_spread=config.mean_spread,
            )
        )
        if config.family == "low_rank":
            # Small, so that training starts near the global weights whatever z is drawn.
            self.basis = nn.Parameter(0.01 * torch.randn(self.layout.size, size) / config.prior_scale)
        if not config.additive:
            # Replacing starts from what an untrained layer would have, learned from there on.
            self.replacement = nn.Parameter(self.layout.flatten_global(self.encoder.state_dict()).detach().clone())

    # --- training ---------------------------------------------------------------------------------------------

    def loss(
        self, batch: EpisodeBatch, *, progress: float, label_smoothing: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Negative ELBO per clip with one draw a person, plus the auxiliary person loss if asked for."""
        if self.config.conditioning == "self":
            return self._self_loss(batch, progress, label_smoothing, generator)
        loss, logs = self._cross_loss(batch, progress, label_smoothing, generator)
        if self.config.conditioning == "mixture":
            alone, _ = self._self_loss(batch, progress, label_smoothing, generator)
            loss = 0.5 * (loss + alone)
        return loss, logs | {"loss": loss.item()}

    def _cross_loss(
        self, batch: EpisodeBatch, progress: float, label_smoothing: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Other clips of the same person make the weights; one KL a person."""
        features = self.clip_features(batch.enrollment, batch.present)
        posterior = self.hyper_personalizer.aggregate(features, batch.present)
        loss, logs = self._bound(
            posterior, batch.query, batch.labels, batch.training_clips, progress, label_smoothing, generator
        )
        if self.config.person_loss:
            persons = same_person_loss(features, batch.present)
            loss = loss + self.config.person_loss * persons
            logs["person_loss"] = persons.item()
        return loss, logs

    def _self_loss(
        self, batch: EpisodeBatch, progress: float, label_smoothing: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """The slides' literal reading: each clip makes the weights that classify it, and pays its own KL."""
        alone = batch.query.flatten(0, 1)[:, None]
        posterior = self.hyper_personalizer.aggregate(self.clip_features(alone))
        labels = batch.labels.reshape(-1, 1)
        clips = torch.ones(labels.shape[0])
        return self._bound(posterior, alone, labels, clips, progress, label_smoothing, generator)

    def _bound(
        self,
        posterior: DiagonalGaussian,
        query: Tensor,
        labels: Tensor,
        training_clips: Tensor,
        progress: float,
        label_smoothing: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, float]]:
        deviations = self.deviations(self.training_vectors(posterior, generator))
        logits = self.encoder(query.flatten(0, 1), deviations).unflatten(0, query.shape[:2])
        misfit = functional.cross_entropy(
            logits.movedim(-1, 1), labels, reduction="none", label_smoothing=label_smoothing
        )
        per_number = posterior.kl_per_dimension(self.hyper_personalizer.prior())
        charged = per_number.clamp_min(self.config.free_bits) if self.config.free_bits else per_number
        kl = charged.sum(-1)
        warmup = min(1.0, progress / self.config.kl_warmup) if self.config.kl_warmup else 1.0
        loss = negative_elbo(misfit, kl, training_clips, beta=self.config.beta * warmup)
        with torch.no_grad():
            ratio = (posterior.log_std - self.hyper_personalizer.prior().log_std).mean().exp()
            accuracy = (logits.argmax(-1) == labels).float().mean()
        return loss, {
            "loss": loss.item(),
            "cross_entropy": misfit.mean().item(),
            "kl": per_number.sum(-1).mean().item(),
            "std_ratio": ratio.item(),
            "accuracy": accuracy.item(),
        }

    def training_vectors(
        self, posterior: DiagonalGaussian, generator: torch.Generator
    ) -> Float[Tensor, "person vector"]:
        """One reparameterised draw a person."""
        return posterior.rsample(generator=generator)

    def clip_features(
        self,
        log_mels: Float[Tensor, "person shot mel frame"],
        present: Bool[Tensor, "person shot"] | None = None,
    ) -> Float[Tensor, "person shot feature"]:
        """What the hyper-personalizer makes of each clip before it combines them; zeros for clips not present."""
        if present is None:
            present = torch.ones(log_mels.shape[:2], dtype=torch.bool, device=log_mels.device)
        clips = log_mels[present]
        evidence = clips if self.config.evidence == "log_mel" else self.encoder.statistics(clips)
        features = self.hyper_personalizer.clip_features(evidence[None])[0]
        spread = features.new_zeros(*present.shape, features.shape[-1])
        spread[present] = features
        return spread

    # --- from inference vectors to weights -----------------------------------------------------------------------

    def personal_weights(self, vectors: Float[Tensor, "*batch vector"]) -> Float[Tensor, "*batch weight"]:
        """Deviations of the personal weights: B z for the low-rank family, the vector itself for the diagonal one.

        Where weights are replaced, what is added takes the global weights away again.
        """
        moved = vectors @ self.basis.mT if self.config.family == "low_rank" else vectors
        if self.config.additive:
            return moved
        return moved + self.replacement - self.layout.flatten_global(dict(self.encoder.named_parameters()))

    def deviations(self, vectors: Float[Tensor, "person vector"]) -> dict[str, Tensor]:
        """Deviations by parameter name, one row a person."""
        return self.layout.unflatten(self.personal_weights(vectors))

    # --- enrolling -------------------------------------------------------------------------------------------

    def enroll(
        self, enrollment: Float[Tensor, "shot mel frame"], labels: Int[Tensor, " shot"] | None = None
    ) -> "PersonalVop":
        """Unlabeled clips in, a personal model out: one forward pass, nothing of this module changes.

        Raises EvaluationError without any clip; ``prior_model`` is the answer to that.
        """
        if enrollment.shape[0] == 0:
            raise EvaluationError("Enrollment needs at least one clip; record or choose one.")
        training = self.training
        self.eval()  # in training mode, batch normalisation would learn from the visitor
        with torch.no_grad():
            features = self.clip_features(enrollment[None])
            posterior = self.hyper_personalizer.aggregate(features)[0]
            experts = self.hyper_personalizer.clip_posteriors(features)[0]
        self.train(training)
        return PersonalVop(self, posterior, experts)

    def prior_model(self) -> "PersonalVop":
        """The model at the prior: nobody enrolled (``vop-zero``)."""
        with torch.no_grad():
            prior = self.hyper_personalizer.prior().detach()
            return PersonalVop(self, prior, prior.expand(1)[:0])

    def posteriors(self, enrollment: Float[Tensor, "person shot mel frame"]) -> DiagonalGaussian:
        """Posteriors of many persons with the same number of clips, batch axis (person)."""
        with torch.no_grad():
            return self.hyper_personalizer.aggregate(self.clip_features(enrollment))

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot mel frame"],
        labels: Int[Tensor, "person shot"] | None = None,
        present: Bool[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Mean and log standard deviation of each person's posterior; labels are not read."""
        posterior = self.hyper_personalizer.aggregate(self.clip_features(enrollment, present), present)
        return {"mean": posterior.mean, "log_std": posterior.log_std}

    def nobody(self, persons: int) -> Adaptation:
        """The prior, for persons of whom there is no clip."""
        prior = self.hyper_personalizer.prior().expand(persons)
        return {"mean": prior.mean, "log_std": prior.log_std}

    def answer(
        self, adaptation: Adaptation, query: Float[Tensor, "person query mel frame"]
    ) -> Float[Tensor, "person query label"]:
        """With the weights at the posterior mean."""
        return self.classify(self.adapted_deviations(adaptation), query)

    def answer_draws(
        self,
        adaptation: Adaptation,
        query: Float[Tensor, "person query mel frame"],
        *,
        draws: int,
        generator: torch.Generator | None,
    ) -> Float[Tensor, "draw person query label"]:
        """With weights drawn from each person's posterior."""
        posterior = DiagonalGaussian(adaptation["mean"], adaptation["log_std"])
        vectors = posterior.sample(draws, generator=needed_generator(generator))
        return torch.stack([self.answer(adaptation | {"mean": vector}, query) for vector in vectors])

    def adapted_deviations(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """What an adaptation's mean adds to the global weights, by parameter name, one row a person."""
        return self.deviations(adaptation["mean"])

    @torch.no_grad()
    def folded(self, adaptation: Adaptation) -> BcResNet:
        """One person's mean weights in a plain encoder: the global model's keys, shapes and cost."""
        encoder = copy.deepcopy(self.encoder)
        encoder.load_state_dict(apply_deviations(encoder.state_dict(), self.adapted_deviations(adaptation)))
        return encoder.eval()

    def classify(
        self, deviations: Mapping[str, Tensor], query: Float[Tensor, "person query mel frame"]
    ) -> Float[Tensor, "person query label"]:
        """Class probabilities of each person's queries under that person's deviations."""
        logits = logits_of(self.encoder, query.flatten(0, 1), deviations)
        return logits.softmax(-1).unflatten(0, query.shape[:2])

    @cached_property
    def fingerprint(self) -> str:
        """Names this very model, so that a person's file is never read into another."""
        return fingerprint(self.state_dict())

    def description(self) -> dict[str, Any]:
        """The settings from which an empty copy can be built."""
        return {"encoder": asdict(self.encoder.config), "vop": asdict(self.config)}

    def load_person(self, path: Path | str, *, task: str | None = None) -> "PersonalVop":
        """Read a person's file made by ``PersonalVop.save`` with this very model.

        Raises PersonFileError, in one sentence, for a file of another task, model, version or shape, a damaged or a
        pickled one.
        """
        path = Path(path)
        tensors, about = load_tensors(path, kind="person", error=PersonFileError)
        if task is not None and about.get("task") != task:
            raise PersonFileError(
                f"'{path.name}' was enrolled for {about.get('task')}, not for {task}; enroll again with --task {task}."
            )
        if about.get("model") != self.fingerprint:
            raise PersonFileError(f"'{path.name}' was enrolled with another model; enroll again with this one.")
        size = self.hyper_personalizer.config.weights
        shapes = {"mean": (size,), "log_std": (size,)}
        if any(name not in tensors or tuple(tensors[name].shape) != shape for name, shape in shapes.items()):
            raise PersonFileError(f"'{path.name}' holds a posterior of another shape; enroll again.")
        clip_mean, clip_log_std = tensors.get("clip_mean"), tensors.get("clip_log_std")
        if clip_mean is None or clip_log_std is None or clip_mean.shape != clip_log_std.shape:
            raise PersonFileError(f"'{path.name}' lacks its clips' posteriors; enroll again.")
        if clip_mean.ndim != 2 or clip_mean.shape[1] != size:
            raise PersonFileError(f"'{path.name}' holds a posterior of another shape; enroll again.")
        if not all(bool(value.isfinite().all()) for value in tensors.values()):
            raise PersonFileError(f"'{path.name}' holds numbers that are not finite; enroll again.")
        return PersonalVop(
            self,
            DiagonalGaussian(tensors["mean"], tensors["log_std"]),
            DiagonalGaussian(clip_mean, clip_log_std),
        )


def same_person_loss(
    features: Float[Tensor, "person shot feature"],
    present: Bool[Tensor, "person shot"],
    temperature: float = 0.2,
) -> Float[Tensor, ""]:
    """Supervised contrast over the step's virtual persons: a clip should be nearest to clips of its own person.

    Mean over all pairs of clips of one person. Reconstruction: not in the slides; our first experiments found
    that such a loss makes the posterior tell persons apart.
    """
    flat = functional.normalize(features[present], dim=-1)
    owner = torch.arange(len(present), device=flat.device)[:, None].expand_as(present)[present]
    itself = torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    similarity = (flat @ flat.T / temperature).masked_fill(itself, -torch.inf)
    log_share = similarity.log_softmax(-1).masked_fill(itself, 0.0)
    same = (owner[:, None] == owner) & ~itself
    return -(log_share * same).sum() / same.sum().clamp_min(1)


class PersonalVop:
    """The network of one person: a posterior over the personal weights, and the encoder they go into."""

    def __init__(self, vop: Vop, posterior: DiagonalGaussian, clip_posteriors: DiagonalGaussian) -> None:
        self._vop = vop
        self.posterior = posterior  # over the inference vector
        self.clip_posteriors = clip_posteriors  # each clip's own, batch axis (shot)

    @property
    def prior(self) -> DiagonalGaussian:
        """The Gaussian before any clip."""
        return self._vop.hyper_personalizer.prior().detach()

    @property
    def shots(self) -> int:
        """How many clips enrolled."""
        return self.clip_posteriors.mean.shape[0]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The personal layers, in order."""
        return self._vop.layout.layers

    @property
    def health(self) -> PosteriorHealth:
        """Whether this posterior is a distribution at all, or a point mass, or the prior."""
        return posterior_health(self.posterior.expand(1), self.prior)

    @property
    def bytes(self) -> int:
        """Size of what is kept of the person: mean and log standard deviation, as float32."""
        return 2 * 4 * self.posterior.mean.numel()

    @torch.no_grad()
    def layer_posterior(self, layer: str, which: str | int = "combined") -> LayerPosterior:
        """Marginals over a layer's weights of the combined posterior, the "prior", or one clip's (its index)."""
        gaussian = {"combined": self.posterior, "prior": self.prior}.get(which) if isinstance(which, str) else None
        if isinstance(which, int):
            gaussian = self.clip_posteriors[which]
        if gaussian is None:
            raise ValueError(f"which is 'combined', 'prior' or the index of a clip; got {which!r}")
        vop, part = self._vop, self._vop.layout.layer_slice(layer)
        if vop.config.family == "low_rank":
            basis = vop.basis[part]
            variance = basis.square() @ gaussian.variance
        else:
            variance = gaussian.variance[part]
        mean = vop.personal_weights(gaussian.mean)[part]  # linear, so the mean's image is the image's mean
        base = vop.layout.flatten_global(vop.encoder.state_dict())[part]
        return LayerPosterior(layer, vop.layout.weight_names(layer), base + mean, variance.sqrt(), base)

    @torch.no_grad()
    def sample_weights(self, count: int, *, generator: torch.Generator) -> dict[str, Float[Tensor, "draw weight"]]:
        """Draws of all personal layers' weights (global weight + deviation), jointly, by layer."""
        vop = self._vop
        base = vop.layout.flatten_global(vop.encoder.state_dict())
        weights = base + vop.personal_weights(self.posterior.sample(count, generator=generator))
        return {layer: weights[:, vop.layout.layer_slice(layer)] for layer in self.layer_names}

    def predict(
        self,
        query: Float[Tensor, "query mel frame"],
        *,
        draws: int = 0,
        generator: torch.Generator | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Prediction:
        """Class probabilities: at the posterior mean (``draws`` = 0), or over draws with 95 % credible intervals.

        ``progress`` is told the draws done and asked for. Raises EvaluationError for more than 1,000 draws.
        """
        check_draws(draws)
        vop = self._vop
        with torch.inference_mode():
            if draws == 0:
                deviations = vop.deviations(self.posterior.mean[None])
                return predict_from_mean(logits_of(vop.encoder, query, deviations).softmax(-1))
            vectors = self.posterior.sample(draws, generator=needed_generator(generator))
            answers: list[Tensor] = []
            for part in vectors.split(max(1, CLIPS_AT_ONCE // max(1, len(query)))):
                repeated = query.expand(len(part), *query.shape).flatten(0, 1)
                logits = logits_of(vop.encoder, repeated, vop.deviations(part))
                answers.append(logits.softmax(-1).unflatten(0, (len(part), -1)))
                if progress is not None:
                    progress(sum(map(len, answers)), draws)
            return predict_from_draws(torch.cat(answers))

    @torch.no_grad()
    def heard(self, clips: Float[Tensor, "clip mel frame"]) -> Bool[Tensor, " clip"]:
        """Which clips are among those that enrolled: an answer about them says nothing about new words.

        Told from each clip's own posterior, which the person's file keeps.
        """
        posteriors = self._vop.enroll(clips).clip_posteriors
        alike = torch.isclose(posteriors.mean[:, None], self.clip_posteriors.mean, rtol=0, atol=1e-5)
        return alike.all(-1).any(-1)

    def without_clips(self, kept: list[int], enrollment: Float[Tensor, "shot mel frame"]) -> "PersonalVop":
        """The same person enrolled from only the ``kept`` clips of ``enrollment``."""
        return self._vop.enroll(enrollment[kept]) if kept else self._vop.prior_model()

    def freeze(self) -> BcResNet:
        """A plain module with the posterior-mean weights: the global model's keys, shapes and cost."""
        return self._vop.folded({"mean": self.posterior.mean[None]})

    def save(self, path: Path | str, *, task: str | None = None) -> None:
        """Write the posterior, and nothing of the voice, to a safetensors file."""
        tensors = {
            "mean": self.posterior.mean,
            "log_std": self.posterior.log_std,
            "clip_mean": self.clip_posteriors.mean,
            "clip_log_std": self.clip_posteriors.log_std,
        }
        about = {"task": task, "model": self._vop.fingerprint, "shots": self.shots}
        save_tensors(Path(path), tensors, kind="person", about=about)


def build_vop(description: Mapping[str, Any]) -> Vop:
    """An untrained Vop from the settings that ``Vop.description`` gave."""
    settings = description["vop"]
    settings = {**settings, "personal_layers": tuple(settings["personal_layers"])}  # JSON knows only lists
    return Vop(BcResNetConfig(**description["encoder"]), VopConfig(**settings))
