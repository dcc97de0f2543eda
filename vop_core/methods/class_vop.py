r"""VoP with labels: a Gaussian posterior over a classifier's weights, class by class [VOP].

Few-shot classification cannot do without labels: an unlabeled support set does not say what the
ways are. They enter by pooling the clips of each class. A class k is a mean c_k, Gaussian over
classes, that a clip shows with an error, both alike in all features,

    c_k ~ N(m_k, tau^2),    u_i | c_k ~ N(c_k, sigma^2)

and its n_k clips give the posterior, by conjugacy,

    q(c_k | S_k) = N( m_k + a_k (mean_i u_i - m_k), (1 - a_k) tau^2 ),
    a_k = n_k tau^2 / (n_k tau^2 + sigma^2)

A draw of all c_k is a draw of the weights: of clips with that error, the classifier is linear,

    p(k | z) = softmax_k( z' W_k + b_k ),    W_k = c_k / sigma^2,    b_k = -1/2 |c_k / sigma|^2

With no clip at all the prior answers; where some classes have clips, one without cannot be meant.
Encoder, m, tau and sigma are trained together on the bound, with one KL an episode and M queries,

    E_q [ mean_m -ln p(y_m | x_m, c) ]  +  beta / M  sum_k KL( q(c_k | S_k) || N(m_k, tau^2) )

``class-vop-film`` moves the encoder first, by the offsets that :mod:`vop_core.methods.vop` reads
off the whole support set, without its labels; the classifier is then made of what the moved encoder
makes of the clips.

Reconstruction: the slides name few-shot classification among the tasks of VoP and say neither how
labels enter nor which weights are personal.
Departs: ``beta`` is 0.001; the bound's 1 is a setting to try. One tau and one sigma for all
features, learned faster than weights, and 16 draws a step: each found on an alphabet and on writers
kept for choices (docs/diary.md).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vop_core.methods.base import (
    ClassifierMethod,
    MethodFacts,
    PersonalizationMethod,
    TrainedConfig,
    every_clip,
    needed_generator,
    needed_labels,
)
from vop_core.methods.class_means import NEVER
from vop_core.methods.personal import Adaptation, WeightPosterior
from vop_core.methods.vop import Vop, VopConfig
from vop_core.nets.classifier_inference import (
    classify,
    cross_entropy_of_rows,
    embed_episode,
    mean_by_label,
)
from vop_core.nets.encoder import Encoder
from vop_core.settings import not_negative
from vop_core.training.batches import EpisodeBatch
from vop_core.variational.elbo import negative_elbo
from vop_core.variational.gaussian import DiagonalGaussian

TRAINING_DRAWS = 16
DRAWS = 100  # that an answer averages: each costs a linear classifier
# the scales learn so many times faster than weights: a training is a few hundred steps
SCALE_RATE = 10.0


class ClassPosterior(nn.Module):
    """The means of classes: their prior, their posterior, and the classifier that they make."""

    def __init__(self, labels: int, features: int) -> None:
        super().__init__()
        self.center = nn.Parameter(torch.zeros(labels, features))  # m_k
        # of ln sigma and ln tau, what was learned, in units of SCALE_RATE
        self.clip_scale = nn.Parameter(torch.zeros(1))
        self.class_scale = nn.Parameter(torch.zeros(1))

    @property
    def _first_log_std(self) -> float:
        """ln sigma before training: logits begin between a sum and a mean over features."""
        return 0.25 * math.log(self.center.shape[1])

    @property
    def log_clip_std(self) -> Float[Tensor, " feature"]:
        """ln sigma, the same of all features."""
        return (self._first_log_std + SCALE_RATE * self.clip_scale).expand(self.center.shape[1])

    @property
    def log_class_std(self) -> Float[Tensor, " feature"]:
        """ln tau; at first a clip says more of its class than the prior does."""
        first = self._first_log_std + math.log(2.0)
        return (first + SCALE_RATE * self.class_scale).expand(self.center.shape[1])

    @torch.no_grad()
    def set_scales(self, *, clip_std: float, class_std: float) -> None:
        """Known sigma and tau, in the place of learned ones."""
        self.clip_scale += (math.log(clip_std) - self.log_clip_std[0]) / SCALE_RATE
        self.class_scale += (math.log(class_std) - self.log_class_std[0]) / SCALE_RATE

    def prior(self, persons: int) -> DiagonalGaussian:
        """Of each person's classes without clips; batch axes: person, label."""
        mean = self.center.expand(persons, *self.center.shape)
        return DiagonalGaussian(mean, self.log_class_std.expand_as(mean))

    def posterior(
        self,
        clips: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"],
        present: Bool[Tensor, "person shot"],
    ) -> DiagonalGaussian:
        """Of each person's classes, given the clips that count; batch axes: person, label."""
        means, count = mean_by_label(clips, labels, present, len(self.center))
        between, within = (2 * self.log_class_std).exp(), (2 * self.log_clip_std).exp()
        evidence = count[..., None] * between
        share = evidence / (evidence + within)
        log_std = self.log_class_std + 0.5 * (within.log() - (evidence + within).log())
        return DiagonalGaussian(self.center + share * (means - self.center), log_std)

    def rows(
        self,
        means: Float[Tensor, "*batch label feature"],
        missing: Float[Tensor, "*batch label"] | float = 0.0,
    ) -> Float[Tensor, "*batch label r"]:
        """The classifier of drawn class means: weights, then bias; less what all classes share,
        which would cost digits. ``missing`` is added to the logits of classes without clips.
        """
        middle = means.mean(-2, keepdim=True)
        weights = (means - middle) * (-2 * self.log_clip_std).exp()
        biases = -0.5 * (weights * (means + middle)).sum(-1) + missing
        return torch.cat((weights, biases[..., None]), dim=-1)

    def missing(self, labels: Int[Tensor, "person shot"]) -> Float[Tensor, "person label"]:
        """What a person's logits lose where a class has no clip, and others have."""
        heard = functional.one_hot(labels, len(self.center)).any(1)
        return NEVER * (~heard).to(self.center)

    def adaptation(
        self, clips: Float[Tensor, "person shot feature"], labels: Int[Tensor, "person shot"]
    ) -> Adaptation:
        """What is kept of persons' classes, given their clips."""
        found = self.posterior(clips, labels, every_clip(clips))
        return self.kept(found, self.missing(labels))

    def kept(
        self, classes: DiagonalGaussian, missing: Float[Tensor, "person label"] | None = None
    ) -> Adaptation:
        """Mean and log standard deviation of the class means, and ``missing``."""
        if missing is None:
            missing = classes.mean.new_zeros(classes.mean.shape[:2])
        return {"means": classes.mean, "log_std": classes.log_std, "missing": missing}

    def classifier(self, adaptation: Adaptation) -> Float[Tensor, "*draw person label row"]:
        """The rows that kept or drawn class means make."""
        return self.rows(adaptation["means"], adaptation["missing"])

    def bound(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        query: Float[Tensor, "person query feature"],
        batch: EpisodeBatch,
        *,
        beta: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The negative bound of embedded episodes, and what is logged of it."""
        labels = needed_labels(batch.enrollment_labels)
        found = self.posterior(enrollment, labels, batch.present)
        drawn = found.expand(TRAINING_DRAWS, *found.batch_shape).rsample(generator=generator)
        misfit = cross_entropy_of_rows(self.rows(drawn), query, batch.labels)
        kl = found.kl(self.prior(len(query))).sum(-1)
        queries = torch.full_like(kl, query.shape[1])
        loss = negative_elbo(misfit.mean(0), kl, queries, beta=beta)
        right = classify(self.rows(found.mean), query).argmax(-1) == batch.labels
        return loss, {
            "loss": loss.detach(),
            "kl": kl.mean().detach(),
            "accuracy": right.float().mean(),
        }


@dataclass(frozen=True, kw_only=True)
class ClassVopConfig(TrainedConfig):
    """What the bound charges."""

    beta: float = not_negative(0.001)  # 1 is the bound


class ClassVop(ClassifierMethod):
    """An encoder for everybody, and a posterior over each person's classifier."""

    config_type = ClassVopConfig
    tried = ({}, {"beta": 1.0})
    rows = "means"
    facts = MethodFacts(
        summary="An exact Gaussian over class means, pooled from labeled clips, draws the "
        "classifier.",
        source="VOP",
        labels=True,
        trained=True,
        every_class=True,
        draws=DRAWS,
        prior=True,
        foldable=True,
    )

    def __init__(self, encoder: Encoder, config: Any = None) -> None:
        super().__init__(encoder, config)
        self.classes = ClassPosterior(*encoder.classifier.weight.shape)

    def loss(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The negative bound a query."""
        embedded = embed_episode(self.encoder, batch.enrollment, batch.present, batch.query)
        beta = self.config.beta
        return self.classes.bound(*embedded, batch, beta=beta, generator=generator)

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Each person's class means. Raises EvaluationError without labels."""
        return self.classes.adaptation(enrollment, needed_labels(labels))

    def prior(self, persons: int) -> Adaptation:
        """Classes as before any clip."""
        return self.classes.kept(self.classes.prior(persons))

    def draw(
        self, adaptation: Adaptation, count: int, *, generator: torch.Generator | None
    ) -> Adaptation:
        """Class means drawn for each person, the same for all queries."""
        return drawn_classes(adaptation, count, generator=generator)

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """With the classifier that the class means make."""
        rows = self.classes.classifier(adaptation)
        return classify(rows, query).softmax(-1)

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The classifier."""
        rows = self.classes.classifier(adaptation)
        return super().own_weights({"means": rows})


def drawn_classes(
    adaptation: Adaptation, count: int, *, generator: torch.Generator | None
) -> Adaptation:
    """Draws of each person's class means, and what else an answer needs of the classes. Raises
    ValueError without a generator.
    """
    found = DiagonalGaussian(adaptation["means"], adaptation["log_std"])
    missing = adaptation["missing"]
    return {
        "means": found.sample(count, generator=needed_generator(generator)),
        "missing": missing.expand(count, *missing.shape),
    }


@dataclass(frozen=True, kw_only=True)
class ClassVopFilmConfig(VopConfig):
    """What the bound charges for the classifier; the film is trained at its posterior's mean."""

    class_beta: float = not_negative(0.01)


class ClassVopFilm(Vop):
    """The same classifier on an encoder that all of a person's clips have moved."""

    config_type = ClassVopFilmConfig
    tried = ({},)
    facts = MethodFacts(
        summary="Moves scales and shifts by all labeled clips together, then draws the classifier "
        "as class-vop does.",
        source="VOP",
        labels=True,
        trained=True,
        every_class=True,
        draws=DRAWS,
        prior=True,
        foldable=True,
    )

    def __init__(self, encoder: Encoder, config: Any = None) -> None:
        super().__init__(encoder, config)
        self.classes = ClassPosterior(*encoder.classifier.weight.shape)

    def loss(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The negative bound a query, of what the moved encoder makes of the clips."""
        embedded, _ = self.embed_episodes(batch, progress=progress, generator=generator)
        shots, beta = batch.present.shape[1], self.config.class_beta
        sides = embedded[:, :shots], embedded[:, shots:]
        return self.classes.bound(*sides, batch, beta=beta, generator=generator)

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """The film's offsets at their mean, and the class means' Gaussian. Raises EvaluationError
        without labels.
        """
        known = needed_labels(labels)
        film = {"film": super().adapt(enrollment)["mean"]}
        return film | self.classes.adaptation(self.features(film, enrollment), known)

    def adapt_one(
        self, clips: Float[Tensor, " shot *input"], labels: Int[Tensor, " shot"] | None
    ) -> tuple[Adaptation, Callable[[], Adaptation]]:
        """One person's adaptation; single clips have none of their own."""
        return PersonalizationMethod.adapt_one(self, clips, labels)

    def prior(self, persons: int) -> Adaptation:
        """No film, and classes as before any clip."""
        film = self.person_variance.new_zeros(persons, len(self.person_variance))
        return {"film": film} | self.classes.kept(self.classes.prior(persons))

    def posterior(self, adaptation: Adaptation) -> WeightPosterior:
        """Raises EvaluationError: it is over class means, which are not the encoder's weights."""
        return PersonalizationMethod.posterior(self, adaptation)

    def observed(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        clips: Float[Tensor, "person clip *input"],
    ) -> None:
        """Nothing: no interval is kept of the film."""

    def shrinkage(self, adaptation: Adaptation, clips: int, weight: int) -> None:
        """None: no single weight follows from the clips alone."""

    def deviations(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """Of the film."""
        return super().deviations({"mean": adaptation["film"]})

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """Scales, shifts and the classifier."""
        rows = self.classes.classifier(adaptation)
        classifier = {"classifier.weight": rows[..., :-1], "classifier.bias": rows[..., -1]}
        return super().own_weights(adaptation) | classifier

    def draw(
        self, adaptation: Adaptation, count: int, *, generator: torch.Generator | None
    ) -> Adaptation:
        """Class means drawn for each person, under the film at its mean."""
        film = adaptation["film"].expand(count, *adaptation["film"].shape)
        return {"film": film} | drawn_classes(adaptation, count, generator=generator)

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query *input"]
    ) -> Float[Tensor, "person query label"]:
        """With the classifier on the moved encoder."""
        rows = self.classes.classifier(adaptation)
        return classify(rows, self.features(adaptation, query)).softmax(-1)

    def predict_proba_draws(
        self,
        adaptation: Adaptation,
        query: Float[Tensor, "person query *input"],
        *,
        draws: int,
        generator: torch.Generator | None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Float[Tensor, "draw person query label"]:
        """The same under each draw of the classifier; what it reads is embedded once."""
        drawn = drawn_classes(adaptation, draws, generator=generator)
        rows = self.classes.classifier(drawn)
        answers = classify(rows, self.features(adaptation, query)).softmax(-1)
        if progress is not None:
            progress(draws, draws)
        return answers
