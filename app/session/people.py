"""The persons of a visit: whose turn it is, what they are called, and the person's file."""

from pathlib import Path

from texts.people import FULL, NO_NAME, TAKEN, unnamed

from session.shared import bundle, bundled_name
from session.state import Person, Personal, Visit
from vop_core.data.audio import short_name
from vop_core.errors import VopError

MOST_PEOPLE = 8
LONGEST_NAME = 24


def called(person: Person) -> str:
    """What the pages call a person: as the visitor does, by a borrowed voice, or by number."""
    borrowed = {entry.person for entry in person.entries}
    voice = bundled_name(borrowed.pop()) if len(borrowed) == 1 else ""
    return person.name or voice or unnamed(person.number)


def add(visit: Visit) -> None:
    """Another person, who has the turn. Raises VopError where there are as many as there may be."""
    if len(visit.people) == MOST_PEOPLE:
        raise VopError(FULL.format(most=MOST_PEOPLE))
    visit.people_given += 1
    visit.people.append(Person(visit.people_given))
    turn_to(visit, visit.people_given)


def turn_to(visit: Visit, number: int) -> None:
    """The person with that number has the turn."""
    visit.refusals.clear()
    visit.turn = number


def rename(visit: Visit, name: str) -> None:
    """Call the person whose turn it is ``name``; empty: as the pages do. Raises VopError for a name
    that somebody has or that is too long.
    """
    name = " ".join(name.split())
    others = [called(each) for each in visit.people if each is not visit.person]
    if name in others:
        raise VopError(TAKEN.format(name=name))
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise VopError(NO_NAME.format(most=LONGEST_NAME))
    visit.refusals.clear()
    visit.person.name = name


def remove(visit: Visit) -> None:
    """Everything of the person whose turn it is goes; the one before has the turn."""
    place = visit.people.index(visit.person)
    visit.people.remove(visit.person)
    if not visit.people:
        visit.people_given += 1
        visit.people.append(Person(visit.people_given))
    visit.exchange, visit.swapped = None, False
    turn_to(visit, visit.people[max(place - 1, 0)].number)


def make_room_for(visit: Visit, bundled: str) -> None:
    """Turn to whoever has that bundled person's voice and nothing else, to an empty person, or to a
    new one.
    """
    for person in visit.people:
        if person.entries and all(entry.person == bundled for entry in person.entries):
            turn_to(visit, person.number)
            return
    if not visit.person.empty:
        add(visit)


def file_name(visit: Visit) -> str:
    """What the file of the person whose turn it is is called."""
    name = "".join(letter if letter.isalnum() else "-" for letter in called(visit.person))
    return f"{name}-{visit.task}.safetensors"


def saved(visit: Visit) -> bytes:
    """The file of the person whose turn it is."""
    return bundle(visit.task).person_bytes(visit.personal.model)


def load(visit: Visit, data: bytes, name: str) -> None:
    """Somebody from a person's file is another person of the visit. Raises PersonFileError for a
    file that is none of this task and these models.
    """
    visit.refusals.clear()
    model = bundle(visit.task).read_person(data, short_name(name))
    if not visit.person.empty:
        add(visit)
    visit.person.loaded = Personal((visit.task, "file", visit.turn), model, (), 0.0, None)
    try:
        rename(visit, Path(name).stem[:LONGEST_NAME])
    except VopError:  # taken, or no name at all
        visit.person.name = ""
