"""Every exercise of the course, by its key in the notebooks. Solutions lie apart, in
``notebooks/solutions``.

Checks and pictures use an authority other than the function that the notebook shows: a closed form,
torch.distributions, librosa, scikit-learn or a number that the twin knows exactly.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from vop_core.course.exercises import (
    bound,
    classes,
    decisions,
    design,
    foundations,
    judgement,
    workshop,
)
from vop_core.course.exercises.exercise import Exercise, Feedback
from vop_core.course.exercises.mistakes import MISTAKES
from vop_core.errors import VopError

EXERCISES: Mapping[str, Exercise] = (
    foundations.EXERCISES
    | bound.EXERCISES
    | judgement.EXERCISES
    | decisions.EXERCISES
    | classes.EXERCISES
    | design.EXERCISES
    | workshop.EXERCISES
)

_given: Counter[str] = Counter()  # hints already given, in this kernel


def check(key: str, answer: Any) -> Feedback:
    """Check an answer to the exercise of that name. Raises VopError for an exercise that does not
    exist.
    """
    return _find(key).feedback(answer, key, MISTAKES.get(key, ()))


def hint(key: str) -> str:
    """The next hint of an exercise; after the last one, where the solution lies."""
    hints = _find(key).hints
    _given[key] += 1
    if _given[key] <= len(hints):
        return f"Hint {_given[key]} of {len(hints)}: {hints[_given[key] - 1]}"
    return (
        "No further hints. The solution is in the notebook of the same name in the folder "
        "solutions; in JupyterLab: File, Open from Path."
    )


def _find(key: str) -> Exercise:
    if key not in EXERCISES:
        raise VopError(f"There is no exercise '{key}'; there are {', '.join(EXERCISES)}.")
    return EXERCISES[key]
