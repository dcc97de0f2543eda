"""Signs of the visitor's own coming in, the classifier that they make, and its answers. A refusal
leaves what was there untouched.
"""

import time
from collections.abc import Callable, Sequence

import texts
from texts import signs as said

from session.shared import bundle, bundled_persons
from session.state import Drawn, OwnSigns, Sign, Visit
from vop_core import plots
from vop_core.data.pictures import decode_picture, decode_strokes, picture_png
from vop_core.data.voices import BundledPerson
from vop_core.errors import PictureError, VopError
from vop_core.evaluation import promises
from vop_core.evaluation.answers import Answer, each_answer, outcome
from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.promises import SealedLabel
from vop_core.models import signs
from vop_core.models.signs import TaughtSigns
from vop_core.tasks.registry import TASKS
from vop_core.tasks.signs import MOST_SIGNS
from vop_core.types import Picture

TASK = "signs"
WRITERS = "handwriting"  # whose bundled persons' digits serve as signs
BORROWED = 5  # of them
LONGEST_NAME = 24  # characters


def writer(visit: Visit) -> BundledPerson | None:
    """The bundled person whose digits they are, if they are."""
    known = {person.id: person for person in bundled_persons(WRITERS)}
    return known.get(visit.own_signs.writer)


# --- what is given --------------------------------------------------------------------------------


def draw(visit: Visit, strokes: object) -> None:
    """Take a drawing in as a sample of the chosen sign, or of a new one."""
    visit.refusals.clear()
    try:
        name = said.drawing(visit.own_signs.given + 1)
        _add(visit, decode_strokes(strokes, name=name), "drawn")
    except VopError as error:
        visit.refusals.append(str(error))


def upload(visit: Visit, files: Sequence[tuple[str, bytes]]) -> None:
    """Take picture files in as samples of the chosen sign, or of a new one; what is refused is said
    once for each reason.
    """
    visit.refusals.clear()
    refused = []
    for name, data in files:
        try:
            _add(visit, decode_picture(data, name=name), "uploaded")
        except VopError as error:
            refused.append((name, str(error)))
    visit.refusals += texts.refused(refused, len(files))


def borrow(visit: Visit, person: BundledPerson) -> None:
    """A sample of each of some digits of a bundled person takes the place of what is there."""
    visit.refusals.clear()
    visit.own_signs = own = OwnSigns(given=visit.own_signs.given, writer=person.id)
    for label in _labels(person):
        sample = next(each for each in person.enrollment if each.label == label)
        own.named += 1
        found = _drawn(own, sample.load(), "borrowed", SealedLabel(label))
        own.signs.append(Sign(own.named, label, [found]))


def begin(visit: Visit) -> None:
    """Signs of the visitor's own, in the place of borrowed ones."""
    visit.own_signs = OwnSigns(given=visit.own_signs.given)


def choose(visit: Visit, number: int) -> None:
    """Of which sign the next sample is, by number; 0: of a new one."""
    visit.own_signs.chosen = number


def rename(visit: Visit, sign: Sign, name: str) -> None:
    """Call a sign something else. Refuses what another is called."""
    visit.refusals.clear()
    wanted = " ".join(name.split())[:LONGEST_NAME]
    if not wanted:
        return
    if any(other is not sign and other.name == wanted for other in visit.own_signs.signs):
        visit.refusals.append(said.taken(wanted))
        return
    sign.name = wanted


def remove(visit: Visit, sign: Sign, sample: Drawn) -> None:
    """Take a sample out, and the sign with its last one."""
    sign.samples.remove(sample)
    own = visit.own_signs
    if not sign.samples:
        own.signs.remove(sign)
        if own.chosen == sign.number:
            own.chosen = 0


def ask(visit: Visit, strokes: object) -> None:
    """Ask about a drawing."""
    _question(visit, lambda name: decode_strokes(strokes, name=name), "drawn")


def ask_file(visit: Visit, name: str, data: bytes) -> None:
    """Ask about a picture file."""
    _question(visit, lambda _: decode_picture(data, name=name), "uploaded")


def ask_bundled(visit: Visit) -> None:
    """Ask about the next of the bundled person's drawings that taught nothing."""
    visit.refusals.clear()
    own, others = visit.own_signs, _others(writer(visit))
    asked = others[own.asked % len(others)]
    own.asked += 1
    own.query = _drawn(own, asked.load(), "borrowed", SealedLabel(asked.label))


