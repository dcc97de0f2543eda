"""Both models' answers to the query, the controls' answers, and the tally of this visit."""

import time

from session import models
from session.shared import bundle, bundled_persons
from session.state import Answers, Visit
from vop_core.data.environments import heard_as
from vop_core.evaluation.answers import Answer, first_answer, outcome
from vop_core.evaluation.controls import generator_for
from vop_core.types import Clip

DRAWS = 64  # weight draws behind a credible interval
# seconds that the answers have to themselves, to be sent and shown, before work on their details
# begins
LEAD = 0.12


def both(visit: Visit) -> Answers:
    """Both models' answers; the personal one by its posterior-mean weights, which costs no more
    than the global.
    """
    made, shipped = models.personal(visit), bundle(visit.task)
    key = (made.key, visit.query.number)
    if visit.answers is None or visit.answers.key != key:
        query = shipped.features([visit.query.clip])
        by_global, by_personal = (
            first_answer(model.predict(query), shipped.labels)
            for model in (shipped.global_model, made.model)
        )
        visit.answers = Answers(key, by_global, by_personal, made.model.shots)
    return visit.answers


def with_draws(visit: Visit) -> Answers:
    """The same with credible intervals and the split of the uncertainty, from draws of the personal
    weights.
    """
    answered = both(visit)
    if not answered.by_personal.draws:
        time.sleep(LEAD)  # the sender shares this interpreter, the browser this machine
        shipped, model = bundle(visit.task), visit.personal.model
        query = shipped.features([visit.query.clip])
        drawn = model.predict(query, draws=DRAWS, generator=generator_for(visit.query.number))
        answered.by_personal = first_answer(model.predict(query), shipped.labels, drawn)
    return answered


def of_controls(visit: Visit) -> dict[str, Answer]:
    """What models made with the wrong clips answer to the present query, by method name."""
    shipped = bundle(visit.task)
    query = shipped.features([visit.query.clip])
    controls = shipped.control_models(
        [entry.clip for entry in visit.enrolled],
        of_others(visit, visit.query.number),
        generator=generator_for(visit.query.number),
    )
    return {
        name: first_answer(model.predict(query), shipped.labels) for name, model in controls.items()
    }


def of_others(visit: Visit, first: int) -> list[list[Clip]]:
    """Enrollment clips of other bundled persons, as many persons as controls can need, in turn from
    the ``first`` on: each is heard in a room that takes time to make.
    """
    others = [person for person in bundled_persons(visit.task) if person.id not in visit.persons]
    first %= len(others)
    others = [*others[first:], *others[:first]][: len(visit.enrolled) + 1]
    return [
        [heard_as(visit.environment, other.id, record.load()) for record in other.enrollment]
        for other in others
    ]


def true_word(visit: Visit) -> str:
    """The query's word, empty where it is not known: sealed with a bundled clip, told by the
    visitor. A seal is opened once, and only after both models have answered.
    """
    query = visit.query
    if query.seal is None:
        return visit.told.get(_asked(visit), "")
    if not query.word:
        query.word = query.seal.open()
    return query.word


def true_label(visit: Visit) -> str | None:
    """The query's word, where it is known and one of the model's."""
    word = true_word(visit)
    return word if word in bundle(visit.task).labels else None


def tell(visit: Visit, word: str | None) -> None:
    """Remember which word the query is, or that the visitor does not say."""
    visit.told.pop(_asked(visit), None)
    if word:
        visit.told[_asked(visit)] = word


def judge(visit: Visit, answered: Answers) -> str | None:
    """Who got the query's known word right, and into the tally with it where it counts; None where
    the word is not known, or none of the model's.
    """
    word, key = true_label(visit), (*_asked_of(visit), visit.query.clip.digest)
    visit.outcomes.pop(key, None)
    if word is None:
        return None
    found = outcome(word, answered.by_global.best.label, answered.by_personal.best.label)
    if not visit.query.twin and not another_persons(visit):
        visit.outcomes[key] = found
    return found


def another_persons(visit: Visit) -> bool:
    """Whether the query is of nobody whose clips made the personal model."""
    return (visit.query.person or "you") not in visit.persons


def tally(visit: Visit) -> list[str]:
    """What came of the distinct queries that were asked of the present task's models, about the
    person as enrolled now, heard as now.
    """
    now = _asked_of(visit)
    return [found for (*asked, _), found in visit.outcomes.items() if tuple(asked) == now]


def _asked_of(visit: Visit) -> tuple[frozenset[str], str, str]:
    return frozenset(visit.persons), visit.task, visit.environment


def _asked(visit: Visit) -> tuple[str, str]:
    return visit.query.task, visit.query.clip.digest
