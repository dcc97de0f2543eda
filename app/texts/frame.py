"""What stands around every page, and where a page has nothing to show yet."""

from vop_core.text import counted

PRODUCT = "VoP Studio"
ABOUT = (
    "A personal model from a few words, with its uncertainty. A reconstruction of VoP (ICML 2022)."
)

WHAT_IS_KEPT = "**What is kept about you**"
KEPT_HERE = "Only in this tab's memory, on this computer: no file, no cache, no log, no network."
KEPT_ELSEWHERE = (
    "Only in memory, for this tab, on the computer that runs the app: what you give travels there. "
    "No file, no cache, no log."
)
CLOSING_FORGETS = "Closing or reloading the page forgets it as well."
FORGET_ME = "Forget me"
FORGOTTEN = "Everything you gave is gone."

# what is kept, line by line
NOTHING_KEPT = "Nothing."
NOTHING_OF_A_PERSON = "nothing yet"
POSTERIOR_OF_A_FILE = "the posterior of a file"
POSTERIOR_OF_CLIPS = "the posterior that they make"
POSTERIOR = "a posterior"
ASKED_DIGIT = "a digit that was asked about"
POSTERIOR_OF_A_HAND = "the posterior of a hand"
ASKED_DRAWING = "a drawing that was asked about"

LOST = (
    "The app was restarted, or this tab was away for long: what you gave before was kept in memory "
    "only, and is gone. Give your clips again, or borrow a voice."
)
ALL_IS_KEPT = "Everything you gave is kept."
STILL_HERE = "Everything you had is still here."
DISMISS = "Dismiss"

NOTHING_TO_SHOW = "Nothing to show yet"
GIVE_THREE_CLIPS = "Give three clips"
PROPOSED = "The person with whom the first page opens: there should be most to see."

SEE_POSTERIOR = "See its posterior"
LET_BOTH_ANSWER = "Let both models answer"
SEE_WHETHER_KNOWN = "See whether it knows the voice again"

NUMBERS = "Numbers"
NUMBERS_OF_THE_CHART = "The numbers of the chart above"


def kept_clips(count: int, seconds: float) -> str:
    """Clips that enroll."""
    return f"{counted(count, 'clip')}, {seconds:.1f} s of sound"


def kept_queries(count: int, seconds: float) -> str:
    """Clips that are asked about."""
    return f"{counted(count, 'query clip')}, {seconds:.1f} s"


def kept_test(count: int, seconds: float) -> str:
    """Clips of a test."""
    return f"{counted(count, 'test clip')}, {seconds:.1f} s"


def kept_tally(count: int) -> str:
    """Answers that count."""
    return f"{counted(count, 'answer')} in the tally"


def kept_digits(count: int) -> str:
    """Digits that enroll."""
    return counted(count, "written digit")


def kept_signs(samples: int, signs: int) -> str:
    """Signs that are taught."""
    return f"{counted(samples, 'sample')} of {counted(signs, 'sign')}"


def borrow_voice(name: str) -> str:
    """A button."""
    return f"Borrow {name}'s voice"


def promise(name: str, *, kept: bool) -> str:
    """A promise's name, and whether it was broken."""
    return name if kept else f"{name}: broken"
