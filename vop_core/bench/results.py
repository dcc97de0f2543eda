"""Results of the bench: a tidy table of scores, one Parquet file a suite.

A line holds one value: ``method, variant, dataset, fold, seed``, then the columns of
:func:`vop_core.evaluation.score.score_method`. What else is known of a run (its settings, who was
trained and tested on, what it costs, whether it converged) is JSON in the file's metadata.

A run that has ended lies in the user's cache, a file of the same kind by itself: written once,
whole, under a name that ends in the hash of everything its figures depend on. So runs may go on
side by side and be interrupted; ``vop report`` gathers them into the suite's file,
``data/results/SUITE.parquet``, which is committed.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from vop_core.data.locations import cache_root, repository_root
from vop_core.errors import EvaluationError
from vop_core.evaluation.score import COLUMNS
from vop_core.writing import make_folder, whole_file

FORMAT = "vop bench 1"
DONE, FAILED = "done", "did not converge"
DIGITS = 5  # of a value
KEY = ("dataset", "variant", "fold", "seed")  # a run's place in a suite's tables
RUN_COLUMNS = ("method", *KEY)
SEEDED = ("checkpoint", "further")  # parts of a config that hold the seed of the training
_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        *((name, pa.int16() if name in ("fold", "seed") else _TEXT) for name in RUN_COLUMNS),
        ("set", _TEXT),
        ("shots", pa.int16()),
        ("person", _TEXT),
        ("repetition", pa.int16()),
        ("row", _TEXT),
        ("metric", _TEXT),
        ("value", pa.float64()),
        ("parts", pa.list_(pa.float32())),
    ]
)


def no_scores() -> pd.DataFrame:
    """An empty table of one run's scores."""
    return pd.DataFrame(columns=list(COLUMNS))


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What one method did on one fold with one seed."""

    suite: str
    method: str  # name in the registry
    variant: str  # the method's name, or that of a setting compared in an ablation
    dataset: str
    fold: int
    folds: int
    seed: int
    hash: str
    device: str = "cpu"  # on which it was made
    status: str = DONE
    reason: str = ""  # why it did not converge
    recordings: str = ""  # fingerprint of the data set
    train_persons: tuple[str, ...] = ()
    open_persons: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)  # checkpoint, further, scoring, method
    # parameters, multiply-accumulates, bytes, time ratio
    figures: Mapping[str, Any] = field(default_factory=dict)
    posterior: Mapping[str, Any] | None = None  # by number of clips
    scores: pd.DataFrame = field(default_factory=no_scores)

    @property
    def file_name(self) -> str:
        """Of this run alone."""
        variant = re.sub(r"[^a-z0-9.]+", "-", self.variant)
        return f"{variant}-fold{self.fold}-seed{self.seed}-{self.hash}.parquet"

    @property
    def key(self) -> tuple[str, str, int, int]:
        """Its place in a suite's tables, as ``KEY``."""
        return self.dataset, self.variant, self.fold, self.seed

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that must agree between the runs of one variant."""
        config = {
            part: _without_seeds(value) if part in SEEDED else value
            for part, value in self.config.items()
        }
        facts = {"facts": self.facts} if self.status == DONE else {}  # a failed run has none
        return {"method": self.method, "folds": self.folds, "config": config} | facts


def _without_seeds(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_seeds(inner) for name, inner in value.items() if name != "seed"}
    return [_without_seeds(inner) for inner in value] if isinstance(value, list) else value


# --- files ----------------------------------------------------------------------------------------


def save_results(path: Path, results: Iterable[Result]) -> None:
    """Write runs into one file, whole or not at all. Raises VopError where that cannot be done."""
    results = sorted(results, key=lambda result: result.key)
    tables = [_table(result) for result in results]
    named = [each.name for each in fields(Result) if each.name != "scores"]
    runs = [{name: getattr(result, name) for name in named} for result in results]
    about = {"format": FORMAT, "runs": json.dumps(runs, ensure_ascii=False, allow_nan=False)}
    make_folder(path.parent)
    how = {"compression": "zstd", "compression_level": 9, "store_schema": False}
    with whole_file(path) as part, pq.ParquetWriter(part, SCHEMA, **how) as writer:
        writer.write_table(pa.concat_tables(tables))
        writer.add_key_value_metadata(about)


def _table(result: Result) -> pa.Table:
    scores = result.scores.assign(**{name: getattr(result, name) for name in RUN_COLUMNS})
    scores["value"] = scores["value"].astype(float).round(DIGITS)
    return pa.Table.from_pandas(scores, schema=SCHEMA, preserve_index=False)


def load_results(path: Path) -> tuple[Result, ...]:
    """The runs of a file, in the order of their keys.

    Raises EvaluationError where it is damaged or something else; it is left as it is.
    """
    runs = _runs(path)
    try:
        scores = pq.read_table(path, schema=SCHEMA).to_pandas()
        found = dict(iter(scores.groupby(list(KEY), observed=True, sort=False)[list(COLUMNS)]))
        return tuple(
            Result(**run, scores=found.get(tuple(run[name] for name in KEY), no_scores()))
            for run in runs
        )
    except (OSError, pa.ArrowException, TypeError, KeyError, ValueError):
        raise EvaluationError(f"'{path.name}' is damaged; move it away and run it again.") from None


def _runs(path: Path) -> list[dict[str, Any]]:
    """What a file says of its runs, without their scores."""
    try:
        about = pq.read_metadata(path).metadata or {}
        if about.get(b"format") != FORMAT.encode():
            raise ValueError
        runs = json.loads(about[b"runs"])
        return [
            run | {name: tuple(run[name]) for name in ("train_persons", "open_persons")}
            for run in runs
        ]
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        raise EvaluationError(
            f"'{path.name}' holds no results that this program reads; move it away and run the "
            "bench again."
        ) from None


# --- a suite's results ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """Where the results of a suite lie: gathered ones in a file, new ones in a folder."""

    file: Path
    folder: Path

    @classmethod
    def of(cls, suite: str) -> "Store":
        """The suite's own."""
        name = f"{suite}.parquet"
        return cls(repository_root() / "data" / "results" / name, cache_root() / "results" / suite)

    def done(self) -> dict[str, str]:
        """Hash to status of every run that has ended. Raises EvaluationError for a damaged file."""
        return {run["hash"]: run["status"] for path in self._files() for run in _runs(path)}

    def results(self) -> tuple[Result, ...]:
        """Every run; a later one takes the place of the earlier, and of those with other settings.

        Raises EvaluationError for a damaged file.
        """
        return merged([result for path in self._files() for result in load_results(path)])

    def gather(self) -> int:
        """Move new runs into the file; gives how many there were. Raises EvaluationError and
        VopError.
        """
        if not self.folder.exists():
            return 0
        with FileLock(self.folder / "gather.lock"):
            new = self._shards()
            if new:
                save_results(self.file, self.results())
            for path in new:
                path.unlink()
        return len(new)

    def forget_failed(self) -> None:
        """Leave out what did not converge, so that it is tried again. Raises EvaluationError and
        VopError.
        """
        for path in self._files():
            runs = load_results(path)
            sound = [run for run in runs if run.status == DONE]
            if sound and len(sound) < len(runs):
                save_results(path, sound)
            elif not sound:
                path.unlink()

    def _files(self) -> list[Path]:
        return [self.file, *self._shards()] if self.file.exists() else self._shards()

    def _shards(self) -> list[Path]:
        """From the oldest to the newest."""
        return sorted(
            self.folder.glob("*.parquet"), key=lambda path: (path.stat().st_mtime, path.name)
        )


def merged(results: Sequence[Result]) -> tuple[Result, ...]:
    """Of each variant on a data set, the runs that have the settings of its last one; of equal
    places the last.
    """
    last = {(result.dataset, result.variant): result for result in results if result.status == DONE}
    kept = {}
    for result in results:
        newest = last.get((result.dataset, result.variant), result)
        if (
            not differing_settings(newest.settings, result.settings)
            and newest.recordings == result.recordings
        ):
            kept[result.key] = result
    return tuple(kept[key] for key in sorted(kept))


def differing_settings(one: Any, other: Any, path: str = "") -> list[str]:
    """Dotted names of what differs between two nested settings; what only one of them has at the
    top, or among its facts, is no difference.

    A run that failed has fewer parts than one that did not, an older one fewer facts.
    """
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return [] if one == other else [path]
    names = one.keys() & other.keys() if path in ("", "facts") else one.keys() | other.keys()
    return [
        difference
        for name in sorted(names)
        for difference in differing_settings(
            one.get(name), other.get(name), f"{path}.{name}" if path else name
        )
    ]
