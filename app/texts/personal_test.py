"""What "Test me" says: the words to say, the verdict, and what each part of the score means."""

from collections.abc import Mapping, Sequence

import texts
from vop_core.evaluation.personal_test import GLOBAL, Influence, PairedGain, PersonalTest, Withheld
from vop_core.evaluation.score import MIXED, NOISE, OWN, PRIOR, WRONG_PERSON
from vop_core.plots.style import listing, percent
from vop_core.text import counted

FEW = 10  # known words: with fewer the score is called an impression
MODELS = {OWN: "Your model", GLOBAL: "The global model"}
OTHERS = {  # the models made with the wrong clips, within a sentence
    PRIOR: "the prior mean, without any clip",
    WRONG_PERSON: "the model made with another person's clips",
    MIXED: "the one made with several persons' clips",
    NOISE: "the one made with noise",
}
# the words
HOW = (
    "Say the word that is shown. No model is told which word it was; among them are a few that no "
    "model knows, to see who admits it. Stop whenever you like: ten words give a first impression."
)
YOUR_RECORDING = "Your recording of this word"
SEVERAL = "Files of these words"
FILES = (
    "Name each file after its word (`left.wav`, `left 2.wav`), or bring them in the order of the "
    "words that are left: {words}."
)
SHOW_SCORE = "Show the score"
NOT_ENOUGH = "From the third word that the models know"
SKIP = "Skip this word"
TOO_FEW = "Too few words were said for a score."
BEGIN_ANEW = "Begin a new test"
AFTER_THE_LAST = "comes after the last word; name files after their words."
OF_FILE = (
    "A person's file holds no clips, and the test compares with models made of mixed and other "
    "clips in their place. Give this person's clips on Your voice to run it."
)
NO_PROMPTS = (
    "This task's words are Arabic, and their list here gives English meanings only, so nobody can "
    "be asked to say them. Borrow a bundled speaker of Arabic to see the test, or take the English "
    "task."
)
BUNDLED = (
    "Up to {most} of {name}'s query clips, spread over all words; none of them enrolled. Because "
    "nobody here has clips of other words, {unknown} words in another language, by other people, "
    "show whether the models admit what they do not know."
)

# the score
SCORE = "Score"
OVER_CLIPS = (
    "Bars are 95 % intervals over the words of this one person: they say how far the score might "
    "move with other words, and nothing about other people."
)
CONTROLS = (
    "A gain is yours only where the others do without it: the prior mean had no clips, the wrong "
    "person's model somebody else's, the mixed one several people's, and noise is your clips with "
    "the speech scrambled away."
)
CONFUSIONS = "Which word was taken for which"
MAY_NOT_KNOW = "When it may say “I don't know”"
LEAST_SURE = "Answer only when at least so sure"
WITHHELD = (
    "From the surest answer on the left to all answers on the right; the large marks are where the "
    "slider stands. Where doubt is worth something, a line is higher on the left. Compare the "
    "models where they answer the same share: one may simply be surer than the other."
)
EACH_CLIP = "What each of your clips does"
INFLUENCE = "What your model would have answered had one of your clips not been there."
EVERY_WORD = "Every word"
VERDICTS = {  # of the test -> kind of box, icon, first words
    "helps": ("success", ":material/trending_up:", "Yes, on these words your clips help."),
    "harms": ("error", ":material/trending_down:", "No, on these words your clips do harm."),
    "not shown": ("info", ":material/balance:", "These words cannot tell whether your clips help."),
}


def does_it_help(name: str) -> str:
    """What a bundled person's test asks."""
    return f"Does the model help {name}?"


def test_on(name: str) -> str:
    """A button."""
    return f"Test it on {name}'s clips"


def progress(number: int, count: int) -> str:
    """Which word is to be said."""
    return f"Word {number} of {count}"


def say_again(word: str) -> str:
    """A button."""
    return f"Say “{word}” again"


def said_so_far(words: Sequence[str]) -> str:
    """Which words were said."""
    return f"Said so far: {listing(words)}."


def go_on(left: int) -> str:
    """A button."""
    return f"Go on: {counted(left, 'word')} left"


def an_impression(words: int) -> str:
    """That so few words measure nothing."""
    return f"{counted(words, 'word')} are an impression, not a measurement."


def verdict(test: PersonalTest) -> tuple[str, str, str]:
    """Does personalization help this person? The kind of a box, its icon and its text."""
    gain, scores = test.gain(), test.scores()
    kind, icon, first = VERDICTS[gain.verdict]
    own, everybody = scores[OWN], scores[GLOBAL]
    sentences = [
        f"**{first}** Of {counted(own.asked, 'word')} your model got **{own.right}** right, the "
        f"global model **{everybody.right}**: {points(gain.mean)} points, 95 % interval "
        f"{between(gain)}."
    ]
    if gain.verdict == "not shown":
        sentences.append(_needed(gain, everybody.right))
    if gain.mean > 0:
        sentences.append(_whose(test))
    return kind, icon, " ".join(sentences)


