"""What a visit computes beside enrolling and predicting: ranked answers, changes, controls, learning curves.

The pages hold no maths; this is the maths they would have held. A *model* here is anything that keeps
the two promises of ``vop_core.types``: ``enroll`` and ``predict``.
"""

import base64
import io
import math
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data import features
from vop_core.errors import VopError
from vop_core.evaluation.classification import correctness, negative_log_likelihood
from vop_core.types import Clip, Prediction

APP_PAGES = {"Your voice": "", "Posterior": "posterior", "Compare": "compare"}  # title -> path in the address


@dataclass(frozen=True)
class Answer:
    """One label's probability, with its 95 % credible interval where weights were drawn."""

    label: str
    probability: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Doubt:
    """Entropies of one answer, in nats; total = aleatoric + epistemic."""

    total: float
    aleatoric: float
    epistemic: float


@dataclass(frozen=True)
class Reply:
    """One model's answer to one query clip: every label's probability, and its doubt."""

    answers: tuple[Answer, ...]
    doubt: Doubt
    draws: int = 0

    @property
    def best(self) -> Answer:
        """The most probable label."""
        return max(self.answers, key=lambda answer: answer.probability)


def reply(prediction: Prediction, labels: Sequence[str], drawn: Prediction | None = None) -> Reply:
    """The first query's prediction in plain numbers, in the order of ``labels``.

    ``prediction`` is what one setting of the weights answers (the posterior mean, as the frozen network);
    ``drawn``, the same query under draws of the weights, adds credible intervals and the split of the doubt.
    """
    probabilities = prediction.probabilities[0].tolist()
    if drawn is None:
        answers = tuple(map(Answer, labels, probabilities))
        return Reply(answers, _doubt(prediction))
    bounds = drawn.lower[0].tolist(), drawn.upper[0].tolist()
    return Reply(tuple(map(Answer, labels, probabilities, *bounds)), _doubt(drawn), drawn.draws)


def _doubt(prediction: Prediction) -> Doubt:
    return Doubt(float(prediction.total[0]), float(prediction.aleatoric[0]), float(prediction.epistemic[0]))


def ranked(answers: Sequence[Answer], most: int) -> list[Answer]:
    """The ``most`` probable answers, most probable first."""
    return sorted(answers, key=lambda answer: -answer.probability)[:most]


def labels_worth_showing(*models: Sequence[Answer], most: int | None = None, always: str | None = None) -> list[int]:
    """Indices of the ``most`` labels that any model finds probable, most probable first, ``always``
    included.
    """
    peak = [max(answer.probability for answer in column) for column in zip(*models, strict=True)]
    order = sorted(range(len(peak)), key=lambda index: -peak[index])
    missed = [index for index in order[most:] if models[0][index].label == always] if most else []
    return order[:most] + missed


@dataclass(frozen=True)
class Change:
    """How one label's probability moved from the global to the personal model, in probability."""

    label: str
    before: float
    after: float

    @property
    def points(self) -> float:
        """Percentage points gained."""
        return 100 * (self.after - self.before)


def changes(before: Sequence[Answer], after: Sequence[Answer], most: int = 3) -> list[Change]:
    """The labels whose probability moved most, by at least half a percentage point."""
    moved = [Change(old.label, old.probability, new.probability) for old, new in zip(before, after, strict=True)]
    moved.sort(key=lambda change: -abs(change.points))
    return [change for change in moved[:most] if abs(change.points) >= 0.5]


@dataclass(frozen=True)
class Trial:
    """One query of this visit whose true word is known."""

    truth: str
    global_label: str
    personal_label: str

    @property
    def outcome(self) -> str:
        """``both right``, ``won`` (only the personal model right), ``lost`` (only the global) or
        ``both wrong``.
        """
        right = (self.global_label == self.truth, self.personal_label == self.truth)
        return {
            (True, True): "both right",
            (False, True): "won",
            (True, False): "lost",
            (False, False): "both wrong",
        }[right]


OUTCOMES = ("won", "lost", "both right", "both wrong")


