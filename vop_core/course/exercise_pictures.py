"""What a right answer to each exercise draws: the picture to aim at, which a reader's answer is then laid upon.

The line of a right answer comes from the same kind of outside authority as the check (``exercise_book``).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import torch
from scipy import optimize, stats
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vop_core.course.exercises import NotAnswered, answered
from vop_core.data.spectrogram import LogMelConfig, log_mel
from vop_core.plots.exercises import answer_figure
from vop_core.variational.twin import LinearGaussianTwin


@dataclass(frozen=True)
class Picture:
    """An answer called along a line of inputs, and the number that a right one gives at each of them."""

    across: str
    down: str
    places: Sequence[float]
    call: Callable[[Callable, float], Any]
    wanted: Callable[[float], float]

    def draw(self, answer: Any) -> go.Figure:
        """The figure, with the answer on it unless its dots still stand."""
        wanted = [float(self.wanted(place)) for place in self.places]
        return answer_figure(self.across, self.down, self.places, wanted, self._found(answer))

    def _found(self, answer: Any) -> list[float] | None:
        if answer is ...:
            return None
        found = []
        for place in self.places:
            try:
                found.append(float(answered(self.call(answer, place))))
            except NotAnswered:
                return None
            except Exception:  # a first attempt may raise anything; the check's verdict says what
                found.append(math.nan)
        return found


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _first(answer: Any) -> Any:
    """The first of several numbers, while the dots may still stand."""
    return answered(answer)[0]


def _frames(samples: float) -> int:
    return log_mel(torch.zeros(int(samples)), LogMelConfig(hop=160)).shape[-1]


def _mel(hertz: float) -> float:
    import librosa

    return float(librosa.hz_to_mel(hertz))


def _kl(mean: float) -> Tensor:
    return kl_divergence(Normal(_number(mean), _number(0.5)), Normal(_number(0.0), _number(1.0)))


def _twin_loss(beta: float) -> tuple[Tensor, Tensor, float]:
    """Misfits of nine clips, each asked twice, the divergence, and the loss: a line from the mean misfit at beta = 0
    through the evidence at beta = 1.
    """
    twin = LinearGaussianTwin.independent(weights=2)
    person = twin.draw_person(clips=9, generator=torch.Generator().manual_seed(7))
    truth = twin.weights_given_labels(person.clips, person.labels)
    misfits = torch.stack(
        [-twin.expected_log_likelihood(truth, person.clips[[i]], person.labels[[i]]) for i in range(9)]
    )
    kl = kl_divergence(truth, twin.weights_given_clips(person.clips))
    at_one = -float(twin.log_evidence(person.clips, person.labels)) / 9
    free = float(misfits.mean())
    return misfits.repeat(2), kl, free + beta * (at_one - free)


def _two_clips(feature: float) -> Tensor:
    return torch.tensor([feature, 1.0], dtype=torch.float64)


def _asked_precision(feature: float) -> float:
    """The precision at which the expected bound of two clips is highest, searched for numerically."""
    force = float(_two_clips(feature).square().sum()) / 0.7**2

    def slack(log_precision: float) -> float:
        variance = _number(math.exp(-log_precision))
        kl = kl_divergence(Normal(_number(0.0), variance.sqrt()), Normal(_number(0.0), _number(1.0)))
        return 0.5 * force * float(variance) + float(kl)

    return math.exp(optimize.minimize_scalar(slack, bounds=(-5, 8), method="bounded", options={"xatol": 1e-9}).x)


def _fused_mean(place: float) -> float:
    """By two densities multiplied and the prior divided out, on a grid."""
    weight = torch.linspace(-12, 12, 12_001, dtype=torch.float64)
    logs = [Normal(mean, std).log_prob(weight) for mean, std in ((place, 0.6), (-0.5, 0.4), (0.0, 1.0))]
    return float(((logs[0] + logs[1] - logs[2]).softmax(0) * weight).sum())


def _two_bins(excess: float) -> tuple[Tensor, Tensor, Tensor]:
    """Sixty answers at confidence 0.9, right less often by ``excess``; forty at 0.6, right more often."""
    clips = torch.tensor([60.0, 40.0], dtype=torch.float64)
    confidence = torch.tensor([0.9, 0.6], dtype=torch.float64)
    share = torch.tensor([0.9 - excess, 0.8], dtype=torch.float64)
    return clips, clips * confidence, clips * share


def _ece(excess: float) -> float:
    """torchmetrics, on the single answers of the two bins."""
    from torchmetrics.functional.classification import binary_calibration_error

    clips, confidence, right = (each.tolist() for each in _two_bins(excess))
    said = torch.cat([torch.full((int(count),), total / count) for count, total in zip(clips, confidence, strict=True)])
    truth = torch.cat(
        [(torch.arange(int(count)) < round(hits)).long() for count, hits in zip(clips, right, strict=True)]
    )
    return float(binary_calibration_error(said, truth, n_bins=15))


STRANGERS = tuple(stats.norm.ppf((torch.arange(1, 41) / 41).numpy()).tolist())  # forty scores like a normal's


def _lowest_cut(allowed: float) -> float:
    """scikit-learn's ROC curve gives the lowest score that may still be accepted; the cut lies above the next."""
    from sklearn.metrics import roc_curve

    rates, _, cuts = roc_curve([0] * len(STRANGERS) + [1], [*STRANGERS, 99.0], drop_intermediate=False)
    kept = min(cut for rate, cut in zip(rates, cuts, strict=True) if rate <= allowed + 1e-12)
    return max((score for score in STRANGERS if score < kept), default=kept)


