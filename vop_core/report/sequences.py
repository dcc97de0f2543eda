"""docs/dua.md: what dual user adaptation comes to here, in the talk's own layout beside the talk's
figures, from the results of the suite ``dua``.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vop_core.bench.results import DONE, Result
from vop_core.continual.analysis import KINDS
from vop_core.continual.asking import ACCURACY, WHEN_LEARNED, WRONG
from vop_core.continual.local_registry import LOCAL_ADAPTATIONS
from vop_core.continual.registry import SERVER_METHODS
from vop_core.evaluation.intervals import Interval, paired_interval
from vop_core.report.words import NOTHING, TEMPLATES, points

PAGE = Path("docs") / "dua.md"
SENT = "as sent"
RELEASED, COPIED, OWN = "adabn, released", "adabn, statistics copied", "adabn"
VOP = "vop"
# The talk's tables: accuracy (forgetting), percent [DUA]. AlexNet and VGG11 without normalisation,
# a perceptron; then VGG11 with it: as sent, AdaBN, AdaBN-S.
TALK_SERVER = {
    "mas-racl": ("66.97 (0.88)", "47.04 (-0.27)", "77.32 (0.77)", "53.59 (-0.14)", "84.01 (-0.22)"),
    "fim-racl": ("67.20 (0.73)", "47.32 (-0.51)", "76.53 (0.68)", "53.73 (-0.13)", "87.83 (0.30)"),
    "mas-imm": ("67.39 (0.73)", "46.51 (-0.14)", "76.77 (0.30)", "53.49 (-0.17)", "84.36 (-0.40)"),
    "fim-imm": ("67.42 (0.23)", "46.68 (-0.35)", "76.29 (0.43)", "53.14 (0.07)", "87.68 (0.07)"),
}
TALK_LOCAL = {
    "mas-racl": ("58.05", "58.30", "60.68", "30.14", "30.19", "32.82"),
    "fim-racl": ("59.58", "59.71", "62.43", "32.15", "32.04", "34.80"),
    "task-experts": ("80.78", NOTHING, NOTHING, "68.22", NOTHING, NOTHING),
    "mas-imm": ("55.55", "55.89", "58.87", "29.36", "29.15", "31.73"),
    "fim-imm": ("61.50", "61.35", "63.99", "32.08", "31.86", "34.48"),
    "mas": ("65.58", "64.15", "67.10", "37.32", "35.64", "40.51"),
    "ewc": ("66.20", "64.03", "67.54", "37.16", "35.44", "40.05"),
    "lwf": ("70.76", "70.37", "72.73", "40.22", "39.51", "43.07"),
    "joint": ("75.75", "72.13", "76.39", "46.53", "41.18", "48.50"),
}
# Of the talk's statements, each a difference whose sign it shows: what, benchmark, one, other.
Side = tuple[str, str]  # server method, adaptation on the device
STATEMENTS: tuple[tuple[str, str, Side, Side, str], ...] = (
    ("FIM merges better than MAS", "numbers, mlp", ("fim-imm", SENT), ("mas-imm", SENT), "above"),
    ("RACL is as good as IMM", "numbers, mlp", ("mas-racl", SENT), ("mas-imm", SENT), "none"),
    ("RACL is as good as IMM", "numbers, mlp", ("fim-racl", SENT), ("fim-imm", SENT), "none"),
    ("LwF is above EWC", "trans-prior, conv4", ("lwf", SENT), ("ewc", SENT), "above"),
    ("LwF is above merging", "trans-prior, conv4", ("lwf", SENT), ("fim-imm", SENT), "above"),
    ("All at once is best", "trans-prior, conv4", ("joint", SENT), ("lwf", SENT), "above"),
    (
        "AdaBN, as released, gives nothing",
        "trans-prior, conv4",
        ("fim-imm", RELEASED),
        ("fim-imm", SENT),
        "none",
    ),
    (
        "AdaBN, as released, costs what was trained together",
        "trans-prior, conv4",
        ("joint", RELEASED),
        ("joint", SENT),
        "below",
    ),
    (
        "Labels help on the device (AdaBN-S)",
        "trans-prior, conv4",
        ("fim-imm", "adabn-s, released"),
        ("fim-imm", RELEASED),
        "above",
    ),
)
SHOWN = {"above": "above 0", "below": "below 0", "none": "no difference"}

Persons = Mapping[str, float]


class Figures:
    """Everybody's accuracies and what was forgotten, of all results."""

    def __init__(self, results: Sequence[Result]) -> None:
        done = [each for each in results if each.status == DONE]
        self.results = done
        self.table = pd.concat(
            [
                each.scores.assign(dataset=each.dataset, method=each.method, seed=each.seed)
                for each in done
            ]
        )
        keys = ["dataset", "method", "row", "person"]
        every = [*keys, "repetition", "seed"]
        last = self.table[self.table["metric"] == ACCURACY].set_index(every)["value"]
        first = self.table[self.table["metric"] == WHEN_LEARNED].set_index(every)["value"]
        self.accuracy = last.groupby(keys, observed=True).mean()
        self.forgotten = (first - last).dropna().groupby(keys, observed=True).mean()

    @property
    def datasets(self) -> list[str]:
        """Benchmark and network."""
        return sorted(set(self.table["dataset"]))

    def persons(self, dataset: str, side: Side, *, forgotten: bool = False) -> Persons:
        """Each user's mean over tasks and seeds."""
        values = self.forgotten if forgotten else self.accuracy
        try:
            return dict(values.loc[(dataset, *side)])
        except KeyError:
            return {}

    def cell(self, dataset: str, side: Side) -> str:
        """``84.4 (-0.4)``: accuracy and what was forgotten."""
        own = self.persons(dataset, side)
        if not own:
            return NOTHING
        gone = self.persons(dataset, side, forgotten=True)
        lost = f" ({100 * np.mean(list(gone.values())):.1f})" if gone else ""
        return f"{100 * np.mean(list(own.values())):.1f}{lost}"

    def difference(self, dataset: str, one: Side, other: Side) -> Interval | None:
        """Paired over the users; None where one of both is missing."""
        first, second = self.persons(dataset, one), self.persons(dataset, other)
        shared = sorted(first.keys() & second.keys())
        if not shared:
            return None
        return paired_interval([first[name] - second[name] for name in shared])

    def seeds(self, dataset: str) -> list[int]:
        """With which it was run, by every method."""
        found: dict[str, set[int]] = {}
        for each in self.results:
            if each.dataset == dataset:
                found.setdefault(each.method, set()).add(each.seed)
        return sorted(set.intersection(*found.values()))


