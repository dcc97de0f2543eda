"""What the pages say, as tables: titles, badges and sentences. Never the colour alone."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from vop_core.data.decoding import ACCEPTED
from vop_core.data.voices import BundledPerson
from vop_core.evaluation.narrowing import LearningCurve, headline_differences, narrowing_sentence
from vop_core.methods.personal import Shrinkage
from vop_core.models.bundled import Example, won_lost_unchanged
from vop_core.plots.style import listing, percent
from vop_core.tasks.registry import TASKS
from vop_core.text import counted, in_terms

PROMISE = "A few words from you make a network yours"
HOME = (
    "A network that recognizes spoken commands hears a few words of yours. One forward pass, no "
    "training: they become a **probability distribution over its weights**, and you see at once "
    "whether it then hears you better than the one that everybody gets."
)
PROPOSED = "The person with whom the first page opens: there should be most to see."
WRITE_INSTEAD = "No microphone? Write a few digits instead"
DOORS = (  # of the first page: page, icon, what it is called there, what is behind it
    (
        "app_pages/learn.py",
        ":material/school:",
        "Learn",
        "A lecture in steps: predict, then see. By keyboard, offline.",
    ),
    (
        "app_pages/decide.py",
        ":material/balance:",
        "Decide",
        "Is it worth shipping? Who gains, who loses, what it costs.",
    ),
    (
        "app_pages/inspection.py",
        ":material/biotech:",
        "Inspect",
        "The posterior itself: widths, coverage, draws, and figures to take along.",
    ),
)
KEPT_HERE = "Only in this tab's memory, on this computer: no file, no cache, no log, no network."
KEPT_ELSEWHERE = (
    "Only in memory, for this tab, on the computer that runs the app: what you give travels there. "
    "No file, no cache, no log."
)
NO_EXAMPLE = "This model’s card names nobody to show: use your own voice, or borrow one."
JUDGED = {  # whether an answer is right -> badge colour, icon, word
    True: ("green", ":material/check_circle:", "Right"),
    False: ("red", ":material/cancel:", "Wrong"),
}
EXAMPLES = {  # outcome -> what an example shows
    "won": "Personalization **turned a wrong answer into the right one**.",
    "lost": "Personalization **spoiled a right answer**.",
    "both right": "**Both are right**: here was nothing to gain.",
    "both wrong": "**Both are wrong**: personalization did not help here.",
}
FORMATS = f"{ACCEPTED}, from 0.1 to 60 seconds, up to 20 MB"
ONE_MORE_PICTURE = "One more, to ask about"
ANY_PAPER = "Dark on light or light on dark, of any size; a photograph will do."
PICTURES = "PNG, JPEG, WebP, GIF, BMP or TIFF, up to 20 MB"
FAILED = (
    "Something went wrong here, and it is not your fault. Try again, or go on with another page; "
    "what went wrong is written where the app was started."
)
LOST = (
    "The app was restarted, or this tab was away for long: what you gave before was kept in memory "
    "only, and is gone. Give your clips again, or borrow a voice."
)
VERDICTS = {  # of the microphone coach -> badge colour, icon, word
    "good": ("green", ":material/check_circle:", "Good"),
    "usable": ("orange", ":material/info:", "Usable"),
    "poor": ("red", ":material/error:", "Poor"),
}
SOURCES = {
    "recorded": (":material/mic:", "recorded"),
    "uploaded": (":material/upload_file:", "uploaded"),
    "borrowed": (":material/record_voice_over:", "borrowed"),
}
CONTROLS = {
    "prior": ("Prior mean", "Your model without any clip: what personalization starts from."),
    "wrong-person": (
        "Wrong person",
        "Made with another bundled person's clips: a gain here is not about you.",
    ),
    "mixed": ("Mixed persons", "Every clip from another bundled person."),
    "noise": ("Noise", "Your clips' level and spectrum with the speech scrambled away."),
}
OUTCOMES = {
    "won": "Only yours right",
    "lost": "Only the global right",
    "both right": "Both right",
    "both wrong": "Both wrong",
}
CHANGED = {  # outcome -> icon, and what an answer that changed has changed into
    "won": (":material/trending_up:", ": **for the better**"),
    "lost": (":material/trending_down:", ": **for the worse**"),
    "both wrong": (":material/swap_horiz:", ", one wrong word for another"),
    None: (":material/swap_horiz:", ""),
}
SAID = {"unknown": "None of its words", "silence": "Nothing"}  # label -> what whoever said it says
SAME = {"both right": ", and right", "both wrong": ", and wrong", None: ""}
NOT_RECORDED = "Nobody is recorded here: upload a clip, or borrow a voice."
MICROPHONE = {  # what the browser says -> what to do; it is shown without asking the server
    "denied": "The browser keeps the microphone from this page. To record, allow it in the "
    "browser's address bar and load the page again.",
    "absent": "The browser finds no microphone. To record, connect one and load the page again.",
    "insecure": "Browsers give a microphone only to pages on this computer or with https.",
    "failed": "The microphone does not answer. Another program may be using it.",
}
SWITCH = {  # is it on, is it poor -> a button's label and icon
    (True, False): ("Switch off", ":material/toggle_off:"),
    (True, True): ("Switch off", ":material/toggle_off:"),
    (False, False): ("Switch on", ":material/toggle_on:"),
    (False, True): ("Use anyway", ":material/toggle_on:"),
}
SAFE = re.compile(r"(?!www\.)[('\"]?-?[^\W_]+(?:[.,'_-][^\W_]+)*[.,:;!?)'\"…]*|%[.,;)]*")
BULLET = re.compile(r"\d+[.)]")
HEARD = {  # bundled persons -> plain words
    "clean": "Clean, as it was recorded",
    "own environment": "In an environment of their own",
    "second environment": "In a second environment",
    "unforeseen environment": "In one of a kind training never had",
}
SEEN = {  # where a bundled writer is seen -> plain words
    "clean": "Clean, as they were written",
    "photocopied": "Photocopied: training had no copier",
    "in pale pencil": "In pale pencil: training had none",
    "by fax": "By fax: training had none",
    "own environment": "By a scanner of their own",
    "unforeseen environment": "In a way training never had",
}
MADE_PLACES = (
    "Environments are made by computer, one of each kind for each person: enrollment and query "
    "clips are heard in the same one."
)
HEALTH = {  # verdict -> kind of box, icon, plain words
    "healthy": ("success", ":material/check_circle:", "Healthy"),
    "point mass": ("error", ":material/compress:", "Collapsed to a point"),
    "prior": ("warning", ":material/blur_on:", "Collapsed to the prior"),
    "several persons": ("warning", ":material/group:", "Not one person"),
    "nobody": ("error", ":material/graphic_eq:", "No voice it knows"),
    "one clip": ("info", ":material/looks_one:", "One clip alone"),
    "not judged": ("info", ":material/help:", "Not judged"),
}
DIFFERENCES = {  # a report's headline difference -> what it asks
    "personal gain": "against the best of the global model, no clips and mixed persons' clips",
    "right minus wrong": "against a model made with another person's clips",
}
EVIDENCE = (
    "The lower chart is over the same persons at every point; bars are 95 % intervals of the "
    "difference from the personal model, paired over them: where the personal curve lies outside, "
    "it differs."
)
NO_RESULTS = (
    "The model's card holds no results on real people, so nothing here says that it is earned."
)

LAYER = (
    "A layer looks for patterns in the picture of your sound, the next one for patterns of these. "
    "A pattern has two weights of your own: its scale, how strongly it responds, and its shift, "
    "how easily."
)
WHOLE_LAYER = (
    "Every weight of the layer: the grey band is where it lies for anybody, the bar where it lies "
    "for you. **Click one** to open its curves."
)
WIDER = (
    " That is wider than before: for the answers' sake the model follows clips further than this "
    "weight alone would justify."
)
NUMBERS = {  # of a layer's posterior -> what it means
    "Width": "of the prior's, on average over this layer: narrower is surer, not always righter.",
    "Shift": "prior widths, by which people differ: how far this layer went from everybody's.",
    "Information": "KL divergence from the prior, over all layers; 0 is nothing learned.",
}


def of_examples(name: str, examples: Sequence[Example]) -> str:
    """What all of a person's examples show together."""
    found = [each.outcome for each in examples]
    both = found.count("both right")
    return (
        f"Over {name}’s {len(found)} words that were not enrolled, everybody’s network is right "
        f"{counted(both + found.count('lost'), 'time')}, the personal one "
        f"{counted(both + found.count('won'), 'time')}."
    )


