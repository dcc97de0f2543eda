"""Figures for everyone: words beside each, no meaning by colour alone, legible on a light and on a
dark page.
"""

import math
import re
import tomllib
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from vop_core import plots
from vop_core.evaluation.answers import Answer, LabelProbability
from vop_core.evaluation.narrowing import LearningCurve
from vop_core.methods.personal import LayerPosterior
from vop_core.plots import clips as clip_plots
from vop_core.plots import style
from vop_core.plots.comparison import labels_worth_showing
from vop_core.types import Clip

THEMES = tomllib.loads(
    (Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml").read_text()
)["theme"]
ROLES = [style.PRIOR, style.GLOBAL, style.PERSONAL, style.BEFORE, *style.CONTROLS.values()]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_mark_stands_out_three_to_one(theme):
    ground = THEMES[theme]["backgroundColor"]
    colours = {role.colour for role in ROLES} | set(style.CLIP_COLOURS)
    assert {
        colour: round(contrast(colour, ground), 2)
        for colour in colours
        if contrast(colour, ground) < 3
    } == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_themes_text_stands_out(theme):
    colours = THEMES[theme]
    for ground in (colours["backgroundColor"], colours["secondaryBackgroundColor"]):
        assert contrast(colours["textColor"], ground) >= 7
        assert contrast(colours["primaryColor"], ground) >= 4.5


def test_no_two_roles_of_a_figure_share_their_symbol():
    compared = [style.GLOBAL, style.PERSONAL, *style.CONTROLS.values()]
    assert len({role.symbol for role in compared}) == len(compared)
    curves = [
        style.PRIOR,
        style.PERSONAL,
        style.BEFORE,
        *(style.clip_role(index) for index in range(10)),
    ]
    assert all((a.dash, a.symbol) != (b.dash, b.symbol) for a, b in combinations(curves, 2))


def layer(mean, std, count=6):
    return LayerPosterior(
        layer="norm",
        names=tuple(f"scale[{index}]" for index in range(count)),
        mean=torch.as_tensor(mean).expand(count).clone().float(),
        std=torch.as_tensor(std).expand(count).clone().float(),
        global_weights=torch.ones(count),
    )


def view(count=6, draws=True, before=False) -> plots.LayerView:
    return plots.LayerView(
        prior=layer(1.0, 0.4, count),
        combined=layer(torch.linspace(0.9, 1.4, count), 0.2, count),
        clips=[
            (f"Clip {index + 1}", index, layer(1.0 + 0.1 * index, 0.3, count)) for index in range(3)
        ],
        before=layer(1.2, 0.25, count) if before else None,
        draws=torch.full((5, count), 1.1) if draws else None,
    )


def answer(*values: float, spread: float | None = None) -> Answer:
    words = ("open", "close", "print", "one")
    ends = [(None, None) if spread is None else (v - spread, v + spread) for v in values]
    labels = [
        LabelProbability(word, value, *end)
        for word, value, end in zip(words, values, ends, strict=True)
    ]
    return Answer(tuple(labels), 0.8, 0.6, 0.2)


def test_the_true_word_is_shown_even_when_no_model_believes_in_it():
    given = answer(0.6, 0.3, 0.1, 0.0)
    assert labels_worth_showing(given, most=2) == [0, 1]
    assert labels_worth_showing(given, most=2, always="print") == [0, 1, 2]
    assert labels_worth_showing(given, most=2, always="open") == [0, 1]


CURVE = LearningCurve(
    (0, 1, 2, 3), (1.0, 0.8, 0.7, 0.65), (0.5, 0.6, 0.7, 0.7), (1.2, 1.0, 0.9, 0.85)
)
ROWS = [
    {
        "method": method,
        "row": row,
        "set": set_name,
        "shots": shots,
        "per_person": {"a": 0.7, "b": 0.9} | ({"c": 0.2} if shots < 5 else {}),
        "nll_per_person": {"a": 0.5, "b": 0.7},
    }
    for method, row in (("vop", "own"), ("global", "own"), ("vop", "wrong-person"))
    for set_name in ("open", "closed")
    for shots in (5, 1, 3)
]
FIGURES = {
    "clip": lambda: plots.clip_figure(Clip(torch.sin(torch.arange(16_000) / 9), name="a word")),
    "weight": lambda: plots.weight_figure(view(before=True), 2),
    "layer": lambda: plots.layer_figure(view(before=True), marked=2),
    "kl": lambda: plots.kl_figure(torch.tensor([0.1, 2.0, 0.5])),
    "narrowing": lambda: plots.narrowing_figure(CURVE, ROWS),
    "probabilities": lambda: plots.probability_figure(
        answer(0.5, 0.3, 0.1, 0.1), answer(0.2, 0.6, 0.1, 0.1, spread=0.05)
    ),
    "uncertainty": lambda: plots.uncertainty_figure(
        answer(0.5, 0.3, 0.1, 0.1), answer(0.2, 0.6, 0.1, 0.1)
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_carries_words_and_leaves_the_ground_to_the_page(name):
    figure = FIGURES[name]()
    text = plots.text_alternative(figure)
    assert len(text) > 40 and text.endswith(".") and "nan" not in text
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert len(figure.to_json()) < 150_000


@pytest.mark.parametrize("seconds", [0.3, 1.0, 60.0])
def test_a_clip_of_any_length_makes_a_small_picture(seconds, generator):
    figure = plots.clip_figure(
        Clip(0.1 * torch.randn(round(16_000 * seconds), generator=generator))
    )
    assert len(figure.to_json()) < 150_000


def test_the_spectrogram_is_librosas(generator):
    import librosa

    waveform = 0.1 * torch.randn(12_000, generator=generator)
    power = librosa.feature.melspectrogram(
        y=waveform.numpy(),
        sr=16_000,
        n_fft=512,
        win_length=480,
        hop_length=160,
        n_mels=40,
        pad_mode="constant",
    )
    ours = clip_plots.mel_decibels(waveform)
    np.testing.assert_allclose(ours.numpy(), 10 * np.log10(power + 1e-6), atol=1e-3)


def test_no_picture_imports_a_compiler():
    import subprocess
    import sys

    code = (
        "import sys, torch; from vop_core import plots; from vop_core.types import "
        "Clip;plots.clip_figure(Clip(torch.rand(16000)));assert 'numba' not in sys.modules, 'a "
        "picture waits for numba'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", FIGURES)
def test_no_colour_is_one_of_streamlits_placeholders(name):
    """Streamlit replaces #000001 to #000099 by its theme's colours; plotly's Magma begins with
    #000004.
    """
    assert re.findall(r"#0000\d\d", FIGURES[name]().update_layout(template=None).to_json()) == []


def test_no_cell_of_the_spectrogram_lies_outside_the_colour_scale():
    waveform = torch.cat([torch.zeros(8_000), torch.sin(torch.arange(8_000) / 3)])
    (heatmap,) = [
        trace for trace in plots.clip_figure(Clip(waveform)).data if trace.type == "heatmap"
    ]
    assert heatmap.zmin <= np.min(heatmap.z) and np.max(heatmap.z) <= heatmap.zmax


def test_the_envelope_holds_every_peak():
    waveform = torch.zeros(16_000)
    waveform[1_234], waveform[9_876] = 0.9, -0.8
    smallest, largest = clip_plots.envelope(waveform)
    assert (float(largest.max()), float(smallest.min())) == (
        pytest.approx(0.9),
        pytest.approx(-0.8),
    )


def test_the_window_the_model_hears_is_the_one_focus_cuts():
    waveform = torch.zeros(48_000)
    waveform[30_000:38_000] = torch.sin(torch.arange(8_000) / 5)
    begin, end = clip_plots.heard_window(waveform, 16_000)
    assert end - begin == pytest.approx(1.0) and begin < 30_000 / 16_000 and end > 38_000 / 16_000
    assert clip_plots.heard_window(waveform[:8_000], 16_000) == (0.0, 0.5)


def test_each_density_integrates_to_one():
    figure = plots.weight_figure(view(draws=False), 0)
    for trace in figure.data:
        if trace.mode == "lines":
            assert np.trapezoid(trace.y, trace.x) == pytest.approx(1, abs=0.01), trace.name


def test_what_was_before_the_switch_has_a_colour_of_its_own():
    others = {role.colour for role in ROLES if role is not style.BEFORE} | set(style.CLIP_COLOURS)
    red, green, blue = bytes.fromhex(style.BEFORE.colour[1:])
    for other in others:
        parts = bytes.fromhex(other[1:])
        assert math.dist((red, green, blue), parts) > 60, other


def test_no_more_draws_are_named_than_drawn():
    many = replace(view(), draws=torch.full((50, 6), 1.1))
    for figure, marks in ((plots.weight_figure(many, 0), 1), (plots.layer_figure(many), 6)):
        (drawn,) = [trace for trace in figure.data if "draw" in (trace.name or "")]
        assert len(drawn.x) // marks == plots.MOST_DRAWS
        assert drawn.name == f"{plots.MOST_DRAWS} draws"


def test_a_large_layer_shows_its_most_moved_weights_and_says_so():
    large = view(count=500)
    figure = plots.layer_figure(large)
    (combined,) = [trace for trace in figure.data if trace.name == "combined, 95 %"]
    assert len(combined.x) == 120
    assert set(combined.customdata) == set(large.by_movement[:120])
    assert "120 of 500 weights" in plots.text_alternative(figure)


def test_the_interval_of_a_weight_is_its_95_percent_in_prior_deviations():
    (combined,) = [
        trace for trace in plots.layer_figure(view()).data if trace.name == "combined, 95 %"
    ]
    assert combined.error_y.array == pytest.approx([1.959964 * 0.2 / 0.4] * 6, rel=1e-5)


def narrowing_trace(rows, name="personal", **options):
    figure = plots.narrowing_figure(CURVE, rows, **options)
    return next(trace for trace in figure.data if trace.name == name)


def test_the_evidence_is_of_the_persons_that_all_curves_share_in_order_of_clips():
    personal = narrowing_trace(ROWS)
    assert list(personal.x) == [1, 3, 5] and list(personal.y) == pytest.approx([0.8] * 3)
    assert "2 people" in plots.text_alternative(plots.narrowing_figure(CURVE, ROWS))


def test_bars_are_about_the_others_and_none_where_one_person_is_left():
    assert narrowing_trace(ROWS).error_y.array is None
    assert narrowing_trace(ROWS, "wrong person").error_y.array == pytest.approx([0] * 3)
    alone = [row | {"per_person": {"a": 0.7}} for row in ROWS]
    assert narrowing_trace(alone, "wrong person").error_y.array is None


def test_nll_is_shown_on_request():
    assert list(narrowing_trace(ROWS, score="nll").y) == pytest.approx([0.6] * 3)


def test_the_join_between_the_models_is_as_long_as_the_change():
    figure = FIGURES["probabilities"]()
    join = figure.data[0]
    assert list(join.y[:2]) == ["close", "close"] and list(join.x[:2]) == pytest.approx([0.3, 0.6])


def test_uncertainty_ends_at_knowing_nothing():
    figure = FIGURES["uncertainty"]()
    assert figure.layout.xaxis.range[1] == pytest.approx(math.log(4))
    assert {trace.marker.pattern.shape for trace in figure.data} == {"", "/"}, (
        "a pattern beside the colour"
    )


@pytest.mark.parametrize(
    ("fraction", "said"),
    [(0, "0 %"), (0.001, "under 1 %"), (0.314, "31 %"), (0.999, "over 99 %"), (1, "100 %")],
)
def test_percentages_never_round_to_certainty(fraction, said):
    assert style.percent(fraction) == said
