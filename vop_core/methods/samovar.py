r"""Shared amortized variational inference over the classifier, SAMOVAR [SAMOVAR].

One inference network gives a Gaussian over the classifier's weights from a set of clips. Applied to
the enrollment S it is the prior, applied to enrollment and query S, Q it is the posterior, and
training minimises

    E_{w ~ q(w | S, Q)} [ mean_m -ln p(y_m | x_m, w) ]  +  beta / M  KL( q(w | S, Q) || q(w | S) )

over the M queries: the published sum over queries minus beta KL, divided by -M. A person's answer
averages the softmax over draws from q(w | S). The posterior is shown the queries' labels; only the
KL makes the prior good, which has to do without them. Divided by all clips of the person instead of
by M it is too cheap: the posterior copies the labels, and the prior then gives queries to enrolled
words, whatever they say.

The labeled rows read S as published: the context of a class is the mean over its enrollment clips.
The unlabeled ones do what a person who enrolls without labels leaves possible: all clips make one
context, and the network's last layer writes all classes at once.

Reconstruction: how SAMOVAR was run on unlabeled enrollment in [VOP slides] is unknown; so are beta
    and the widths, and "1fc" and "2fc" are read as the depth of the inference network.
Departs: the network gives deviations from the global classifier's rows, zero at the start, and a
    bounded standard deviation; ``additive=False`` writes the classifier from scratch, with nothing
    bounded.
Departs: the encoder stays that of the finished global model, and the classifier thus takes the
    global model's further steps and as many again; ``samovar-2fc-trained-encoder`` goes on from
    the checkpoint with an encoder that learns along, as published. One row does: the other depth
    and the labeled rows would repeat it, and VERSA's and ANIL's are labeled.
Departs: a labeled class also sees its global row and how many clips it has, since most of the words
are not enrolled.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.methods.base import (
    ClassifierMethod,
    MethodFacts,
    TrainedConfig,
    every_clip,
    fast_and_slow,
    needed_generator,
    needed_labels,
)
from vop_core.methods.personal import Adaptation, gaussian_of
from vop_core.nets.classifier_inference import (
    ClassifierInference,
    classifier_rows,
    classify,
    cross_entropy_of_rows,
    embed_episode,
    mean_by_label,
    mean_of_present,
)
from vop_core.nets.encoder import Encoder
from vop_core.settings import not_negative
from vop_core.training.batches import EpisodeBatch
from vop_core.variational.elbo import negative_elbo
from vop_core.variational.gaussian import DiagonalGaussian

TRAINING_DRAWS = 4


class GeneratedClassifier(ClassifierMethod):
    """A shared encoder and an inference network that writes each person's classifier: what [VERSA;
    SAMOVAR] share.

    Its config says whether the rows are ``additive``; ``layers`` is the depth of the network.
    """

    layers: ClassVar[int]
    rows = "mean"

    def __init__(self, encoder: Encoder, config: Any = None) -> None:
        super().__init__(encoder, config)
        labels, features = self.encoder.classifier.weight.shape
        row = features + 1
        inputs, outputs = (
            (features + row + 1, row) if self.facts.labels else (features, labels * row)
        )
        self.inference = ClassifierInference(
            inputs, outputs, layers=self.layers, hidden=2 * features, additive=self.config.additive
        )

    def infer(
        self,
        features: Float[Tensor, "person clip feature"],
        labels: Int[Tensor, "person clip"] | None,
        present: Bool[Tensor, "person clip"],
    ) -> DiagonalGaussian:  # batch axes: person, label
        """q(w | clips) over the rows of each person's classifier."""
        rows = classifier_rows(self.encoder.classifier)
        mean, log_std = self.inference(self._context(rows, features, labels, present))
        if not self.facts.labels:
            mean, log_std = (value.unflatten(-1, rows.shape) for value in (mean, log_std))
        return DiagonalGaussian(rows + mean if self.inference.additive else mean, log_std)

    def _context(
        self, rows: Tensor, features: Tensor, labels: Tensor | None, present: Tensor
    ) -> Tensor:
        size = features.shape[-1:]
        if not self.facts.labels:
            return functional.layer_norm(mean_of_present(features, present), size)
        means, counts = mean_by_label(features, needed_labels(labels), present, len(rows))
        known = rows.expand(len(features), *rows.shape)
        # a class without clips has mean zero, which the normalisation keeps
        return torch.cat(
            (functional.layer_norm(means, size), known, counts.log1p()[..., None]), dim=-1
        )

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Mean and ln std of each person's rows."""
        found = self.infer(enrollment, labels, every_clip(enrollment))
        return {"mean": found.mean, "log_std": found.log_std}

    def draw(
        self, adaptation: Adaptation, count: int, *, generator: torch.Generator | None
    ) -> Adaptation:
        """Rows drawn for each person, the same for all queries."""
        found = gaussian_of(adaptation)
        return {"mean": found.sample(count, generator=needed_generator(generator))}


