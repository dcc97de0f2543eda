"""The tidy table between predictions and reports: one entry per method, person, episode and trained model.

An entry keeps its clips, so that two methods are compared clip by clip on exactly what both answered. Means
are always taken inwards out: clips, repetitions, folds (a closed-set person may be tested in several), seeds,
and only then persons.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Int

from vop_core.errors import EvaluationError
from vop_core.evaluation.calibration import BINS, Reliability
from vop_core.writing import Kind, check_output, whole_file

CLOSED, OPEN = "closed", "open"  # persons trained on (other takes of them), and persons never heard


@dataclass(frozen=True)
class EpisodeScore:
    """How one method answered one person's queries in one episode.

    ``correct``, ``nll`` (nats) and ``brier`` belong to ``clips``, positions in the table of clips that was
    evaluated; where several enrollments answered the same queries (wrong persons) they are means over them.
    """

    method: str
    set_name: str  # CLOSED or OPEN
    shots: int
    person: str
    repetition: int
    seed: int  # of the trained model
    fold: int  # of the cross-validation; 0 without one
    clips: Int[np.ndarray, " clip"]
    correct: Float[np.ndarray, " clip"]
    nll: Float[np.ndarray, " clip"]
    brier: Float[np.ndarray, " clip"]
    reliability: Reliability
    enrollments: int = 1  # how many enrollments were averaged: the number of wrong persons, else 1
    fallbacks: int = 0  # control clips that had to carry another word, over all enrollments

    @property
    def cell(self) -> tuple[str, str, int]:
        """The row of the report this belongs to: method, set, shots."""
        return self.method, self.set_name, self.shots

    @property
    def accuracy(self) -> float:
        return float(self.correct.mean())


@dataclass(frozen=True)
class ScoreTable:
    """All episode scores of one or several trained models."""

    scores: tuple[EpisodeScore, ...]

    def __post_init__(self) -> None:
        seen = set()
        fold_of: dict[tuple, int] = {}
        for score in self.scores:
            key = (*score.cell, score.person, score.repetition, score.seed, score.fold)
            if key in seen:
                raise EvaluationError(
                    f"Person '{score.person}' is scored twice as '{score.method}' with {score.shots} shots, "
                    f"seed {score.seed} and fold {score.fold}; merge each run only once."
                )
            seen.add(key)
            if score.set_name == OPEN:
                home = fold_of.setdefault((score.person, score.seed), score.fold)
                if home != score.fold:
                    raise EvaluationError(
                        f"Person '{score.person}' is an unknown person in folds {home} and {score.fold} of "
                        f"seed {score.seed}; folds must test different persons."
                    )

    @cached_property
    def _by_cell(self) -> dict[tuple[str, str, int], tuple[EpisodeScore, ...]]:
        groups = defaultdict(list)
        for score in self.scores:
            groups[score.cell].append(score)
        return {cell: tuple(group) for cell, group in groups.items()}

    @property
    def cells(self) -> tuple[tuple[str, str, int], ...]:
        """All (method, set, shots) that were scored, in the order of first appearance."""
        return tuple(self._by_cell)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({score.seed for score in self.scores}))

    def of(self, method: str, set_name: str, shots: int) -> tuple[EpisodeScore, ...]:
        """The scores of one cell; empty where the method was not run."""
        return self._by_cell.get((method, set_name, shots), ())

    def person_values(
        self,
        method: str,
        set_name: str,
        shots: int,
        value: str = "correct",  # or "nll", "brier"
        *,
        seed: int | None = None,
    ) -> dict[str, float]:
        """Each person's mean of a clip value; ``seed`` keeps one trained model only."""
        chosen = [s for s in self.of(method, set_name, shots) if seed is None or s.seed == seed]
        return _within_persons(
            (score.person, score.seed, score.fold, float(getattr(score, value).mean())) for score in chosen
        )

    def person_calibration_errors(self, method: str, set_name: str, shots: int) -> dict[str, float]:
        """Each person's own calibration error: repetitions pooled, models averaged."""
        return _within_persons(
            (person, seed, fold, bins.expected_calibration_error)
            for (person, seed, fold), bins in self._reliabilities(
                method, set_name, shots, lambda score: (score.person, score.seed, score.fold)
            ).items()
        )

    def pooled_calibration_error(self, method: str, set_name: str, shots: int) -> float:
        """Calibration error with the clips of all persons in the same bins, averaged over seeds."""
        pooled = self._reliabilities(method, set_name, shots, lambda score: score.seed)
        return float(np.mean([bins.expected_calibration_error for bins in pooled.values()]))

    def reliability(self, method: str, set_name: str, shots: int) -> Reliability:
        """The reliability diagram of a cell, everything pooled."""
        return self._reliabilities(method, set_name, shots, lambda score: 0).get(0, Reliability.empty())

    def _reliabilities(self, method: str, set_name: str, shots: int, key: Callable[[EpisodeScore], object]) -> dict:
        sums: dict[object, Reliability] = {}
        for score in self.of(method, set_name, shots):
            name = key(score)
            sums[name] = sums[name] + score.reliability if name in sums else score.reliability
        return sums

    def paired_values(
        self,
        a: str,
        b: str,
        set_name: str,
        shots: int,
        value: str = "correct",
        *,
        seed: int | None = None,
    ) -> dict[str, float]:
        """Each person's mean of a - b over the episodes and clips that both methods answered."""
        return _within_persons(
            (first.person, first.seed, first.fold, float(difference.mean()))
            for first, _, difference in self._pairs(a, b, set_name, shots, value)
            if seed is None or first.seed == seed
        )

    def paired_clips(self, a: str, b: str, set_name: str, shots: int) -> dict[str, Float[np.ndarray, " clip"]]:
        """Each person's accuracy differences a - b, one per clip: repetitions, folds and seeds averaged."""
        collected: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for first, clips, difference in self._pairs(a, b, set_name, shots, "correct"):
            for clip, gap in zip(clips.tolist(), difference.tolist(), strict=True):
                collected[first.person][clip].append(gap)
        return {
            person: np.array([float(np.mean(gaps)) for _, gaps in sorted(clips.items())])
            for person, clips in collected.items()
        }

    def _pairs(self, a: str, b: str, set_name: str, shots: int, value: str):
        """Episodes that both methods answered, with their common clips and the difference on each."""
        others = {_episode(score): score for score in self.of(b, set_name, shots)}
        for first in self.of(a, set_name, shots):
            second = others.get(_episode(first))
            if second is None:
                continue
            clips, left, right = np.intersect1d(first.clips, second.clips, assume_unique=True, return_indices=True)
            if len(clips):
                yield first, clips, getattr(first, value)[left] - getattr(second, value)[right]

    def save(self, path: str | Path) -> None:
        """Write the table as one npz of plain arrays: no pickle, no audio.

        Raises VopError where the file holds something else, or cannot be written.
        """
        check_output(path, replaces=_TABLE)
        lengths = [len(score.clips) for score in self.scores]
        columns = {name: np.array([getattr(score, name) for score in self.scores]) for name in (*_TEXTS, *_NUMBERS)}
        clip_columns = {
            name: np.concatenate([getattr(score, name) for score in self.scores] or [np.zeros(0)])
            for name in _CLIP_COLUMNS
        }
        bins = np.array([[getattr(score.reliability, name) for name in _BIN_COLUMNS] for score in self.scores]).reshape(
            len(self.scores), len(_BIN_COLUMNS), -1
        )
        with whole_file(path) as part, part.open("wb") as stream:
            np.savez_compressed(stream, lengths=np.array(lengths), bins=bins, **columns, **clip_columns)

    @classmethod
    def load(cls, path: str | Path) -> "ScoreTable":
        """Read what ``save`` wrote.

        Raises
        ------
        EvaluationError
            The file is missing, damaged or no score table.
        """
        try:
            with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            return cls(tuple(_read_scores(arrays)))
        except (OSError, ValueError, KeyError, IndexError, BadZipFile, EOFError) as error:
            raise EvaluationError(
                f"'{path}' is no table of scores ({error}); write it again with the evaluation."
            ) from error


