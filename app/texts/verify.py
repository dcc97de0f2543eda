"""What the page of verification says."""

from collections.abc import Mapping, Sequence

import texts
from vop_core.evaluation.intervals import LEVEL
from vop_core.evaluation.verification_metrics import Verdict
from vop_core.models.verification import ClaimSetting, MissRate
from vop_core.plots.style import percent
from vop_core.report.decision import level_words, points_words
from vop_core.text import counted

PROMISE = (
    "Is it the person who enrolled? Any words will do: the model listens to the voice, not to what "
    "it says."
)
OF_FILE = (
    "A person's file holds a posterior of the keyword models and no clip: verification needs the "
    "clips themselves."
)
ASK = "Say one word, or let somebody else try"
LET_SOMEBODY_ELSE = "Let somebody else claim"
ONE_FILE = "One clip of anybody"
WHO_CLAIMS = "Who claims"
MAKE_THE_CLAIM = "Make the claim"
NOBODY = "Give three clips first; then say one more, or let somebody else claim to be you."
CAREFUL = (
    "For study, not to keep anybody out: one second of sound, a small model, and a recording "
    "that is played back is not told from a person."
)
MODELS = {
    "global": (":material/public: Everybody's weights", "the same for whoever enrolls"),
    "personal": (
        ":material/person: The enrolled person's weights",
        "made of the clips that enrolled",
    ),
    "another": (":material/group: Another person's weights", "the same clips enrolled"),
}
ACCEPTED = ":material/check_circle: Accepted"
REFUSED = ":material/cancel: Refused"
CLOSE = "Close to the threshold: other persons might have put it on the other side."
THE_CLIP = "The clip that claims"
_SCORE = (
    "The score is the cosine between this clip and the mean of the clips that enrolled; 1 is the "
    "same direction. Personal weights are drawn from their posterior, each draw gives a tick, and "
    "the score is their mean. A claim is accepted above the threshold, which lets {alarms} of "
    "other people pass among persons kept for this choice."
)
CONTROL = (
    "Under {name}'s weights the same comparison is made by a network that was made for somebody "
    "else: if it does as well, it is not the person's weights that help."
)
ENROLLED = "This very clip enrolled: that it is accepted shows nothing."

# what a threshold is worth
HOW_FAR = "How far to trust it"
BOTH_ERRORS = "**Both errors, at every threshold**"
FROM_ELSEWHERE = "A threshold from elsewhere"
MISSES, ALARMS = "true claims, refused", "other people, accepted"
CORPORA = {
    "speech_commands_test": "Speech Commands",
    "speechocean762": "speechocean762",
    "wuw2": "WUW, by telephone",
}
ERRORS = (
    "Equal error rate: at the threshold where as many true claims are refused as others are let "
    "pass. Lower is better. Intervals are over speakers, who were never trained or chosen on."
)
COPIED = (
    "A threshold belongs to the people and microphones that it was chosen on. Each line is of some "
    "people and where their threshold is from; the dashed line is the share of others that was "
    "asked for."
)
BETWEEN_CORPORA = "**From one corpus to another**"
BETWEEN_AGES = "**From one age to another, in speechocean762**"
AGES = {
    "speechocean762, adults": "adults",
    "speechocean762, children": "children to 17",
}


def claimant(name: str, *, enrolled: bool) -> str:
    """Who claims, and whether rightly."""
    return f"{name}, who enrolled" if enrolled else f"{name}, an impostor"


def of_score(false_alarms: float) -> str:
    """What a score is, and the share of others for which its threshold is chosen."""
    return _SCORE.format(alarms=percent(false_alarms))


def of_whom(whose: str) -> str:
    """Within a sentence."""
    return "your" if whose == texts.YOUR else whose


def verdict(said: Verdict, truth: bool | None) -> str:
    """Accepted or refused, and whether that is right."""
    judged = {None: "", True: ", rightly", False: ", wrongly"}
    right = None if truth is None else said.accepted == truth
    return (ACCEPTED if said.accepted else REFUSED) + judged[right]


