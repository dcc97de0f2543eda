"""What a right answer to an exercise draws, with the reader's own answer on top."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from vop_core.plots import style


def answer_figure(
    across: str,
    down: str,
    places: Sequence[float],
    wanted: Sequence[float],
    found: Sequence[float] | None = None,
    *,
    height: int = 280,
) -> go.Figure:
    """``wanted`` against ``places`` as a broad line; ``found``, where there is an answer, as marks.

    A number of ``found`` that is not finite is left out. ``across`` and ``down`` name the axes.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=list(places),
        y=list(wanted),
        mode="lines",
        name="a right answer",
        line={"color": style.PRIOR.colour, "width": 7},
        opacity=0.55,
    )
    alt = (
        f"What a right answer draws: {down}, against {across}, goes from {wanted[0]:.4g} at "
        f"{places[0]:g} to {wanted[-1]:.4g} at {places[-1]:g}, between {min(wanted):.4g} and "
        f"{max(wanted):.4g}."
    )
    if found is not None:
        figure.add_scatter(
            x=list(places),
            y=[value if math.isfinite(value) else None for value in found],
            mode="markers",
            name="your answer",
            marker=style.PERSONAL.marker(7),
        )
        alt += f" {_compared(places, wanted, found)}"
    figure.update_layout(showlegend=True)
    return style.finish(figure, alt=alt, height=height, x={"title": across}, y={"title": down})


def _compared(places: Sequence[float], wanted: Sequence[float], found: Sequence[float]) -> str:
    drawn = [
        (place, goal, value)
        for place, goal, value in zip(places, wanted, found, strict=True)
        if math.isfinite(value)
    ]
    if not drawn:
        return "Your answer draws nothing yet."
    place, goal, value = max(drawn, key=lambda each: abs(each[2] - each[1]))
    if math.isclose(value, goal, rel_tol=1e-3, abs_tol=1e-6) and len(drawn) == len(places):
        return "Your answer lies on it."
    return f"Your answer is farthest from it at {place:g}: {value:.4g} instead of {goal:.4g}."
