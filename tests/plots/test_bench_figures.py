"""The bench's figures: every method is there, intervals are where they belong, words say what the
marks say.
"""

import json

import pytest

from vop_core import plots
from vop_core.plots import bench, style


def estimate(mean, half=0.02):
    return {
        "mean": mean,
        "ci95": None if half is None else [mean - half, mean + half],
        "persons": 8,
        "interval": "x",
    }


def row(variant, accuracy, gain=None, controls=None):
    return {
        "variant": variant,
        "accuracy": estimate(accuracy),
        "versus_global": None if gain is None else {"accuracy": gain},
        "controls": controls or {},
    }


def method(variant, reads="unlabeled clips", passes=3.0):
    return {"variant": variant, "reads": reads, "cost": {"enrollment_passes": passes}}


ROWS = [
    row("global", 0.8),
    row(
        "vop",
        0.85,
        estimate(0.05),
        {"mixed": 0.84, "wrong-person": 0.79, "prior": 0.81, "noise": 0.5},
    ),
    row("fit", 0.9, estimate(0.1, None), {"mixed": 0.7, "wrong-person": 0.6}),
]
READS = {"global": "nothing", "vop": "unlabeled clips", "fit": "labels and gradients"}
POINTS = [
    {
        "variant": variant,
        "shots": shots,
        "accuracy": estimate(base + shots / 100),
        "nll": 1 - base,
        "coverage": 0.9,
    }
    for variant, base in (("global", 0.7), ("vop", 0.75), ("other", 0.6))
    for shots in (5, 1, 20)
]


def marks(figure):
    """The traces that have markers, by name."""
    return {trace.name: trace for trace in figure.data if "markers" in (trace.mode or "")}


def test_differences_stand_in_points_with_their_intervals():
    traces = marks(bench.forest_figure(ROWS, READS))
    # global is not compared with itself
    assert set(traces) == {"unlabeled clips", "labels and gradients"}
    vop = traces["unlabeled clips"]
    assert list(vop.x) == pytest.approx([5.0]) and list(vop.y) == ["vop"]
    assert vop.error_x.array[0] == pytest.approx(2.0) and vop.error_x.arrayminus[
        0
    ] == pytest.approx(2.0)


def test_a_difference_without_interval_is_a_bare_mark():
    fit = marks(bench.forest_figure(ROWS, READS))["labels and gradients"]
    assert fit.error_x.array[0] == fit.error_x.arrayminus[0] == 0
    assert fit.customdata[0] == "+10.0 points"


def test_controls_are_joined_and_only_what_was_asked_is_drawn():
    figure = bench.control_figure(ROWS)
    traces = marks(figure)
    assert list(traces["own clips"].y) == ["vop", "fit"]
    assert list(traces["prior"].y) == ["vop"]
    assert list(traces["wrong person"].x) == [0.79, 0.6]
    (line,) = (trace for trace in figure.data if trace.mode == "lines" and trace.y[0] == "vop")
    assert list(line.x) == [0.79, 0.85]


def test_a_line_for_each_method_in_order_of_its_clips():
    traces = marks(bench.shots_figure(POINTS))
    assert list(traces) == ["global", "vop", "other"]
    assert list(traces["vop"].customdata) == [1, 5, 20]
    assert list(traces["vop"].y) == pytest.approx([0.76, 0.8, 0.95])
    assert list(traces["vop"].error_y.array) == pytest.approx([0.02] * 3)


def test_intervals_stand_beside_each_other_by_less_than_a_clip():
    traces = marks(bench.shots_figure(POINTS))
    for first, second, shots in zip(traces["global"].x, traces["vop"].x, (1, 5, 20), strict=True):
        assert first != second
        assert abs(second / shots - 1) < 0.05


def test_methods_not_shown_wait_in_the_legend_and_are_not_read_out():
    for figure in (
        bench.shots_figure(POINTS, shown=("vop",)),
        bench.certainty_figure(POINTS, shown=("vop",)),
    ):
        visible = {trace.name: trace.visible for trace in figure.data}
        assert visible["vop"] is True and visible["other"] == "legendonly"
        said = plots.text_alternative(figure)
        assert "vop" in said and "other" not in said


def test_reliability_leaves_bins_of_a_few_clips_out_of_the_curve_and_says_the_gap():
    bins = {"vop": [[0.0, 0.0, 0.0], [1.0, 0.2, 1.0], [10.0, 6.0, 5.0], [29.0, 26.1, 29.0]]}
    figure = bench.reliability_figure(bins)
    vop = marks(figure)["vop"]
    assert list(vop.x) == [0.6, 0.9] and list(vop.y) == [0.5, 1.0]
    assert "6.7 points less confident than right" in plots.text_alternative(figure)  # -2.7 / 40


def test_cost_leaves_out_who_enrolls_nobody_and_draws_their_level():
    methods = [
        method("global", "nothing"),
        method("vop"),
        method("fit", "labels and gradients", 250.0),
    ]
    figure = bench.cost_figure(ROWS, methods)
    assert {name: trace.x[0] for name, trace in marks(figure).items()} == {"vop": 3.0, "fit": 250.0}
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.shapes[0].y0 == 0.8


@pytest.mark.parametrize(
    "figure",
    [
        bench.forest_figure(ROWS, READS),
        bench.control_figure(ROWS),
        bench.shots_figure(POINTS),
        bench.certainty_figure(POINTS),
        bench.reliability_figure({"vop": [[10.0, 6.0, 5.0]]}),
        bench.cost_figure(ROWS, [method(name, READS[name]) for name in READS]),
    ],
    ids=["forest", "control", "shots", "certainty", "reliability", "cost"],
)
def test_every_figure_has_words_names_all_methods_and_is_plain_json(figure):
    said = plots.text_alternative(figure)
    assert "vop" in said
    assert "vop" in json.dumps(figure.to_plotly_json(), allow_nan=False, default=list)


def test_nothing_to_draw_is_an_empty_figure():
    assert not bench.forest_figure(ROWS[:1], READS).data
    assert not bench.control_figure(ROWS[:1]).data
    assert not bench.shots_figure([]).data


def test_no_two_kinds_of_reading_look_alike():
    looks = list(bench.READS.values())
    assert (
        len({look.symbol for look in looks}) == len({look.colour for look in looks}) == len(looks)
    )
    enrolled = list(bench.ENROLLED_BY.values())
    assert len({look.symbol for look in enrolled}) == len(enrolled)


def test_global_and_vop_look_as_everywhere():
    assert bench.look_of("vop", 7).colour == style.PERSONAL.colour
    assert bench.look_of("global", 7).dash == style.GLOBAL.dash
    assert bench.look_of("vop", 7).name == "vop"
