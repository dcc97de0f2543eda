"""Two persons exchange their models: every word of both is answered by its speaker's own model, by
the other person's, and by the global one.

The other person's model is the wrong-person control in its plainest form: what it gets right as
well, personalization has not earned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from vop_core.evaluation.intervals import SIGN_FLIP_PERSONS, paired_proportions_interval

OWN, OTHER, EVERYBODYS = MODELS = ("own", "other", "global")
FEWEST_WORDS = SIGN_FLIP_PERSONS  # fewer cannot show a difference at the 5 % level


@dataclass(frozen=True)
class Answered:
    """One model's answers to one person's words."""

    words: tuple[str, ...]  # as they were said; empty where nobody told
    labels: tuple[str, ...]  # as they were answered
    sureness: tuple[float, ...]  # probability of each answer

    @property
    def told(self) -> int:
        """Of how many words it is known what they are."""
        return sum(map(bool, self.words))

    @property
    def right(self) -> int:
        """How many of these are answered right."""
        return sum(self.correct)

    @property
    def correct(self) -> tuple[bool, ...]:
        """Of each word that is known, whether it is answered right."""
        pairs = zip(self.words, self.labels, strict=True)
        return tuple(word == label for word, label in pairs if word)

    @property
    def sure(self) -> float:
        """Mean probability of the answers."""
        return sum(self.sureness) / len(self.sureness)


@dataclass(frozen=True)
class Exchange:
    """Both persons' words, answered by each kind of model."""

    answered: tuple[dict[str, Answered], dict[str, Answered]]  # by person, by model

    def right(self, model: str) -> int:
        """How many words of both persons a kind of model gets right."""
        return sum(person[model].right for person in self.answered)

    @property
    def told(self) -> int:
        """Of how many words of both it is known what they are."""
        return sum(person[OWN].told for person in self.answered)

    @property
    def gain(self) -> float:
        """Share of right answers that one's own model has over the other person's, of the words of
        both that are known.
        """
        return (self.right(OWN) - self.right(OTHER)) / self.told

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The gain's exact interval, paired over these words; None where they are too few."""
        if self.told < FEWEST_WORDS:
            return None
        own, other = (
            [right for person in self.answered for right in person[model].correct]
            for model in (OWN, OTHER)
        )
        won = sum(a and not b for a, b in zip(own, other, strict=True))
        lost = sum(b and not a for a, b in zip(own, other, strict=True))
        return paired_proportions_interval(won, lost, self.told)


def exchange(
    models: Sequence,
    global_model,
    queries: Float[Tensor, " query *input"],
    words: Sequence[Sequence[str]],
    labels: Sequence[str],
) -> Exchange:
    """Ask two persons' ``models`` and the global one about all ``queries`` at once: first those of
    the first person, then those of the second. ``words`` are what each said.
    """
    of_first, of_second, common = (
        model.predict(queries).probabilities for model in (*models, global_model)
    )
    places = slice(None, len(words[0])), slice(len(words[0]), None)
    roles = (of_first, of_second, common), (of_second, of_first, common)
    return Exchange(
        tuple(
            {
                name: _answered(probabilities[place], said, labels)
                for name, probabilities in zip(MODELS, asked, strict=True)
            }
            for place, asked, said in zip(places, roles, words, strict=True)
        )
    )


def _answered(
    probabilities: Float[Tensor, "query label"], words: Sequence[str], labels: Sequence[str]
) -> Answered:
    sureness, best = probabilities.max(-1)
    return Answered(
        tuple(words), tuple(labels[index] for index in best.tolist()), tuple(sureness.tolist())
    )
