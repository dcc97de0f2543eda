"""A figure of lines, marks and intervals as SVG: for a page that must be small and need no script.

It draws what the figures of persons, clips and thresholds hold: scatter traces with error bars and
filled bands, lines across, and linear or logarithmic axes. The ink is the page's own.
"""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go

from vop_core.plots import style

Number = float | int
LEFT, RIGHT, TOP, BOTTOM = 64.0, 16.0, 34.0, 48.0  # pixels around the drawing, at least
LETTER = 6.6  # pixels
DASHES = {"dot": "2 4", "dash": "7 5", "longdash": "11 5", "dashdot": "7 4 2 4"}
TICKS = 6


class _Axis(NamedTuple):
    """From a value to pixels."""

    start: Number
    end: Number
    low: Number
    high: Number
    logarithmic: bool
    ticks: Sequence[tuple[float, str]]

    def place(self, value: Number) -> float:
        value = math.log10(value) if self.logarithmic else value
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(self.start + share * (self.end - self.start), 1)


def as_svg(figure: go.Figure, *, width: int = 720) -> str:
    """The figure with its text alternative, ``width`` pixels wide."""
    height = figure.layout.height or 380
    traces = [trace for trace in figure.data if trace.visible in (None, True)]
    y = _axis(figure.layout.yaxis, traces, "y", height - BOTTOM, TOP)
    left = max(LEFT, 28 + LETTER * max((len(text) for _, text in y.ticks), default=0))
    x = _axis(figure.layout.xaxis, traces, "x", left, width - RIGHT)
    parts = list(_frame(figure, x, y, height))
    if figure.layout.showlegend:
        parts += _legend(traces, left)
    for shape in figure.layout.shapes:
        parts.append(_across(shape, x, y))
    for trace in traces:
        parts += _trace(trace, x, y)
    alt = escape(style.text_alternative(figure), quote=True)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{alt}" '
        f'fill="none" font-size="12">{"".join(parts)}</svg>'
    )


def _axis(axis: Any, traces: Sequence[Any], name: str, start: Number, end: Number) -> _Axis:
    logarithmic = axis.type == "log"
    values = [
        value
        for trace in traces
        for value in _reach(trace, name)
        if value is not None and math.isfinite(value)
    ]
    values = [math.log10(value) for value in values] if logarithmic else values
    low, high = axis.range or (min(values), max(values))
    if axis.range is None:
        margin = 0.06 * ((high - low) or 1)
        low, high = low - margin, high + margin
    if axis.autorange == "reversed":
        low, high = high, low
    if axis.tickvals is not None:
        ticks = list(zip(axis.tickvals, axis.ticktext or map(str, axis.tickvals), strict=True))
    else:
        ticks = [
            (at, _said(at, axis.tickformat))
            for value in _round_values(low, high)
            for at in [10.0**value if logarithmic else value]
        ]
    made = _Axis(start, end, low, high, logarithmic, ticks)
    edges = sorted((start, end))
    seen = [t for t in ticks if edges[0] - 1 <= made.place(t[0]) <= edges[1] + 1]
    return made._replace(ticks=seen)


def _reach(trace: Any, name: str) -> Iterator[float]:
    """All values that an axis must show, ends of intervals included."""
    values = list(trace[name] if trace[name] is not None else ())
    yield from values
    error = trace[f"error_{name}"]
    if error.array is not None:
        yield from (v + e for v, e in zip(values, error.array, strict=True))
        yield from (v - e for v, e in zip(values, error.arrayminus, strict=True))


