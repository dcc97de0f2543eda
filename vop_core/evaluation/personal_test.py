"""A personal test: one person says known words, and the global model, the personal one and those
made with the wrong clips all answer.

A word that is none of the models' is asked in order to see whether they say so; it counts in no
score. An answer may be withheld: below a confidence, and wherever a model says that it heard none
of its words. All intervals are over the clips of this one person and say nothing of anybody else.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.errors import EvaluationError
from vop_core.evaluation.answers import outcome
from vop_core.evaluation.intervals import (
    clips_needed,
    paired_proportions_interval,
    proportion_interval,
)
from vop_core.evaluation.score import OWN
from vop_core.evaluation.selective import risk_coverage

GLOBAL = "global"
WORTH_SEEING = 0.1  # one word in ten: the gain asked about where none was seen


@dataclass(frozen=True)
class Score:
    """How many known words a model got right, and the interval of that share over clips."""

    right: int
    asked: int

    @property
    def bounds(self) -> tuple[float, float]:
        """Of the share of right answers, 95 %."""
        return proportion_interval(self.right, self.asked)


@dataclass(frozen=True)
class PairedGain:
    """Words that only the personal model got right, and words that only another did."""

    won: int
    lost: int
    asked: int

    @property
    def mean(self) -> float:
        """Share of right answers gained."""
        return (self.won - self.lost) / self.asked

    @property
    def bounds(self) -> tuple[float, float]:
        """Of the gain, 95 %."""
        return paired_proportions_interval(self.won, self.lost, self.asked)

    @property
    def verdict(self) -> str:
        """``helps``, ``harms`` or ``not shown``, by whether the interval leaves 0 out."""
        low, high = self.bounds
        return "helps" if low > 0 else "harms" if high < 0 else "not shown"

    @property
    def needed(self) -> int:
        """How many words in all would show this difference, should it go on like this; without
        one, a gain of one word in ten.
        """
        won, lost = self.won / self.asked, self.lost / self.asked
        found = clips_needed(won, lost)
        return found if found is not None else clips_needed(lost + WORTH_SEEING, lost)


@dataclass(frozen=True)
class Withheld:
    """What is left of the answers where unsure ones are withheld."""

    answered: int  # known words
    right: int  # of these
    asked: int
    unknown_answered: int  # words that are none of the models', taken for one
    unknown: int


@dataclass(frozen=True)
class Influence:
    """What the answers would be without one enrollment clip."""

    right: int  # known words, without the clip
    changed: tuple[tuple[str, str, str], ...]  # word, answer with the clip, answer without it


@dataclass(frozen=True)
class PersonalTest:
    """Everybody's answers to the words of one test."""

    labels: tuple[str, ...]
    none_of_them: frozenset[str]  # labels that are no word, such as "unknown"
    words: tuple[str, ...]  # what was said; may be none of the labels
    # by model: "global", "own", and the controls by row
    probabilities: Mapping[str, Float[Tensor, "query label"]]
    # of the personal model without each enrollment clip
    without: Float[Tensor, "clip query label"]

    @cached_property
    def known(self) -> tuple[int, ...]:
        """Places of the words that the models know."""
        return tuple(place for place, word in enumerate(self.words) if self._is_known(word))

    @property
    def unknown(self) -> tuple[int, ...]:
        """Places of the others."""
        return tuple(place for place, word in enumerate(self.words) if not self._is_known(word))

    def _is_known(self, word: str) -> bool:
        return word in self.labels and word not in self.none_of_them

    def answers(self, model: str) -> list[str]:
        """What a model takes each word for."""
        return self._named(self.probabilities[model])

    def confidences(self, model: str) -> list[float]:
        """The probability of each of these answers."""
        return self.probabilities[model].max(-1).values.tolist()

    def scores(self) -> dict[str, Score]:
        """Of every model. There must be a known word."""
        return {name: self._score(self.answers(name)) for name in self.probabilities}

    def gain(self, over: str = GLOBAL) -> PairedGain:
        """Of the personal model over another. There must be a known word."""
        answers = self.answers(OWN), self.answers(over)
        found = Counter(
            outcome(self.words[place], *(each[place] for each in answers[::-1]))
            for place in self.known
        )
        return PairedGain(found["won"], found["lost"], len(self.known))

    def mistakes(self, model: str) -> dict[tuple[str, str], int]:
        """How often each known word was taken for which other label."""
        answers = self.answers(model)
        return Counter(
            (self.words[place], answers[place])
            for place in self.known
            if answers[place] != self.words[place]
        )

    def withheld(self, model: str, threshold: float) -> Withheld:
        """What is left where answers less sure than ``threshold`` are withheld."""
        answers, sure = self.answers(model), self._sureness(model)
        answered = [sure[place] > 0 and sure[place] >= threshold for place in range(len(sure))]
        known = [place for place in self.known if answered[place]]
        right = sum(answers[place] == self.words[place] for place in known)
        taken = sum(answered[place] for place in self.unknown)
        return Withheld(len(known), right, len(self.known), taken, len(self.unknown))

    def curve(self, model: str) -> list[tuple[float, float, float]]:
        """From the surest known word on: threshold, share of known words answered, share of these
        answered right.
        """
        places, answers = list(self.known), self.answers(model)
        sure = torch.tensor(self._sureness(model))[places].numpy()
        correct = [float(answers[place] == self.words[place]) for place in places]
        found = risk_coverage(sure, torch.tensor(correct).numpy())
        return [(threshold, share, 1 - risk) for threshold, share, risk in found if threshold > 0]

    def influence(self) -> list[Influence]:
        """Of each enrollment clip, in their order."""
        now, found = self.answers(OWN), []
        for probabilities in self.without:
            then = self._named(probabilities)
            changed = [
                each for each in zip(self.words, now, then, strict=True) if each[1] != each[2]
            ]
            found.append(Influence(self._score(then).right, tuple(changed)))
        return found

    def _named(self, probabilities: Float[Tensor, "query label"]) -> list[str]:
        return [self.labels[index] for index in probabilities.argmax(-1).tolist()]

    def _score(self, answers: Sequence[str]) -> Score:
        right = sum(answers[place] == self.words[place] for place in self.known)
        return Score(right, len(self.known))

    def _sureness(self, model: str) -> list[float]:
        """How sure each answer is; 0 where it is that the word is none of them."""
        return [
            0.0 if answer in self.none_of_them else each
            for answer, each in zip(self.answers(model), self.confidences(model), strict=True)
        ]


