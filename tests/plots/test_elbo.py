"""Figures of the bound say in words what they show, and never by colour alone."""

import torch

from vop_core.plots.elbo import RULES, bound_figure, fusion_figure, gap_figure, price_figure
from vop_core.plots.style import text_alternative

POSITIONS = torch.linspace(-1.0, 1.0, 41)
DIVERGENCE = 0.25 + POSITIONS.square()


def figures():
    elbo = -2.0 - DIVERGENCE
    return {
        "bound": bound_figure(POSITIONS, elbo, DIVERGENCE, -2.0, position_name="shift"),
        "gap": gap_figure(DIVERGENCE, DIVERGENCE),
        "price": price_figure(
            POSITIONS.exp(), DIVERGENCE, POSITIONS + 2, {"the bound": 1.0, "tiny": 0.5}
        ),
        "fusion": fusion_figure(POSITIONS, DIVERGENCE, {name: DIVERGENCE + 1 for name in RULES}),
    }


def test_the_words_name_where_the_bound_is_nearest_and_how_near():
    words = {name: text_alternative(figure) for name, figure in figures().items()}
    assert (
        "-2.000 nats, for shift from -1 to 1. It comes closest at 0, 0.25 nats below"
        in words["bound"]
    )
    assert "41 different posteriors" in words["gap"]
    assert "nearest to the evidence at beta 1." in words["price"]
    assert "the bound at 1 and tiny at 0.5" in words["price"]
    assert "exact standard deviation of the weight is 1.250" in words["fusion"]
    assert "bayes_fusion says 2.250" in words["fusion"]


def test_a_gap_that_is_not_the_divergence_is_not_called_so():
    words = text_alternative(gap_figure(DIVERGENCE, DIVERGENCE + 0.5))
    assert "differ by 5e-01 nats" in words


def test_what_is_drawn_is_what_was_given():
    bound = figures()["bound"]
    drawn = {trace.name: torch.tensor(trace.y) for trace in bound.data}
    torch.testing.assert_close(drawn["evidence - ELBO"], DIVERGENCE)
    torch.testing.assert_close(drawn["ELBO(q)"], -2.0 - DIVERGENCE)
    assert set(drawn["KL(q || p(w | x, y))"].tolist()) <= set(DIVERGENCE.tolist())


def test_no_two_curves_or_points_of_a_panel_differ_by_colour_alone():
    for figure in figures().values():
        looks = [
            (trace.yaxis, trace.mode, trace.line.dash, trace.marker.symbol) for trace in figure.data
        ]
        assert len(set(looks)) == len(looks)
