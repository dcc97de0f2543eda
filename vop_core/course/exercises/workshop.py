"""Exercises worth an hour: a training loop, variances by the table, a cascade, a calibration."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from vop_core.course.exercises.exercise import Exercise, Picture, line, near, parts_of
from vop_core.course.exercises.mistakes import climb
from vop_core.course.offsets import draw_shown

# --- 04: up the bound -----------------------------------------------------------------------------

CLIP_NOISE, LABEL_NOISE = 1.0, 0.5
CLIPS, CROWD = 2, 64
STEPS, SLACK = 400, 0.1  # nats from the best that are still right


class People(NamedTuple):
    """One weight a person, drawn from N(0, 1); clips show it, labels as well."""

    clips: Tensor  # (person, clip)
    labels: Tensor


class Guess(nn.Module):
    """Mean and standard deviation of a weight, from the mean of a person's clips."""

    def __init__(self) -> None:
        super().__init__()
        self.slope, self.log_std = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

    def forward(self, clips: Tensor) -> Normal:
        """q(w | x) of each person."""
        mean = self.slope * clips.mean(1)
        return Normal(mean, self.log_std.exp().expand_as(mean))


def people(number: int) -> People:
    """A crowd, always the same for a number."""
    generator = torch.Generator().manual_seed(number)
    weights = torch.randn(CROWD, 1, generator=generator)
    clips, labels = (
        weights + noise * torch.randn(CROWD, CLIPS, generator=generator)
        for noise in (CLIP_NOISE, LABEL_NOISE)
    )
    return People(clips, labels)


def known(clips: Tensor) -> Normal:
    """p(w | x)."""
    precision = 1 + clips.shape[1] / CLIP_NOISE**2
    return Normal(clips.sum(1) / CLIP_NOISE**2 / precision, precision**-0.5)


def bound_of(network: Callable[[Tensor], Normal], persons: People) -> Tensor:
    """The bound of each person, in nats."""
    q = network(persons.clips)
    fit = Normal(persons.labels, LABEL_NOISE).log_prob(q.mean[:, None]).sum(1)
    fit = fit - CLIPS * q.variance / (2 * LABEL_NOISE**2)
    return fit - kl_divergence(q, known(persons.clips))


def _best(clips: Tensor) -> Normal:
    """The q without labels that the bound asks for, in closed form."""
    told = known(clips)
    return Normal(told.mean, (1 / told.variance + CLIPS / LABEL_NOISE**2) ** -0.5)


def _check_climb(answer: Callable) -> str | None:
    drawn = []

    def crowd(number: int) -> People:
        drawn.append(int(number))
        return people(number)

    given = torch.as_tensor(answer(Guess, crowd, bound_of, STEPS)).detach()
    trained, scored = [each for each in drawn if each != STEPS], drawn.count(STEPS)
    if not scored:
        return "score the crowd draw_people(steps): no step has seen it."
    if scored > 1:
        return "the crowd that is scored was trained on; the steps take draw_people(step)."
    if set(trained) != set(range(STEPS)):
        return (
            f"{STEPS} steps take the crowds 0 to {STEPS - 1}, a new one each; yours took "
            f"{len(set(trained))} of them."
        )
    if given.numel() != 1:
        return "give one number: the mean bound over the persons of that crowd."
    found, best = float(given), float(bound_of(_best, people(STEPS)).mean())
    if abs(found - CROWD * best) < CROWD * SLACK:
        return f"that is the sum over {CROWD} persons; give their mean."
    if found > best + SLACK:
        return (
            f"without labels nobody gets above {best:.3f} nats a person there, and yours is "
            f"{found:.3f}: is it the bound, and its mean over persons?"
        )
    if found < best - SLACK:
        return (
            f"the best without labels is {best:.3f} nats a person there, and yours is {found:.3f}. "
            "Is the sign right, are gradients set to zero before backward() and a step taken after "
            "it? Else it may still be climbing: try a larger learning rate."
        )
    return None


# --- 06: variance components, and a cascade -------------------------------------------------------


