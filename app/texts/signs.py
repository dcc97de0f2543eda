"""What the page of a visitor's own signs says."""

from collections.abc import Sequence

from vop_core.evaluation.answers import Answer
from vop_core.plots import percent
from vop_core.text import counted

TITLE = "Signs of your own"
PROMISE = (
    "Invent signs that no model has ever seen. One drawing of each teaches a classifier of *your* "
    "signs in one forward pass: no training. More drawings make it surer."
)
DIGITS_INSTEAD = "Or write digits, and a network becomes your hand's"
DRAW = {  # on the canvas
    "label": "Draw one sign here",
    "clear": "Clear",
    "add": "Add as a sample",
    "ask": "Which sign is it?",
    "added": "Added to your signs.",
    "asked": "Asked.",
}
DRAW_HINT = (
    "With a mouse, a finger or a pen. Teach at least two signs, then draw one again and ask."
)
SAMPLE_OF = "The next drawing is a sample of"
A_NEW_ONE = "a new sign"
SEVERAL = "Pictures of this sign"
BORROW = (
    "Five digits as a virtual person writes them, one sample of each. To this model a digit is a "
    "sign like any other: it has never been taught one."
)
USE_THESE = "Use five of these digits"

NOTHING = "**No signs yet.** Draw one, press **Add as a sample**, then draw another."
OWN_AGAIN = "Teach signs of your own"
ONE_MORE = "**One sign alone cannot be told from another.** Teach a second one."
RENAME = "What this sign is called"

# one more drawing
ONE_MORE_DRAWING = "One more drawing: which sign is it?"
DRAWN = "**Drawn**"
ASKED = "The drawing that is asked about"
WHICH = "Which sign was it? It counts who was right."
ASK_NOW = "Draw one of your signs again and press **Which sign is it?**"
NEAREST_MEAN, OF_SAMPLES = "**Nearest mean**", "of each sign's samples"
POSTERIOR, OF_CLASSIFIER = "**Posterior**", "over the classifier"
TAUGHT_WITH = "It taught a sign, so its answer shows nothing new and is not counted."
UNLIKE = (
    "Whatever is drawn is taken for one of the signs that were taught, also where it is none of "
    "them."
)

# the posterior
ABOUT_A_SIGN = "What the drawings say about a sign"
SIGN = "Sign"
ADDS_UP = (
    "A sign is a mean that its drawings show with an error. Dashed: what any sign may be. Solid: "
    "what this one's drawings leave open. More drawings make it narrower."
)


def drawing(number: int) -> str:
    """What a drawing is called where a sentence is about it."""
    return f"drawing {number}"


def sign(number: int) -> str:
    """What a new sign is called."""
    return f"Sign {number}"


def taken(name: str) -> str:
    """That a sign cannot be called so."""
    return f"Another sign is called '{name}' already; choose another name."


def full(most: int) -> str:
    """That there can be no further sign."""
    return (
        f"{most} signs are as many as can be told apart; choose one of them for this sample, or "
        "remove one."
    )


def sample_of(number: int, sign: str, how: str) -> str:
    """A sample, for whoever does not see it."""
    return f"Sample {number} of the sign {sign}, {how}"


def ready(signs: int, samples: int, milliseconds: float, measured: str) -> str:
    """That the classifier is there, and what it took."""
    return (
        f":material/check_circle: **A classifier of {counted(signs, 'sign')} is ready**, from "
        f"{counted(samples, 'sample')}, made in {milliseconds:.0f} ms with {measured}."
    )


def ask_another(name: str) -> str:
    """A button."""
    return f"Ask about another of {name}'s drawings"


def runner_up(label: str, share: float) -> str:
    """What else a drawing might be."""
    return f"Then {label}: {percent(share)}"


def doubt(answer: Answer) -> str:
    """Where the posterior's uncertainty comes from."""
    best = answer.best
    low, high = percent(best.lower), percent(best.upper)
    lies = f"is {low}" if low == high else f"lies between {low} and {high}"
    share = answer.epistemic / answer.total if answer.total > 0 else 0.0
    return (
        f"Under {counted(answer.draws, 'draw')} of the classifier it {lies} (95 % interval). Of "
        f"the doubt, {percent(share)} is about what these signs look like, the rest about this "
        "drawing."
    )


def of_tally(outcomes: Sequence[str]) -> str:
    """How often each was right in this visit."""
    both = outcomes.count("both right")
    return (
        f"So far {counted(len(outcomes), 'drawing')} with a known answer: the posterior right "
        f"{both + outcomes.count('won')}, the nearest mean {both + outcomes.count('lost')}."
    )


def of_everything(name: str, signs: int, count: int, right: tuple[int, int]) -> str:
    """Over all of a bundled person's other drawings of these signs."""
    by_mean, personal = right
    return (
        f"Of {name}'s {counted(count, 'other drawing')} of these signs **the posterior gets "
        f"{personal} right, the nearest mean {by_mean}**; by chance about {count / signs:.0f}."
    )
