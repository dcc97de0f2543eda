"""Exercises of notebooks 03 to 06: the bound, what it asks for, and several clips."""

import math
from collections.abc import Callable

import scipy
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vop_core.course.exercises.exercise import (
    Exercise,
    Picture,
    answered,
    everywhere,
    line,
    near,
    number,
    parts_of,
    seeded,
)
from vop_core.variational.twin import LinearGaussianTwin

LESSON_NOISE = 0.7  # of the labels, where a precision is asked for


def _lesson() -> tuple[Tensor, Tensor, float]:
    """A twin's person with nine clips at the true posterior: misfits, divergence, evidence of all
    labels.
    """
    twin = LinearGaussianTwin.independent(weights=2)
    person = twin.draw_person(clips=9, generator=seeded())
    truth = twin.weights_given_labels(person.clips, person.labels)
    misfits = torch.stack(
        [
            -twin.expected_log_likelihood(truth, person.clips[[i]], person.labels[[i]])
            for i in range(9)
        ]
    )
    kl = kl_divergence(truth, twin.weights_given_clips(person.clips))
    return misfits, kl, float(twin.log_evidence(person.clips, person.labels))


def _check_loss(answer: Callable) -> str | None:
    misfits, kl, evidence = _lesson()
    if not near(-9 * answered(answer(misfits, kl, 9, 1.0)), evidence):
        return (
            "with the true posterior and beta = 1, minus the number of clips times your loss must "
            "be the evidence."
        )
    if not near(answer(misfits[:3].repeat(4), kl, 9, 1.0), answer(misfits[:3], kl, 9, 1.0)):
        return (
            "the same queries four times over must give the same loss: only training clips divide "
            "the divergence."
        )
    if not near(answer(misfits, kl, 9, 0.0), misfits.mean()):
        return "with beta = 0 only the mean misfit is left."
    steps = [float(answer(misfits, kl, 9, beta)) for beta in (0.0, 0.5, 1.0, 2.0)]
    if not near(steps[1] - steps[0], (steps[2] - steps[0]) / 2) or not near(
        steps[3] - steps[2], steps[2] - steps[0]
    ):
        return "twice the beta must charge twice as much."
    return None


def _loss(misfits: Tensor, kl: Tensor, clips: int, beta: float) -> float:
    """A line from the mean misfit at beta = 0 through the evidence at beta = 1."""
    free = float(misfits.mean())
    return free + beta * (-_lesson()[2] / clips - free)


def _beta(queries: int, clips: int) -> float:
    return scipy.optimize.brentq(lambda beta: 1 / queries - beta / clips, 0, 100)


def _check_precision(answer: Callable) -> str | None:
    """At the answer, the expected bound's slope in ln sigma must vanish: -(F sigma^2 + P sigma^2) +
    1 = 0, by autograd.
    """
    generator = seeded()
    for clips in (1, 5):
        features = torch.randn(clips, generator=generator, dtype=torch.float64)
        prior_precision = float(torch.rand((), generator=generator)) + 0.5
        precision = torch.as_tensor(
            answered(answer(prior_precision, features, LESSON_NOISE)), dtype=torch.float64
        )
        if precision.numel() != 1:
            return "a precision is one number: clips add up."
        if not 0 < float(precision) < math.inf:
            return f"a precision lies above 0, and below infinity; yours is {float(precision):g}."
        log_std = (-0.5 * precision.log()).detach().requires_grad_()
        q, prior = (
            Normal(torch.zeros(()), log_std.exp()),
            Normal(torch.zeros(()), prior_precision**-0.5),
        )
        expected = -0.5 * (features.square().sum() * log_std.mul(2).exp()) / LESSON_NOISE**2
        (expected - kl_divergence(q, prior)).backward()
        if not log_std.grad.abs() < 1e-6:
            steeper = "wider" if log_std.grad > 0 else "narrower"
            return f"with {clips} clip(s) the expected bound still rises when q becomes {steeper}."
    return None


def _precision(prior_precision: float, features: Tensor, noise: float) -> float:
    """Where the expected bound is highest, searched for numerically."""
    force, prior = (
        float(features.square().sum()) / noise**2,
        Normal(number(0.0), number(prior_precision**-0.5)),
    )

    def slack(log_precision: float) -> float:
        variance = number(math.exp(-log_precision))
        return 0.5 * force * float(variance) + float(
            kl_divergence(Normal(number(0.0), variance.sqrt()), prior)
        )

    return math.exp(
        scipy.optimize.minimize_scalar(
            slack, bounds=(-5, 8), method="bounded", options={"xatol": 1e-9}
        ).x
    )


def _share(kl: float, queries: int, clips: int, persons: int, beta: float) -> float:
    """The shares of all episodes that together ask about each of a person's clips once add up to
    beta * KL.
    """
    return scipy.optimize.brentq(lambda share: clips * share - beta * kl, 0, beta * kl)


