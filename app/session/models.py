"""The personal model of the clips that are switched on, and what the Posterior page shows of it."""

import time
from collections.abc import Mapping, Sequence

from texts.clips import clip

from session import shared
from session.clips import borrowed_person
from session.shared import bundle, bundled_persons
from session.state import Entry, Personal, Visit
from vop_core import plots
from vop_core.data.environments import CLEAN, heard_as
from vop_core.data.voices import BundledPerson
from vop_core.evaluation import narrowing, promises
from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.promises import SealedLabel
from vop_core.models.bundled import SHOTS, Example


def personal(visit: Visit) -> Personal | None:
    """The personal model of the clips that are on, made when they change, or that of the person's
    file; None without any, and for a file of another task.
    """
    loaded, chosen = visit.person.loaded, visit.enrolled
    if loaded is not None:
        visit.personal = loaded if loaded.key[0] == visit.task else None
        return visit.personal
    key = (visit.task, tuple(entry.number for entry in chosen))
    if visit.personal is None and not chosen:  # they were off before
        return None
    if visit.personal is None or visit.personal.key != key:
        visit.before = visit.personal if _was_switched(visit) else None
        visit.personal = _enroll(visit, key, chosen) if chosen else None
    return visit.personal


def _was_switched(visit: Visit) -> bool:
    """Whether the present clips differ from those of the last model by switches alone."""
    last = visit.personal
    return last is not None and (last.key[0], last.given) == (visit.task, _given(visit))


def _given(visit: Visit) -> tuple[int, ...]:
    return tuple(entry.number for entry in visit.entries)


def _enroll(visit: Visit, key: tuple, chosen: list[Entry]) -> Personal:
    seals = [entry.seal for entry in chosen if entry.seal]
    return enrolled(key, [entry.clip for entry in chosen], seals, _given(visit))


def enrolled(
    key: tuple, samples: Sequence, seals: Sequence[SealedLabel], given: tuple[int, ...] | None
) -> Personal:
    """The model that samples make of the task that ``key`` begins with, watched while it is
    made.
    """
    shipped = bundle(key[0])
    features = shipped.features(samples)
    started = time.perf_counter()
    made, kept = promises.watch_enrollment(
        lambda: shipped.vop.enroll(features), clips=len(samples), model=shipped.vop, seals=seals
    )
    return Personal(key, made, kept, time.perf_counter() - started, given)


def model(visit: Visit):
    """The personal model, or the prior when every clip is switched off."""
    made = personal(visit)
    return made.model if made else bundle(visit.task).vop.prior_model()


def layer_view(visit: Visit, layer: str, draws: int = 0) -> plots.LayerView:
    """One layer's prior, clips, combination and first draws, and the combination before the last
    switch.
    """
    made, before = model(visit), visit.before
    if before and before.key[0] != visit.task:
        before = None
    return plots.LayerView(
        prior=made.layer_posterior(layer, "prior"),
        combined=made.layer_posterior(layer, "combined"),
        clips=[
            (title, look, made.layer_posterior(layer, index))
            for index, (title, look) in enumerate(_clips_of(visit, made))
        ],
        before=before.model.layer_posterior(layer, "combined") if before else None,
        draws=drawn(visit, layer)[:draws] if draws else None,
    )


def drawn(visit: Visit, layer: str):
    """As many draws of a layer as can be shown, so that one more leaves the others where they
    are.
    """
    generator = generator_for(visit.draw_seed)
    return model(visit).sample_weights(plots.MOST_DRAWS, generator=generator)[layer]


def _clips_of(visit: Visit, made) -> list[tuple[str, int]]:
    """Title and look of each clip that made a model; a file kept them in their order."""
    if visit.person.loaded:
        return [(clip(place + 1), place) for place in range(made.shots)]
    return [(entry.title, visit.entries.index(entry)) for entry in visit.enrolled]


