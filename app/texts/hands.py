"""What the page of handwriting says."""

from collections.abc import Sequence

import texts
from vop_core.text import counted

PROMISE = (
    "Write a few digits. Each is evidence about how *you* write, and a model of your own hand "
    "appears: no training, no labels."
)
SIGNS_INSTEAD = "Or invent signs of your own, and teach them with one drawing each"
DRAW = {  # on the canvas
    "label": "Draw one digit here",
    "clear": "Clear",
    "add": "Add digit",
    "ask": texts.ASK_BOTH_MODELS,
    "added": "Added to your digits.",
    "asked": "Asked.",
}
DRAW_HINT = (
    "With a mouse, a finger or a pen. Add a few, whichever digits they are: nobody labels them. "
    "Then draw another one and ask."
)
SEVERAL = "Pictures of one person's digits"
BORROW = (
    "Virtual persons who write real digits, each in a hand of their own. No model here was trained "
    "on them."
)
USE_THIS_HAND = "Use this hand"

OFF = ", off"
WAYS = "How your digits are read"
HARDER = "Send all of them through something that training never had, and see who reads them still."
HEALTH = {  # verdict -> icon, what it means here; of others the posterior says it itself
    "healthy": (":material/check_circle:", "**One hand**: these digits agree as one person's do."),
    "several persons": (
        ":material/group:",
        "**Not one hand**: these digits disagree, as those of several people do. Leave out what "
        "another person wrote, or write more.",
    ),
    "nobody": (
        ":material/help:",
        "**No hand it knows**: this is like nothing that people wrote for the model. Write larger, "
        "or one digit at a time.",
    ),
    "one clip": (
        ":material/looks_one:",
        "**One digit alone** cannot be compared with another: add two more.",
    ),
}
NOTHING = "**No digits yet.** Three make a first model; five are better. One is enough to begin."
ALL_OFF = "**All digits are switched off, so there is no personal model.** Switch one on."
OWN_AGAIN = "Write in a hand of your own"

# one more digit
ONE_MORE = "One more digit, read by both models"
WRITTEN = "**Written**"
ASKED = "The digit that is asked about"
WHICH = "Which digit was it? It counts who was right."
ASK_NOW = "Draw another digit and press **Ask both models**, or upload a picture of one."
EVERYBODYS, FOR_ALL = "**Everybody's**", "model for all hands"
YOURS = "Yours"
DIGITS = "digits"
ENROLLED = "It enrolled, so its answer shows nothing new and is not counted."
NOT_THEIRS = "You wrote this, and the model is of a borrowed hand: it is no test, and not counted."

# the posterior
ABOUT_WEIGHTS = "What the digits say about the weights"
ADDS_UP = "A digit by itself moves it a little, all of them together further: evidence adds up."

FEWEST = 3


def digit(number: int) -> str:
    """What a digit is called where a sentence is about it."""
    return f"digit {number}"


def ask_another(name: str) -> str:
    """A button."""
    return f"Ask about another of {name}'s digits"


def made_of(digits: int) -> str:
    """What a personal model was made of."""
    return f"model from {counted(digits, 'digit')}"


def of_person(name: str, about: str, seen: str = "") -> str:
    """Who a bundled writer is, and how they are seen."""
    return f"{name} is {about}" + (f"; {seen}." if seen else ".")


def of_weight(layer: str) -> str:
    """Whose curves are shown."""
    return (
        f"{layer}: the weight that the digits move most, from where it lies for anybody (dashed) "
        f"to where it lies for this hand (solid). {ADDS_UP}"
    )


def ready(shots: int, milliseconds: float, measured: str, whose: str) -> str:
    """That the model is there, and what it took."""
    missing = FEWEST - shots
    more = f" Add {counted(missing, 'more digit')}, so that they can be compared."
    return (
        f":material/check_circle: **{whose} personal model is ready**: a posterior from "
        f"{counted(shots, 'digit')}, made in {milliseconds:.0f} ms with {measured}."
        + more
        * (missing > 0)
    )


def of_writer(name: str, outcomes: Sequence[str]) -> str:
    """Over all of a bundled writer's digits that did not enroll, how often each is right."""
    both = outcomes.count("both right")
    own, common = both + outcomes.count("won"), both + outcomes.count("lost")
    judged = (
        "as often as" if own == common else "more often than" if own > common else "less often than"
    )
    return (
        f"Of {name}'s {counted(len(outcomes), 'digit')} that did not enroll, **the personal model "
        f"gets {own} right, the global one {common}**: {judged} everybody's."
    )


def of_tally(outcomes: Sequence[str]) -> str:
    """The same of what was asked about in this visit."""
    both = outcomes.count("both right")
    return (
        f"So far {counted(len(outcomes), 'digit')} with a known answer: yours right "
        f"{both + outcomes.count('won')}, everybody's {both + outcomes.count('lost')}."
    )
