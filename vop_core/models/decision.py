"""Is personalization worth shipping? Who gains and who is harmed, by number of clips, and what may
be concluded.

A *regime* is so many clips of each person, heard in one place. Two groups of people answer for it,
none of whom any model was trained or chosen on: those of the model's card, and the bundled ones,
who are asked here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.data.environments import CLEAN
from vop_core.data.voices import BundledPerson
from vop_core.evaluation.comparison import holm, sign_flip_p_value
from vop_core.evaluation.detection import Detector, command_scores
from vop_core.evaluation.intervals import (
    LEVEL,
    Interval,
    interval_over_persons,
    paired_interval,
    persons_harmed,
    persons_needed,
    worst_decile,
)
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import OWN, WRONG_PERSON
from vop_core.models.bundle import Bundle
from vop_core.models.bundled import accepted, heard_clips
from vop_core.tasks.keyword_spotting import SILENCE, UNKNOWN
from vop_core.tasks.registry import TASKS

CLIPS = (1, 3, 5, 10)
MOST_QUERIES = 20  # of a bundled person: who has more would keep everybody waiting
OTHER_WORDS = 5  # clips of each other speaker, and of each kind of noise
PERSONS_AT_ONCE = 8
NO_COMMAND = (UNKNOWN, SILENCE)
OF_THEIRS, OF_ANOTHERS = "made of their own", "made of another person's"
SHIP, SOME, NOTHING, HARM = "ship", "ship for some", "not shown", "harm shown"

Shares = Mapping[str, float]


@dataclass(frozen=True)
class Regime:
    """What so many clips of each person bring, as shares of right answers by person."""

    shots: int
    own: Shares
    everybody: Shares  # the global model's
    wrong: Shares  # with another person's clips
    harmed: int | None  # persons whose own interval of the difference, over clips, lies below 0
    p: float  # of no gain, adjusted for the number of regimes

    @property
    def gains(self) -> dict[str, float]:
        """Personal - global, of each person."""
        return {person: self.own[person] - self.everybody[person] for person in self.own}

    @property
    def gain(self) -> Interval:
        """Their mean."""
        return paired_interval(list(self.gains.values()))

    @property
    def against_wrong(self) -> Interval:
        """Right minus wrong person: what of the answers needs the right person."""
        return paired_interval([self.own[person] - self.wrong[person] for person in self.own])

    @property
    def levels(self) -> tuple[Interval, Interval]:
        """Right answers of the global and of the personal models."""
        return tuple(
            interval_over_persons(list(each.values()), limits=(0.0, 1.0))
            for each in (self.everybody, self.own)
        )

    @property
    def worst_tenth(self) -> tuple[float, float]:
        """Right answers of the tenth that each model serves worst: not always the same people."""
        return tuple(worst_decile(list(each.values())) for each in (self.everybody, self.own))

    @property
    def better_worse_same(self) -> tuple[int, int, int]:
        """For how many the personal model is right more often, less often, and as often."""
        gains = list(self.gains.values())
        return sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains), gains.count(0)

    @property
    def shown(self) -> bool:
        """Whether a gain is shown, and that it needs the right person."""
        return self._tells(self.gain) > 0 and self._above_0(self.against_wrong)

    @property
    def harm_shown(self) -> bool:
        """Whether the mean loss is shown."""
        return self._tells(self.gain) < 0

    def _tells(self, found: Interval) -> int:
        if found.bounds is None or self.p > 1 - LEVEL:
            return 0
        return int(found.bounds[0] > 0) - int(found.bounds[1] < 0)

    @staticmethod
    def _above_0(found: Interval) -> bool:
        return found.bounds is not None and found.bounds[0] > 0

    @property
    def harmed_by_chance(self) -> float:
        """How many would seem harmed if nothing changed."""
        return (1 - LEVEL) / 2 * len(self.own)

    @property
    def points(self) -> tuple[dict[str, list[float]], dict[str, tuple[float, float, float]]]:
        """Each person's points over the global model, with their own clips and with another
        person's; and the means with their intervals.
        """
        every, intervals = {}, {}
        for name, answered in ((OF_THEIRS, self.own), (OF_ANOTHERS, self.wrong)):
            gains = [answered[person] - self.everybody[person] for person in self.own]
            found = paired_interval(gains)
            every[name] = [100 * gain for gain in gains]
            intervals[name] = tuple(100 * end for end in (found.mean, *(found.bounds or ())))
        return every, intervals

    def persons_needed(self, gain: float) -> int | None:
        """How many persons would show a gain of so much with 80 % power, if they differ as these
        do.
        """
        return persons_needed(gain, float(np.std(list(self.gains.values()), ddof=1)))


def verdict(regimes: Sequence[Regime]) -> str:
    """``SHIP`` where every regime is shown and no person harmed, ``SOME`` where any is shown,
    ``HARM`` where only harm is, else ``NOTHING``.
    """
    shown = [regime.shown for regime in regimes]
    if any(shown):
        safe = all(shown) and not any(regime.harmed for regime in regimes)
        return SHIP if safe else SOME
    return HARM if any(regime.harm_shown for regime in regimes) else NOTHING


def _tested(regimes: Sequence[Regime]) -> tuple[Regime, ...]:
    """With p-values, adjusted for asking so many."""
    p_values = {str(r.shots): sign_flip_p_value(list(r.gains.values())) for r in regimes}
    adjusted = holm(p_values)
    return tuple(replace(regime, p=adjusted[str(regime.shots)]) for regime in regimes)


def card_regimes(card: Mapping[str, Any]) -> tuple[Regime, ...]:
    """Of the persons whom the card's models never heard; empty where the card has no results."""
    rows: dict[tuple[str, str, int], Mapping[str, Any]] = {
        (row["method"], row["row"], row["shots"]): row
        for row in card.get("results", {}).get("rows", ())
        if row["set"] == OPEN
    }
    found = []
    for method, name, shots in rows:
        own = rows[method, name, shots]
        everybody, wrong = (
            rows.get(key, {}).get("per_person")
            for key in (("global", OWN, shots), (method, WRONG_PERSON, shots))
        )
        if method == "global" or name != OWN or not everybody or not wrong:
            continue
        harmed = None if own["harmed"] is None else len(own["harmed"])
        found.append(Regime(shots, own["per_person"], everybody, wrong, harmed, 1.0))
    return _tested(sorted(found, key=lambda regime: regime.shots))


