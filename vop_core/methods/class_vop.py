r"""VoP with labels: a Gaussian posterior over a classifier's weights, class by class [VOP].

Few-shot classification cannot do without labels: an unlabeled support set does not say what the
ways are. They enter by pooling the clips of each class. A class k is a mean c_k, Gaussian over
classes, that a clip shows with an error, feature by feature,

    c_k ~ N(m_k, tau^2),    u_i | c_k ~ N(c_k, sigma^2)

and its n_k clips give the posterior, by conjugacy,

    q(c_k | S_k) = N( m_k + a_k (mean_i u_i - m_k), (1 - a_k) tau^2 ),
    a_k = n_k tau^2 / (n_k tau^2 + sigma^2)

A draw of all c_k is a draw of the weights: of clips with that error, the classifier is linear,

    p(k | z) = softmax_k( z' W_k + b_k ),    W_k = c_k / sigma^2,    b_k = -1/2 |c_k / sigma|^2

A class without clips keeps its prior, so that with no clip at all the prior answers. Encoder, m,
tau and sigma are trained together on the bound, with one KL an episode and M queries,

    E_q [ mean_m -ln p(y_m | x_m, c) ]  +  beta / M  sum_k KL( q(c_k | S_k) || N(m_k, tau^2) )

``class-vop-film`` moves the encoder first, by the offsets that :mod:`vop_core.methods.vop` reads
off the whole support set, without its labels; the classifier is then made of what the moved encoder
makes of the clips.

Reconstruction: the slides name few-shot classification among the tasks of VoP and say neither how
labels enter nor which weights are personal.
Departs: ``beta`` is 0.01, where the bound has 1, which is a setting to try; nothing was measured to
choose between them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vop_core.methods.base import (
    ClassifierMethod,
    MethodFacts,
    PersonalizationMethod,
    TrainedConfig,
    every_clip,
    needed_generator,
    needed_labels,
)
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

TRAINING_DRAWS = 4
DRAWS = 10  # that an answer averages


class ClassPosterior(nn.Module):
    """The means of classes: their prior, their posterior, and the classifier that they make."""

    def __init__(self, labels: int, features: int) -> None:
        super().__init__()
        self.center = nn.Parameter(torch.zeros(labels, features))  # m_k
        # ln sigma: logits begin between a sum and a mean over features
        first = torch.full((features,), 0.25 * math.log(features))
        self.log_clip_std = nn.Parameter(first)
        # ln tau: one clip says more of its class than the prior does
        self.log_class_std = nn.Parameter(first + math.log(2.0))

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

    def rows(self, means: Float[Tensor, "*batch label feature"]) -> Float[Tensor, "*batch label r"]:
        """The classifier of drawn class means: weights, then bias; less what all classes share,
        which would cost digits.
        """
        middle = means.mean(-2, keepdim=True)
        weights = (means - middle) * (-2 * self.log_clip_std).exp()
        biases = -0.5 * (weights * (means + middle)).sum(-1, keepdim=True)
        return torch.cat((weights, biases), dim=-1)

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

    beta: float = not_negative(0.01)  # 1 is the bound


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
        """Mean and log standard deviation of each person's class means. Raises EvaluationError
        without labels.
        """
        found = self.classes.posterior(enrollment, needed_labels(labels), every_clip(enrollment))
        return {"means": found.mean, "log_std": found.log_std}

    def prior(self, persons: int) -> Adaptation:
        """Classes as before any clip."""
        found = self.classes.prior(persons)
        return {"means": found.mean, "log_std": found.log_std}

    def draw(
        self, adaptation: Adaptation, count: int, *, generator: torch.Generator | None
    ) -> Adaptation:
        """Class means drawn for each person, the same for all queries."""
        return {"means": drawn_means(adaptation, count, generator=generator)}

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """With the classifier that the class means make."""
        return classify(self.classes.rows(adaptation["means"]), query).softmax(-1)

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The classifier."""
        return super().own_weights({"means": self.classes.rows(adaptation["means"])})


def drawn_means(
    adaptation: Adaptation, count: int, *, generator: torch.Generator | None
) -> Float[Tensor, "draw person label feature"]:
    """Draws of each person's class means. Raises ValueError without a generator."""
    found = DiagonalGaussian(adaptation["means"], adaptation["log_std"])
    return found.sample(count, generator=needed_generator(generator))


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
        embedded = self.features(film, enrollment)
        found = self.classes.posterior(embedded, known, every_clip(embedded))
        return film | {"means": found.mean, "log_std": found.log_std}

    def adapt_one(
        self, clips: Float[Tensor, " shot *input"], labels: Int[Tensor, " shot"] | None
    ) -> tuple[Adaptation, Adaptation]:
        """One person's adaptation; single clips have none of their own."""
        return PersonalizationMethod.adapt_one(self, clips, labels)

    def prior(self, persons: int) -> Adaptation:
        """No film, and classes as before any clip."""
        found = self.classes.prior(persons)
        film = self.person_variance.new_zeros(persons, len(self.person_variance))
        return {"film": film, "means": found.mean, "log_std": found.log_std}

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
        rows = self.classes.rows(adaptation["means"])
        classifier = {"classifier.weight": rows[..., :-1], "classifier.bias": rows[..., -1]}
        return super().own_weights(adaptation) | classifier

    def draw(
        self, adaptation: Adaptation, count: int, *, generator: torch.Generator | None
    ) -> Adaptation:
        """Class means drawn for each person, under the film at its mean."""
        film = adaptation["film"]
        means = drawn_means(adaptation, count, generator=generator)
        return {"film": film.expand(count, *film.shape), "means": means}

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query *input"]
    ) -> Float[Tensor, "person query label"]:
        """With the classifier on the moved encoder."""
        rows = self.classes.rows(adaptation["means"])
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
        means = drawn_means(adaptation, draws, generator=generator)
        answers = classify(self.classes.rows(means), self.features(adaptation, query)).softmax(-1)
        if progress is not None:
            progress(draws, draws)
        return answers