def places(task: str) -> Mapping[str, str]:
    """Where bundled people are heard, or seen, in plain words."""
    return HEARD if TASKS[task].heard else SEEN


def about(task: str, text: str) -> str:
    """What is said of clips and words, said of a task's own samples."""
    return in_terms(text, TASKS[task].terms)


def literal(text: str) -> str:
    """Markdown that shows ``text`` as it is: a word that could be taken for markup, a formula, an
    icon or a link is shown as code. For whatever holds a file's name or part of an address.
    """
    first, *others = text.split() or [""]
    plain = SAFE.fullmatch(first) and not BULLET.fullmatch(first)
    words = [first if plain else _code(first)]
    words += [word if SAFE.fullmatch(word) else _code(word) for word in others]
    return " ".join(words)


def _code(word: str) -> str:
    fence = "`" * (1 + max(map(len, re.findall("`+", word)), default=0))
    pad = " " * word.startswith("`") or " " * word.endswith("`")
    return f"{fence}{pad}{word}{pad}{fence}" if word else ""


def refused(files: Sequence[tuple[str, str]], given: int) -> list[str]:
    """What to say of refused files, each with its name and its sentence: one line for each reason,
    with the names of all that it holds for.
    """
    reasons = defaultdict(list)
    for name, sentence in files:
        reasons[sentence.removeprefix(f"{name} ")].append((name, sentence))
    lines = [f"{len(files)} of {given} files were refused."] if len(files) > 1 else []
    for reason, together in reasons.items():
        names, (_, alone) = [name for name, _ in together], together[0]
        if len(together) == 1:
            lines.append(alone if alone != reason else f"{names[0]}: {reason}")
        else:
            each = "" if alone == reason else "each "
            lines.append(f"{counted(len(names), 'file')} ({listing(names)}): {each}{reason}")
    return lines


