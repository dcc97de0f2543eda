"""The posterior over personal weights, drawn: one weight, a whole layer, and where the divergence
sits.

All values arrive computed; these functions choose ink only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.methods.personal import LayerPosterior
from vop_core.plots import style
from vop_core.text import counted
from vop_core.variational.gaussian import DiagonalGaussian

CURVE_POINTS = 121
LAYER_WEIGHTS_SHOWN = 120
MOST_DRAWS = 20  # in a picture: more would be a blot
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class LayerView:
    """One layer as a page shows it; every Gaussian in the units of the weights."""

    prior: LayerPosterior
    combined: LayerPosterior
    # title, index of its look (fixed per clip), its own posterior
    clips: Sequence[tuple[str, int, LayerPosterior]] = ()
    before: LayerPosterior | None = None  # combined, before the last switch of a clip
    draws: Float[Tensor, "draw weight"] | None = None

    @property
    def names(self) -> Sequence[str]:
        return self.combined.names

    @property
    def moved(self) -> Float[Tensor, " weight"]:
        """How far each mean moved from the prior's, in prior standard deviations."""
        return (self.combined.mean - self.prior.mean) / self.prior.std

    @property
    def by_movement(self) -> list[int]:
        """The weights' indices, most moved first."""
        return self.moved.abs().argsort(descending=True, stable=True).tolist()

    @property
    def told(self) -> Float[Tensor, " weight"]:
        """What the clips say of each weight: the divergence from its prior, nats."""
        combined, prior = (
            DiagonalGaussian(layer.mean, layer.std.log()) for layer in (self.combined, self.prior)
        )
        return combined.kl_per_dimension(prior)

    @property
    def most_told(self) -> int:
        """The index of the weight of which the clips say most."""
        return int(self.told.argmax())


def most_told(views: Mapping[str, LayerView]) -> str:
    """The layer with the weight of which the clips say most."""
    return max(views, key=lambda layer: float(views[layer].told.max()))


def weight_figure(view: LayerView, weight: int, *, height: int = 380) -> go.Figure:
    """One weight: prior, each clip's own posterior, the combined one, that before the last switch
    of a clip, and draws as ticks, of which the last stands out.

    At most 20 draws are shown. ``height`` in pixels.
    """

    def parameters(layer: LayerPosterior) -> tuple[float, float]:
        return float(layer.mean[weight]), float(layer.std[weight])

    curves = [("prior", style.PRIOR, 2.0, *parameters(view.prior))]
    curves += [
        (title, style.clip_role(index), 1.5, *parameters(layer))
        for title, index, layer in view.clips
    ]
    if view.before is not None:
        curves.append((style.BEFORE.name, style.BEFORE, 2.5, *parameters(view.before)))
    curves.append(("combined", style.PERSONAL, 3.0, *parameters(view.combined)))
    low = min(mean - 3.3 * std for *_, mean, std in curves)
    high = max(mean + 3.3 * std for *_, mean, std in curves)
    # as plain values, which plotly checks once: a draw more is seen at once
    traces = [trace for curve in curves for trace in _density(*curve, (low, high))]
    traces.append(_rug(torch.empty(0) if view.draws is None else view.draws[:, weight]))
    shared = float(view.combined.global_weights[weight])
    everybody = _global_weight(shared) if math.isfinite(shared) else {}
    figure = go.Figure(data=traces, layout=everybody)
    prior, combined = curves[0], curves[-1]
    alt = (
        f"Densities of the weight {view.names[weight]}. Prior: mean {prior[3]:.3f}, standard "
        f"deviation {prior[4]:.3f}. Combined posterior of "
        f"{counted(len(view.clips), 'clip')}: mean {combined[3]:.3f}, standard deviation "
        f"{combined[4]:.3f}, {style.percent(combined[4] / max(prior[4], 1e-12))} of the prior's."
    )
    if view.before is not None:
        mean, std = parameters(view.before)
        alt += f" Before the switch: mean {mean:.3f}, standard deviation {std:.3f}."
    return style.finish(
        figure,
        alt=alt,
        height=height,
        top=70,
        x={"title": f"value of {view.names[weight]}", "range": [low, high]},
        y={"title": "density", "rangemode": "tozero", "nticks": 5},
    )


def with_draws(figure: go.Figure, draws: Float[Tensor, " draw"]) -> go.Figure:
    """A ``weight_figure`` with these draws in place of those that it has: nothing else of it is
    made or checked again.
    """
    figure.data[-1].update(_rug(draws))
    return figure