# --- by place -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """What bundled persons gain where they are heard in one environment, by the card."""

    environment: str
    gain: Interval
    better_worse_same: tuple[int, int, int]


def card_places(card: Mapping[str, Any]) -> tuple[Place, ...]:
    """Every environment of the card; empty where it says nothing of bundled persons."""
    rows = card.get("bundled", {}).get("rows", ())
    found = []
    for environment in dict.fromkeys(row["environment"] for row in rows):
        here = [row for row in rows if row["environment"] == environment and row["queries"]]
        gains = [(row["personal"] - row["global"]) / row["queries"] for row in here]
        counts = sum(g > 0 for g in gains), sum(g < 0 for g in gains), gains.count(0)
        found.append(Place(environment, paired_interval(gains), counts))
    return tuple(found)


# --- bundled persons, asked here ------------------------------------------------------------------


@dataclass(frozen=True)
class HeardPersons:
    """Clips of bundled persons, as the models hear them."""

    names: tuple[str, ...]
    enrollment: tuple[Float[Tensor, " _clip *input"], ...]
    query: tuple[Float[Tensor, " _clip *input"], ...]
    labels: tuple[Int[Tensor, " _clip"], ...]
    # what is no command: by other speaker or kind of noise
    others: Mapping[str, Float[Tensor, " _clip *input"]]
    noises: tuple[str, ...]  # which of them are noise


def heard_persons(
    models: Bundle,
    persons: Sequence[BundledPerson],
    strangers: Sequence[BundledPerson],
    environment: str = CLEAN,
) -> HeardPersons:
    """Everybody's clips in an environment of their own: all that enroll, in the order in which the
    app takes them, and up to ``MOST_QUERIES`` to ask about.

    ``strangers`` say words that the models were never taught; noise is drawn beside them.
    """
    enrollment, query, labels = [], [], []
    for person in persons:
        own = heard_clips(models, person.id, environment, person.enrollment)
        enrollment.append(own.features[accepted(models, own, len(person.enrollment))])
        known = [clip for clip in person.query if clip.label in models.labels]
        asked = heard_clips(models, person.id, environment, known[:MOST_QUERIES])
        query.append(asked.features)
        labels.append(asked.labels)
    count = min([OTHER_WORDS, *(len(stranger.query) for stranger in strangers)])
    others = {
        stranger.name: heard_clips(
            models, stranger.id, environment, stranger.query[:count]
        ).features
        for stranger in strangers
    }
    generator = torch.Generator().manual_seed(0)
    noises = TASKS[models.task].nobodys(count, generator=generator)
    names = tuple(person.name for person in persons)
    clips = tuple(enrollment), tuple(query), tuple(labels)
    return HeardPersons(names, *clips, others | noises, tuple(noises))


