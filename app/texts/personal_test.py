"""What "Test me" says: the words to say, the verdict, and what each part of the score means."""

from collections.abc import Mapping, Sequence

from vop_core.evaluation.personal_test import GLOBAL, Influence, PairedGain, PersonalTest, Withheld
from vop_core.evaluation.score import MIXED, NOISE, OWN, PRIOR, WRONG_PERSON
from vop_core.plots.style import listing, percent
from vop_core.text import counted

FEW = 10  # known words: with fewer the score is called an impression
MODELS = {
    OWN: "Your model",
    GLOBAL: "The global model",
    PRIOR: "Your model without any clip",
    WRONG_PERSON: "A model of another person's clips",
    MIXED: "A model of several persons' clips",
    NOISE: "A model of noise",
}
HOW = (
    "Say the word that is shown. No model is told which word it was; among them are a few that no "
    "model knows, to see who admits it. Stop whenever you like: ten words give a first impression."
)
FILES = (
    "Name each file after its word (`left.wav`, `left 2.wav`), or bring them in the order of the "
    "words that are left: {words}."
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
OVER_CLIPS = (
    "Bars are 95 % intervals over the words of this one person: they say how far the score might "
    "move with other words, and nothing about other people."
)
CONTROLS = (
    "A gain is yours only where the models below do without it: they had no clips, somebody "
    "else's, several people's, or noise."
)
WITHHELD = (
    "A model may say “I don't know” where it is not sure. Fewer answers, and more of them right: "
    "a good sense of doubt climbs steeply to the left. The same share answered is the fair "
    "comparison, since one model may simply be surer than the other."
)
INFLUENCE = "What your model would have answered had one of your clips not been there."
VERDICTS = {  # of the test -> kind of box, icon, first words
    "helps": ("success", ":material/trending_up:", "Yes, on these words your clips help."),
    "harms": ("error", ":material/trending_down:", "No, on these words your clips do harm."),
    "not shown": ("info", ":material/balance:", "These words cannot tell whether your clips help."),
}


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
        return f"If it goes on like this, about {more} more words will tell."
    start = "Both were right and wrong about the same words."
    if everybodys == gain.asked:
        start = "The global model left nothing to gain."
    return f"{start} To show a gain of one word in ten would take about {more} more words."


def _whose(test: PersonalTest) -> str:
    """Whether the models made with the wrong clips do without the gain."""
    scores = test.scores()
    alike = [
        f"{MODELS[name].lower()} ({scores[name].right})"
        for name in scores
        if name not in (OWN, GLOBAL) and scores[name].right >= scores[OWN].right
    ]
    if alike:
        return f"As many right had {listing(alike)}: so far nothing shows that your clips did it."
    wrong = test.gain(WRONG_PERSON)
    right = f"A model made with another person's clips got {scores[WRONG_PERSON].right} right"
    if wrong.verdict == "helps":
        return f"{right}: the gain is about you."
    return f"{right}: too near to yours to say that the gain is about you."


def tens(number: int) -> int:
    """The next ten, since nobody knows such a number better."""
    return -(-number // 10) * 10


def points(share: float) -> str:
    """``+12``, with a real minus."""
    return f"{100 * share:+.0f}".replace("-", "\N{MINUS SIGN}")


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
        rows.append(
            {
                "Your model against": MODELS[name][0].lower() + MODELS[name][1:],
                "Only yours right": str(gain.won),
                "Only the other right": str(gain.lost),
                "Points": points(gain.mean),
                "95 % interval": between(gain),
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
            f". Of {counted(found.unknown, 'word')} that it does not know, it says so of "
            f"**{admitted}**"
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