def score(said: Verdict) -> str:
    """Score and threshold."""
    low, high = said.threshold.bounds
    return (
        f"score **{said.score:.2f}**, threshold {said.threshold.value:.2f} [{low:.2f}, {high:.2f}]"
    )


def errors(point: Mapping[str, float], shots: int) -> str:
    """What the threshold does to persons tested."""
    return (
        f"Among persons never trained or chosen on, with {counted(shots, 'clip')} enrolled, it "
        f"refuses {percent(point['misses'])} of true claims and lets "
        f"{percent(point['false_alarms'])} of others pass."
    )


def of_gain(settings: Sequence[ClaimSetting]) -> str:
    """What personal weights were shown to be worth, over everybody."""
    below = sum(each.gap.bounds[1] < 0 for each in settings)
    above = sum(each.harm_shown for each in settings)
    if not below and not above:
        return (
            f"In none of {len(settings)} settings (corpus, calls, clips) is the equal error rate "
            "under the enrolled person's weights shown to differ from everybody's: there is "
            "nothing to tell, or these trials are too few to tell it."
        )
    return (
        f"Of {len(settings)} settings (corpus, calls, clips), the equal error rate under the "
        f"enrolled person's weights is shown to be below everybody's in {below}, and above in "
        f"{above}."
    )


def which_decides(settings: Sequence[ClaimSetting]) -> str:
    """Which of both verdicts a lock should go by, as far as errors were counted."""
    shown = sum(each.shown for each in settings)
    harm = sum(each.harm_shown for each in settings)
    if shown and not harm:
        return (
            f"A lock should go by the **personal** weights: in {shown} of {len(settings)} settings "
            "they are shown to err less, in none more."
        )
    return "A lock should go by **everybody's** weights: the personal ones are " + (
        "shown to err more somewhere." if harm else "nowhere shown to err less by being theirs."
    )


def headline(settings: Sequence[ClaimSetting]) -> tuple[str, str, str]:
    """Kind of box, icon and headline of whether personal weights are worth shipping."""
    shown = sum(each.shown for each in settings)
    if shown and not any(each.harm_shown for each in settings):
        said = f"Fewer errors shown in {shown} of {len(settings)} settings"
        return "success", ":material/rule:", said
    if any(each.harm_shown for each in settings) and not shown:
        return "error", ":material/cancel:", "Do not ship it"
    return "warning", ":material/help:", "Not shown: measure more people first"


def by_chance(settings: Sequence[ClaimSetting]) -> str:
    """How many settings would seem to differ if none did."""
    expected = (1 - LEVEL) / 2 * len(settings)
    return (
        f"If nothing differed, about {expected:.1f} of {len(settings)} settings would look better, "
        "and as many worse, by chance."
    )


def settings_table(settings: Sequence[ClaimSetting]) -> list[dict[str, str]]:
    """A line for each corpus and number of clips."""
    return [
        {
            "People of": CORPORA[each.corpus] + ", another call" * each.across_calls,
            "Clips each": str(each.shots),
            "People": str(each.gap.persons),
            "Everybody's, % errors": level_words(each.everybody),
            "Personal, % errors": level_words(each.own),
            "Difference, points": points_words(each.gap),
            "Right minus wrong person's weights": points_words(each.against_wrong),
        }
        for each in settings
    ]


def how_often(whose: str) -> str:
    """What is asked of a person's own clips."""
    return f"**How often {whose} true claims would be refused**"


def of_rate(found: MissRate, whose: str) -> str:
    """What a person's own clips say about how often they would be refused."""
    low, high = found.bounds
    shown = (
        f"Each of the {counted(found.claimed, 'clip')} claimed with the others enrolled; "
        f"{found.missed} of them would be refused."
        if found.claimed
        else "A single clip cannot claim against itself: this is what other people say."
    )
    enrolled = counted(max(1, found.claimed - 1), "clip")
    return (
        f"{shown} Together with how those people fare on whom the threshold was chosen, with "
        f"{enrolled} enrolled ({percent(found.of_others)} on average), {whose} true claims would "
        f"be refused in **{percent(found.mean)}** of cases, 90 % interval {percent(low)} to "
        f"{percent(high)}."
    )