def cross_entropy_of_draws(
    distribution: DiagonalGaussian,  # batch axes: person, label
    query: Float[Tensor, "person query feature"],
    labels: Int[Tensor, "person query"],
    *,
    draws: int,
    generator: torch.Generator,
) -> Float[Tensor, "draw person query"]:
    """-ln p(y | x, w) under ``draws`` draws of each person's rows; gradients flow to the
    distribution.
    """
    rows = distribution.expand(draws, *distribution.batch_shape).rsample(generator=generator)
    return cross_entropy_of_rows(rows, query, labels)


@dataclass(frozen=True, kw_only=True)
class SamovarConfig(TrainedConfig):
    """What the bound charges, and whether rows are deviations or written from scratch."""

    beta: float = not_negative(1.0)  # 1 is the bound
    additive: bool = True


class Samovar(GeneratedClassifier):
    """The training objective that the four rows share."""

    config_type = SamovarConfig
    tried = fast_and_slow({}, {"beta": 0.1})

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Negative bound per query, with draws from the posterior that has seen the queries too."""
        enrollment, query = embed_episode(
            self.encoder, batch.enrollment, batch.present, batch.query
        )
        labels = batch.enrollment_labels if self.facts.labels else None
        prior = self.infer(enrollment, labels, batch.present)
        posterior = self.infer(
            torch.cat((enrollment, query), dim=1),
            None if labels is None else torch.cat((labels, batch.labels), dim=1),
            torch.cat((batch.present, torch.ones_like(batch.labels, dtype=torch.bool)), dim=1),
        )
        misfit = cross_entropy_of_draws(
            posterior,
            query,
            batch.labels,
            draws=TRAINING_DRAWS,
            generator=generator,
        ).mean(0)
        kl = posterior.kl(prior).sum(-1)
        queries = torch.full_like(kl, query.shape[1])
        loss = negative_elbo(misfit, kl, queries, beta=self.config.beta)
        return loss, {
            "loss": loss.detach(),
            "cross_entropy": misfit.mean().detach(),
            "kl": kl.mean().detach(),
            "prior_std": prior.std.mean().detach(),
            "accuracy": (classify(prior.mean, query).argmax(-1) == batch.labels).float().mean(),
        }


class SamovarOneLayer(Samovar):
    """Unlabeled; the classifier is linear in the context."""

    layers = 1
    facts = MethodFacts(
        summary="Draws the classifier from a Gaussian that one linear layer reads off the clips' "
        "mean embedding.",
        source="SAMOVAR",
        trained=True,
        encoder_fixed=True,
        draws=10,
        foldable=True,
    )


class SamovarTwoLayers(Samovar):
    """Unlabeled, with a hidden layer."""

    layers = 2
    facts = MethodFacts(
        summary="Draws the classifier from a Gaussian that two layers read off the clips' mean "
        "embedding.",
        source="SAMOVAR",
        trained=True,
        encoder_fixed=True,
        draws=10,
        foldable=True,
    )


class SamovarTwoLayersTrainedEncoder(SamovarTwoLayers):
    """Unlabeled, with a hidden layer; the encoder learns along."""

    facts = replace(
        SamovarTwoLayers.facts,
        summary="Draws the classifier as samovar-2fc does, and the encoder was trained along.",
        encoder_fixed=False,
    )


class LabeledSamovarOneLayer(Samovar):
    """As published; each class's row is linear in the mean of its clips."""

    layers = 1
    facts = MethodFacts(
        summary="Draws each class's row from a Gaussian that one linear layer reads off the mean "
        "of its labeled clips.",
        source="SAMOVAR",
        labels=True,
        trained=True,
        encoder_fixed=True,
        draws=10,
        foldable=True,
    )


class LabeledSamovarTwoLayers(Samovar):
    """As published, with a hidden layer."""

    layers = 2
    facts = MethodFacts(
        summary="Draws each class's row from a Gaussian that two layers read off the mean of its "
        "labeled clips.",
        source="SAMOVAR",
        labels=True,
        trained=True,
        encoder_fixed=True,
        draws=10,
        foldable=True,
    )
