"""The failure museum: what a broken procedure shows beside what is there."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray

from vop_core.plots import style

BROKEN = style.Role("shown by the broken way", "#D1495B", "dashdot", "x")
REPAIRED = style.Role("repaired", "#12907F", "solid", "circle")
TRUTH = style.Role("the truth", "#7C8694", "dash", "line-ns-open")


def selection_figure(
    epochs: Sequence[int],
    shown: Sequence[float],
    truth: float,
    at: int,
    clips: int,
    *,
    height: int = 340,
) -> go.Figure:
    """The best of several test accuracies on average, over how many there were; ``truth`` never
    changes. Fractions.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=list(epochs),
        y=[100 * each for each in shown],
        mode="lines+markers",
        name=BROKEN.name,
        line=BROKEN.line(),
        marker=BROKEN.marker(10),
    )
    figure.add_hline(
        y=100 * truth,
        line={"color": TRUTH.colour, "dash": TRUTH.dash},
        annotation={"text": TRUTH.name},
    )
    figure.add_vline(x=at, line={"color": style.AXIS, "dash": "dot"})
    nearest = min(range(len(epochs)), key=lambda index: abs(epochs[index] - at))
    alt = (
        f"A model that is right {100 * truth:.0f} % of the time shows {100 * shown[nearest]:.1f} % "
        f"as its best of {epochs[nearest]} epochs on {clips} test clips."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": f"epochs that were looked at, {clips} test clips", "type": "log"},
        y={"title": "best test accuracy, %"},
    )


def threshold_figure(
    scores: Mapping[str, tuple[Float[ndarray, " same"], Float[ndarray, " different"]]],
    thresholds: Mapping[str, float],
    *,
    height: int = 380,
) -> go.Figure:
    """How alike two clips are, of one person and of two, under each channel; and the thresholds
    that were set.
    """
    figure = go.Figure()
    for name, (same, different) in scores.items():
        for values, kind, role in (
            (different, "two persons", BROKEN),
            (same, "one person", REPAIRED),
        ):
            figure.add_box(
                x=values.round(3)[:: max(1, len(values) // 800)].tolist(),
                y=[f"{name}: {kind}"] * len(values[:: max(1, len(values) // 800)]),
                orientation="h",
                boxpoints=False,
                name=kind,
                showlegend=False,
                line={"color": role.colour},
            )
    dashes = ("dash", "dot")
    for (name, value), dash in zip(thresholds.items(), dashes, strict=False):
        figure.add_vline(
            x=value, line={"color": style.AXIS, "dash": dash, "width": 2}, annotation={"text": name}
        )
    said = [f"{name} at {value:.2f}" for name, value in thresholds.items()]
    channels = style.listing(list(scores))
    alt = (
        f"Cosines of pairs of clips of one person and of two, under {channels}; "
        f"{style.listing(said)}."
    )
    return style.finish(
        figure, alt=alt, height=height, legend=False, x={"title": "cosine of two clips"}
    ).update_layout(margin={"t": 30})


def exhibits_figure(found: Mapping[str, tuple[float, float]], *, height: int = 380) -> go.Figure:
    """All exhibits: how far each broken and each repaired way is from what its check allows (1 is
    the limit).
    """
    figure = go.Figure()
    for index, role in enumerate((BROKEN, REPAIRED)):
        figure.add_scatter(
            x=[max(pair[index], 1e-3) for pair in found.values()],
            y=list(found),
            mode="markers",
            name=role.name,
            marker=role.marker(12),
        )
    figure.add_vline(
        x=1,
        line={"color": TRUTH.colour, "dash": TRUTH.dash},
        annotation={"text": "the check's limit"},
    )
    worst = max(found, key=lambda name: found[name][0])
    alt = (
        f"{len(found)} exhibits, each with its broken way beyond the limit of its check and its "
        f"repaired way within. Furthest beyond: {worst}, {found[worst][0]:.0f} times the limit."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": "distance from the truth / what the check allows", "type": "log"},
        y={"autorange": "reversed"},
    )
