"""What the page Inspect says."""

from collections.abc import Sequence

import pandas as pd

import texts
from vop_core.models.diagnosis import Check
from vop_core.plots.style import listing, percent
from vop_core.text import counted
from vop_core.variational.diagnostics import width_verdict

ABOUT = (
    "The posterior as a researcher reads it: every weight, every person, what the width is worth, "
    "and what you can take into a paper."
)
WHOSE = "**{name}**, a bundled person, stands in, because no clip of yours is on."
OF_CLIPS = "Looking at **{name}**: {clips}."
GO_ON = "Enroll this person"
LAYERS = "Layers"
PERSONS = "Persons"
WIDTH_AND_COVERAGE = "Width and coverage"
DRAWS = "Draws"
METHODS = "Methods"
DIAGNOSIS = "Diagnosis"
TAKE_AWAY = "Take it away"
SECTION = "Section"
PICTURES_AS = "Save pictures as"
BY_THE_CAMERA = "By the camera at a figure's top right."
SAVE_TABLE = "Save as CSV"

# layers and persons
MAP = (
    "Each square is a weight, each row a layer. **Click one** and it is marked in every figure "
    "here."
)
OPEN_CURVES = "Open its curves, clip by clip, on Posterior"
LAYER_BY_LAYER = "Layer by layer"
MEASURES = {"width": texts.WIDTH, "kl": "KL", "moved": texts.SHIFT}
COLOUR_BY = "Colour and shape by"
COLOURS = {"person": texts.PERSON, "heard": "Where heard"}
ABOUT_PERSONS = (
    "Each mark is the mean of one person's posterior after {shots} clips, each ellipse holds 90 % "
    "of it. The plane is the one in which the bundled persons differ most; it was not fitted to "
    "the posterior that you look at."
)
NO_ATTRIBUTES = (
    "The data sets say nothing about these persons but whose clips are whose: colour by person, or "
    "by where each is heard."
)
NOW = "now"  # where whoever is looked at is heard
ALIKE = (
    " The ellipses are alike: the width of this model's posterior depends on the number of clips "
    "alone."
)
NO_PLANE = "Fewer than three bundled persons speak this task's words, so there is no plane."
NO_COVERAGE = (
    "What this model's posterior is about cannot be seen on clips, so its width cannot be checked."
)

# draws and methods
WHAT_IS_UNCERTAIN = "What is uncertain: the weights or the clip"
NO_QUERY = "No query clip is here, so the clips that enrolled are asked about."
ASK = "Ask every method"
ABOUT_METHODS = (
    "The global model, VoP, and every method that can be made of the global model without training "
    "data, after the same clips and asked the same queries. T3A and AdaBN run with settings that "
    "need none. Gradient steps take seconds."
)
SCORES = (
    "Draws, methods and the diagnosis are about words. Verification answers with a score: the page "
    "Verify shows it under every draw, and under another person's weights."
)
NO_QUERIES = "Nothing is asked yet: ask about one more word, or borrow a bundled person."
NO_LABELS = "Methods that read which words the clips say are left out: your words are not known."

# diagnosis
ABOUT_DIAGNOSIS = (
    "Six questions in the order in which to look. Each of them can be answered with no."
)
VERDICTS = {  # of a check -> badge colour, icon, word
    "pass": ("green", ":material/check_circle:", "Pass"),
    "fail": ("red", ":material/cancel:", "Fail"),
    "cannot tell": ("gray", ":material/help:", "Cannot tell"),
}

# to take away
VIEW = "View"
SAVE_SCRIPT = "Save the script"
SAVE_NOTEBOOK = "Save the notebook"
DRAWS_FOR_ARVIZ = "Draws for ArviZ"
SAVE_DRAWS = "Save the draws"
TAKE = (
    "The script makes the numbers of this page in any Python that has `vop_core`. It holds no "
    "sound{own}."
)
OWN = (
    ": put your clips into the folder `my_clips` beside it, one word a file, and what is asked "
    "about into its folder `query`"
)
ARVIZ = (
    "For ArviZ: {draws} draws of the {numbers} personal weights from the posterior and from the "
    "prior, a variable a layer, as netCDF. No sound and no name is inside. Read it with "
    "`xarray.open_datatree`."
)


def clips(count: int) -> str:
    """How many samples enroll."""
    return counted(count, "clip")


