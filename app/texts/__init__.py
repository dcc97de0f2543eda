"""Everything that a visitor reads: here what several pages say, in a module each what one page or
part of it says. Never the colour alone.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from vop_core.data.voices import BundledPerson
from vop_core.evaluation.answers import LabelProbability
from vop_core.models.bundled import won_lost_unchanged
from vop_core.plots.style import listing, percent
from vop_core.tasks.registry import TASKS
from vop_core.text import counted, in_terms

# pages
HOME = "Home"
YOUR_VOICE = "Your voice"
COMPARE = "Compare"
VERIFY = "Verify"
HANDS = "Hands"
POSTERIOR = "Posterior"
LEARN = "Learn"
DECIDE = "Decide"
INSPECT = "Inspect"
SIGNS = "Signs"
TRY_ON_VERIFY = "Try it on Verify"

# giving something
RECORD = "Record"
UPLOAD_FILE = "Upload a file"
UPLOAD_FILES = "Upload files"
REMOVE = "Remove"
SWITCH_OFF = "Switch off"
SWITCH_ON = "Switch on"
ASK_BOTH_MODELS = "Ask both models"
ANOTHER_WORD = "Another word"

# choosing something
MODEL = "Model"
PERSON = "Person"
WRITER = "Writer"
HEARD_WHERE = "Heard"
CLIP = "Clip"
LAYER = "Layer"
WEIGHT = "Weight"
SHOW = "Show"
WIDTH = "Width"
SHIFT = "Shift"

YOU = "you"
YOUR = "Your"
JUDGED = {  # whether an answer is right -> badge colour, icon, word
    True: ("green", ":material/check_circle:", "Right"),
    False: ("red", ":material/cancel:", "Wrong"),
}
FAILED = (
    "Something went wrong here, and it is not your fault. Try again, or go on with another page; "
    "what went wrong is written where the app was started."
)
CONTROLS = {
    "prior": ("Prior mean", "Your model without any clip: what personalization starts from."),
    "wrong-person": (
        "Wrong person",
        "Made with another bundled person's clips: a gain here is not about you.",
    ),
    "mixed": ("Mixed persons", "Every clip from another bundled person."),
    "noise": ("Noise", "Your clips' level and spectrum with the speech scrambled away."),
}
CHANGED = {  # outcome -> icon, and what an answer that changed has changed into
    "won": (":material/trending_up:", ": **for the better**"),
    "lost": (":material/trending_down:", ": **for the worse**"),
    "both wrong": (":material/swap_horiz:", ", one wrong word for another"),
    None: (":material/swap_horiz:", ""),
}
SAME = {"both right": ", and right", "both wrong": ", and wrong", None: ""}
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


def of_person(name: str) -> str:
    """Whose something is."""
    return f"{name}'s"


def sample(number: int) -> str:
    """What a drawing that enrolls or teaches is called."""
    return f"Sample {number}"


def remove(what: str) -> str:
    """A button."""
    return f"Remove {what}"


def say_word(word: str) -> str:
    """What to say."""
    return f"Say “{word}”"


def play_word(word: str) -> str:
    """A player, for whoever does not see it."""
    return f"Play the word {word}"


def sure(share: float) -> str:
    """How sure an answer is."""
    return f"**{percent(share)}** sure"


def runners_up(others: Sequence[LabelProbability]) -> str:
    """What else an answer might have been."""
    then = ", ".join(f"{other.label} {percent(other.probability)}" for other in others)
    return f"Then {then}"


def places(task: str) -> Mapping[str, str]:
    """Where bundled people are heard, or seen, in plain words."""
    return HEARD if TASKS[task].heard else SEEN


def of_bundled(person: BundledPerson, heard: str) -> str:
    """Who a bundled person is, and where they are heard."""
    where = f", heard {heard}" if heard else ""
    return f"{person.name} is {person.description}{where}."


def attribution(person: BundledPerson) -> str:
    """Whose clip a borrowed one is."""
    return f"{person.name} of {person.corpus.attribution}"


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
