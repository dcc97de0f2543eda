"""Signs as they were drawn, and how far a classifier of them is from the truth."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from vop_core.plots import style

LOOKS = (style.GLOBAL, style.CLIP, style.PERSONAL)
ALIGNED = {"scaleanchor": "y", "constrain": "domain"}


def drawings_figure(
    drawings: Float[Tensor, "sign take row column"],
    names: Sequence[str],
    *,
    who: str,
    height: int = 330,
) -> go.Figure:
    """A row of pictures for each take, a column for each sign; ink dark, whatever the theme."""
    signs, takes, side, _ = drawings.shape
    tiled = drawings.permute(1, 2, 0, 3).reshape(takes * side, signs * side)
    figure = go.Figure(
        go.Heatmap(
            z=tiled.tolist(), colorscale="gray_r", showscale=False, hoverinfo="skip", ygap=0, xgap=0
        )
    )
    middles = [side * (place + 0.5) - 0.5 for place in range(max(signs, takes))]
    return style.finish(
        figure,
        alt=f"{style.listing(list(names))}, each drawn {takes} times by {who}.",
        height=height,
        legend=False,
        x={"tickvals": middles[:signs], "ticktext": list(names), "showgrid": False, **ALIGNED},
        y={
            "tickvals": middles[:takes],
            "ticktext": [f"drawing {take + 1}" for take in range(takes)],
            "autorange": "reversed",
            "showgrid": False,
        },
    )


def misfits_figure(
    misfits: Mapping[str, Mapping[int, style.Level]], *, where: str, height: int = 360
) -> go.Figure:
    """-ln p of the truth over the samples of each sign, by up to three rules, with intervals."""
    figure = go.Figure()
    said = []
    for (rule, levels), role in zip(misfits.items(), LOOKS, strict=False):
        style.add_levels(figure, rule, levels, role)
        each = [f"{mean:.2f} with {count}" for count, (mean, *_) in levels.items()]
        said.append(f"by {rule} {style.listing(each)}")
    return style.finish(
        figure,
        alt=f"-ln p of the truth, in nats, over samples of each sign, {where}: {'; '.join(said)}.",
        height=height,
        x={"title": "samples of each sign", "tickvals": sorted(set().union(*misfits.values()))},
        y={"title": "-ln p of the truth, nats", "rangemode": "tozero"},
    )
