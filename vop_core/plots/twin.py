"""A twin's person, whose truth is known: points to move, what is believed after them, and the
bounds.

All values arrive computed; these functions choose ink and words only.
"""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from vop_core.plots import style
from vop_core.plots.elbo import ellipse
from vop_core.text import counted
from vop_core.variational.elbo import Elbo

EXACT = style.Role("exact", "#C77700", "dash", "circle-open")
AMORTISED = style.Role("amortised", style.PERSONAL.colour, "solid", "diamond")
OPTIMISED = style.Role("optimised", "#12907F", "dot", "square-open")
LOOKS = {role.name: role for role in (EXACT, AMORTISED, OPTIMISED)}
MISFIT, KL = "misfit: −E[ln p(y | x, w)]", "KL from what the clips say"
CLICKS = 25  # places to click on, in each direction: many of them are slow to draw


def points_figure(
    points: Sequence[tuple[float, float]],
    chosen: int | None,
    heard: Float[Tensor, " place"] | None,
    labels: Mapping[str, Float[Tensor, " place"]],
    *,
    reach: float,
    height: int = 340,
) -> go.Figure:
    """Clips as points of what is heard and their label, and what each posterior expects between
    them. The point ``chosen`` stands out; a click anywhere tells its place as ``customdata``.
    """
    figure = go.Figure()
    for name, line in labels.items():
        figure.add_scatter(
            x=heard.tolist(),
            y=line.tolist(),
            mode="lines",
            name=name,
            line=LOOKS[name].line(),
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=[x for x, _ in points],
        y=[y for _, y in points],
        mode="markers+text",
        text=[str(number) for number in range(1, len(points) + 1)],
        textposition="top center",
        textfont={"size": 17},
        showlegend=False,
        marker={
            "size": [17 if place == chosen else 11 for place in range(len(points))],
            "color": style.PRIOR.colour,
            "opacity": 1,
            "symbol": ["star" if place == chosen else "circle" for place in range(len(points))],
        },
        hovertemplate="heard %{x:.1f}, label %{y:.1f}<extra></extra>",
    )
    if chosen is not None:
        _add_places(figure, reach)
    figure.update_traces(
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        selector={"mode": "markers+text"},
    )
    said = style.listing(
        [f"{number} at {x:.1f}, {y:.1f}" for number, (x, y) in enumerate(points, start=1)]
    )
    alt = f"{counted(len(points), 'point')}, by what is heard and by label: {said}."
    edge = [-1.05 * reach, 1.05 * reach]
    return style.finish(
        figure,
        alt=alt,
        height=height,
        legend=bool(labels),
        x={"title": "what is heard, x", "range": edge},
        y={"title": "label, y", "range": edge},
    )


def _add_places(figure: go.Figure, reach: float) -> None:
    """Invisible points everywhere, since only a point can be clicked."""
    step = torch.linspace(-reach, reach, CLICKS, dtype=torch.float64).mul(100).round().div(100)
    places = torch.cartesian_prod(step, step)
    unseen = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=places[:, 0].tolist(),
        y=places[:, 1].tolist(),
        customdata=places.tolist(),
        mode="markers",
        marker={"opacity": 0, "size": 9},
        selected=unseen,
        unselected=unseen,
        showlegend=False,
        hoverinfo="none",
    )


def one_weight_figure(
    prior: MultivariateNormal,
    posteriors: Mapping[str, MultivariateNormal],
    *,
    height: int = 340,
) -> go.Figure:
    """Everything that is believed of one weight, as curves."""
    figure = go.Figure()
    weight = torch.linspace(-3.2, 3.2, 321, dtype=torch.float64)
    curves = [("prior", style.PRIOR, prior)]
    curves += [(name, LOOKS[name], each) for name, each in posteriors.items()]
    for name, role, gaussian in curves:
        mean, std = gaussian.mean[0], gaussian.stddev[0]
        figure.add_scatter(
            x=weight.tolist(),
            y=Normal(mean, std).log_prob(weight).exp().tolist(),
            mode="lines",
            name=name,
            line=role.line(3),
            fill="tozeroy" if role is EXACT else None,
            fillcolor=role.fill(0.15) if role is EXACT else None,
        )
    said = [
        f"{name} {float(each.mean[0]):.2f}, give or take {float(each.stddev[0]):.2f}"
        for name, _, each in curves
    ]
    return style.finish(
        figure,
        alt=f"What is believed of one weight: {style.listing(said)}.",
        height=height,
        x={"title": "weight w"},
        y={"title": "density", "rangemode": "tozero", "nticks": 4},
    )


