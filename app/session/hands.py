"""Written digits coming in, the model of a hand that they make, and both models' answers. A refusal
leaves what was there untouched.
"""

from collections.abc import Callable, Sequence

import texts
from texts import hands as said

from session import models
from session.shared import bundle, bundled_persons
from session.state import Drawn, Personal, Visit
from vop_core import plots
from vop_core.data.pictures import decode_picture, decode_strokes, picture_png
from vop_core.data.voices import BundledPerson
from vop_core.errors import VopError
from vop_core.evaluation.answers import Answer, each_answer, first_answer, outcome
from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.promises import SealedLabel
from vop_core.tasks.registry import TASKS
from vop_core.types import Picture

TASK = "handwriting"
DRAWS = 100
BORROWED = 5  # digits that a bundled writer enrolls with


def writer(visit: Visit) -> BundledPerson | None:
    """The bundled writer whose hand it is, if it is one's."""
    known = {person.id: person for person in bundled_persons(TASK)}
    return known.get(visit.hand.writer)


def draw(visit: Visit, strokes: object) -> None:
    """Take a drawing in as one that enrolls."""
    _take(visit, lambda name: decode_strokes(strokes, name=name), "drawn")


def upload(visit: Visit, files: Sequence[tuple[str, bytes]]) -> None:
    """Take picture files in; what is refused is said once for each reason."""
    visit.refusals.clear()
    refused = []
    for name, data in files:
        try:
            _add(visit, [decode_picture(data, name=name)], "uploaded")
        except VopError as error:
            refused.append((name, str(error)))
    visit.refusals += texts.refused(refused, len(files))


def borrow(visit: Visit, person: BundledPerson, environment: str) -> None:
    """A bundled writer's digits take the place of what is there, in an environment of theirs."""
    visit.refusals.clear()
    hand = visit.hand
    hand.samples, hand.query, hand.made = [], None, None
    hand.tally.clear()
    hand.told.clear()
    hand.writer, hand.environment, hand.asked = person.id, environment, 0
    for each in person.enrollment[:BORROWED]:
        drawn = _drawn(visit, each.load(), "borrowed", SealedLabel(each.label))
        drawn.record = each.path.name
        hand.samples.append(drawn)


def begin(visit: Visit) -> None:
    """A hand of the visitor's own, in the place of a borrowed one."""
    given = visit.hand.given
    visit.hand = type(visit.hand)(given=given)


def see(visit: Visit, environment: str) -> None:
    """See the hand elsewhere: every digit that was given, and the one that is asked about."""
    hand = visit.hand
    hand.environment = environment
    hand.tally.clear()
    for each in (*hand.samples, *([hand.query] if hand.query else [])):
        each.picture = TASKS[TASK].met_in(environment, hand.writer, each.original)
        each.image = picture_png(each.picture)
    hand.made = None


def ask(visit: Visit, strokes: object) -> None:
    """Ask about a drawing."""
    _question(visit, lambda name: decode_strokes(strokes, name=name), "drawn")


def ask_file(visit: Visit, name: str, data: bytes) -> None:
    """Ask about a picture file."""
    _question(visit, lambda _: decode_picture(data, name=name), "uploaded")


def ask_bundled(visit: Visit) -> None:
    """Ask about the next of the bundled writer's digits that did not enroll."""
    visit.refusals.clear()
    hand, person = visit.hand, writer(visit)
    asked = person.query[hand.asked % len(person.query)]
    hand.asked += 1
    hand.query = _drawn(visit, asked.load(), "borrowed", SealedLabel(asked.label))


def remove(visit: Visit, sample: Drawn) -> None:
    """Take a digit out."""
    visit.hand.samples.remove(sample)


def flip(visit: Visit, sample: Drawn) -> None:
    """Switch a digit on or off."""
    sample.on = not sample.on


def _take(visit: Visit, read: Callable[[str], Picture], source: str) -> None:
    visit.refusals.clear()
    try:
        _add(visit, [read(said.digit(visit.hand.given + 1))], source)
    except VopError as error:
        visit.refusals.append(str(error))


