"""Claims: scores beside their thresholds, and what copied thresholds do."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from vop_core.evaluation.verification_metrics import Verdict
from vop_core.plots import style

ROLES = {
    "global": style.GLOBAL,
    "personal": style.PERSONAL,
    "another": style.CONTROLS["wrong-person"],
}
NAMES = {
    "global": "everybody's weights",
    "personal": "the enrolled person's weights",
    "another": "another person's weights",
}


def claim_figure(verdicts: Mapping[str, Verdict], *, height: int = 250) -> go.Figure:
    """Each model's score, its threshold with the 95 % interval, and scores under drawn weights."""
    figure, said = go.Figure(), []
    for row, (name, found) in enumerate(reversed(verdicts.items())):
        role, (low, high) = ROLES[name], found.threshold.bounds
        figure.add_scatter(
            x=[low, high, high, low],
            y=[row - 0.36, row - 0.36, row + 0.36, row + 0.36],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=style.PRIOR.fill(0.28),
            hoverinfo="skip",
            showlegend=row == 0,
            name="threshold, 95 % interval",
        )
        figure.add_scatter(
            x=[found.threshold.value] * 2,
            y=[row - 0.36, row + 0.36],
            mode="lines",
            line={"color": style.PRIOR.colour, "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )
        if found.draws:
            figure.add_scatter(
                x=list(found.draws),
                y=[row - 0.22] * len(found.draws),
                mode="markers",
                marker={"symbol": "line-ns-open", "size": 9, "color": role.fill(0.7)},
                name="under drawn weights",
                legendgroup="drawn",
                showlegend=name == "personal",
                hovertemplate="%{x:.2f}<extra>under drawn weights</extra>",
            )
        figure.add_scatter(
            x=[found.score],
            y=[row],
            mode="markers",
            marker=role.marker(15, 2),
            name=NAMES[name],
            hovertemplate=f"%{{x:.2f}}<extra>{NAMES[name]}</extra>",
            showlegend=False,
        )
        word = "accepted" if found.accepted else "refused"
        said.append(
            f"{NAMES[name]}: score {found.score:.2f}, threshold {found.threshold.value:.2f}, {word}"
        )
    return style.finish(
        figure,
        alt="Scores of the claim. " + "; ".join(reversed(said)) + ".",
        height=height,
        x={"title": "cosine with the clips that enrolled", "range": [-0.4, 1.05]},
        y={
            "tickvals": list(range(len(verdicts))),
            "ticktext": [NAMES[name] for name in reversed(verdicts)],
            "showgrid": False,
            "zeroline": False,
            "range": [-0.6, len(verdicts) - 0.4],
        },
    )


def copied_figure(
    cells: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    *,
    asked: float,
    height: int = 420,
) -> go.Figure:
    """Both errors where a threshold is used (line by line) and was chosen; ``asked`` is the share
    of false alarms that it was chosen for. Where both are the same people, the line is bold.
    """

    def name(corpus: str) -> str:
        return names.get(corpus, corpus)

    ordered = sorted(cells, key=lambda cell: (cell["to"], cell["from"] != cell["to"], cell["from"]))
    lines = [
        f"<b>{name(cell['to'])},<br>own threshold</b>"
        if cell["from"] == cell["to"]
        else f"{name(cell['to'])},<br>from {name(cell['from'])}"
        for cell in ordered
    ]
    figure = go.Figure()
    for error, title, role in (
        ("false_alarms", "others accepted", style.GLOBAL),
        ("misses", "true claims refused", style.PERSONAL),
    ):
        figure.add_scatter(
            x=[100 * cell[error] for cell in ordered],
            y=lines,
            mode="markers",
            marker=role.marker(12, 2),
            name=title,
            hovertemplate=f"%{{x:.1f}} % {title}<extra></extra>",
        )
    figure.add_vline(x=100 * asked, line={"color": style.AXIS, "dash": "dash"})
    said = [
        f"chosen on {name(cell['from'])}, used on {name(cell['to'])}: "
        f"{100 * cell['false_alarms']:.1f} % of others accepted, {100 * cell['misses']:.1f} % of "
        "true claims refused"
        for cell in ordered
    ]
    return style.finish(
        figure,
        alt="Copied thresholds. " + "; ".join(said) + ".",
        height=height,
        x={"title": "%", "rangemode": "tozero"},
        y={"categoryorder": "array", "categoryarray": lines[::-1]},
    )
