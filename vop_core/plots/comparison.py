"""Two models' answers to the same clip: probabilities side by side, and where the uncertainty comes
from.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go

from vop_core.evaluation.answers import Answer, LabelProbability
from vop_core.plots import style

# then the interval, then the controls
LEGEND_RANKS = {style.GLOBAL.name: 1, style.PERSONAL.name: 2}


def probability_figure(
    by_global: Answer,
    by_personal: Answer,
    controls: Mapping[str, Answer] | None = None,  # method name -> its answer
    *,
    most: int | None = 6,
    true_label: str | None = None,
) -> go.Figure:
    """Global and personal probability of each label, joined by a line as long as the change.

    The personal marker carries its credible interval over weight draws; controls stand as thin
    markers on the same line. The ``most`` probable labels are shown (None: all), the true one among
    them if it is known.
    """
    controls = controls or {}
    shown = labels_worth_showing(by_global, by_personal, most=most, always=true_label)
    labels = [by_global.labels[index].label for index in shown]
    rows = [(style.CONTROLS[method], answer) for method, answer in controls.items()]
    rows += [(style.GLOBAL, by_global), (style.PERSONAL, by_personal)]
    figure = go.Figure()
    pairs = [(by_global.labels[index], by_personal.labels[index]) for index in shown]
    figure.add_scatter(
        **_segments((old.label, old.probability, new.probability) for old, new in pairs),
        mode="lines",
        line={"color": style.AXIS, "width": 3},
        hoverinfo="skip",
        showlegend=False,
    )
    for look, answer in rows:
        _add_row(figure, look, [answer.labels[index] for index in shown])
    ticks = [f"<b>{label}</b> ✓" if label == true_label else label for label in labels]
    alt = f"Probabilities of {len(labels)} labels. " + " ".join(
        f"{look.name}: {_top(answer.best)}." for look, answer in rows
    )
    return style.finish(
        figure,
        alt=alt,
        height=150 + 34 * len(labels),
        top=64 if controls else 40,
        x={"range": [-0.02, 1.02], "tickformat": ".0%", "title": "probability", "nticks": 6},
        y={
            "categoryorder": "array",
            "categoryarray": labels[::-1],
            "tickvals": labels,
            "ticktext": ticks,
            "showgrid": False,
        },
    )


def labels_worth_showing(
    *answers: Answer, most: int | None = None, always: str | None = None
) -> list[int]:
    """Indices of the ``most`` labels that any model finds probable, most probable first, ``always``
    included.
    """
    columns = zip(*(answer.labels for answer in answers), strict=True)
    peak = [max(label.probability for label in column) for column in columns]
    order = sorted(range(len(peak)), key=lambda index: -peak[index])
    missed = (
        [index for index in order[most:] if answers[0].labels[index].label == always]
        if most
        else []
    )
    return order[:most] + missed


def _segments(stretches: Iterable[tuple[str, float, float]]) -> dict[str, list]:
    """A stretch on each label's line, from one value to another, as one trace's coordinates."""
    x: list[float | None] = []
    y: list[str | None] = []
    for label, begin, end in stretches:
        x += [begin, end, None]
        y += [label, label, None]
    return {"x": x, "y": y}


def _add_row(figure: go.Figure, look: style.Role, shown: Sequence[LabelProbability]) -> None:
    if all(label.lower is not None for label in shown):
        marker = {
            "symbol": "line-ns-open",
            "size": 12,
            "color": look.colour,
            "line": {"width": 1.5},
        }
        figure.add_scatter(
            **_segments((label.label, label.lower, label.upper) for label in shown),
            mode="lines+markers",
            name="95 % of its draws",
            legendrank=3,
            line={"color": look.fill(0.35), "width": 7},
            marker=marker,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=[label.probability for label in shown],
        y=[label.label for label in shown],
        mode="markers",
        name=look.name,
        legendrank=LEGEND_RANKS.get(look.name, 4),
        marker=look.marker(11, edge=2),
        hovertemplate=f"{look.name}<br>%{{y}}: %{{x:.1%}}<extra></extra>",
    )


def _top(best: LabelProbability) -> str:
    said = f"{best.label}, {style.percent(best.probability)}"
    if best.lower is not None and best.upper is not None:
        said += (
            f" (95 % of draws between {style.percent(best.lower)} and {style.percent(best.upper)})"
        )
    return said


def uncertainty_figure(by_global: Answer, by_personal: Answer, *, height: int = 180) -> go.Figure:
    """Total uncertainty of each answer as a bar: aleatoric (the sound) plus epistemic (the
    weights), in nats.

    The axis ends at the logarithm of the number of labels, the entropy of knowing nothing.
    ``height`` in pixels.
    """
    figure = go.Figure()
    looks = (style.GLOBAL, style.PERSONAL)
    answers = (by_global, by_personal)
    parts = (
        ("aleatoric: the sound", [each.aleatoric for each in answers], "", 0.8),
        ("epistemic: the weights", [each.epistemic for each in answers], "/", 0.15),
    )
    for label, values, pattern, opacity in parts:
        figure.add_bar(
            y=[look.name for look in looks],
            x=values,
            name=label,
            orientation="h",
            marker={
                "color": [look.fill(opacity) for look in looks],
                "line": {"color": [look.colour for look in looks], "width": 1.5},
                "pattern": {
                    "shape": pattern,
                    "fgcolor": [look.colour for look in looks],
                    "size": 6,
                },
            },
            hovertemplate=f"{label}<br>%{{x:.3f}} nats<extra></extra>",
        )
    largest = math.log(len(by_global.labels))
    figure.update_layout(barmode="stack", bargap=0.35, legend={"traceorder": "normal"})
    alt = " ".join(
        f"{look.name}: total {each.total:.2f} nats, of which {each.epistemic:.2f} epistemic."
        for look, each in zip(looks, answers, strict=True)
    )
    return style.finish(
        figure,
        alt=f"{alt} Knowing nothing would be {largest:.2f}.",
        height=height,
        top=40,
        x={
            "title": f"entropy, nats ({largest:.1f} is knowing nothing)",
            "range": [0, largest],
            "nticks": 6,
        },
        y={"autorange": "reversed", "showgrid": False},
    )
