"""What the app's lecture shows: two twins whose truth is known, what enrolling costs, and what a
card says of its persons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from vop_core.evaluation.cost import multiply_accumulates_of
from vop_core.evaluation.intervals import Interval, paired_interval
from vop_core.evaluation.narrowing import HEADLINE_SHOTS
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import GLOBAL, OWN
from vop_core.methods.fine_tune import FineTuneAll, FineTuneHead
from vop_core.models import Bundle
from vop_core.plots.posterior import LayerView
from vop_core.plots.twin import AMORTISED, EXACT, OPTIMISED
from vop_core.variational.elbo import Elbo
from vop_core.variational.twin import LinearGaussianTwin, closest_below, with_full_covariance

Point = tuple[float, float]  # what is heard of a clip, and its label
REACH = 3.0  # points lie within, in both directions
MOST_POINTS = 8
FIRST_POINTS: tuple[Point, ...] = ((-1.5, -0.6), (0.8, 1.2), (2.0, 1.6))


@dataclass(frozen=True)
class TwinState:
    """Everything that some clips with labels say of a twin's person; names are those of
    ``vop_core.plots.twin``.
    """

    prior: MultivariateNormal  # p(w)
    posteriors: Mapping[str, MultivariateNormal]
    bounds: Mapping[str, Elbo]  # of those that are found by a bound
    evidence: float  # ln p(y | x), nats
    heard: Float[Tensor, " place"]  # places from end to end of what can be heard
    labels: Mapping[str, Float[Tensor, " place"]]  # what each posterior's mean expects there

    def gap(self, name: str) -> float:
        """How far a bound stays below the evidence, nats."""
        return self.evidence - float(self.bounds[name].elbo)

    def width(self, name: str) -> float:
        """The first weight's standard deviation over that of the exact posterior."""
        return float(self.posteriors[name].stddev[0] / self.posteriors[EXACT.name].stddev[0])


def lesson_twin(weights: int) -> LinearGaussianTwin:
    """A person of one weight, or of two that hang together: both show in the one number that is
    heard, and shape the label in nearly the same way.
    """
    if weights == 1:
        return LinearGaussianTwin.independent(weights=1)
    return LinearGaussianTwin(
        clip_map=torch.tensor([[0.8, 0.6]], dtype=torch.float64),
        weight_map=torch.eye(2, dtype=torch.float64),
        feature_map=torch.tensor([[1.0], [0.4]], dtype=torch.float64),
        clip_noise=1.0,
        label_noise=0.5,
    )


def twin_state(weights: int, points: Sequence[Point]) -> TwinState:
    """The exact posterior of the points, and two that maximise the bound among mean-field
    Gaussians.

    The optimised one knows the labels of these points. The amortised one reads what is heard alone,
    and is the best of all that do, on average over labels: what a network would say whose training
    left nothing to learn.
    """
    model = lesson_twin(weights)
    clips, labels = torch.tensor(points, dtype=torch.float64).T
    clips = clips[:, None]
    before = model.weights_given_clips(clips)
    exact = model.weights_given_labels(clips, labels)
    asked = model.asked_for_without_labels(before, before, model.features(clips))
    found = {
        AMORTISED.name: with_full_covariance(closest_below(asked)),
        OPTIMISED.name: with_full_covariance(closest_below(exact)),
    }
    posteriors = {EXACT.name: exact, **found}
    heard = torch.linspace(-REACH, REACH, 61, dtype=torch.float64)
    features = model.features(heard[:, None])
    return TwinState(
        model.weight_prior(),
        posteriors,
        {name: model.elbo(q, before, clips, labels) for name, q in found.items()},
        float(model.log_evidence(clips, labels)),
        heard,
        {name: features @ each.mean for name, each in posteriors.items()},
    )


def moved_by_a_label(weights: int, points: Sequence[Point]) -> dict[str, float]:
    """How far each posterior goes, in nats, where the last point's label is another by 1."""
    *others, (heard, label) = points
    old, new = (
        twin_state(weights, [*others, (heard, each)]).posteriors for each in (label, label - 1)
    )
    return {name: float(kl_divergence(new[name], old[name])) for name in old}


