"""Person and environment apart, as lines over four cells."""

from collections.abc import Mapping

import plotly.graph_objects as go

from vop_core.plots import style

LINES = (style.PERSONAL, style.CONTROLS["wrong-person"])


def factorial_figure(
    lines: Mapping[str, Mapping[str, style.Level]], base: float, *, height: int = 340
) -> go.Figure:
    """A line for each giver of clips over the environments in which they were given, and
    everybody's model across; shares in [0, 1]. Parallel lines: what the person adds does not depend
    on the room.
    """
    figure = go.Figure()
    said = []
    for (name, levels), look in zip(lines.items(), LINES, strict=True):
        style.add_levels(figure, name, levels, look)
        said.append(
            f"{name}: "
            + style.listing(
                [f"{where} {style.percent(mean)}" for where, (mean, *_) in levels.items()]
            )
        )
    places = list(next(iter(lines.values())))
    figure.add_scatter(
        x=places,
        y=[base] * len(places),
        name=style.GLOBAL.name,
        mode="lines",
        line=style.GLOBAL.line(),
    )
    return style.finish(
        figure,
        alt=f"Right answers. {'; '.join(said)}; {style.GLOBAL.name} {style.percent(base)}.",
        height=height,
        x={"title": "where the enrolled clips were heard"},
        y={"title": "right answers", "tickformat": ".0%"},
    )
