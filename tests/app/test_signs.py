"""The page of a visitor's own signs, on the shipped model: taught by samples, then asked."""

import pytest

from tests.app.conftest import open_app, press, words
from tests.app.test_hands import picture, upload, visit_of
from vop_core.data.hands import bundled_writers
from vop_core.evaluation.answers import each_answer
from vop_core.evaluation.controls import generator_for
from vop_core.models import load_bundle
from vop_core.models.signs import DRAWS, teach

CROSS = [[[10.0, 10], [90, 90]], [[90, 10], [10, 90]]]
SQUARE = [[[10.0, 10], [90, 10], [90, 90], [10, 90], [10, 10]]]


@pytest.fixture
def page():
    import streamlit

    streamlit.cache_resource.clear()
    return open_app("signs")


def shifted(strokes, by: float):
    return [[[x + by * y / 90, y] for x, y in stroke] for stroke in strokes]


def test_before_anything_was_given_the_page_says_how_to_begin(page):
    assert not page.exception
    assert "No signs yet" in words(page) and "which sign is it" not in words(page)


def test_two_drawings_teach_and_a_third_is_told(page):
    from session import signs

    visit = visit_of(page)
    signs.draw(visit, CROSS)
    app = page.run()
    assert "One sign alone cannot be told from another" in words(app)
    signs.draw(visit, SQUARE)
    signs.ask(visit, shifted(CROSS, 6))
    app = app.run()
    assert not app.exception
    assert "A classifier of 2 signs is ready" in words(app) and "0 gradient steps" in words(app)
    assert words(app).count("## Sign 1") == 2
    visit.own_signs.told[visit.own_signs.query.number] = "Sign 1"
    assert "the posterior right 1, the nearest mean 1" in words(app.run())
    # another sample of the first sign, by choice
    signs.choose(visit, 1)
    signs.draw(visit, shifted(CROSS, 4))
    assert [len(sign.samples) for sign in visit.own_signs.signs] == [2, 1]
    assert "from 3 samples" in words(app.run())


def test_a_drawing_that_taught_is_no_test(page):
    from session import signs

    visit = visit_of(page)
    for strokes in (CROSS, SQUARE):
        signs.draw(visit, strokes)
    signs.ask(visit, CROSS)
    visit.own_signs.told[visit.own_signs.query.number] = "Sign 1"
    app = page.run()
    assert "It taught a sign" in words(app) and "So far" not in words(app)


def test_borrowed_digits_are_signs_that_the_model_was_never_taught(page):
    app = press(page, "borrow-signs")
    assert not app.exception
    person, models = bundled_writers()[0], load_bundle("signs")
    labels = list(dict.fromkeys(each.label for each in person.enrollment))[:5]
    given = {
        label: [next(each for each in person.enrollment if each.label == label).load()]
        for label in labels
    }
    taught, others = teach(models, given), [each for each in person.query if each.label in labels]
    inputs = models.features([each.load() for each in others])
    drawn = taught.personal.predict(inputs, draws=DRAWS, generator=generator_for(0))
    right = [
        sum(
            answer.best.label == each.label
            for answer, each in zip(each_answer(found, taught.names), others, strict=True)
        )
        for found in (drawn, taught.by_mean.predict(inputs))
    ]
    assert f"gets {right[0]} right, the nearest mean {right[1]}" in words(app)
    app = press(app, "ask-drawn")
    assert not app.exception and "with a known answer" in words(app)
    app = press(app, "own-signs")
    assert "No signs yet" in words(app)


def test_what_is_no_picture_and_what_is_there_twice_is_refused_and_the_rest_stays(page):
    app = upload(page, ("a.png", picture(0)), ("notes.txt", b"no picture"), ("b.png", picture(0)))
    assert "2 of 3 files were refused" in words(app)
    assert [len(sign.samples) for sign in visit_of(app).own_signs.signs] == [1]


def test_more_signs_than_can_be_told_apart_are_refused(page):
    from session import signs

    visit = visit_of(page)
    for number in range(11):
        signs.draw(visit, shifted(CROSS, number))
    assert len(visit.own_signs.signs) == 10
    assert visit.refusals == [
        "10 signs are as many as can be told apart; choose one of them for this sample, or remove "
        "one."
    ]


def test_two_signs_have_two_names_and_markup_in_one_is_shown(page):
    from session import signs

    visit = visit_of(page)
    for strokes in (CROSS, SQUARE):
        signs.draw(visit, strokes)
    first, second = visit.own_signs.signs
    signs.rename(visit, first, "  **$x$**  ")
    signs.rename(visit, second, "**$x$**")
    assert (first.name, second.name) == ("**$x$**", "Sign 2")
    assert visit.refusals == ["Another sign is called '**$x$**' already; choose another name."]
    assert not page.run().exception


def test_the_last_sample_takes_its_sign_along_and_forgetting_takes_all(page):
    from session import signs

    visit = visit_of(page)
    for strokes in (CROSS, SQUARE):
        signs.draw(visit, strokes)
    signs.remove(visit, visit.own_signs.signs[0], visit.own_signs.signs[0].samples[0])
    assert [sign.name for sign in visit.own_signs.signs] == ["Sign 2"]
    app = page.run()
    assert "1 sample of 1 sign" in " ".join(each.value for each in app.sidebar.markdown)
    app = press(app, "forget-me")
    assert "No signs yet" in words(app) and visit_of(app).own_signs.empty
