"""The results of one data set, put together method by method: which folds and seeds are there, and
do they agree.

Runs are put together only when nothing but seed and fold differs; everything else is refused in one
sentence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vop_core.bench.recipes import GLOBAL
from vop_core.bench.results import DONE, Result, differing_settings
from vop_core.errors import EvaluationError
from vop_core.evaluation.comparison import Run, ScoreIndex
from vop_core.evaluation.score import OWN, START

NAMED_KEYS = 3  # at most so many differing settings in a refusal


@dataclass(frozen=True)
class MethodRuns:
    """All runs of one variant on one data set, converged or not."""

    results: tuple[Result, ...]  # by seed and fold
    scores: ScoreIndex  # of those that converged

    @property
    def first(self) -> Result:
        return next((result for result in self.results if result.status == DONE), self.results[0])

    @property
    def variant(self) -> str:
        return self.first.variant

    @property
    def done(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.status == DONE)

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.status != DONE)

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.first.facts

    @property
    def main_shots(self) -> int:
        return int(self.first.config["scoring"]["main_shots"])

    @property
    def completeness(self) -> str:
        """``4 of 4 folds, seeds 0 1``; where seeds differ in their folds, how many runs there
        are.
        """
        total = self.first.folds
        folds = {
            seed: {r.fold for r in self.done if r.seed == seed}
            for seed in sorted({r.seed for r in self.done})
        }
        if not folds:
            return f"none of {total} folds"
        seeds = f"{'seed' if len(folds) == 1 else 'seeds'} {' '.join(map(str, folds))}"
        if len({frozenset(found) for found in folds.values()}) == 1:
            return f"{len(next(iter(folds.values())))} of {total} folds, {seeds}"
        return f"{len(self.done)} of {total * len(folds)} runs, {total} folds, {seeds}"


def group_runs(results: Iterable[Result]) -> dict[str, MethodRuns]:
    """Variant -> its runs, for the results of one data set, in the order of their names; ``global``
    first.

    Raises
    ------
    EvaluationError
        Results that must not be put together: other settings, recordings, persons, a run twice.
    """
    grouped: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda r: (r.variant != GLOBAL, r.variant, r.seed, r.fold)):
        grouped.setdefault(result.variant, []).append(result)
    found = {variant: _method_runs(runs) for variant, runs in grouped.items()}
    _check_alike([runs.first for runs in found.values()])
    _check_persons([result for runs in found.values() for result in runs.done])
    return found


def on_own_start(baseline: MethodRuns, runs: MethodRuns) -> MethodRuns:
    """``baseline``, answering with the weights that a method was made of wherever its results tell.

    The same fold and seed trained again on another processor is another network: what is made of
    ``global`` brings along what that very model answered, and is compared with it.
    """
    cells, changed = dict(baseline.scores.cells), False
    for cell, values in runs.scores.cells.items():
        if cell.row == START:
            place = cell._replace(row=OWN)
            cells[place], changed = {**cells.get(place, {}), **values}, True
    if not changed:
        return baseline
    kept = dict(baseline.scores.kept)
    for cell, parts in runs.scores.kept.items():
        if cell.row == START:
            place = cell._replace(row=OWN)
            kept[place] = {**kept.get(place, {}), **parts}
    return MethodRuns(baseline.results, ScoreIndex(cells, kept))


def _method_runs(results: Sequence[Result]) -> MethodRuns:
    first = next((result for result in results if result.status == DONE), results[0])
    places = [(result.seed, result.fold) for result in results]
    for result in results:
        different = [
            name.removeprefix("config.")
            for name in differing_settings(first.settings, result.settings)
        ]
        if different:
            raise EvaluationError(
                f"The results of '{first.variant}' on {first.dataset} come from different settings "
                f"({', '.join(different[:NAMED_KEYS])}); keep those of one setting, or give the "
                "other another name."
            )
        if places.count((result.seed, result.fold)) > 1:
            raise EvaluationError(
                f"'{first.variant}' on {first.dataset} has two results for fold {result.fold} with "
                f"seed {result.seed}; keep one of them."
            )
    done = (
        Run(result.seed, result.fold, result.scores) for result in results if result.status == DONE
    )
    return MethodRuns(tuple(results), ScoreIndex.of(done))


def _check_alike(firsts: Sequence[Result]) -> None:
    """All methods of a table answered the same episodes of the same recordings."""
    base = next((result for result in firsts if result.status == DONE), None)
    if base is None:
        return
    for result in firsts:
        if result.status != DONE:
            continue
        for words, one, other in (
            ("recordings", base.recordings, result.recordings),
            ("numbers of folds", base.folds, result.folds),
            ("scoring settings", *map(_scoring, (base, result))),
            ("devices", base.device, result.device),
        ):
            if one != other:
                raise EvaluationError(
                    f"'{base.variant}' and '{result.variant}' on {base.dataset} have different "
                    f"{words}; their figures cannot stand in one table."
                )


def _scoring(result: Result) -> dict[str, Any]:
    """All that one table must agree on: conditions are compared there."""
    scoring = result.config.get("scoring") or {}
    return {name: value for name, value in scoring.items() if name != "condition"}


def _check_persons(done: Sequence[Result]) -> None:
    """A fold has the same unknown persons in every run."""
    of_fold: dict[int, tuple[str, ...]] = {}
    for result in done:
        if of_fold.setdefault(result.fold, result.open_persons) != result.open_persons:
            raise EvaluationError(
                f"Fold {result.fold} of {result.dataset} has other unknown persons in "
                f"'{result.variant}' than in another result; keep the results of one split."
            )