def tally(trials: Sequence[Trial]) -> dict[str, int]:
    """How often each outcome occurred in this visit."""
    return {outcome: sum(trial.outcome == outcome for trial in trials) for outcome in OUTCOMES}


def greatest_entropy(labels: int) -> float:
    """Entropy of knowing nothing about ``labels`` labels, in nats."""
    return math.log(labels)


@dataclass(frozen=True)
class LearningCurve:
    """What the number of enrollment clips does, from 0 clips on."""

    clips: tuple[int, ...]
    width: tuple[float, ...]  # posterior sd / prior sd, geometric mean over weights
    accuracy: tuple[float, ...] = ()  # on the person's query clips; empty where their words are unknown
    nll: tuple[float, ...] = ()  # nats per query clip


@torch.no_grad()
def learning_curve(
    vop,
    enrollment: Float[Tensor, "shot *input"] | None,
    query: Float[Tensor, "query *input"] | None = None,
    truth: Sequence[int] | None = None,
) -> LearningCurve:
    """Enroll the first 0, 1, 2, ... clips; measure the posterior's width and, with known words, the
    answers.
    """
    shots = range(1 + (0 if enrollment is None else len(enrollment)))
    models = [vop.enroll(enrollment[:shot]) if shot else vop.prior_model() for shot in shots]
    width = tuple(width_ratio(model) for model in models)
    if query is None or truth is None:
        return LearningCurve(tuple(shots), width)
    label_index = torch.as_tensor(truth)
    probabilities = [model.predict(query).probabilities for model in models]
    return LearningCurve(
        tuple(shots),
        width,
        tuple(float(correctness(each, label_index).mean()) for each in probabilities),
        tuple(float(negative_log_likelihood(each, label_index).mean()) for each in probabilities),
    )


def results_over_shots(rows: Sequence[Mapping], method: str, set: str = "open") -> list[Mapping]:
    """The evaluation rows of one method on one set of persons, by number of clips."""
    found = [row for row in rows if row["method"] == method and row["set"] == set]
    return sorted(found, key=lambda row: row["shots"])


NAMED_DIFFERENCES = {  # of a report -> what it asks
    "personal gain": "against the best of the global model, no clips and mixed persons' clips",
    "right minus wrong": "against a model made with another person's clips",
}
USUAL_SHOTS = 5


def earned(curve: LearningCurve, rows: Sequence[Mapping], differences: Sequence[Mapping]) -> list[str]:
    """Whether the narrowing is earned, in sentences: on real people first, then on this visit's
    synthetic person.
    """
    sentences = [_earned_on_people(each) for each in _headline_differences(differences)]
    if not rows:
        sentences.append("The model's card holds no results on real people, so nothing here says that it is earned.")
    if curve.accuracy:
        first, last = curve.accuracy[0], curve.accuracy[-1]
        sentences.append(
            f"On this synthetic person's own query clips: {100 * first:.0f} % right without clips, "
            f"{100 * last:.0f} % with {curve.clips[-1]}. A few clips of one voice illustrate; they prove nothing."
        )
    return sentences


def _headline_differences(differences: Sequence[Mapping]) -> list[Mapping]:
    """The report's named differences on unheard persons, at 5 clips or the largest number there is."""
    named = [each for each in differences if each.get("name") in NAMED_DIFFERENCES and each["set"] == "open"]
    shots = sorted({each["shots"] for each in named})
    chosen = USUAL_SHOTS if USUAL_SHOTS in shots else shots[-1] if shots else 0
    return [each for each in named if each["shots"] == chosen]


def _earned_on_people(difference: Mapping) -> str:
    said = f"{100 * difference['mean']:+.1f} points of accuracy {NAMED_DIFFERENCES[difference['name']]}"
    if difference["ci95"] is None:
        verdict = "one person alone, so no interval and no verdict"
    else:
        low, high = (100 * end for end in difference["ci95"])
        judged = "earned" if low > 0 else "a harm" if high < 0 else "not shown to be earned"
        verdict = f"95 % interval {low:+.1f} to {high:+.1f}: {judged}"
    sentence = f"Real people never heard in training, {difference['shots']} clips each: {said} ({verdict})."
    return sentence.replace(" -", " \N{MINUS SIGN}")


