"""The numbers behind a figure, as a tidy table: for whoever cannot see it, or wants to compute with
it.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go


def table(figure: go.Figure) -> pd.DataFrame:
    """A row for each mark: its ``series``, its place on both axes, called what the axes are called,
    the ends of its interval, and its ``panel`` where there are several.

    Lines that only join or fill, which have no name, are left out.
    """
    across, along = _title(figure, "xaxis"), _title(figure, "yaxis")
    panels = _panels(figure)
    rows = []
    for trace in figure.data:
        series = trace.name or trace.legendgroup
        if series or len(figure.data) == 1:
            panel = panels.get(getattr(trace, "yaxis", None) or "y")
            marks = _marks(trace, across, along)
            rows += [{"series": series} | mark | {"panel": panel} for mark in marks]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def _marks(trace: Any, across: str | None, along: str | None) -> list[dict[str, Any]]:
    """What a trace shows: a cell of an image, or a point with the ends of its interval."""
    if trace.type == "heatmap":
        across, along = across or "x", along or "y"
        places_x = _values(trace.x) or range(len(trace.z[0]))
        places_y = _values(trace.y) or range(len(trace.z))
        return [
            {across: x, along: y, "value": value}
            for y, line in zip(places_y, trace.z, strict=True)
            for x, value in zip(places_x, line, strict=True)
        ]
    x, y, texts = _places(trace), _values(trace.y), _values(trace.text)
    across, along = across or _untitled(x, "x"), along or _untitled(y, "y")
    rows = [
        {across: each_x, along: each_y}
        for each_x, each_y in zip(x or range(len(y)), y, strict=True)
    ]
    for values, error in ((x, trace.error_x), (y, trace.error_y)):
        for row, (low, high) in zip(rows, _ends(values, error), strict=False):
            row |= {"low": low, "high": high}
    if len(texts) == len(rows):
        rows = [row | {"name": text} for row, text in zip(rows, texts, strict=True)]
    return [row for row in rows if row[across] is not None and row[along] is not None]


def _places(trace: Any) -> list:
    """Where marks stand on the x axis: those set aside by less than half a step, so that they do
    not cover each other, say where they belong in their custom data.
    """
    x, belongs = _values(trace.x), _values(trace.customdata)
    numbers = len(x) == len(belongs) and all(
        isinstance(each, int | float) for each in (*x, *belongs)
    )
    near = numbers and all(
        abs(place - exact) < 0.5 for place, exact in zip(x, belongs, strict=True)
    )
    return belongs if near and trace.type == "scatter" else x


def _ends(values: Sequence, error: Any) -> list[tuple[float, float]]:
    above = _values(error.array)
    below = _values(error.arrayminus) or above
    return [
        (value - minus, value + plus)
        for value, minus, plus in zip(values, below, above, strict=False)
    ]


def _values(values: Any) -> list:
    """Plain Python numbers and words; none of what is not there or is one word for all."""
    if values is None or isinstance(values, str):
        return []
    return [each.item() if hasattr(each, "item") else each for each in values]


def _title(figure: go.Figure, kind: str) -> str | None:
    """What the axes of one kind measure, where they say the same."""
    axes = [figure.layout[name] for name in figure.layout if name.startswith(kind)]
    said = {axis.title.text.replace("<br>", " ") for axis in axes if axis.title.text}
    return said.pop() if len(said) == 1 else None


def _untitled(values: Sequence, otherwise: str) -> str:
    return "label" if any(isinstance(value, str) for value in values) else otherwise


def _panels(figure: go.Figure) -> dict[str, str]:
    """The title of each panel by its y axis, where there are several."""
    axes = {
        name.replace("axis", ""): figure.layout[name].title.text
        for name in figure.layout
        if name.startswith("yaxis")
    }
    for note in figure.layout.annotations:
        if str(note.yref).endswith(" domain"):
            axes[note.yref.removesuffix(" domain")] = note.text
    return axes if len(axes) > 1 else {}
