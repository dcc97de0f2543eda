"""Persons and methods whose personal gain is known by construction.

A clip's feature, constant over its frames, is (sound, accent, 1): ``sound`` = (label + the person's
accent) modulo the number of labels, so whoever does not know the accent answers with the wrong
label.
"""

from types import SimpleNamespace

import torch

from vop_core.evaluation.plan import EvaluationClips
from vop_core.types import Episode

LABELS = 7
FRAMES = 2
CONFIDENCE = 0.8


def voices(accents, clips=None):
    """Persons with these accents; each says every label three times, or has ``clips[person]``
    clips.
    """
    features, labels, index = [], [], []
    for person, accent in enumerate(accents):
        own = torch.arange(LABELS).repeat(3)
        if clips is not None:
            own = own[: clips[person]]
        labels.append(own)
        index.append(torch.full_like(own, person))
        features.append(torch.stack([(own + accent) % LABELS, torch.full_like(own, accent)], 1))
    table = torch.cat(features).float()
    table = torch.cat([table, torch.ones(len(table), 1)], 1)
    noise = torch.zeros_like(table)
    persons = tuple(f"fake/p{person:02d}" for person in range(len(accents)))
    heard, unheard = (
        values[:, :, None].expand(-1, -1, FRAMES).contiguous() for values in (table, noise)
    )
    return EvaluationClips(heard, torch.cat(labels), torch.cat(index), persons, unheard)


def episodes(clips, shots=(3,), repetitions=1):
    """Random disjoint enrollment and query clips for every person."""
    generator = torch.Generator().manual_seed(0)
    drawn = []
    for count in [each for each in shots for _ in range(repetitions)]:
        for person in range(len(clips.persons)):
            own = (clips.person_index == person).nonzero().squeeze(1)
            order = own[torch.randperm(len(own), generator=generator)]
            drawn.append(Episode(person, order[:count], order[count:]))
    return drawn


def facts_of(**changes):
    """What a method that personalizes says of itself."""
    said = {"personal": True, "labels": False, "draws": 0, "posterior": True, "prior": True}
    return SimpleNamespace(**said | changes)


class Fixed:
    """Answers with the sound heard, minus an accent that is the same for everybody."""

    facts = facts_of()

    def __init__(self, accent=0):
        self.accent = accent
        self.largest = 0

    def modules(self):
        return ()

    def accent_of(self, enrollment, persons, draws, generator):
        return torch.full((persons,), self.accent)

    def predict_represented(self, enrollment, query, *, labels=None, draws=0, generator=None):
        self.largest = max(self.largest, query.shape[0] * query.shape[1] * max(draws, 1))
        accent = self.accent_of(enrollment, query.shape[0], draws, generator)
        label = (query[:, :, 0, 0].round().long() - accent[:, None]) % LABELS
        rest = (1 - CONFIDENCE) / (LABELS - 1)
        return torch.nn.functional.one_hot(label, LABELS) * (CONFIDENCE - rest) + rest


class Global(Fixed):
    """Reads no enrollment."""

    facts = facts_of(personal=False, posterior=False)


class Personalizing(Fixed):
    """Reads the accent off the enrollment (the rounded mean over clips); without one it assumes
    none.
    """

    def accent_of(self, enrollment, persons, draws, generator):
        if enrollment is None:
            return torch.zeros(persons, dtype=torch.long)
        return enrollment[:, :, 1, 0].mean(1).round().long()


class Harming(Personalizing):
    """Personalizes, but hears accent 0 as accent 1."""

    def accent_of(self, enrollment, persons, draws, generator):
        accent = super().accent_of(enrollment, persons, draws, generator)
        return torch.where(accent == 0, 1, accent) if enrollment is not None else accent


class Drawn(Personalizing):
    """Personalizes with noise: with draws, the accent is off by one at random."""

    def accent_of(self, enrollment, persons, draws, generator):
        accent = super().accent_of(enrollment, persons, draws, generator)
        if draws:
            accent = accent + torch.randint(2, (persons,), generator=generator)
        return accent