def numbers(lines: int) -> str:
    """A table, closed."""
    return f"Numbers: {counted(lines, 'line')}"


def after(clips: int) -> str:
    """Of which clips a figure is."""
    return f"After {counted(clips, 'clip')}, means over persons. Click a layer."


def look_next(where: str) -> str:
    """Where a check that did not pass leads."""
    return f"Look next at: {where}"


def weight(line: pd.Series, clips: int) -> str:
    """One weight's Gaussian against its prior."""
    prior, own = (
        f"N({_number(mean)}, {sd:.3f}²)"
        for mean, sd in ((line["prior_mean"], line["prior_sd"]), (line["mean"], line["sd"]))
    )
    return (
        f"**{line['name']}** of {line['title'].partition(':')[0]}: before any clip {prior}, after "
        f"{counted(clips, 'clip')} **{own}**. It is {percent(line['width'])} as wide and moved "
        f"{_number(line['moved'])} prior sds; KL {line['kl']:.2f} nats."
    )


def spread(table: pd.DataFrame, share: Sequence[float]) -> str:
    """How far persons lie apart against how wide a posterior is, in the plane."""
    apart = float(table[["x", "y"]].var().sum() ** 0.5)
    inside = float((table["var_x"] + table["var_y"]).mean() ** 0.5)
    return (
        f"The plane shows {percent(sum(share))} of the persons' variance. Persons scatter by "
        f"{apart:.1f} prior sds in it, one posterior by {inside:.1f}: "
        + (
            "persons differ by more than a posterior leaves open."
            if apart > inside
            else "a posterior leaves open more than persons differ by."
        )
        + ALIKE * bool(table.groupby("heard")["var_x"].agg(lambda each: each.std() < 1e-6).all())
    )


def coverage(counts: pd.DataFrame) -> str:
    """What the width is worth, clip by clip."""
    said = [
        f"{percent(line['coverage'])} after {counted(int(line['clips']), 'clip')} "
        f"({width_verdict(line['coverage'])}; {counted(int(line['persons']), 'person')})"
        for _, line in counts.iterrows()
    ]
    return (
        f"A 90 % interval should hold the value that all the other clips show in 90 % of cases. It "
        f"holds {listing(said)}. Bars are 95 % intervals over persons; persons with too few clips "
        "are missing on the right. Measured here, on the bundled persons."
    )


def draws(errors: pd.DataFrame, needed: int, asked: int) -> str:
    """How many draws are enough."""
    one = errors.iloc[0]
    return (
        f"One draw is off by {100 * one['expected']:.1f} points and gives another word than all "
        f"draws in {percent(one['changed'])} of cases. From **{needed:,} draws** on the "
        f"error is at most 1 point, over {counted(asked, 'clip')} of one person."
    )


def entropy(table: pd.DataFrame) -> str:
    """How much of the uncertainty is the weights'."""
    total, epistemic = float(table["total"].mean()), float(table["epistemic"].mean())
    share = percent(epistemic / total) if total > 0 else "nothing"
    return (
        f"Of {total:.2f} nats on average, {share} is **epistemic**: it would go if the weights "
        "were known. The rest, **aleatoric**, is in the clip."
    )


def methods(table: pd.DataFrame) -> str:
    """Whether VoP stands out among the methods, over the clips of one person."""
    by = table.set_index("method")
    own = by.loc["vop"]
    ahead = by[by["right"] > own["right"]].index.tolist()
    apart = by[(by["low"] > own["high"]) | (by["high"] < own["low"])].index.tolist()
    best = "no method has more" if not ahead else f"more have {listing(ahead)}"
    told = f"intervals apart from VoP's: {listing(apart)}" if apart else "no interval is apart"
    return (
        f"VoP answers {int(own['right'])} of {int(own['asked'])} rightly; {best}. Over the clips "
        f"of this one person {told}."
    )


def diagnosis(checks: Sequence[Check]) -> str:
    """The checks in one sentence."""
    found = [check.verdict for check in checks]
    failed = [check.question for check in checks if check.verdict == "fail"]
    passed, unknown = found.count("pass"), found.count("cannot tell")
    said = f"{passed} of {len(checks)} pass, {unknown} cannot be told"
    if failed:
        return f"**{counted(len(failed), 'check')} failed.** Begin with: {failed[0]} ({said}.)"
    return f"**Nothing failed**: {said}."


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "\N{MINUS SIGN}")
