"""What the page on which clips are given says."""

from collections.abc import Mapping, Sequence

from vop_core.data.voices import BundledPerson
from vop_core.text import counted

LISTENS_FOR = "What the model listens for"
BORROW_A_VOICE = "Borrow a voice"

A_SECOND_EACH = "About a second each. Which word it is does not matter: nobody labels it."
SEVERAL = "Recordings of one person, one word each"
BORROW = (
    "People who recorded words for a public data set; no model here was trained on them. Their "
    "clips show how personalization works where there is no microphone."
)
CLIPS = "Clips"
USE_THIS_VOICE = "Use this voice"
MIXTURE = (
    "These clips come from different people. A personal model of a mixture is nobody's: switch "
    "the clips off that are not yours, or give them as another person."
)

NO_CLIPS = "No clips yet"
_FIRST_CLIPS = "Three clips make a first personal model. One is enough to begin."
_NO_MICROPHONE = " No microphone? Borrow a voice."

# about the model
ARABIC = "Spoken in Arabic; the list gives their English meanings."
RECONSTRUCTION = (
    "A reconstruction from the paper's abstract and slides; its numbers are not the paper's."
)


def promise(*, records: bool) -> str:
    """What comes of a few words, and how they are given here."""
    give = "Say" if records else "Upload or borrow"
    return (
        f"{give} a few words. Each clip is evidence about how *you* sound, and a model of your own "
        "appears: no training, no labels."
    )


def say_one_word(number: int, example: str) -> str:
    """The microphone's label, with a word to say where there is one."""
    return f"Clip {number}: say one word" + (f", for example “{example}”" if example else "")


def ready(*, whose: str, clips: int, missing: int, milliseconds: float, measured: str) -> str:
    """That the model is there, and what it took."""
    more = ""
    if missing > 0:
        more = f" Give {counted(missing, 'more clip')}, so that they can be compared."
    return (
        f"**{whose} personal model is ready**: a posterior from {counted(clips, 'clip')}, made in "
        f"{milliseconds:.0f} ms with {measured}.{more}"
    )


def of_bundled_person(row: Mapping, person: BundledPerson) -> str:
    """What a card says of one bundled person's query clips."""
    return (
        f"Of {person.name}'s {counted(row['queries'], 'query clip')}, which did not enroll, "
        f"**your model gets {row['personal']} right, the global model {row['global']}**."
    )


def begin(*, records: bool) -> str:
    """How to begin where there are no clips."""
    return _FIRST_CLIPS + _NO_MICROPHONE * records


def given(clips: int, off: int) -> str:
    """How many clips there are, and how many of them are off."""
    return counted(clips, "clip") + (f", {off} off" if off else "")


# --- about the model ------------------------------------------------------------------------------


def about_model(task: str, words: int) -> str:
    """What the model is."""
    return f"About the model: {task}, {words} words"


def words(labels: Sequence[str]) -> str:
    """What it knows."""
    return "**Words.** " + " · ".join(labels)


def training(persons: int, clips: int, data: Sequence[str]) -> str:
    """What it was trained on."""
    return f"**Training.** {persons} persons, {clips:,} clips. " + "; ".join(data) + "."


def tested(persons: int) -> str:
    """On whom it was tested."""
    return (
        f"**Test.** {persons} further persons it never heard; results stand on the Posterior page."
    )


def price(cost: Mapping[str, float]) -> str:
    """What it takes, by its card."""
    return (
        f"**Price.** {cost['global_parameters']:,} parameters; a person's posterior takes "
        f"{cost['bytes_per_person']:,} bytes, and a frozen personal network costs what the "
        f"global one costs: {cost['frozen_multiply_accumulates'] / 1e6:.1f} million "
        "multiply-accumulates a clip."
    )