def titled(clip) -> str:
    """A clip's title, with the name of the file it came from."""
    named = f" · {literal(clip.clip.name)}" if clip.source == "uploaded" else ""
    return f"{clip.title}{named}"


def switched(entry) -> str:
    """A clip that is off, and whether it is poor."""
    return entry.title + (" (poor)" if entry.quality.verdict == "poor" else "")


def none_on(entries: Sequence) -> str:
    """That every clip is switched off, and what follows."""
    switched = "Your only clip is" if len(entries) == 1 else f"All {len(entries)} clips are"
    poor = any(entry.quality.verdict == "poor" for entry in entries)
    why = " Poor clips stay off until you choose to use them." if poor else ""
    return (
        f"**{switched} switched off, so there is no personal model.**{why} Switch one on, or give "
        "another."
    )


def judged(answer: str, word: str, labels: Sequence[str]) -> tuple[str, str, str]:
    """Of an answer to a query whose word is known: a badge's text, icon and colour."""
    if word not in labels:
        return f"No such word: it was {word}", ":material/help:", "gray"
    colour, icon, said = JUDGED[answer == word]
    return said if answer == word else f"{said}: it was {word}", icon, colour


def verdict(before, after, found: str | None, given: str = "clips") -> str:
    """What personalization changed in an answer, and for better or worse where ``found`` says;
    ``given`` is what made the personal model.
    """
    if before.label != after.label:
        icon, how = CHANGED[found]
        return (
            f"{icon} **The {given} changed the answer** from {before.label} to {after.label}{how}."
        )
    points = 100 * (after.probability - before.probability)
    surer = f"{abs(points):.1f} points {'surer' if points > 0 else 'less sure'} with the {given}"
    how_sure = "as sure as before" if abs(points) < 0.5 else surer
    return f":material/drag_handle: **Same answer{SAME[found]}**, {how_sure}."


def of_another(asked: str, enrolled: Sequence[str]) -> str:
    """That a query is not of the person who enrolled."""
    return (
        f"This clip was spoken by **{asked}**, and the personal model was made for "
        f"**{listing(enrolled)}**: another person's clip is no test of it, so it is not counted."
    )


