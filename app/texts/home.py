"""What the first page says."""

from collections.abc import Sequence

import texts
from vop_core.models.bundled import Example
from vop_core.text import counted

PROMISE = "A few words from you make a network yours"
ABOUT = (
    "A network that recognizes spoken commands hears a few words of yours. One forward pass, no "
    "training: they become a **probability distribution over its weights**, and you see at once "
    "whether it then hears you better than the one that everybody gets."
)
SEE_AN_EXAMPLE = "See an example"
USE_MY_VOICE = "Use my own voice"
WRITE_INSTEAD = "No microphone? Write a few digits instead"

# the picture, and what is written in it
PICTURE = (
    "Three short recordings of one person go through one forward pass. They turn a wide bell "
    "curve, what the network assumes about everybody, into a narrow one, what it now knows about "
    "this person. Then one more word is asked: the network for everybody hears it wrong, the "
    "personal one hears it right."
)
A_FEW_WORDS = ("a few words", "of yours")
ANYBODY = "everybody"
DISTRIBUTION = ("a distribution over", "the network's weights")
OF_EVERYBODY, HEARD_WRONG = "everybody's", "no"
OF_YOU, HEARD_RIGHT = "yours", "go"
NEXT_WORD = ("the next word,", "answered twice")

DOORS = (  # page, icon, what it is called, what is behind it
    (
        "app_pages/learn.py",
        ":material/school:",
        texts.LEARN,
        "A lecture in steps: predict, then see. By keyboard, offline.",
    ),
    (
        "app_pages/decide.py",
        ":material/balance:",
        texts.DECIDE,
        "Is it worth shipping? Who gains, who loses, what it costs.",
    ),
    (
        "app_pages/inspection.py",
        ":material/biotech:",
        texts.INSPECT,
        "The posterior itself: widths, coverage, draws, and figures to take along.",
    ),
)

# the example
NO_EXAMPLE = "This model's card names nobody to show: use your own voice, or borrow one."
WHAT_WAS_SAID = "**What was said**"
NEVER_ENROLLED = "one more word, not among the clips"
EVERYBODYS_NETWORK = "**Everybody's network**"
GLOBAL_MODEL = "the global model"
EXAMPLES = {  # outcome -> what an example shows
    "won": "Personalization **turned a wrong answer into the right one**.",
    "lost": "Personalization **spoiled a right answer**.",
    "both right": "**Both are right**: here was nothing to gain.",
    "both wrong": "**Both are wrong**: personalization did not help here.",
}
GO_ON = "Go on with this person"


def says(name: str) -> str:
    """Whose example it is."""
    return f"{name} says one more word"


def network_of(name: str) -> str:
    """Whose network answers."""
    return f"**{name}'s network**"


def made_from(clips: int) -> str:
    """What a personal network was made of."""
    return f"made from {counted(clips, 'clip')}"


def of_examples(name: str, examples: Sequence[Example]) -> str:
    """What all of a person's examples show together."""
    found = [each.outcome for each in examples]
    both = found.count("both right")
    return (
        f"Over {name}'s {len(found)} words that were not enrolled, everybody's network is right "
        f"{counted(both + found.count('lost'), 'time')}, the personal one "
        f"{counted(both + found.count('won'), 'time')}."
    )
