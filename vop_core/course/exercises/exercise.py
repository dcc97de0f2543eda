"""What an exercise is: a check against an authority of its own, a picture of a right answer, and a
ladder of hints.

An exercise in a notebook leaves ``...`` to be replaced. Its check never raises: it says what is
wrong. Inputs of a check are drawn or several, so that a typed number does not pass.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from traceback import walk_tb
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from vop_core.course.exercises.mistakes import Mistake
from vop_core.course.reading import display_bundle, show
from vop_core.plots.exercises import answer_figure

CLOSE = 1e-6
# whatever a first attempt raises is an answer to be spoken about
ANYTHING = (Exception, SystemExit)

Check = Callable[[Callable], str | None]
"""An answer to None where it is right, else to a sentence on what is wrong."""


class NotAnswered(Exception):
    """The dots still stand."""


class NoNumbers(Exception):
    """An answer gave something that nobody can check; says what."""


class CodeStopped(Exception):
    """An answer's own code raised something; says what."""


@dataclass(frozen=True)
class Feedback:
    """What a check found; displays itself as the picture of a right answer, the answer on it, and a
    sentence.
    """

    sentence: str
    picture: go.Figure

    def __repr__(self) -> str:
        return self.sentence

    def _ipython_display_(self) -> None:
        show(self.picture)
        display_bundle({"text/plain": self.sentence})


@dataclass(frozen=True)
class Picture:
    """An answer called along a line of inputs, and the number that a right one gives at each of
    them.

    Where an answer gives several numbers, the first is drawn.
    """

    across: str
    down: str
    places: Sequence[int] | Sequence[float]
    inputs: Callable[[float], tuple]  # what the answer is called with at a place
    wanted: Callable[..., float]  # of the same inputs

    def draw(self, answer: Any) -> go.Figure:
        """The figure, with the answer on it unless its dots still stand."""
        wanted = [float(self.wanted(*self.inputs(place))) for place in self.places]
        places = [float(place) for place in self.places]
        return answer_figure(self.across, self.down, places, wanted, self._found(answer))

    def _found(self, answer: Any) -> list[float] | None:
        if answer is ...:
            return None
        found = []
        for place in self.places:
            try:
                value = asked(answer)(*self.inputs(place))
                first, *_ = parts_of(value) or [value]
                found.append(float(torch.as_tensor(first).item()))
            except NotAnswered:
                return None
            except ANYTHING:  # the check says what
                found.append(math.nan)
        return found


@dataclass(frozen=True)
class Exercise:
    """How an answer is checked, what a right one draws, and what helps."""

    check: Check
    picture: Picture
    hints: tuple[str, ...]
    praise: str  # what a right answer has shown
    # what tells mistakes apart besides the picture's inputs
    cases: Sequence[tuple] = ()

    def feedback(self, answer: Any, key: str, mistakes: Sequence[Mistake] = ()) -> Feedback:
        """On an answer to this exercise, which notebooks call ``key``."""
        sentence = self._judged(answer, f"hint: course.hint({key!r})", mistakes)
        return Feedback(sentence, self.picture.draw(answer))

    def _judged(self, answer: Any, hint: str, mistakes: Sequence[Mistake]) -> str:
        given: list[Any] = [None]  # what the answer gave, last
        try:
            wrong = self.check(asked(answered(answer), given))
        except NotAnswered:
            return f"Your turn: replace the dots and run the cell again. A {hint}"
        except CodeStopped as error:
            return f"Not yet: {error} A {hint}"
        except NoNumbers as error:
            wrong = str(error)
        except ANYTHING:  # of the check, on what it was given
            wrong = (
                f"your function gave {_described(given[-1])}; the cell says what it should give."
            )
        if wrong is None:
            return f"Right. {self.praise}"
        known = (each.sentence for each in mistakes if self._is(answer, each.answer))
        return f"Not yet: {next(known, wrong)} A {hint}"

    def _is(self, answer: Callable, mistake: Callable) -> bool:
        """Whether an answer says the same as a known mistake, wherever the picture looks and in
        every further case.
        """
        inputs = [*map(self.picture.inputs, self.picture.places), *self.cases]
        try:
            return all(_alike(asked(answer)(*each), mistake(*each)) for each in inputs)
        except ANYTHING:  # then it is another mistake
            return False


def _alike(found: Any, other: Any) -> bool:
    """One number, or several in any row of them."""
    rows = [parts_of(each) or [each] for each in (found, other)]
    return len(rows[0]) == len(rows[1]) and all(map(near, *rows))


