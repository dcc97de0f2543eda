"""The bench, drawn: every method against the others, with intervals over persons.

All values arrive computed, as the plain rows of a suite's summary; these functions choose ink and
words only. Accuracies are fractions, NLL is in nats.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from vop_core.plots import style

Row = Mapping[str, Any]
ROLES = {
    "global": style.GLOBAL,
    "vop": style.PERSONAL,
    "global model": style.GLOBAL,  # as the app calls them
    "personal models": style.PERSONAL,
}
READS = {  # what a method reads -> how its difference is drawn
    "nothing": style.Role("nothing", "#7C8694", "dot", "circle-open"),
    "unlabeled clips": style.Role("unlabeled clips", "#5468E0", "solid", "diamond"),
    "labels": style.Role("labels", "#12907F", "dash", "square"),
    "unlabeled clips and gradients": style.Role(
        "unlabeled clips and gradients", "#9A6FD0", "dashdot", "triangle-up"
    ),
    "labels and gradients": style.Role("labels and gradients", "#D1495B", "longdash", "x"),
}
ENROLLED_BY = {  # row of a method -> how it is drawn
    "own": style.Role("own clips", style.PERSONAL.colour, "solid", "diamond"),
    "mixed": style.CONTROLS["mixed"],
    "wrong-person": style.CONTROLS["wrong-person"],
    "prior": style.Role("prior", "#7C8694", "dash", "square-open"),
}
FEWEST_OF_A_BIN = 10  # clips in a confidence bin that a reliability diagram still draws
LINE_HEIGHT = 26  # pixels of one method
# factor from one line's clips to the next's, so that intervals stand beside each other
ASIDE = 1.02


def look_of(variant: str, index: int) -> style.Role:
    """How a method is drawn where each has a line of its own."""
    known = ROLES.get(variant) or style.clip_role(index)
    return style.Role(variant, known.colour, known.dash, known.symbol)


def shots_figure(
    points: Sequence[Row], *, shown: Sequence[str] | None = None, height: int = 460
) -> go.Figure:
    """Accuracy by number of enrollment clips, 95 % intervals over persons; unknown persons, the
    same at every point.

    Methods that are not ``shown`` (None: all) wait in the legend.
    """
    figure = go.Figure()
    said = []
    beside = 0
    for index, (variant, line) in enumerate(_by_variant(points).items()):
        bounds = [point["accuracy"]["ci95"] for point in line]
        values = [point["accuracy"]["mean"] for point in line]
        look = look_of(variant, index)
        low, high = zip(*bounds, strict=True) if all(bounds) else (None, None)
        error = style.interval(values, low, high, look.fill(0.6))
        _line(figure, line, values, look, shown, error=error, factor=ASIDE**beside)
        if shown is None or variant in shown:
            beside += 1
            said.append(_ends(variant, line, [style.percent(value) for value in values]))
    _clip_axis(figure, points)
    return _with_side_legend(
        style.finish(
            figure, alt=" ".join(said), height=height, y={"tickformat": ".3~p", "title": "accuracy"}
        )
    )


def certainty_figure(
    points: Sequence[Row], *, shown: Sequence[str] | None = None, height: int = 560
) -> go.Figure:
    """NLL, and coverage of label sets worth 90 %, by number of clips: does more evidence make surer
    *and* right?
    """
    figure = style.two_panels(
        {"title": "NLL, nats"}, {"title": "coverage of 90 % sets", "tickformat": ".0%"}, {}
    )
    said = []
    for index, (variant, line) in enumerate(_by_variant(points).items()):
        look = look_of(variant, index)
        for row, name in ((1, "nll"), (2, "coverage")):
            values = [point[name] for point in line]
            _line(figure, line, values, look, shown, legend=row == 1, row=row, col=1)
        if shown is None or variant in shown:
            said.append(_ends(variant, line, [f"NLL {point['nll']:.2f}" for point in line]))
    figure.add_hline(y=0.9, line={"color": style.AXIS, "dash": "dash", "width": 1}, row=2, col=1)
    _clip_axis(figure, points)
    figure.update_xaxes(title=None, row=1, col=1)
    return _with_side_legend(style.finish(figure, alt=" ".join(said), height=height))


def forest_figure(rows: Sequence[Row], reads: Mapping[str, str]) -> go.Figure:
    """Each method's paired difference to global in points, 95 % intervals; ``reads``: variant ->
    what it reads.
    """
    tested = [row for row in rows if row["versus_global"] is not None]
    figure = go.Figure()
    for what, look in READS.items():
        mine = [row for row in tested if reads.get(row["variant"]) == what]
        if not mine:
            continue
        found = [row["versus_global"]["accuracy"] for row in mine]
        values, bounds = [100 * each["mean"] for each in found], [each["ci95"] for each in found]
        # a missing interval is drawn as none: both ends at the mean
        low, high = (
            [100 * (b[e] if b else f["mean"]) for b, f in zip(bounds, found, strict=True)]
            for e in (0, 1)
        )
        figure.add_scatter(
            x=values,
            y=[row["variant"] for row in mine],
            error_x=style.interval(values, low, high, look.colour),
            mode="markers",
            name=what,
            marker=look.marker(10, edge=2),
            customdata=[_interval_words(estimate) for estimate in found],
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    figure.add_vline(x=0, line={"color": style.AXIS, "width": 1.5})
    _method_axis(figure, [row["variant"] for row in tested])
    said = [
        f"{row['variant']}: {_interval_words(row['versus_global']['accuracy'])}." for row in tested
    ]
    return style.finish(
        figure,
        alt=" ".join(said),
        height=_height(len(tested)),
        top=56,
        x={"title": "points against global", "zeroline": False},
    )


def control_figure(rows: Sequence[Row]) -> go.Figure:
    """Accuracy with the right person's clips, mixed, wrong and none at all, joined for each
    method.
    """
    personal = [row for row in rows if row["controls"]]
    figure = go.Figure()
    for row in personal:
        values = [
            row["accuracy"]["mean"],
            *(row["controls"][name] for name in ENROLLED_BY if name in row["controls"]),
        ]
        figure.add_scatter(
            x=[min(values), max(values)],
            y=[row["variant"]] * 2,
            mode="lines",
            line={"color": style.AXIS, "width": 3},
            hoverinfo="skip",
            showlegend=False,
        )
    said = []
    for name, look in ENROLLED_BY.items():
        pairs = [
            (
                row["variant"],
                row["accuracy"]["mean"] if name == "own" else row["controls"].get(name),
            )
            for row in personal
        ]
        pairs = [(variant, value) for variant, value in pairs if value is not None]
        if not pairs:
            continue
        figure.add_scatter(
            x=[value for _, value in pairs],
            y=[variant for variant, _ in pairs],
            mode="markers",
            name=look.name,
            marker=look.marker(10, edge=2),
            hovertemplate=f"%{{y}}, {look.name}: %{{x:.1%}}<extra></extra>",
        )
        said.append(
            f"{look.name}: "
            + ", ".join(f"{variant} {100 * value:.1f} %" for variant, value in pairs)
            + "."
        )
    _method_axis(figure, [row["variant"] for row in personal])
    return style.finish(
        figure,
        alt=" ".join(said),
        height=_height(len(personal)),
        top=56,
        x={"tickformat": ".1%", "title": "accuracy"},
    )


def reliability_figure(
    bins: Mapping[str, Sequence[Sequence[float]]],
    *,
    shown: Sequence[str] | None = None,
    height: int = 460,
) -> go.Figure:
    """Share of right answers by confidence, all persons' clips; on the diagonal a method keeps its
    word.

    ``bins``: variant -> clips, summed confidence and right answers of each bin. A bin of a handful
    of clips is left out of the curve, where it would shout; not out of the words.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="keeps its word",
        line={"color": style.AXIS, "dash": "dash", "width": 1.5},
        hoverinfo="skip",
    )
    said = []
    for index, (variant, found) in enumerate(bins.items()):
        filled = [
            (count, confidence / count, right / count)
            for count, confidence, right in found
            if count
        ]
        drawn = [each for each in filled if each[0] >= FEWEST_OF_A_BIN]
        if not filled:
            continue
        look = look_of(variant, index)
        figure.add_scatter(
            x=[round(confidence, 4) for _, confidence, _ in drawn],
            y=[round(right, 4) for *_, right in drawn],
            customdata=[count for count, *_ in drawn],
            mode="lines+markers",
            name=variant,
            visible=_visible(variant, shown),
            line=look.line(1.5),
            marker=look.marker(8),
            hovertemplate=f"{variant}<br>said %{{x:.1%}}, right %{{y:.1%}}, %{{customdata:.0f}} "
            f"clips<extra></extra>",
        )
        total = sum(count for count, *_ in filled)
        gap = sum(count * (confidence - right) for count, confidence, right in filled) / total
        if shown is None or variant in shown:
            said.append(
                f"{variant} is {100 * abs(gap):.1f} points {'more' if gap > 0 else 'less'} "
                "confident than right."
            )
    return _with_side_legend(
        style.finish(
            figure,
            alt=" ".join(said),
            height=height,
            x={"range": [-0.02, 1.02], "tickformat": ".0%", "title": "confidence"},
            y={"range": [-0.02, 1.02], "tickformat": ".0%", "title": "right answers"},
        )
    )


