r"""Comparing methods on their tables of scores: pairing, permutation tests, controls, the worst
quarter.

Means go inwards out: repetitions, folds (a closed-set person may stand in several), seeds, and only
then persons. Every difference is paired: over the same persons, episodes, folds and seeds.

The p-value is that of the sign-flip permutation test over persons. Under the hypothesis that a
person's difference is as likely d as -d, all 2^n sign patterns s of the n differences are equally
likely, and

    p = #{ s : |sum_i s_i d_i| >= |sum_i d_i| } / 2^n

counted over all patterns up to 16 persons, over 99,999 seeded random ones (and the observed one)
above. Where many methods are tested together, Holm's step-down adjustment keeps the chance of any
false claim below the level [HOLM].
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Float, Int

from vop_core.errors import EvaluationError
from vop_core.evaluation.calibration import Reliability
from vop_core.evaluation.intervals import (
    LEVEL,
    SIGN_FLIP_PERSONS,
    Interval,
    interval_over_persons,
    paired_interval,
    persons_harmed,
    relative_error_reduction,
)
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import COLUMNS, GLOBAL, MIXED, OWN, PRIOR

EXACT_PERSONS = 16  # 2^16 sign patterns are counted one by one
RANDOM_PATTERNS = 99_999


class EpisodeKey(NamedTuple):
    """What two methods must share to be compared: the person's drawing of clips, and the trained
    model.
    """

    person: str
    repetition: int
    seed: int
    fold: int


class Run(NamedTuple):
    """The scores of one trained model, as ``score_method`` gives them."""

    seed: int
    fold: int
    scores: pd.DataFrame


class Cell(NamedTuple):
    """One metric of one row, in one set with one number of clips."""

    row: str
    set: str
    shots: int
    metric: str = "accuracy"


Values = dict[EpisodeKey, float]


@dataclass(frozen=True)
class ScoreIndex:
    """All scores of one method, by cell and episode."""

    cells: Mapping[Cell, Values]
    # what values were made of, where that is kept
    kept: Mapping[Cell, Mapping[EpisodeKey, Float[np.ndarray, " part"]]]

    @classmethod
    def of(cls, runs: Iterable[Run]) -> "ScoreIndex":
        """Raises EvaluationError for an episode scored twice or a person unknown in two folds of
        one seed.
        """
        cells: dict[Cell, Values] = {}
        kept: dict[Cell, dict[EpisodeKey, np.ndarray]] = {}
        home: dict[tuple[str, int], int] = {}
        for seed, fold, scores in runs:
            asked = scores["person"].tolist(), scores["repetition"].tolist()
            # one object for all scores of an episode: they are millions
            known = {each: EpisodeKey(*each, seed, fold) for each in set(zip(*asked, strict=True))}
            episodes = [known[each] for each in zip(*asked, strict=True)]
            unknown = (scores["set"] == OPEN).to_numpy()
            for person in scores["person"][unknown].unique():
                if home.setdefault((person, seed), fold) != fold:
                    raise EvaluationError(
                        f"Person '{person}' is unknown in two folds of seed {seed}; folds must "
                        "test different persons."
                    )
            values, parts = scores["value"].to_numpy(), scores["parts"].to_numpy()
            for cell, rows in _places(scores):
                own = dict(zip((episodes[row] for row in rows), values[rows].tolist(), strict=True))
                found = cells.setdefault(cell, {})
                if len(own) < len(rows) or not own.keys().isdisjoint(found):
                    twice = Counter([*found, *(episodes[row] for row in rows)])
                    raise EvaluationError(
                        f"Person '{twice.most_common(1)[0][0].person}' is scored twice in fold "
                        f"{fold} with seed {seed}; keep one result of each."
                    )
                found.update(own)
                for row in rows:
                    if parts[row] is not None:
                        made = np.asarray(parts[row], dtype=float)
                        kept.setdefault(cell, {})[episodes[row]] = made
        return cls(cells, kept)

    def rows(self, set_name: str, shots: int) -> tuple[str, ...]:
        """The rows there are in a set with a number of clips."""
        return tuple(
            dict.fromkeys(c.row for c in self.cells if (c.set, c.shots) == (set_name, shots))
        )

    def shots(self, row: str, set_name: str) -> tuple[int, ...]:
        """The numbers of clips a row was asked with, ascending."""
        return tuple(sorted({c.shots for c in self.cells if (c.row, c.set) == (row, set_name)}))

    def values(self, row: str, set_name: str, shots: int, metric: str = "accuracy") -> Values:
        """One figure of every episode that has it."""
        return self.cells.get(Cell(row, set_name, shots, metric), {})

    def person_values(
        self, row: str, set_name: str, shots: int, metric: str = "accuracy"
    ) -> dict[str, float]:
        """One figure of every person."""
        return by_person(self.values(row, set_name, shots, metric))

    def parts(
        self, row: str, set_name: str, shots: int, metric: str = "accuracy"
    ) -> Mapping[EpisodeKey, Float[np.ndarray, " part"]]:
        """What each episode's value was made of, where that is kept."""
        return self.kept.get(Cell(row, set_name, shots, metric), {})

    def reliability(self, row: str, set_name: str, shots: int) -> dict[int, Reliability]:
        """Calibration bins by seed, all persons pooled; empty where none are kept."""
        sums: dict[int, Reliability] = {}
        for episode, parts in self.parts(row, set_name, shots, "ece").items():
            bins = Reliability.of_parts(parts)
            sums[episode.seed] = sums[episode.seed] + bins if episode.seed in sums else bins
        return sums