def _density(
    label: str,
    look: style.Role,
    width: float,
    mean: float,
    std: float,
    bounds: tuple[float, float],
) -> tuple[dict[str, Any], dict[str, Any]]:
    # its own range, so that a narrow curve keeps its shape on a wide axis; outside, it lies flat
    own = torch.linspace(mean - 5 * std, mean + 5 * std, CURVE_POINTS)
    values = torch.cat([torch.tensor(bounds), own]).sort().values
    density = torch.distributions.Normal(mean, max(std, 1e-12)).log_prob(values).exp()
    common = {"type": "scatter", "name": label, "legendgroup": label, "line": look.line(width)}
    curve = {
        "x": values.numpy(),
        "y": density.numpy(),
        "mode": "lines",
        "showlegend": False,
        "hovertemplate": f"{label}<br>mean {mean:.3f}, sd {std:.3f}<extra></extra>",
    }
    if look is style.PERSONAL:
        curve |= {"fill": "tozeroy", "fillcolor": look.fill(0.16)}
    peak = {  # the symbol on its peak and in the legend: curves differ without colour
        "x": [mean],
        "y": [float(density.max())],
        "mode": "lines+markers",
        "hoverinfo": "skip",
        "marker": look.marker(9, edge=1.5),
    }
    return common | curve, common | peak


def _rug(draws: Float[Tensor, " draw"]) -> dict[str, Any]:
    draws = draws[:MOST_DRAWS]
    former = [1] * (draws.numel() - 1)
    return {
        "type": "scatter",
        "x": draws.numpy(),
        "y": torch.zeros_like(draws).numpy(),
        "mode": "markers",
        "name": counted(draws.numel(), "draw"),
        "visible": draws.numel() > 0,
        "cliponaxis": False,
        "marker": {
            "symbol": "line-ns-open",
            "size": [16 * each for each in former] + [28],
            "color": style.PERSONAL.colour,
            "line": {"width": [1.4 * each for each in former] + [3]},
        },
        "hovertemplate": "draw %{x:.3f}<extra></extra>",
    }


def _global_weight(value: float) -> dict[str, Any]:
    """A line from the bottom to the top, and what it is."""
    place = {"xref": "x", "yref": "y domain"}
    line = {"type": "line", "x0": value, "x1": value, "y0": 0, "y1": 1}
    text = {"x": value, "y": 1, "text": "everybody's weight", "showarrow": False}
    anchored = {"xanchor": "right", "yanchor": "top"}
    return {
        "shapes": [place | line | {"line": style.GLOBAL.line(1.5)}],
        "annotations": [place | text | anchored],
    }


def layer_figure(
    view: LayerView,
    *,
    most_moved_first: bool = False,
    marked: int | None = None,
    height: int = 420,
) -> go.Figure:
    """A whole layer: each weight's prior and posterior 95 % interval, and that before the last
    switch of a clip, as deviations from the prior mean in prior standard deviations.

    At most 120 weights are shown, the most moved ones if there are more. Each point's
    ``customdata`` is the weight's index in the layer, so that a page can select it; the weight
    ``marked`` is ringed. ``height`` in pixels.
    """
    order = _order(view.moved, most_moved_first)
    position = torch.arange(order.numel()).numpy()

    def deviation(mean: Tensor) -> Tensor:
        return ((mean - view.prior.mean) / view.prior.std)[..., order]

    def width(std: Tensor) -> Tensor:
        return (std / view.prior.std)[order]

    figure = go.Figure()
    _add_band(figure, position, NORMAL_95 * width(view.prior.std), "prior, 95 %", style.PRIOR)
    if view.draws is not None:
        _add_dashes(figure, position, deviation(view.draws))
    for title, index, layer in view.clips:
        look = style.clip_role(index)
        marker = {"symbol": f"{look.symbol}-open", "color": look.colour, "size": 6}
        figure.add_scatter(
            x=position,
            y=deviation(layer.mean).numpy(),
            mode="markers",
            name=title,
            marker=marker,
            hoverinfo="skip",
        )
    if view.before is not None:
        figure.add_scatter(
            x=position - 0.3,
            y=deviation(view.before.mean).numpy(),
            name=style.BEFORE.name,
            hoverinfo="skip",
            **_bars(width(view.before.std), style.BEFORE, 1.2, 4),
        )
    figure.add_scatter(
        x=position,
        y=deviation(view.combined.mean).numpy(),
        name="combined, 95 %",
        **_bars(width(view.combined.std), style.PERSONAL, 1.6, 6),
        # a click shows the weight, so nothing needs to fade
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        customdata=order.numpy(),
        text=[view.names[int(index)] for index in order],
        hovertemplate="%{text}<br>%{y:.2f} prior sd from the prior mean<extra></extra>",
    )
    if marked in order.tolist():
        place = order.tolist().index(marked)
        figure.add_scatter(
            x=[place],
            y=[float(deviation(view.combined.mean)[place])],
            mode="markers",
            name=view.names[marked],
            hoverinfo="skip",
            marker={"symbol": "circle-open", "color": style.GLOBAL.colour, "size": 20},
        )
    partial = order.numel() < len(view.names)
    shown = (
        f"{order.numel()} of {len(view.names)} weights" if partial else f"{len(view.names)} weights"
    )
    ordered = "most moved first" if most_moved_first or partial else "in the layer's order"
    ratio = float((view.combined.std / view.prior.std).mean())
    alt = (
        f"{shown} of the layer, {ordered}: the combined posterior's standard deviation is on "
        f"average {style.percent(ratio)} of the prior's; the weight moved most is "
        f"{view.names[view.by_movement[0]]}."
    )
    if view.before is not None:
        switched = float((view.before.std / view.prior.std).mean())
        alt += f" Before the switch it was on average {style.percent(switched)} of the prior's."
    return style.finish(
        figure,
        alt=alt,
        height=height,
        top=70,
        x={
            "title": f"{shown}, {ordered}",
            "showticklabels": False,
            "showgrid": False,
            "zeroline": False,
            "range": [-1, len(position)],
        },
        y={"title": "prior sd from the prior mean", "nticks": 7},
    )