def cost_figure(rows: Sequence[Row], methods: Sequence[Row], *, height: int = 460) -> go.Figure:
    """Accuracy against the time to enroll a person, in forward passes of one clip (logarithmic)."""
    about = {method["variant"]: method for method in methods}
    figure = go.Figure()
    said = []
    for index, row in enumerate(rows):
        method = about[row["variant"]]
        passes, estimate = method["cost"].get("enrollment_passes"), row["accuracy"]
        if passes is None or method["reads"] == "nothing":
            continue
        look = look_of(row["variant"], index)
        low, high = ([end] for end in estimate["ci95"]) if estimate["ci95"] else (None, None)
        figure.add_scatter(
            x=[passes],
            y=[estimate["mean"]],
            error_y=style.interval([estimate["mean"]], low, high, look.fill(0.5)),
            mode="markers",
            name=row["variant"],
            marker=look.marker(11, edge=2),
            hovertemplate=f"{row['variant']}: %{{x:.1f}} passes, %{{y:.1%}}<extra></extra>",
        )
        said.append(f"{row['variant']}: {passes:.1f} passes, {100 * estimate['mean']:.1f} %.")
    level = next((row["accuracy"]["mean"] for row in rows if row["variant"] == "global"), None)
    if level is not None:
        figure.add_hline(y=level, line={"color": style.GLOBAL.colour, "dash": "dot", "width": 1.5})
        said.append(f"The line is global: {100 * level:.1f} %.")
    return _with_side_legend(
        style.finish(
            figure,
            alt=" ".join(said),
            height=height,
            x={"type": "log", "title": "enrollment, in forward passes of one clip"},
            y={"tickformat": ".0%", "title": "accuracy"},
        )
    )


