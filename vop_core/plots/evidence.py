"""Is the narrowing earned? What more clips do to the posterior's width, and to answers that can be
wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from vop_core.evaluation.narrowing import LearningCurve, ScoreCurve, common_curves
from vop_core.plots import style

METHODS = {  # method and row of the evaluation -> how it is drawn
    ("vop", "own"): style.Role("personal", style.PERSONAL.colour, "solid", "diamond"),
    ("global", "own"): style.Role("global", style.GLOBAL.colour, "dot", "circle-open"),
    ("vop", "wrong-person"): style.CONTROLS["wrong-person"],
}
SCORES = {"accuracy": "accuracy", "nll": "NLL in nats"}
# of a clip, so that intervals stand beside each other
ASIDE = {("global", "own"): 0.1, ("vop", "wrong-person"): -0.1}
OWN = style.Role("this synthetic person", style.CLIP.colour, "dash", "square-open")


@dataclass(frozen=True)
class _Line:
    """One line over the number of clips; ``low`` and ``high`` are the ends of its bars where it has
    some.
    """

    look: style.Role
    clips: Sequence[int]
    values: Sequence[float]
    aside: float = 0.0
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def narrowing_figure(
    curve: LearningCurve,
    rows: Sequence[Mapping],  # of an evaluation on real people
    *,
    score: str = "accuracy",  # or "nll"
    height: int = 430,
) -> go.Figure:
    """Above, how narrow the posterior gets with each clip; below, on the same axis, what that is
    worth.

    The lower panel shows the evaluation's rows of persons the model never heard, the same persons
    at every point, and the visit's own synthetic person where the words are known. Bars are 95 %
    intervals of the difference from the personal model, paired over persons. ``height`` in pixels.
    """
    look = style.Role("width", style.PERSONAL.colour, "solid", "diamond")
    width = _Line(look, curve.clips, curve.width)
    curves, persons = common_curves(rows, tuple(METHODS), score=score)
    lines = [_line(name, curves[name]) for name in METHODS if name in curves]
    own = curve.accuracy if score == "accuracy" else curve.nll
    lines.append(_Line(OWN, curve.clips if own else (), own))
    lines = [line for line in lines if line.clips]
    figure = style.two_panels(
        {"range": [0, 1.08], "nticks": 4},
        {"tickformat": ".0%" if score == "accuracy" else ".2f", "nticks": 5},
        {"title": "number of clips"},
        spacing=0.13,
        heights=(0.38, 0.62),
    )
    _add(figure, width, row=1, legend=False)
    for line in lines:
        _add(figure, line, row=2)
    who = "no results yet"
    if lines:
        who = f"{persons} people never heard" if persons else "this synthetic person"
    _headline(figure, "How narrow: sd / prior sd, your clips", row=1)
    _headline(figure, f"How good: {SCORES[score]}, {who}", row=2)
    most = max((line.clips[-1] for line in [width, *lines] if line.clips), default=1)
    figure.update_xaxes(range=[-0.4, most + 0.4], dtick=1, showgrid=False, zeroline=False)
    style.finish(figure, alt=_words(width, lines, score, persons), height=height, top=30)
    return figure.update_layout(legend={"y": -0.17, "yanchor": "top"})


def _headline(figure: go.Figure, text: str, *, row: int) -> None:
    """A panel's title, above it, at its left edge."""
    edge = {"xref": "x domain", "yref": "y domain", "xanchor": "left", "yanchor": "bottom"}
    figure.add_annotation(
        text=text,
        x=0,
        y=1,
        showarrow=False,
        yshift=5,
        row=row,
        col=1,
        **edge,
    )


def _line(name: tuple[str, str], curve: ScoreCurve) -> _Line:
    aside = ASIDE.get(name, 0.0)
    return _Line(METHODS[name], curve.clips, curve.values, aside, curve.low, curve.high)


def _add(figure: go.Figure, line: _Line, *, row: int, legend: bool = True) -> None:
    look = line.look
    figure.add_scatter(
        x=[clips + line.aside for clips in line.clips],
        customdata=list(line.clips),
        y=list(line.values),
        error_y=style.interval(line.values, line.low, line.high, look.colour),
        mode="lines+markers",
        name=look.name,
        showlegend=legend,
        line=look.line(2),
        marker=look.marker(9, edge=2),
        hovertemplate=f"{look.name}<br>%{{customdata}} clips: %{{y:.3f}}<extra></extra>",
        row=row,
        col=1,
    )


def _words(width: _Line, lines: Sequence[_Line], score: str, persons: int) -> str:
    def said(value: float) -> str:
        return style.percent(value) if score == "accuracy" else f"{value:.2f}"

    parts = [
        f"The posterior's standard deviation goes to {style.percent(width.values[-1])} of the "
        f"prior's with {width.clips[-1]} clips."
    ]
    parts += [
        f"{line.look.name}: {score} {said(line.values[0])} with {line.clips[0]} clips, "
        f"{said(line.values[-1])} with {line.clips[-1]}."
        for line in lines
    ]
    if persons:
        parts.append(
            f"Points are means over the same {persons} people; bars are 95 % intervals of the "
            "difference from the personal model, paired over them."
        )
    return " ".join(parts)
