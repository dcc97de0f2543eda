"""A guided diagnosis of one personal model: six checks, in the order in which to look, each of
which can fail.
"""

from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.intervals import paired_interval
from vop_core.evaluation.narrowing import NARROWING, learning_curve
from vop_core.methods.personal import PersonalModel, gaussian_of
from vop_core.models.inspection import HeardPerson, answers_by_draw, coverage_by_clips
from vop_core.text import counted
from vop_core.variational.diagnostics import HELD, interval_holds, width_verdict
from vop_core.variational.enrollment_health import in_prior_units
from vop_core.variational.monte_carlo import draw_errors

CheckVerdict = Literal["pass", "fail", "cannot tell"]
STRANGERS = 8  # other persons whose clips enroll instead
FEWEST_QUERIES = 5  # with known words, or clips that did not enroll: with fewer nothing is judged
AS_MEAN = 0.9  # share of answers that draws and mean must have in common
ROUNDING = 1e-4  # of a probability, which equal models may be apart
CLOSE = 0.1  # of a probability: as far apart they may be, beside chance


@dataclass(frozen=True)
class Check:
    """A question to a posterior, the answer, and where to look if it is not a yes."""

    name: str
    question: str
    verdict: CheckVerdict
    found: str
    look: str


@torch.no_grad()
def diagnose(
    model: PersonalModel,
    heard: HeardPerson,
    *,
    others: Float[Tensor, "person shot *input"] | None = None,  # other persons' enrollment clips
    coverage: pd.DataFrame | None = None,  # as inspection.coverage_table
    seed: int = 0,
) -> tuple[Check, ...]:
    """All six checks of the model that the person's enrollment clips made."""
    return (
        _light(model),
        _width(model, heard),
        _agreement(model),
        _wrong_person(model, heard, others, seed),
        _coverage(model, heard, coverage),
        _draws(model, heard, seed),
    )


def check_table(checks: tuple[Check, ...]) -> pd.DataFrame:
    """A line for each check."""
    return pd.DataFrame([vars(each) for each in checks])


def _light(model: PersonalModel) -> Check:
    health = model.health
    undecided = ("one clip", "not judged")
    verdict = (
        "pass"
        if health.verdict == "healthy"
        else "cannot tell"
        if health.verdict in undecided
        else "fail"
    )
    return Check(
        "light",
        "Is the health light green?",
        verdict,
        health.sentence,
        "The clips themselves: go back to them, and leave out what is not this person.",
    )


def _width(model: PersonalModel, heard: HeardPerson) -> Check:
    widths = learning_curve(model.method, heard.enrollment).width
    first, last, shots = widths[min(1, len(widths) - 1)], widths[-1], len(widths) - 1
    found = (
        f"The width is {100 * first:.1f} % of the prior's after 1 clip, {100 * last:.1f} % after "
        f"{shots}."
    )
    narrower = last < (1 - NARROWING) * first
    verdict = "cannot tell" if shots < 2 else "pass" if narrower else "fail"
    if shots < 2:
        found = "One clip alone shows no course: give at least two."
    return Check(
        "width",
        "Does the width fall with clips?",
        verdict,
        found,
        "The layers' widths: a posterior that is narrow after one clip has collapsed.",
    )


def _agreement(model: PersonalModel) -> Check:
    reference, shots = model.method.health_reference, model.shots
    verdict, found = "cannot tell", "It takes two clips, and a model that knows how persons' lie."
    if reference is not None and shots > 1:
        prior = model.prior
        agreement = float(reference.persons.agreement(in_prior_units(model.clip_posteriors, prior)))
        least = reference.limits(shots)[0]
        verdict = "pass" if agreement >= least else "fail"
        found = (
            f"{agreement:+.1f} nats a clip for one person; real persons' {shots} clips fall below "
            f"{least:+.1f} in 5 of 100 cases."
        )
    return Check(
        "agreement",
        "Do the clips agree?",
        verdict,
        found.replace("-", "\N{MINUS SIGN}"),
        "Each clip's own curve: the one that lies apart is of another person, or noise.",
    )


def _wrong_person(
    model: PersonalModel,
    heard: HeardPerson,
    others: Float[Tensor, "person shot *input"] | None,
    seed: int,
) -> Check:
    verdict, found = (
        "cannot tell",
        (
            f"It takes {FEWEST_QUERIES} clips with known words that did not enroll, and other "
            "persons."
        ),
    )
    labels = heard.query_labels
    if others is not None and labels is not None and len(labels) >= FEWEST_QUERIES:
        gain, over_prior = _gains(model, heard, others, seed)
        low, high = gain.bounds or (-1.0, 1.0)
        helped = over_prior.bounds is not None and over_prior.bounds[0] > ROUNDING
        verdict = "pass" if low > ROUNDING else "fail" if high < 0 or helped else "cannot tell"
        found = (
            f"The right word is {_points(gain.mean, low, high)} more probable with the "
            f"person's own clips than with those of {counted(min(len(others), STRANGERS), 'other')}"
            f"; theirs give {_points(over_prior.mean, *(over_prior.bounds or (-1.0, 1.0)))} over "
            f"no clips (95 % intervals over {counted(len(labels), 'query clip')})."
        )
    return Check(
        "wrong person",
        "Does the gain vanish with another person's clips?",
        verdict,
        found,
        "Compare's controls, and the same over many persons on Decide: one person has few clips.",
    )


