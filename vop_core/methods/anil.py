r"""Almost no inner loop, ANIL [ANIL]: a head that a few gradient steps make a person's own.

Enrolling takes plain gradient steps on the classifier w = [W, b], from the shared one, over the n
labeled clips u_i,

    w <- w - alpha 1/n sum_i ( softmax(w u_i) - y_i ) u_i',        u_i with a 1 behind it,

and training sends the queries' loss through these steps into the shared classifier and alpha. The
gradient of softmax regression has the closed form above, so that a step is an ordinary
differentiable operation.

Departs: the encoder stays that of the finished global model, and the classifier thus takes the
    global model's further steps and as many again; ``anil-trained-encoder`` goes on from the
    checkpoint with an encoder that learns along, as published.
Departs: the encoder and the classifier start from the trained global model, all words are classes
    in every episode, whether enrolled or not, and the inner learning rate is learned, as its
    logarithm.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vop_core.methods.base import (
    ClassifierMethod,
    MethodFacts,
    TrainedConfig,
    every_clip,
    fast_and_slow,
    needed_labels,
    supervised_loss,
)
from vop_core.methods.personal import Adaptation
from vop_core.nets.classifier_inference import classifier_rows, classify, embed_episode
from vop_core.nets.encoder import Encoder
from vop_core.settings import not_negative, positive
from vop_core.training.batches import EpisodeBatch


@dataclass(frozen=True, kw_only=True)
class AnilConfig(TrainedConfig):
    """The inner loop."""

    inner_steps: int = not_negative(3)
    inner_rate: float = positive(0.03)  # alpha where training starts


class Anil(ClassifierMethod):
    """A classifier trained to be fine-tuned in a few steps."""

    config_type = AnilConfig
    tried = fast_and_slow({}, {"inner_steps": 5})
    rows = "classifier"
    facts = MethodFacts(
        summary="Takes a few gradient steps on a classifier that was trained to be adapted so, "
        "over labeled clips.",
        source="ANIL",
        labels=True,
        gradients=True,
        trained=True,
        encoder_fixed=True,
        foldable=True,
    )

    def __init__(self, encoder: Encoder, config: Any = None) -> None:
        super().__init__(encoder, config)
        self.log_rate = nn.Parameter(torch.tensor(math.log(self.config.inner_rate)))

    @property
    def gradient_steps(self) -> int:
        return self.config.inner_steps

    def inner_loop(
        self,
        features: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"],
        present: Bool[Tensor, "person shot"],
    ) -> Float[Tensor, "person label row"]:
        """Each person's classifier after the steps; gradients flow through them."""
        rows = classifier_rows(self.encoder.classifier).expand(len(features), -1, -1)
        for _ in range(self.config.inner_steps):
            rows = rows - self.log_rate.exp() * cross_entropy_gradient(
                rows, features, labels, present
            )
        return rows

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the queries after the inner loop."""
        enrollment, query = embed_episode(
            self.encoder, batch.enrollment, batch.present, batch.query
        )
        labels = needed_labels(batch.enrollment_labels)
        logits = classify(self.inner_loop(enrollment, labels, batch.present), query)
        loss, logs = supervised_loss(logits.flatten(0, 1), batch.labels.flatten())
        return loss, logs | {"inner_rate": self.log_rate.exp().detach()}

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Each person's classifier. Raises EvaluationError without labels."""
        found = self.inner_loop(enrollment, needed_labels(labels), every_clip(enrollment))
        return {self.rows: found}


class AnilTrainedEncoder(Anil):
    """The encoder learns along."""

    facts = replace(
        Anil.facts,
        summary="Takes gradient steps as anil does, and the encoder was trained along.",
        encoder_fixed=False,
    )


def cross_entropy_gradient(
    rows: Float[Tensor, "person label row"],
    features: Float[Tensor, "person shot feature"],
    labels: Int[Tensor, "person shot"],
    present: Bool[Tensor, "person shot"],
) -> Float[Tensor, "person label row"]:
    """Gradient of the mean cross-entropy over each person's clips that count, as a differentiable
    expression.
    """
    wanted = functional.one_hot(labels, rows.shape[1]).to(features)
    share = present / present.sum(1, keepdim=True).clamp_min(1)
    residual = (classify(rows, features).softmax(-1) - wanted) * share[..., None]
    return torch.cat((residual.mT @ features, residual.sum(1)[..., None]), dim=-1)
