"""What the page of the posterior says."""

from collections.abc import Mapping, Sequence

import texts
from vop_core.evaluation.narrowing import LearningCurve, headline_differences, narrowing_sentence
from vop_core.methods.personal import Shrinkage
from vop_core.methods.vop import ALL_CLIPS
from vop_core.plots.style import percent
from vop_core.text import counted

PROMISE = (
    "What your clips say about the model's weights. Dashed: where a weight may lie for "
    "**anybody**. Solid: where it may lie for **you**, that is, where it would end up if you gave "
    f"{ALL_CLIPS} clips."
)
NOBODY = "The posterior appears with your first clip; three make it worth looking at."
ONLY_PRIOR = "Below is the prior: what the model assumes about everybody."
HEALTH = {  # verdict -> kind of box, icon, plain words
    "healthy": ("success", ":material/check_circle:", "Healthy"),
    "point mass": ("error", ":material/compress:", "Collapsed to a point"),
    "prior": ("warning", ":material/blur_on:", "Collapsed to the prior"),
    "several persons": ("warning", ":material/group:", "Not one person"),
    "nobody": ("error", ":material/graphic_eq:", "No voice it knows"),
    "one clip": ("info", ":material/looks_one:", "One clip alone"),
    "not judged": ("info", ":material/help:", "Not judged"),
}

# which weight is shown, and how
ABOUT_LAYER = (
    "A layer looks for patterns in the picture of your sound, the next one for patterns of these. "
    "A pattern has two weights of your own: its scale, how strongly it responds, and its shift, "
    "how easily."
)
ABOUT_WEIGHT = "At first the one of which your clips say most: moved, or surer, or both."
ONE_WEIGHT = "One weight"
WHOLE_LAYER = "Whole layer"

# one weight, or all of a layer
DRAWS = "Draws from the combined curve"
ABOUT_DRAWS = "Each draw is a weight that may be yours. Compare asks the network with many of them."
DRAW_ONE_MORE = "Draw one more"
START_OVER = "Start over"
HOW_MADE = "How your curve is made"
WIDER = (
    " That is wider than before: for the answers' sake the model follows clips further than this "
    "weight alone would justify."
)
ABOUT_WHOLE_LAYER = (
    "Every weight of the layer: the grey band is where it lies for anybody, the bar where it lies "
    "for you. **Click one** to open its curves."
)
MOST_MOVED_FIRST = "Most moved first"
INFORMATION = "Information"
NUMBERS = {  # of a layer's posterior -> what it means
    texts.WIDTH: "of the prior's, on average over this layer: narrower is surer, not always "
    "righter.",
    texts.SHIFT: "prior widths, by which people differ: how far this layer went from everybody's.",
    INFORMATION: "KL divergence from the prior, over all layers; 0 is nothing learned.",
}

# what the narrowing is worth
EARNED = "Is the narrowing earned?"
JUDGE_BY = "Judge by"
ACCURACY = "Accuracy"
NLL = "NLL"
ABOUT_NLL = "NLL: negative log-likelihood of the true word, in nats; lower is better."
DIFFERENCES = {  # a report's headline difference -> what it asks
    "personal gain": "against the best of the global model, no clips and mixed persons' clips",
    "right minus wrong": "against a model made with another person's clips",
}
EVIDENCE = (
    "The lower chart is over the same persons at every point; bars are 95 % intervals of the "
    "difference from the personal model, paired over them: where the personal curve lies outside, "
    "it differs."
)
NO_RESULTS = (
    "The model's card holds no results on real people, so nothing here says that it is earned."
)
NO_CURVE = (
    "The upper chart knows the width without clips and with all of them: this person's file holds "
    "no clips, so nothing in between can be made."
)
WHICH_NUMBERS = "Which numbers carry what the clips said: KL of each"


def over_persons(people: int, shots: int, sentence: str) -> str:
    """How the posteriors of many persons fare."""
    return f"Over {people} people never heard in training, {shots} clips each: {sentence}"


