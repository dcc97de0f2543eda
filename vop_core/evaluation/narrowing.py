"""What more enrollment clips do: how far the posterior narrows and moves, and what that is worth.

A *model* here is anything that keeps the promises of ``vop_core.types`` and has a ``posterior`` and
a ``prior``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.evaluation.classification import correctness, negative_log_likelihood
from vop_core.evaluation.comparison import difference_of
from vop_core.evaluation.plan import OPEN

HEADLINES = ("personal gain", "right minus wrong")  # of a report's named differences
HEADLINE_SHOTS = 5
NARROWING = 0.05  # a smaller relative change of width is called none


@dataclass(frozen=True)
class LearningCurve:
    """What the number of enrollment clips does, from 0 clips on."""

    clips: tuple[int, ...]
    width: tuple[float, ...]  # posterior sd / prior sd, geometric mean over weights
    # on the person's query clips; empty where their words are unknown
    accuracy: tuple[float, ...] = ()
    nll: tuple[float, ...] = ()  # nats per query clip
    everybody: float | None = None  # accuracy of the global model on them


def narrowing_sentence(curve: LearningCurve) -> str | None:
    """Whether more clips narrowed the posterior; None where there is one clip at most."""
    if len(curve.clips) < 3:
        return None
    first, last = curve.width[1], curve.width[-1]
    widths = (
        f"its width is {100 * first:.0f} % of the prior's with 1 clip and {100 * last:.0f} % with "
        f"{curve.clips[-1]}"
    )
    if last < (1 - NARROWING) * first:
        return f"These clips narrow the posterior: {widths}."
    return f"More clips do not narrow this posterior: {widths}."


@torch.no_grad()
def learning_curve(
    vop,
    enrollment: Float[Tensor, "shot mel frame"] | None,
    query: Float[Tensor, "query mel frame"] | None = None,
    truth: Sequence[int] | None = None,
    global_model=None,
) -> LearningCurve:
    """Enroll the first 0, 1, 2, ... clips; measure the posterior's width and, with known words, the
    predictions, beside the global model's where there is one.
    """
    shots = range(1 + (0 if enrollment is None else len(enrollment)))
    models = [vop.enroll(enrollment[:shot]) if shot else vop.prior_model() for shot in shots]
    width = tuple(width_ratio(model) for model in models)
    if query is None or truth is None:
        return LearningCurve(tuple(shots), width)
    labels = torch.as_tensor(truth)
    probabilities = [model.predict(query).probabilities for model in models]
    by_global = global_model and global_model.predict(query).probabilities
    return LearningCurve(
        tuple(shots),
        width,
        tuple(float(correctness(each, labels).mean()) for each in probabilities),
        tuple(float(negative_log_likelihood(each, labels).mean()) for each in probabilities),
        None if by_global is None else float(correctness(by_global, labels).mean()),
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


@dataclass(frozen=True)
class ScoreCurve:
    """What a row of an evaluation is worth, by number of clips.

    ``low`` and ``high`` are the 95 % interval of the paired difference from the first curve, drawn
    about this one: the first curve lies outside exactly where that interval excludes 0. None for
    the first curve, and where there are too few persons.
    """

    clips: tuple[int, ...]
    values: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


def common_curves(
    rows: Sequence[Mapping],  # of an overview
    names: Sequence[tuple[str, str]],  # methods and rows; the first is what others differ from
    *,
    score: str = "accuracy",  # or "nll"
) -> tuple[dict[tuple[str, str], ScoreCurve], int]:
    """Curves over the persons never heard who have a score in every row and with every number of
    clips, and how many they are; no curve where nobody has.
    """
    key = "per_person" if score == "accuracy" else "nll_per_person"
    cells: dict[tuple[str, str], dict[int, Mapping[str, float]]] = {name: {} for name in names}
    for row in rows:
        name = row["method"], row["row"]
        if row["set"] == OPEN and name in cells and key in row:
            cells[name][row["shots"]] = row[key]
    cells = {name: dict(sorted(found.items())) for name, found in cells.items() if found}
    asked = [set(found) for shots in cells.values() for found in shots.values()]
    persons = sorted(set.intersection(*asked)) if asked else []
    if not persons:
        return {}, 0
    first = cells.get(names[0], {})
    return {
        name: _score_curve(shots, first if name != names[0] else {}, persons)
        for name, shots in cells.items()
    }, len(persons)


def _score_curve(
    shots: Mapping[int, Mapping[str, float]],
    first: Mapping[int, Mapping[str, float]],
    persons: Sequence[str],
) -> ScoreCurve:
    def mean(found: Mapping[str, float]) -> float:
        return fmean(found[person] for person in persons)

    values = tuple(mean(found) for found in shots.values())
    bounds = []
    for count, found in shots.items():
        if count not in first:
            break
        gap = difference_of({each: first[count][each] - found[each] for each in persons})
        if gap.bounds is None:
            break
        bounds.append((mean(first[count]) - gap.bounds[1], mean(first[count]) - gap.bounds[0]))
    if len(bounds) < len(values):
        return ScoreCurve(tuple(shots), values)
    return ScoreCurve(tuple(shots), values, *zip(*bounds, strict=True))


def headline_differences(differences: Sequence[Mapping]) -> list[Mapping]:
    """A report's headline differences on persons never heard, at 5 clips or the largest number
    there is.
    """
    named = [each for each in differences if each.get("name") in HEADLINES and each["set"] == OPEN]
    shots = sorted({each["shots"] for each in named})
    chosen = HEADLINE_SHOTS if HEADLINE_SHOTS in shots else max(shots, default=0)
    return [each for each in named if each["shots"] == chosen]