def _round_values(low: Number, high: Number) -> list[float]:
    low, high = sorted((low, high))
    step = 10 ** math.floor(math.log10((high - low) / TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= TICKS)
    first = math.ceil(low / step)
    return [round(float(place * step), 10) for place in range(first, math.floor(high / step) + 1)]


def _said(value: Number, form: str | None) -> str:
    return f"{100 * value:g} %" if form and form[-1] in "%p" else f"{value:g}"


def _frame(figure: go.Figure, x: _Axis, y: _Axis, height: int) -> Iterator[str]:
    """Grid, ticks and titles."""
    for value, text in x.ticks:
        place = x.place(value)
        yield f'<path d="M{place} {y.start}V{y.end}" stroke="{style.GRID}"/>'
        yield _text(place, height - BOTTOM + 17, text, "middle")
    for value, text in y.ticks:
        place = y.place(value)
        yield f'<path d="M{x.start} {place}H{x.end}" stroke="{style.GRID}"/>'
        yield _text(x.start - 7, place + 4, text, "end")
    if figure.layout.xaxis.title.text:
        yield _text((x.start + x.end) / 2, height - 8, figure.layout.xaxis.title.text, "middle")
    if figure.layout.yaxis.title.text:
        middle = (y.start + y.end) / 2
        turned = f'transform="rotate(-90 14 {middle})"'
        yield _text(14.0, middle, figure.layout.yaxis.title.text, "middle", turned)


def _legend(traces: Sequence[Any], place: Number) -> Iterator[str]:
    for trace in traces:
        if trace.name and trace.showlegend is not False:
            yield _mark(trace, place + 9, 14.0)
            if "lines" in (trace.mode or ""):
                yield f'<path d="M{place} 14h18" {_stroke(trace)}/>'
            yield _text(place + 24, 18.0, trace.name, "start")
            place += 44 + LETTER * len(trace.name)


def _text(x: Number, y: Number, text: str, anchor: str, more: str = "") -> str:
    said = escape(str(text).replace("<br>", " "))
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="currentColor" {more}>{said}</text>'


def _across(shape: Any, x: _Axis, y: _Axis) -> str:
    dash = DASHES.get(shape.line.dash or "", "")
    if shape.x0 == shape.x1:
        path = f"M{x.place(shape.x0)} {y.start}V{y.end}"
    else:
        path = f"M{x.start} {y.place(shape.y0)}H{x.end}"
    return f'<path d="{path}" stroke="{shape.line.color}" stroke-dasharray="{dash}"/>'


def _trace(trace: Any, x: _Axis, y: _Axis) -> Iterator[str]:
    points = [(x.place(a), y.place(b)) for a, b in zip(trace.x, trace.y, strict=True)]
    if trace.fill == "toself":
        yield f'<polygon points="{_joined(points)}" fill="{trace.fillcolor}"/>'
        return
    if "lines" in trace.mode:
        steps = points
        if trace.line.shape == "vh":
            steps = [points[0]]
            for after in points[1:]:
                steps += [(steps[-1][0], after[1]), after]
        yield f'<polyline points="{_joined(steps)}" {_stroke(trace)}/>'
    for (a, b), value_x, value_y, place in zip(
        points, trace.x, trace.y, range(len(points)), strict=True
    ):
        if trace.error_x.array is not None:
            left = x.place(value_x - trace.error_x.arrayminus[place])
            right = x.place(value_x + trace.error_x.array[place])
            ink = f'stroke="{trace.error_x.color}" stroke-width="1.5"'
            yield f'<path d="M{left} {b}H{right}" {ink}/>'
        if trace.error_y.array is not None:
            down = y.place(value_y - trace.error_y.arrayminus[place])
            up = y.place(value_y + trace.error_y.array[place])
            ink = f'stroke="{trace.error_y.color}" stroke-width="1.5"'
            yield f'<path d="M{a} {down}V{up}" {ink}/>'
        if "markers" in trace.mode:
            yield _mark(trace, a, b)


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{a},{b}" for a, b in points)


def _stroke(trace: Any) -> str:
    dash = DASHES.get(trace.line.dash or "", "")
    width = trace.line.width or 2
    return f'stroke="{trace.line.color}" stroke-width="{width}" stroke-dasharray="{dash}"'


def _mark(trace: Any, x: Number, y: Number) -> str:
    if "markers" not in (trace.mode or ""):
        return ""
    colour, size = trace.marker.color, (trace.marker.size or 8) / 2
    symbol = str(trace.marker.symbol or "circle")
    name = symbol.removesuffix("-open").removesuffix("-thin")
    drawn = f'stroke="{colour}" stroke-width="1.5" opacity="{trace.marker.opacity or 1}"'
    filled = "none" if symbol.endswith("-open") else colour
    paths = {
        "diamond": f"M{x - size} {y}L{x} {y - size}L{x + size} {y}L{x} {y + size}Z",
        "square": f"M{x - size} {y - size}h{2 * size}v{2 * size}h{-2 * size}Z",
        "triangle-up": f"M{x - size} {y + size}L{x} {y - size}L{x + size} {y + size}Z",
        "x": f"M{x - size} {y - size}L{x + size} {y + size}M{x - size} {y + size}"
        f"L{x + size} {y - size}",
    }
    if name in paths:
        return f'<path d="{paths[name]}" fill="{filled}" {drawn}/>'
    return f'<circle cx="{x}" cy="{y}" r="{size}" fill="{filled}" {drawn}/>'
