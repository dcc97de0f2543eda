"""What shipped models answer to the bundled persons, and with whom of them the app opens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vop_core.data.environments import CLEAN
from vop_core.data.voices import BundledPerson, BundledSample
from vop_core.evaluation.answers import Answer, each_answer, outcome
from vop_core.models.bundle import Bundle
from vop_core.tasks.registry import TASKS
from vop_core.types import Clip, Picture
from vop_core.variational.enrollment_health import REFUSED

SHOTS = 3  # as the app proposes


@dataclass(frozen=True)
class Heard:
    """Clips, or pictures, as the models hear or see them."""

    clips: Sequence[Clip | Picture]
    features: Float[Tensor, " clip *input"]
    labels: Int[Tensor, " clip"]  # -1: a word that the models do not know


def bundled_results(models: Bundle, persons: Sequence[BundledPerson]) -> dict[str, Any]:
    """A card's entry: how many query clips of each person the global and the personal model get
    right, heard clean and in each of the person's own environments; and with whom the app opens.

    ``SHOTS`` enrollment clips make the personal model (:func:`enrolled_clips`). Words that the
    models do not know are not asked about.

    The app opens with the person, and where that person is met, of whom the enrollment clips speak
    most for it; no query clip has a say. Every ``SHOTS`` of them in a row, round and round, enroll
    once and the others are asked about. The share of right answers that this gains over the global
    model, times the person's number of query clips, is what a visitor should see; whoever has most
    of it, in any environment or as they recorded, is taken.
    """
    rows, gained = [], {}
    for person in persons:
        for environment in (CLEAN, *TASKS[models.task].environments(person.id)):
            enrollment, query = (
                heard_clips(models, person.id, environment, clips)
                for clips in (person.enrollment, person.query)
            )
            enrolled = enrollment.features[accepted(models, enrollment, SHOTS)]
            answers = models.vop.predict_persons(enrolled[None], query.features[None])
            rows.append(
                {
                    "person": person.id,
                    "environment": environment,
                    "queries": int((query.labels >= 0).sum()),
                    "global": int(_right_by_global(models, query).sum()),
                    "personal": int((answers[0].argmax(-1) == query.labels).sum()),
                }
            )
            gained[person.id, environment] = _gained(models, enrollment) * rows[-1]["queries"]
    person, environment = max(gained, key=gained.get)
    opening = {"person": person, "environment": environment}
    return {"shots": SHOTS, "opening": opening, "rows": rows}


@dataclass(frozen=True)
class Example:
    """A query clip as it was heard, and both models' answers to it."""

    clip: Clip | Picture
    word: str
    by_global: Answer
    by_personal: Answer

    @property
    def outcome(self) -> str:
        """As :func:`vop_core.evaluation.answers.outcome`."""
        return outcome(self.word, self.by_global.best.label, self.by_personal.best.label)


def examples(
    models: Bundle, person: BundledPerson, environment: str, *, shots: int = SHOTS
) -> tuple[Example, ...]:
    """All query clips of a person whose words the models know, asked of the global model and of the
    one that ``shots`` enrollment clips make.

    In their order, beginning with the first that only the personal model gets right, if there is
    one.
    """
    enrollment = heard_clips(models, person.id, environment, person.enrollment)
    personal = models.vop.enroll(enrollment.features[accepted(models, enrollment, shots)])
    known = [record for record in person.query if record.label in models.labels]
    query = heard_clips(models, person.id, environment, known)
    answers = (
        each_answer(model.predict(query.features), models.labels)
        for model in (models.global_model, personal)
    )
    found = [
        Example(clip, record.label, *both)
        for clip, record, both in zip(query.clips, known, zip(*answers, strict=True), strict=True)
    ]
    first = next((place for place, each in enumerate(found) if each.outcome == "won"), 0)
    return (*found[first:], *found[:first])


def enrolled_clips(
    models: Bundle, person: BundledPerson, environment: str, shots: int
) -> tuple[BundledSample, ...]:
    """So many of a person's enrollment clips, or all there are, heard in an environment: the first
    ones in a row, round and round, that the health light does not refuse, as somebody would record
    a word again; the very first where it refuses all.
    """
    heard = heard_clips(models, person.id, environment, person.enrollment)
    return tuple(person.enrollment[place] for place in accepted(models, heard, shots).tolist())


def won_lost_unchanged(rows: Sequence[Mapping[str, Any]], environment: str) -> tuple[int, int, int]:
    """For how many persons, heard in an environment, the personal model is right more often than
    the global one, less often, and as often.
    """
    gains = [row["personal"] - row["global"] for row in rows if row["environment"] == environment]
    return sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains), gains.count(0)


def heard_clips(
    models: Bundle, person: str, environment: str, clips: Sequence[BundledSample]
) -> Heard:
    """Some of a bundled person's clips, by the person's id, as the models hear them in an
    environment of that person's own.
    """
    labels = [models.labels.index(c.label) if c.label in models.labels else -1 for c in clips]
    heard = [TASKS[models.task].met_in(environment, person, clip.load()) for clip in clips]
    return Heard(heard, models.features(heard), torch.tensor(labels))


def _right_by_global(models: Bundle, clips: Heard) -> Bool[Tensor, " clip"]:
    return models.global_model.predict(clips.features).label_index == clips.labels


def accepted(models: Bundle, clips: Heard, shots: int) -> Int[Tensor, " shot"]:
    """Places of the clips that :func:`enrolled_clips` takes."""
    turns = _turned(len(clips.labels))[:, :shots]
    for turn in turns:
        if models.vop.enroll(clips.features[turn]).health.verdict not in REFUSED:
            return turn
    return turns[0]


def _turned(count: int) -> Int[Tensor, "turn place"]:
    """All places in a row, from each of them on."""
    places = torch.arange(count)
    return (places[:, None] + places) % count


def _gained(models: Bundle, clips: Heard) -> float:
    """Share of right answers gained by enrolling some of the clips and asking about the others."""
    turned = _turned(len(clips.labels))
    enrolled, asked = turned[:, :SHOTS], turned[:, SHOTS:]
    answers = models.vop.predict_persons(clips.features[enrolled], clips.features[asked])
    by_personal = answers.argmax(-1) == clips.labels[asked]
    by_everybody = _right_by_global(models, clips)[asked]
    return float((by_personal.float() - by_everybody.float()).mean())
