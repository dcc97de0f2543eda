"""What Decide and Inspect are about, the model of words in use, that of hands or that of voices;
and whose samples are there for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from session import hands, models, shared
from session.answers import true_word
from session.clips import borrowed_person
from session.shared import bundle, bundled_persons
from session.state import Visit
from vop_core.data.environments import CLEAN
from vop_core.data.voices import BundledPerson
from vop_core.models.bundled import SHOTS
from vop_core.tasks.registry import TASKS

# whose samples make a posterior over the network's weights
TASKS_ABOUT = [name for name, task in TASKS.items() if not task.taught]


@dataclass(frozen=True)
class Samples:
    """Those that enroll, and what is asked about."""

    key: tuple  # the same for the same samples that enroll
    question: tuple | None  # the same for the same query
    given: Sequence[Any]  # by the visitor; empty where it is a bundled person
    person: BundledPerson | None  # None: the visitor, or several persons
    environment: str
    names: tuple[str, ...]  # the bundled person's, by file name
    proposed: bool  # nobody enrolled: a bundled person stands in
    asked: Sequence[Any] = ()
    words: tuple[str, ...] = ()  # of what is asked about, where that is known


def task(visit: Visit) -> str:
    """The name of the model."""
    return visit.subject or visit.task


def choose(visit: Visit, name: str) -> None:
    """From now on both pages are about that model."""
    visit.subject = None if name == visit.task else name


def samples(visit: Visit) -> Samples:
    """What is switched on; where nothing is, a bundled person's, and the visit stays as it is."""
    name = task(visit)
    return _of_hand(visit) if name == hands.TASK else _of_voice(visit, name)


def _of_voice(visit: Visit, name: str) -> Samples:
    on = visit.enrolled
    asked = visit.query if visit.query and visit.query.task == name else None
    word = true_word(visit) if asked else ""
    keys = (name, tuple(entry.number for entry in on)), asked and (asked.number, word)
    if not on:
        return _proposed(keys)
    borrowed = borrowed_person(visit)
    known = {person.id: person for person in bundled_persons(name)}
    names = tuple(entry.clip.name for entry in on)
    if borrowed is not None and _enrolls(known.get(borrowed.id), names):
        return Samples(*keys, (), known[borrowed.id], visit.environment, names, False)
    heard = [entry.clip for entry in on]
    queries, words = ([asked.clip], (word,)) if asked else ([], ())
    return Samples(*keys, heard, None, CLEAN, (), False, queries, words)


def _of_hand(visit: Visit) -> Samples:
    hand, person = visit.hand, hands.writer(visit)
    word = hands.truth(visit) if hand.query else None
    on = tuple(sample.number for sample in hand.enrolled)
    keys = (hands.TASK, on, hand.environment), hand.query and (hand.query.number, word)
    if not on:
        return _proposed(keys)
    if person is not None:
        names = tuple(sample.record for sample in hand.enrolled)
        return Samples(*keys, (), person, hand.environment, names, False)
    seen = [sample.picture for sample in hand.enrolled]
    queries = [hand.query.picture] if hand.query else []
    return Samples(*keys, seen, None, CLEAN, (), False, queries, (word,) if word else ())


def _proposed(keys: tuple) -> Samples:
    name = keys[0][0]
    person, environment = models.opening(name)
    person = person or bundled_persons(name)[0]
    took = shared.enrolled_clips(name, person.id, environment, SHOTS)
    names = tuple(each.path.name for each in took)
    return Samples(*keys, (), person, environment, names, True)


def _enrolls(person: BundledPerson | None, names: Sequence[str]) -> bool:
    """Whether these are among the clips that a bundled person may enroll."""
    return person is not None and {*names} <= {each.path.name for each in person.enrollment}


def enrolled_records(found: Samples) -> list:
    """The bundled person's samples that enroll."""
    records = {record.path.name: record for record in found.person.enrollment}
    return [records[name] for name in found.names]


def shipped(visit: Visit):
    """The models and their card."""
    return bundle(task(visit))