def _table(person_std: float, persons: int = 30, clips: int = 6) -> Tensor:
    # its draws make persons who are alike seem more so: the estimate is below 0
    generator = torch.Generator().manual_seed(6)
    return draw_shown(
        persons, clips, person_std=person_std, clip_std=1.0, generator=generator
    ).clips


def _by_f_test(shown: Tensor) -> tuple[float, float]:
    """Through the F of scipy's analysis of variance: the ratio of both mean squares."""
    rows = shown.numpy()
    within = float(np.mean([np.var(row, ddof=1) for row in rows]))
    ratio = float(scipy.stats.f_oneway(*rows).statistic)
    return (ratio - 1) * within / rows.shape[1], within


def _check_components(answer: Callable) -> str | None:
    for person_std, *shape in ((0.8, 30, 6), (1.5, 20, 4), (3.0, 30, 6), (0.0, 30, 6)):
        shown = _table(person_std, *shape)
        wanted, found = _by_f_test(shown), parts_of(answer(shown), 2)
        if found is None:
            return "give two numbers: the variance over persons, and that of a clip."
        for name, mine, right in zip(("over persons", "of a clip"), found, wanted, strict=True):
            if right < 0 <= mine:
                return (
                    f"an unbiased estimate may be below 0, as {right:.4f} here; cut off there, it "
                    "is too high on average."
                )
            if not near(mine, right):
                return (
                    f"the variance {name}, of a table drawn with variances {person_std**2:g} and "
                    f"1, is {right:.4f} by scipy's analysis of variance; yours is "
                    f"{float(mine):.4f}."
                )
    return None


