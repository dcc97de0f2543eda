"""What the page Decide says; every sentence that judges is made from the numbers it judges by."""

from collections.abc import Mapping, Sequence

from vop_core.data.groups import NEVER_HEARD
from vop_core.evaluation.detection import OperatingPoint, improvement
from vop_core.evaluation.intervals import Interval
from vop_core.models.decision import HARM, NOTHING, SHIP, SOME, Regime, verdict
from vop_core.models.ledger import Cost, Ledger
from vop_core.plots.style import listing, percent
from vop_core.report.decision import level_words, points_words
from vop_core.report.estimates import REVERSE, SHOWN
from vop_core.text import counted

CLIPS_AXIS = "enrollment clips"
QUESTION = (
    "Is it worth giving every customer a network of their own? Measured on people whom the models "
    "never heard, set against a network that is the same for everybody."
)
CLIPS_EACH = "Clips that each person gives"
NO_RESULTS = "This model's card holds no results over people, so there is nothing to decide by yet."
VERDICTS = {  # verdict -> kind of box, icon, headline
    SHIP: ("success", ":material/check_circle:", "Ship it"),
    SOME: ("success", ":material/rule:", "Ship it, but not for everybody"),
    NOTHING: ("warning", ":material/help:", "Not shown: measure more people first"),
    HARM: ("error", ":material/cancel:", "Do not ship it"),
}
NOT_TOLD = "What this does not tell"
UNTOLD_OF = {  # whether they are heard
    True: ("Single words, read aloud by volunteers: not your product, not your customers.",),
    False: (
        "Single digits, cut out and centred: not your forms, not your customers.",
        "By age, hand or country: not there. These sets say nothing of a writer but whose digits "
        "are whose.",
    ),
}
UNTOLD = (
    "An interval says how far the mean would move with other people of this kind: others, on "
    "other devices, are not covered.",
    "A person is called harmed only where their own clips show it. With few clips each, small harm "
    "goes unseen.",
    "Nobody is followed over days: whether a gain lasts is not measured.",
)

# who gains
WHO_GAINS = "Who gains, who loses?"
POINTS = "Points of right answers"
EVERY_PERSON = "Every person, nobody named"
BY_PLACE = "**By where they are heard**"
BY_GROUP = "**By gender, dialect and telephone**"
EVERY_GROUP = "Every group"
NO_GROUPS = (
    "By gender, dialect and telephone: not there. The bench's results are not part of this copy."
)
NOT_MEASURED = "By age: not there. No data set with these words tells ages."
GROUPS = {  # as data sets name them -> plain words
    "gender female": "Women",
    "gender male": "Men",
    "dialect native": "Native speakers",
    "dialect nonNative": "Non-native speakers",
    "phone cellphone": "By mobile telephone",
    "phone landlinephone": "By landline",
    "phone speakerphone": "By loudspeaker telephone",
}
TRAINED = {"heard": "some of them", "never heard": "none of them"}
GROUPS_NOTE = (
    "The bench's own models, not this one: trained and asked on wake-up words by telephone (WUW), "
    "{clips} from each person, none of whom was trained on. “Trained on” says whether others of "
    "the group were."
)

# how many clips and people it takes
HOW_MANY_CLIPS = "How many clips does it take?"
NUMBERS = "Numbers, with controls"
HOW_MANY_PEOPLE = "How many people would make you sure?"
WORTH_IT = "A gain of so many points would be worth it"
NEEDED_HOW = (
    "The fewest people whose paired t-test, at 5 %, finds such a gain in 80 of 100 studies: "
    "roughly ((1.96 + 0.84) × spread ÷ gain)², with the spread of people's gains as measured "
    "here (Cohen, Statistical Power Analysis, 1988). More clips a person make it smaller."
)

# the bundled people
ASK_HERE = "Ask people here"
ASK_HERE_AND_CHOOSE = "Ask people here, and choose when to answer"
PEOPLE = "Ask the bundled people now"
PEOPLE_WHY = (
    "Everything above is read from the model's card. This computes it here: people who ship with "
    "this program enroll, their other clips are asked about, and so are words and noise that are "
    "no command. It takes some seconds, once for this server."
)
PEOPLE_WHY_SEEN = (
    "Everything above is read from the model's card. This computes it here: writers who ship with "
    "this program enroll, and their other digits are asked about. It takes some seconds, once for "
    "this server."
)
ASKED_HERE = (
    "At most {most} clips of each person are asked about here, and not always the same ones "
    "enroll: so these figures differ a little from the card's above."
)
THRESHOLD = (
    "A device that always listens must also **not** answer. It answers only when at least so sure: "
    "a higher bar means fewer false alarms and more commands missed. The bar is chosen on some "
    "people and applied to the others."
)
FALSE_ALARMS = "False alarms allowed"

