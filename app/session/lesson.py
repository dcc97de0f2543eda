"""The lecture: where this visitor is, and what the numbers say at each step."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from texts import SEEN, address
from texts import learn as texts
from texts import verify as texts_of_verify

from session import hands, models, shared, verify
from session.state import Visit
from vop_core import plots
from vop_core.course import lesson
from vop_core.course.lesson import FIRST_POINTS, MOST_POINTS, Gains, Point, TwinState
from vop_core.data.pictures import picture_png
from vop_core.data.voices import BundledPerson
from vop_core.evaluation.answers import BOTH_RIGHT, LOST, WON
from vop_core.evaluation.narrowing import HEADLINE_SHOTS
from vop_core.evaluation.verification_overview import FALSE_ALARMS
from vop_core.models.bundled import SHOTS, Example, won_lost_unchanged
from vop_core.plots.twin import AMORTISED, EXACT, OPTIMISED
from vop_core.tasks.registry import TASKS

SHOT_COUNTS = (1, 3, 5)
CLIPS = 5  # with which the person of the lecture enrolls, at most
POSTERIORS = (EXACT.name, AMORTISED.name, OPTIMISED.name)
GLOBAL, OWN, WRONG, DRAWS = "global", "own", "wrong-person", "draws"
RIGHT = {GLOBAL: (LOST, BOTH_RIGHT), OWN: (WON, BOTH_RIGHT)}  # outcomes
MOVED, NARROWER = 0.25, 0.9  # prior widths; of the prior's width
HOME, AWAY = "speech_commands_test", "wuw2"  # of a threshold: where from, where to
WEIGHTS = {"one-weight": 1, "two-weights": 2}  # of the twins


@dataclass(frozen=True)
class Found:
    """Which option of a step the numbers make true, None where they lack; and the numbers."""

    truth: int | None
    numbers: dict[str, object] = field(default_factory=dict)


# --- where one is ---------------------------------------------------------------------------------


def arrive(visit: Visit, asked: str | None) -> None:
    """Open the step that the address names, counted from 1; the last one seen where it names none,
    or none that there is.
    """
    if asked is None or asked == str(visit.lesson.step + 1):
        return
    if asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= len(texts.STEPS):
        visit.lesson.step = int(asked) - 1
    else:
        visit.refusals.append(address.no_such_step(asked=asked[:20], count=len(texts.STEPS)))


def predict(visit: Visit, key: str, option: int | None) -> None:
    """Keep a prediction; after the answer it is too late."""
    if option is not None and key not in visit.lesson.revealed:
        visit.lesson.predictions[key] = option


def reveal(visit: Visit, key: str) -> None:
    """Show a step's answer, once there is a prediction."""
    if key in visit.lesson.predictions:
        visit.lesson.revealed.add(key)


# --- the person of the lecture --------------------------------------------------------------------


def person(visit: Visit) -> tuple[BundledPerson, str]:
    """With whom the app opens, or the first bundled person; and where that person is heard."""
    proposed, environment = models.opening(visit.task)
    return proposed or shared.bundled_persons(visit.task)[0], environment


def _asked(visit: Visit) -> tuple[str, str, str]:
    who, environment = person(visit)
    return visit.task, who.id, environment


def examples(visit: Visit, shots: int = SHOTS) -> tuple[Example, ...]:
    """Both models' answers to all words of the person that did not enroll."""
    return shared.examples(*_asked(visit), shots)


def word(visit: Visit) -> Example:
    """The word that the lecture tells about."""
    return examples(visit)[0]


@dataclass(frozen=True)
class Heard:
    """What a model hears of the lecture's word, and how many of all words it gets right."""

    shots: int  # clips it was made of; 0: everybody's network
    label: str
    right: int
    words: int


def answers(visit: Visit) -> list[Heard]:
    """Of everybody's network, and of the person's with more and more clips."""
    return [_heard(visit, shots) for shots in (0, *SHOT_COUNTS)]