def _add(visit: Visit, pictures: Sequence[Picture], source: str) -> None:
    if visit.hand.writer:
        begin(visit)
    before = [sample.original for sample in visit.hand.samples]
    TASKS[TASK].check_enrollment([*before, *pictures])
    visit.hand.samples += [_drawn(visit, picture, source) for picture in pictures]


def _question(visit: Visit, read: Callable[[str], Picture], source: str) -> None:
    visit.refusals.clear()
    try:
        visit.hand.query = _drawn(visit, read(said.digit(visit.hand.given + 1)), source)
    except VopError as error:
        visit.refusals.append(str(error))


def _drawn(visit: Visit, picture: Picture, source: str, seal: SealedLabel | None = None) -> Drawn:
    hand = visit.hand
    hand.given += 1
    seen = TASKS[TASK].met_in(hand.environment, hand.writer, picture)
    return Drawn(hand.given, picture, seen, source, seal=seal, image=picture_png(seen))


# --- the model, and what it answers ---------------------------------------------------------------


def personal(visit: Visit) -> Personal | None:
    """The model of the digits that are on, made when they change; None without any."""
    hand = visit.hand
    chosen = hand.enrolled
    key = tuple(sample.number for sample in chosen)
    if hand.made is None or hand.made[0] != key:
        seals = [sample.seal for sample in chosen if sample.seal]
        pictures = [sample.picture for sample in chosen]
        hand.made = (key, models.enrolled((TASK,), pictures, seals, None)) if chosen else None
    return hand.made[1] if hand.made else None


def answers(visit: Visit) -> tuple[Answer, Answer]:
    """The global and the personal model's answer to the digit that is asked about."""
    shipped, made = bundle(TASK), personal(visit).model
    query = shipped.features([visit.hand.query.picture])
    common = first_answer(shipped.global_model.predict(query), shipped.labels)
    drawn = made.predict(query, draws=DRAWS, generator=generator_for(visit.hand.query.number))
    return common, first_answer(made.predict(query), shipped.labels, drawn)


def truth(visit: Visit) -> str | None:
    """What the digit is: a bundled writer's is known, of their own the visitor tells."""
    query = visit.hand.query
    return query.seal.open() if query.seal else visit.hand.told.get(query.number)


def enrolled(visit: Visit) -> bool:
    """Whether the digit that is asked about is one of those that made the model."""
    hand = visit.hand
    return hand.query.original.digest in {sample.original.digest for sample in hand.enrolled}


def of_another(visit: Visit) -> bool:
    """Whether the visitor asks about a digit of their own while the hand is a borrowed one."""
    return visit.hand.writer is not None and visit.hand.query.source != "borrowed"


def judge(visit: Visit, by_global: Answer, by_personal: Answer) -> str | None:
    """Who was right, counted once for each digit; None where nobody knows what it is, and where it
    is no test.
    """
    hand, word = visit.hand, truth(visit)
    digest = hand.query.original.digest
    if word is None or enrolled(visit) or of_another(visit):
        hand.tally.pop(digest, None)
        return None
    hand.tally[digest] = outcome(word, by_global.best.label, by_personal.best.label)
    return hand.tally[digest]


def everything(visit: Visit) -> list[str]:
    """Over all of a bundled writer's digits that did not enroll, who is right."""
    shipped, person, hand = bundle(TASK), writer(visit), visit.hand
    task = TASKS[TASK]
    seen = [task.met_in(hand.environment, person.id, each.load()) for each in person.query]
    features = shipped.features(seen)
    models = (shipped.global_model, personal(visit).model)
    both = (each_answer(model.predict(features), shipped.labels) for model in models)
    return [
        outcome(record.label, common.best.label, own.best.label)
        for record, common, own in zip(person.query, *both, strict=True)
    ]


def layer_view(visit: Visit, layer: str) -> plots.LayerView:
    """One layer's prior, each digit's own posterior, and the combined one."""
    made = personal(visit).model
    on = [place for place, sample in enumerate(visit.hand.samples) if sample.on]
    return plots.LayerView(
        prior=made.layer_posterior(layer, "prior"),
        combined=made.layer_posterior(layer, "combined"),
        clips=[
            (texts.sample(place + 1), place, made.layer_posterior(layer, number))
            for number, place in enumerate(on)
        ],
    )
