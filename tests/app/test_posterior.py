"""Page: the posterior, what each clip does to it, and whether the narrowing is earned."""

import base64
import json
from dataclasses import replace

import numpy as np
import streamlit

from tests.app.conftest import alternatives, make_bundle, open_page, press, record, words

ROWS = [
    {
        "method": method,
        "row": row,
        "set": "open",
        "shots": shots,
        "per_person": {f"p{person}": value - 0.01 * person for person in range(6)},
        "nll_per_person": {f"p{person}": 1 - value for person in range(6)},
    }
    for method, row, value in (
        ("vop", "own", 0.84),
        ("global", "own", 0.8),
        ("vop", "wrong-person", 0.79),
    )
    for shots in (1, 3, 5)
]


def difference(name: str, mean: float, ci95) -> dict:
    return {
        "a": "vop",
        "b": "x",
        "name": name,
        "set": "open",
        "shots": 5,
        "mean": mean,
        "ci95": ci95,
    }


def traces(app, start: str) -> list[dict]:
    """The traces of the figure whose text alternative begins so."""
    (chart,) = [chart for chart in app.get("plotly_chart") if chart.proto.alt.startswith(start)]
    return json.loads(chart.proto.spec)["data"]


def test_without_clips_the_page_points_to_where_they_are_given(app):
    open_page(app, "posterior")
    assert not app.exception
    assert "Nothing to show yet" in words(app) and not app.get("plotly_chart")


def names(app, start: str = "Densities") -> list[str]:
    return [trace.get("name") for trace in traces(app, start)]


def show_layer(app) -> None:
    app.segmented_control[0].set_value("Whole layer").run()


def test_the_page_opens_on_the_curves_of_the_weight_that_the_clips_moved_most(enrolled):
    open_page(enrolled, "posterior")
    assert not enrolled.exception
    assert {"prior", "Clip 1", "Clip 2", "Clip 3", "combined"} <= set(names(enrolled))
    model = enrolled.session_state["visit"].personal.model

    def moved(layer):
        prior, combined = model.layer_posterior(layer, "prior"), model.layer_posterior(layer)
        return ((combined.mean - prior.mean) / prior.std).abs()

    layer, weight = enrolled.selectbox[0].value, enrolled.selectbox[1].value
    most = max(float(moved(name).max()) for name in model.layer_names)
    assert float(moved(layer)[weight]) == most


def test_a_layer_is_offered_by_what_it_is_and_a_weight_by_what_it_does(enrolled):
    open_page(enrolled, "posterior")
    layer = enrolled.selectbox[0]
    assert all(title.startswith(("Block", "Classifier")) for title in layer.options)
    layer.set_value("film 2").run()
    assert enrolled.selectbox[1].options[0] == "scale of pattern 1"


def test_the_whole_layer_is_shown_with_every_clip_and_three_numbers(enrolled):
    open_page(enrolled, "posterior")
    show_layer(enrolled)
    assert not enrolled.exception
    (text,) = (text for text in alternatives(enrolled) if "weights of the layer" in text)
    assert {"Clip 1", "combined, 95 %"} <= set(names(enrolled, text))
    assert [metric.label for metric in enrolled.metric] == ["Width", "Shift", "Information"]


def test_the_formula_beside_the_curve_is_the_librarys_of_this_weight(enrolled, monkeypatch):
    import torch

    from vop_core import models
    from vop_core.methods.vop import Vop
    from vop_core.nets.conv5 import Conv5, Conv5Config

    open_page(enrolled, "posterior")
    assert "no short formula" in words(enrolled)

    def cascade(task):
        torch.manual_seed(3)
        vop = Vop(Conv5(Conv5Config(labels=6))).eval().requires_grad_(False)
        return replace(make_bundle(task), vop=vop)

    streamlit.cache_resource.clear()
    monkeypatch.setattr(models, "load_bundle", cascade)
    visit = enrolled.session_state["visit"]
    visit.drop_models()
    enrolled.run()
    assert not enrolled.exception
    layer, weight = enrolled.selectbox[0].value, enrolled.selectbox[1].value
    found, said = visit.personal.model.shrinkage(layer, weight), words(enrolled)
    for number in (found.start, found.mean, found.std, abs(found.shown)):
        assert f"{number:.3f}" in said
    assert f"3 / (3 + {found.prior_clips:.1f})" in said


def test_every_figure_says_in_words_what_it_shows(enrolled):
    open_page(enrolled, "posterior")
    assert len(alternatives(enrolled)) == 3
    assert all(len(text) > 40 for text in alternatives(enrolled))


def drawn(app, start: str = "Densities") -> list[float]:
    """Where the draws lie, of which the legend says how many there are."""
    found = [trace for trace in traces(app, start) if "draw" in trace.get("name", "")]
    return decoded(found[0]["x"]) if found else []


def decoded(values) -> list[float]:
    """Numbers as plotly sends them."""
    if isinstance(values, list):
        return values
    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()


def test_draws_come_one_by_one_and_those_that_came_stay(enrolled):
    open_page(enrolled, "posterior")
    seen = drawn(enrolled)
    assert seen == []
    for count in (1, 2, 3):
        press(enrolled, "draw")
        former, seen = seen, drawn(enrolled)
        assert len(seen) == count and seen[:-1] == former
    assert "3 draws" in names(enrolled)


