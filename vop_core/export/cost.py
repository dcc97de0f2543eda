"""What 8-bit integers cost: float and integer graphs asked about the same clips of persons that no
model was trained on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.evaluation.classification import classification_metrics
from vop_core.evaluation.intervals import Interval, interval_over_persons, paired_interval
from vop_core.export.int8 import INT8
from vop_core.export.voices import SHOTS, Heard

# what the files compute, by their names: inputs to outputs
Graphs = Mapping[str, Callable[..., dict[str, Tensor]]]

METRICS = {"accuracy": (0.0, 1.0), "nll": None}  # and what limits them


def costs(
    graphs: Graphs, persons: Sequence[Heard], *, progress: Callable[[int, int], None] | None = None
) -> list[dict[str, Any]]:
    """A row for every way to ask, each weights and metric: float, integers, and their difference,
    integers less float, with 95 % intervals over persons. NLL in nats.
    """
    found: dict[tuple[str, str, str, str], list[float]] = {}
    for place, person in enumerate(persons):
        for kind in ("", INT8):
            for way, answered in (
                ("personalize", _in_one(graphs, kind, person)),
                ("enroll, answer", _in_two(graphs, kind, person)),
            ):
                for weights, logs in answered.items():
                    worth = classification_metrics(logs.double().exp(), person.labels)
                    for metric in METRICS:
                        key = way, weights, metric, kind
                        found.setdefault(key, []).append(float(worth[metric].mean()))
        if progress is not None:
            progress(place + 1, len(persons))
    return [
        {
            "graphs": way,
            "weights": weights,
            "metric": metric,
            "float": _plain(interval_over_persons(values, limits=METRICS[metric])),
            "int8": _plain(interval_over_persons(smaller, limits=METRICS[metric])),
            "difference": _plain(paired_interval(np.subtract(smaller, values))),
        }
        for (way, weights, metric, kind), values in found.items()
        if not kind
        for smaller in [found[way, weights, metric, INT8]]
    ]


def _in_one(graphs: Graphs, kind: str, person: Heard) -> dict[str, Float[Tensor, "query label"]]:
    """Both answers by one graph."""
    graph = graphs[f"personalize{kind}"]
    found = graph(enrollment=person.enrollment[:SHOTS], queries=person.queries)
    return {name: found[f"{name}_log_probability"] for name in ("global", "personal")}


def _in_two(graphs: Graphs, kind: str, person: Heard) -> dict[str, Float[Tensor, "query label"]]:
    """The same by a graph that enrolls and one that answers."""
    mean = graphs[f"enroll{kind}"](enrollment=person.enrollment[:SHOTS])["mean"]
    numbers = torch.stack((torch.zeros_like(mean), mean))
    found = graphs[f"answer{kind}"](queries=person.queries, numbers=numbers)
    return dict(zip(("global", "personal"), found["log_probability"], strict=True))


def _plain(interval: Interval) -> dict[str, Any]:
    bounds = interval.bounds and list(interval.bounds)
    return {"mean": interval.mean, "ci95": bounds, "persons": interval.persons}
