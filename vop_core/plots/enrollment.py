"""Several clips, one posterior: who is sure, who is right, and what more clips do to both."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

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
    figure = style.two_panels(
        {"title": width_name}, {"title": score_name}, {"title": "clips enrolled", "dtick": 1}
    )
    for row, found in enumerate((widths, scores), start=1):
        for name, values in found.items():
            role = ROLES[name]
            figure.add_scatter(
                x=list(clips),
                y=list(values),
                mode="lines+markers",
                name=name,
                legendgroup=name,
                showlegend=row == 1,
                line=role.line(),
                marker=role.marker(9),
                row=row,
                col=1,
            )
    said = [
        f"with {name}, {width_name} goes from {widths[name][0]:.2f} to {widths[name][-1]:.2f} and "
        f"{score_name} from {found[0]:.2f} to {found[-1]:.2f}"
        for name, found in scores.items()
    ]
    alt = f"From {clips[0]} to {clips[-1]} clips: {style.listing(said)}."
    return style.finish(figure, alt=alt, height=height)
