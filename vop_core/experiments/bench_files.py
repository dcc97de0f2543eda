"""One result file for each method, data set, fold, seed and config: what the bench writes and everything else reads.

A file is JSON. Its name ends in the hash of everything the figures depend on; it is written once, whole, and never
changed. ``scores`` holds the lines of :class:`vop_core.evaluation.method_scores.PersonScore`, a list a column.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from vop_core.data.locations import repository_root
from vop_core.errors import EvaluationError
from vop_core.evaluation.method_scores import PersonScore
from vop_core.writing import make_folder, write_text

FORMAT = 1
DONE, FAILED = "done", "did not converge"


def bench_folder() -> Path:
    """Where committed result files lie, one folder a data set."""
    return repository_root() / "data" / "results" / "bench"


@dataclass(frozen=True, kw_only=True)
class BenchResult:
    """What one method did on one fold with one seed."""

    suite: str  # what it was first run for; results are found by their hash, not by this
    method: str  # name in the registry
    variant: str  # the method's name, or that of a setting compared in an ablation
    dataset: str
    fold: int
    folds: int
    seed: int
    hash: str
    status: str = DONE
    reason: str = ""  # why it did not converge
    recordings: str = ""  # fingerprint of the data set
    train_persons: tuple[str, ...] = ()
    open_persons: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)  # run, extra, scoring, method
    figures: Mapping[str, Any] = field(default_factory=dict)  # parameters, multiply-accumulates, bytes, time ratio
    posterior: Mapping[str, Any] | None = None
    scores: tuple[PersonScore, ...] = ()

    @property
    def file_name(self) -> str:
        variant = re.sub(r"[^a-z0-9.]+", "-", self.variant)
        return f"{variant}-fold{self.fold}-seed{self.seed}-{self.hash}.json"

    def save(self, folder: Path) -> Path:
        """Write into ``folder``/dataset, whole or not at all. Raises VopError where that cannot be done."""
        path = folder / self.dataset / self.file_name
        make_folder(path.parent)
        plain = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "scores"}
        lines = [score.to_json() for score in self.scores]
        plain["scores"] = {name: [line[name] for line in lines] for name in (lines[0] if lines else {})}
        write_text(path, json.dumps({"format": FORMAT} | plain, ensure_ascii=False) + "\n")
        return path


def load_bench_result(path: Path) -> BenchResult:
    """Read a result file.

    Raises
    ------
    EvaluationError
        The file is damaged, no result, or of another version; it is left as it is.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("format")
    except (OSError, ValueError, KeyError, AttributeError):
        raise EvaluationError(f"'{path.name}' is no result file of the bench; move it away and run it again.") from None
    if version != FORMAT:
        raise EvaluationError(
            f"'{path.name}' was written by another version of the bench (format {version}, this one reads {FORMAT}); "
            "keep that folder with its own program, and use an empty one here."
        )
    try:
        columns = content.pop("scores")
        names = {each.name for each in fields(PersonScore)}
        lines = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        scores = tuple(_score({name: value for name, value in line.items() if name in names}) for line in lines)
        known = {each.name for each in fields(BenchResult)}
        plain = {name: value for name, value in content.items() if name in known}
        plain |= {name: tuple(plain.get(name, ())) for name in ("train_persons", "open_persons")}
        return BenchResult(**plain, scores=scores)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise EvaluationError(f"'{path.name}' is damaged; move it away and run it again.") from None


def check_bench_result(path: Path) -> None:
    """Refuse what ``load_bench_result`` would refuse, by the first characters of a file that looks sound; fine if none.

    Raises EvaluationError as ``load_bench_result``.
    """
    beginning = json.dumps({"format": FORMAT})[:-1] + ","
    if path.exists():
        with path.open("rb") as stream:
            looks_sound = stream.read(len(beginning)) == beginning.encode()
        if not looks_sound:
            load_bench_result(path)


def _score(line: Mapping[str, Any]) -> PersonScore:
    bins = line.get("bins")
    return PersonScore(**{**line, "bins": None if bins is None else tuple(tuple(each) for each in bins)})


def load_bench_results(folder: Path | None = None, datasets: Sequence[str] | None = None) -> tuple[BenchResult, ...]:
    """All result files of a folder, by name. Raises EvaluationError as ``load_bench_result``."""
    return tuple(load_bench_result(path) for path in _files(folder or bench_folder(), datasets))


def _files(folder: Path, datasets: Sequence[str] | None) -> Iterable[Path]:
    return sorted(path for path in folder.glob("*/*.json") if datasets is None or path.parent.name in datasets)