def bundled_regimes(models: Bundle, heard: HeardPersons) -> tuple[Regime, ...]:
    """Bundled persons with as many clips as they have of ``CLIPS``; the wrong person is the next
    one.
    """
    by_global = [
        models.global_model.predict(query).label_index == labels
        for query, labels in zip(heard.query, heard.labels, strict=True)
    ]
    found = []
    for shots in CLIPS:
        able = [place for place, own in enumerate(heard.enrollment) if len(own) >= shots]
        if len(able) < 2:
            continue
        own = [heard.enrollment[place][:shots] for place in able]
        asked = [heard.query[place] for place in able]
        right, wrong = (
            [
                answers.argmax(-1) == heard.labels[place]
                for answers, place in zip(_asked(models, enrolled, asked), able, strict=True)
            ]
            for enrolled in (own, own[1:] + own[:1])
        )
        names = [heard.names[place] for place in able]
        before = [by_global[place] for place in able]
        shares = [
            dict(zip(names, (float(each.double().mean()) for each in answered), strict=True))
            for answered in (right, before, wrong)
        ]
        differences = {
            name: (one.double() - other.double()).numpy()
            for name, one, other in zip(names, right, before, strict=True)
        }
        found.append(Regime(shots, *shares, len(persons_harmed(differences)), 1.0))
    return _tested(found)


def _asked(
    models: Bundle,
    enrollment: Sequence[Float[Tensor, " shot *input"]],
    query: Sequence[Float[Tensor, " _clip *input"]],
) -> list[Float[Tensor, "_clip label"]]:
    """Each person's answers; persons with as many queries go together, padded with their first."""
    answers: dict[int, Tensor] = {}
    order = sorted(range(len(query)), key=lambda place: len(query[place]))
    for start in range(0, len(order), PERSONS_AT_ONCE):
        batch = order[start : start + PERSONS_AT_ONCE]
        most = len(query[batch[-1]])
        padded = torch.stack([_padded(query[place], most) for place in batch])
        enrolled = torch.stack([enrollment[place] for place in batch])
        found = models.vop.predict_persons(enrolled, padded)
        answers |= {p: each[: len(query[p])] for p, each in zip(batch, found, strict=True)}
    return [answers[place] for place in range(len(query))]


def _padded(clips: Float[Tensor, " clip *input"], count: int) -> Float[Tensor, " count *input"]:
    return torch.cat([clips, clips[:1].expand(count - len(clips), *clips.shape[1:])])


def detectors(models: Bundle, heard: HeardPersons, shots: int) -> dict[str, Detector]:
    """The global and the personal models as detectors of commands, asked about each person's
    commands and about the same other words and noise.

    Only persons with so many clips; a score is the probability of the likeliest command.
    """
    able = [place for place, own in enumerate(heard.enrollment) if len(own) >= shots]
    queries = [heard.query[place] for place in able]
    pool = torch.cat(list(heard.others.values()))
    commands = np.array([n for n, label in enumerate(models.labels) if label not in NO_COMMAND])
    by_global = [models.global_model.predict(query).probabilities for query in (*queries, pool)]
    asked = [torch.cat([query, pool]) for query in queries]
    own = [heard.enrollment[place][:shots] for place in able]
    by_personal = _asked(models, own, asked)
    everybody = [torch.cat([answers, by_global[-1]]) for answers in by_global[:-1]]
    labels = [heard.labels[place].numpy() for place in able]
    return {
        name: _detector(answers, labels, commands, len(heard.others))
        for name, answers in (("global", everybody), ("personal", by_personal))
    }


def _detector(
    answers: Sequence[Float[Tensor, "_clip label"]],
    labels: Sequence[Int[np.ndarray, " _query"]],
    commands: Int[np.ndarray, " command"],
    sources: int,
) -> Detector:
    scores, right, others = [], [], []
    for found, said in zip(answers, labels, strict=True):
        sure, which = command_scores(found.double().numpy(), commands)
        scores.append(sure[: len(said)])
        right.append(which[: len(said)] == said)
        others.append(sure[len(said) :].reshape(sources, -1))
    return Detector(scores, right, np.stack(others))
