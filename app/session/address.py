"""What an address opens: a bundled voice in a state. A visitor's own clips are never replaced by
it.
"""

from dataclasses import fields

from session.clips import ask_bundled, borrow
from session.shared import bundled_persons
from session.state import Visit
from vop_core.course.links import LinkedState
from vop_core.data.environments import CLEAN
from vop_core.errors import VopError
from vop_core.tasks.registry import TASKS
from vop_core.types import MOST_CLIPS

OURS = {each.name for each in fields(LinkedState)}


def follow(visit: Visit, address: dict[str, str]) -> None:
    """Open what an address asks for, once; a visitor's own clips are never replaced by it."""
    address = {name: value for name, value in address.items() if name in OURS}
    if not address or address == visit.address:
        return
    visit.address = address
    try:
        asked = LinkedState.from_query(address)
        if visit.entries:
            raise VopError(
                "The address names other clips; yours were kept. Forget them first to open it."
            )
        _open(visit, asked)
    except VopError as error:
        visit.refusals.append(str(error))


def _open(visit: Visit, asked: LinkedState) -> None:
    if asked.task is not None and asked.task not in TASKS:
        raise VopError(
            f"The address asks for the task '{asked.task[:40]}'; there are {' and '.join(TASKS)}."
        )
    visit.task = asked.task or visit.task
    if asked.person is None:
        return
    person = next((each for each in bundled_persons(visit.task) if each.id == asked.person), None)
    if person is None:
        raise VopError(
            f"The address asks for '{asked.person[:40]}', who is no bundled voice of this task."
        )
    clips = min(asked.clips, len(person.enrollment), MOST_CLIPS)
    borrow(visit, person, clips, asked.environment or CLEAN)
    visit.draw_seed = asked.seed
    if asked.query is not None:
        ask_bundled(visit, person, min(asked.query, len(person.query) - 1))
