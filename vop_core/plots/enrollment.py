"""Several clips, one posterior: who is sure, who is right, and what more clips do to both."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from vop_core.plots import style

OWN, OTHERS = style.PERSONAL, style.CONTROLS["mixed"]
ROLES = {"own clips": OWN, "other persons' clips": OTHERS, "noise": style.CONTROLS["noise"]}


def earned_figure(
    clips: Sequence[int],
    widths: Mapping[str, Sequence[float]],
    scores: Mapping[str, Sequence[float]],
    *,
    width_name: str,
    score_name: str,
    height: int = 460,
) -> go.Figure:
    """Above, how narrow a posterior becomes with clips; below, what the answers are worth. Own
    clips beside controls.

    Names of both mappings are those of ``ROLES``.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for row, (found, title) in enumerate(((widths, width_name), (scores, score_name)), start=1):
        for name, values in found.items():
            role = ROLES[name]
            figure.add_scatter(
                x=list(clips),
                y=list(values),
                mode="lines+markers",
                name=name,
                legendgroup=name,
                showlegend=row == 1,
                line={"color": role.colour, "dash": role.dash, "width": 2.5},
                marker=role.marker(9),
                row=row,
                col=1,
            )
        figure.update_yaxes(title=title, row=row, col=1)
    figure.update_xaxes(title="clips enrolled", dtick=1, row=2, col=1)
    said = [
        f"with {name}, {width_name} goes from {widths[name][0]:.2f} to {widths[name][-1]:.2f} and "
        f"{score_name} from {found[0]:.2f} to {found[-1]:.2f}"
        for name, found in scores.items()
    ]
    alt = f"From {clips[0]} to {clips[-1]} clips: {style.listing(said)}."
    return style.finish(figure, alt=alt, height=height)
