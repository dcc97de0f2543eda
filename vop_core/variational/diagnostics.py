r"""Is this posterior a distribution, and is it about the person?

Amortised posteriors over weights fail in two ways, and accuracy shows neither:

    point mass  sigma far below the prior's: all draws alike, "uncertainty" an empty word [SAMOVAR]
    prior       the KL is near 0, or every person gets the same posterior: enrollment says nothing

The mean KL over persons is an upper bound on the mutual information between a person's clips and
the weights. A *unit* (weight) is active when its mean moves from person to person: variance over
persons / s^2 above 0.01 [IWAE].

Means move with the clips, too. How much of that is the person is told by several enrollments of
each, with one-way random effects: value = mean + person + enrollment, of variances t^2 and e^2.
From the mean squares between and within a persons with k_i enrollments, N in all,

    e^2 = MS_w,    t^2 = (MS_b - MS_w) / k_0,    k_0 = (N - sum_i k_i^2 / N) / (a - 1)

and the intraclass correlation is t^2 / (t^2 + e^2).

And whether a width is true is told by clips that did not enroll: where they show a value v of
the same number with an error of known variance, v - mu has variance sigma^2 + that one.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vop_core.variational.gaussian import DiagonalGaussian

Verdict = Literal["healthy", "point mass", "prior"]

# Reconstruction: our bounds, no paper's. A tenth of the prior's width costs 1.8 nats per weight.
POINT_MASS_STD_RATIO = 0.1
PRIOR_KL = math.log(2)  # nats: with less, not even two persons can be told apart
ACTIVE_VARIANCE = 0.01  # relative to the prior's variance [IWAE]
INTERVAL = 0.9  # of the intervals whose coverage is counted
HELD = (0.85, 0.95)  # what a true 90 % interval may hold, set before anything was trained


@dataclass(frozen=True)
class PosteriorHealth:
    """Figures over one or several persons' posteriors, and a verdict in plain words.

    What compares persons is None for a single person.
    """

    persons: int
    kl: float  # nats, summed over weights, mean over persons
    kl_per_dimension: Float[Tensor, " weight"]  # nats, mean over persons
    # sd of the posterior / sd of the prior, geometric mean over persons and weights
    std_ratio: float
    # of the means, in units of the prior's variance
    between_person_variance: Float[Tensor, " weight"] | None
    active_units: int | None  # weights whose between-person variance is above ACTIVE_VARIANCE
    verdict: Verdict
    sentence: str

    @property
    def between_person_std(self) -> float | None:
        """Root mean square over weights of the means' sd over persons, in units of the prior's
        sd.
        """
        if self.between_person_variance is None:
            return None
        return float(self.between_person_variance.mean().sqrt())


@torch.no_grad()
def posterior_health(
    posteriors: DiagonalGaussian,  # batch axis: person
    prior: DiagonalGaussian,  # no batch axis
) -> PosteriorHealth:
    """Measure both collapses. A single posterior without a batch axis counts as one person.

    Raises ValueError for more than one batch axis, no person, or numbers that are not finite.
    """
    if not posteriors.batch_shape:
        posteriors = posteriors.expand(1)
    if len(posteriors.batch_shape) != 1 or posteriors.batch_shape[0] == 0:
        raise ValueError(
            f"posteriors need one person axis, got a batch of {tuple(posteriors.batch_shape)}"
        )
    kl_per_dimension = posteriors.kl_per_dimension(prior).mean(0)
    kl = float(kl_per_dimension.sum())
    if not math.isfinite(kl):
        raise ValueError("the posteriors hold numbers that are not finite")
    std_ratio = float((posteriors.log_std - prior.log_std).mean().exp())
    between, active = _between_persons(posteriors, prior)
    verdict, sentence = _judge(kl, std_ratio, active)
    return PosteriorHealth(
        persons=posteriors.batch_shape[0],
        kl=kl,
        kl_per_dimension=kl_per_dimension,
        std_ratio=std_ratio,
        between_person_variance=between,
        active_units=active,
        verdict=verdict,
        sentence=sentence,
    )


def _between_persons(
    posteriors: DiagonalGaussian, prior: DiagonalGaussian
) -> tuple[Tensor, int] | tuple[None, None]:
    if posteriors.batch_shape[0] < 2:
        return None, None
    variance = posteriors.mean.var(0) / prior.variance
    return variance, int((variance > ACTIVE_VARIANCE).sum())


def _judge(kl: float, std_ratio: float, active_units: int | None) -> tuple[Verdict, str]:
    if std_ratio < POINT_MASS_STD_RATIO:
        return "point mass", (
            f"The posterior has collapsed to a point: its width is {100 * std_ratio:.1f} % of the "
            "prior's, so draws are all alike and their spread is no measure of uncertainty."
        )
    if kl < PRIOR_KL:
        return "prior", (
            f"The posterior is the prior: {kl:.2f} nats separate them, too little to tell two "
            "persons apart, so enrollment changes nothing that matters."
        )
    if active_units == 0:
        return "prior", (
            "The posterior is the same for every person: no weight's mean moves from person to "
            "person, so enrollment says nothing about who speaks."
        )
    return "healthy", (
        f"The posterior is a distribution: {kl:.1f} nats away from the prior, "
        f"{100 * std_ratio:.0f} % of its width"
        + (f", {active_units} weights differ between persons." if active_units is not None else ".")
    )


def intraclass_correlation(
    values: Float[Tensor, "enrollment weight"], person: Int[Tensor, " enrollment"]
) -> float | None:
    """Which share of the variance of enrollments is the person's, by moments, at least 0;
    ``person`` is the index of whose enrollment it is.

    Variances are summed over weights: give all in units that compare. None for fewer than two
    persons, for nobody with two enrollments, or where nothing varies.
    """
    counts = torch.bincount(person)
    counts, persons, total = counts.double(), int((counts > 0).sum()), len(values)
    if persons < 2 or total == persons:
        return None
    values = values.double()
    sums = values.new_zeros(len(counts), values.shape[1]).index_add(0, person, values)
    means = sums / counts.clamp_min(1)[:, None]
    between = (counts[:, None] * (means - values.mean(0)).square()).sum() / (persons - 1)
    within = float((values - means[person]).square().sum() / (total - persons))
    typical_count = float(total - counts.square().sum() / total) / (persons - 1)
    of_person = max(0.0, (float(between) - within) / typical_count)
    return of_person / (of_person + within) if of_person + within > 0 else None


def interval_holds(
    posterior: DiagonalGaussian, observed: DiagonalGaussian, level: float = INTERVAL
) -> Bool[Tensor, "*batch weight"]:
    """Whether the posterior's central interval holds what other clips show of the same numbers,
    ``observed`` with the error of that; in the share ``level`` of cases, if both widths are true.
    """
    reach = math.sqrt(2) * torch.erfinv(torch.tensor(level))
    spread = (posterior.variance + observed.variance).sqrt()
    return (observed.mean - posterior.mean).abs() <= reach * spread


def width_verdict(held: float) -> str:
    """Whether a width whose interval should hold 90 % is one to rely on."""
    low, high = HELD
    return "too narrow" if held < low else "too wide" if held > high else "true"
