"""What more enrollment clips do: how far the posterior narrows and moves, and what that is worth.

A *model* here is anything that keeps the promises of ``vop_core.types`` and has a ``posterior`` and
a ``prior``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.evaluation.classification import correctness, negative_log_likelihood

HEADLINES = ("personal gain", "right minus wrong")  # of a report's named differences
HEADLINE_SHOTS = 5


@dataclass(frozen=True)
class LearningCurve:
    """What the number of enrollment clips does, from 0 clips on."""

    clips: tuple[int, ...]
    width: tuple[float, ...]  # posterior sd / prior sd, geometric mean over weights
    # on the person's query clips; empty where their words are unknown
    accuracy: tuple[float, ...] = ()
    nll: tuple[float, ...] = ()  # nats per query clip


@torch.no_grad()
def learning_curve(
    vop,
    enrollment: Float[Tensor, "shot mel frame"] | None,
    query: Float[Tensor, "query mel frame"] | None = None,
    truth: Sequence[int] | None = None,
) -> LearningCurve:
    """Enroll the first 0, 1, 2, ... clips; measure the posterior's width and, with known words, the
    predictions.
    """
    shots = range(1 + (0 if enrollment is None else len(enrollment)))
    models = [vop.enroll(enrollment[:shot]) if shot else vop.prior_model() for shot in shots]
    width = tuple(width_ratio(model) for model in models)
    if query is None or truth is None:
        return LearningCurve(tuple(shots), width)
    labels = torch.as_tensor(truth)
    probabilities = [model.predict(query).probabilities for model in models]
    return LearningCurve(
        tuple(shots),
        width,
        tuple(float(correctness(each, labels).mean()) for each in probabilities),
        tuple(float(negative_log_likelihood(each, labels).mean()) for each in probabilities),
    )


def width_ratio(model) -> float:
    """Posterior sd / prior sd, geometric mean over weights; 1 without clips."""
    return float((model.posterior.log_std - model.prior.log_std).mean().exp())


@dataclass(frozen=True)
class Movement:
    """How one combined posterior differs from another over a layer."""

    shift: float  # root mean square of the means' difference, in prior standard deviations
    width: float  # geometric mean of the standard deviations' ratio, new / old


def movement(prior, old, new) -> Movement:
    """What switching a clip did to a layer: how far the means moved and how the widths changed.

    The three are Gaussians over the same weights, with ``mean`` and ``std``.
    """
    shift = ((new.mean - old.mean) / prior.std).square().mean().sqrt()
    return Movement(float(shift), float((new.std / old.std).log().mean().exp()))


def headline_differences(differences: Sequence[Mapping]) -> list[Mapping]:
    """A report's headline differences on persons never heard, at 5 clips or the largest number
    there is.
    """
    named = [
        each for each in differences if each.get("name") in HEADLINES and each["set"] == "open"
    ]
    shots = sorted({each["shots"] for each in named})
    chosen = HEADLINE_SHOTS if HEADLINE_SHOTS in shots else max(shots, default=0)
    return [each for each in named if each["shots"] == chosen]
