"""Exercises of notebook 13: effects of two factors, and persons chosen on other clips."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vop_core.course.exercises.exercise import (
    Exercise,
    Picture,
    answered,
    line,
    near,
    parts_of,
    seeded,
)

CELLS = ((1, 1), (-1, 1), (1, -1), (-1, -1))  # own clips or a stranger's, same environment or not
TRIPLES = ((0.9, 0.84, 0.86, 0.82), (0.7, 0.72, 0.66, 0.5), (0.95, 0.6, 0.9, 0.58))


def _effects(*cells: float) -> tuple[float, float, float]:
    """By least squares on the two factors and their product, coded 1 and -1."""
    design = [[1, person, place, person * place] for person, place in CELLS]
    _, person, place, both = np.linalg.lstsq(np.array(design, float), np.array(cells), rcond=None)[
        0
    ]
    return 2 * float(person), 2 * float(place), 4 * float(both)


def _check_effects(answer: Callable) -> str | None:
    for cells in TRIPLES:
        found, wanted = answered(answer(*cells)), _effects(*cells)
        parts = parts_of(found, 3)
        if parts is None:
            return "give three numbers: of the person, of the environment, and the interaction."
        for name, mine, right in zip(
            ("person", "environment", "interaction"), parts, wanted, strict=True
        ):
            if not near(mine, right):
                return f"for the cells {cells} least squares finds {name}: {right:+.3f}."
    return None


def _worst(chosen: Tensor, base: Tensor, own: Tensor) -> float:
    """By pandas: the quarter with the lowest scores."""
    import pandas as pd

    table = pd.DataFrame({"chosen": chosen.numpy(), "gain": (own - base).numpy()})
    return float(table.nsmallest(len(table) // 4, "chosen")["gain"].mean())


def _three(shift: float, persons: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """Of each person: the global model on the clips that choose and on those that score, and the
    personal one on the latter.
    """
    noise = 0.08 * torch.randn(3, persons, generator=seeded(), dtype=torch.float64)
    # not in order: whoever does not look at the first scores finds others
    truth = torch.linspace(0.5, 0.95, persons, dtype=torch.float64)
    truth = truth[torch.arange(persons) * 7 % persons]
    return truth + noise[0], truth + noise[1], truth + noise[2] + shift * (1 - truth)


def _check_worst(answer: Callable) -> str | None:
    for shift, persons in ((0.0, 12), (0.3, 12), (-0.2, 15), (0.1, 33)):
        given = _three(shift, persons)
        found, wanted = answer(*given), _worst(*given)
        if not near(found, wanted):
            return (
                f"over the {persons // 4} of {persons} that the first scores choose, pandas finds "
                f"{wanted:+.4f}; yours is {float(found):+.4f}."
            )
    return None


EXERCISES = {
    "effects-of-four": Exercise(
        _check_effects,
        Picture(
            "own clips, same environment",
            "effect of the person",
            line(0.7, 0.95, 11),
            lambda own: (own, 0.84, 0.86, 0.82),
            lambda *cells: _effects(*cells)[0],
        ),
        (
            "The person's effect is the mean of two differences: here, and elsewhere.",
            "The interaction is the difference of the two differences, not their mean.",
        ),
        "Least squares says the same: two factors, four cells.",
    ),
    "gain-of-the-worst": Exercise(
        _check_worst,
        Picture(
            "what a personal model adds for each point missing",
            "gain of the worst quarter",
            line(-0.3, 0.5, 9),
            _three,
            _worst,
        ),
        (
            "Who is worst is decided by the first scores alone: argsort them.",
            "The gain of those persons is own - base, both on the other clips.",
        ),
        "Chosen on some clips, scored on others: luck does not come along.",
    ),
}
