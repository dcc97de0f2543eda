"""Four cells as two lines: each mean at its place, each interval around it, and the words."""

import pytest

from vop_core.plots import style
from vop_core.plots.factorial import factorial_figure

LINES = {
    "own clips": {"here": (0.9, 0.85, 0.95), "there": (0.8, 0.7, 0.85)},
    "a stranger's clips": {"here": (0.7, 0.6, 0.8), "there": (0.6, 0.5, 0.7)},
}


def test_each_cell_stands_at_its_place_with_its_interval():
    figure = factorial_figure(LINES, 0.75)
    for trace, (name, levels) in zip(figure.data, LINES.items(), strict=False):
        assert trace.name == name and list(trace.x) == list(levels)
        ends = zip(trace.y, trace.error_y.array, trace.error_y.arrayminus, strict=True)
        for (mean, up, down), wanted in zip(ends, levels.values(), strict=True):
            assert (mean, mean - down, mean + up) == pytest.approx(wanted)
    assert list(figure.data[2].y) == [0.75, 0.75]
    assert len({trace.line.dash for trace in figure.data}) == 3  # told apart without colour
    assert style.text_alternative(figure) == (
        "Right answers. own clips: here 90 % and there 80 %; a stranger's clips: here 70 % and "
        "there 60 %; global model 75 %."
    )
