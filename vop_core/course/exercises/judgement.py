"""Exercises of notebooks 07 to 10: calibration, thresholds, gains, and what a person costs."""

from collections.abc import Callable, Sequence
from statistics import NormalDist

import torch
from torch import Tensor

from vop_core.course.exercises.exercise import (
    Exercise,
    Picture,
    answered,
    everywhere,
    line,
    near,
    seeded,
)

# forty scores like a normal's
STRANGERS = tuple(NormalDist().inv_cdf(place / 41) for place in range(1, 41))
BINS = 15


def _calibration_error(confidence: Tensor, right: Tensor) -> float:
    """torchmetrics, which of two classes, with "right" as the second, bins the confidence as
    given.
    """
    from torchmetrics.functional.classification import binary_calibration_error

    return float(binary_calibration_error(confidence, right.long(), n_bins=BINS))


def _check_calibration_error(answer: Callable) -> str | None:
    """On answers that were binned here."""
    found = (_compared(answer, answers) for answers in (400, 90))
    return next((wrong for wrong in found if wrong), None)


def _compared(answer: Callable, answers: int) -> str | None:
    generator = seeded()
    # the lower bins stay empty
    confidence = 0.55 + 0.45 * torch.rand(answers, generator=generator, dtype=torch.float64)
    # overconfident below, underconfident above
    shift = torch.where(confidence < 0.775, -0.25, 0.15)
    right = (
        torch.rand(answers, generator=generator, dtype=torch.float64) < confidence + shift
    ).double()
    place = (confidence * BINS).ceil().long() - 1
    bins = (
        torch.zeros(BINS, dtype=torch.float64).index_add(0, place, each)
        for each in (torch.ones(answers).double(), confidence, right)
    )
    wanted, found = _calibration_error(confidence, right), answered(answer(*bins))
    if near(found, wanted, 1e-4):
        return None
    return f"of {answers} answers torchmetrics finds {wanted:.4f}; yours is {float(found):.4f}."


def _two_bins(excess: float) -> tuple[Tensor, Tensor, Tensor]:
    """Sixty answers at confidence 0.9, right less often by ``excess``; forty at 0.6, right more
    often.
    """
    clips = torch.tensor([60.0, 40.0], dtype=torch.float64)
    confidence = torch.tensor([0.9, 0.6], dtype=torch.float64)
    share = torch.tensor([0.9 - excess, 0.8], dtype=torch.float64)
    return clips, clips * confidence, clips * share


def _error_of_bins(clips: Tensor, confidence: Tensor, right: Tensor) -> float:
    """On the single answers of the bins."""
    counts = clips.long()
    truth = torch.cat(
        [torch.arange(int(n)) < round(float(hits)) for n, hits in zip(counts, right, strict=True)]
    )
    return _calibration_error((confidence / clips).repeat_interleave(counts), truth)


def _lowest_accepted(scores: Sequence[float], allowed: float) -> float:
    """The lowest score that may be accepted, by scikit-learn's ROC curve; above them all where none
    may.
    """
    from sklearn.metrics import roc_curve

    everybody = [*scores, max(scores) + 1]  # scikit-learn wants both classes
    rates, _, cuts = roc_curve([0] * len(scores) + [1], everybody, drop_intermediate=False)
    return float(min(cuts[rates <= allowed + 1e-12]))


def _lowest_threshold(scores: Sequence[float], allowed: float) -> float:
    """Just above the highest score that may not be accepted."""
    accepted = _lowest_accepted(scores, allowed)
    return max((score for score in scores if score < accepted), default=accepted)


def _check_threshold(answer: Callable) -> str | None:
    generator = seeded()
    for count, allowed in ((40, 0.05), (101, 0.1), (20, 0.01)):
        strangers = torch.randn(count, generator=generator, dtype=torch.float64).tolist()
        threshold = float(answered(answer(strangers, allowed)))
        accepted, most = sum(score >= threshold for score in strangers), allowed * count
        if accepted > most:
            return f"more than {allowed:.0%} of {count} strangers are accepted."
        if accepted < int(most + 1e-9):
            return f"a lower threshold would still keep the promise, for {count} strangers."
    return None