def _order(moved: Tensor, most_moved_first: bool) -> Tensor:
    if not most_moved_first and moved.numel() <= LAYER_WEIGHTS_SHOWN:
        return torch.arange(moved.numel())
    return moved.abs().argsort(descending=True, stable=True)[:LAYER_WEIGHTS_SHOWN]


def _bars(
    std: Float[Tensor, " weight"], look: style.Role, thickness: float, size: int
) -> dict[str, object]:
    """Markers with 95 % intervals."""
    array = (NORMAL_95 * std).numpy()
    bars = {"type": "data", "array": array, "width": 0, "thickness": thickness}
    return {
        "mode": "markers",
        "marker": look.marker(size, edge=1),
        "error_y": {**bars, "color": look.colour},
    }


def _add_band(
    figure: go.Figure, position: object, half_width: Tensor, label: str, look: style.Role
) -> None:
    line = {
        "mode": "lines",
        "line": look.line(1),
        "hoverinfo": "skip",
        "legendgroup": label,
    }
    figure.add_scatter(x=position, y=(-half_width).numpy(), showlegend=False, **line)
    figure.add_scatter(
        x=position,
        y=half_width.numpy(),
        name=label,
        fill="tonexty",
        fillcolor=look.fill(0.16),
        **line,
    )


def _add_dashes(
    figure: go.Figure, position: object, deviations: Float[Tensor, "draw weight"]
) -> None:
    """All draws in one trace: a short dash per draw and weight."""
    draws = deviations[:MOST_DRAWS]
    figure.add_scatter(
        x=[*position] * len(draws),
        y=draws.flatten().numpy(),
        mode="markers",
        name=counted(len(draws), "draw"),
        hoverinfo="skip",
        marker={
            "symbol": "line-ew-open",
            "size": 7,
            "color": style.PERSONAL.fill(0.5),
            "line": {"width": 1},
        },
    )


def kl_figure(
    kl_per_dimension: Float[Tensor, " dimension"], *, unit: str = "dimension", height: int = 230
) -> go.Figure:
    """Nats of divergence per dimension, largest first: how many dimensions carry the person."""
    values = kl_per_dimension.sort(descending=True).values
    share = values.cumsum(0) / values.sum().clamp(min=1e-12)
    figure = go.Figure()
    figure.add_bar(
        x=torch.arange(1, values.numel() + 1).numpy(),
        y=values.numpy(),
        marker={"color": style.PERSONAL.colour},
        customdata=share.numpy(),
        hovertemplate="%{y:.3f} nats; %{customdata:.0%} up to here<extra></extra>",
    )
    half = int((share < 0.5).sum()) + 1
    alt = (
        f"KL divergence of the posterior from the prior, per {unit}: {float(values.sum()):.2f} "
        f"nats in all over {values.numel()} dimensions; {half} of them carry half of it."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        legend=False,
        x={"title": f"{unit}, largest first", "showgrid": False},
        y={"title": "KL, nats", "rangemode": "tozero"},
    )