# --- what enrolling costs -------------------------------------------------------------------------


@dataclass(frozen=True)
class EnrollmentCost:
    """What a method does to enroll one person."""

    multiply_accumulates: int
    gradient_steps: int
    labels: bool  # whether it must be told the words


def enrollment_costs(
    bundle: Bundle, clips: Float[Tensor, "shot mel frame"]
) -> dict[str, EnrollmentCost]:
    """Enrolling these clips by the task's model, and by fine-tuning its global one.

    Counted, not timed, gradients included: the same on every machine. Which words are said does not
    matter to it.
    """
    words = torch.arange(len(clips))[None] % len(bundle.labels)
    methods = {
        "vop": bundle.vop,
        "fine-tune-head": FineTuneHead.from_global(bundle.global_model),
        "fine-tune-all": FineTuneAll.from_global(bundle.global_model),
    }
    return {
        name: EnrollmentCost(
            multiply_accumulates_of(
                lambda method=method: method.adapt(method.represent(clips)[None], words)
            ),
            getattr(method, "gradient_steps", 0),
            method.facts.labels,
        )
        for name, method in methods.items()
    }


# --- what a card says of its persons --------------------------------------------------------------


@dataclass(frozen=True)
class Gains:
    """What each person gains over the global model, in points, and the mean with its interval."""

    points: tuple[float, ...]
    interval: Interval

    @classmethod
    def of(cls, points: Sequence[float]) -> "Gains":
        return cls(tuple(points), paired_interval(list(points)))

    @property
    def ends(self) -> tuple[float, float, float]:
        """The mean and its interval's ends, which are the mean where there is none."""
        return (self.interval.mean, *(self.interval.bounds or 2 * (self.interval.mean,)))

    @property
    def verdict(self) -> int:
        """0: a gain is shown, 1: nothing is, 2: a loss is."""
        low, high = self.interval.bounds or (-1.0, 1.0)
        return 0 if low > 0 else 2 if high < 0 else 1


def difference_on_people(
    rows: Sequence[Mapping], first: str, second: str, shots: int = HEADLINE_SHOTS
) -> Gains | None:
    """One row of a card's accuracies minus another, in points, over people never heard in training;
    ``global`` names the global model's. None where the card lacks either.
    """
    found = [_per_person(rows, name, shots) for name in (first, second)]
    persons = sorted(found[0].keys() & found[1].keys())
    if not persons:
        return None
    return Gains.of([100 * (found[0][person] - found[1][person]) for person in persons])


def _per_person(rows: Sequence[Mapping], name: str, shots: int) -> Mapping[str, float]:
    asked = (GLOBAL, OWN) if name == GLOBAL else ("vop", name)
    return next(
        (
            row["per_person"]
            for row in rows
            if (row["method"], row["row"], row["set"], row["shots"]) == (*asked, OPEN, shots)
        ),
        {},
    )


def accuracy_on_people(
    rows: Sequence[Mapping], name: str, shots: int = HEADLINE_SHOTS
) -> tuple[float, int] | None:
    """A row's mean accuracy over people never heard in training, and how many they are; None where
    the card lacks it.
    """
    found = _per_person(rows, name, shots)
    return (fmean(found.values()), len(found)) if found else None


def bundled_gains(results: Mapping[str, Any], environment: str) -> Gains:
    """What each bundled person gains over their own words, heard in an environment; ``results`` are
    a card's.
    """
    return Gains.of(
        [
            100 * (row["personal"] - row["global"]) / row["queries"]
            for row in results["rows"]
            if row["environment"] == environment
        ]
    )


# --- one weight -----------------------------------------------------------------------------------


def weight_change(view: LayerView, weight: int) -> tuple[float, float]:
    """How far a weight's mean moved, in prior standard deviations, and its standard deviation over
    the prior's.
    """
    return (
        abs(float(view.moved[weight])),
        float(view.combined.std[weight] / view.prior.std[weight]),
    )
