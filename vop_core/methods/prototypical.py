r"""Prototypical networks [PROTONET]: an encoder trained so that the nearest class mean answers.

With c_k the mean of a class's labeled clips,

    p(k | z) = softmax_k( -s ||z - c_k||^2 )

which is a linear classifier with weights 2 s c_k and biases -s ||c_k||^2.

Departs: the scale s is learned; published, the encoder has to find it.
"""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vop_core.methods.base import MethodFacts
from vop_core.methods.class_means import NEVER, ClassMeans
from vop_core.methods.personal import Adaptation
from vop_core.nets.classifier_inference import classify, mean_by_label
from vop_core.nets.encoder import Encoder


class PrototypicalNetwork(ClassMeans):
    """The nearest class mean answers."""

    facts = MethodFacts(
        summary="The nearest mean of a class's labeled clips answers; the encoder was trained for "
        "it.",
        source="PROTONET",
        labels=True,
        trained=True,
        every_class=True,
        foldable=True,
    )

    def __init__(self, encoder: Encoder, config: Any = None) -> None:
        super().__init__(encoder, config)
        # squared distances grow with the number of features
        first = -math.log(encoder.classifier.in_features)
        self.log_scale = nn.Parameter(torch.tensor(first))

    def enrolled(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"],
        present: Bool[Tensor, "person shot"],
    ) -> Adaptation:
        """Each person's classifier."""
        count = len(self.encoder.classifier.weight)
        means, clips = mean_by_label(enrollment, labels, present, count)
        scale = self.log_scale.exp()
        biases = -scale * means.square().sum(-1) + NEVER * (clips == 0)
        return {self.rows: torch.cat((2 * scale * means, biases[..., None]), dim=-1)}

    def answer(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """By the classifier: all logits differ from the distances by the same."""
        return classify(adaptation[self.rows], query)
