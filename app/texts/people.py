"""What the pages say of several persons in a visit, their files, and the exchange of models."""

from collections.abc import Sequence

import texts
from vop_core.course.links import LinkedState
from vop_core.data.environments import CLEAN, NOISY_ROOM, TELEPHONE
from vop_core.evaluation.exchange import FEWEST_WORDS, MODELS, Answered, Exchange
from vop_core.plots.style import percent
from vop_core.text import counted

FULL = "A visit holds up to {most} persons; remove one before you add another."
TAKEN = "Somebody here is called {name} already; choose another name."
NO_NAME = "A name has up to {most} ordinary characters; choose a shorter one."
HEARD = {  # anybody -> plain words
    CLEAN: "Clean",
    TELEPHONE: "By telephone",
    NOISY_ROOM: "In a room with noise",
}
ABOUT_ENVIRONMENTS = (
    "Environments are made by computer. Enrollment and query clips are heard in the same one."
)
IN_ENVIRONMENT = (
    "Every clip of yours is heard {place}. Your recordings are kept as they are: **Clean** brings "
    "them back."
)
SAVED = (
    "{kilobytes} kB: means and widths of the weights, together and clip by clip, and no sound. It "
    "is personal all the same: the numbers tell how a voice sounds to this network."
)
LOADING = "Made here or by `vop enroll`, for {task}; it becomes another person of this visit."
CLIP_OF_FILE = "a clip of the file"
OF_FILE = (
    "**From a file**: a posterior from {shots}. The file holds no sound, so no clip can be played, "
    "switched off or heard elsewhere. Posterior and Compare work as for anybody."
)
OTHER_TASK = (
    "## {name} is unknown to these models\nThe file was made for **{task}**: choose that on Your "
    "voice, or another person."
)
NO_CURVE = (
    "The upper chart knows the width without clips and with all of them: this person's file holds "
    "no clips, so nothing in between can be made."
)
NOT_WATCHED = (
    "The four promises are checked while a model is made; this one came from a file, so nothing "
    "was watched here."
)


def heard(environment: str) -> str:
    """Where a tally's clips were heard, as the end of a phrase; empty for clean ones."""
    if environment == CLEAN:
        return ""
    words = (texts.HEARD | HEARD)[environment]
    return f", heard {words[0].lower()}{words[1:]}"


LINK = {
    "label": "Copy link",
    "copied": "Copied.",
    "byHand": "This browser lets no page copy: copy it yourself.",
}


def linked(state: LinkedState, voice: str, empty: bool) -> str:
    """What a link opens, and that it carries no voice."""
    if state.person is None:
        kept = "" if empty else " No voice travels in a link: your clips stay here."
        return f"The link opens this page and task.{kept}"
    query = "" if state.query is None else f" and query clip {state.query + 1}"
    return (
        f"The link opens this page with {voice}: {counted(state.clips, 'clip')}{query}"
        f"{heard(state.environment or CLEAN)}. No sound travels in it."
    )


# --- the exchange of models -----------------------------------------------------------------------

ENROLLED = "{name} is the recording of {twin}, which enrolled; say the word anew."
NOBODY = (
    "## It takes two to swap\nTwo persons with a model each say words, and one click gives each "
    "the other's model."
)
HOW = (
    "Both say a word or more. Their own models answer first; then one click gives each the other's "
    "model, and you see whose is whose."
)
SWAPPED = {  # whether the models are exchanged -> badge colour, icon
    False: ("blue", ":material/person:"),
    True: ("orange", ":material/swap_horiz:"),
}
ABOUT_TABLE = (
    "“Sure” is the mean probability of the answers. The other person's model is what "
    "personalization must beat: a gain that it has as well is nobody's own."
)


def score(answered: Answered) -> str:
    """How many words are right; where none is known, how sure the answers are."""
    if answered.told:
        return f"{answered.right} of {answered.told} right"
    return f"{percent(answered.sure)} sure"


def words(answered: Answered) -> str:
    """Every word, and what it was taken for."""
    shown = []
    pairs = zip(answered.words, answered.labels, answered.sureness, strict=True)
    for word, label, sure in pairs:
        if not word:
            shown.append(f":gray-badge[:material/help: {label}, {percent(sure)}]")
        elif word == label:
            shown.append(f":green-badge[:material/check_circle: {word}]")
        else:
            shown.append(f":red-badge[:material/cancel: {word}: heard {label}]")
    return " ".join(shown)


def table(names: Sequence[str], answers: Exchange) -> str:
    """Person by model, in Markdown; each one's own model in bold."""
    lines = [
        f"| Words of | {names[0]}’s model | {names[1]}’s model | Global model |",
        "|---|---|---|---|",
    ]
    for place, person in enumerate(answers.answered):
        own, other, common = (
            f"{score(person[model])}"
            + f", {percent(person[model].sure)} sure" * bool(person[model].told)
            for model in MODELS
        )
        own = f"**{own}** (own)"
        cells = [own, other] if place == 0 else [other, own]
        lines.append(f"| **{names[place]}** | {' | '.join(cells)} | {common} |")
    return "\n".join(lines)


def verdict(answers: Exchange) -> str:
    """Whether it matters whose model answers, from the numbers."""
    if not answers.told:
        return "Nobody told the words, so nothing says which answers are right."
    own, other, common = (answers.right(model) for model in MODELS)
    counts = (
        f"Of {counted(answers.told, 'word')} of both, their own models get **{own}** right, each "
        f"other's **{other}**, the global model **{common}**."
    )
    if answers.bounds is None:
        return f"{counts} So few words show nothing yet: it takes {FEWEST_WORDS} at least."
    low, high = (100 * end for end in answers.bounds)
    found = "it matters whose model it is" if low > 0 else "not shown that it matters whose it is"
    if high < 0:
        found = "here one's own model is the worse one"
    sentence = (
        f"{counts} Own minus the other's: {100 * answers.gain:+.0f} points, 95 % interval over "
        f"these words {low:+.0f} to {high:+.0f}: **{found}**. Two persons illustrate; they prove "
        "nothing of others."
    )
    return sentence.replace(" -", " \N{MINUS SIGN}")
