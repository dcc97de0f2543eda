r"""What one prediction is worth, clip by clip, so that every mean can be taken within a person
first.

For probabilities p over labels and the true label y of one clip:

    correct   1 where argmax p = y
    NLL       -ln p_y, in nats
    Brier     sum_c (p_c - [c = y])^2, between 0 and 2
    covered   1 where y is among the most probable labels that together hold 90 %
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.errors import EvaluationError

COVERAGE = 0.9  # of the label sets whose coverage is counted


def classification_metrics(
    probabilities: Float[Tensor, "query label"], labels: Int[Tensor, " query"]
) -> dict[str, Float[Tensor, " query"]]:
    """What each answer is worth, by the names that the tables of scores have.

    Raises EvaluationError where the answers are no probabilities over these labels.
    """
    most = int(labels.max())
    if probabilities.shape[-1] <= most:
        raise EvaluationError(
            f"The method knows {probabilities.shape[-1]} labels, but is asked about label {most}; "
            "evaluate a model of this task."
        )
    if not bool(((probabilities.sum(-1) - 1).abs() < 1e-3).all()) or bool(
        (probabilities < 0).any()
    ):
        raise EvaluationError(
            "The method answers with numbers that are no probabilities; its training may have "
            "diverged."
        )
    return {
        "accuracy": correctness(probabilities, labels),
        "nll": negative_log_likelihood(probabilities, labels),
        "brier": brier_score(probabilities, labels),
        "confidence": probabilities.max(-1).values,
        "coverage": covered_by_label_set(probabilities, labels, COVERAGE),
    }


def correctness(
    probabilities: Float[Tensor, "*batch label"], labels: Int[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """1 where the most probable label is the true one, else 0; of equal labels the first counts."""
    return (probabilities.argmax(-1) == labels).to(probabilities.dtype)


def negative_log_likelihood(
    probabilities: Float[Tensor, "*batch label"], labels: Int[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """-ln p of the true label, in nats; p below the smallest normal number counts as that
    number.
    """
    true = probabilities.gather(-1, labels.unsqueeze(-1).long()).squeeze(-1)
    return -true.clamp(min=torch.finfo(true.dtype).tiny).log()


def brier_score(
    probabilities: Float[Tensor, "*batch label"], labels: Int[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Squared distance between the probabilities and certainty of the true label: 0 is best, 2 is
    worst.
    """
    true = torch.nn.functional.one_hot(labels.long(), probabilities.shape[-1])
    return (probabilities - true).square().sum(-1)


def covered_by_label_set(
    probabilities: Float[Tensor, "*batch label"], labels: Int[Tensor, "*batch"], level: float
) -> Float[Tensor, "*batch"]:
    """1 where the smallest set of labels with at least ``level`` of the probability holds the true
    label, else 0.

    A classifier whose probabilities are true covers at least that share of its clips.
    """
    order = probabilities.argsort(dim=-1, descending=True, stable=True)
    place = (order == labels.unsqueeze(-1)).long().argmax(-1, keepdim=True)
    reached = probabilities.gather(-1, order).cumsum(-1)
    before = torch.where(place > 0, reached.gather(-1, (place - 1).clamp_min(0)), 0.0)
    return (before.squeeze(-1) < level).to(probabilities.dtype)