def narrower(times: float) -> str:
    """What a switch of a clip did to the width."""
    return f"{times:.2f} times that before the switch"


def moved(shift: float) -> str:
    """How far a switch of a clip moved the weights."""
    return f"{shift:.2f} by the switch"


def nats(number: float) -> str:
    """Information."""
    return f"{number:.1f} nats"


def earned(
    curve: LearningCurve, rows: Sequence[Mapping], differences: Sequence[Mapping]
) -> list[str]:
    """Whether the clips narrow the posterior, and whether that is earned: on real people first,
    then on this visit's bundled person.
    """
    sentences = [found] if (found := narrowing_sentence(curve)) else []
    sentences += [_earned_on_people(each) for each in headline_differences(differences)]
    sentences.append(EVIDENCE if rows else NO_RESULTS)
    if curve.accuracy:
        sentences.append(
            f"On this bundled person's own query clips: {100 * curve.everybody:.0f} % right with "
            f"everybody's network, {100 * curve.accuracy[-1]:.0f} % with "
            f"{counted(curve.clips[-1], 'clip')} of theirs. A few clips of one voice illustrate; "
            "they prove nothing."
        )
    return sentences


def _earned_on_people(difference: Mapping) -> str:
    gain = f"{100 * difference['mean']:+.1f} points of accuracy {DIFFERENCES[difference['name']]}"
    found = "one person alone, so no interval and no verdict"
    if difference["ci95"] is not None:
        low, high = (100 * end for end in difference["ci95"])
        found = f"95 % interval {low:+.1f} to {high:+.1f}: "
        found += "earned" if low > 0 else "a harm" if high < 0 else "not shown to be earned"
    sentence = (
        f"Real people never heard in training, {counted(difference['shots'], 'clip')} each: {gain} "
        f"({found})."
    )
    return sentence.replace(" -", " \N{MINUS SIGN}")


def derived(found: Shrinkage | None) -> list[str]:
    """How a weight's combined curve follows from the clips, step by step."""
    if found is None:
        return ["A learned network reads the clips and writes this curve; no short formula does."]
    before = (
        f"**Before any clip** the weight is {_value(found.start)}, give or take "
        f"{found.prior_std:.3f}: the dashed curve."
    )
    if not found.clips:
        return [before]
    clips, count = counted(found.clips, "clip"), f"{found.counted} + {found.prior_clips:.1f}"
    most = ", from no more clips, so *n* counts no further" * (found.counted < found.clips)
    return [
        before,
        f"**Your {clips}** {'shows' if found.clips == 1 else 'show'} it "
        f"{abs(found.shown):.3f} {'higher' if found.shown > 0 else 'lower'}"
        f"{' on average' * (found.clips > 1)}.",
        f"**Of that {percent(found.share)} is taken**: *a* = *n* / (*n* + *n*₀) = "
        f"{found.counted} / ({count}). The prior is worth {found.prior_clips:.1f} clips; training "
        f"learned that{most}. Of one clip alone {percent(found.share_of_one)} is taken, so each "
        "clip's own curve stays near the dashed one.",
        f"**Your weight** is {_value(found.start)} {_value(found.taken, sign=True)} "
        f"{_value(found.together, sign=True)} ≈ **{_value(found.mean)}**. The last number added is "
        "what the layer's patterns show together.",
        f"**Give or take** √({found.unknown_std:.3f}² + {found.scatter_std:.3f}² + "
        f"{found.together_std:.3f}²) ≈ **{found.std:.3f}**: what so few clips leave open, how one "
        "person's clips differ, and both for the patterns together."
        + WIDER
        * (found.std > found.prior_std),
    ]


def _value(number: float, *, sign: bool = False) -> str:
    minus = "\N{MINUS SIGN}"
    if sign:
        return f"{minus if number < 0 else '+'} {abs(number):.3f}"
    return f"{number:.3f}".replace("-", minus)