def _fusion(*given: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of two densities multiplied, the prior divided out, on a grid."""
    weight = torch.linspace(-12, 12, 48_001, dtype=torch.float64)
    one, two, prior = (Normal(*given[start : start + 2]).log_prob(weight) for start in (0, 2, 4))
    density = (one + two - prior).softmax(0)
    mean = (density * weight).sum()
    return float(mean), float((density * (weight - mean).square()).sum().sqrt())


def _check_fusion(answer: Callable) -> str | None:
    for given in ((0.4, 0.6, -0.2, 0.5, 0.0, 1.0), (1.0, 1.5, 2.0, 0.8, 0.5, 2.0)):
        inputs = tuple(map(number, given))
        found, (mean, std) = answered(answer(*inputs)), _fusion(*inputs)
        parts = parts_of(found, 2)
        if parts is None:
            return "give two numbers: the mean and the standard deviation."
        if not (near(parts[0], mean, 1e-4) and near(parts[1], std, 1e-4)):
            one, other, prior = (f"N({given[n]:g}, {given[n + 1]:g}^2)" for n in (0, 2, 4))
            return (
                f"for the experts {one} and {other} and the prior {prior}, multiplying on a grid "
                f"gives mean {mean:.3f} and standard deviation {std:.3f}."
            )
    return None


EXERCISES = {
    "loss-of-a-person": Exercise(
        _check_loss,
        Picture(
            "beta",
            "loss of a twin's person, nats a clip",
            line(0.0, 2.0, 17),
            lambda beta: (_lesson()[0].repeat(2), _lesson()[1], 9, beta),
            _loss,
        ),
        (
            "The misfits are averaged, because a few queries stand for all of the person's clips.",
            "The divergence is paid once for all training clips: its share for one clip is kl / "
            "training_clips.",
        ),
        "Minus N times it is the evidence when q is the posterior: one divergence per person is "
        "the bound.",
    ),
    "beta-of-the-slip": Exercise(
        everywhere(
            _beta,
            ((11, 120), (8, 8), (40, 10)),
            "with {0} queries and {1} training clips it is another number.",
        ),
        Picture(
            "queries in the episode, of a person with 40 clips",
            "beta that the slip amounts to",
            (4, 5, 6, 8, 10, 13, 16, 20, 26, 32, 40),
            lambda queries: (queries, 40),
            _beta,
        ),
        (
            "Set kl / queries equal to beta * kl / training_clips.",
            "Solve for beta; with fewer queries than clips it is above 1.",
        ),
        "With fewer queries than clips the divergence is overcharged: the posterior falls back to "
        "the prior.",
    ),
    "precision-asked-for": Exercise(
        _check_precision,
        Picture(
            "feature of one clip (the other clip: 1)",
            "precision that the bound asks for",
            line(-2.0, 2.0, 21),
            lambda feature: (1.0, torch.tensor([feature, 1.0], dtype=torch.float64), LESSON_NOISE),
            _precision,
        ),
        (
            "A draw w misses a label by (w - mean) phi more: the expected misfit grows by phi^2 "
            "sigma^2 / (2 s^2) for each clip.",
            "Add the divergence, differentiate in sigma^2, set it to zero: each clip adds phi^2 / "
            "s^2 to the precision.",
        ),
        "It is the precision of a posterior that has seen the labels; nothing in it says how "
        "little q knows.",
        cases=tuple((0.7, torch.linspace(0.5, 2.0, n, dtype=torch.float64), 0.3) for n in (1, 5)),
    ),
    "share-of-the-divergence": Exercise(
        everywhere(
            _share,
            ((6.0, 5, 40, 18, 1.0), (6.0, 8, 120, 3, 0.2), (6.0, 1, 7, 100, 2.0)),
            "summed over all of a person's clips, the shares must be beta times one divergence.",
        ),
        Picture(
            "training clips of the person",
            "share of a divergence of 6 nats, beta 1",
            (5, 8, 12, 20, 30, 45, 60, 80, 100, 120),
            lambda clips: (6.0, 5, clips, 18, 1.0),
            _share,
        ),
        (
            "The loss is one clip's share of the bound. How many clips share the person's weights?",
            "Neither the queries of the episode nor the other persons matter.",
        ),
        "One divergence a person, shared by all of that person's training clips.",
    ),
    "fuse-two": Exercise(
        _check_fusion,
        Picture(
            "mean of the first expert",
            "mean of the fusion",
            line(-2.0, 2.0, 21),
            lambda mean: tuple(map(number, (mean, 0.6, -0.5, 0.4, 0.0, 1.0))),
            lambda *given: _fusion(*given)[0],
        ),
        (
            "Precisions add, and the prior is in both experts: take one of them away.",
            "precision = 1 / std_1**2 + 1 / std_2**2 - 1 / prior_std**2; the mean is weighed by "
            "the same three terms.",
        ),
        "The prior counts once, however many clips there are.",
    ),
}
