"""What the page on which both models answer says."""

from collections.abc import Sequence

from vop_core.evaluation.answers import Answer, Change
from vop_core.plots.style import listing, percent
from vop_core.text import counted

PROMISE = (
    "One more word, two answers: the **global** model that everybody gets, and the one **your "
    "clips** made."
)
NO_MODEL = "There is no personal model to compare with yet: it takes one clip, better three."
WHAT_TO_COMPARE = "What to compare"
ONE_WORD = "One word"
TEST_ME = "Test me"
SWAP_MODELS = "Swap models"

# giving a query
BORROW_A_CLIP = "Borrow a bundled clip"
SAY_ONE_WORD = "Say one word"
ONE_FILE = "One word of the same person"
NO_QUERY = "No query yet"
ASK_THESE_MODELS = "Ask these models"

# both answers
GLOBAL_MODEL = "**Global model**, the same for everybody"
WHICH_WORD = "Was it right? Which word was it?"
SAID = {"unknown": "None of its words", "silence": "Nothing"}  # label -> what whoever said it says
THE_WORD = "The word"
CHOOSE_THE_WORD = "Choose the word that you said"

# pictures of the answers
PROBABILITIES = "Probabilities side by side"
SHOW_CONTROLS = "Show the controls"
ABOUT_CONTROLS = "Models made with the wrong clips: a gain that they share is not personal."
ALL_WORDS = "All words"
WHAT_CHANGED = "What changed"
NOTHING_CHANGED = "No word by as much as half a percentage point."
UNCERTAINTY = "Where the uncertainty comes from"

# the tally
TALLY = "Tally of this visit"
OUTCOMES = {
    "won": "Only yours right",
    "lost": "Only the global right",
    "both right": "Both right",
    "both wrong": "Both wrong",
}
AN_IMPRESSION = (
    "So few are an impression, not a measurement. Measured results, over whole groups of people, "
    "stand on the Posterior page."
)

PROMISES = "Four promises, checked while your model was made"


def one_more_word(*, records: bool) -> str:
    """How to ask about a word."""
    return (
        f"{'Say' if records else 'Upload'} or borrow one more word, and the global model and yours "
        "answer side by side."
    )


def asked_before(title: str) -> str:
    """That a query is of another task."""
    return f"{title} was asked of other models"


def of_another_task(*, before: str, now: str) -> str:
    """Whose models a query was asked of, and whose are chosen."""
    return (
        f"It was asked of **{before}**, and you have since chosen **{now}**, whose models have not "
        "heard it."
    )


def which_of(words: int) -> str:
    """Of a recording of several words."""
    return f"{words} words in this recording: ask about"


def word(number: int) -> str:
    """One of a recording's words."""
    return f"Word {number}"


def answers_to(number: int) -> str:
    """A query's heading."""
    return f"Answers to query {number}"


def personal_model(whose: str, clips: int) -> str:
    """Whose model answers, and of what it was made."""
    return f"**{whose} model**, from {counted(clips, 'clip')}"


def under_draws(answer: Answer) -> str:
    """How sure an answer is under draws of the weights."""
    best = answer.best
    return (
        f"95 % of {answer.draws} draws of its weights: {percent(best.lower)} to "
        f"{percent(best.upper)}"
    )


def twin(title: str) -> str:
    """That a query enrolled."""
    return (
        f"This is the recording of **{title}**, which made your model: its answer shows nothing "
        "about new words, so it is not counted."
    )


def of_another(asked: str, enrolled: Sequence[str]) -> str:
    """That a query is not of the person who enrolled."""
    return (
        f"This clip was spoken by **{asked}**, and the personal model was made for "
        f"**{listing(enrolled)}**: another person's clip is no test of it, so it is not counted."
    )


def no_such_word(word: str) -> str:
    """That the models cannot know what was said."""
    return f"The models have no word **{word}**, so the query is not counted."


def of_control(name: str, answer: Answer, meaning: str) -> str:
    """What a model made with the wrong clips answers."""
    return f"**{name}**: {answer.best.label}, {percent(answer.best.probability)}. {meaning}"


def of_change(change: Change) -> str:
    """How far a word's probability moved."""
    points = f"{change.points:+.1f}".replace("-", "\N{MINUS SIGN}")
    before, after = 100 * change.before, 100 * change.after
    return f"**{change.label}** {points} points: {before:.1f} % → {after:.1f} %"


def of_uncertainty(own: Answer) -> str:
    """The parts of both models' uncertainty."""
    return (
        f"Your model: {own.total:.2f} nats in total, {own.aleatoric:.2f} aleatoric (the sound) and "
        f"{own.epistemic:.2f} epistemic (the weights), from {own.draws} draws. "
        "The global model has one set of weights: it cannot disagree with itself, and all its "
        "uncertainty counts as aleatoric."
    )


def of_tally(task: str, persons: Sequence[str], heard: str, queries: int) -> str:
    """Which queries the tally is about."""
    whose = f"{task}, personal model of {listing(persons)}{heard}"
    if not queries:
        return f"{whose}: no query with a known word yet."
    return f"{whose}: {counted(queries, 'query clip')}; one asked twice counts once."
