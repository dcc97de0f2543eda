"""Two persons say words, and each other's models answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from texts.swap import ENROLLED

from session import clips, models
from session.shared import bundle, bundled_persons
from session.state import Person, Query, Visit
from vop_core.data import audio
from vop_core.data.enrollment import check_clips
from vop_core.data.voices import BundledClip
from vop_core.errors import AudioError
from vop_core.evaluation import exchange
from vop_core.models.bundled import SHOTS

MOST_WORDS = 10


@contextmanager
def in_turn(visit: Visit, person: Person) -> Iterator[None]:
    """What is done meanwhile is done for ``person``."""
    before, visit.turn = visit.turn, person.number
    try:
        yield
    finally:
        visit.turn = before


def able(visit: Visit) -> list[Person]:
    """The persons who have a model of the present task, whoever has the turn first."""
    ordered = sorted(visit.people, key=lambda person: person is not visit.person)
    return [person for person in ordered if _model_of(visit, person)]


def _model_of(visit: Visit, person: Person):
    with in_turn(visit, person):
        return models.personal(visit)


def add_bundled(visit: Visit) -> None:
    """A bundled person more, so that there are two who have a model; the turn stays."""
    present = {entry.person for person in visit.people for entry in person.entries}
    proposed, environment = models.opening(visit.task)
    known = sorted(bundled_persons(visit.task), key=lambda person: person != proposed)
    turn = visit.turn
    clips.borrow(visit, next(each for each in known if each.id not in present), SHOTS, environment)
    visit.turn = turn


def prompt(visit: Visit, person: Person) -> str:
    """The word to say next; empty where the list holds translations only."""
    return clips.example_word(visit, len(person.entries) + 1 + len(person.spoken))


def say(visit: Visit, person: Person, data: bytes, name: str, source: str) -> None:
    """Take the prompted word in. Raises AudioError for sound that cannot be used, and for a clip
    that enrolled.
    """
    visit.refusals.clear()
    clip, word = audio.decode(data, name=name), prompt(visit, person)
    check_clips([clip])
    with in_turn(visit, person):
        said = clips.new_query(visit, clip, source)
        if twin := clips.twin(visit, said):
            raise AudioError(ENROLLED.format(name=clip.name, twin=twin))
    said.word = word
    person.spoken.append(said)


def bundled_words(visit: Visit, person: Person) -> list[BundledClip]:
    """The query clips that a borrowed voice can say, of words that the models know; none of others'
    voices.
    """
    with in_turn(visit, person):
        voice, labels = clips.borrowed_person(visit), bundle(visit.task).labels
    return [each for each in voice.query if each.label in labels][:MOST_WORDS] if voice else []


def ask_bundled(visit: Visit, person: Person) -> None:
    """A bundled person says their query clips."""
    visit.refusals.clear()
    with in_turn(visit, person):
        voice = clips.borrowed_person(visit)
        person.spoken = [
            clips.bundled_query(visit, voice, record) for record in bundled_words(visit, person)
        ]


def drop_words(person: Person) -> None:
    """The words of a person are said anew."""
    person.spoken = []


def swap(visit: Visit) -> None:
    """Exchange the two models, or give them back."""
    visit.swapped = not visit.swapped


def result(visit: Visit, pair: tuple[Person, Person]) -> exchange.Exchange:
    """Everybody's answers to both persons' words, asked anew when models or words change."""
    made = [_model_of(visit, person) for person in pair]
    said = [_of_task(visit, person) for person in pair]
    key = tuple(
        (person.number, personal.key, tuple(query.number for query in spoken))
        for person, personal, spoken in zip(pair, made, said, strict=True)
    )
    if visit.exchange is None or visit.exchange[0] != key:
        shipped = bundle(visit.task)
        answers = exchange.exchange(
            [personal.model for personal in made],
            shipped.global_model,
            shipped.features([query.clip for spoken in said for query in spoken]),
            [[_word(query) for query in spoken] for spoken in said],
            shipped.labels,
        )
        visit.exchange = key, answers
    return visit.exchange[1]


def ready(visit: Visit, pair: tuple[Person, Person]) -> bool:
    """Whether both have said a word."""
    return all(_of_task(visit, person) for person in pair)


def _of_task(visit: Visit, person: Person) -> list[Query]:
    return [query for query in person.spoken if query.task == visit.task]


def _word(query: Query) -> str:
    """What was said. A bundled clip's seal is opened when answers are counted, and only once."""
    if query.seal is not None and not query.word:
        query.word = query.seal.open()
    return query.word