def sequence_files(results: Sequence[Result], root: Path) -> dict[Path, str]:
    """The page, as text; nothing where there are no results."""
    if not any(each.status == DONE for each in results):
        return {}
    return {root / PAGE: sequence_page(results)}


def sequence_page(results: Sequence[Result]) -> str:
    """What dual user adaptation comes to, in Markdown."""
    figures = Figures(results)
    normalised = [name for name in figures.datasets if _has_rows(figures, name)]
    return TEMPLATES.get_template("dua.md").render(
        runs=[
            (name, len(figures.persons(name, ("joint", SENT))), _listed(figures.seeds(name)))
            for name in figures.datasets
        ],
        datasets=figures.datasets,
        server=list(_server(figures)),
        normalised=normalised,
        local={name: list(_local(figures, name)) for name in normalised},
        columns=list(LOCAL_ADAPTATIONS),
        talk_server=TALK_SERVER,
        talk_local=TALK_LOCAL,
        corrections=[row for name in normalised for row in _corrections(figures, name)],
        statements=list(_statements(figures)),
        correlations=list(_correlations(figures)),
        traffic=list(_traffic(figures)),
    )


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds)) or NOTHING


def _has_rows(figures: Figures, dataset: str) -> bool:
    return bool(figures.persons(dataset, ("joint", OWN)))


def _server(figures: Figures) -> Iterator[list[str]]:
    for method in SERVER_METHODS:
        cells = [figures.cell(dataset, (method, SENT)) for dataset in figures.datasets]
        yield [method, *cells]


def _local(figures: Figures, dataset: str) -> Iterator[list[str]]:
    for method in SERVER_METHODS:
        cells = [figures.cell(dataset, (method, row)) for row in LOCAL_ADAPTATIONS]
        if set(cells) != {NOTHING}:
            yield [method, *cells]


def _estimate(found: Interval) -> dict[str, Any]:
    return {"mean": found.mean, "ci95": found.bounds}


def _corrections(figures: Figures, dataset: str) -> Iterator[list[str]]:
    """What the statistics are worth, and whether it is this user's that are."""
    pairs = (
        (COPIED, RELEASED),
        (OWN, SENT),
        (OWN, OWN + WRONG),
        (VOP, SENT),
        (VOP, VOP + WRONG),
        (VOP, OWN),
    )
    for method in ("task-experts", "fim-imm", "lwf", "joint"):
        found = [
            figures.difference(dataset, (method, one), (method, other)) for one, other in pairs
        ]
        if any(found):
            cells = [points(_estimate(each)) if each else NOTHING for each in found]
            yield [dataset, method, *cells]


def _statements(figures: Figures) -> Iterator[list[str]]:
    for what, dataset, one, other, expected in STATEMENTS:
        found = figures.difference(dataset, one, other)
        if found is None or found.bounds is None:
            yield [what, dataset, NOTHING, SHOWN[expected], "not run"]
            continue
        low, high = found.bounds
        seen = "above" if low > 0 else "below" if high < 0 else "none"
        verdict = "as in the talk" if seen == expected else f"here: {SHOWN[seen]}"
        yield [what, dataset, points(_estimate(found)), SHOWN[expected], verdict]


def _correlations(figures: Figures) -> Iterator[list[str]]:
    """Mean over seeds, with its smallest and largest value of the pairs."""
    found: dict[tuple[str, str], list[Mapping[str, list[float]]]] = {}
    for each in figures.results:
        importance = each.figures.get("importance", {})
        for kind in importance.keys() & set(KINDS):
            found.setdefault((each.dataset, kind), []).append(importance[kind])
    for (dataset, kind), seeds in sorted(found.items()):
        cells = []
        for what in ("users", "data", "models"):
            every = [value for values in seeds for value in values[what]]
            means = [float(np.mean(values[what])) for values in seeds]
            cells.append(f"{np.mean(means):.2f} ({min(every):.2f} to {max(every):.2f})")
        yield [dataset, kind, *cells]


def _traffic(figures: Figures) -> Iterator[list[str]]:
    dataset = "numbers, mlp" if "numbers, mlp" in figures.datasets else figures.datasets[0]
    for method in SERVER_METHODS:
        for each in figures.results:
            if (each.dataset, each.method) == (dataset, method):
                bytes_of = each.figures["traffic"]
                facts = SERVER_METHODS[method].facts
                reads = "labeled samples" if facts.labels else "samples"
                sees = "importance weights" if facts.personal else "nothing"
                cells = [f"{bytes_of[name]:,}" for name in ("down", "up", "kept")]
                reads = reads if facts.personal else "nothing"
                yield [method, dataset, *cells, sees, reads]
                break