# what it costs
COSTS = "What does it cost?"
YOUR_CLIPS = "your clips"
TIMED = "VoP beside six other ways to personalize, on the same clips: some seconds."
LEAVES = (
    "**What leaves the device: nothing**, with any of these. If a server had to do it, it would "
    "get {sent:,} bytes of each person's clips and send back the bytes kept."
)

# the report
TAKE_ALONG = "Take it along"
DOWNLOAD = "Download the report"
PAGE = "One HTML page that opens anywhere, without a connection; nobody's clips are in it."
BY_CLIPS = "By number of clips"
RIGHT_BY_CLIPS = "Right answers by number of clips"
REPORTED_PLACES = "By place"
REPORTED_GROUPS = "By group"
REPORTED_ERRORS = "Missed commands against false alarms, bundled people"
REPORTED_COSTS = "What a person costs"

# claims
WHOSE_CLAIMS = "Whose claims, after how many clips?"
A_DECISION = "A threshold is a decision"

# in tables
METHODS = {
    "vop": "VoP (this one)",
    "adabn": "AdaBN",
    "t3a": "T3A",
    "tent": "TENT",
    "lora": "LoRA",
    "fine-tune-film": "Fine-tuning, scales and shifts",
    "fine-tune-all": "Fine-tuning, all weights",
}
ACROSS = ("Clips each", "People", "Global, % right", "Personal, % right", "Gain, points")
CONTROLS = ("Right minus wrong person, points", "Worst tenth, global → personal", "Harmed")


def places_note(clips: int) -> str:
    """Whose figures those of places are."""
    return (
        f"The bundled people, {counted(clips, 'clip')} each, by the model's card. Places are made "
        "by computer. No wrong-person control was run for these."
    )


def ledger_note(clips: int) -> str:
    """How costs were measured."""
    return (
        f"One run on this computer, the same {counted(clips, 'clip')} for all, each timed three "
        "times (the median counts). Baselines are made from the same global model with their "
        "default settings, which were not tuned here."
    )


def measure_here(who: str) -> str:
    """A button."""
    whose = who if who == YOUR_CLIPS else f"{who}'s clips"
    return f"Measure it here, on {whose}"


def other_sounds(speakers: int, noises: int) -> str:
    """What was asked about that is no command."""
    return (
        f"What is no command: words of another language by {speakers} people, and {noises} kinds "
        "of noise. Bands and intervals are over the people who enrolled and over those sounds."
    )


def a_mark_each(clips: int) -> str:
    """What a figure of the report shows."""
    return f"A mark a person, {counted(clips, 'clip')} each"


def with_alarms(share: float) -> str:
    """Of a table of the report."""
    return f"With {one_in(share)} false alarms allowed"


def headline(regimes: Sequence[Regime]) -> tuple[str, str, str]:
    """Kind of box, icon and headline of the verdict."""
    kind, icon, said = VERDICTS[verdict(regimes)]
    shown = [regime for regime in regimes if regime.shown]
    if shown and len(shown) < len(regimes):
        said = f"Ship it for people who give {_clip_numbers(shown)}"
    return kind, icon, said


def reasons(regimes: Sequence[Regime]) -> list[str]:
    """Why, in sentences: the gain, how sure, whom it harms."""
    best = max(regimes, key=lambda regime: (regime.shown, regime.gain.mean))
    people = counted(best.gain.persons, "person").replace("persons", "people")
    sentences = [
        f"With {counted(best.shots, 'clip')} each, the personal models give "
        f"{points_words(best.gain)} points of right answers against the global one, over {people} "
        "(95 % interval in brackets)."
    ]
    wrong = points_words(best.against_wrong)
    needs = best.against_wrong.bounds is not None and best.against_wrong.bounds[0] > 0
    sentences.append(
        f"Against a model made of another person's clips: {wrong} points, so "
        + ("it matters whose clips they are." if needs else "it is not shown to be personal.")
    )
    if not best.shown:
        sentences.append(_doubt(best, len(regimes)))
    return [*sentences, harm(best)]