def _heard(visit: Visit, shots: int) -> Heard:
    said, found = word(visit), examples(visit, shots or SHOTS)
    (same,) = (one for one in found if one.clip.digest == said.clip.digest)
    answer = same.by_personal if shots else same.by_global
    right = RIGHT[OWN if shots else GLOBAL]
    return Heard(shots, answer.best.label, sum(o.outcome in right for o in found), len(found))


def enrolled(visit: Visit, on: tuple[int, ...]):
    """The person's model of the clips at these places."""
    return shared.bundled_model(*_asked(visit), CLIPS, on)


def clip_count(visit: Visit) -> int:
    """How many clips the person can enroll with."""
    return len(shared.enrolled_clips(*_asked(visit), CLIPS))


def told_weight(visit: Visit) -> tuple[str, int]:
    """Layer and place of the weight of which the first clips say most."""
    made = enrolled(visit, _first(visit))
    views = {layer: _view(made, layer) for layer in made.layer_names}
    layer = plots.most_told(views)
    return layer, views[layer].most_told


def weight_view(visit: Visit, on: tuple[int, ...] | None = None) -> tuple[plots.LayerView, int]:
    """The layer with that weight after the clips ``on``, the first ones if None; and its place."""
    layer, weight = told_weight(visit)
    on = _first(visit) if on is None else on
    return _view(enrolled(visit, on), layer, on), weight


def shrinkage(visit: Visit, on: tuple[int, ...]):
    """How that weight follows from the clips ``on``; None where no short formula says it."""
    return enrolled(visit, on).shrinkage(*told_weight(visit))


def _first(visit: Visit) -> tuple[int, ...]:
    return tuple(range(min(SHOTS, clip_count(visit))))


def _view(made, layer: str, on: tuple[int, ...] = ()) -> plots.LayerView:
    return plots.LayerView(
        prior=made.layer_posterior(layer, "prior"),
        combined=made.layer_posterior(layer, "combined"),
        clips=[
            (texts.clip(place + 1), place, made.layer_posterior(layer, number))
            for number, place in enumerate(on)
        ],
    )


# --- the twins ------------------------------------------------------------------------------------


def points(visit: Visit, weights: int) -> list[Point]:
    """The twin's clips, as this visitor put them."""
    return visit.lesson.points.setdefault(weights, list(FIRST_POINTS))


def chosen(visit: Visit, weights: int) -> int:
    """Which of them is moved."""
    last = len(points(visit, weights)) - 1
    return min(visit.lesson.chosen.get(weights, last), last)


def choose(visit: Visit, weights: int, place: int | None) -> None:
    """Move another point from now on."""
    if place is not None:
        visit.lesson.chosen[weights] = place


def move(visit: Visit, weights: int, to: Point) -> None:
    """Put the chosen point somewhere."""
    points(visit, weights)[chosen(visit, weights)] = tuple(to)


def add_point(visit: Visit, weights: int) -> None:
    """One more clip, in the middle."""
    if len(points(visit, weights)) < MOST_POINTS:
        points(visit, weights).append((0.0, 0.0))
        visit.lesson.chosen[weights] = len(points(visit, weights)) - 1


def remove_point(visit: Visit, weights: int) -> None:
    """Without the last clip; one is left."""
    if len(points(visit, weights)) > 1:
        points(visit, weights).pop()


def twin(visit: Visit, weights: int) -> TwinState:
    """What the points say."""
    return lesson.twin_state(weights, points(visit, weights))


# --- what the numbers say at each step ------------------------------------------------------------


def found(visit: Visit, key: str) -> Found:
    """Which option is true, and the numbers for what is said."""
    return FINDERS[key](visit)


def gains(visit: Visit, pairs: Mapping[str, tuple[str, str]]) -> dict[str, Gains] | None:
    """Differences between rows of the card, by name; None where it lacks one."""
    rows, _ = models.results(visit)
    named = {name: lesson.difference_on_people(rows, *pair) for name, pair in pairs.items()}
    return None if None in named.values() else named


