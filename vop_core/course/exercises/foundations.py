"""Exercises of notebooks 00 to 02: luck, sound, one Gaussian."""

import math
from collections.abc import Callable

import scipy
import torch
from torch import Tensor
from torch.distributions import AffineTransform, Normal, kl_divergence

from vop_core.course.exercises.exercise import (
    Exercise,
    Picture,
    answered,
    everywhere,
    line,
    near,
    number,
    seeded,
)
from vop_core.data.spectrogram import LogMelConfig, log_mel

NO_GRADIENT = (
    "no gradient reaches the mean and the width: compute with them, do not copy their values."
)


def _spread(share: float, clips: int) -> float:
    return scipy.stats.binom.std(clips, share) / clips


def _frames(samples: int, hop: int) -> int:
    return log_mel(torch.zeros(samples), LogMelConfig(hop=hop)).shape[-1]


def _mel(hertz: float) -> float:
    import librosa

    return float(librosa.hz_to_mel(hertz))


def _check_draw(answer: Callable) -> str | None:
    mean, log_std, noise = torch.randn(3, 50, generator=seeded(), dtype=torch.float64)
    mean.requires_grad_(), log_std.requires_grad_()
    drawn = answered(answer(mean, log_std, noise))
    if isinstance(drawn, Tensor) and not drawn.requires_grad:
        return NO_GRADIENT
    standardised = (drawn - mean) / log_std.exp()
    if not near(standardised.detach(), noise):
        return (
            "(draw - mean) / std must be the noise that went in; mind that the width is given as "
            "its logarithm."
        )
    drawn.sum().backward()
    if mean.grad is None or log_std.grad is None:
        return NO_GRADIENT
    return (
        None
        if near(log_std.grad, noise * log_std.detach().exp())
        else "the gradient in ln sigma is another one."
    )


def _draw(mean: Tensor, log_std: Tensor, noise: Tensor) -> Tensor:
    return AffineTransform(mean, log_std.exp())(noise)


def _kl(mean: Tensor, std: Tensor, prior_mean: Tensor, prior_std: Tensor) -> Tensor:
    return kl_divergence(Normal(mean, std), Normal(prior_mean, prior_std))


def _check_kl(answer: Callable) -> str | None:
    mean, prior_mean = torch.randn(2, 20, generator=seeded(), dtype=torch.float64)
    std, prior_std = torch.rand(2, 20, generator=seeded(), dtype=torch.float64) + 0.1
    found = answered(answer(mean, std, prior_mean, prior_std))
    wanted = _kl(mean, std, prior_mean, prior_std)
    if near(found, wanted):
        return None
    if torch.as_tensor(found).shape != wanted.shape:
        return f"{len(mean)} weights have {len(mean)} divergences: give one of each."
    return (
        f"of q = N({mean[0]:.2f}, {std[0]:.2f}^2) from N({prior_mean[0]:.2f}, "
        f"{prior_std[0]:.2f}^2), torch finds {wanted[0]:.4f} nats; yours is {float(found[0]):.4f}."
    )


EXERCISES = {
    "spread-by-luck": Exercise(
        everywhere(
            _spread,
            ((0.5, 4), (0.9, 10), (0.83, 250)),
            "for a true share of {0} and {1} clips it is another number.",
        ),
        Picture(
            "clips of each person",
            "spread of the shares by luck",
            (1, 2, 3, 5, 7, 10, 14, 20, 30, 40, 50),
            lambda clips: (0.9, clips),
            _spread,
        ),
        (
            "The number of right answers of one person is binomial: n draws, each right with "
            "probability p.",
            "Its variance is n p (1 - p). The share is that number divided by n.",
        ),
        "What goes beyond this spread is a difference between persons.",
    ),
    "frames-of-a-clip": Exercise(
        everywhere(
            _frames,
            ((16_000, 160), (15_999, 160), (16_160, 160), (5_000, 128)),
            "{0} samples with a hop of {1} make another number of frames.",
        ),
        Picture(
            "samples in the clip (hop 160)",
            "frames",
            range(20, 1_621, 20),
            lambda samples: (samples, 160),
            _frames,
        ),
        (
            "A clip shorter than one hop still has the frame at its first sample.",
            "Then one more for every whole hop: an integer division.",
        ),
        "Frames are centred on every hop-th sample, the first included.",
    ),
    "mel-of-hertz": Exercise(
        everywhere(
            _mel,
            [(hertz,) for hertz in (0.0, 440.0, 999.0, 1000.0, 1000.5, 4000.0, 8000.0)],
            "librosa has another number of mel for {0:g} Hz.",
        ),
        Picture("frequency, Hz", "mel", line(0.0, 8000.0, 33), lambda hertz: (hertz,), _mel),
        (
            "At 1000 Hz the linear part has reached 3 * 1000 / 200 = 15 mel, and the logarithm "
            "takes over there.",
            "Above: 15 + 27 * log(hertz / 1000) / log(6.4).",
        ),
        "That is librosa's scale.",
    ),
    "reparameterised-draw": Exercise(
        _check_draw,
        Picture(
            "noise",
            "draw (mean 1, sigma 0.5)",
            line(-3.0, 3.0, 25),
            lambda noise: (number(1.0), number(math.log(0.5)), number(noise)),
            _draw,
        ),
        (
            "A standard normal number becomes one of N(mu, sigma^2) by scaling and shifting.",
            "sigma is log_std.exp().",
        ),
        "The noise is outside, so gradients reach mean and width.",
    ),
    "kl-by-hand": Exercise(
        _check_kl,
        Picture(
            "mean of q = N(mean, 0.25)",
            "KL(q || N(0, 1)), nats",
            line(-2.0, 2.0, 21),
            lambda mean: tuple(number(each)[None] for each in (mean, 0.5, 0.0, 1.0)),
            _kl,
        ),
        (
            "Average ln q - ln p under q; the average of (w - mean)^2 is std^2.",
            "The average of (w - prior_mean)^2 is std^2 + (mean - prior_mean)^2.",
        ),
        "Three witnesses, one number.",
    ),
}
