"""A personal test of shipped models: what is asked, and all models' answers in one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vop_core.data.voices import BundledPerson
from vop_core.evaluation.personal_test import GLOBAL, PersonalTest, left_out, spread
from vop_core.evaluation.promises import SealedLabel
from vop_core.evaluation.score import OWN
from vop_core.methods.personal import Adaptation
from vop_core.models.bundle import Bundle
from vop_core.tasks.registry import TASKS
from vop_core.types import Clip

MOST_KNOWN, UNKNOWN = 20, 3  # words of a test: the models', and others


@dataclass(frozen=True)
class AskedModels:
    """The models of a personal test, made of one enrollment: they wait to be asked."""

    models: Bundle
    rows: tuple[str, ...]  # "own" and the controls
    # persons: one for each row, then the person without each clip in turn
    adaptation: Adaptation

    @torch.no_grad()
    def ask(self, clips: Sequence[Clip], words: Sequence[SealedLabel]) -> PersonalTest:
        """Everybody's answers to clips of words that are sealed until all have answered.

        Raises AudioError for what no model can hear.
        """
        query, vop = self.models.features(clips), self.models.vop
        persons = len(next(iter(self.adaptation.values())))
        heard = vop.represent(query)
        found = vop.predict_proba(self.adaptation, heard.expand(persons, *heard.shape))
        by_global = self.models.global_model.predict(query).probabilities
        return PersonalTest(
            self.models.labels,
            TASKS[self.models.task].no_words,
            tuple(word.open() for word in words),
            {GLOBAL: by_global, **dict(zip(self.rows, found, strict=False))},
            found[len(self.rows) :],
        )


@torch.no_grad()
def asked_models(
    models: Bundle,
    own: Sequence[Clip],
    others: Sequence[Sequence[Clip]],
    *,
    generator: torch.Generator,
) -> AskedModels:
    """The personal model of ``own``, its controls (:meth:`Bundle.control_models`, which says what
    ``others`` are), and what it would be without each clip.
    """
    vop, features = models.vop, models.features(own)
    controls = models.control_models(own, others, generator=generator)
    rest = vop.adapt(vop.represent(features)[left_out(len(own))]) if len(own) > 1 else vop.prior(1)
    found = [
        vop.enroll(features).adaptation,
        *(control.adaptation for control in controls.values()),
        rest,
    ]
    adaptation = {name: torch.cat([each[name] for each in found]) for name in rest}
    return AskedModels(models, (OWN, *controls), adaptation)


def bundled_test(
    models: Bundle, person: BundledPerson, environment: str, *, generator: torch.Generator
) -> list[tuple[Clip, str]]:
    """Clips and words of a test of a bundled person, heard in one of their own environments: up to
    ``MOST_KNOWN`` query clips, spread over all words, and ``UNKNOWN`` that are no word of the
    task's.

    Those are other persons', who speak another language, since nobody has any of their own.
    """
    known = [record for record in person.query if record.label in models.labels]
    chosen = spread([record.label for record in known], MOST_KNOWN, generator=generator)
    asked = [known[place] for place in chosen]
    strangers = TASKS[models.task].strangers()
    clips = [record for stranger in strangers for record in stranger.query]
    owners = [stranger.id for stranger in strangers for _ in stranger.query]
    foreign = [clips[place] for place in spread(owners, UNKNOWN, generator=generator)]
    words = [record.label for record in asked]
    words += [f"{record.label}, in another language" for record in foreign]
    task = TASKS[models.task]
    heard = [task.met_in(environment, person.id, each.load()) for each in (*asked, *foreign)]
    return list(zip(heard, words, strict=True))