def chosen_layer(visit: Visit) -> str:
    """The layer this visitor looks at; at first that of whose weights the clips say most of one."""
    if visit.task not in visit.layers:
        views = {layer: layer_view(visit, layer) for layer in model(visit).layer_names}
        visit.layers[visit.task] = plots.most_told(views)
    return visit.layers[visit.task]


def choose_layer(visit: Visit, layer: str) -> None:
    """Remember the layer for the next time."""
    visit.layers[visit.task] = layer


def chosen_weight(visit: Visit, layer: str, otherwise: int) -> int:
    """The weight this visitor looks at in a layer; ``otherwise`` the first time."""
    return visit.weights.setdefault((visit.task, layer), otherwise)


def choose_weight(visit: Visit, layer: str, weight: int) -> None:
    """Remember the weight for the next time."""
    visit.weights[visit.task, layer] = weight


def results(visit: Visit) -> tuple[list, list]:
    """The model card's rows and paired differences, measured on real people who were not in the
    training.
    """
    found = bundle(visit.task).card.get("results", {})
    return found.get("rows", []), found.get("differences", [])


def bundled_results(task: str) -> dict | None:
    """What the card says of all bundled persons, and with whom of them the app opens."""
    return bundle(task).card.get("bundled")


def bundled_row(visit: Visit) -> Mapping | None:
    """What the card says of the bundled person who enrolled, where the clips that are on are those
    that the card's models were made from.
    """
    found, person = bundled_results(visit.task), borrowed_person(visit)
    if found is None or person is None:
        return None
    took = shared.enrolled_clips(visit.task, person.id, visit.environment, found["shots"])
    counted = [record.path.name for record in took]
    if [entry.clip.name for entry in visit.enrolled] != counted:
        return None
    asked = person.id, visit.environment
    return next(
        (row for row in found["rows"] if (row["person"], row["environment"]) == asked), None
    )


def opening(task: str) -> tuple[BundledPerson | None, str]:
    """The bundled person, and where that person is heard, with whom the card says to open; nobody,
    clean, where it does not say.
    """
    found = bundled_results(task)
    if found is None:
        return None, CLEAN
    proposed = found["opening"]
    persons = {person.id: person for person in bundled_persons(task)}
    return persons.get(proposed["person"]), proposed["environment"]


def examples(visit: Visit) -> tuple[BundledPerson, str, tuple[Example, ...]] | None:
    """With whom the app opens, where that person is heard, and what both models answer to them;
    None where the card does not say.
    """
    person, environment = opening(visit.task)
    if person is None:
        return None
    return person, environment, shared.examples(visit.task, person.id, environment, SHOTS)


def health_over_persons(visit: Visit) -> dict | None:
    """What the card says about collapse over many persons, which one person's posterior cannot
    show.
    """
    return bundle(visit.task).card.get("health")


def learning_curve(visit: Visit) -> narrowing.LearningCurve:
    """How width and, for a bundled person, answers change with the number of clips that are on."""
    key = (visit.task, tuple(entry.number for entry in visit.enrolled))
    if visit.curve is None or visit.curve[0] != key:
        visit.curve = (key, _learning_curve(visit))
    return visit.curve[1]


def _learning_curve(visit: Visit) -> narrowing.LearningCurve:
    shipped = bundle(visit.task)
    if visit.person.loaded:
        made = model(visit)
        return narrowing.LearningCurve((0, made.shots), (1.0, narrowing.width_ratio(made)))
    chosen = [entry.clip for entry in visit.enrolled]
    person = borrowed_person(visit)
    queries = (
        [record for record in person.query if record.label in shipped.labels] if person else []
    )
    heard = [heard_as(visit.environment, person.id, record.load()) for record in queries]
    return narrowing.learning_curve(
        shipped.vop,
        shipped.features(chosen) if chosen else None,
        shipped.features(heard) if heard else None,
        [shipped.labels.index(record.label) for record in queries],
        shipped.global_model,
    )