def _controls(mixed: float) -> tuple[Tensor, Tensor, Tensor]:
    """Accuracy of four persons: their own model on average 0.8, the global one 0.7, the mixed one as asked."""
    noise = torch.tensor([-0.1, 0.0, 0.02, 0.08], dtype=torch.float64)
    return 0.8 + noise, 0.7 - noise, mixed + noise.flip(0)


def _line(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(torch.linspace(first, last, count, dtype=torch.float64).tolist())


def _whole(*numbers: int) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)


PICTURES: Mapping[str, Picture] = {
    "spread-by-luck": Picture(
        "clips of each person",
        "spread of the shares by luck",
        _whole(1, 2, 3, 5, 7, 10, 14, 20, 30, 40, 50),
        lambda answer, clips: answer(0.9, int(clips)),
        lambda clips: stats.binom.std(int(clips), 0.9) / clips,
    ),
    "frames-of-a-clip": Picture(
        "samples in the clip (hop 160)",
        "frames",
        _whole(*range(20, 1_621, 20)),
        lambda answer, samples: answer(int(samples), 160),
        _frames,
    ),
    "mel-of-hertz": Picture("frequency, Hz", "mel", _line(0.0, 8000.0, 33), lambda answer, hertz: answer(hertz), _mel),
    "reparameterised-draw": Picture(
        "noise",
        "draw (mean 1, sigma 0.5)",
        _line(-3.0, 3.0, 25),
        lambda answer, noise: answer(_number(1.0), _number(math.log(0.5)), _number(noise)),
        lambda noise: float(torch.distributions.AffineTransform(1.0, 0.5)(_number(noise))),
    ),
    "kl-by-hand": Picture(
        "mean of q = N(mean, 0.25)",
        "KL(q || N(0, 1)), nats",
        _line(-2.0, 2.0, 21),
        lambda answer, mean: answer(_number(mean), _number(0.5), _number(0.0), _number(1.0)),
        _kl,
    ),
    "loss-of-a-person": Picture(
        "beta",
        "loss of a twin's person, nats a clip",
        _line(0.0, 2.0, 17),
        lambda answer, beta: answer(*_twin_loss(beta)[:2], 9, beta),
        lambda beta: _twin_loss(beta)[2],
    ),
    "beta-of-the-slip": Picture(
        "queries in the episode, of a person with 40 clips",
        "beta that the slip amounts to",
        _whole(4, 5, 6, 8, 10, 13, 16, 20, 26, 32, 40),
        lambda answer, queries: answer(int(queries), 40),
        lambda queries: optimize.brentq(lambda beta: 1 / queries - beta / 40, 0, 100),
    ),
    "precision-asked-for": Picture(
        "feature of one clip (the other clip: 1)",
        "precision that the bound asks for",
        _line(-2.0, 2.0, 21),
        lambda answer, feature: answer(1.0, _two_clips(feature), 0.7),
        _asked_precision,
    ),
    "share-of-the-divergence": Picture(
        "training clips of the person",
        "share of a divergence of 6 nats, beta 1",
        _whole(5, 8, 12, 20, 30, 45, 60, 80, 100, 120),
        lambda answer, clips: answer(6.0, 5, int(clips), 18, 1.0),
        lambda clips: optimize.brentq(lambda share: clips * share - 6.0, 0, 6),
    ),
    "fuse-two": Picture(
        "mean of the first expert",
        "mean of the fusion",
        _line(-2.0, 2.0, 21),
        lambda answer, mean: _first(answer(*map(_number, (mean, 0.6, -0.5, 0.4, 0.0, 1.0)))),
        _fused_mean,
    ),
    "ece-of-bins": Picture(
        "overconfidence of one bin (the other: -0.2)",
        "expected calibration error",
        _line(-0.1, 0.5, 13),
        lambda answer, excess: answer(*_two_bins(excess)),
        _ece,
    ),
    "threshold-for-false-alarms": Picture(
        "share of strangers that may be accepted",
        "threshold",
        _line(0.01, 0.5, 50),
        lambda answer, allowed: answer(list(STRANGERS), allowed),
        _lowest_cut,
    ),
    "personal-gain": Picture(
        "mean accuracy of the mixed control (global: 0.7)",
        "personal gain",
        _line(0.4, 0.9, 21),
        lambda answer, mixed: answer(*_controls(mixed)),
        lambda mixed: 0.8 - float(torch.stack(_controls(mixed)[1:]).mean(1).max()),
    ),
    "bytes-of-a-person": Picture(
        "clips",
        "bytes, with a code of 16 numbers",
        _whole(*range(1, 11)),
        lambda answer, clips: answer(16, int(clips)),
        lambda clips: torch.zeros(int(clips) + 1, 2, 16).nbytes,
    ),
}