def bundled_gains(visit: Visit) -> Gains | None:
    """What each bundled person gains, in points of accuracy over their own words."""
    results = models.bundled_results(visit.task)
    return lesson.bundled_gains(results, person(visit)[1]) if results else None


def introduction(visit: Visit, key: str) -> dict[str, object]:
    """What a step's text and question tell before any answer."""
    card = shared.bundle(visit.task).card
    trained, results = card.get("persons", {}).get("trained"), models.bundled_results(visit.task)
    return {
        "name": person(visit)[0].name,
        "trained": len(trained) if trained else texts.MANY,
        "weights": card.get("cost", {}).get("personal_weights", texts.SOME),
        "queries": len(examples(visit)),
        "word": word(visit).word,
        "clips": SHOTS,
        "all": len(shared.bundled_persons(visit.task)) if results else "",
    } | (TOLD[key]() if key in TOLD else {})


def _told_of_hand() -> dict[str, object]:
    who, environment = hand()
    return {
        "writer": who.name,
        "writers": len(shared.bundled_persons(hands.TASK)),
        "seen": SEEN[environment].partition(":")[0].lower(),
    }


def _told_of_claim() -> dict[str, object]:
    home = [row["misses"] for row in copied_thresholds() if {row["from"], row["to"]} == {HOME}]
    return {
        "alarms": plots.percent(FALSE_ALARMS),
        "home": plots.percent(home[0]) if home else texts.FEW,
    }


TOLD = {"hand": _told_of_hand, "claim": _told_of_claim}


def _everybody(visit: Visit) -> Found:
    each, (rows, _) = examples(visit), models.results(visit)
    right = sum(one.outcome in RIGHT[GLOBAL] for one in each)
    average = lesson.accuracy_on_people(rows, GLOBAL)
    said = ""
    if average:
        said = texts.AVERAGE.format(average=plots.percent(average[0]), persons=average[1])
    truth = 2 - bisect_right((0.6, 0.9), right / len(each))
    return Found(truth, {"right": right, "queries": len(each), "average": said})


def _clips(visit: Visit) -> Found:
    said, heard = word(visit).word, answers(visit)
    truth = next((place for place, each in enumerate(heard) if each.label == said), len(heard))
    return Found(truth, {"word": said})


def _gaussian(visit: Visit) -> Found:
    moved, width = lesson.weight_change(*weight_view(visit))
    truth = [[3, 1], [0, 2]][moved >= MOVED][width <= NARROWER]
    return Found(truth, {"moved": f"{moved:.1f}", "width": plots.percent(width)})


def _shrinkage(visit: Visit) -> Found:
    found = shrinkage(visit, (0,))
    if found is None:
        return Found(None)
    truth = 2 - bisect_right((0.2, 0.5), found.share)
    one, prior = plots.percent(found.share), f"{found.prior_clips:.1f}"
    return Found(truth, {"one": one, "prior": prior})


def _one_weight(visit: Visit) -> Found:
    moved = lesson.moved_by_a_label(1, FIRST_POINTS)
    return Found(POSTERIORS.index(min(moved, key=moved.get)))


def _two_weights(visit: Visit) -> Found:
    first = lesson.twin_state(2, FIRST_POINTS)
    width, gap = first.width(OPTIMISED.name), first.gap(OPTIMISED.name)
    truth = [1, 0, 2][bisect_right((0.95, 1.05), width)]
    return Found(truth, {"width": plots.percent(width), "gap": f"{gap:.2f}"})


def costs(visit: Visit) -> Mapping[str, lesson.EnrollmentCost]:
    """What it takes to enroll the lecture's person, by method."""
    return shared.enrollment_costs(*_asked(visit), SHOTS)


def _cost(visit: Visit) -> Found:
    work = {name: each.multiply_accumulates for name, each in costs(visit).items()}
    times = {name: each / work["vop"] for name, each in work.items()}
    truth = bisect_right((2.0, 10.0), times["fine-tune-all"])
    rest = texts.LAST_LAYER.format(head=f"{times['fine-tune-head']:.1f}")
    return Found(truth, {"times": f"{times['fine-tune-all']:.1f}", "rest": rest})