# --- what they share ------------------------------------------------------------------------------


def _by_variant(points: Sequence[Row]) -> dict[str, list[Row]]:
    variants = dict.fromkeys(point["variant"] for point in points)
    ordered = sorted(points, key=lambda point: point["shots"])
    return {each: [point for point in ordered if point["variant"] == each] for each in variants}


def _line(
    figure: go.Figure,
    line: Sequence[Row],
    values: Sequence[float],
    look: style.Role,
    shown: Sequence[str] | None,
    *,
    error: dict | None = None,
    legend: bool = True,
    factor: float = 1.0,
    **place: int,
) -> None:
    figure.add_scatter(
        x=[round(factor * point["shots"], 3) for point in line],
        customdata=[point["shots"] for point in line],
        y=list(values),
        error_y=error,
        mode="lines+markers",
        name=look.name,
        legendgroup=look.name,
        showlegend=legend,
        visible=_visible(look.name, shown),
        line=look.line(2),
        marker=look.marker(9, edge=2),
        hovertemplate=f"{look.name}, %{{customdata}} clips: %{{y:.3f}}<extra></extra>",
        **place,
    )


def _visible(variant: str, shown: Sequence[str] | None) -> bool | str:
    return True if shown is None or variant in shown else "legendonly"


def _clip_axis(figure: go.Figure, points: Sequence[Row]) -> None:
    clips = sorted({point["shots"] for point in points})
    persons = sorted({point["accuracy"]["persons"] for point in points})
    counts = " to ".join(map(str, dict.fromkeys(persons[:1] + persons[-1:])))
    figure.update_xaxes(
        type="log",
        tickvals=clips,
        ticktext=[str(n) for n in clips],
        title=f"enrollment clips (the same {counts} persons at every point)",
    )


def _method_axis(figure: go.Figure, variants: Sequence[str]) -> None:
    """First method on top; every one has its tick."""
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=list(variants)[::-1],
        tickmode="linear",
        showgrid=True,
        title=None,
    )


def _height(methods: int) -> int:
    return 130 + LINE_HEIGHT * max(methods, 1)


def _with_side_legend(figure: go.Figure) -> go.Figure:
    """Many methods: the legend stands beside the figure, and the figure is as high as its
    legend.
    """
    entries = sum(trace.showlegend is not False for trace in figure.data)
    figure.update_layout(height=max(figure.layout.height, 60 + LINE_HEIGHT * entries))
    where = {"orientation": "v", "x": 1.01, "xanchor": "left", "y": 1.0, "yanchor": "top"}
    return figure.update_layout(legend=where, margin={"t": 14})


def _interval_words(estimate: Row) -> str:
    said = f"{100 * estimate['mean']:+.1f} points"
    if estimate["ci95"] is None:
        return said
    return said + " [{:+.1f}, {:+.1f}]".format(*(100 * bound for bound in estimate["ci95"]))


def _ends(variant: str, line: Sequence[Row], words: Sequence[str]) -> str:
    if len(line) == 1:
        return f"{variant}: {words[0]} with {line[0]['shots']} clips."
    return (
        f"{variant}: {words[0]} with {line[0]['shots']} clips, {words[-1]} with "
        f"{line[-1]['shots']}."
    )
