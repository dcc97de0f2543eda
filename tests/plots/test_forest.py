"""The forest plot that ArviZ makes says what the draws say."""

import numpy as np
import plotly.io as pio
import pytest
import torch

from vop_core.plots import style
from vop_core.plots.forest import forest_figure
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.inference_data import as_inference_data


@pytest.fixture(scope="module")
def data():
    """Two numbers far from the prior and narrow, one that no clip moved, three times as wide."""
    posterior = DiagonalGaussian(
        torch.tensor([-2.0, 0.0, 3.0]), torch.tensor([0.5, 3.0, 0.1]).log()
    )
    prior = DiagonalGaussian(torch.zeros(3), torch.zeros(3))
    return as_inference_data(
        posterior, prior, draws=400, generator=torch.Generator().manual_seed(0)
    )


@pytest.fixture(scope="module")
def figure(data):
    return forest_figure(data)


@pytest.mark.parametrize(("group", "role"), [("posterior", style.PERSONAL), ("prior", style.PRIOR)])
def test_medians_and_interval_ends_are_numpys(data, figure, group, role):
    draws = data[group]["z"].values[0]
    traces = [trace for trace in figure.data if trace.name == role.name]
    points = sorted(float(trace.x[0]) for trace in traces if trace.mode == "markers")
    np.testing.assert_allclose(points, sorted(np.median(draws, axis=0)), rtol=1e-5)
    lines = sorted(tuple(map(float, trace.x)) for trace in traces if trace.mode == "lines")
    wanted = [np.quantile(draws, ends, axis=0).T for ends in ((0.25, 0.75), (0.025, 0.975))]
    np.testing.assert_allclose(lines, sorted(map(tuple, np.concatenate(wanted))), rtol=1e-5)


def test_the_words_beside_it_count_what_it_shows(figure):
    """Two of three narrower than the prior, and the same two moved out of its middle half."""
    said = style.text_alternative(figure)
    assert said.startswith("Of 3 numbers, 2 have a narrower") and "medians of 2 lie outside" in said


def test_roles_are_told_apart_without_colour_and_named_once(figure):
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    looks = {(trace.name, trace.line.dash) for trace in lines}
    assert looks == {(role.name, role.dash) for role in (style.PERSONAL, style.PRIOR)}
    assert sorted(trace.name for trace in figure.data if trace.showlegend) == [
        "prior",
        "your model",
    ]
    assert figure.layout.width is None  # as wide as its page


@pytest.mark.parametrize("default", ["none", "plotly_dark", None])
def test_any_default_template_will_do_and_stays_as_it_was(data, figure, monkeypatch, default):
    """Streamlit sets one without a page colour as soon as it is imported."""
    monkeypatch.setattr(pio.templates, "default", default)
    drawn = forest_figure(data)
    assert pio.templates.default == default
    assert drawn.data == figure.data
