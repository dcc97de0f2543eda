"""Known wrong answers, and what is said to each.

A mistake is the answer that makes it; whoever gives the same numbers hears its sentence. They come
from misconceptions that textbooks and issue threads name: a variance for a standard deviation, the
inverse of a price, another definition of mel, a control chosen person by person.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Mistake(NamedTuple):
    """An answer that is wrong in a known way."""

    answer: Callable[..., Any]
    sentence: str


def _kl(mean: Tensor, std: Tensor, prior_mean: Tensor, prior_std: Tensor) -> Tensor:
    from torch.distributions import Normal, kl_divergence

    return kl_divergence(Normal(mean, std), Normal(prior_mean, prior_std))


def _product(a: Any, b: Any, c: Any, d: Any, *prior: Any) -> tuple[Any, Any]:
    precision = 1 / b**2 + 1 / d**2
    return (a / b**2 + c / d**2) / precision, precision**-0.5


def _fused(a: Any, b: Any, c: Any, d: Any, m: Any, s: Any) -> tuple[Any, Any]:
    precision = 1 / b**2 + 1 / d**2 - 1 / s**2
    return (a / b**2 + c / d**2 - m / s**2) / precision, precision**-0.5


def _with_variance(*given: Any) -> tuple[Any, Any]:
    mean, std = _fused(*given)
    return mean, std**2


def _allowed(scores: list[float], allowed: float) -> int:
    return math.floor(allowed * len(scores) + 1e-9)


def _one_too_many(scores: list[float], allowed: float) -> float:
    ranked, accepted = sorted(scores, reverse=True), _allowed(scores, allowed)
    return ranked[min(accepted, len(ranked) - 1)]


def _from_below(scores: list[float], allowed: float) -> float:
    return sorted(scores)[_allowed(scores, allowed)]


def _meeting(targets: list[float], others: list[float]) -> float:
    cuts = np.array([*targets, *others])[:, None]
    misses = (np.array(targets) < cuts).mean(1)
    return float(np.maximum(misses, (np.array(others) >= cuts).mean(1)).min())


def _gain_of(chosen: Tensor, gain: Tensor) -> Tensor:
    return gain[chosen.argsort()[: len(chosen) // 4]].mean()


def _shrunk(samples: Tensor, prior_mean: Any, class_std: float, clip_std: float) -> Any:
    precision = 1 / class_std**2 + len(samples) / clip_std**2
    mean = (prior_mean / class_std**2 + samples.sum() / clip_std**2) / precision
    return mean, precision**-0.5


def climb(make: Any, crowd: Any, bound: Any, steps: int, *, sign: float = -1.0) -> float:
    """The mean bound of a new crowd after so many steps up; down with the other ``sign``."""
    network = make()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for step in range(steps):
        optimiser.zero_grad()
        (sign * bound(network, crowd(step)).mean()).backward()
        optimiser.step()
    return bound(network, crowd(steps)).mean().item()


def _components(shown: Tensor, *, correction: int = 1) -> tuple[Tensor, Tensor]:
    within = shown.var(1, correction=correction).mean()
    return shown.mean(1).var(correction=correction) - within / shown.shape[1], within


def _cascade(clips: Tensor, layers: Any, prior: float, *, at_once: bool = False) -> list[Tensor]:
    taken, heard = [], clips
    for usual, weights in layers:
        offset = (heard - usual).sum(0) / (len(heard) + prior)
        heard = ((heard if at_once else heard - offset) @ weights).tanh()
        taken.append(offset)
    return taken


def _ranks(truth: Any, clips: Any, draws: Any, persons: int, count: int) -> Tensor:
    found = torch.zeros(count + 1, dtype=torch.float64)
    for person in range(persons):
        own = truth(person)
        found[int((draws(clips(person, own), count) < own).sum())] += 1
    return found


MISTAKES: dict[str, tuple[Mistake, ...]] = {
    "spread-by-luck": (
        Mistake(
            lambda p, n: p * (1 - p) / n, "that is the variance; the spread is its square root."
        ),
        Mistake(
            lambda p, n: math.sqrt(n * p * (1 - p)),
            "that is the spread of the number of right answers; the share is that number by n.",
        ),
        Mistake(
            lambda p, n: math.sqrt(p * (1 - p)) / n,
            "the spread of a mean shrinks with the square root of n, not with n.",
        ),
    ),
    "frames-of-a-clip": (
        Mistake(
            lambda samples, hop: samples // hop,
            "that leaves out the frame at the first sample.",
        ),
        Mistake(
            lambda samples, hop: math.ceil(samples / hop),
            "a hop that is begun makes no frame; only whole hops do, and the first sample has one.",
        ),
        Mistake(
            lambda samples, hop: round(samples / hop) + 1,
            "count whole hops; rounding makes a frame beyond the end.",
        ),
    ),
    "mel-of-hertz": (
        Mistake(
            lambda hertz: 2595 * math.log10(1 + hertz / 700),
            "that is the mel of HTK; librosa's own (Slaney's) is linear up to 1000 Hz.",
        ),
        Mistake(lambda hertz: 3 * hertz / 200, "above 1000 Hz the scale is logarithmic."),
        Mistake(
            lambda hertz: 3 * hertz / 200 if hertz < 1000 else 15 + 27 * math.log10(hertz / 1000),
            "27 steps lead from 1000 to 6400 Hz: the logarithm is divided by that of 6.4.",
        ),
    ),
    "reparameterised-draw": (
        Mistake(
            lambda mean, log_std, noise: mean + log_std * noise,
            "the width is given as its logarithm: sigma is log_std.exp().",
        ),
        Mistake(
            lambda mean, log_std, noise: mean + (2 * log_std).exp() * noise,
            "that scales by the variance; a draw is scaled by the standard deviation.",
        ),
        Mistake(
            lambda mean, log_std, noise: mean + (0.5 * log_std).exp() * noise,
            "log_std is no log variance: it is not to be halved.",
        ),
    ),
    "kl-by-hand": (
        Mistake(
            lambda m, s, pm, ps: _kl(pm, ps, m, s),
            "that is KL(p || q); the average is to be taken under q.",
        ),
        Mistake(
            lambda m, s, pm, ps: -_kl(m, s, pm, ps),
            "the sign is the wrong way round: a divergence is never negative.",
        ),
        Mistake(
            lambda m, s, pm, ps: _kl(m, s**0.5, pm, ps**0.5),
            "that takes the standard deviations for variances; square them.",
        ),
        Mistake(
            lambda m, s, pm, ps: _kl(m, s, pm, ps) + 0.5,
            "at q = p it must be 0: a half is missing.",
        ),
    ),
    "loss-of-a-person": (
        Mistake(
            lambda misfits, kl, clips, beta: misfits.mean() + beta * kl / misfits.numel(),
            "that divides the divergence by the queries of the episode; it is shared by the "
            "person's training clips.",
        ),
        Mistake(
            lambda misfits, kl, clips, beta: misfits.mean() + beta * kl,
            "that charges the whole divergence for every clip; N_k clips share one.",
        ),
        Mistake(
            lambda misfits, kl, clips, beta: misfits.sum() + beta * kl,
            "that adds up the misfits of this episode; a few queries only estimate their mean.",
        ),
        Mistake(
            lambda misfits, kl, clips, beta: misfits.mean() - beta * kl / clips,
            "the divergence is a price: a loss adds it.",
        ),
    ),
    "beta-of-the-slip": (
        Mistake(lambda queries, clips: queries / clips, "that is its inverse."),
        Mistake(lambda queries, clips: 1 / queries, "that is the share, not the beta behind it."),
        Mistake(lambda queries, clips: clips, "so it would be with one query an episode."),
    ),
    "precision-asked-for": (
        Mistake(
            lambda precision, features, noise: precision + (features**2).mean() / noise**2,
            "clips add up: it is a sum over them, not a mean.",
        ),
        Mistake(
            lambda precision, features, noise: precision + (features**2).sum() / noise,
            "noise is a standard deviation; what divides is the variance.",
        ),
        Mistake(
            lambda precision, features, noise: (features**2).sum() / noise**2,
            "the prior's own precision is missing.",
        ),
        Mistake(
            lambda precision, features, noise: 1 / (precision + (features**2).sum() / noise**2),
            "that is the variance; the precision is its inverse.",
        ),
    ),
    "share-of-the-divergence": (
        Mistake(
            lambda kl, queries, clips, persons, beta: beta * kl / queries,
            "that is shared among an episode's queries; the person's training clips share it.",
        ),
        Mistake(
            lambda kl, queries, clips, persons, beta: beta * kl / (clips * persons),
            "other persons pay for themselves: their number does not divide it.",
        ),
        Mistake(
            lambda kl, queries, clips, persons, beta: beta * kl,
            "that is the whole of it, charged at every clip.",
        ),
    ),
    "fuse-two": (
        Mistake(_product, "the prior is in both experts and must be counted once: take one out."),
        Mistake(
            lambda a, b, c, d, m, s: ((a + c) / 2, (b + d) / 2),
            "two clips say more than one: precisions add, standard deviations do not average.",
        ),
        Mistake(_with_variance, "the second number is the variance; give its square root."),
    ),
    "ece-of-bins": (
        Mistake(
            lambda clips, sums, right: (sums - right).sum().abs() / clips.sum(),
            "over- and underconfident bins must not cancel: the distance of each bin first.",
        ),
        Mistake(
            lambda clips, sums, right: ((sums - right) / clips).abs().mean(),
            "every bin counts by its clips, and an empty one, where 0 is divided by 0, not at all.",
        ),
        Mistake(
            lambda clips, sums, right: (sums - right).abs().sum(),
            "weights must add up to 1: divide by all clips.",
        ),
    ),
    "threshold-for-false-alarms": (
        Mistake(
            lambda scores, allowed: max(scores) + 1,
            "that keeps the promise and accepts nobody; a lower threshold would do.",
        ),
        Mistake(
            _one_too_many,
            "the stranger with just that score is accepted as well: go just above it.",
        ),
        Mistake(
            _from_below,
            "that refuses so many of the lowest scores; count from the highest.",
        ),
    ),
    "personal-gain": (
        Mistake(
            lambda own, *controls: (own - torch.stack(controls).amax(0)).mean(),
            "you took the best control of each person and then the mean; nobody can choose it "
            "person by person once the answers are known. First the means, then the best of them.",
        ),
        Mistake(
            lambda own, *controls: (own - torch.stack(controls).mean(0)).mean(),
            "that is against the average control; the best one is to be beaten.",
        ),
        Mistake(
            lambda own, *controls: own.mean() - controls[0].mean(),
            "that is the gain over the global model; the prior or mixed clips may do better.",
        ),
        Mistake(
            lambda own, *controls: own.mean() - torch.stack(controls[:2]).mean(1).max(),
            "that leaves the mixed clips out, which may do better than global model and prior.",
        ),
    ),
    "bytes-of-a-person": (
        Mistake(
            lambda numbers, clips: 8 * numbers,
            "that is the person's own Gaussian; each clip has one as well.",
        ),
        Mistake(
            lambda numbers, clips: 4 * numbers * (clips + 1),
            "a Gaussian is two for each number: mean and ln sigma.",
        ),
        Mistake(
            lambda numbers, clips: 16 * numbers * (clips + 1),
            "a number takes four bytes here (float32), not eight.",
        ),
        Mistake(
            lambda numbers, clips: 8 * numbers * clips,
            "the combined Gaussian is kept as well, beside those of the clips.",
        ),
    ),
    "equal-error-rate": (
        Mistake(
            lambda targets, others: _meeting(others, targets),
            "true claims come first, others second: they have changed places.",
        ),
        Mistake(
            lambda targets, others: 1 - _meeting(targets, others),
            "that is the share of right decisions; the error is what is missing to 1.",
        ),
        Mistake(
            lambda targets, others: 2 * _meeting(targets, others),
            "that adds both errors up; at this threshold each is as large as the other.",
        ),
        Mistake(
            lambda targets, others: float(
                np.mean(np.array(targets) < (np.mean(targets) + np.mean(others)) / 2)
            ),
            "half way between the means both errors are equal only where the spreads are.",
        ),
    ),
    "threshold-of-costs": (
        Mistake(
            lambda prior, miss, alarm: math.log(prior / (1 - prior)) + math.log(miss / alarm),
            "the sign is the wrong way round: the rarer true claims are, the higher it must be.",
        ),
        Mistake(
            lambda prior, miss, alarm: (1 - prior) / prior * alarm / miss,
            "that is the ratio; its logarithm is asked for.",
        ),
        Mistake(
            lambda prior, miss, alarm: 0.0,
            "0 is right for as many true claims as others and equal costs alone.",
        ),
    ),
    "row-of-mean": (
        Mistake(
            lambda mean, scale: (scale * (mean @ mean), 2 * scale * mean),
            "the logit falls with the distance: check the bias's sign.",
        ),
        Mistake(
            lambda mean, scale: (-scale * (mean @ mean), scale * mean),
            "the bias is right; the mixed term of the square has a factor of 2.",
        ),
        Mistake(
            lambda mean, scale: (-scale * (mean @ mean) ** 0.5, 2 * scale * mean),
            "the bias holds the squared length of the mean, not its length.",
        ),
        Mistake(
            lambda mean, scale: (0.0 * mean.sum(), 2 * scale * mean),
            "without a bias the longest mean wins, not the nearest.",
        ),
    ),
    "class-posterior": (
        Mistake(
            lambda samples, prior_mean, class_std, clip_std: (
                samples.mean(),
                clip_std / len(samples) ** 0.5,
            ),
            "that is the mean of the samples and its error; the prior counts as well.",
        ),
        Mistake(
            lambda samples, prior_mean, class_std, clip_std: (
                _shrunk(samples, prior_mean, class_std, clip_std)[0],
                _shrunk(samples, prior_mean, class_std, clip_std)[1] ** 2,
            ),
            "the second number is a variance; its square root is asked for.",
        ),
        Mistake(
            lambda samples, prior_mean, class_std, clip_std: _shrunk(
                samples, prior_mean, clip_std, class_std
            ),
            "class_std and clip_std have changed places.",
        ),
        Mistake(
            lambda samples, prior_mean, class_std, clip_std: _shrunk(
                samples.mean()[None], prior_mean, class_std, clip_std
            ),
            "that counts the samples as one; each of them adds its precision.",
        ),
    ),
    "effects-of-four": (
        Mistake(
            lambda own, other, own_there, other_there: (
                own - other,
                own - own_there,
                (own - other) - (own_there - other_there),
            ),
            "those are differences at one level of the other factor; an effect is their mean.",
        ),
        Mistake(
            lambda own, other, own_there, other_there: (
                own - other + own_there - other_there,
                own - own_there + other - other_there,
                (own - other) - (own_there - other_there),
            ),
            "those are sums of two differences; an effect is their mean.",
        ),
        Mistake(
            lambda own, other, own_there, other_there: (
                (own - own_there + other - other_there) / 2,
                (own - other + own_there - other_there) / 2,
                (own - other) - (own_there - other_there),
            ),
            "person and environment have changed places.",
        ),
    ),
    "gain-of-the-worst": (
        Mistake(
            lambda chosen, base, own: _gain_of(base, own - base),
            "you chose on the clips that score: whoever was unlucky there gains by being asked "
            "again. Choose by the first scores.",
        ),
        Mistake(
            lambda chosen, base, own: _gain_of(chosen, own - chosen),
            "the gain is against the global model on the same clips; the first scores only choose.",
        ),
        Mistake(
            lambda chosen, base, own: _gain_of(-chosen, own - base),
            "those are the best served; the worst have the lowest scores.",
        ),
    ),
    "climb-the-bound": (
        Mistake(
            lambda make, crowd, bound, steps: climb(make, crowd, bound, steps, sign=1.0),
            "it went down: a loss is lowered, and the bound is to rise. Take minus the bound.",
        ),
        Mistake(
            lambda make, crowd, bound, steps: bound(make(), crowd(steps)).mean().item(),
            "the network is as it began. Does optimiser.step() come after backward(), and "
            "zero_grad() before it?",
        ),
        Mistake(
            lambda make, crowd, bound, steps: -climb(make, crowd, bound, steps),
            "that is the loss; the bound is minus that.",
        ),
    ),
    "variance-components": (
        Mistake(
            lambda shown: (shown.mean(1).var(), shown.var(1).mean()),
            "persons' means scatter by their own error as well: take sigma^2 / n off.",
        ),
        Mistake(
            lambda shown: _components(shown, correction=0),
            "divide the squares by one less than there are: a mean was estimated.",
        ),
        Mistake(
            lambda shown: _components(shown)[::-1],
            "the variance over persons comes first, that of a clip second.",
        ),
        Mistake(
            lambda shown: tuple(each**0.5 for each in _components(shown)),
            "those are standard deviations; variances are asked for.",
        ),
    ),
    "cascade": (
        Mistake(
            lambda clips, layers, prior: _cascade(clips, layers, 0.0),
            "the offset is to be shrunk: by n / (n + n_0).",
        ),
        Mistake(
            lambda clips, layers, prior: _cascade(clips, layers, prior, at_once=True),
            "every layer reads what the un-adapted network hands on. In a cascade it reads what "
            "is left after the layers below took theirs off.",
        ),
        Mistake(
            lambda clips, layers, prior: _cascade(
                clips, [(0 * usual, weights) for usual, weights in layers], prior
            ),
            "an offset is from what is usual: take that off the mean.",
        ),
    ),
    "rank-histogram": (
        Mistake(
            lambda truth, clips, draws, persons, count: _ranks(
                truth, clips, draws, persons, count
            ).flip(0),
            "you counted the draws above the truth; its rank is the number below.",
        ),
        Mistake(
            lambda truth, clips, draws, persons, count: (
                _ranks(truth, clips, draws, persons, count) / persons
            ),
            "those are shares; give numbers of persons.",
        ),
        Mistake(
            lambda truth, clips, draws, persons, count: _ranks(
                lambda person: truth(0), clips, draws, persons, count
            ),
            "everybody had the same truth; it is to be drawn anew for each person, or only one "
            "place of the prior is checked.",
        ),
    ),
}