def width_ratio(model) -> float:
    """Posterior sd / prior sd, geometric mean over weights; 1 without clips."""
    return float((model.posterior.log_std - model.prior.log_std).mean().exp())


def matched_noise(clip: Clip, *, generator: torch.Generator) -> Clip:
    """Noise with the clip's level and spectrum and none of its speech: the very control that evaluation uses."""
    noise = features.matched_noise(clip.waveform, generator=generator)
    return Clip(noise, clip.sample_rate, f"noise like {clip.name}")


def playable(clip: Clip) -> str:
    """The clip as a ``data:`` address (16-bit WAV), so that no server address ever holds a voice."""
    samples = (clip.waveform.clamp(-1, 1) * 32767).round().to(torch.int16).numpy().astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(clip.sample_rate)
        file.writeframes(samples.tobytes())
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def generator(seed: int) -> torch.Generator:
    """A source of randomness: the same seed, the same draws."""
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Movement:
    """How one combined posterior differs from another over a layer."""

    shift: float  # root mean square of the means' difference, in prior standard deviations
    width: float  # geometric mean of the standard deviations' ratio, new / old


def movement(prior, old, new) -> Movement:
    """What switching a clip did to a layer: how far the means moved and how the widths changed.

    The three are Gaussians over the same weights, with ``mean`` and ``std``.
    """
    shift = ((new.mean - old.mean) / prior.std).square().mean().sqrt()
    return Movement(float(shift), float((new.std / old.std).log().mean().exp()))


def control_enrollments(
    own: Sequence[Clip], others: Sequence[Sequence[Clip]], *, generator: torch.Generator
) -> dict[str, Sequence[Clip]]:
    """Clips that enroll instead of one's own, as many: one other person's, one each of several,
    matched noise.

    ``others`` holds the enrollment clips of other persons; at least one person with at least one clip.
    """
    order = torch.randperm(len(others), generator=generator).tolist()
    wrong = others[order[0]]
    return {
        "vop-wrong-person": [wrong[index % len(wrong)] for index in range(len(own))],
        "vop-mixed": [_nth(others[order[index % len(order)]], index) for index in range(len(own))],
        "vop-noise": [matched_noise(clip, generator=generator) for clip in own],
    }


def _nth(clips: Sequence[Clip], index: int) -> Clip:
    return clips[index % len(clips)]


@dataclass(frozen=True, kw_only=True)
class LinkedState:
    """What an address opens in the app: a task, and a bundled voice with some of its clips. Never a sound of
    anybody.
    """

    task: str | None = None
    person: str | None = None  # a bundled person's id
    clips: int = 3  # of that person, enrolled
    query: int | None = None  # position among that person's query clips, from 0
    seed: int = 0  # of the posterior's draws

    def as_query(self) -> dict[str, str]:
        """The part of an address after the question mark, by name; what is not set is left out."""
        if self.person is None:
            return {"task": self.task} if self.task else {}
        named = {"task": self.task, "person": self.person, "clips": self.clips, "query": self.query, "seed": self.seed}
        return {name: str(value) for name, value in named.items() if value is not None}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "LinkedState":
        """Read an address; what it does not name has its default, and what is not ours is left alone.

        Raises VopError where a number is none.
        """
        return cls(
            task=query.get("task"),
            person=query.get("person"),
            clips=_whole(query, "clips", 3, least=1),
            query=_whole(query, "query", 0) if "query" in query else None,
            seed=_whole(query, "seed", 0),
        )


def _whole(query: Mapping[str, str], name: str, otherwise: int, least: int = 0) -> int:
    text = query.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit() and least <= int(text) < 2**31):
        raise VopError(f"The address asks for {name} '{text[:20]}', but that must be a whole number from {least}.")
    return int(text)
