"""What the page Decide is made of: read from the card, asked of bundled persons, or timed here."""

from collections.abc import Mapping
from datetime import UTC, datetime

import texts
from texts import decide

from session import models, shared
from session.clips import borrowed_person
from session.shared import bundle, bundled_persons
from session.state import Visit
from vop_core.data.environments import CLEAN
from vop_core.evaluation.detection import OperatingPoint, cross_fitted
from vop_core.models import decision
from vop_core.models.bundled import SHOTS
from vop_core.models.decision import Regime
from vop_core.models.ledger import Ledger, ledger_of_clips, ledger_of_person
from vop_core.plots.bench import shots_figure
from vop_core.plots.detection import det_figure
from vop_core.plots.persons import gains_figure
from vop_core.report.decision import Decision, Drawing, Table, decision_page


def regimes(visit: Visit) -> tuple[Regime, ...]:
    """By number of clips, over the people of the card."""
    return decision.card_regimes(bundle(visit.task).card)


def places(visit: Visit) -> tuple[decision.Place, ...]:
    """By where bundled people are heard, by the card."""
    return decision.card_places(bundle(visit.task).card)


def ask_people(visit: Visit) -> None:
    """From now on the page shows what the bundled people answer."""
    visit.people_asked = True


def curve(found: tuple[Regime, ...]) -> list[dict]:
    """Right answers by number of clips, as the figure takes them."""
    return [
        {
            "variant": name,
            "shots": regime.shots,
            "accuracy": {
                "mean": level.mean,
                "ci95": level.bounds,
                "persons": level.persons,
            },
        }
        for regime in found
        for name, level in zip(("global model", "personal models"), regime.levels, strict=True)
    ]


def operating_points(visit: Visit, false_alarms: float) -> Mapping[str, OperatingPoint]:
    """Both models, each at thresholds chosen on others."""
    found = shared.detectors(visit.task, SHOTS)
    return {name: cross_fitted(each, false_alarms=false_alarms) for name, each in found.items()}


def other_sounds(visit: Visit) -> str:
    """What was asked about that is no command."""
    heard = shared.heard_persons(visit.task, CLEAN)
    speakers = len(heard.others) - len(heard.noises)
    return decide.OTHER_SOUNDS.format(speakers=f"{speakers} people", noises=len(heard.noises))


def measure(visit: Visit) -> None:
    """Time every method on the clips that are on, or a bundled person's."""
    visit.ledger = (_ledger_key(visit), _measured(visit))


def ledger(visit: Visit) -> Ledger | None:
    """What was timed, where it still belongs to these clips."""
    if visit.ledger is None or visit.ledger[0] != _ledger_key(visit):
        return None
    return visit.ledger[1]


def whose(visit: Visit) -> str:
    """On whose clips methods are timed."""
    person = borrowed_person(visit) if visit.enrolled else _example(visit)
    return person.name if person else "your clips"


def _ledger_key(visit: Visit) -> tuple:
    return visit.task, tuple(entry.number for entry in visit.enrolled)


def _example(visit: Visit):
    return models.opening(visit)[0] or bundled_persons(visit.task)[0]


def _measured(visit: Visit) -> Ledger:
    shipped, person = bundle(visit.task), borrowed_person(visit)
    if visit.enrolled and person is None:
        return ledger_of_clips(shipped, [entry.clip for entry in visit.enrolled])
    if not visit.enrolled:
        person = _example(visit)
        took = shared.enrolled_clips(visit.task, person.id, CLEAN, SHOTS)
        return ledger_of_person(shipped, person, CLEAN, took)
    names = [entry.clip.name for entry in visit.enrolled]
    took = [record for record in person.enrollment if record.path.name in names]
    return ledger_of_person(shipped, person, visit.environment, took)


# --- the report -----------------------------------------------------------------------------------


def clips_figure(found: tuple[Regime, ...], **options):
    """Right answers by number of clips."""
    figure = shots_figure(curve(found), **options)
    return figure.update_xaxes(title=decide.CLIPS_AXIS)


def gains(regime: Regime):
    """A mark a person."""
    every, intervals = regime.points
    return gains_figure(every, intervals, what="Points of right answers")


def report(visit: Visit, regime: Regime) -> str:
    """One page to take along, with all that was asked and timed by now; no clip of anybody is in
    it.
    """
    found, timed = regimes(visit), ledger(visit)
    _, _, headline = decide.headline(found)
    blocks = [
        _table("By number of clips", decide.clips_table(found)),
        Drawing(f"A mark a person, {regime.shots} clips each", gains(regime)),
        Drawing("Right answers by number of clips", clips_figure(found)),
        _table("By place", decide.places_table(places(visit), texts.HEARD)),
        _table("By group", decide.groups_table(shared.groups())),
    ]
    if visit.people_asked:
        drawn = det_figure(shared.bands(visit.task, SHOTS))
        blocks.append(Drawing("Missed commands against false alarms, bundled people", drawn))
    if timed:
        note = decide.LEDGER_NOTE.format(clips=texts.counted(timed.clips, "clip"))
        blocks.append(_table("What a person costs", decide.ledger_table(timed), note))
    sentences = [each.replace("**", "") for each in decide.reasons(found)]
    untold = [*decide.UNTOLD, *decide.not_there(shared.groups())]
    content = Decision(headline, sentences, list(filter(None, blocks)), untold)
    return decision_page(bundle(visit.task), content, today=datetime.now(UTC).date())


def _table(title: str, lines: list[dict], note: str = "") -> Table | None:
    if not lines:
        return None
    return Table(title, list(lines[0]), [list(line.values()) for line in lines], note)
