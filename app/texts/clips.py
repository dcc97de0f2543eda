"""What is said of clips: what they are called, how good they are, and the ways to give one."""

from collections.abc import Sequence

import texts
from vop_core.data.decoding import ACCEPTED
from vop_core.plots.style import listing

FORMATS = f"{ACCEPTED}, from 0.1 to 60 seconds, up to 20 MB"
NOT_RECORDED = "Nobody is recorded here: upload a clip, or borrow a voice."
MICROPHONE = {  # what the browser says -> what to do; it is shown without asking the server
    "denied": "The browser keeps the microphone from this page. To record, allow it in the "
    "browser's address bar and load the page again.",
    "absent": "The browser finds no microphone. To record, connect one and load the page again.",
    "insecure": "Browsers give a microphone only to pages on this computer or with https.",
    "failed": "The microphone does not answer. Another program may be using it.",
}

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
OFF = "Off"
SWITCH = {  # is it on, is it poor -> a button's label and icon
    (True, False): (texts.SWITCH_OFF, ":material/toggle_off:"),
    (True, True): (texts.SWITCH_OFF, ":material/toggle_off:"),
    (False, False): (texts.SWITCH_ON, ":material/toggle_on:"),
    (False, True): ("Use anyway", ":material/toggle_on:"),
}
EACH_WORD = "A clip of its own for every word of this recording"

SWITCHES = "Clips that count as evidence: switch them on and off"
GIVE_ANOTHER = "Give another clip"


def recording(number: int) -> str:
    """What a recording is called where a sentence is about it."""
    return f"recording {number}"


def clip(number: int) -> str:
    """What a clip that enrolls is called."""
    return f"Clip {number}"


def query(number: int) -> str:
    """What a clip that is asked about is called."""
    return f"Query {number}"


def titled(entry) -> str:
    """A clip's title, with the name of the file it came from."""
    named = f" · {texts.literal(entry.clip.name)}" if entry.source == "uploaded" else ""
    return f"{entry.title}{named}"


def play(title: str) -> str:
    """A player, for whoever does not see it."""
    return f"Play {title}"


def part_of_model(title: str, *, on: bool) -> str:
    """What a clip's switch is about."""
    return f"{title} {'is' if on else 'is not'} part of your model"


def use_all_words(count: int) -> str:
    """A button."""
    return f"Use all {count} words"


def switched_off(entries: Sequence) -> str:
    """Which clips are off."""
    return f"Off: {listing([_switched(entry) for entry in entries])}."


def _switched(entry) -> str:
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
