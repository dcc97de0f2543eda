r"""Intervals over persons: how far a mean would move if other persons had come.

The person is the unit: clips, takes, repetitions and seeds are averaged within a person first. For
n persons:

* n >= 12: bias-corrected and accelerated bootstrap over persons, its level widened so that small n
  keep the nominal coverage (the bootstrap's variance lacks the factor n / (n - 1), and its
  quantiles are the normal's instead of Student's) [BOOTSTRAP]:  alpha' / 2 = Phi( -sqrt(n / (n -
  1)) t_{n-1, 1 - alpha/2} );
* n < 12, differences: the exact sign-flip interval. Among the 2^n - 1 means of subsets of persons,
  the k-th smallest and largest cover the centre of a symmetric distribution with probability 1 - 2k
  / 2^n [TYPICAL];
* n < 12, levels, and differences of fewer than 6 persons (2^n is too small): Student's t;
* n = 1: no interval.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations

import numpy as np
import scipy
from jaxtyping import Float

LEVEL = 0.95
BOOTSTRAP_PERSONS = 12  # from here on the bootstrap; below, every person is shown too
SIGN_FLIP_PERSONS = 6  # 2 / 2^6 < 5 %: the smallest number of persons that can show anything
HARMED_CLIPS = 6  # a person with fewer clips is never called harmed: the same bound, over clips
POWER = 0.8  # with which a difference should be found
_RESAMPLES = 9_999
_MANY = 2_000  # persons, from which Student's t is the normal
_STEPS = 400  # of a distribution's quantiles, where two are combined


@dataclass(frozen=True)
class Interval:
    """A mean over persons with its 95 % interval; ``bounds`` is None where there is no interval."""

    mean: float
    bounds: tuple[float, float] | None
    persons: int
    kind: str  # how it was made, in words


def interval_over_persons(
    values: Float[np.ndarray, " person"] | Sequence[float],
    *,
    level: float = LEVEL,
    seed: int = 0,
    limits: tuple[float, float] | None = None,
) -> Interval:
    """Interval of a level (an accuracy): bootstrap from 12 persons on, Student's t below.

    ``limits`` cut the interval to what is possible, (0, 1) for fractions. ``seed`` makes the
    bootstrap repeatable. Raises ValueError without persons or with values that are not finite.
    """
    values = _checked(values)
    if len(values) >= BOOTSTRAP_PERSONS:
        bounds = _bootstrap(tuple(sorted(values.tolist())), level, seed)
        kind = "bootstrap over persons"
    else:
        bounds, kind = _student(values, level), "Student's t over persons"
    if bounds is not None and limits is not None:
        bounds = max(bounds[0], limits[0]), min(bounds[1], limits[1])
    return Interval(
        float(values.mean()), bounds, len(values), kind if bounds is not None else "none"
    )


def paired_interval(
    differences: Float[np.ndarray, " person"] | Sequence[float],
    *,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Interval of a mean difference, one difference per person: bootstrap, sign-flip or Student's
    t.

    Raises ValueError without persons or with values that are not finite.
    """
    differences = _checked(differences)
    if SIGN_FLIP_PERSONS <= len(differences) < BOOTSTRAP_PERSONS:
        bounds = sign_flip_interval(differences, level=level)
        return Interval(
            float(differences.mean()), bounds, len(differences), "sign-flip over persons"
        )
    return interval_over_persons(differences, level=level, seed=seed)


def sign_flip_interval(
    differences: Float[np.ndarray, " person"], *, level: float = LEVEL
) -> tuple[float, float]:
    """All centres that the exact two-sided sign-flip test does not reject, from the means of all
    subsets.

    Flipping the signs of a subset F of d - c makes their sum no smaller exactly if mean_F(d) <= c,
    so the test's p-value counts subset means. Raises ValueError for too few persons to reject
    anything.
    """
    count = len(differences)
    rank = int((1 - level) / 2 * 2**count)
    if rank < 1:
        raise ValueError(f"{count} persons cannot support a sign-flip interval at level {level}")
    subsets = chain.from_iterable(
        combinations(differences.tolist(), size) for size in range(1, count + 1)
    )
    means = sorted(sum(subset) / len(subset) for subset in subsets)
    return means[rank - 1], means[-rank]