def _add(visit: Visit, picture: Picture, source: str) -> None:
    if visit.own_signs.writer:
        begin(visit)
    own = visit.own_signs
    before = [sample.original for sign in own.signs for sample in sign.samples]
    TASKS[TASK].check_enrollment([*before, picture])
    sign = next((sign for sign in own.signs if sign.number == own.chosen), None)
    if sign is None:
        if len(own.signs) == MOST_SIGNS:
            raise PictureError(said.full(MOST_SIGNS))
        own.named += 1
        sign = Sign(own.named, said.sign(own.named))
        own.signs.append(sign)
    sign.samples.append(_drawn(own, picture, source))


def _question(visit: Visit, read: Callable[[str], Picture], source: str) -> None:
    visit.refusals.clear()
    own = visit.own_signs
    try:
        own.query = _drawn(own, read(said.drawing(own.given + 1)), source)
    except VopError as error:
        visit.refusals.append(str(error))


def _drawn(own: OwnSigns, picture: Picture, source: str, seal: SealedLabel | None = None) -> Drawn:
    own.given += 1
    return Drawn(own.given, picture, picture, source, seal=seal, image=picture_png(picture))


def _labels(person: BundledPerson) -> list[str]:
    """The digits that a bundled person lends: the first ones, in the order of their files."""
    return list(dict.fromkeys(each.label for each in person.enrollment))[:BORROWED]


def _others(person: BundledPerson) -> list:
    """Their drawings of these digits that teach nothing."""
    return [each for each in person.query if each.label in _labels(person)]


# --- the classifier, and what it answers ----------------------------------------------------------


def made(visit: Visit) -> tuple[TaughtSigns, str, float] | None:
    """The classifier of all samples, made when they change, with what it took (gradient steps and
    tensors changed, seconds); None for fewer than two signs.
    """
    own = visit.own_signs
    key = tuple((sign.name, *(sample.number for sample in sign.samples)) for sign in own.taught)
    if len(key) < signs.FEWEST:
        return None
    if own.made is None or own.made[0] != key:
        shipped = bundle(TASK)
        given = {sign.name: [each.picture for each in sign.samples] for sign in own.taught}
        started = time.perf_counter()
        taught, kept = promises.watch_enrollment(
            lambda: signs.teach(shipped, given),
            clips=sum(map(len, given.values())),
            model=shipped.vop,
        )
        own.made = (key, taught, kept[-1].measured, time.perf_counter() - started)
    return own.made[1:]


def answers(visit: Visit) -> tuple[Answer, Answer]:
    """The nearest mean's and the posterior's answer to the drawing that is asked about."""
    taught, _, _ = made(visit)
    query = visit.own_signs.query
    generator = generator_for(query.number)
    return signs.answers(taught, bundle(TASK), query.picture, generator=generator)


def truth(visit: Visit) -> str | None:
    """What the drawing is: a bundled person's is known, of their own the visitor tells."""
    own = visit.own_signs
    return own.query.seal.open() if own.query.seal else own.told.get(own.query.number)


def taught_with(visit: Visit) -> bool:
    """Whether the drawing that is asked about is one of the samples."""
    own = visit.own_signs
    samples = {each.original.digest for sign in own.signs for each in sign.samples}
    return own.query.original.digest in samples


def judge(visit: Visit, by_mean: Answer, personal: Answer) -> str | None:
    """Who was right, counted once for each drawing; None where nobody knows what it is, and where
    it is no test.
    """
    own, word = visit.own_signs, truth(visit)
    digest = own.query.original.digest
    if word is None or taught_with(visit):
        own.tally.pop(digest, None)
        return None
    own.tally[digest] = outcome(word, by_mean.best.label, personal.best.label)
    return own.tally[digest]


def everything(visit: Visit) -> tuple[int, tuple[int, int]]:
    """Of all of a bundled person's other drawings, how many the nearest mean and the posterior get
    right.
    """
    taught, _, _ = made(visit)
    others = _others(writer(visit))
    features = bundle(TASK).features([each.load() for each in others])
    drawn = taught.personal.predict(features, draws=signs.DRAWS, generator=generator_for(0))
    both = (taught.by_mean.predict(features), drawn)
    by_mean, personal = (
        sum(
            answer.best.label == each.label
            for answer, each in zip(each_answer(found, taught.names), others, strict=True)
        )
        for found in both
    )
    return len(others), (by_mean, personal)


def view(visit: Visit, place: int) -> plots.LayerView:
    """A sign's mean before any drawing, by each of its drawings, and by all of them."""
    taught, _, _ = made(visit)
    return plots.LayerView(
        prior=taught.prior[place],
        combined=taught.combined[place],
        clips=[
            (texts.sample(number + 1), number, each)
            for number, each in enumerate(taught.alone[place])
        ],
    )