def _check_gain(answer: Callable) -> str | None:
    for own, *means in ((0.9, 0.8, 0.7, 0.6), (0.6, 0.9, 0.2, 0.85), (0.8, 0.7, 0.69, 0.68)):
        noise = torch.randn(4, 12, generator=seeded(), dtype=torch.float64) * 0.05
        middle = torch.tensor([own, *means], dtype=torch.float64)[:, None]
        mine, *controls = noise - noise.mean(1, keepdim=True) + middle
        for turn in range(3):
            turned, best = controls[turn:] + controls[:turn], max(means)
            found = answer(mine, *turned)
            if near(found, own - best):
                continue
            of_controls = ", ".join(map(str, means[turn:] + means[:turn]))
            gain = f"the gain is {own - best:+.2f}."
            return f"with means {own}, and {of_controls} of the controls, {gain}"
    for middle in ((0.74, 0.72, 0.6), (0.7, 0.72, 0.6)):
        given = _lopsided(0.8, *middle)
        if not near(answer(*given), 0.8 - max(middle)):
            return (
                f"with means 0.8, and {', '.join(map(str, middle))} of the controls, the gain is "
                f"{0.8 - max(middle):+.2f}, whichever control is better for most persons."
            )
    return None


def _lopsided(own: float, *means: float) -> tuple[Tensor, ...]:
    """Of twelve persons: one control fails for one of them alone, the next serves one alone."""
    odd = torch.full((12,), 1 / 11, dtype=torch.float64)
    odd[5] = -1
    ways = (0 * odd, 0.3 * odd, -0.45 * odd, 0 * odd)
    return tuple(mean + way for mean, way in zip((own, *means), ways, strict=True))


def _persons(mixed: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Accuracy of four persons: their own model on average 0.8, the global one 0.7, the prior 0.65,
    the mixed one as asked.
    """
    noise = torch.tensor([-0.1, 0.0, 0.02, 0.08], dtype=torch.float64)
    return 0.8 + noise, 0.7 - noise, 0.65 + noise.roll(1), mixed + noise.flip(0)


def _bytes(numbers: int, clips: int) -> int:
    """Of the Gaussians themselves, the person's and each clip's."""
    return torch.zeros(clips + 1, 2, numbers).nbytes


EXERCISES = {
    "ece-of-bins": Exercise(
        _check_calibration_error,
        Picture(
            "overconfidence of one bin (the other: -0.2)",
            "expected calibration error",
            line(-0.1, 0.5, 13),
            _two_bins,
            _error_of_bins,
        ),
        (
            "A bin's distance is |mean confidence - share of right answers|; both have the bin's "
            "clips below the line.",
            "Weighed by clips, the bin's clips cancel: sum |confidence_sum - right| over all bins, "
            "divided by all clips.",
        ),
        "It is torchmetrics' figure.",
        cases=(_two_bins(0.13),),
    ),
    "threshold-for-false-alarms": Exercise(
        _check_threshold,
        Picture(
            "share of strangers that may be accepted",
            "threshold",
            line(0.01, 0.5, 50),
            lambda allowed: (list(STRANGERS), allowed),
            _lowest_threshold,
        ),
        (
            "Sort the scores, the highest first. How many strangers may be accepted at most?",
            "With k accepted, the threshold lies just above the next lower score: "
            "math.nextafter(score, math.inf).",
        ),
        "Thresholds come from the data they are used on.",
    ),
    "personal-gain": Exercise(
        _check_gain,
        Picture(
            "mean accuracy of the mixed control (global: 0.7, prior: 0.65)",
            "personal gain",
            line(0.4, 0.9, 21),
            _persons,
            lambda own, *controls: float(own.mean() - torch.stack(controls).mean(1).max()),
        ),
        (
            "First find out which of the three controls is best on average over persons.",
            "Then the mean of own - control, person by person; with another control it would "
            "flatter the method.",
        ),
        "The best control is the one to beat.",
        cases=(
            _persons(0.95),
            tuple(each.flip(0) for each in _persons(0.2)),
            tuple(_persons(0.2)[place] for place in (0, 2, 1, 3)),  # the prior is best
        ),
    ),
    "bytes-of-a-person": Exercise(
        everywhere(
            _bytes,
            ((16, 5), (4, 1), (32, 10)),
            "with a vector of {0} numbers and {1} clips it is another number of bytes.",
        ),
        Picture(
            "clips",
            "bytes, with a vector of 16 numbers",
            range(1, 11),
            lambda clips: (16, clips),
            _bytes,
        ),
        (
            "A Gaussian over a vector is two for each of its numbers: mean and ln sigma, "
            "four bytes each.",
            "One for the person, and one for each clip, so that clips can be switched off later.",
        ),
        "A person is a handful of numbers, and no sound.",
    ),
}
