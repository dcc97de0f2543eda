"""How time and memory grow."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from vop_core.plots import style

SIZES = {"tickvals": [1, 10, 100, 1_000], "ticktext": ["1", "10", "100", "1,000"]}
ROLES = {"persons": style.PERSONAL, "clips": style.CLIP, "draws": style.GLOBAL}


def growth_figure(rows: Sequence[Mapping[str, Any]], what: str, *, height: int = 380) -> go.Figure:
    """``what`` is "time" (seconds) or "memory" (megabytes at one time), against the number of
    persons, clips and draws, both logarithmic; ``height`` in pixels.
    """
    values, unit = {"time": ("seconds", "seconds"), "memory": ("megabytes", "MB")}[what]
    figure, said = go.Figure(), []
    for row in rows:
        role, fit = ROLES[row["what"]], row["exponents"][what]
        figure.add_scatter(
            x=row["sizes"],
            y=row[values],
            name=row["what"],
            mode="lines+markers",
            line=role.line(),
            marker=role.marker(9, edge=2),
            hovertemplate=f"%{{x}} {row['what']}: %{{y:.3g}} {unit}<extra></extra>",
        )
        low, high = fit["interval95"]
        said.append(
            f"{what.capitalize()} grows with {row['what']} to the power of {fit['value']:.2f} "
            f"[{low:.2f}, {high:.2f}]."
        )
    most, least = (limit([limit(row[values]) for row in rows], default=1) for limit in (max, min))
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    ticks = [10.0**power for power in decades]
    return style.finish(
        figure,
        alt=" ".join(said),
        height=height,
        x={"type": "log", "title": "persons, clips or draws", **SIZES},
        y={
            "type": "log",
            "title": f"{what}, {unit}",
            "tickvals": ticks,
            "ticktext": [f"{tick:g}" for tick in ticks],
        },
    )