def _doubt(best: Regime, asked: int) -> str:
    if best.gain.bounds is not None and best.gain.bounds[0] > 0:
        return (
            f"That interval leaves 0 out, but {asked} numbers of clips were tried: if nothing "
            f"were gained, one of them would look this good in {percent(best.p)} of such "
            "measurements (sign-flip test, Holm)."
        )
    return "The interval holds 0: these people do not settle it."


def not_there(groups: Sequence[Mapping]) -> list[str]:
    """Which groups of people no result tells apart."""
    return [NOT_MEASURED] if groups else [NO_GROUPS, NOT_MEASURED]


def harm(regime: Regime) -> str:
    """Who gains and who loses."""
    better, worse, same = regime.better_worse_same
    said = (
        f"More right answers for {better} of {len(regime.own)} people, fewer for {worse}, as many "
        f"for {same}"
    )
    if regime.harmed is None:
        return said + "."
    return (
        f"{said}. Harm is shown for **{regime.harmed}**; about {regime.harmed_by_chance:.1f} "
        "would seem harmed by chance."
    )


def worst(regime: Regime) -> str:
    """The tenth that is served worst, under each model."""
    before, after = regime.worst_tenth
    return (
        f"The tenth that is served worst: {percent(before)} right with the global model, "
        f"{percent(after)} with personal ones (not always the same people)."
    )


def _clip_numbers(regimes: Sequence[Regime]) -> str:
    numbers = [str(regime.shots) for regime in regimes]
    return f"{' or '.join(numbers)} clip{'s' * (numbers != ['1'])}"


# --- tables ---------------------------------------------------------------------------------------


def clips_table(regimes: Sequence[Regime]) -> list[dict[str, str]]:
    """A line for each number of clips."""
    return [
        dict(
            zip(
                (*ACROSS, *CONTROLS),
                (
                    str(regime.shots),
                    str(regime.gain.persons),
                    *map(level_words, regime.levels),
                    points_words(regime.gain),
                    points_words(regime.against_wrong),
                    " → ".join(map(percent, regime.worst_tenth)),
                    "not known" if regime.harmed is None else str(regime.harmed),
                ),
                strict=True,
            )
        )
        for regime in regimes
    ]


def persons_table(regime: Regime) -> list[dict[str, str]]:
    """A line for each person, by gain; nobody is named."""
    order = sorted(regime.own, key=lambda person: regime.gains[person])
    return [
        {
            "Person": str(number),
            "Global": percent(regime.everybody[person]),
            "Personal": percent(regime.own[person]),
            "With another's clips": percent(regime.wrong[person]),
            "Gain, points": f"{100 * regime.gains[person]:+.0f}".replace("-", "\N{MINUS SIGN}"),
        }
        for number, person in enumerate(order, start=1)
    ]


def places_table(places: Sequence, heard: Mapping[str, str]) -> list[dict[str, str]]:
    """A line for each place in which people are heard."""
    return [
        {
            "Heard": heard.get(place.environment, place.environment),
            "Gain, points": points_words(place.gain),
            "More, fewer, as many right answers": " · ".join(map(str, place.better_worse_same)),
        }
        for place in places
    ]


def groups_table(groups: Sequence[Mapping]) -> list[dict[str, str]]:
    """A line for each group of people and way of hearing them."""
    return [
        {
            "Group": GROUPS.get(row["group"], row["group"]),
            "Trained on": TRAINED[row["training"]],
            "Heard": row["heard"],
            "People": str(row["persons"]),
            "Global, % right": row["global"],
            "Personal, % right": row["personal"],
            "Gain, points": row["gain"],
            "Right minus wrong person": row["right - wrong"],
            "Harmed": "not known" if row["harmed"] is None else str(row["harmed"]),
        }
        for row in groups
    ]


def of_groups(groups: Sequence[Mapping]) -> str:
    """For whom a gain is shown, and for whom harm."""
    found = {SHOWN: [], REVERSE: []}
    for row in groups:
        if row["shown"] in found:
            name = GROUPS.get(row["group"], row["group"]).lower()
            unheard = ", never trained on" if row["training"] == NEVER_HEARD else ""
            found[row["shown"]].append(f"{name} ({row['heard']}{unheard})")
    gained, harmed = (
        listing(found[which]) if found[which] else "none" for which in (SHOWN, REVERSE)
    )
    return (
        f"Of {counted(len(groups), 'case')}, each a group heard clean or in an environment of its "
        f"own, a gain is shown for {gained}; harm for {harmed}. P-values are adjusted for asking "
        "so many."
    )