def _layers(
    count: int, channels: int, clips: int = 4
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    generator = torch.Generator().manual_seed(6 + channels)
    kinds: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    heard = torch.randn(clips, channels, **kinds) + 1
    mixture = torch.eye(channels, dtype=torch.float64)
    return heard, [
        (0.3 * torch.randn(channels, **kinds), mixture + 0.2 * torch.randn(*mixture.shape, **kinds))
        for _ in range(count)
    ]


def _clip_by_clip(
    clips: Tensor, layers: Sequence[tuple[Tensor, Tensor]], prior_clips: float
) -> list[Tensor]:
    """The offsets, with every sum written out."""
    values, taken = clips.tolist(), []
    for usual, weights in layers:
        channels, count = range(len(usual)), len(values)
        offsets = [
            sum(clip[channel] - float(usual[channel]) for clip in values) / (count + prior_clips)
            for channel in channels
        ]
        values = [
            [
                math.tanh(
                    sum(
                        (clip[channel] - offsets[channel]) * float(weights[channel, out])
                        for channel in channels
                    )
                )
                for out in channels
            ]
            for clip in values
        ]
        taken.append(torch.tensor(offsets, dtype=torch.float64))
    return taken


def _signed(values: Any) -> str:
    return ", ".join(f"{float(each):+.4f}" for each in values)


def _check_cascade(answer: Callable) -> str | None:
    for clips, count, channels, prior_clips in ((4, 1, 2, 1.0), (4, 2, 3, 4.0), (7, 3, 2, 0.5)):
        given = (*_layers(count, channels, clips), prior_clips)
        found, wanted = parts_of(answer(*given), count), _clip_by_clip(*given)
        if found is None:
            return "give a list: for each layer one offset, with a number for each channel."
        for number, (one, other) in enumerate(zip(found, wanted, strict=True), start=1):
            if torch.as_tensor(one).shape != other.shape:
                return "an offset has one number for each channel: it is taken off every clip."
            if not near(one, other):
                return (
                    f"of {clips} clips, with prior_clips {prior_clips:g}, layer {number} of "
                    f"{count} should take {_signed(other)}; yours takes {_signed(one)}."
                )
    return None


# --- 07: simulation-based calibration -------------------------------------------------------------

HEARD = 3


def _truth(person: int) -> float:
    return float(torch.randn((), generator=torch.Generator().manual_seed(person)))


def _clips(person: int, truth: float) -> Tensor:
    generator = torch.Generator().manual_seed(10_000 + person)
    return truth + torch.randn(HEARD, generator=generator, dtype=torch.float64)


def _draws_of(width: float) -> Callable[[Tensor, int], Tensor]:
    """From the exact posterior, so many times as wide."""

    def draws(clips: Tensor, count: int) -> Tensor:
        precision = 1 + len(clips)
        generator = torch.Generator().manual_seed(int(1e6 * abs(float(clips[0]))))
        noise = torch.randn(count, generator=generator, dtype=torch.float64)
        return clips.sum() / precision + width * precision**-0.5 * noise

    return draws


def _histogram(truth_of: Any, clips_of: Any, draws_of: Any, persons: int, count: int) -> list[int]:
    found = [0] * (count + 1)
    for person in range(persons):
        truth = truth_of(person)
        drawn = draws_of(clips_of(person, truth), count).tolist()
        found[sorted([truth, *drawn]).index(truth)] += 1
    return found


def _world(width: float) -> tuple:
    return _truth, _clips, _draws_of(width), 200, 9


def _check_ranks(answer: Callable) -> str | None:
    cases = ((1.0, 300, 9), (0.4, 200, 19), (2.5, 150, 4), (1.0, 3, 9))
    for width, persons, count in cases:
        given = (_truth, _clips, _draws_of(width), persons, count)
        found, wanted = answer(*given), _histogram(*given)
        if torch.as_tensor(found).shape != (count + 1,):
            return (
                f"a truth can lie in {count + 1} places among {count} draws: give {count + 1} "
                "numbers, 0 where nobody is."
            )
        if not near(found, torch.tensor(wanted)):
            own = [round(float(each), 2) for each in found]
            return (
                f"of {persons} persons and {count} draws each, sorting the truth among the draws "
                f"gives {wanted}; yours are {own}."
            )
    return None


EXERCISES = {
    "climb-the-bound": Exercise(
        _check_climb,
        Picture(
            "steps",
            "mean bound of new persons, nats",
            (0, 25, 50, 100, 200),
            lambda steps: (Guess, people, bound_of, int(steps)),
            climb,
        ),
        (
            "Optimisers go down: what they are to lower is minus the mean bound of a crowd.",
            "In every step: the gradients of the last one to zero, a loss of a new crowd "
            "draw_people(step), backward, step.",
            "At the end, the mean bound of draw_people(steps), whom no step has seen.",
        ),
        "One network, everybody's posterior: that is amortised inference, and it stops where the "
        "bound without labels does.",
    ),
    "variance-components": Exercise(
        _check_components,
        Picture(
            "true spread over persons",
            "estimated variance over persons",
            line(0.5, 3.0, 6),
            lambda person_std: (_table(person_std),),
            lambda shown: _by_f_test(shown)[0],
        ),
        (
            "sigma^2: the mean, over persons, of the variance of each person's clips.",
            "The variance of persons' means is too large: each mean still has an error of its own.",
        ),
        "What a prior over persons needs, from a table that anybody can make.",
    ),
    "cascade": Exercise(
        _check_cascade,
        Picture(
            "clips that the prior is worth",
            "what the first layer takes",
            line(0.0, 6.0, 7),
            lambda prior_clips: (*_layers(2, 1), prior_clips),
            lambda clips, layers, prior_clips: float(
                _clip_by_clip(clips, layers, prior_clips)[0][0]
            ),
        ),
        (
            "A layer's offset is what its own input shows: the mean over clips less the usual.",
            "Of that the share n / (n + n_0) is taken off every clip, and what is left goes "
            "through the weights and tanh, into the next layer.",
        ),
        "One pass, and every layer was personal before the next one looked.",
    ),
    "rank-histogram": Exercise(
        _check_ranks,
        Picture(
            "posterior's width, of the exact one",
            "persons whose truth lies below all draws",
            (0.3, 0.5, 1.0, 1.5, 2.5),
            _world,
            lambda *given: float(_histogram(*given)[0]),
        ),
        (
            "For each person: a truth, clips of it, draws of the posterior of these clips.",
            "The rank is the number of draws below the truth, 0 to count; add one to its bin.",
        ),
        "No likelihood, no formula: a check of any posterior that can be drawn from.",
    ),
}
