"""Person and environment apart, as lines over four cells."""

from collections.abc import Mapping

import plotly.graph_objects as go

from vop_core.plots import style

Level = tuple[float, float, float]  # a mean, and its interval's ends
LINES = (style.PERSONAL, style.CONTROLS["wrong-person"])


def factorial_figure(
    lines: Mapping[str, Mapping[str, Level]], base: float, *, height: int = 340
) -> go.Figure:
    """A line for each giver of clips over the environments in which they were given, and
    everybody's model across; shares in [0, 1]. Parallel lines: what the person adds does not depend
    on the room.
    """
    figure = go.Figure()
    said = []
    for (name, levels), look in zip(lines.items(), LINES, strict=True):
        means, lows, highs = zip(*levels.values(), strict=True)
        figure.add_scatter(
            x=list(levels),
            y=list(means),
            name=name,
            mode="lines+markers",
            line=look.line(),
            marker=look.marker(11, edge=2),
            error_y=style.interval(means, lows, highs, look.colour),
        )
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
