"""What a person costs with VoP and with other ways to personalize, measured on the same clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from vop_core.bench.measure import person_costs
from vop_core.bench.recipes import VOP
from vop_core.data.voices import BundledPerson, BundledSample
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.registry import METHODS
from vop_core.models.bundle import Bundle
from vop_core.models.bundled import heard_clips
from vop_core.tasks.registry import TASKS

# Those that the shipped global model can do without further training or anybody else's clips.
OTHERS = ("adabn", "t3a", "tent", "lora", "fine-tune-film", "fine-tune-all")
TIMES = 3  # that each is timed; the median counts


@dataclass(frozen=True)
class Cost:
    """One method's line."""

    method: str
    summary: str
    needs_labels: bool
    bytes_kept: int | None = None  # None, here and below: not measured, because labels are missing
    passes: float | None = None  # multiply-accumulates of enrollment, in forward passes of a clip
    gradient_steps: int = 0
    seconds: float | None = None  # of enrollment, here
    answer_multiply_accumulates: int | None = None
    right: int | None = None  # of the queries, where their words are known

    @property
    def measured(self) -> bool:
        """Whether it could be run."""
        return self.seconds is not None


@dataclass(frozen=True)
class Ledger:
    """All lines, measured in one run on the same clips."""

    clips: int
    costs: tuple[Cost, ...]
    bytes_to_send: int  # of the clips, if another computer had to personalize
    queries: int = 0  # asked of each; 0: no word is known
    right_by_global: int = 0


def cost_ledger(
    models: Bundle,
    clips: Float[Tensor, " shot *input"],
    labels: Int[Tensor, " shot"] | None = None,
    *,
    query: Float[Tensor, " query *input"] | None = None,
    query_labels: Int[Tensor, " query"] | None = None,
) -> tuple[Cost, ...]:
    """VoP first, then ``OTHERS``, one after the other in one run on one person's clips.

    What reads labels is run only where they are known.
    """
    methods: dict[str, PersonalizationMethod] = {VOP: models.vop}
    methods |= {name: METHODS[name].from_global(models.global_model) for name in OTHERS}
    found = []
    for name, method in methods.items():
        facts = method.facts
        line = Cost(name, facts.summary, facts.labels, gradient_steps=method.gradient_steps)
        if facts.labels and labels is None:
            found.append(line)
            continue
        figures = person_costs(method, clips, labels, times=TIMES)
        one_pass = figures["encoder_multiply_accumulates"]
        right = None
        if query is not None and query_labels is not None:
            known = labels[None] if facts.labels and labels is not None else None
            answers = method.predict_persons(clips[None], query[None], labels=known)[0]
            right = int((answers.argmax(-1) == query_labels).sum())
        found.append(
            Cost(
                name,
                facts.summary,
                facts.labels,
                figures["bytes_per_person"],
                figures["enroll_multiply_accumulates"] / one_pass,
                method.gradient_steps,
                figures["enrollment_seconds"],
                figures["answer_multiply_accumulates"],
                right,
            )
        )
    return tuple(found)


def ledger_of_clips(models: Bundle, clips: Sequence[Any]) -> Ledger:
    """Of whoever gave samples of which nobody knows the words. Raises VopError for those that are
    no inputs.
    """
    costs = cost_ledger(models, models.features(clips))
    return Ledger(len(clips), costs, _bytes_to_send(models, clips))


def ledger_of_person(
    models: Bundle, person: BundledPerson, environment: str, enrolled: Sequence[BundledSample]
) -> Ledger:
    """Of a bundled person, whose words are known, and with right answers to their query clips."""
    own = heard_clips(models, person.id, environment, enrolled)
    known = [clip for clip in person.query if clip.label in models.labels]
    asked = heard_clips(models, person.id, environment, known)
    costs = cost_ledger(
        models, own.features, own.labels, query=asked.features, query_labels=asked.labels
    )
    by_global = models.global_model.predict(asked.features).label_index == asked.labels
    sent = _bytes_to_send(models, own.clips)
    return Ledger(len(enrolled), costs, sent, len(known), int(by_global.sum()))


def _bytes_to_send(models: Bundle, samples: Sequence[Any]) -> int:
    return sum(TASKS[models.task].bytes_of(sample) for sample in samples)
