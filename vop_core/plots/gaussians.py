"""Two Gaussians over one weight, and the divergence between them as an area."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.plots import style

INTEGRAND = style.Role("q ln(q / p)", "#12907F", "dot", "circle-open")


def divergence_figure(
    weight: Float[Tensor, " point"],
    prior: Float[Tensor, " point"],
    posterior: Float[Tensor, " point"],
    integrand: Float[Tensor, " point"],
    kl: float,
    *,
    height: int = 430,
) -> go.Figure:
    """Densities p and q above, and below them q ln(q / p), whose area is the divergence ``kl`` in
    nats.
    """
    figure = style.two_panels(
        {"title": "density", "rangemode": "tozero"},
        {"title": "nats per unit"},
        {"title": "value of the weight"},
        heights=(0.55, 0.45),
    )
    for values, role, name in (
        (prior, style.PRIOR, "prior p"),
        (posterior, style.PERSONAL, "posterior q"),
    ):
        figure.add_scatter(
            x=weight.tolist(),
            y=values.tolist(),
            mode="lines",
            name=name,
            line=role.line(),
            row=1,
            col=1,
        )
    figure.add_scatter(
        x=weight.tolist(),
        y=integrand.tolist(),
        mode="lines",
        name=INTEGRAND.name,
        line={"color": INTEGRAND.colour, "width": 2},
        fill="tozeroy",
        fillcolor=INTEGRAND.fill(0.18),
        row=2,
        col=1,
    )
    alt = (
        "A prior and a posterior of one weight. The area under q ln(q / p) is the divergence: "
        f"{kl:.3f} nats. It is negative where q is below p, and positive where q is above."
    )
    return style.finish(figure, alt=alt, height=height)


def gradient_figure(
    estimates: dict[str, Float[Tensor, " draw"]], truth: float, *, name: str, height: int = 320
) -> go.Figure:
    """Single-draw estimates of one gradient by several estimators, and the gradient itself."""
    figure = go.Figure()
    looks = (style.PERSONAL, style.GLOBAL, style.CLIP)
    for (label, values), role in zip(estimates.items(), looks, strict=False):
        figure.add_box(
            x=values.tolist(),
            name=label,
            boxpoints=False,
            marker={"color": role.colour, "symbol": role.symbol},
            line={"color": role.colour},
        )
    figure.add_vline(
        x=truth, line={"color": style.AXIS, "dash": "dash"}, annotation={"text": "the gradient"}
    )
    said = [
        f"{label} has a standard deviation of {float(values.std()):.2f}"
        for label, values in estimates.items()
    ]
    alt = f"Estimates of a gradient of {truth:.3f} from single draws: {style.listing(said)}."
    return style.finish(figure, alt=alt, height=height, legend=False, x={"title": name})


def densities_figure(
    gaussians: Mapping[str, tuple[float, float]],
    *,
    truth: float | None = None,
    alt: str,
    height: int = 340,
) -> go.Figure:
    """Gaussians over one weight, by name as (mean, sd), and the true weight where it is known."""
    figure = go.Figure()
    low = min(mean - 4 * std for mean, std in gaussians.values())
    high = max(mean + 4 * std for mean, std in gaussians.values())
    looks = (style.PRIOR, style.CLIP, style.PERSONAL, style.GLOBAL)
    for (name, (mean, std)), role in zip(gaussians.items(), looks, strict=False):
        own = torch.cat(
            [torch.linspace(low, high, 121), torch.linspace(mean - 4 * std, mean + 4 * std, 121)]
        )
        weight = own.sort().values
        figure.add_scatter(
            x=weight.tolist(),
            y=torch.distributions.Normal(mean, std).log_prob(weight).exp().tolist(),
            mode="lines",
            name=name,
            line=role.line(),
        )
    if truth is not None:
        figure.add_vline(
            x=truth,
            line={"color": style.AXIS, "dash": "dash"},
            annotation={"text": "the person's weight"},
        )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": "value of the weight", "range": [low, high]},
        y={"title": "density", "rangemode": "tozero"},
    )


def widths_figure(
    count: Sequence[int],
    widths: Mapping[str, Float[Tensor, " step"]],
    *,
    counted: str,
    height: int = 340,
) -> go.Figure:
    """Standard deviations of a weight over a number of clips, one curve a posterior."""
    figure = go.Figure()
    looks = (
        style.CLIP,
        style.PERSONAL,
        style.GLOBAL,
        style.BEFORE,
        style.CONTROLS["wrong-person"],
    )
    for (name, values), role in zip(widths.items(), looks, strict=False):
        figure.add_scatter(
            x=list(count),
            y=values.tolist(),
            mode="lines+markers",
            name=name,
            line=role.line(),
            marker=role.marker(8),
        )
    said = [
        f"{name} from {float(values[0]):.2f} to {float(values[-1]):.2f}"
        for name, values in widths.items()
    ]
    alt = (
        f"Standard deviation of a weight, from {count[0]} to {count[-1]} ({counted}): "
        f"{style.listing(said)}."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": counted},
        y={"title": "standard deviation of a weight", "rangemode": "tozero"},
    )
