r"""The Mahalanobis head of Simple CNAPs [SIMPLECNAPS]: class means, each compared in the metric of
its own clips.

With the mean c_k and covariance S_k of a class's n_k labeled clips, and S that of all of them,

    Q_k = l_k S_k + (1 - l_k) S + I,    l_k = n_k / (n_k + 1)

    p(k | z) = softmax_k( -1/2 (z - c_k)' Q_k^-1 (z - c_k) )

Departs: the head alone, on an encoder that is trained for it; published, a set encoder moves the
features' scales and shifts first.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.methods.base import MethodFacts, PersonalizationMethod
from vop_core.methods.class_means import NEVER, ClassMeans
from vop_core.methods.personal import Adaptation
from vop_core.nets.classifier_inference import mean_by_label


class SimpleCnaps(ClassMeans):
    """Class means under the classes' own covariances."""

    facts = MethodFacts(
        summary="The nearest class mean answers, in the metric of the labeled clips' covariances.",
        source="SIMPLECNAPS",
        labels=True,
        trained=True,
        every_class=True,
    )

    def enrolled(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        labels: Int[Tensor, "person shot"],
        present: Bool[Tensor, "person shot"],
    ) -> Adaptation:
        """Means, Cholesky factors of Q_k, and numbers of clips of each person's classes."""
        count = len(self.encoder.classifier.weight)
        means, clips = mean_by_label(enrollment, labels, present, count)
        said = functional.one_hot(labels, count).to(enrollment) * present[..., None]
        around = enrollment[:, :, None] - means[:, None]
        whole = (
            enrollment
            - (said.sum(2, keepdim=True) * enrollment).sum(1, keepdim=True)
            / (clips.sum(1)[:, None, None])
        )
        own = torch.einsum("psl,pslf,pslg->plfg", said, around, around)
        shared = torch.einsum("ps,psf,psg->pfg", said.sum(2), whole, whole)
        share = clips / (clips + 1)
        number = clips[..., None, None].clamp_min(1)
        metric = (
            share[..., None, None] * own / number
            + (1 - share)[..., None, None] * (shared / clips.sum(1)[:, None, None])[:, None]
        )
        eye = torch.eye(metric.shape[-1], device=metric.device)
        return {"means": means, "factors": torch.linalg.cholesky(metric + eye), "clips": clips}

    def answer(
        self, adaptation: Adaptation, query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """Half the squared distance, negative."""
        away = query[:, None] - adaptation["means"][:, :, None]  # (person, label, query, feature)
        solved = torch.linalg.solve_triangular(adaptation["factors"], away.mT, upper=False)
        logits = -0.5 * solved.square().sum(-2) + NEVER * (adaptation["clips"] == 0)[..., None]
        return logits.mT

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """Raises EvaluationError: a metric of each class's own is no linear classifier."""
        return PersonalizationMethod.own_weights(self, adaptation)
