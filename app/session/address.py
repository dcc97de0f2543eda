"""What an address opens: a bundled voice in a state, beside whatever was given before; and the
address of what a visitor sees.
"""

from dataclasses import fields

import texts
from texts import address as said

from session import models
from session.clips import ask_bundled, borrow, borrowed_person
from session.shared import bundled_persons
from session.state import Visit
from vop_core.course.links import LinkedState
from vop_core.data.environments import CLEAN
from vop_core.errors import VopError
from vop_core.tasks.registry import KEYWORD_TASKS
from vop_core.types import MOST_CLIPS

OURS = {each.name for each in fields(LinkedState)}


def follow(visit: Visit, address: dict[str, str]) -> None:
    """Open what an address asks for, once."""
    address = {name: value for name, value in address.items() if name in OURS}
    if not address or address == visit.address:
        return
    visit.address = address
    try:
        _open(visit, LinkedState.from_query(address))
    except VopError as error:
        visit.refusals.append(str(error))


def _open(visit: Visit, asked: LinkedState) -> None:
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
    step = {"step": str(visit.lesson.step + 1)} if visit.page == texts.LEARN else {}
    return shown(visit).as_query() | step
