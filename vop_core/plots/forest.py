"""A posterior beside its prior, number by number: ArviZ's forest plot in this project's ink."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import plotly.io as pio

from vop_core.plots import style

if TYPE_CHECKING:
    from xarray import DataTree

PROBABILITIES = (0.5, 0.95)  # of the thick and the thin line
NUMBER_HEIGHT = 26  # pixels


def forest_figure(data: "DataTree") -> go.Figure:
    """Where the draws of each number lie, after the clips and before: median, half and 95 % of
    them.

    ``data`` as ``as_inference_data`` makes it, with groups ``posterior`` and ``prior``.
    """
    from arviz_plots import plot_forest

    roles = {"posterior": style.PERSONAL, "prior": style.PRIOR}
    with _a_template_with_a_page_colour():
        drawn = plot_forest(
            {role.name: _as_posterior(data, group) for group, role in roles.items()},
            backend="plotly",
            combined=True,
            labels=["number"],
            ci_kind="eti",
            ci_probs=PROBABILITIES,
            point_estimate="median",
            color=[role.colour for role in roles.values()],
        )
    figure: go.Figure = drawn.viz["figure"].item()
    _in_our_ink(figure, list(roles.values()))
    numbers = data["posterior"].sizes["number"]
    figure.update_layout(width=None, annotations=[])
    figure.update_xaxes(domain=[0.0, 0.06], visible=False, selector={"anchor": "y"})
    figure.update_xaxes(
        domain=[0.08, 1.0], title="value of each number of z", selector={"anchor": "y2"}
    )
    after, before = (
        data[group]["z"].quantile([0.025, 0.25, 0.5, 0.75, 0.975], ("chain", "draw")).values
        for group in roles
    )
    narrower = int((after[4] - after[0] < before[4] - before[0]).sum())
    moved = int(((after[2] < before[1]) | (after[2] > before[3])).sum())
    alt = (
        f"Of {numbers} numbers, {narrower} have a narrower 95 % interval than before any clip, and "
        f"the medians of {moved} lie outside the middle half of the prior."
    )
    return style.finish(figure, alt=alt, height=90 + NUMBER_HEIGHT * numbers)


@contextmanager
def _a_template_with_a_page_colour() -> Iterator[None]:
    """Plotly's own default meanwhile: arviz-plots reads the page's colour off it, and Streamlit's
    has none.
    """
    before = pio.templates.default
    pio.templates.default = "plotly"
    try:
        yield
    finally:
        pio.templates.default = before


def _as_posterior(data: "DataTree", group: str) -> "DataTree":
    """One group by itself, under the name that ArviZ draws."""
    from xarray import DataTree

    return DataTree.from_dict({"posterior": data[group].to_dataset()})


def _in_our_ink(figure: go.Figure, roles: list[style.Role]) -> None:
    """Names in the legend, the prior's lines broken as everywhere else, and labels that a dark page
    shows too.
    """
    named: set[str] = set()
    for trace in figure.data:
        if trace.mode == "text":
            trace.textfont.color = style.PRIOR.colour
            continue
        role = next(
            role for role in roles if role.colour in (trace.line.color, trace.marker.line.color)
        )
        changes: dict[str, Any] = {"legendgroup": role.name, "name": role.name}
        if trace.mode == "lines":
            changes["line_dash"] = role.dash
            changes["showlegend"] = role.name not in named
            named.add(role.name)
        trace.update(**changes)
