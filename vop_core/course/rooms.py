"""Person and room apart: the bundled voices enrolled by themselves or by a stranger, with clips of
the environment in which they are asked or of another.
"""

from collections.abc import Mapping
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.course.baselines import methods
from vop_core.course.budget import within_budget
from vop_core.course.material import LEAST_QUERIES, models, voices
from vop_core.data.environments import OWN_ENVIRONMENT, Environment, heard_in, own_environments
from vop_core.data.voices import BundledPerson
from vop_core.evaluation.classification import correctness
from vop_core.types import Clip

HERE, ELSEWHERE = "same environment", "another environment"
OWN, STRANGER = "own clips", "a stranger's clips"
CELLS = tuple((whose, where) for where in (HERE, ELSEWHERE) for whose in (OWN, STRANGER))
MOST_SHOTS = 5


def environments_of(person: BundledPerson) -> dict[str, Environment]:
    """Where a person is asked, and where else they might have enrolled."""
    own = own_environments(person.id)
    return {HERE: own[OWN_ENVIRONMENT], ELSEWHERE: own["second environment"]}


@lru_cache(maxsize=1)
def people() -> tuple[BundledPerson, ...]:
    """The bundled voices with clips enough to take part."""
    enough = [
        each
        for each in voices()
        if len(each.enrollment) >= MOST_SHOTS and len(each.query) >= LEAST_QUERIES
    ]
    return tuple(enough[: within_budget(full=len(enough), short=5)])


@lru_cache(maxsize=1)
def questions() -> tuple[Float[Tensor, "person query mel frame"], Tensor]:
    """Each person's query clips in their own environment, as many of everybody, and their
    labels.
    """
    bundle, asked = models(), within_budget(full=LEAST_QUERIES, short=4)
    heard, labels = [], []
    for person in people():
        place = environments_of(person)[HERE]
        records = [each for each in person.query if each.label in bundle.labels][:asked]
        heard.append(bundle.features([heard_in(place, each.load()) for each in records]))
        labels.append([bundle.labels.index(each.label) for each in records])
    least = min(map(len, labels))
    return (
        torch.stack([each[:least] for each in heard]),
        torch.tensor([each[:least] for each in labels]),
    )


@lru_cache(maxsize=4)
def enrollment(whose: str, where: str) -> Float[Tensor, "person shot mel frame"]:
    """What enrolls each person in a cell: always in an environment of *that* person, so that a
    stranger's clips differ in the voice alone.
    """
    everybody = people()
    given = everybody if whose == OWN else (*everybody[1:], everybody[0])
    return torch.stack(
        [
            models().features(_heard(giver, environments_of(person)[where]))
            for person, giver in zip(everybody, given, strict=True)
        ]
    )


def _heard(giver: BundledPerson, place: Environment) -> list[Clip]:
    return [heard_in(place, each.load()) for each in giver.enrollment[:MOST_SHOTS]]


@lru_cache(maxsize=32)
@torch.no_grad()
def accuracy(
    method: str, whose: str = OWN, where: str = HERE, shots: int = MOST_SHOTS
) -> Float[Tensor, " person"]:
    """Each person's share of right answers, in their own environment, by a method enrolled as a
    cell says.
    """
    asked, labels = questions()
    found = methods()[method]
    clips = enrollment(whose, where)[:, :shots]
    heard = found.represent(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
    query = found.represent(asked.flatten(0, 1)).unflatten(0, labels.shape)
    answers = found.predict_proba(found.adapt(heard), query)
    return correctness(answers, labels).mean(1)


def cells(method: str, shots: int = MOST_SHOTS) -> dict[tuple[str, str], Float[Tensor, " person"]]:
    """The four cells of the design."""
    return {cell: accuracy(method, *cell, shots) for cell in CELLS}


def effects(found: Mapping[tuple[str, str], Tensor]) -> dict[str, Tensor]:
    """What changes from one cell to another, person by person: the person's part here and
    elsewhere, the environment's part with own and with a stranger's clips, and how far one
    depends on the other.
    """
    own, stranger, own_there, stranger_there = (found[cell] for cell in CELLS)
    return {
        "person, same environment": own - stranger,
        "person, another environment": own_there - stranger_there,
        "environment, own clips": own - own_there,
        "environment, a stranger's clips": stranger - stranger_there,
        "interaction": (own - stranger) - (own_there - stranger_there),
        "both": own - stranger_there,
    }
