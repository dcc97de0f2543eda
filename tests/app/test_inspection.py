"""Page Inspect: figures that select each other, and what can be taken away."""

import json

import pytest
import torch

from tests.app.conftest import (
    alternatives,
    choose_model,
    open_app,
    open_page,
    press,
    record,
    words,
)
from vop_core.course.script import VIEWS
from vop_core.data.environments import CLEAN
from vop_core.data.pictures import picture_png
from vop_core.models.bundled import SHOTS

SECTIONS = ("Layers", "Persons", "Width and coverage", "Draws", "Methods", "Diagnosis")


def go_to(app, section: str):
    """Show one section."""
    control = next(each for each in app.segmented_control if each.label == "Section")
    return control.set_value(section).run()


def test_a_stranger_sees_a_bundled_person_and_gives_nothing(app, persons):
    open_page(app, "inspection")
    assert not app.exception and "stands in" in words(app) and persons[0].name in words(app)
    visit = app.session_state["visit"]
    assert not visit.entries and visit.personal is None
    assert len(alternatives(app)) == 2


def test_every_section_shows_something_without_clips_of_ones_own(app):
    open_page(app, "inspection")
    for section in (*SECTIONS, "Take it away"):
        go_to(app, section)
        assert not app.exception and not app.error, section
        assert section in [each.value for each in app.header]


def test_every_section_holds_for_a_visitors_own_clips(enrolled):
    open_page(enrolled, "inspection")
    for section in (*SECTIONS, "Take it away"):
        go_to(enrolled, section)
        assert not enrolled.exception and not enrolled.error, section
        assert "stands in" not in words(enrolled) and "you" in words(enrolled)


def test_a_weight_that_is_marked_is_the_one_that_posterior_opens(enrolled):
    open_page(enrolled, "inspection")
    layers = enrolled.session_state["visit"].personal.model.layer_names
    layer = next(each for each in layers if each != enrolled.selectbox[0].value)
    enrolled.selectbox[0].set_value(layer).run()
    enrolled.selectbox[1].set_value(1).run()
    visit = enrolled.session_state["visit"]
    assert visit.layers[visit.task] == layer and visit.weights[visit.task, layer] == 1
    open_page(enrolled, "posterior")
    assert [box.value for box in enrolled.selectbox[:2]] == [layer, 1]


def test_every_method_answers_the_query_of_a_visitor(enrolled, voice):
    open_page(enrolled, "compare")
    record(enrolled, voice(7))
    open_page(enrolled, "inspection")
    go_to(enrolled, "Methods")
    press(enrolled, "ask-methods")
    assert not enrolled.exception
    (table,) = [each.value for each in enrolled.dataframe]
    assert {"global", "vop", "adabn", "t3a", "tent"} <= set(table["method"])
    # the visitor's words are not known
    assert "fine-tune-all" not in set(table["method"]) and "right" not in table


def test_a_bundled_persons_words_let_the_methods_that_read_labels_answer(app):
    open_page(app, "inspection")
    go_to(app, "Methods")
    press(app, "ask-methods")
    table = app.dataframe[-1].value
    assert {"fine-tune-all", "lora"} <= set(table["method"])
    assert (table["right"] <= table["asked"]).all()


def test_what_was_computed_goes_with_the_clips(enrolled, voice):
    open_page(enrolled, "inspection")
    before = enrolled.session_state["visit"].inspection
    open_page(enrolled, "your_voice")
    record(enrolled, voice(5))
    open_page(enrolled, "inspection")
    assert enrolled.session_state["visit"].inspection[0] != before[0]
    press(enrolled, "forget-me")
    assert "stands in" in words(enrolled)


def test_script_and_notebook_name_the_bundled_person_and_no_visitor(bundle, persons, voice):
    app = open_app("inspection")
    go_to(app, "Take it away")
    (code,) = [each.value for each in app.code]
    assert persons[0].id in code and "my_clips" not in code
    compile(code, "view.py", "exec")
    open_page(app, "your_voice")
    record(app, voice())
    open_page(app, "inspection")
    go_to(app, "Take it away")
    (code,) = [each.value for each in app.code]
    assert "my_clips" in code and persons[0].id not in code
    assert set(VIEWS) == set(SECTIONS)


def test_the_draws_are_a_file_for_arviz(enrolled, tmp_path):
    import xarray
    from session import inspection

    open_page(enrolled, "inspection")
    visit = enrolled.session_state["visit"]
    (tmp_path / "draws.nc").write_bytes(inspection.exported(visit))
    found = xarray.open_datatree(tmp_path / "draws.nc")
    model = visit.personal.model
    layer = model.layer_names[0]
    own, drawn = model.layer_posterior(layer), found["posterior"][layer]
    assert drawn.shape == (1, inspection.EXPORTED_DRAWS, len(own.names))
    away = drawn.mean(("chain", "draw")).to_numpy() - own.mean.numpy()
    error = own.std.numpy() / inspection.EXPORTED_DRAWS**0.5
    assert (abs(away) < 5 * error + 1e-6).all()
    assert not json.dumps(found["posterior"].attrs).count("recording")


@pytest.mark.parametrize("given", ["nobody", "a bundled writer", "a visitor"])
def test_a_hand_is_inspected_as_a_voice_is(app, given):
    from session import hands

    visit = app.session_state["visit"]
    writer = hands.bundled_persons(hands.TASK)[3]
    if given == "a bundled writer":
        hands.borrow(visit, writer, CLEAN)
        hands.flip(visit, visit.hand.samples[1])
    elif given == "a visitor":
        pictures = [record.load() for record in writer.query[:4]]
        files = [(f"{number}.png", picture_png(each)) for number, each in enumerate(pictures)]
        hands.upload(visit, files[:3])
        hands.ask_file(visit, *files[3])
    open_page(app, "inspection")
    choose_model(app, "handwriting")
    assert ("stands in" in words(app)) == (given == "nobody")
    assert "clip" not in words(app).replace("your clips stay here", "")
    for section in (*SECTIONS, "Take it away"):
        go_to(app, section)
        assert not app.exception and not app.error, section
        assert section in [each.value for each in app.header]
    made = visit.inspection[1]["inspected"]
    on = {"nobody": SHOTS, "a bundled writer": hands.BORROWED - 1, "a visitor": 3}[given]
    assert len(made.heard.enrollment) == on
    expected = hands.personal(visit)
    if expected is not None:
        torch.testing.assert_close(made.model.posterior.mean, expected.model.posterior.mean)


def test_what_compares_has_no_words_to_be_asked_about(enrolled):
    open_page(enrolled, "inspection")
    choose_model(enrolled, "verification")
    sections = next(each for each in enrolled.segmented_control if each.label == "Section").options
    assert not {"Draws", "Methods", "Diagnosis"} & {*sections}
    for section in sections:
        go_to(enrolled, section)
        assert not enrolled.exception and not enrolled.error, section


def test_the_model_that_is_inspected_leaves_that_of_the_words_as_it_is(app):
    open_page(app, "inspection")
    choose_model(app, "handwriting")
    layer = app.selectbox[0].value
    assert app.session_state["visit"].task == "keywords-en"
    open_page(app, "decide")
    assert next(each for each in app.segmented_control if each.label == "Model").value == (
        "handwriting"
    )
    open_page(app, "inspection")
    choose_model(app, "keywords-en")
    assert app.session_state["visit"].subject is None and app.selectbox[0].value != layer