def of_bundled_persons(results: Mapping, person: BundledPerson, environment: str) -> list[str]:
    """What a card says of all bundled persons heard in an environment, and why one is proposed."""
    rows = [row for row in results["rows"] if row["environment"] == environment]
    won, lost, unchanged = won_lost_unchanged(rows, environment)
    sentences = [
        f"Of all {len(rows)} people, heard this way and with {counted(results['shots'], 'clip')} "
        f"each: over a person's query clips the personal model is right more often than the global "
        f"one for {won}, less often for {lost}, as often for {unchanged}."
    ]
    if person.id == results["opening"]["person"]:
        sentences.append(
            f"{person.name} is proposed because there should be most to see: by what "
            "personalization gained on their enrollment clips, some enrolled and the others asked "
            "about, and by how many query clips they have. No answer to a query clip had a say."
        )
    return sentences


def of_bundled_person(row: Mapping, person: BundledPerson) -> str:
    """What a card says of one bundled person's query clips."""
    return (
        f"Of {person.name}'s {counted(row['queries'], 'query clip')}, which did not enroll, "
        f"**your model gets {row['personal']} right, the global model {row['global']}**."
    )


def earned(
    curve: LearningCurve, rows: Sequence[Mapping], differences: Sequence[Mapping]
) -> list[str]:
    """Whether the clips narrow the posterior, and whether that is earned: on real people first,
    then on this visit's bundled person.
    """
    sentences = [found] if (found := narrowing_sentence(curve)) else []
    sentences += [_earned_on_people(each) for each in headline_differences(differences)]
    sentences.append(EVIDENCE if rows else NO_RESULTS)
    if curve.accuracy:
        sentences.append(
            f"On this bundled person's own query clips: {100 * curve.everybody:.0f} % right with "
            f"everybody's network, {100 * curve.accuracy[-1]:.0f} % with "
            f"{counted(curve.clips[-1], 'clip')} of theirs. A few clips of one voice illustrate; "
            "they prove nothing."
        )
    return sentences


def _earned_on_people(difference: Mapping) -> str:
    gain = f"{100 * difference['mean']:+.1f} points of accuracy {DIFFERENCES[difference['name']]}"
    found = "one person alone, so no interval and no verdict"
    if difference["ci95"] is not None:
        low, high = (100 * end for end in difference["ci95"])
        found = f"95 % interval {low:+.1f} to {high:+.1f}: "
        found += "earned" if low > 0 else "a harm" if high < 0 else "not shown to be earned"
    sentence = (
        f"Real people never heard in training, {counted(difference['shots'], 'clip')} each: {gain} "
        f"({found})."
    )
    return sentence.replace(" -", " \N{MINUS SIGN}")


def derived(found: Shrinkage | None) -> list[str]:
    """How a weight's combined curve follows from the clips, step by step."""
    if found is None:
        return ["A learned network reads the clips and writes this curve; no short formula does."]
    before = (
        f"**Before any clip** the weight is {_value(found.start)}, give or take "
        f"{found.prior_std:.3f}: the dashed curve."
    )
    if not found.clips:
        return [before]
    clips, count = counted(found.clips, "clip"), f"{found.counted} + {found.prior_clips:.1f}"
    most = ", from no more clips, so *n* counts no further" * (found.counted < found.clips)
    return [
        before,
        f"**Your {clips}** {'shows' if found.clips == 1 else 'show'} it "
        f"{abs(found.shown):.3f} {'higher' if found.shown > 0 else 'lower'}"
        f"{' on average' * (found.clips > 1)}.",
        f"**Of that {percent(found.share)} is taken**: *a* = *n* / (*n* + *n*₀) = "
        f"{found.counted} / ({count}). The prior is worth {found.prior_clips:.1f} clips; training "
        f"learned that{most}. Of one clip alone {percent(found.share_of_one)} is taken, so each "
        "clip's own curve stays near the dashed one.",
        f"**Your weight** is {_value(found.start)} {_value(found.taken, sign=True)} "
        f"{_value(found.together, sign=True)} ≈ **{_value(found.mean)}**. The last number added is "
        "what the layer's patterns show together.",
        f"**Give or take** √({found.unknown_std:.3f}² + {found.scatter_std:.3f}² + "
        f"{found.together_std:.3f}²) ≈ **{found.std:.3f}**: what so few clips leave open, how one "
        "person's clips differ, and both for the patterns together."
        + WIDER
        * (found.std > found.prior_std),
    ]


def _value(number: float, *, sign: bool = False) -> str:
    minus = "\N{MINUS SIGN}"
    if sign:
        return f"{minus if number < 0 else '+'} {abs(number):.3f}"
    return f"{number:.3f}".replace("-", minus)
