"""The lecture's twins, against integration on a grid; what enrolling costs; what a card's persons
show.
"""

import math

import pytest
import torch
from torch.distributions import Normal

from vop_core.course.lesson import (
    FIRST_POINTS,
    Gains,
    difference_on_people,
    lesson_twin,
    moved_by_a_label,
    twin_state,
)
from vop_core.plots.twin import AMORTISED, EXACT, OPTIMISED, bounds_figure
from vop_core.variational.twin import family_gap


def test_the_exact_posterior_and_the_evidence_are_those_of_a_grid():
    """By Bayes' rule on a grid: prior times what is heard times labels."""
    weight = torch.linspace(-8, 8, 20_001, dtype=torch.float64)
    log_prior = Normal(0.0, 1.0).log_prob(weight)
    log_heard = sum(Normal(weight, 1.0).log_prob(torch.tensor(x)) for x, _ in FIRST_POINTS)
    log_label = sum(
        Normal(weight * math.tanh(x), 0.5).log_prob(torch.tensor(y)) for x, y in FIRST_POINTS
    )
    before, joint = (log_prior + log_heard).exp(), (log_prior + log_heard + log_label).exp()
    found = twin_state(1, FIRST_POINTS)
    mean = float((weight * joint).sum() / joint.sum())
    assert float(found.posteriors[EXACT.name].mean[0]) == pytest.approx(mean, abs=1e-6)
    evidence = math.log(float(joint.sum() / before.sum()))
    assert found.evidence == pytest.approx(evidence, abs=1e-6)


def test_one_optimised_weight_reaches_the_evidence_and_two_lack_the_family_gap():
    assert twin_state(1, FIRST_POINTS).gap(OPTIMISED.name) == pytest.approx(0, abs=1e-9)
    two = twin_state(2, FIRST_POINTS)
    missing = float(family_gap(two.posteriors[EXACT.name]))
    assert missing > 0.1
    assert two.gap(OPTIMISED.name) == pytest.approx(missing, abs=1e-9)


@pytest.mark.parametrize("weights", [1, 2])
def test_the_amortised_posterior_is_the_best_of_those_that_read_no_label(weights):
    """On average over labels that the clips lead to expect, no other mean-field Gaussian has a
    higher bound.
    """
    model = lesson_twin(weights)
    clips = torch.tensor([[x] for x, _ in FIRST_POINTS], dtype=torch.float64)
    before = model.weights_given_clips(clips)
    generator = torch.Generator().manual_seed(5)
    drawn = 400
    noise = torch.randn(drawn, len(clips), generator=generator, dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        own = before.sample((drawn,))
    labels = own @ model.features(clips).mT + 0.5 * noise
    q = twin_state(weights, FIRST_POINTS).posteriors[AMORTISED.name]

    def bound(mean, std):
        other = torch.distributions.MultivariateNormal(mean, torch.diag(std.square()))
        return torch.stack([model.elbo(other, before, clips, each).elbo for each in labels])

    best = bound(q.mean, q.stddev)
    for shift, width in ((0.2, 1.0), (-0.2, 1.0), (0.0, 1.3), (0.0, 0.75)):
        worse = best - bound(q.mean + shift, width * q.stddev)
        assert float(worse.mean()) > 4 * float(worse.std()) / drawn**0.5


def test_a_label_moves_all_but_the_amortised_posterior():
    for weights in (1, 2):
        moved = moved_by_a_label(weights, FIRST_POINTS)
        assert moved[AMORTISED.name] == 0
        assert min(moved[EXACT.name], moved[OPTIMISED.name]) > 0.1


def test_no_bar_of_the_bound_ends_before_the_evidence():
    found = twin_state(2, [(0.5, -2.0), (-2.0, 1.0)])
    figure = bounds_figure(found.bounds, found.evidence)
    ends = [sum(parts) for parts in zip(*(bar.x for bar in figure.data), strict=True)]
    assert all(end >= -found.evidence for end in ends)
    assert [end + found.evidence for end in ends] == pytest.approx(
        [found.gap(name) for name in found.bounds]
    )


def row(method: str, name: str, **accuracy: float) -> dict:
    return {"method": method, "row": name, "set": "open", "shots": 5, "per_person": accuracy}


def test_differences_are_paired_over_the_persons_that_both_rows_have():
    rows = [row("global", "own", a=0.5, b=0.7, c=0.1), row("vop", "own", a=0.6, b=0.9, d=1.0)]
    found = difference_on_people(rows, "own", "global")
    assert found.points == pytest.approx((10, 20))
    assert difference_on_people(rows, "wrong-person", "global") is None


def test_a_gain_is_shown_only_where_the_interval_leaves_zero():
    assert Gains.of([1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0]).verdict == 0
    assert Gains.of([-1.0, 2.0, -3.0, 2.0, 1.0, -2.0, 3.0]).verdict == 1
    assert Gains.of([-1.0, -2.0, -3.0, -2.0, -1.0, -2.0, -3.0]).verdict == 2
    assert Gains.of([5.0]).verdict == 1, "one person shows nothing"
