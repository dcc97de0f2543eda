"""Misses against false alarms on probit axes, where two normal distributions are a line."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from vop_core.evaluation.detection import Band, probit
from vop_core.plots import style

ROLES = {
    "global": style.GLOBAL,
    "personal": style.Role("personal models", style.PERSONAL.colour, "solid", "diamond"),
}
CURVES = ROLES | {"another": style.CONTROLS["wrong-person"]}
TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
LEAST = 0.004  # a share below is drawn here: the probit of none is infinite


def det_figure(
    bands: Mapping[str, Band],
    *,
    chosen: float | None = None,
    targets: str = "commands not answered",
    others: str = "what is no command, answered",
    height: int = 420,
) -> go.Figure:
    """A curve a model with its 95 % band; ``chosen`` marks a share of false alarms. ``targets`` and
    ``others`` say what either error is.
    """
    figure = go.Figure()
    said = []
    for name, band in bands.items():
        role = CURVES[name]
        x = _drawn(band.false_alarms)
        low, high, middle = (_drawn(each) for each in (band.low, band.high, band.misses))
        figure.add_scatter(
            x=[*x, *x[::-1]],
            y=[*high, *low[::-1]],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=role.fill(0.16),
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=x,
            y=middle,
            mode="lines",
            name=role.name,
            line={**role.line(), "shape": "vh"},
            customdata=np.stack([band.false_alarms, band.misses], axis=-1).tolist(),
            hovertemplate="%{customdata[0]:.1%} false alarms, %{customdata[1]:.1%} misses"
            f"<extra>{role.name}</extra>",
        )
        at = int(np.abs(band.false_alarms - (chosen or 0.05)).argmin())
        said.append(
            f"{role.name}: {100 * band.misses[at]:.0f} % misses "
            f"[{100 * band.low[at]:.0f}, {100 * band.high[at]:.0f}]"
        )
    if chosen is not None:
        figure.add_vline(
            x=float(_drawn(np.array([chosen]))[0]), line={"color": style.AXIS, "dash": "dash"}
        )
    ticks = {
        "tickvals": _drawn(np.array(TICKS)),
        "ticktext": [f"{100 * each:g} %" for each in TICKS],
        "zeroline": False,
    }
    return style.finish(
        figure,
        alt=f"Misses against false alarms. At {100 * (chosen or 0.05):g} % false alarms, "
        + "; ".join(said)
        + ".",
        height=height,
        x={"title": f"false alarms: {others}", **ticks},
        y={"title": f"misses: {targets}", **ticks},
    )


def _drawn(shares: np.ndarray) -> list[float]:
    return probit(np.clip(shares, LEAST, 1 - LEAST)).round(4).tolist()