def two_weights_figure(
    prior: MultivariateNormal,
    posteriors: Mapping[str, MultivariateNormal],
    *,
    height: int = 340,
) -> go.Figure:
    """Everything that is believed of two weights, as ellipses of two standard deviations."""
    figure = go.Figure()
    curves = [("prior", style.PRIOR, prior)]
    curves += [(name, LOOKS[name], each) for name, each in posteriors.items()]
    for name, role, gaussian in curves:
        outline = ellipse(gaussian)
        figure.add_scatter(
            x=outline[:, 0].tolist(),
            y=outline[:, 1].tolist(),
            mode="lines",
            name=name,
            line=role.line(3),
            fill="toself" if role is EXACT else None,
            fillcolor=role.fill(0.15) if role is EXACT else None,
            hoverinfo="name",
        )
    said = [
        f"{name} at {float(each.mean[0]):.2f}, {float(each.mean[1]):.2f}, widths "
        f"{float(each.stddev[0]):.2f} and {float(each.stddev[1]):.2f}, correlation "
        f"{float(each.covariance_matrix[0, 1] / each.stddev.prod()):.2f}"
        for name, _, each in curves
    ]
    return style.finish(
        figure,
        alt=f"What is believed of two weights: {style.listing(said)}.",
        height=height,
        x={"title": "weight 1", "range": [-2.7, 2.7]},
        y={"title": "weight 2", "range": [-2.7, 2.7]},
    )


def bounds_figure(bounds: Mapping[str, Elbo], evidence: float, *, height: int = 190) -> go.Figure:
    """Each bound's two parts as one bar, misfit and divergence, in nats; no bar ends before the
    line, which is minus the evidence, and what it goes beyond is the gap.
    """
    figure = go.Figure()
    names = list(bounds)
    parts = (
        (MISFIT, [-float(each.expected_log_likelihood) for each in bounds.values()], "", 0.75),
        (KL, [float(each.kl) for each in bounds.values()], "/", 0.15),
    )
    colours = [LOOKS[name].colour for name in names]
    for title, values, pattern, opacity in parts:
        figure.add_bar(
            y=names,
            x=values,
            name=title,
            orientation="h",
            marker={
                "color": [LOOKS[name].fill(opacity) for name in names],
                "line": {"color": colours, "width": 1.5},
                "pattern": {"shape": pattern, "fgcolor": colours, "size": 7},
            },
            hovertemplate="%{x:.2f} nats<extra></extra>",
        )
    figure.add_vline(x=-evidence, line={"color": EXACT.colour, "dash": EXACT.dash, "width": 3})
    for name, each in bounds.items():
        figure.add_annotation(
            x=-float(each.elbo),
            y=name,
            text=f" gap {evidence - float(each.elbo):.2f}",
            xanchor="left",
            showarrow=False,
        )
    figure.update_layout(barmode="stack", bargap=0.3, legend={"traceorder": "normal"})
    said = [
        f"{name}: expected log-likelihood {float(each.expected_log_likelihood):.2f} minus KL "
        f"{float(each.kl):.2f} is an ELBO of {float(each.elbo):.2f}"
        for name, each in bounds.items()
    ]
    longest = max(-evidence, *(-float(each.elbo) for each in bounds.values()))
    return style.finish(
        figure,
        alt=f"The evidence is {evidence:.2f} nats. {'; '.join(said)}.".replace(" -", " \u2212"),
        height=height,
        top=40,
        x={"title": "nats, dashed line: −ln p(y | x)", "range": [0, 1.3 * longest]},
        y={"autorange": "reversed", "showgrid": False},
    )
