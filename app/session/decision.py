"""What the page Decide is made of: read from the card, asked of bundled persons, or timed here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import texts
from texts import decide

from session import shared, subject
from session.state import Visit
from vop_core.data.environments import CLEAN
from vop_core.evaluation.detection import OperatingPoint, cross_fitted
from vop_core.models import decision
from vop_core.models.bundled import SHOTS
from vop_core.models.decision import Regime
from vop_core.models.ledger import Ledger, ledger_of_clips, ledger_of_person
from vop_core.plots.bench import shots_figure
from vop_core.plots.detection import ROLES, det_figure
from vop_core.plots.persons import gains_figure
from vop_core.report.decision import Decision, Drawing, Table, decision_page
from vop_core.tasks.registry import KEYWORD_TASKS

USUAL_TARGET = 0.05  # false alarms allowed, unless another share is chosen


def regimes(visit: Visit) -> tuple[Regime, ...]:
    """By number of clips, over the people of the card."""
    return decision.card_regimes(subject.shipped(visit).card)


def places(visit: Visit) -> tuple[decision.Place, ...]:
    """By where bundled people are heard, by the card."""
    return decision.card_places(subject.shipped(visit).card)


def ask_people(visit: Visit) -> None:
    """From now on the page shows what the bundled people answer."""
    visit.people_asked.add(subject.task(visit))


def curve(found: tuple[Regime, ...]) -> list[dict]:
    """Right answers by number of clips, as the figure takes them."""
    return [
        {
            "variant": look.name,
            "shots": regime.shots,
            "accuracy": {
                "mean": level.mean,
                "ci95": level.bounds,
                "persons": level.persons,
            },
        }
        for regime in found
        for look, level in zip(ROLES.values(), regime.levels, strict=True)
    ]


def operating_points(visit: Visit, false_alarms: float) -> Mapping[str, OperatingPoint]:
    """Both models, each at thresholds chosen on others."""
    found = shared.detectors(subject.task(visit), SHOTS)
    return {name: cross_fitted(each, false_alarms=false_alarms) for name, each in found.items()}


def as_detectors(visit: Visit) -> list[str]:
    """What the bundled people say of a device that must also not answer, once they were asked."""
    if not _detects(visit):
        return []
    return [decide.as_detectors(operating_points(visit, USUAL_TARGET), USUAL_TARGET)]


def _detects(visit: Visit) -> bool:
    task = subject.task(visit)
    return task in KEYWORD_TASKS and task in visit.people_asked


def other_sounds(visit: Visit) -> str:
    """What was asked about that is no command."""
    heard = shared.heard_persons(subject.task(visit), CLEAN)
    speakers = len(heard.others) - len(heard.noises)
    return decide.other_sounds(speakers, len(heard.noises))


def measure(visit: Visit) -> None:
    """Time every method on the samples that are on, or a bundled person's."""
    visit.ledger = (subject.samples(visit).key, _measured(visit))


def ledger(visit: Visit) -> Ledger | None:
    """What was timed, where it still belongs to these clips."""
    if visit.ledger is None or visit.ledger[0] != subject.samples(visit).key:
        return None
    return visit.ledger[1]


def whose(visit: Visit) -> str:
    """On whose samples methods are timed."""
    person = subject.samples(visit).person
    return person.name if person else decide.YOUR_CLIPS


def _measured(visit: Visit) -> Ledger:
    shipped, found = subject.shipped(visit), subject.samples(visit)
    if found.person is None:
        return ledger_of_clips(shipped, found.given)
    took = subject.enrolled_records(found)
    return ledger_of_person(shipped, found.person, found.environment, took)


# --- the report -----------------------------------------------------------------------------------


def clips_figure(task: str, found: tuple[Regime, ...], **options):
    """Right answers by number of clips."""
    figure = shots_figure(curve(found), **options)
    return figure.update_xaxes(title=texts.about(task, decide.CLIPS_AXIS))


def gains(regime: Regime):
    """A mark a person."""
    every, intervals = regime.points
    return gains_figure(every, intervals, what=decide.POINTS)


def report(visit: Visit, regime: Regime) -> str:
    """One page to take along, with all that was asked and timed by now; no sample of anybody is in
    it.
    """
    found, timed, task = regimes(visit), ledger(visit), subject.task(visit)
    say = partial(texts.about, task)
    headline = decide.headline(found)[2]
    blocks = [
        _table(decide.BY_CLIPS, decide.clips_table(found)),
        Drawing(decide.a_mark_each(regime.shots), gains(regime)),
        Drawing(decide.RIGHT_BY_CLIPS, clips_figure(task, found)),
        _table(decide.REPORTED_PLACES, decide.places_table(places(visit), texts.places(task))),
    ]
    if task in KEYWORD_TASKS:
        groups = shared.groups()
        blocks.append(
            _table(decide.REPORTED_GROUPS, decide.groups_table(groups), decide.groups_note(groups))
        )
        if _detects(visit):
            drawn = det_figure(shared.bands(task, SHOTS), chosen=USUAL_TARGET)
            blocks.append(Drawing(decide.REPORTED_ERRORS, drawn))
            points = operating_points(visit, USUAL_TARGET)
            title = decide.with_alarms(USUAL_TARGET)
            blocks.append(_table(title, decide.operating_table(points), other_sounds(visit)))
    if timed:
        note = decide.ledger_note(timed.clips)
        blocks.append(_table(decide.REPORTED_COSTS, decide.ledger_table(timed), note))
    content = Decision(
        say(headline),
        [say(each.replace("**", "")) for each in (*decide.reasons(found), *as_detectors(visit))],
        [_about(task, each) for each in blocks if each],
        [say(each) for each in untold(task)],
    )
    return decision_page(subject.shipped(visit), content, today=datetime.now(UTC).date())


def untold(task: str) -> list[str]:
    """What the figures of a model do not tell."""
    if task in KEYWORD_TASKS:
        return [*decide.UNTOLD_OF[True], *decide.UNTOLD, *decide.not_there(shared.groups())]
    return [*decide.UNTOLD_OF[False], *decide.UNTOLD]


def _about(task: str, block: Drawing | Table) -> Drawing | Table:
    """In the task's own terms."""
    say = partial(texts.about, task)
    if isinstance(block, Drawing):
        return Drawing(say(block.title), block.figure)
    return Table(say(block.title), [*map(say, block.header)], block.lines, say(block.note))


def _table(title: str, lines: list[dict], note: str = "") -> Table | None:
    if not lines:
        return None
    return Table(title, list(lines[0]), [list(line.values()) for line in lines], note)