def _places(scores: pd.DataFrame) -> Iterator[tuple[Cell, Int[np.ndarray, " row"]]]:
    """Each cell of a table, in the order they come, with its rows."""
    names = [name for name in COLUMNS if name in Cell._fields]
    group = scores.groupby(names, observed=True, sort=False).ngroup().to_numpy()
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    first = scores.iloc[order[starts]]
    cells = zip(*(first[name].tolist() for name in Cell._fields), strict=True)
    if len(order):
        yield from zip(map(Cell._make, cells), np.split(order, starts[1:]), strict=True)


def by_person(values: Values) -> dict[str, float]:
    """Means over repetitions, then folds, then seeds; persons in their order."""
    nested: dict[str, dict[int, dict[int, list[float]]]] = {}
    for (person, _, seed, fold), value in values.items():
        folds = nested.setdefault(person, {}).setdefault(seed, {})
        folds.setdefault(fold, []).append(value)
    return {
        person: fmean(fmean(fmean(found) for found in folds.values()) for folds in seeds.values())
        for person, seeds in sorted(nested.items())
    }


def paired(
    first: Mapping[EpisodeKey, float], second: Mapping[EpisodeKey, float]
) -> dict[str, float]:
    """Each person's mean of first - second, over the episodes that both answered."""
    return by_person(
        {episode: value - second[episode] for episode, value in first.items() if episode in second}
    )


class CurvePersons(NamedTuple):
    """Who stands behind every point of a curve over numbers of clips, and who and what does not."""

    shots: tuple[int, ...]
    persons: frozenset[str]
    left_out: tuple[str, ...]  # asked with some of these numbers of clips, but not with all
    beyond: tuple[int, ...]  # numbers of clips that too few persons have

    @classmethod
    def of(cls, asked: Mapping[int, Iterable[str]]) -> "CurvePersons":
        """From who was asked with how many clips. A number of clips that less than half of all
        persons have is no point, since it would empty all others.
        """
        found = {shots: frozenset(persons) for shots, persons in sorted(asked.items())}
        everybody = frozenset().union(*found.values())
        kept = {n: persons for n, persons in found.items() if 2 * len(persons) >= len(everybody)}
        common = frozenset.intersection(*kept.values()) if kept else frozenset()
        left_out = frozenset().union(*kept.values()) - common
        beyond = tuple(n for n in found if n not in kept)
        return cls(tuple(kept), common, tuple(sorted(left_out)), beyond)

    def only(self, values: Mapping[EpisodeKey, Any]) -> dict[EpisodeKey, Any]:
        """Those figures that are of these persons."""
        return {each: value for each, value in values.items() if each.person in self.persons}


def level_of(
    values: Mapping[str, float], *, limits: tuple[float, float] | None = None
) -> Interval | None:
    """The mean over persons with its interval; None without persons."""
    return interval_over_persons(list(values.values()), limits=limits) if values else None


def difference_of(values: Mapping[str, float]) -> Interval | None:
    """The mean difference over persons with its interval; None without persons."""
    return paired_interval(list(values.values())) if values else None


