"""What the page Inspect shows: of the visitor's samples, or of a bundled person where there are
none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from texts.inspection import NOW

from session import shared, subject
from session.shared import bundled_persons
from session.state import Visit
from session.subject import Samples
from vop_core.course import script
from vop_core.course.links import LinkedState
from vop_core.data.environments import CLEAN
from vop_core.models import diagnosis, inspection
from vop_core.models.diagnosis import Check
from vop_core.models.inspection import HeardPerson, PersonsMap
from vop_core.variational.inference_data import as_netcdf

EXPORTED_DRAWS = 1_000


@dataclass(frozen=True)
class Inspected:
    """Whose posterior is looked at."""

    samples: Samples
    heard: HeardPerson
    model: object


def inspected(visit: Visit) -> Inspected:
    """Of the samples that are on; where there is none, of a bundled person."""
    return _kept(visit, "inspected", lambda: _inspected(visit))


def _inspected(visit: Visit) -> Inspected:
    shipped, found = subject.shipped(visit), subject.samples(visit)
    if found.person is not None:
        heard = inspection.bundled_person(shipped, found.person, found.environment, found.names)
    else:
        heard = inspection.person_of_clips(shipped, found.given, found.asked, found.words)
    return Inspected(found, heard, shipped.vop.enroll(heard.enrollment))


def _kept(visit: Visit, name: str, make: Callable[[], object]):
    """Made once for the samples that are on, and the query that is asked."""
    samples = subject.samples(visit)
    key = samples.key, samples.question
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
    table, task = layers(visit), subject.task(visit)
    most = table.loc[table["kl"].idxmax()]
    layer = visit.layers.get(task, most["layer"])
    own = table[table["layer"] == layer]
    most = own.loc[own["kl"].idxmax()]
    return layer, visit.weights.get((task, layer), int(most["weight"]))


def mark(visit: Visit, layer: str, weight: int | None) -> None:
    """Look at a layer, and at one of its weights; Posterior then shows the same."""
    task = subject.task(visit)
    visit.layers[task] = layer
    if weight is not None:
        visit.weights[task, layer] = weight


def persons_map(visit: Visit, *, by_environment: bool) -> PersonsMap | None:
    """All bundled persons in their principal plane."""
    return shared.persons_map(subject.task(visit), by_environment)


def in_plane(visit: Visit, found: PersonsMap) -> pd.DataFrame:
    """Where the posterior that is looked at lies among them."""
    looked_at = inspected(visit)
    return inspection.place_table(
        found.plane, looked_at.model.posterior.expand(1), [looked_at.heard.name], NOW
    )


def coverage(visit: Visit) -> pd.DataFrame:
    """Width and coverage of each bundled person."""
    return shared.coverage(subject.task(visit))


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
    return inspection.uncertainty_table(subject.shipped(visit), answers_by_draw(visit), labels)


def methods(visit: Visit) -> pd.DataFrame:
    """Every method's answers."""
    looked_at = inspected(visit)
    return _kept(
        visit,
        "methods",
        lambda: inspection.method_table(subject.shipped(visit), looked_at.heard),
    )


def methods_known(visit: Visit) -> bool:
    """Whether every method has answered already."""
    inspected(visit)
    return "methods" in visit.inspection[1]


def checks(visit: Visit) -> tuple[Check, ...]:
    """The diagnosis."""
    return _kept(visit, f"diagnosis {visit.draw_seed}", lambda: _checks(visit))


def _checks(visit: Visit) -> tuple[Check, ...]:
    looked_at, task = inspected(visit), subject.task(visit)
    persons, everybody = bundled_persons(task), shared.crowd(task, CLEAN)
    own = looked_at.samples.person.id if looked_at.samples.person else None
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
    model = inspected(visit).model
    return as_netcdf(inspection.draws_to_export(model, EXPORTED_DRAWS, visit.draw_seed))


def as_script(visit: Visit, view: str) -> str:
    """A view as a script."""
    return script.view_script(view, *_state(visit))


def as_notebook(visit: Visit, view: str) -> str:
    """A view as a notebook."""
    return script.view_notebook(view, *_state(visit))


def _state(visit: Visit) -> tuple[LinkedState, tuple[str, ...] | None]:
    found = inspected(visit).samples
    if found.person is None:
        return LinkedState(task=subject.task(visit), seed=visit.draw_seed), None
    state = LinkedState(
        task=subject.task(visit),
        person=found.person.id,
        environment=None if found.environment == CLEAN else found.environment,
        clips=len(found.names),
        seed=visit.draw_seed,
    )
    return state, found.names