def asked(answer: Callable, kept: list[Any] | None = None) -> Callable:
    """The answer, on copies of what it is given; what it gives is ``kept`` as well.

    Raises CodeStopped where it raises something, and NoNumbers for what is no number.
    """

    def ask(*given: Any) -> Any:
        try:
            found = answer(*map(_copy, given))
            if isinstance(found, Iterator):  # it may stop as well
                found = list(found)
        except ANYTHING as error:
            raise CodeStopped(_stopped(error, given)) from None
        if kept is not None:
            kept[:] = [found]
        return _as_numbers(found)

    return ask


def _stopped(error: BaseException, given: Sequence[Any]) -> str:
    said = f"{type(error).__name__}: {error}".rstrip(". :")
    places = (frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__))
    by_numpy = any(f"{os.sep}numpy{os.sep}" in place for place in places)
    if by_numpy and any(isinstance(each, Tensor) for each in given):
        return (
            f"your code stopped with {said}. What it is given are torch tensors: take their own "
            "functions, such as x.mean(), or x.numpy() first."
        )
    return f"your code stopped with {said}."


def _described(found: Any) -> str:
    """What an answer gave, in words."""
    if isinstance(found, (Tensor, np.ndarray)):
        return f"numbers of the shape {tuple(found.shape)}"
    if isinstance(found, (tuple, list)):
        return f"a {type(found).__name__} of {len(found)}"
    if isinstance(found, (int, float)):
        return f"the number {found:g}"
    return f"a {type(found).__name__}"


def _copy(given: Any) -> Any:
    if isinstance(given, Tensor):
        return given.clone()
    if isinstance(given, (tuple, list)) and type(given) in (tuple, list):
        return type(given)(map(_copy, given))
    return given


def _as_numbers(found: Any) -> Any:
    """What an answer gave, arrays as tensors."""
    answered(found)
    if found is None:
        raise NoNumbers("your function gave None: is there a return, with something behind it?")
    if isinstance(found, str):
        raise NoNumbers("your function gave text; give numbers.")
    if isinstance(found, (tuple, list)):
        return type(found)(map(_as_numbers, found))
    if isinstance(found, (np.ndarray, np.generic)) and found.dtype.kind in "iufb":
        found = torch.as_tensor(found)
    truth = isinstance(found, bool) or (isinstance(found, Tensor) and found.dtype == torch.bool)
    if truth or not isinstance(found, (int, float, Tensor)):
        kind = "True or False" if truth else f"a {type(found).__name__}"
        raise NoNumbers(f"your function gave {kind}; give numbers.")
    if torch.as_tensor(found).isnan().any():
        raise NoNumbers(
            "your function gave NaN: somewhere 0 is divided by 0, or a root or logarithm taken of "
            "a negative number."
        )
    return found


def parts_of(found: Any, count: int | None = None) -> list | None:
    """The parts of an answer, in whatever row it gave them; None where there is none, or not so
    many.
    """
    if isinstance(found, Tensor) and found.ndim:
        found = list(found)
    if not isinstance(found, (tuple, list)) or count not in (None, len(found)):
        return None
    return list(found)


def answered(value: Any) -> Any:
    """``value``, for use in checks. Raises NotAnswered where the dots still stand."""
    if value is ...:
        raise NotAnswered
    return value


def everywhere(wanted: Callable[..., Any], cases: Sequence[tuple], sentence: str) -> Check:
    """Answers must be ``wanted`` on every case; ``sentence`` is formatted with the first on which
    one is not.
    """

    def check(answer: Callable) -> str | None:
        wrong = (case for case in cases if not near(answer(*case), wanted(*case)))
        return next((sentence.format(*case) for case in wrong), None)

    return check


def near(found: object, wanted: float | int | Tensor, tolerance: float = CLOSE) -> bool:
    """Whether an answer is what is wanted, in shape and numbers; a row of one number is that
    number. The tolerance is absolute and relative.
    """
    value = torch.as_tensor(answered(found), dtype=torch.float64).detach()
    goal = torch.as_tensor(wanted, dtype=torch.float64)
    if value.numel() == goal.numel() == 1:
        value, goal = value.flatten(), goal.flatten()
    return value.shape == goal.shape and bool(
        ((value - goal).abs() <= tolerance * (1 + goal.abs())).all()
    )


def seeded() -> torch.Generator:
    """The same draws for every reader."""
    return torch.Generator().manual_seed(7)


def number(value: float) -> Tensor:
    """A number as answers get it."""
    return torch.tensor(value, dtype=torch.float64)


def line(first: float, last: float, count: int) -> tuple[float, ...]:
    """Places, evenly spaced."""
    return tuple(torch.linspace(first, last, count, dtype=torch.float64).tolist())
