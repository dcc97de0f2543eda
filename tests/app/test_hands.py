"""The page of handwriting, on the shipped model: a hand gives digits, and both models read more."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.app.conftest import open_app, press, words
from vop_core.data.hands import bundled_writers
from vop_core.data.pictures import FORMATS
from vop_core.errors import PictureError
from vop_core.evaluation.answers import each_answer, outcome
from vop_core.models import load_bundle
from vop_core.tasks.registry import TASKS

TASK = TASKS["handwriting"]


@pytest.fixture
def hands():
    import streamlit

    streamlit.cache_resource.clear()
    return open_app("hands")


def visit_of(app):
    return app.session_state["visit"]


def picture(number: int, kind: str = "PNG", writer: int = 0) -> bytes:
    """A bundled writer's digit as a file, dark on white."""
    ink = bundled_writers()[writer].query[number].load().ink.numpy()
    memory = io.BytesIO()
    Image.fromarray((255 - 255 * ink).astype(np.uint8)).resize((140, 140)).save(memory, kind)
    return memory.getvalue()


def upload(app, *files: tuple[str, bytes], place: int = 0):
    given = [(name, data, "application/octet-stream") for name, data in files]
    return app.file_uploader[place].set_value(given).run()


def test_before_anything_was_given_the_page_says_how_to_begin(hands):
    assert not hands.exception
    assert "No digits yet" in words(hands)
    assert "read by both models" not in words(hands)


def test_a_borrowed_hand_shows_at_once_what_its_model_is_worth(hands):
    app = press(hands, "borrow-hand")
    assert not app.exception
    hand = visit_of(app).hand
    person = next(each for each in bundled_writers() if each.id == hand.writer)
    assert [each.original.digest for each in hand.samples] == [
        each.load().digest for each in person.enrollment[:5]
    ]

    models = load_bundle("handwriting")
    own = models.vop.enroll(models.features([each.picture for each in hand.samples]))
    seen = [TASK.met_in(hand.environment, person.id, each.load()) for each in person.query]
    both = [
        each_answer(model.predict(models.features(seen)), models.labels)
        for model in (models.global_model, own)
    ]
    found = [
        outcome(each.label, common.best.label, personal.best.label)
        for each, common, personal in zip(person.query, *both, strict=True)
    ]
    right = found.count("both right")
    assert f"gets {right + found.count('won')} right" in words(app)
    assert f"the global one {right + found.count('lost')}" in words(app)
    assert all(each.seal.openings == 0 for each in hand.samples), "enrolling reads no label"

    app = press(app, "ask-written")
    assert not app.exception
    assert f"## {both[0][0].best.label}" in words(app)
    assert f"## {both[1][0].best.label}" in words(app)
    assert list(visit_of(app).hand.tally.values()) == [found[0]]
    app = press(app, "own-hand")
    assert "No digits yet" in words(app)


def test_pictures_of_every_format_enroll_and_what_is_none_is_refused_by_name(hands):
    files = [(f"{kind}.x", picture(place, kind)) for place, kind in enumerate(FORMATS)]
    app = upload(hands, *files, ("notes.txt", b"no picture"), ("again.png", files[0][1]))
    assert not app.exception
    assert len(visit_of(app).hand.samples) == len(FORMATS)
    said = words(app)
    assert "2 of 8 files were refused" in said
    assert "notes.txt is no picture" in said and "again.png is the same picture as" in said
    assert f"a posterior from {len(FORMATS)} digits" in said


def test_more_than_ten_digits_are_refused_and_the_ten_stay(hands):
    app = upload(hands, *((f"{number}.png", picture(number)) for number in range(12)))
    assert len(visit_of(app).hand.samples) == 10
    assert "10 pictures are as many as" in words(app)


def test_strokes_enroll_and_are_asked_about(hands):
    from session import hands as session

    visit = visit_of(hands)
    for number in range(3):
        session.draw(visit, [[[10.0 + number, 10], [60, 12]], [[60, 12], [30, 90 + number]]])
    session.ask(visit, [[[12, 10], [61, 12], [31, 92]]])
    assert not visit.refusals
    app = hands.run()
    assert "a posterior from 3 digits" in words(app)
    assert "model for all hands" in words(app)
    session.draw(visit, [])
    assert visit.refusals == ["digit 5 has no strokes; draw one character."]
    for bad in ("abc", 7, [[1, 2, 3]], [["x", "y"]], [[[1, float("inf")]]]):
        session.draw(visit, bad)
        assert len(visit.refusals) == 1 and visit.refusals[0].startswith("digit 5 ")
    assert len(visit.hand.samples) == 3


def test_a_digit_that_enrolled_is_no_test(hands):
    from session import hands as session

    app = upload(hands, *((f"{number}.png", picture(number)) for number in range(3)))
    visit = visit_of(app)
    session.ask_file(visit, "same.png", picture(1))
    visit.hand.told[visit.hand.query.number] = "1"
    app = app.run()
    assert "It enrolled" in words(app) and not visit.hand.tally


def test_all_digits_off_gives_a_page_with_a_way_on(hands):
    app = upload(hands, ("a.png", picture(0)))
    number = visit_of(app).hand.samples[0].number
    app = press(app, f"flip-{number}")
    assert not app.exception
    assert "All digits are switched off" in words(app)
    assert "read by both models" not in words(app)
    app = press(app, f"flip-{number}")
    assert "a posterior from 1 digit" in words(app)
    app = press(app, f"remove-digit-{number}")
    assert "No digits yet" in words(app)


def test_forgetting_empties_the_hand_and_the_receipt_told_of_it(hands):
    app = upload(hands, ("a.png", picture(0)))
    assert "1 written digit" in words(app) and visit_of(app).holds_own
    app = press(app, "forget-me")
    assert visit_of(app).hand.empty and not visit_of(app).holds_own
    app = press(press(app, "borrow-hand"), "ask-written")
    assert not visit_of(app).holds_own, "what is borrowed is nobody's loss"


def test_strokes_from_a_page_are_checked_before_they_are_drawn():
    from vop_core.data.pictures import decode_strokes

    assert decode_strokes([[[1, 2], [3, 4]], [[5, 6]]]).ink.max() == 1
    with pytest.raises(PictureError, match="more than 20,000 points"):
        decode_strokes([[[1, 2]] * 20_001])
