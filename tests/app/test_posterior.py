"""Page: the posterior, what each clip does to it, and whether the narrowing is earned."""

import json

import streamlit

from tests.app.conftest import alternatives, make_bundle, open_page, press, words

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


def test_the_posterior_of_three_clips_is_shown_whole_and_weight_by_weight(enrolled):
    open_page(enrolled, "posterior")
    assert not enrolled.exception
    assert any("weights of the layer" in text for text in alternatives(enrolled))
    enrolled.segmented_control[0].set_value("One weight").run()
    assert any(text.startswith("Densities of the weight") for text in alternatives(enrolled))
    names = [trace.get("name") for trace in traces(enrolled, "Densities")]
    assert {"prior", "Clip 1", "Clip 2", "Clip 3", "combined", "20 draws"} <= set(names)


def test_every_figure_says_in_words_what_it_shows(enrolled):
    open_page(enrolled, "posterior")
    assert len(alternatives(enrolled)) == 3
    assert all(len(text) > 40 for text in alternatives(enrolled))


def test_draw_again_gives_other_draws_and_zero_draws_none(enrolled):
    open_page(enrolled, "posterior")
    enrolled.segmented_control[0].set_value("One weight").run()

    def drawn():
        return [
            trace["x"] for trace in traces(enrolled, "Densities") if trace.get("name") == "20 draws"
        ]

    first = drawn()
    press(enrolled, "redraw")
    assert drawn() != first
    enrolled.slider[0].set_value(0).run()
    assert not enrolled.exception and drawn() == []


def test_a_clip_switched_off_leaves_the_posterior_and_what_it_was_before_stays_visible(enrolled):
    open_page(enrolled, "posterior")
    enrolled.segmented_control[0].set_value("One weight").run()
    enrolled.pills[0].set_value([1, 3]).run()
    assert not enrolled.exception
    names = [trace.get("name") for trace in traces(enrolled, "Densities")]
    assert "Clip 2" not in names and "combined, before the switch" in names
    assert enrolled.session_state["visit"].personal.model.shots == 2
    assert "by the switch" in words(enrolled) or any(
        "by the switch" in str(metric.delta) for metric in enrolled.metric
    )


def test_with_every_clip_off_the_prior_is_called_the_prior(enrolled):
    open_page(enrolled, "posterior")
    enrolled.pills[0].set_value([]).run()
    assert not enrolled.exception
    assert "this is the prior" in words(enrolled)
    assert enrolled.metric[0].value == "100 %" and enrolled.metric[2].value == "0.0"


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
