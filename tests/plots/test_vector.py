"""Figures as SVG: marks where the values are, words for those who cannot see them."""

import re
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest

from vop_core.plots import style
from vop_core.plots.vector import BOTTOM, LEFT, RIGHT, TOP, as_svg


def figure(**axes):
    drawn = go.Figure()
    drawn.add_scatter(
        x=[1, 10], y=[0, 1], mode="lines+markers", marker=style.GLOBAL.marker(8), name="<a & b>"
    )
    return style.finish(drawn, alt='two points, "both" <here>', height=300, **axes)


def ends(svg: str) -> list[tuple[float, float]]:
    points = re.search(r'<polyline points="([^"]*)"', svg)[1]
    return [tuple(map(float, pair.split(","))) for pair in points.split()]


@pytest.mark.parametrize(
    ("axis", "values"), [({"range": [1, 10]}, (1, 10)), ({"type": "log", "range": [0, 1]}, (1, 10))]
)
def test_the_ends_of_the_axes_are_the_corners_of_the_drawing(axis, values):
    svg = as_svg(figure(x=axis, y={"range": [0, 1]}), width=500)
    assert ends(svg) == [(LEFT, 300 - BOTTOM), (500 - RIGHT, TOP)]


def test_it_is_well_formed_and_says_what_the_figure_shows():
    root = ElementTree.fromstring(as_svg(figure()))
    assert root.get("aria-label") == 'two points, "both" <here>'
    assert "<a & b>" in "".join(root.itertext())


def test_an_interval_is_as_long_as_its_ends():
    drawn = go.Figure()
    error = style.interval([5.0], [2.0], [8.0], "#000000")
    drawn.add_scatter(x=[5.0], y=[0.5], mode="markers", error_x=error)
    svg = as_svg(
        style.finish(drawn, alt="", height=300, x={"range": [0, 10]}, y={"range": [0, 1]}),
        width=500,
    )
    low, high = map(float, re.search(r'd="M([\d.]+) [\d.]+H([\d.]+)" stroke="#', svg).groups())
    assert high - low == pytest.approx(0.6 * (500 - RIGHT - LEFT), abs=0.2)
