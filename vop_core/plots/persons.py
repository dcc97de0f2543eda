"""One dot a person: who is served well, who is not, and how much of the difference chance alone
would make.
"""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from vop_core.plots import style

EXPECTED = style.Role("if all were alike", "#7C8694", "dash", "line-ns-open")
WORST = style.Role("worst served", "#D1495B", "solid", "x")


def persons_figure(
    accuracy: Mapping[str, float],
    *,
    low: Sequence[float],
    high: Sequence[float],
    expected: tuple[float, float],
    height: int = 380,
) -> go.Figure:
    """Each person's share of right answers, worst first, with an interval of its own.

    ``low`` and ``high`` are the intervals' ends, in the order of ``accuracy``; ``expected`` is
    where 95 % of persons would lie if all had the same true share.
    """
    names = list(accuracy)
    order = sorted(range(len(names)), key=lambda index: (accuracy[names[index]], names[index]))
    values = [accuracy[names[index]] for index in order]
    mean = sum(values) / len(values)
    figure = go.Figure()
    figure.add_hrect(
        y0=100 * expected[0],
        y1=100 * expected[1],
        line_width=0,
        fillcolor=EXPECTED.fill(0.18),
        annotation={
            "text": "95 % of persons would be here if all were alike",
            "font": {"color": style.PRIOR.colour},
        },
        annotation_position="bottom right",
    )
    figure.add_hline(y=100 * mean, line={"color": EXPECTED.colour, "dash": EXPECTED.dash})
    for role, chosen in ((WORST, range(1)), (style.GLOBAL, range(1, len(order)))):
        figure.add_scatter(
            x=list(chosen),
            y=[100 * values[place] for place in chosen],
            mode="markers",
            name=role.name,
            marker=role.marker(9),
            error_y=style.interval(
                [100 * values[place] for place in chosen],
                [100 * low[order[place]] for place in chosen],
                [100 * high[order[place]] for place in chosen],
                role.colour,
            ),
            text=[names[order[place]] for place in chosen],
            hovertemplate="%{text}<br>%{y:.0f} % right<extra></extra>",
        )
    alt = (
        f"Right answers of one global model for {len(order)} persons: {100 * mean:.0f} % on "
        f"average, {100 * values[0]:.0f} % for {names[order[0]]}, {100 * values[-1]:.0f} % for the "
        "best served. If all were alike, 95 % of persons would lie between "
        f"{100 * expected[0]:.0f} and {100 * expected[1]:.0f} %."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": f"{len(order)} persons, worst served first", "showticklabels": False},
        y={"title": "right answers, %", "range": [0, 103]},
    )


def truth_figure(
    words: Sequence[str], models: Mapping[str, Sequence[float]], *, who: str, height: int = 340
) -> go.Figure:
    """Each model's probability of the word that was really said, for each of one person's clips."""
    figure = go.Figure()
    roles = {"global": style.GLOBAL, "personal": style.PERSONAL}
    numbered = [f"{word} ({number})" for number, word in enumerate(words, start=1)]
    for name, probabilities in models.items():
        role = roles[name]
        figure.add_scatter(
            x=[100 * each for each in probabilities],
            y=numbered,
            mode="markers",
            name=f"{name} model",
            marker=role.marker(11, edge=2),
        )
    said = [
        f"the {name} model gives it {100 * sum(each) / len(each):.0f} % on average"
        for name, each in models.items()
    ]
    alt = f"{who}: the word that was said, in {len(words)} clips; {style.listing(said)}."
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": "probability of the word that was said, %", "range": [-2, 102]},
        y={"autorange": "reversed"},
    )


def gains_figure(
    gains: Mapping[str, Sequence[float]],
    intervals: Mapping[str, tuple[float, float, float]],
    *,
    what: str,
    height: int = 380,
) -> go.Figure:
    """A dot a person: points gained over the global model, for whose clips enrolled; means with
    intervals beside them.

    ``gains`` in points by whose clips, ``intervals`` the mean and its ends.
    """
    figure = go.Figure()
    looks = (style.PERSONAL, style.CONTROLS["wrong-person"], style.CONTROLS["mixed"])
    for (name, values), role in zip(gains.items(), looks, strict=False):
        spread = [
            0.25 * ((7 * index) % 11 - 5) / 5 for index in range(len(values))
        ]  # so that dots do not hide each other
        place = list(gains).index(name)
        figure.add_scatter(
            x=list(values),
            y=[place + shift for shift in spread],
            mode="markers",
            name=name,
            marker={"color": role.colour, "symbol": role.symbol, "size": 7, "opacity": 0.55},
            hovertemplate="%{x:+.0f} points<extra></extra>",
        )
        mean, low, high = intervals[name]
        figure.add_scatter(
            x=[mean],
            y=[place + 0.4],
            mode="markers",
            showlegend=False,
            error_x=style.interval([mean], [low], [high], role.colour),
            marker={"color": role.colour, "symbol": "diamond", "size": 12},
            hovertemplate=f"mean {mean:+.1f} [{low:+.1f}, {high:+.1f}]<extra></extra>",
        )
    figure.add_vline(x=0, line={"color": style.AXIS, "width": 1.5})
    said = [
        f"with {name} {mean:+.1f} points [{low:+.1f}, {high:+.1f}]"
        for name, (mean, low, high) in intervals.items()
    ]
    return style.finish(
        figure,
        alt=f"{what}, against the global model: {style.listing(said)}.",
        height=height,
        legend=False,
        x={"title": "points against global;<br>mean with 95 % interval above"},
        y={
            "tickvals": list(range(len(gains))),
            "ticktext": list(gains),
            "range": [-0.5, len(gains) - 0.3],
        },
    )