def test_the_slider_promises_as_many_draws_as_are_drawn_in_both_views(enrolled):
    open_page(enrolled, "posterior")
    enrolled.slider[0].set_value(enrolled.slider[0].max).run()
    most = enrolled.slider[0].value
    first = drawn(enrolled)
    assert len(first) == most and f"{most} draws" in names(enrolled)
    weights = len(enrolled.selectbox[1].options)
    show_layer(enrolled)
    (text,) = (text for text in alternatives(enrolled) if "weights of the layer" in text)
    assert len(drawn(enrolled, text)) == most * min(weights, 120)
    press(enrolled, "draw")  # starts over
    assert enrolled.slider[0].value == 0 and drawn(enrolled, text) == []
    enrolled.segmented_control[0].set_value("One weight").run()
    press(enrolled, "draw")
    assert drawn(enrolled)[0] != first[0]


def test_a_clip_switched_off_leaves_both_views_and_what_was_before_stays_visible(enrolled):
    open_page(enrolled, "posterior")
    before = enrolled.session_state["visit"].personal.model
    assert "before the switch" not in names(enrolled)
    enrolled.pills[0].set_value([1, 3]).run()
    assert not enrolled.exception
    visit = enrolled.session_state["visit"]
    assert visit.personal.model.shots == 2 and visit.before.model is before
    show = {trace.get("name"): trace for trace in traces(enrolled, "Densities")}
    assert "Clip 2" not in show
    others = {
        trace["line"]["color"]
        for name, trace in show.items()
        if "line" in trace and name != "before the switch"
    }
    assert show["before the switch"]["line"]["color"] not in others
    show_layer(enrolled)
    (text,) = (text for text in alternatives(enrolled) if "weights of the layer" in text)
    assert "before the switch" in names(enrolled, text) and "Before the switch" in text
    assert any("by the switch" in str(metric.delta) for metric in enrolled.metric)


def test_one_more_clip_is_no_switch(app, voice):
    for number in range(3):
        record(app, voice(number))
        open_page(app, "posterior")
        assert "before the switch" not in names(app)
        open_page(app, "your_voice")


def test_with_every_clip_off_the_prior_is_called_the_prior(enrolled):
    open_page(enrolled, "posterior")
    enrolled.pills[0].set_value([]).run()
    assert not enrolled.exception
    assert "no personal model" in words(enrolled)
    assert "the prior" in words(enrolled) and "before the switch" in names(enrolled)
    show_layer(enrolled)
    assert enrolled.metric[0].value == "100 %" and enrolled.metric[2].value == "0.0 nats"
    enrolled.pills[0].set_value([1, 2, 3]).run()
    assert not enrolled.exception
    enrolled.segmented_control[0].set_value("One weight").run()
    assert "before the switch" not in names(enrolled)  # it was the prior, which is shown


def test_a_switch_is_remembered_by_the_other_pages(enrolled):
    open_page(enrolled, "posterior")
    enrolled.pills[0].set_value([2]).run()
    open_page(enrolled, "your_voice")
    assert "from 1 clip" in words(enrolled)


def test_a_collapse_to_a_point_is_called_so(enrolled, monkeypatch):
    import torch

    from vop_core import models

    def collapsed(task):
        bundle = make_bundle(task)
        sharpen = bundle.vop.hyper_personalizer.clip_posteriors

        def narrow(features):
            from vop_core.variational.gaussian import DiagonalGaussian

            posterior = sharpen(features)
            return DiagonalGaussian(posterior.mean, torch.full_like(posterior.log_std, -9.0))

        monkeypatch.setattr(bundle.vop.hyper_personalizer, "clip_posteriors", narrow)
        monkeypatch.setattr(
            bundle.vop.hyper_personalizer,
            "aggregate",
            lambda features, present=None: narrow(features)[:, 0],
        )
        return bundle

    streamlit.cache_resource.clear()
    monkeypatch.setattr(models, "load_bundle", collapsed)
    enrolled.session_state["visit"].personal = None
    open_page(enrolled, "posterior")
    assert not enrolled.exception
    assert "Collapsed to a point" in enrolled.error[0].value


def test_a_gain_whose_interval_excludes_zero_is_earned_and_another_is_not(enrolled, bundle):
    bundle["rows"] = ROWS
    bundle["differences"] = [
        difference("personal gain", 0.04, [0.01, 0.07]),
        difference("right minus wrong", 0.05, [-0.01, 0.11]),
    ]
    streamlit.cache_resource.clear()
    open_page(enrolled, "posterior")
    said = words(enrolled)
    assert "+4.0 points" in said and "+1.0 to +7.0: earned" in said
    assert "\N{MINUS SIGN}1.0 to +11.0: not shown to be earned" in said
    assert "the same persons at every point" in said
    assert {"personal", "global", "wrong person"} <= {
        trace["name"] for trace in traces(enrolled, "The posterior's")
    }


def test_nll_can_be_judged_instead(enrolled, bundle):
    bundle["rows"] = ROWS
    streamlit.cache_resource.clear()
    open_page(enrolled, "posterior")
    enrolled.segmented_control[1].set_value("NLL").run()
    assert any("nll" in text for text in alternatives(enrolled))


def test_a_borrowed_persons_own_answers_are_shown_live(app):
    press(app, "borrow")
    open_page(app, "posterior")
    assert not app.exception
    assert "this bundled person" in words(app)
    names = [trace["name"] for trace in traces(app, "The posterior's")]
    assert "this bundled person" in names


def test_a_card_without_results_proves_nothing(enrolled):
    open_page(enrolled, "posterior")
    assert "holds no results on real people" in words(enrolled)


def test_a_collapse_that_only_many_persons_show_is_called_so(enrolled, bundle):
    sentence = "The posterior is the same for every person."
    bundle["health"] = {"persons": 24, "shots": 5, "verdict": "prior", "sentence": sentence}
    streamlit.cache_resource.clear()
    open_page(enrolled, "posterior")
    # the untrained model's own light may be one of them
    said = [warning.value for warning in enrolled.warning]
    assert any("Collapsed to the prior" in text and sentence in text for text in said)
