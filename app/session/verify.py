"""A clip that claims to be of the person who enrolled, and what the verification model says of it.
A refusal leaves the former claim as it was.
"""

from session import clips
from session.shared import bundle, bundled_persons
from session.state import Visit
from vop_core.data import audio
from vop_core.data.voices import BundledPerson
from vop_core.errors import VopError
from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.verification_metrics import Verdict
from vop_core.models.verification import ClaimSetting, MissRate, Verifier, card_claims

TASK = "verification"


def verifier() -> Verifier:
    """The shipped model: nothing of a visitor is in it."""
    return Verifier(bundle(TASK))


def claim(visit: Visit, data: bytes, name: str, source: str) -> None:
    """Take a clip in that claims to be of whose turn it is."""
    visit.refusals.clear()
    try:
        visit.claim = clips.new_query(visit, audio.decode(data, name=name), source)
        visit.claim.twin = clips.twin(visit, visit.claim)
    except VopError as error:
        visit.refusals.append(str(error))


def claim_as(visit: Visit, person: BundledPerson, number: int) -> None:
    """One of a bundled person's clips that did not enroll, counted from 0, makes the claim."""
    visit.refusals.clear()
    visit.claim = clips.bundled_query(visit, person, person.query[number])


def other(visit: Visit) -> BundledPerson:
    """Whose weights the claim is also heard under: a bundled person who neither enrolled nor
    claims.
    """
    here = {entry.person for entry in visit.enrolled} | {visit.claim and visit.claim.person}
    return next(each for each in bundled_persons(TASK) if each.id not in here)


def verdicts(visit: Visit) -> dict[str, Verdict]:
    """What both models say, and the personal one under another's weights; made when a clip
    changes.
    """
    key = (*(entry.number for entry in visit.enrolled), visit.claim.number)
    if visit.person.verdicts is None or visit.person.verdicts[0] != key:
        enrolled = [entry.clip for entry in visit.enrolled]
        others = [each.load() for each in other(visit).enrollment[: len(enrolled)]]
        found = verifier().verdicts(
            enrolled, visit.claim.clip, other=others, generator=generator_for(visit.draw_seed)
        )
        visit.person.verdicts = key, found
    return visit.person.verdicts[1]


def truth(visit: Visit) -> bool | None:
    """Whether the claim is true, where that is known: of bundled clips."""
    enrolled, claimed = visit.persons, visit.claim.person
    if len(enrolled) != 1:
        return None
    if claimed is None:
        return None if enrolled == {"you"} else False
    return claimed in enrolled


def settings() -> tuple[ClaimSetting, ...]:
    """What the card says of claims, by corpus, calls and number of clips."""
    return card_claims(bundle(TASK).card)


def miss_rate(visit: Visit) -> MissRate:
    """What the clips that are on say about how often this person would be refused."""
    return verifier().miss_rate([entry.clip for entry in visit.enrolled])
