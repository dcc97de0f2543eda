"""What an address opens: a bundled voice or hand in a state, beside whatever was given before; and
the address of what a visitor sees.
"""

from collections.abc import Sequence
from dataclasses import fields

import texts
from texts import address as said

from session import hands, models, state, subject
from session.clips import ask_bundled, borrow, borrowed_person
from session.shared import bundled_persons
from session.state import Visit
from vop_core.course.links import LinkedState
from vop_core.course.prose import slug
from vop_core.data.environments import CLEAN
from vop_core.errors import VopError
from vop_core.tasks.registry import KEYWORD_TASKS
from vop_core.types import MOST_CLIPS

HAND = ("writer", "scan", "digit")
CHOICES = ("view", "section")  # of a page's parts, which is open
OURS = {*(each.name for each in fields(LinkedState)), *HAND, *CHOICES, "model"}
STEP = "step"  # of the lecture, which follows it itself


def follow(visit: Visit, address: dict[str, str]) -> None:
    """Open what an address asks for, once; what the pages themselves made of it is open already."""
    address = {name: value for name, value in address.items() if name in OURS}
    if not address or frozenset(address.items()) in visit.addresses:
        return
    visit.addresses.add(frozenset(address.items()))
    visit.asked_choices = {name: address[name] for name in CHOICES if name in address}
    for opens in (_open_voice, _open_model, _open_hand):
        try:
            opens(visit, address)
        except VopError as error:
            visit.refusals.append(str(error))


def _open_model(visit: Visit, address: dict[str, str]) -> None:
    """What Decide and Inspect are about."""
    name = address.get("model")
    if name is None:
        return
    if name not in subject.TASKS_ABOUT:
        raise VopError(said.no_such_model(asked=name[:40], known=subject.TASKS_ABOUT))
    subject.choose(visit, name)


def _open_hand(visit: Visit, address: dict[str, str]) -> None:
    """A bundled writer's digits, and the one that is asked about."""
    name, scan = address.get("writer"), address.get("scan", CLEAN)
    if name is None:
        return
    person = next((each for each in bundled_persons(hands.TASK) if each.id == name), None)
    if person is None:
        raise VopError(said.no_such_writer(asked=name[:40]))
    if scan not in texts.places(hands.TASK):
        raise VopError(said.no_such_scan(asked=scan[:40]))
    hands.borrow(visit, person, scan)
    if address.get("digit", "").isdecimal():
        visit.hand.asked = int(address["digit"]) % len(person.query)
        hands.ask_bundled(visit)


def _open_voice(visit: Visit, address: dict[str, str]) -> None:
    """A model, and a bundled voice with some of its clips."""
    asked = LinkedState.from_query(address)
    if asked.task is not None and asked.task not in KEYWORD_TASKS:
        raise VopError(said.no_such_task(asked=asked.task[:40], known=KEYWORD_TASKS))
    visit.task = asked.task or visit.task
    if asked.person is None:
        return
    person = next((each for each in bundled_persons(visit.task) if each.id == asked.person), None)
    if person is None:
        raise VopError(said.no_such_voice(asked=asked.person[:40]))
    clips = min(asked.clips, len(person.enrollment), MOST_CLIPS)
    borrow(visit, person, clips, asked.environment or CLEAN)
    visit.draw_seed = asked.seed
    if asked.query is not None:
        ask_bundled(visit, person, min(asked.query, len(person.query) - 1))
    if asked.layer is not None:
        _look_at(visit, asked.layer, asked.weight)


def _look_at(visit: Visit, layer: str, weight: int | None) -> None:
    made = models.model(visit)
    if layer not in made.layer_names:
        raise VopError(said.no_such_layer(asked=layer[:40], known=made.layer_names))
    models.choose_layer(visit, layer)
    if weight is not None:
        last = len(made.layer_posterior(layer).names) - 1
        models.choose_weight(visit, layer, min(weight, last))


def shown(visit: Visit) -> LinkedState:
    """What an address can say of what the person whose turn it is shows: a bundled voice, how many
    of its clips and which query. Of anybody else's clips it says the task alone.
    """
    person = borrowed_person(visit)
    if person is None:
        return LinkedState(task=visit.task)
    names = [record.path.name for record in person.query]
    query = visit.query
    asked = query is not None and query.person == person.id and query.original.name in names
    return LinkedState(
        task=visit.task,
        person=person.id,
        environment=None if visit.environment == CLEAN else visit.environment,
        clips=len(visit.entries),
        query=names.index(query.original.name) if asked else None,
        seed=visit.draw_seed,
        layer=(layer := visit.layers.get(visit.task)),
        weight=visit.weights.get((visit.task, layer)) if layer else None,
    )


def query(visit: Visit) -> dict[str, str]:
    """The part of the page's address after the question mark that opens what is shown."""
    found = shown(visit).as_query()
    if visit.page == texts.LEARN:
        found[STEP] = str(visit.lesson.step + 1)
    elif visit.page == texts.HANDS and visit.hand.writer:
        found |= {"writer": visit.hand.writer, "scan": visit.hand.environment}
        if visit.hand.query and visit.hand.query.seal:
            found["digit"] = str(visit.hand.asked - 1)
    elif visit.page in (texts.DECIDE, texts.INSPECT) and visit.subject:
        found["model"] = visit.subject
    found |= {name: part for (page, name), part in visit.choices.items() if page == visit.page}
    visit.addresses.add(frozenset((name, found[name]) for name in found if name in OURS))
    return found


def begin_choice(visit: Visit, name: str, widget: str, options: Sequence[str]) -> None:
    """Let an input of choices begin where the address says, once."""
    asked = visit.asked_choices.pop(name, None)
    for option in options:
        if slug(option) == asked:
            state.begin(widget, option)


def keep_choice(visit: Visit, name: str, option: str, options: Sequence[str]) -> None:
    """Let the address say which choice is open, where it is not the first one."""
    visit.choices.pop((visit.page, name), None)
    if option != options[0]:
        visit.choices[visit.page, name] = slug(option)