# --- what is asked --------------------------------------------------------------------------------


def spread(words: Sequence[str], most: int, *, generator: torch.Generator) -> list[int]:
    """Up to ``most`` places in ``words``, in a random order that comes to every word once before
    any word comes again.
    """
    left: dict[str, list[int]] = {}
    for place in torch.randperm(len(words), generator=generator).tolist():
        left.setdefault(words[place], []).append(place)
    found: list[int] = []
    while left and len(found) < most:
        turn = list(left)
        for index in torch.randperm(len(turn), generator=generator).tolist():
            places = left[turn[index]]
            found.append(places.pop())
            if not places:
                del left[turn[index]]
    return found[:most]


def mixed_in(
    known: Sequence[str], unknown: Sequence[str], *, generator: torch.Generator
) -> list[str]:
    """The known words in their order, and each of the others at random in a stretch of its own."""
    found, share = list(known), len(known) / max(len(unknown), 1)
    for number, word in reversed(list(enumerate(unknown))):
        within = float(torch.rand((), generator=generator))
        found.insert(round((number + within) * share), word)
    return found


def words_of_files(names: Sequence[str], words: Sequence[str]) -> list[str] | None:
    """Which of ``words`` each file is called after; None where no file is called after any.

    Raises EvaluationError where only some are, or one is called after several.
    """
    told = [_told(name) & set(words) for name in names]
    if not any(told):
        return None
    unclear = [name for name, found in zip(names, told, strict=True) if len(found) != 1]
    if unclear:
        raise EvaluationError(
            f"Which word is in {', '.join(unclear[:3])}? Name every file after its one word, or "
            "none."
        )
    return [found.pop() for found in told]


def _told(name: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", name.rpartition(".")[0].lower()))


def left_out(clips: int) -> Int[Tensor, "clip shot"]:
    """Places of all clips but one, for each of them."""
    every = torch.arange(clips).expand(clips, clips)
    return every[~torch.eye(clips, dtype=torch.bool)].view(clips, clips - 1)
