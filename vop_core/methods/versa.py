r"""Versatile amortized inference over the classifier, VERSA [VERSA].

The inference network of :mod:`vop_core.methods.samovar` reads each class's labeled clips, and is
trained on how well its draws predict the queries, without any divergence:

    mean_m -ln 1/L sum_l p(y_m | x_m, w_l),        w_l ~ q(w | S).

Departs: the encoder stays that of the finished global model, and the classifier thus takes the
    global model's further steps and as many again; ``versa-trained-encoder`` goes on from the
    checkpoint with an encoder that learns along, as published.
Departs: deviations from the global rows, one trunk of two layers instead of four networks of three,
    and a class sees its global row and its number of clips; answers average probabilities, where
    the published code averages logits.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vop_core.methods.base import MethodFacts, TrainedConfig, fast_and_slow
from vop_core.methods.samovar import GeneratedClassifier, cross_entropy_of_draws
from vop_core.nets.classifier_inference import classify, embed_episode
from vop_core.settings import at_least
from vop_core.training.batches import EpisodeBatch


@dataclass(frozen=True, kw_only=True)
class VersaConfig(TrainedConfig):
    """How finely the predictive likelihood is estimated, and whether rows are deviations or written
    from scratch.
    """

    training_draws: int = at_least(1, 10)  # L
    additive: bool = True


class Versa(GeneratedClassifier):
    """Labeled clips to a Gaussian over the classifier, trained for prediction."""

    config_type = VersaConfig
    tried = fast_and_slow({})
    layers = 2
    facts = MethodFacts(
        summary="Draws each class's row from a Gaussian that a network, trained for prediction, "
        "reads off its clips.",
        source="VERSA",
        labels=True,
        trained=True,
        encoder_fixed=True,
        draws=10,
        foldable=True,
    )

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Negative log of the queries' likelihood, averaged over draws inside the logarithm."""
        enrollment, query = embed_episode(
            self.encoder, batch.enrollment, batch.present, batch.query
        )
        found = self.infer(enrollment, batch.enrollment_labels, batch.present)
        draws = self.config.training_draws
        misfit = cross_entropy_of_draws(
            found,
            query,
            batch.labels,
            draws=draws,
            generator=generator,
        )
        loss = (math.log(draws) - (-misfit).logsumexp(0)).mean()
        return loss, {
            "loss": loss.detach(),
            "std": found.std.mean().detach(),
            "accuracy": (classify(found.mean, query).argmax(-1) == batch.labels).float().mean(),
        }


class VersaTrainedEncoder(Versa):
    """The encoder learns along."""

    facts = replace(
        Versa.facts,
        summary="Draws each class's row as versa does, and the encoder was trained along.",
        encoder_fixed=False,
    )