def _gains(model, heard, others, seed):
    """Probability of each query's word: own minus strangers', and strangers' minus the prior's."""
    shots, labels, method = len(heard.enrollment), heard.query_labels, model.method
    order = torch.randperm(len(others), generator=generator_for(seed))[:STRANGERS]
    strangers = others[order, : min(shots, others.shape[1])]
    query = heard.query[None]
    answers = method.predict_persons(strangers, query.expand(len(strangers), *heard.query.shape))
    by_strangers = answers[:, torch.arange(len(labels)), labels].mean(0)
    by_own, by_prior = (
        each.predict(heard.query).probabilities[torch.arange(len(labels)), labels]
        for each in (model, method.prior_model())
    )
    return tuple(
        paired_interval((first - second).double().numpy())
        for first, second in ((by_own, by_strangers), (by_strangers, by_prior))
    )


def _coverage(model: PersonalModel, heard: HeardPerson, coverage: pd.DataFrame | None) -> Check:
    verdict, found = "cannot tell", "What this posterior is about cannot be seen on clips."
    if coverage is not None and len(coverage) and model.shots:
        counts = coverage_by_clips(coverage)
        nearest = counts.iloc[(counts["clips"] - model.shots).abs().argmin()]
        here = coverage[coverage["clips"] == nearest["clips"]]["coverage"]
        low, high = HELD
        true = low <= nearest["coverage"] <= high
        outside = nearest["high"] < low or nearest["low"] > high
        verdict = "pass" if true else "fail" if outside else "cannot tell"
        found = (
            f"Over {counted(len(here), 'bundled person')}, 90 % intervals after "
            f"{counted(int(nearest['clips']), 'clip')} hold {100 * nearest['coverage']:.0f} % of "
            f"what the other clips show: {width_verdict(nearest['coverage'])} "
            f"({100 * low:.0f} to {100 * high:.0f} % is called true)."
        )
        if len(heard.query) >= FEWEST_QUERIES:
            own = _own_coverage(model, heard)
            if own is not None:
                found += f" For these clips it is {100 * own:.0f} %."
                if own < min(low, here.min()):
                    verdict = "fail"
                    found += (
                        f" No bundled person has so little: the least is {100 * here.min():.0f} %."
                    )
    return Check(
        "coverage",
        "Is the coverage near the 90 % that it claims?",
        verdict,
        found,
        "Width and coverage: a layer that holds less is too sure of itself, one that holds more "
        "could say more.",
    )


def _own_coverage(model: PersonalModel, heard: HeardPerson) -> float | None:
    method = model.method
    clips = method.represent(torch.cat([heard.enrollment, heard.query]))
    shots = len(heard.enrollment)
    observed = method.observed(clips[None, :shots], clips[None, shots:])
    if observed is None:
        return None
    return float(interval_holds(gaussian_of(model.adaptation), observed).double().mean())


def _draws(model: PersonalModel, heard: HeardPerson, seed: int) -> Check:
    query = heard.asked
    verdict, found = "cannot tell", "There is no clip to ask about."
    if len(query):
        answers = answers_by_draw(model, query, seed)
        query = query[: answers.shape[1]]
        by_mean, by_draws = model.predict(query).probabilities, answers.mean(0)
        same = float((by_mean.argmax(-1) == by_draws.argmax(-1)).double().mean())
        error = next(each.expected for each in draw_errors(answers) if each.draws >= len(answers))
        apart = float((by_mean - by_draws).abs().max(-1).values.mean())
        alike = same >= AS_MEAN and apart <= CLOSE + 2 * error
        verdict = "cannot tell" if len(query) < FEWEST_QUERIES else "pass" if alike else "fail"
        found = (
            f"The average of {len(answers)} draws gives the word of the mean weights for "
            f"{round(same * len(query))} of {counted(len(query), 'clip')}; the probabilities "
            f"differ by {100 * apart:.1f} points, of which {100 * error:.1f} may be chance."
        )
    return Check(
        "draws",
        "Do the draws, on average, say what the mean weights say?",
        verdict,
        found,
        "Draws: where they differ, the network bends within the posterior's width.",
    )


def _points(mean: float, low: float, high: float) -> str:
    return f"{100 * mean:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]".replace(
        "-", "\N{MINUS SIGN}"
    )