def _is_table(path: Path) -> bool:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return "lengths" in stored.files
    except (ValueError, AttributeError, BadZipFile, EOFError):
        return False


_TABLE = Kind("a table of scores", _is_table)
_TEXTS = ("method", "set_name", "person")
_NUMBERS = ("shots", "repetition", "seed", "fold", "enrollments", "fallbacks")
_CLIP_COLUMNS = ("clips", "correct", "nll", "brier")
_BIN_COLUMNS = ("count", "confidence_sum", "correct_sum")


def _read_scores(arrays: dict[str, np.ndarray]) -> Iterable[EpisodeScore]:
    ends = np.cumsum(arrays["lengths"])
    if arrays["bins"].shape[1:] != (len(_BIN_COLUMNS), BINS) and len(ends):
        raise ValueError(f"its calibration bins have shape {arrays['bins'].shape}")
    for position, end in enumerate(ends.tolist()):
        clips = slice(end - int(arrays["lengths"][position]), end)
        if len(arrays["clips"]) < end:
            raise ValueError("it is cut off")
        yield EpisodeScore(
            **{name: str(arrays[name][position]) for name in _TEXTS},
            **{name: int(arrays[name][position]) for name in _NUMBERS},
            **{name: arrays[name][clips] for name in _CLIP_COLUMNS},
            reliability=Reliability(*arrays["bins"][position]),
        )


def merge(tables: Iterable[ScoreTable]) -> ScoreTable:
    """Put folds and seeds together: disjoint persons are concatenated, seeds averaged within a person later.

    Raises
    ------
    EvaluationError
        The same run twice, or an unknown person tested in two folds of one seed.
    """
    return ScoreTable(tuple(score for table in tables for score in table.scores))


def _episode(score: EpisodeScore) -> tuple:
    return score.person, score.repetition, score.seed, score.fold


def _within_persons(values: Iterable[tuple[str, int, int, float]]) -> dict[str, float]:
    """Average (person, seed, fold, value) over repetitions, then folds, then seeds."""
    nested: dict[str, dict[int, dict[int, list[float]]]] = {}
    for person, seed, fold, value in values:
        nested.setdefault(person, {}).setdefault(seed, {}).setdefault(fold, []).append(value)
    return {
        person: _mean(_mean(_mean(runs) for runs in folds.values()) for folds in seeds.values())
        for person, seeds in sorted(nested.items())
    }


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