def relative_error_reduction(
    errors: Float[np.ndarray, " person"] | Sequence[float],
    baseline: Float[np.ndarray, " person"] | Sequence[float],
    *,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval | None:
    """Which share of the baseline's errors is gone: 1 - mean error / mean error of the baseline.

    The interval is a percentile bootstrap over persons of that ratio; there is none below 12
    persons, or where the baseline makes no error on many a resample. None where the baseline makes
    no error at all: there is nothing to reduce. Raises ValueError as ``paired_interval``.
    """
    errors, baseline = _checked(errors), _checked(baseline)
    count = len(errors)
    if not baseline.any():
        return None
    reduction = float(1 - errors.mean() / baseline.mean())
    if count < BOOTSTRAP_PERSONS:
        return Interval(reduction, None, count, "none")
    drawn = np.random.default_rng(seed).integers(0, count, (_RESAMPLES, count))
    below = baseline[drawn].mean(1)
    tail = 50 * (1 - level)
    if (below == 0).mean() > tail / 100:
        return Interval(reduction, None, count, "none")
    kept = below > 0
    low, high = np.percentile(
        1 - errors[drawn].mean(1)[kept] / below[kept], [tail, 100 - tail]
    ).tolist()
    return Interval(reduction, (low, high), count, "bootstrap over persons")


def worst_decile(values: Float[np.ndarray, " person"] | Sequence[float]) -> float:
    """Mean of the worst tenth of persons (rounded down), at least of one person."""
    values = np.sort(_checked(values))
    return float(values[: max(1, len(values) // 10)].mean())


def persons_harmed(
    clip_differences: Mapping[str, Float[np.ndarray, " _clip"]], *, level: float = LEVEL
) -> tuple[str, ...]:
    """Persons whose own interval of a - b, Student's t over their clips, lies below 0.

    A level of 95 % calls one person in forty harmed where nothing changed: expect that many by
    chance.
    """
    harmed = []
    for person, differences in clip_differences.items():
        if len(differences) >= HARMED_CLIPS:
            bounds = _student(_checked(differences), level)
            if bounds is not None and bounds[1] < 0:
                harmed.append(person)
    return tuple(sorted(harmed))


def persons_needed(
    gain: float, spread: float, *, power: float = POWER, level: float = LEVEL
) -> int | None:
    r"""How many persons show a mean gain: the fewest n whose paired t-test finds it with
    probability ``power`` [POWER],

        P( T > t_{n-1, (1 + level) / 2} ) >= power,    T noncentral t, n - 1 degrees of freedom,
                                                       centre  gain sqrt(n) / spread

    where ``spread`` is the standard deviation of persons' true-and-measured differences. That is n
    = ((z_{(1 + level) / 2} + z_power) spread / gain)^2 for normal quantiles, and a little more for
    Student's. None where there is no gain to show. Raises ValueError for a spread below 0.
    """
    if spread < 0:
        raise ValueError(f"a standard deviation is not below 0, got {spread}")
    if gain <= 0:
        return None
    quantiles = scipy.stats.norm.ppf([(1 + level) / 2, power]).sum()
    count = max(2, int(np.ceil((quantiles * spread / gain) ** 2)))
    while spread and count < _MANY and _found(count, gain / spread, level) < power:
        count += 1
    return count


def _found(count: int, effect: float, level: float) -> float:
    """Chance that the paired t-test of so many persons finds an effect, in standard deviations."""
    bar = scipy.stats.t.ppf((1 + level) / 2, count - 1)
    return float(scipy.stats.nct.sf(bar, count - 1, effect * np.sqrt(count)))


def seed_standard_deviation(means: Sequence[float]) -> float | None:
    """How far the mean over persons moves from one trained model to the next; None for a single
    seed.
    """
    return float(np.std(means, ddof=1)) if len(means) > 1 else None


def _student(values: Float[np.ndarray, " unit"], level: float) -> tuple[float, float] | None:
    count = len(values)
    if count < 2:
        return None
    half = scipy.stats.t.ppf((1 + level) / 2, count - 1) * values.std(ddof=1) / np.sqrt(count)
    return float(values.mean() - half), float(values.mean() + half)


@lru_cache(maxsize=10_000)
def _bootstrap(values: tuple[float, ...], level: float, seed: int) -> tuple[float, float]:
    """Kept, since a report asks the same of many a difference several times."""
    if np.ptp(values) == 0:
        return values[0], values[0]
    count = len(values)
    widened = np.sqrt(count / (count - 1)) * scipy.stats.t.ppf((1 + level) / 2, count - 1)
    level = float(1 - 2 * scipy.stats.norm.sf(widened))
    for method in ("BCa", "percentile"):  # BCa has no answer where almost all persons agree
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = scipy.stats.bootstrap(
                (values,),
                np.mean,
                confidence_level=level,
                n_resamples=_RESAMPLES,
                method=method,
                rng=np.random.default_rng(seed),
            ).confidence_interval
        if np.isfinite(found.low) and np.isfinite(found.high):
            break
    return float(found.low), float(found.high)


def _checked(values: Float[np.ndarray, " unit"] | Sequence[float]) -> Float[np.ndarray, " unit"]:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("an interval needs one finite value for each of at least one person")
    return values


def proportion_interval(right: int, asked: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Interval of one person's share of right answers, over clips, by Wilson's score. Raises
    ValueError without clips.
    """
    if not 0 <= right <= asked or asked < 1:
        raise ValueError(f"{right} right answers of {asked} are not possible")
    found = scipy.stats.binomtest(right, asked).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def spread_if_alike(
    right: int, asked: int, asked_of_each: int, *, level: float = LEVEL
) -> tuple[float, float]:
    """Between which shares ``level`` of persons would lie if all had the same true share, ``right``
    of ``asked``.

    ``asked_of_each``: clips of each person. Quantiles of the binomial, so at least that level lies
    between them.
    """
    tail = (1 - level) / 2
    counts = scipy.stats.binom.ppf([tail, 1 - tail], asked_of_each, right / asked)
    return float(counts[0] / asked_of_each), float(counts[1] / asked_of_each)


@lru_cache(maxsize=1_000)
def paired_proportions_interval(
    won: int, lost: int, asked: int, *, level: float = LEVEL
) -> tuple[float, float]:
    """Interval of a difference of two shares of right answers to the same clips, over clips of one
    person.

    ``won`` clips are right in the first alone, ``lost`` in the second alone. Melded from the exact
    intervals of how many clips differ and of which way they do [MCNEMAR-EXACT]: it covers at least
    ``level``, also where no clip differs, and leaves 0 out just where the exact sign test rejects.
    Raises ValueError for impossible counts.
    """
    differing = won + lost
    if asked < 1 or min(won, lost) < 0 or differing > asked:
        raise ValueError(f"{won} won and {lost} lost of {asked} clips are not possible")
    shares = (
        _beta_quantiles(differing, asked - differing + 1),
        _beta_quantiles(differing + 1, asked - differing),
    )
    tail = (1 - level) / 2
    low, high = (
        [np.quantile(np.outer(share, 2 * ways - 1), end, method="hazen") for share in shares]
        for ways, end in (
            (_beta_quantiles(won, lost + 1), tail),
            (_beta_quantiles(won + 1, lost), 1 - tail),
        )
    )
    return float(min(low)), float(max(high))


def _beta_quantiles(above: int, below: int) -> Float[np.ndarray, " step"]:
    """Of a beta distribution, evenly spaced in probability; one of no width at its end."""
    if not (above and below):
        return np.array([0.0 if not above else 1.0])
    return scipy.stats.beta.ppf((np.arange(_STEPS) + 0.5) / _STEPS, above, below)


def clips_needed(
    won: float, lost: float, *, power: float = POWER, level: float = LEVEL
) -> int | None:
    """How many clips it takes until two models that differ so show it, by McNemar's test with
    ``power``; None where they do not differ.

    ``won`` and ``lost`` are shares of clips that one model alone gets right. With d = won - lost
    and p = won + lost:  n = (z_level sqrt(p) + z_power sqrt(p - d^2))^2 / d^2  [CONNOR].
    """
    difference, differing = won - lost, won + lost
    if not difference:
        return None
    by_chance, by_power = scipy.stats.norm.ppf([(1 + level) / 2, power])
    root = by_chance * differing**0.5 + by_power * max(differing - difference**2, 0.0) ** 0.5
    return int(np.ceil((root / difference) ** 2))
