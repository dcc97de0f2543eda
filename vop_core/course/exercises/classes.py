"""Exercises of notebook 12: a classifier written down from class means, and how sure of one to
be.
"""

from collections.abc import Callable

import numpy as np
import scipy
import torch
from torch import Tensor

from vop_core.course.exercises.exercise import Exercise, Picture, line, near, number, parts_of

CASES = (
    ((0.4, 1.1, -0.2), 0.0, 2.0, 1.0),
    ((3.0,), 1.0, 0.5, 1.5),
    ((-1.0, -2.5), 2.0, 1.0, 0.3),
)


def _means() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(12)
    drawn = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    return drawn[0], drawn[1], drawn[2]


def _check_row(answer: Callable) -> str | None:
    one, other, query = _means()
    for scale in (0.5, 1.0, 3.0):
        rows = [parts_of(answer(mean, scale), 2) for mean in (one, other)]
        if None in rows:
            return "give two things: the bias first, then the weights."
        rows = [[torch.as_tensor(part, dtype=torch.float64) for part in row] for row in rows]
        if any((bias.ndim, weights.shape) != (0, one.shape) for bias, weights in rows):
            return (
                "the bias, which comes first, is one number; the weights are as long as the mean."
            )
        logits = [weights @ query + bias for bias, weights in rows]
        nearer = scale * ((query - other).square().sum() - (query - one).square().sum())
        if not near(logits[0] - logits[1], nearer):
            return (
                f"with a scale of {scale:g}, the logits of two classes should differ by as much as "
                f"the scaled squared distances do, {float(nearer):+.3f}; yours differ by "
                f"{float(logits[0] - logits[1]):+.3f}."
            )
    return None


def _moments(samples: Tensor, prior_mean: float, class_std: float, clip_std: float) -> list[float]:
    """Mean and standard deviation of prior times likelihood, on a grid."""
    reach = 12 * max(class_std, clip_std)
    grid = np.linspace(
        min(prior_mean, *samples.tolist()) - reach, max(prior_mean, *samples.tolist()) + reach, 4001
    )
    log_density = scipy.stats.norm.logpdf(grid, prior_mean, class_std)
    log_density += scipy.stats.norm.logpdf(samples.numpy()[:, None], grid, clip_std).sum(0)
    share = scipy.special.softmax(log_density)
    mean = share @ grid
    return [float(mean), float(share @ (grid - mean) ** 2) ** 0.5]


def _check_posterior(answer: Callable) -> str | None:
    for samples, prior_mean, class_std, clip_std in CASES:
        given = (torch.tensor(samples, dtype=torch.float64), prior_mean, class_std, clip_std)
        mean, std = _moments(*given)
        found = parts_of(answer(*given), 2)
        if found is None:
            return "give two numbers: the mean and the standard deviation."
        if not (near(found[0], mean, 1e-5) and near(found[1], std, 1e-5)):
            return (
                f"samples {', '.join(map(str, samples))}, a prior N({prior_mean:g}, "
                f"{class_std:g}^2) and sample_std {clip_std:g} give N({mean:.4f}, {std:.4f}^2); "
                f"yours is N({float(found[0]):.4f}, {float(found[1]):.4f}^2)."
            )
    return None


EXERCISES = {
    "row-of-mean": Exercise(
        _check_row,
        Picture(
            "length of the mean",
            "bias of the class",
            line(0.0, 3.0, 13),
            lambda length: (torch.tensor([length, 0.0], dtype=torch.float64), 0.5),
            lambda mean, scale: float(-scale * (mean @ mean)),
        ),
        (
            "Multiply out -s ||z - c||^2: three terms, of which one holds no c.",
            "What all classes share changes no softmax. What multiplies z are the weights, the "
            "rest is the bias.",
        ),
        "No training: the samples are the weights.",
    ),
    "class-posterior": Exercise(
        _check_posterior,
        Picture(
            "samples, all of them at 1",
            "posterior mean",
            (1, 2, 3, 5, 8, 12),
            lambda count: (torch.ones(int(count), dtype=torch.float64), number(0.0), 1.0, 2.0),
            lambda samples, prior_mean, class_std, clip_std: _moments(
                samples, float(prior_mean), class_std, clip_std
            )[0],
        ),
        (
            "Precisions add: the prior's 1/tau^2, and 1/sigma^2 for every sample.",
            "The mean is the average of prior mean and samples, weighted by precision.",
        ),
        "This is the shipped model's posterior, number by number.",
        cases=tuple(
            (torch.tensor(samples, dtype=torch.float64), *rest) for samples, *rest in CASES
        ),
    ),
}