def _everyone(visit: Visit) -> Found:
    results = models.bundled_results(visit.task)
    if results is None:
        return Found(None)
    people = gains(visit, {"own": (OWN, GLOBAL)})
    said = texts.PEOPLE.format(shots=HEADLINE_SHOTS, **_numbers(people["own"])) if people else ""
    return _won(results, person(visit)[1], {"people": said})


def _won(results: Mapping, environment: str, numbers: Mapping[str, object]) -> Found:
    """Whether most bundled persons are better served, and for how many it is which."""
    won, lost, unchanged = won_lost_unchanged(results["rows"], environment)
    truth = 0 if 2 * won > won + lost + unchanged else 1 if won > lost else 2
    return Found(truth, {"won": won, "lost": lost, "unchanged": unchanged, **numbers})


def _stranger(visit: Visit) -> Found:
    found = gains(visit, {"wrong": (WRONG, GLOBAL), "personal": (OWN, WRONG)})
    if found is None:
        return Found(None)
    personal = found["personal"]
    said = texts.STRANGERS.format(verdict=texts.PERSONAL[personal.verdict], **_numbers(personal))
    return Found(found["wrong"].verdict, {**_numbers(found["wrong"]), "strangers": said})


def _width(visit: Visit) -> Found:
    found = gains(visit, {"draws": (DRAWS, OWN)})
    if found is None:
        return Found(None)
    return Found(found["draws"].verdict, _numbers(found["draws"]))


def _numbers(found: Gains) -> dict[str, object]:
    mean, low, high = map(texts.signed, found.ends)
    return {"gain": mean, "low": low, "high": high, "persons": len(found.points)}


# --- the other two tasks --------------------------------------------------------------------------


def hand() -> tuple[BundledPerson, str]:
    """With whom the page Hands opens, and how that writer is seen."""
    person, environment = models.opening(hands.TASK)
    return person or shared.bundled_persons(hands.TASK)[0], environment


def hand_pictures() -> list[bytes]:
    """What that writer enrolls with."""
    person, environment = hand()
    took = shared.enrolled_clips(hands.TASK, person.id, environment, SHOTS)
    task = TASKS[hands.TASK]
    return [picture_png(task.met_in(environment, person.id, each.load())) for each in took]


def hand_gains() -> Gains | None:
    """What each bundled writer gains, seen as that one is."""
    results = models.bundled_results(hands.TASK)
    return lesson.bundled_gains(results, hand()[1]) if results else None


def _hand(visit: Visit) -> Found:
    results, found = models.bundled_results(hands.TASK), hand_gains()
    if found is None:
        return Found(None)
    return _won(results, hand()[1], _numbers(found))


def copied_thresholds() -> list[Mapping]:
    """What a corpus' threshold does to another's people; empty where the card does not say."""
    return shared.bundle(verify.TASK).card.get("copied_thresholds", {}).get("vop", [])


def copied_here() -> list[Mapping]:
    """The same of the two corpora that the lecture tells of."""
    return [row for row in copied_thresholds() if {row["from"], row["to"]} <= {HOME, AWAY}]


def _claim(visit: Visit) -> Found:
    misses = {(row["from"], row["to"]): row["misses"] for row in copied_thresholds()}
    if not misses:
        return Found(None)
    home, away = misses[HOME, HOME], misses[HOME, AWAY]
    numbers = {"home": plots.percent(home), "away": plots.percent(away)}
    said = f" {texts_of_verify.of_gain(verify.settings())}"
    return Found(bisect_right((home, 2 * home), away), numbers | {"weights": said})


FINDERS = {
    "everybody": _everybody,
    "clips": _clips,
    "gaussian": _gaussian,
    "shrinkage": _shrinkage,
    "one-weight": _one_weight,
    "two-weights": _two_weights,
    "cost": _cost,
    "everyone": _everyone,
    "stranger": _stranger,
    "hand": _hand,
    "claim": _claim,
    "width": _width,
}
