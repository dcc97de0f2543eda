"""The evidence lower bound, drawn: how far below the evidence it runs, and what the distance is
made of.

All values arrive computed, in nats unless said otherwise; these functions choose ink and words
only.
"""

from collections.abc import Mapping
from math import log10

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from plotly.subplots import make_subplots
from torch import Tensor
from torch.distributions import MultivariateNormal

from vop_core.plots import style
from vop_core.variational.elbo import Elbo

EVIDENCE = style.Role("evidence", "#C77700", "dash", "circle-open")
BOUND = style.Role("ELBO", "#5468E0", "solid", "diamond-open")
DIVERGENCE = style.Role("divergence", "#12907F", "dot", "circle-open")
RULES = {
    "average_parameters": style.Role("average_parameters", "#9A6FD0", "longdash", "square-open"),
    "product_of_experts": style.Role("product_of_experts", "#D1495B", "dashdot", "x-thin-open"),
    "bayes_fusion": style.Role("bayes_fusion", "#5468E0", "solid", "diamond"),
}
MARKERS_ON_A_CURVE = 20


def bound_figure(
    positions: Float[Tensor, " step"],
    elbo: Float[Tensor, " step"],
    divergence: Float[Tensor, " step"],
    evidence: float,
    *,
    position_name: str,
    height: int = 400,
) -> go.Figure:
    """ELBO below the evidence while q is moved; the gap, beside KL(q || posterior) of the same q.

    ``positions`` says where q stands: a shift of its mean, a factor on its width, a step of an
    optimiser.
    """
    figure = style.two_panels(
        {"title": "nats"},
        {"title": "gap, nats", "rangemode": "tozero"},
        {"title": position_name},
        heights=(0.58, 0.42),
    )
    gap = evidence - elbo
    level = elbo.new_full(elbo.shape, evidence)
    _curve(figure, positions, level, "evidence ln p(y | x)", EVIDENCE, row=1, col=1)
    _curve(figure, positions, elbo, "ELBO(q)", BOUND, row=1, col=1)
    figure.data[-1].update(fill="tonexty", fillcolor=DIVERGENCE.fill(0.14))
    _curve(figure, positions, gap, "evidence - ELBO", BOUND, row=2, col=1)
    some = slice(None, None, max(1, len(positions) // MARKERS_ON_A_CURVE))
    _points(
        figure, positions[some], divergence[some], "KL(q || p(w | x, y))", DIVERGENCE, row=2, col=1
    )
    nearest = int(gap.argmin())
    alt = (
        f"The ELBO below the evidence of {evidence:.3f} nats, for {position_name} from "
        f"{_said(positions[0])} to {_said(positions[-1])}. It comes closest at "
        f"{_said(positions[nearest])}, {gap[nearest]:.3g} nats below. {_agreement(gap, divergence)}"
    )
    return style.finish(figure, alt=alt, height=height, top=64)


def gap_figure(
    divergence: Float[Tensor, " step"], gap: Float[Tensor, " step"], *, height: int = 360
) -> go.Figure:
    """Evidence minus ELBO over KL(q || posterior), one point for each q, beside the diagonal."""
    figure = go.Figure()
    ends = divergence.aminmax()
    diagonal = divergence.new_tensor([ends.min, ends.max])
    _curve(figure, diagonal, diagonal, "equal", EVIDENCE)
    _points(figure, divergence, gap, "one q each", BOUND)
    alt = (
        f"{len(gap)} different posteriors q, with divergences from {ends.min:.3g} to "
        f"{ends.max:.3g} nats. {_agreement(gap, divergence)}"
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": "KL(q || p(w | x, y)), nats", "type": "log"},
        y={"title": "ln p(y | x) - ELBO(q), nats", "type": "log"},
    )


ELLIPSE_SDS = 2.0  # radius of an ellipse, in standard deviations
SMALLEST_GAP = 1e-3  # nats that are drawn


def ellipse_figure(
    posterior: MultivariateNormal,
    q: MultivariateNormal,
    bound: Elbo,
    divergence: float,
    *,
    height: int = 470,
) -> go.Figure:
    """Two weights: the true posterior and q as ellipses of two standard deviations, and what the
    evidence is made of.

    ``bound`` is q's ELBO with its two terms, ``divergence`` KL(q || posterior), both in nats.
    """
    figure = make_subplots(
        rows=2,
        cols=1,
        row_heights=[0.76, 0.24],
        vertical_spacing=0.2,
        specs=[[{"type": "xy"}], [{"type": "bar"}]],
    )
    for gaussian, role, name in (
        (posterior, EVIDENCE, "p(w | x, y), the truth"),
        (q, BOUND, "q(w)"),
    ):
        outline = ellipse(gaussian)
        figure.add_scatter(
            x=outline[:, 0].tolist(),
            y=outline[:, 1].tolist(),
            mode="lines",
            name=name,
            line=role.line(),
            fill="toself",
            fillcolor=role.fill(0.10),
            row=1,
            col=1,
        )
        centre = gaussian.mean
        figure.add_scatter(
            x=[float(centre[0])],
            y=[float(centre[1])],
            mode="markers",
            marker=role.marker(10, edge=2),
            showlegend=False,
            row=1,
            col=1,
        )
    terms = {
        "misfit": (-float(bound.expected_log_likelihood), BOUND),
        "KL(q || p(w | x))": (float(bound.kl), style.PRIOR),
        "KL(q || p(w | x, y)), the gap": (divergence, DIVERGENCE),
    }
    for name, (value, role) in terms.items():
        figure.add_bar(
            y=[name],
            x=[value],
            orientation="h",
            marker={"color": role.fill(0.7)},
            name=name,
            showlegend=False,
            text=[f"{value:.3f} nats"],
            textposition="outside",
            cliponaxis=False,
            row=2,
            col=1,
        )
    figure.update_xaxes(title="weight 1", range=[-3.5, 3.5], row=1, col=1)
    figure.update_yaxes(title="weight 2", range=[-3.0, 3.0], row=1, col=1)
    figure.update_xaxes(
        range=[0, max(4.0, 1.25 * max(value for value, _ in terms.values()))], row=2, col=1
    )
    evidence = float(bound.elbo) + divergence
    alt = (
        f"The true posterior of two weights and a distribution q. The evidence is {evidence:.3f} "
        f"nats; q reaches {float(bound.elbo):.3f}, so {divergence:.3f} nats are missing, and that "
        "is the divergence of q from the truth."
    )
    return style.finish(figure, alt=alt, height=height)


def ellipse(gaussian: MultivariateNormal, points: int = 73) -> Float[Tensor, "point 2"]:
    """Outline of two standard deviations of a Gaussian over two weights."""
    angle = torch.linspace(0, 2 * torch.pi, points, dtype=gaussian.mean.dtype)
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    return gaussian.mean + ELLIPSE_SDS * circle @ gaussian.scale_tril.mT


def price_figure(
    betas: Float[Tensor, " step"],
    gap: Float[Tensor, " step"],
    std_ratio: Float[Tensor, " step"],
    marks: Mapping[str, float],
    *,
    height: int = 420,
) -> go.Figure:
    """What the price of the divergence does: distance from the truth (log axis, from
    ``SMALLEST_GAP`` on), and width, over beta (log axis).

    ``marks`` names prices to point at, as beta: {"the bound": 1.0, ...}.
    """
    figure = style.two_panels(
        {"title": "gap, nats", "type": "log", "exponentformat": "none"},
        {"title": "sd / prior sd", "range": [0, 1.05]},
        {"title": "beta in: loss = mean cross-entropy + (beta / N_k) KL"},
    )
    # on a linear axis a gap that is small, but there, could not be told from none
    _curve(figure, betas, gap.clamp_min(SMALLEST_GAP), "evidence - ELBO", BOUND, row=1, col=1)
    _curve(figure, betas, std_ratio, "sd of q / sd of prior", DIVERGENCE, row=2, col=1)
    for name, beta in marks.items():
        figure.add_vline(x=beta, line={"color": style.AXIS, "dash": "dot"})
        # plotly places annotations on a logarithmic axis by their exponent
        figure.add_annotation(
            x=log10(beta), y=1.0, yref="paper", yanchor="bottom", text=name, showarrow=False
        )
    figure.update_xaxes(type="log", exponentformat="none")
    best = betas[gap.argmin()]
    alt = (
        f"The trained posterior is nearest to the evidence at beta {best:.2g}. At beta "
        f"{betas[0]:.2g} its width is {std_ratio[0]:.1%} of the prior's, at beta {betas[-1]:.2g} "
        f"{std_ratio[-1]:.1%}. "
        f"Marked: " + style.listing([f"{name} at {beta:.3g}" for name, beta in marks.items()]) + "."
    )
    figure = style.finish(figure, alt=alt, height=height, top=76)
    return figure.update_layout(legend={"y": 1.08})


def fusion_figure(
    clips: Float[Tensor, " step"],
    exact: Float[Tensor, " step"],
    rules: Mapping[str, Float[Tensor, " step"]],
    *,
    height: int = 380,
) -> go.Figure:
    """Posterior sd of one weight over the number of clips: exact, and by rules named in
    ``RULES``.
    """
    figure = go.Figure()
    for name, values in rules.items():
        _curve(figure, clips, values, name, RULES[name])
        figure.data[-1].update(mode="lines+markers", marker=RULES[name].marker(8, edge=2))
    _points(figure, clips, exact, "exact", EVIDENCE, size=15)
    said = [f"{name} says {values[-1]:.3f}" for name, values in rules.items()]
    alt = (
        f"With {clips[-1]:.0f} clips the exact standard deviation of the weight is "
        f"{exact[-1]:.3f}; {style.listing(said)}."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": "number of clips", "dtick": 1},
        y={"title": "standard deviation of a weight", "rangemode": "tozero"},
    )


def _curve(
    figure: go.Figure, x: Tensor, y: Tensor, name: str, role: style.Role, **place: int
) -> None:
    figure.add_scatter(
        x=x.tolist(), y=y.tolist(), mode="lines", name=name, line=role.line(), **place
    )


def _points(
    figure: go.Figure,
    x: Tensor,
    y: Tensor,
    name: str,
    role: style.Role,
    size: int = 9,
    **place: int,
) -> None:
    # open symbols are drawn by their edge alone
    marker = role.marker(size, edge=2)
    figure.add_scatter(
        x=x.tolist(), y=y.tolist(), mode="markers", name=name, marker=marker, **place
    )


def _said(value: Tensor) -> str:
    """A position in words: no rounding dust, no exponent."""
    return f"{round(float(value), 4) + 0:g}"


def _agreement(gap: Tensor, divergence: Tensor) -> str:
    furthest = float((gap - divergence).abs().max())
    return f"Gap and divergence differ by {furthest:.0e} nats at most."