def groups_note(groups: Sequence[Mapping]) -> str:
    """Whose figures those of groups are; empty without any."""
    clips = listing([counted(number, "clip") for number in sorted({g["clips"] for g in groups})])
    return GROUPS_NOTE.format(clips=clips) if groups else ""


OPERATING = {
    "helped": "Commands answered rightly",
    "misses": "Commands not answered (misses)",
    "wrong": "Commands taken for another",
    "false_alarms": "False alarms",
}


def operating_table(points: Mapping[str, OperatingPoint]) -> list[dict[str, str]]:
    """Both models at thresholds chosen on others, percent with intervals."""
    levels = {name: point.levels() for name, point in points.items()}
    return [
        {
            "Of 100": said,
            "Global": level_words(levels["global"][name]),
            "Personal": level_words(levels["personal"][name]),
        }
        for name, said in OPERATING.items()
    ]


def operating(points: Mapping[str, OperatingPoint]) -> str:
    """Which of both answers more commands rightly."""
    return f"Personal models answer {_judged(improvement(points['personal'], points['global']))}"


def one_in(share: float) -> str:
    """``1 in 20``."""
    return f"1 in {1 / share:.0f}"


def as_detectors(points: Mapping[str, OperatingPoint], target: float) -> str:
    """The same, of a device that always listens."""
    found = _judged(improvement(points["personal"], points["global"]))
    return (
        f"On a device that always listens, {one_in(target)} false alarms allowed, bundled people: "
        f"personal models answer {found}"
    )


def _judged(found: Interval) -> str:
    said = f"{points_words(found)} points of commands more rightly"
    if found.bounds is None:
        return f"{said}: too few people for an interval."
    if found.bounds[0] > 0:
        return f"{said}: **a gain** at these false alarms."
    if found.bounds[1] < 0:
        return f"{said}: **a loss** at these false alarms."
    return f"{said}: **no difference is shown** at these false alarms."


def ledger_table(ledger: Ledger) -> list[dict[str, str]]:
    """A line for each method; times and passes also as ratios to the first, VoP."""
    return [_costs(cost, ledger) for cost in ledger.costs]


def _costs(cost: Cost, ledger: Ledger) -> dict[str, str]:
    first = ledger.costs[0]
    line = {"Method": METHODS[cost.method]}
    if not cost.measured:
        return line | dict.fromkeys(_columns(ledger), "needs labels")
    values = (
        f"{1000 * cost.seconds:,.0f} ms ({cost.seconds / first.seconds:.1f}×)",
        f"{cost.passes:,.0f} ({cost.passes / first.passes:.1f}×)",
        str(cost.gradient_steps),
        f"{cost.bytes_kept:,} ({cost.bytes_kept / first.bytes_kept:.1f}×)",
        f"{cost.answer_multiply_accumulates / 1e6:.1f} million",
        "yes" if cost.needs_labels else "no",
    )
    right = (f"{cost.right} of {ledger.queries}",) if ledger.queries else ()
    return line | dict(zip(_columns(ledger), (*values, *right), strict=True))


def _columns(ledger: Ledger) -> tuple[str, ...]:
    columns = (
        "To enroll",
        "Work, in forward passes of a clip",
        "Gradient steps",
        "Bytes kept of a person",
        "Multiply-accumulates a clip afterwards",
        "Must know the words",
    )
    return (*columns, "Right answers") if ledger.queries else columns


def right_answers(ledger: Ledger, who: str) -> str:
    """That one person's right answers are an illustration."""
    if not ledger.queries:
        return "Which words you said is not known here, so right answers are not counted."
    return (
        f"Right answers are {who}'s, one person's: an illustration, no comparison of methods. The "
        f"global model gets {ledger.right_by_global} of {ledger.queries}."
    )


def needed(regime: Regime, gain: float) -> str:
    """How many people would settle a gain of so many points."""
    have, count = regime.gain.persons, regime.persons_needed(gain)
    enough = "there are enough here" if count and count <= have else f"here are {have}"
    return (
        f"**{count:,} people** would be needed to show a true gain of {100 * gain:g} "
        f"point{'s' * (gain != 0.01)}, if "
        f"they differ as much as these do ({enough})."
        if count
        else "There is no gain to show."
    )
