"""Figures of a research desk: weights over layers, persons in a plane, width beside coverage,
draws, and methods side by side.

All tables arrive computed (:mod:`vop_core.models.inspection`); these functions choose ink only.
"""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from vop_core.plots import style
from vop_core.text import counted

ELLIPSE = math.sqrt(-2 * math.log(1 - 0.9))  # radius that holds 90 % of a Gaussian in a plane
MEASURES = {  # column -> title, colour scale, its middle
    "width": ("Width: sd / prior sd", "Viridis", None),
    "kl": ("KL from the prior, nats", "Cividis", None),
    "moved": ("Shift, prior sds", "Viridis", 0.0),
}
RING = {"size": 17, "symbol": "square-open", "color": "#C22BB0", "line": {"width": 3}}


def layer_map_figure(
    table: pd.DataFrame, measure: str, *, marked: tuple[str, int] | None = None, height: int = 270
) -> go.Figure:
    """Every weight as a square, a row a layer; ``customdata`` is (layer, weight), so that a page
    can select it, and the weight ``marked`` is ringed.

    ``measure`` is a column of the table among ``MEASURES``.
    """
    title, scale, middle = MEASURES[measure]
    named = _short_titles(table)
    values = table[measure]
    figure = go.Figure()
    colours = {"colorscale": scale, "color": values, "showscale": True}
    if middle is not None:
        reach = float(values.abs().max()) or 1.0
        colours |= {"cmin": middle - reach, "cmax": middle + reach}
    figure.add_scatter(
        x=table["weight"] + 1,
        y=table["layer"].map(named),
        mode="markers",
        marker={
            "symbol": "square",
            "size": 11,
            "colorbar": {"title": {"text": title, "side": "right"}, "thickness": 14},
            "line": {"width": 0.5, "color": style.AXIS},
            **colours,
        },
        customdata=list(zip(table["layer"], table["weight"], strict=True)),
        text=table["name"],
        hovertemplate="%{y}, %{text}<br>%{marker.color:.3f}<extra></extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    if marked is not None:
        figure.add_scatter(
            x=[marked[1] + 1], y=[named[marked[0]]], mode="markers", marker=RING, hoverinfo="skip"
        )
    most = table.loc[values.abs().idxmax()]
    alt = (
        f"{title}, of {len(table)} weights in {counted(len(named), 'layer')}: from "
        f"{values.min():.2f} to {values.max():.2f}. Farthest from 0: {most['name']} of "
        f"{named[most['layer']]}."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        legend=False,
        x={"title": "weight of the layer"},
        y={"categoryorder": "array", "categoryarray": list(named.values())[::-1]},
    )


def _short_titles(table: pd.DataFrame) -> dict[str, str]:
    """What the layers are called on axes."""
    titles = dict(zip(table["layer"], table["title"], strict=True))
    return {layer: title.partition(":")[0] for layer, title in titles.items()}


def layer_profile_figure(
    table: pd.DataFrame, *, marked: str | None = None, height: int = 330
) -> go.Figure:
    """Each layer's width (geometric mean) above, and its divergence a weight below; the layer
    ``marked`` is drawn full, the others pale.
    """
    by_layer = table.groupby("layer", sort=False)
    width = np.exp(np.log(table["width"]).groupby(table["layer"], sort=False).mean())
    told = by_layer["kl"].mean()
    figure = style.two_panels(
        {"title": "width", "rangemode": "tozero"},
        {"title": "KL, nats a weight", "rangemode": "tozero"},
        {},
        spacing=0.1,
    )
    layers, named = list(width.index), _short_titles(table)
    looks = (style.PERSONAL, style.CLIP)
    for row, (values, role) in enumerate(zip((width, told), looks, strict=True), start=1):
        figure.add_bar(
            x=[named[layer] for layer in layers],
            y=values,
            customdata=[(layer, None) for layer in layers],
            marker={
                "color": [role.fill(0.9 if layer == marked else 0.4) for layer in layers],
                "line": {"color": role.colour, "width": 1.5},
            },
            hovertemplate="%{x}: %{y:.3f}<extra></extra>",
            row=row,
            col=1,
        )
    said = [f"{named[layer]} {width[layer]:.2f} and {told[layer]:.2f}" for layer in layers]
    alt = f"Width (of the prior's) and KL (nats a weight) of each layer: {style.listing(said)}."
    return style.finish(figure, alt=alt, height=height, legend=False)


def persons_plane_figure(
    table: pd.DataFrame,
    share: tuple[float, float],
    *,
    by: str = "person",
    you: pd.DataFrame | None = None,
    height: int = 520,
) -> go.Figure:
    """Persons' posterior means in their principal plane, with 90 % ellipses; coloured and shaped by
    ``by``, a column of the table. ``you`` are lines of the same form, drawn large.
    """
    figure = go.Figure()
    for number, (name, own) in enumerate(table.groupby(by, sort=False)):
        _add_persons(figure, own, str(name), style.clip_role(number), 9)
    if you is not None:
        _add_persons(figure, you, str(you["person"].iloc[0]), style.PERSONAL, 16)
    figure.add_scatter(
        x=[None], y=[None], mode="lines", line={"color": style.AXIS, "width": 1}, name="90 %"
    )
    persons = table["person"].nunique()
    apart = float(table[["x", "y"]].std().pow(2).sum() ** 0.5)
    inside = float((table["var_x"] + table["var_y"]).mean() ** 0.5)
    alt = (
        f"Posterior means of {counted(persons, 'person')} in the plane in which they differ most "
        f"({100 * sum(share):.0f} % of their variance). Persons lie {apart:.1f} prior standard "
        f"deviations apart, one posterior is {inside:.1f} wide."
    )
    axes = [
        f"axis {axis}: {100 * part:.0f} % of the variance"
        for axis, part in zip((1, 2), share, strict=True)
    ]
    style.finish(
        figure,
        alt=alt,
        height=height,
        legend=table[by].nunique() <= 4,
        x={"title": f"{axes[0]}, prior sds"},
        y={"title": axes[1], "scaleanchor": "x"},
    )
    return figure


def _add_persons(
    figure: go.Figure, own: pd.DataFrame, name: str, role: style.Role, size: int
) -> None:
    outline_x, outline_y = [], []
    for _, line in own.iterrows():
        x, y = _ellipse(line)
        outline_x += [*x, None]
        outline_y += [*y, None]
    figure.add_scatter(
        x=outline_x,
        y=outline_y,
        mode="lines",
        line={"color": role.colour, "dash": role.dash, "width": 2 if size > 10 else 1},
        opacity=0.8 if size > 10 else 0.45,
        hoverinfo="skip",
        showlegend=False,
        legendgroup=name,
    )
    figure.add_scatter(
        x=own["x"],
        y=own["y"],
        mode="markers+text" if size > 10 else "markers",
        name=name,
        legendgroup=name,
        marker=role.marker(size, edge=1.5),
        text=own["person"],
        textposition="top center",
        customdata=own["heard"],
        hovertemplate="%{text}, %{customdata}<extra></extra>",
    )


def _ellipse(line: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    spread = np.array([[line["var_x"], line["cov"]], [line["cov"], line["var_y"]]])
    sizes, axes = np.linalg.eigh(spread)
    turn = np.linspace(0, 2 * np.pi, 49)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    x, y = ELLIPSE * (axes * np.sqrt(np.maximum(sizes, 0))) @ circle
    return x + line["x"], y + line["y"]


def contraction_figure(
    counts: pd.DataFrame, held: tuple[float, float], *, height: int = 430
) -> go.Figure:
    """The width above and the coverage that it earns below, by number of clips; ``held`` is the
    band in which a true 90 % interval may lie.
    """
    figure = style.two_panels(
        {"title": "width, of the prior's", "range": [0, 1.05]},
        {"title": "coverage, %", "range": [min(60, 100 * counts["low"].min() - 5), 102]},
        {"title": "clips that enroll", "tickvals": list(counts["clips"])},
    )
    figure.add_scatter(
        x=counts["clips"],
        y=counts["width"],
        mode="lines+markers",
        line=style.PERSONAL.line(),
        marker=style.PERSONAL.marker(9),
        row=1,
        col=1,
    )
    covered = 100 * counts["coverage"]
    figure.add_scatter(
        x=counts["clips"],
        y=covered,
        error_y=style.interval(
            *(list(each) for each in (covered, 100 * counts["low"], 100 * counts["high"])),
            style.CLIP.colour,
        ),
        mode="lines+markers",
        line=style.CLIP.line(),
        marker=style.CLIP.marker(9),
        row=2,
        col=1,
    )
    figure.add_hrect(
        y0=100 * held[0],
        y1=100 * held[1],
        line_width=0,
        fillcolor=style.CLIP.fill(0.15),
        row=2,
        col=1,
    )
    figure.add_hline(y=90, line={"color": style.AXIS, "dash": "dash"}, row=2, col=1)
    said = [
        f"{counted(int(line['clips']), 'clip')}: width {line['width']:.2f}, coverage "
        f"{100 * line['coverage']:.0f} %"
        for _, line in counts.iterrows()
    ]
    alt = f"Width of the posterior and coverage of its 90 % interval. {style.listing(said)}."
    return style.finish(figure, alt=alt, height=height, legend=False)


def layer_coverage_figure(
    coverage: pd.Series, titles: Mapping[str, str], *, marked: str | None = None, height: int = 260
) -> go.Figure:
    """The share that 90 % intervals hold, layer by layer; ``customdata`` as of the map."""
    named = {layer: titles[layer].partition(":")[0] for layer in coverage.index}
    figure = go.Figure()
    figure.add_bar(
        x=list(named.values()),
        y=100 * coverage,
        customdata=[(layer, None) for layer in named],
        marker={
            "color": [style.CLIP.fill(0.9 if each == marked else 0.4) for each in coverage.index],
            "line": {"color": style.CLIP.colour, "width": 1.5},
        },
        hovertemplate="%{x}: %{y:.0f} %<extra></extra>",
    )
    figure.add_hline(y=90, line={"color": style.AXIS, "dash": "dash"})
    said = [f"{named[layer]} {100 * value:.0f} %" for layer, value in coverage.items()]
    return style.finish(
        figure,
        alt=f"Coverage of 90 % intervals by layer: {style.listing(said)}.",
        height=height,
        legend=False,
        y={"title": "coverage, %", "range": [0, 103]},
    )


def draw_error_figure(errors: pd.DataFrame, *, height: int = 330) -> go.Figure:
    """The Monte-Carlo error of an answer's probability against the number of draws: expected, and
    as blocks of draws show it.
    """
    figure = go.Figure()
    seen = errors.dropna(subset=["seen"])
    figure.add_scatter(
        x=errors["draws"],
        y=100 * errors["expected"],
        mode="lines",
        name="expected, sd / √S",
        line=style.PRIOR.line(),
    )
    figure.add_scatter(
        x=seen["draws"],
        y=100 * seen["seen"],
        mode="markers",
        name="between blocks of draws",
        marker=style.PERSONAL.marker(10),
    )
    figure.add_hline(y=1, line={"color": style.AXIS, "dash": "dash"})
    first, last = errors.iloc[0], errors.iloc[-1]
    alt = (
        f"Monte-Carlo error of the answer's probability: {100 * first['expected']:.1f} points "
        f"with 1 draw, {100 * last['expected']:.1f} with {last['draws']:.0f}; the dashed line is "
        "1 point."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": "draws S", "type": "log", "tickvals": list(errors["draws"])},
        y={"title": "error, points", "rangemode": "tozero"},
    )


def entropy_figure(table: pd.DataFrame, *, height: int = 330) -> go.Figure:
    """Each query's entropy in its two parts, stacked to the total; a cross marks a wrong answer."""
    figure = go.Figure()
    numbered = [
        f"{line['word'] or line['answer']} ({line['query']})" for _, line in table.iterrows()
    ]
    patterns = {"aleatoric": (style.PRIOR, ""), "epistemic": (style.PERSONAL, "/")}
    for name, (role, pattern) in patterns.items():
        figure.add_bar(
            x=numbered,
            y=table[name],
            name=name,
            marker={
                "color": role.fill(0.75),
                "line": {"color": role.colour, "width": 1},
                "pattern": {"shape": pattern},
            },
            hovertemplate=f"{name} %{{y:.3f}} nats<extra></extra>",
        )
    wrong = [
        place
        for place, line in enumerate(table.itertuples())
        if line.word and line.word != line.answer
    ]
    if wrong:
        figure.add_scatter(
            x=[numbered[place] for place in wrong],
            y=[table["total"].iloc[place] + 0.06 for place in wrong],
            mode="markers",
            name="wrong answer",
            marker={"symbol": "x-thin-open", "size": 10, "color": "#D1495B", "line": {"width": 3}},
        )
    figure.update_layout(barmode="stack")
    means = {name: float(table[name].mean()) for name in ("total", "aleatoric", "epistemic")}
    alt = (
        f"Entropy of {counted(len(table), 'answer')}: total {means['total']:.2f} nats on average, "
        f"aleatoric {means['aleatoric']:.2f}, epistemic {means['epistemic']:.2f}; "
        f"{counted(len(wrong), 'answer')} wrong."
    )
    return style.finish(figure, alt=alt, height=height, y={"title": "nats", "rangemode": "tozero"})


def method_answers_figure(table: pd.DataFrame, *, height: int = 360) -> go.Figure:
    """Right answers of each method with their interval over the clips of one person."""
    figure = go.Figure()
    for name, role in (("global", style.GLOBAL), ("vop", style.PERSONAL), (None, style.CLIP)):
        chosen = (
            ~table["method"].isin(["global", "vop"]) if name is None else (table["method"] == name)
        )
        own = table[chosen]
        share = 100 * own["accuracy"]
        figure.add_scatter(
            x=share,
            y=own["method"],
            mode="markers",
            error_x=style.interval(
                *(list(each) for each in (share, 100 * own["low"], 100 * own["high"])), role.colour
            ),
            marker=role.marker(11, edge=2),
            hovertemplate="%{y}: %{x:.0f} %<extra></extra>",
        )
    said = [f"{line.method} {100 * line.accuracy:.0f} %" for line in table.itertuples()]
    return style.finish(
        figure,
        alt=f"Right answers over one person's query clips: {style.listing(said)}.",
        height=height,
        legend=False,
        x={"title": "right answers, %, with the 95 % interval over clips", "range": [-2, 102]},
        y={"categoryorder": "array", "categoryarray": list(table["method"])[::-1]},
    )
