"""What is said where two persons exchange their models."""

from collections.abc import Sequence

import texts
from vop_core.evaluation.exchange import FEWEST_WORDS, MODELS, Answered, Exchange
from vop_core.plots.style import percent
from vop_core.text import counted

NOBODY = (
    "## It takes two to swap\nTwo persons with a model each say words, and one click gives each "
    "the other's model."
)
ADD_BUNDLED = "Add a bundled voice"
ENROLL_ANOTHER = "Enroll another person"
SWAP_WITH = "Swap with"
HOW = (
    "Both say a word or more. Their own models answer first; then one click gives each the other's "
    "model, and you see whose is whose."
)

# saying words
NOT_ENROLLED = "Of this person's clips that did not enroll."
SAY_A_WORD = "Say a word that did not enroll"
A_RECORDING = "A recording of one word"
SAY_OTHERS = "Say other words"
ENROLLED = "{name} is the recording of {twin}, which enrolled; say the word anew."

# who answers
GIVE_BACK = "Give the models back"
SWAPPED = {  # whether the models are exchanged -> badge colour, icon
    False: ("blue", ":material/person:"),
    True: ("orange", ":material/swap_horiz:"),
}
WHOSE = "Whose words, whose model"
ABOUT_TABLE = (
    "“Sure” is the mean probability of the answers. The other person's model is what "
    "personalization must beat: a gain that it has as well is nobody's own."
)


def ask(words: int) -> str:
    """A button."""
    return f"Ask {counted(words, 'word')}"


def say(word: str) -> str:
    """What to say; any word where none is asked for."""
    return texts.say_word(word) if word else SAY_A_WORD


def recording_of(word: str) -> str:
    """What to upload; any word where none is asked for."""
    return f"A recording of “{word}”" if word else A_RECORDING


def speaks(name: str) -> str:
    """Whose words they are."""
    return f"**{name}** speaks"


def model_answers(name: str) -> str:
    """Whose model answers."""
    return f"{name}'s model answers"


def by_own(answered: Answered) -> str:
    """What a person's own model answers, while it is given away."""
    return f"By their own model: {score(answered)}."


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
        f"| Words of | {names[0]}'s model | {names[1]}'s model | Global model |",
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
