"""The numbers behind a figure are those it was given."""

import plotly.graph_objects as go
import pytest

from tests.plots.test_figures import CURVE, FIGURES, ROWS, answer
from vop_core import plots
from vop_core.plots import style


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "clip"])
def test_every_figure_has_its_numbers_and_says_what_each_is(name):
    found = plots.table(FIGURES[name]())
    assert len(found) and not found.isna().all().any()
    assert not {"x", "y"} >= set(found.columns) - {"series", "panel"}


def test_probabilities_are_the_answers():
    found = plots.table(
        plots.probability_figure(answer(0.5, 0.3, 0.2, 0.0), answer(0.1, 0.9, 0.0, 0.0))
    )
    own = found[found.series == style.PERSONAL.name].set_index("label").probability
    assert own.to_dict() == {"open": 0.1, "close": 0.9, "print": 0, "one": 0}


def test_what_is_set_aside_is_told_where_it_belongs():
    found = plots.table(plots.narrowing_figure(CURVE, ROWS))
    width, good = (each for _, each in found.groupby("panel", sort=False))
    assert width["number of clips"].tolist() == list(CURVE.clips)
    assert width.y.tolist() == list(CURVE.width)
    assert set(good["number of clips"]) == {0, 1, 2, 3, 5}


def test_the_ends_of_an_interval_stand_on_either_side():
    found = plots.table(FIGURES["layer"]()).query("series == 'combined, 95 %'")
    deviation = found["prior sd from the prior mean"]
    half = 1.959964 * 0.2 / 0.4
    assert (deviation - found.low).tolist() == pytest.approx([half] * 6, abs=1e-5)
    assert (found.high - deviation).tolist() == pytest.approx([half] * 6, abs=1e-5)


def test_an_image_is_a_row_a_cell_and_lines_without_a_name_are_none():
    figure = go.Figure(go.Heatmap(x=["a", "b"], y=[1, 2, 3], z=[[1, 2], [3, 4], [5, 6]]))
    assert plots.table(figure).to_dict("list") == {
        "x": ["a", "b"] * 3,
        "y": [1, 1, 2, 2, 3, 3],
        "value": [1, 2, 3, 4, 5, 6],
    }
    lines = go.Figure([go.Scatter(y=[1, None, 3], name="seen"), go.Scatter(y=[7, 8])])
    assert plots.table(lines).to_dict("list") == {
        "series": ["seen", "seen"],
        "x": [0, 2],
        "y": [1, 3],
    }
    assert plots.table(go.Figure()).empty