# --- tests ----------------------------------------------------------------------------------------


def sign_flip_p_value(
    differences: Float[np.ndarray, " person"] | Sequence[float],
    *,
    rounding: float = 0.0,
    seed: int = 0,
) -> float:
    """Two-sided p of the sign-flip test that differences are symmetric about 0.

    ``rounding`` is how far each difference may be off: sums that close together count as equal,
    which can only make p larger. Raises ValueError without persons.
    """
    # sorted: the order of persons changes nothing
    return _sign_flip_p_value(tuple(sorted(map(float, differences))), rounding, seed)


@lru_cache(maxsize=10_000)
def _sign_flip_p_value(differences: tuple[float, ...], rounding: float, seed: int) -> float:
    """Kept, since a report asks the same of many a difference several times."""
    values = np.array(differences)
    if not len(values):
        raise ValueError("a test needs at least one person")
    bar = abs(values.sum()) - 1e-12 * np.abs(values).sum() - 2 * len(values) * rounding
    if len(values) <= EXACT_PERSONS:
        return float((np.abs(_all_signs(len(values)) @ values) >= bar).mean())
    sums = 2.0 * (_random_halves(len(values), seed) @ values) - values.sum()
    return float((1 + (np.abs(sums) >= bar).sum()) / (1 + RANDOM_PATTERNS))


@lru_cache(maxsize=4)
def _all_signs(persons: int) -> Float[np.ndarray, "pattern person"]:
    """Every sign pattern; kept, since a report asks hundreds of times."""
    return np.array(list(product((1.0, -1.0), repeat=persons)))


@lru_cache(maxsize=4)
def _random_halves(persons: int, seed: int) -> Float[np.ndarray, "pattern person"]:
    """Random patterns of 0 and 1; kept as well."""
    drawn = np.random.default_rng(seed).integers(0, 2, (RANDOM_PATTERNS, persons), dtype=np.int8)
    return drawn.astype(float)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm-adjusted p-values: the i-th smallest of m times m - i + 1, never decreasing, at most 1
    [HOLM].
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


# --- controls -------------------------------------------------------------------------------------


def harmed(
    first: ScoreIndex, second: ScoreIndex, set_name: str, shots: int, *, row: str = OWN
) -> tuple[str, ...] | None:
    """Persons whose own interval of first's ``row`` - second, over their clips, lies below 0; None
    where no clips are kept.

    Only each person's first episode is looked at (in the closed set that of their first fold): its
    clips are different clips, while those of further episodes are mostly the same ones again. Seeds
    are averaged clip by clip.
    """
    cells = [first.parts(row, set_name, shots), second.parts(OWN, set_name, shots)]
    gaps: dict[tuple[str, int], list[np.ndarray]] = {}
    for episode in sorted(cells[0].keys() & cells[1].keys()):
        one, other = (cell[episode] for cell in cells)
        if episode.repetition == 0:
            if len(one) != len(other):
                raise EvaluationError(
                    f"Person '{episode.person}' was asked about {len(one)} clips by one method and "
                    f"{len(other)} by another; run both again with the same episodes."
                )
            gaps.setdefault((episode.person, episode.fold), []).append(one - other)
    if not gaps:
        return None
    fold_of = {person: fold for person, fold in sorted(gaps, reverse=True)}  # the first fold stays
    return persons_harmed(
        {person: np.mean(gaps[person, fold], axis=0) for person, fold in fold_of.items()}
    )


class PersonalGain(NamedTuple):
    """Own clips against the best of what needs none of them."""

    best: str  # the control with the highest mean accuracy
    gaps: dict[str, dict[str, float]]  # control -> each person's difference from it
    accuracy: Interval  # of the difference from the best
    # smallest lower, largest upper bound against any of them
    conservative: tuple[float, float] | None

    @property
    def over_all(self) -> bool:
        """Whether own clips are shown to beat each of the controls, not the best one alone."""
        return self.conservative is not None and self.conservative[0] > 0


def errors_reduced(own: Values, baseline: Values) -> Interval | None:
    """Which share of the baseline's errors is gone, over the episodes that both answered; None
    without such episodes or errors.
    """
    shared = own.keys() & baseline.keys()
    sides = ({episode: 1 - side[episode] for episode in shared} for side in (own, baseline))
    errors, before = (list(by_person(side).values()) for side in sides)
    return relative_error_reduction(errors, before) if shared else None


