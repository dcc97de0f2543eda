"""Exercises: a check against an authority of its own, a picture of a right answer, and a ladder of hints.

An exercise in a notebook leaves ``...`` to be replaced. Its check never raises: it says what is wrong. Solutions lie
apart, in ``notebooks/solutions``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import plotly.graph_objects as go

from vop_core.course.reading import display_bundle, show
from vop_core.errors import VopError

NOT_ANSWERED = "not answered"
RIGHT = "right"
WRONG = "not yet"


class NotAnswered(Exception):
    """The dots still stand."""


@dataclass(frozen=True)
class Exercise:
    """What is asked, how an answer is checked, and what helps.

    ``check`` returns None for a right answer, else a sentence on what is wrong.
    """

    check: Callable[[Any], str | None]
    hints: tuple[str, ...]
    praise: str  # what a right answer has shown


@dataclass(frozen=True)
class Verdict:
    """What a check found; displays itself as the picture of a right answer, the answer on it, and a sentence."""

    outcome: str
    sentence: str
    picture: go.Figure | None = None

    def __repr__(self) -> str:
        return self.sentence

    def _ipython_display_(self) -> None:
        if self.picture is not None:
            show(self.picture)
        display_bundle({"text/plain": self.sentence})


_given: dict[str, int] = {}  # hints already given, in this kernel


def check(key: str, answer: Any) -> Verdict:
    """Check an answer to the exercise of that name. Raises VopError for an exercise that does not exist."""
    from vop_core.course.exercise_pictures import PICTURES

    return replace(_checked(key, _find(key), answer), picture=PICTURES[key].draw(answer))


def _checked(key: str, exercise: Exercise, answer: Any) -> Verdict:
    if answer is ...:
        return _unanswered(key)
    try:
        wrong = exercise.check(answer)
    except NotAnswered:
        return _unanswered(key)
    except Exception as error:  # whatever a first attempt raises is an answer to be spoken about
        return Verdict(WRONG, f"Not yet: your code stopped with {type(error).__name__}: {error}")
    if wrong is None:
        return Verdict(RIGHT, f"Right. {exercise.praise}")
    return Verdict(WRONG, f"Not yet: {wrong} A hint: course.hint({key!r})")


def hint(key: str) -> str:
    """The next hint of an exercise; after the last one, where the solution lies."""
    exercise = _find(key)
    number = _given.get(key, 0)
    _given[key] = number + 1
    if number < len(exercise.hints):
        return f"Hint {number + 1} of {len(exercise.hints)}: {exercise.hints[number]}"
    return "No further hints; the solution is in the folder solutions, in the notebook of the same name."


def answered(value: Any) -> Any:
    """``value``, for use in checks. Raises NotAnswered where the dots still stand."""
    if value is ...:
        raise NotAnswered
    return value


def _find(key: str) -> Exercise:
    from vop_core.course.exercise_book import EXERCISES

    exercises: Mapping[str, Exercise] = EXERCISES
    if key not in exercises:
        raise VopError(f"There is no exercise '{key}'; there are {', '.join(exercises)}.")
    return exercises[key]


def _unanswered(key: str) -> Verdict:
    return Verdict(NOT_ANSWERED, f"Your turn: replace the dots and run the cell again. A hint: course.hint({key!r})")
