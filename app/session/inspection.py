"""What the page Inspect shows: of the visitor's clips, or of a bundled person where there are
none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from session import models, shared
from session.answers import true_word
from session.clips import borrowed_person
from session.shared import bundle, bundled_persons
from session.state import Visit
from vop_core.course import script
from vop_core.course.links import LinkedState
from vop_core.data.environments import CLEAN
from vop_core.data.voices import BundledPerson
from vop_core.models import diagnosis, inspection
from vop_core.models.bundled import SHOTS
from vop_core.models.diagnosis import Check
from vop_core.models.inspection import HeardPerson, PersonsMap
from vop_core.variational.inference_data import as_netcdf

EXPORTED_DRAWS = 1_000


@dataclass(frozen=True)
class Inspected:
    """Whose posterior is looked at."""

    heard: HeardPerson
    model: object
    person: BundledPerson | None  # None: the visitor, or several persons
    environment: str
    clips: tuple[str, ...] | None  # the bundled person's, by file name
    proposed: bool  # nobody enrolled: a bundled person stands in


def inspected(visit: Visit) -> Inspected:
    """The clips that are on; where there is none, a bundled person, and the visit stays as it
    is.
    """
    return _kept(visit, "inspected", lambda: _inspected(visit))


def _inspected(visit: Visit) -> Inspected:
    shipped = bundle(visit.task)
    if not visit.enrolled:
        person, environment = models.opening(visit)
        person = person or bundled_persons(visit.task)[0]
        took = shared.enrolled_clips(visit.task, person.id, environment, SHOTS)
        return _of_bundled(visit, person, environment, [each.path.name for each in took], True)
    person = borrowed_person(visit)
    if person is not None:
        names = [entry.clip.name for entry in visit.enrolled]
        return _of_bundled(visit, person, visit.environment, names, False)
    asked = visit.query if visit.query and visit.query.task == visit.task else None
    heard = inspection.person_of_clips(
        shipped,
        [entry.clip for entry in visit.enrolled],
        [asked.clip] if asked else (),
        [true_word(visit)] if asked else (),
    )
    return Inspected(heard, models.model(visit), None, CLEAN, None, False)


def _of_bundled(
    visit: Visit, person: BundledPerson, environment: str, names: list[str], proposed: bool
) -> Inspected:
    shipped = bundle(visit.task)
    heard = inspection.bundled_person(shipped, person, environment, names)
    made = shipped.vop.enroll(heard.enrollment)
    return Inspected(heard, made, person, environment, tuple(names), proposed)


def _kept(visit: Visit, name: str, make: Callable[[], object]):
    """Made once for the clips that are on, and the query that is asked."""
    query = (visit.query.number, true_word(visit)) if visit.query else None
    key = (visit.task, tuple(entry.number for entry in visit.enrolled), query)
    if visit.inspection is None or visit.inspection[0] != key:
        visit.inspection = (key, {})
    found = visit.inspection[1]
    if name not in found:
        found[name] = make()
    return found[name]


def layers(visit: Visit) -> pd.DataFrame:
    """Every weight of the person's posterior."""
    return _kept(visit, "layers", lambda: inspection.layer_table(inspected(visit).model))


def marked(visit: Visit) -> tuple[str, int]:
    """The layer and the weight that are looked at, here and on Posterior; at first the one of
    which the clips say most.
    """
    table = layers(visit)
    most = table.loc[table["kl"].idxmax()]
    layer = visit.layers.get(visit.task, most["layer"])
    own = table[table["layer"] == layer]
    most = own.loc[own["kl"].idxmax()]
    return layer, visit.weights.get((visit.task, layer), int(most["weight"]))


def mark(visit: Visit, layer: str, weight: int | None) -> None:
    """Look at a layer, and at one of its weights; Posterior then shows the same."""
    models.choose_layer(visit, layer)
    if weight is not None:
        models.choose_weight(visit, layer, weight)


def persons_map(visit: Visit, *, by_environment: bool) -> PersonsMap | None:
    """All bundled persons in their principal plane."""
    return shared.persons_map(visit.task, by_environment)


def in_plane(visit: Visit, found: PersonsMap) -> pd.DataFrame:
    """Where the posterior that is looked at lies among them."""
    looked_at = inspected(visit)
    return inspection.place_table(
        found.plane, looked_at.model.posterior.expand(1), [looked_at.heard.name], "now"
    )


def coverage(visit: Visit) -> pd.DataFrame:
    """Width and coverage of each bundled person."""
    return shared.coverage(visit.task)


def answers_by_draw(visit: Visit):
    """Answers under draws to the query clips, or where there is none to the enrolled ones."""
    looked_at = inspected(visit)
    return _kept(
        visit,
        f"draws {visit.draw_seed}",
        lambda: inspection.answers_by_draw(looked_at.model, looked_at.heard.asked, visit.draw_seed),
    )


def uncertainty(visit: Visit) -> pd.DataFrame:
    """Each answer's entropy in its parts."""
    heard = inspected(visit).heard
    labels = heard.query_labels if len(heard.query) else None
    return inspection.uncertainty_table(bundle(visit.task), answers_by_draw(visit), labels)


def methods(visit: Visit) -> pd.DataFrame:
    """Every method's answers."""
    looked_at = inspected(visit)
    return _kept(
        visit,
        "methods",
        lambda: inspection.method_table(bundle(visit.task), looked_at.heard),
    )


def methods_known(visit: Visit) -> bool:
    """Whether every method has answered already."""
    inspected(visit)
    return "methods" in visit.inspection[1]


def checks(visit: Visit) -> tuple[Check, ...]:
    """The diagnosis."""
    return _kept(visit, f"diagnosis {visit.draw_seed}", lambda: _checks(visit))


def _checks(visit: Visit) -> tuple[Check, ...]:
    looked_at = inspected(visit)
    persons = bundled_persons(visit.task)
    everybody = shared.crowd(visit.task, CLEAN)
    own = looked_at.person.id if looked_at.person else None
    others = [place for place, each in enumerate(persons) if each.id != own]
    return diagnosis.diagnose(
        looked_at.model,
        looked_at.heard,
        others=everybody[others],
        coverage=coverage(visit),
        seed=visit.draw_seed,
    )


def exported(visit: Visit) -> bytes:
    """Draws of posterior and prior as ArviZ reads them: weights, and nothing of the voice."""
    model, vop = inspected(visit).model, bundle(visit.task).vop
    return as_netcdf(inspection.draws_to_export(vop, model, EXPORTED_DRAWS, visit.draw_seed))


def as_script(visit: Visit, view: str) -> str:
    """A view as a script."""
    return script.view_script(view, *_state(visit))


def as_notebook(visit: Visit, view: str) -> str:
    """A view as a notebook."""
    return script.view_notebook(view, *_state(visit))


def _state(visit: Visit) -> tuple[LinkedState, tuple[str, ...] | None]:
    looked_at = inspected(visit)
    person = looked_at.person.id if looked_at.person else None
    state = LinkedState(
        task=visit.task,
        person=person,
        environment=None if looked_at.environment == CLEAN else looked_at.environment,
        clips=len(looked_at.clips or ()) or SHOTS,
        seed=visit.draw_seed,
    )
    return state, looked_at.clips