def personal_gain(own: Values, controls: Mapping[str, Values]) -> PersonalGain | None:
    """Own - the best control by mean accuracy, over the episodes that all answered; None without
    such episodes.

    Choosing the best control afterwards flatters the control. The conservative bounds do without
    the choice.
    """
    shared = own.keys() & set.intersection(*(set(values) for values in controls.values()))
    if not shared:
        return None
    gaps = {
        name: by_person({e: own[e] - values[e] for e in shared})
        for name, values in controls.items()
    }
    found = {name: paired_interval(list(gap.values())) for name, gap in gaps.items()}
    best = min(found, key=lambda name: found[name].mean)
    bounds = [interval.bounds for interval in found.values() if interval.bounds is not None]
    conservative = None
    if len(bounds) == len(found):
        conservative = min(low for low, _ in bounds), max(high for _, high in bounds)
    return PersonalGain(best, gaps, found[best], conservative)


def gain_over_controls(
    scores: ScoreIndex,
    baseline: ScoreIndex,
    set_name: str,
    shots: int,
    *,
    baseline_name: str = GLOBAL,
) -> PersonalGain | None:
    """A method's personal gain: own clips against the best of the baseline, the prior and mixed
    persons.

    Of the last two, whichever there is. None where there is neither, or nothing to compare.
    """
    controls = {row: scores.values(row, set_name, shots) for row in (MIXED, PRIOR)}
    controls = {row: values for row, values in controls.items() if values}
    if not controls:
        return None
    controls[baseline_name] = baseline.values(OWN, set_name, shots)
    return personal_gain(scores.values(OWN, set_name, shots), controls)


def decomposition(steps: Sequence[Values]) -> list[dict[str, float]]:
    """Consecutive differences, and last the whole from end to end, over the episodes common to all
    steps.

    The parts add up to the whole, person by person.
    """
    shared = set.intersection(*(set(values) for values in steps))
    chosen = [{episode: values[episode] for episode in shared} for values in steps]
    return [
        *(paired(after, before) for before, after in pairwise(chosen)),
        paired(chosen[-1], chosen[0]),
    ]


# --- the worst quarter ----------------------------------------------------------------------------


class WorstQuarter(NamedTuple):
    """Who is served worst: chosen on one half of everybody's clips, to be scored on the other, and
    the other way round.

    Persons scored on the clips that chose them would gain by regression to the mean alone.
    """

    by_even: tuple[str, ...]  # scored on odd clips
    by_odd: tuple[str, ...]  # scored on even clips

    @classmethod
    def of(cls, even: Mapping[str, float], odd: Mapping[str, float]) -> "WorstQuarter":
        """From accuracies on even and on odd clips, of persons who have both; a quarter rounded
        down, at least one. Of equal persons the first by name.
        """
        persons = sorted(even.keys() & odd.keys())
        count = max(1, len(persons) // 4)
        return cls(*(tuple(sorted(persons, key=half.get)[:count]) for half in (even, odd)))

    def mean(self, even: Mapping[str, float], odd: Mapping[str, float]) -> Interval | None:
        """The mean of both scorings; None where a half of the chosen persons has no figure.

        A person chosen twice counts twice. The interval is Student's t of a ratio of two means
        over persons, what each adds to the sum and how often each is counted; there is none below
        6 persons.
        """
        scored = [
            {person: half[person] for person in chosen if person in half}
            for chosen, half in ((self.by_even, odd), (self.by_odd, even))
        ]
        if not all(scored):
            return None
        persons = sorted({person for half in scored for person in half})
        weights, sums = np.zeros(len(persons)), np.zeros(len(persons))
        for half in scored:
            for person, value in half.items():
                place, weight = persons.index(person), 0.5 / len(half)
                weights[place] += weight
                sums[place] += weight * value
        mean, count = float(sums.sum()), len(persons)
        if count < SIGN_FLIP_PERSONS:
            return Interval(mean, None, count, "none")
        spread = np.sqrt(count / (count - 1) * np.square(sums - mean * weights).sum())
        half_width = float(scipy.stats.t.ppf((1 + LEVEL) / 2, count - 1) * spread)
        bounds = (mean - half_width, mean + half_width)
        return Interval(mean, bounds, count, "Student's t over persons")