def _needed(gain: PairedGain, everybodys: int) -> str:
    more = tens(max(gain.needed - gain.asked, 1))
    if gain.won or gain.lost:
        if gain.won == gain.lost:
            return (
                f"So far each is right where the other is not, equally often. To show a gain of "
                f"one word in ten would take about {more} more words."
            )
        return f"If it goes on like this, about {more} more words would probably tell."
    start = "Both were right and wrong about the same words."
    if everybodys == gain.asked:
        start = "The global model left nothing to gain."
    return f"{start} To show a gain of one word in ten would take about {more} more words."


def _whose(test: PersonalTest) -> str:
    """Whether the models made with the wrong clips do without the gain."""
    scores = test.scores()
    alike = [
        f"{phrase} ({scores[name].right})"
        for name, phrase in OTHERS.items()
        if scores[name].right >= scores[OWN].right
    ]
    if alike:
        return f"As many right had {listing(alike)}: nothing shows that your clips did it."
    wrong = test.gain(WRONG_PERSON)
    right = f"{_capital(OTHERS[WRONG_PERSON])} got {scores[WRONG_PERSON].right} right"
    if wrong.verdict == "helps":
        return f"{right}: the gain is about you."
    return f"{right}: too near to yours to say that the gain is about you."


def tens(number: int) -> int:
    """The next ten, since nobody knows such a number better."""
    return -(-number // 10) * 10


def points(share: float) -> str:
    """``+12``, with a real minus; 0 has no sign."""
    rounded = round(100 * share)
    return f"{rounded:+d}".replace("-", "\N{MINUS SIGN}") if rounded else "0"


def between(gain: PairedGain) -> str:
    """A gain's interval, in points."""
    return " to ".join(map(points, gain.bounds))


def gains(test: PersonalTest) -> list[dict[str, str]]:
    """A table: the personal model against every other."""
    rows = []
    for name in test.probabilities:
        if name == OWN:
            continue
        gain = test.gain(name)
        other, _ = texts.CONTROLS.get(name, ("Global model", ""))
        rows.append(
            {
                "Your model against": other,
                "Only yours right": str(gain.won),
                "Only the other": str(gain.lost),
                "Points (95 % interval)": f"{points(gain.mean)} ({between(gain)})",
            }
        )
    return rows


def mistakes(test: PersonalTest) -> str:
    """How many words each model took for another, where there is nothing to draw."""
    return f"Neither model took any of the {len(test.known)} words for another."


def withheld(found: Withheld) -> str:
    """What is left of a model's answers."""
    shares = ""
    if found.answered:
        shares = f", **{found.right} of them right** ({percent(found.right / found.answered)})"
    said = f"answers **{found.answered} of {found.asked}**{shares}"
    if found.unknown:
        admitted = found.unknown - found.unknown_answered
        said += (
            f". Of {counted(found.unknown, 'word')} that it does not know, it takes "
            f"**{found.unknown_answered}** for one of its own and admits **{admitted}**"
        )
    return f"{said}."


def influence(titles: Sequence[str], found: Sequence[Influence], right: int) -> list[dict]:
    """A table: what each enrollment clip does to the answers."""
    return [
        {
            "Without": title,
            "Right": f"{each.right} ({_change(each.right - right)})",
            "Answers that would change": "; ".join(
                f"{word}: {then} instead of {now}" for word, now, then in each.changed
            )
            or "none",
        }
        for title, each in zip(titles, found, strict=True)
    ]


def _capital(phrase: str) -> str:
    return phrase[0].upper() + phrase[1:]


def _change(difference: int) -> str:
    if not difference:
        return "as now"
    return f"{abs(difference)} {'more' if difference > 0 else 'fewer'}"


def judged_influence(titles: Sequence[str], found: Sequence[Influence], right: int) -> str:
    """Which clips these words need, and which they would do better without."""
    changes = {title: each.right - right for title, each in zip(titles, found, strict=True)}
    needs = [title for title, change in changes.items() if change < 0]
    better = [title for title, change in changes.items() if change > 0]
    sentences = []
    if needs:
        sentences.append(f"Without {_either(needs)} fewer words would be right.")
    if better:
        sentences.append(f"Without {_either(better)} more would be: by so few words, perhaps luck.")
    return " ".join(sentences) or "No single clip decides how many words are right."


def _either(titles: Sequence[str]) -> str:
    return listing(titles).replace(" and ", " or ")


def every_word(test: PersonalTest) -> list[Mapping[str, str]]:
    """A table: what was said, and both models' answers."""
    answers = {name: test.answers(name) for name in (GLOBAL, OWN)}
    sure = {name: test.confidences(name) for name in answers}
    return [
        {
            "Said": word,
            **{
                MODELS[name]: f"{_sign(test, place, answers[name][place])} "
                f"{answers[name][place]}, {percent(sure[name][place])} sure"
                for name in answers
            },
        }
        for place, word in enumerate(test.words)
    ]


def _sign(test: PersonalTest, place: int, answer: str) -> str:
    right = answer == test.words[place]
    if place not in test.known:
        right = answer in test.none_of_them
    return "\N{CHECK MARK}" if right else "\N{BALLOT X}"
