"""One look for every figure: who is drawn how, and words beside every picture.

Colour never carries meaning alone: each role has its own dash and marker as well. The colours are
of middle luminance, at least 3:1 against a white and against a near-black page, so that one figure
serves both themes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots


@dataclass(frozen=True)
class Role:
    """How one participant is drawn, in every figure: colour, dash and marker together."""

    name: str
    colour: str
    dash: str
    symbol: str

    def fill(self, opacity: float) -> str:
        """The role's colour, translucent; ``opacity`` in [0, 1]."""
        red, green, blue = (int(self.colour[start : start + 2], 16) for start in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity})"

    def marker(self, size: int, edge: int | float | None = None) -> dict[str, Any]:
        """The role's marker; ``size`` and ``edge``, the width of its outline, in pixels."""
        drawn = {"symbol": self.symbol, "size": size, "color": self.colour}
        if edge is None:
            return drawn
        return drawn | {"line": {"width": edge, "color": self.colour}}

    def line(self, width: int | float = 2.5) -> dict[str, Any]:
        """The role's line; ``width`` in pixels."""
        return {"color": self.colour, "dash": self.dash, "width": width}


PRIOR = Role("prior", "#7C8694", "dash", "line-ns-open")
GLOBAL = Role("global model", "#C77700", "dot", "circle-open")
PERSONAL = Role("your model", "#5468E0", "solid", "diamond")
CLIP = Role("one clip", "#12907F", "dot", "triangle-up-open")
BEFORE = Role("before the switch", "#C22BB0", "longdash", "square-open")

CONTROLS = {
    "prior": Role("prior mean (no clips)", "#7C8694", "dash", "square-open"),
    "wrong-person": Role("wrong person", "#D1495B", "dashdot", "x-thin-open"),
    "mixed": Role("mixed persons", "#12907F", "longdash", "triangle-up-open"),
    "noise": Role("noise", "#9A6FD0", "longdashdot", "asterisk-open"),
}

CLIP_COLOURS = (
    "#12907F",
    "#C2567A",
    "#8A8B1E",
    "#3E8FC4",
    "#B0662B",
    "#9A6FD0",
    "#5E9440",
    "#C4574B",
)
CLIP_DASHES = ("dot", "dashdot", "longdash", "longdashdot", "dash")
CLIP_SYMBOLS = (
    "circle",
    "square",
    "triangle-up",
    "x",
    "star",
    "triangle-down",
    "hexagon",
    "cross",
    "pentagon",
    "bowtie",
)


def clip_role(index: int) -> Role:
    """The look of the clip at ``index`` (from 0): its colour, dash and symbol repeat at different
    periods.
    """
    return Role(
        f"clip {index + 1}",
        CLIP_COLOURS[index % len(CLIP_COLOURS)],
        CLIP_DASHES[index % len(CLIP_DASHES)],
        CLIP_SYMBOLS[index % len(CLIP_SYMBOLS)],
    )


GRID = "rgba(128,136,148,0.22)"
AXIS = "rgba(128,136,148,0.65)"


def two_panels(
    above: Mapping[str, Any],
    below: Mapping[str, Any],
    x: Mapping[str, Any],
    *,
    spacing: float = 0.08,
    heights: tuple[float, float] = (0.5, 0.5),
) -> go.Figure:
    """An empty figure of two panels on one x axis, with what is its own on each axis.

    ``spacing`` and ``heights`` are fractions of the figure.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=spacing, row_heights=list(heights)
    )
    figure.update_yaxes(above, row=1, col=1)
    figure.update_yaxes(below, row=2, col=1)
    return figure.update_xaxes(x, row=2, col=1)


def finish(
    figure: go.Figure,
    *,
    alt: str,
    height: int,
    legend: bool = True,
    top: int = 34,
    x: Mapping[str, Any] | None = None,
    y: Mapping[str, Any] | None = None,
) -> go.Figure:
    """Give a figure the common layout and its text alternative (kept in
    ``figure.layout.meta["alt"]``); ``x`` and ``y`` are what is this figure's own on its axes.

    ``height`` and ``top`` (the margin that holds the legend) in pixels.
    """
    common = {"gridcolor": GRID, "zerolinecolor": AXIS, "linecolor": AXIS, "automargin": True}
    axes = {axis.plotly_name: common | dict(x or {}) for axis in figure.select_xaxes()}
    axes |= {axis.plotly_name: common | dict(y or {}) for axis in figure.select_yaxes()}
    # plotly checks every update: one is quicker than three
    return figure.update_layout(
        **axes,
        height=height,
        meta={"alt": alt},
        margin={"l": 8, "r": 12, "t": top if legend else 10, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=legend,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "xanchor": "left",
            "title": None,
        },
        hoverlabel={"namelength": -1},
        hovermode="closest",
        dragmode=False,
    )


def enlarge(figure: go.Figure, size: int) -> go.Figure:
    """The figure with type of this size in pixels, to be read from the back of a room."""
    figure.update_layout(font={"size": size}, legend={"font": {"size": size}})
    figure.update_annotations(font={"size": size})
    axis = {"title": {"font": {"size": size}}, "tickfont": {"size": size}}
    figure.update_xaxes(axis)
    return figure.update_yaxes(axis)


def text_alternative(figure: go.Figure) -> str:
    """The words that stand for the figure where it cannot be seen."""
    return str((figure.layout.meta or {}).get("alt", ""))


def listing(words: Sequence[str]) -> str:
    """``a, b and c``."""
    words = list(words)
    return (
        words[0]
        if len(words) == 1
        else f"{', '.join(words[:-1])} and {words[-1]}"
        if words
        else "nothing"
    )


def percent(fraction: float | int) -> str:
    """``0.314`` -> ``31 %``; never a bare 0 or 100 where the number is neither."""
    if 0 < fraction < 0.005:
        return "under 1 %"
    if 0.995 < fraction < 1:
        return "over 99 %"
    return f"{fraction:.0%}".replace("%", " %")


def interval(
    values: Sequence[float], low: Sequence[float] | None, high: Sequence[float] | None, colour: str
) -> dict | None:
    """Plotly's error bars from an interval's ends; None where there is no interval."""
    if low is None or high is None:
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": [end - value for end, value in zip(high, values, strict=True)],
        "arrayminus": [value - end for end, value in zip(low, values, strict=True)],
        "width": 5,
        "thickness": 1.5,
        "color": colour,
    }


Level = tuple[float, float, float]  # a mean, and its interval's ends


def add_levels(
    figure: go.Figure, name: str, levels: Mapping[str, Level] | Mapping[int, Level], role: Role
) -> None:
    """A line through means with their intervals, by place."""
    means, lows, highs = zip(*levels.values(), strict=True)
    figure.add_scatter(
        x=list(levels),
        y=list(means),
        name=name,
        mode="lines+markers",
        line=role.line(),
        marker=role.marker(11, edge=2),
        error_y=interval(means, lows, highs, role.colour),
    )
