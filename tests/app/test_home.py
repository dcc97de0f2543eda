"""The first page: one example that anybody can see at once, and that says how typical it is."""

import pytest
from streamlit import config

from tests.app.conftest import PERSONS, open_app, press, record, words
from vop_core.data.environments import CLEAN
from vop_core.models.bundled import SHOTS, examples
from vop_core.text import counted


@pytest.fixture
def opening(bundle, persons):
    """A card that opens with the second person."""
    rows = [
        {"person": person, "environment": CLEAN, "queries": 4, "global": 2, "personal": 2 + gain}
        for person, gain in zip(PERSONS, (1, -1, 0), strict=True)
    ]
    opening = {"person": PERSONS[1], "environment": CLEAN}
    bundle["bundled"] = {"shots": SHOTS, "opening": opening, "rows": rows}
    return open_app(page=None)


def expected(persons):
    from session.shared import bundle

    return examples(bundle("keywords-en"), persons[1], CLEAN)


def verdicts(app) -> list[str]:
    return [each.value for each in app.markdown if "Right" in each.value or "Wrong" in each.value]


def test_an_example_shows_the_truth_both_answers_and_what_all_of_them_give(opening, persons):
    assert "Speaker 02" not in words(opening)
    app = press(opening, "see-example")
    assert not app.exception
    shown, *_ = of_all = expected(persons)
    said = words(app)
    for word in (shown.word, shown.by_global.best.label, shown.by_personal.best.label):
        assert f"## {word}" in said
    right = [each.by_personal.best.label == each.word for each in of_all]
    assert f"the personal one {counted(sum(right), 'time')}" in said
    assert "more often than the global one for 1, less often for 1, as often for 1" in said


def test_each_answer_is_called_right_or_wrong(opening, persons):
    app = press(opening, "see-example")
    for number, shown in enumerate(expected(persons)):
        answers = shown.by_global.best.label, shown.by_personal.best.label
        called = ["Right" in verdict for verdict in verdicts(app)]
        assert called == [answer == shown.word for answer in answers], number
        app = press(app, "another-example")
    assert f"## {expected(persons)[0].word}" in words(app), "after the last comes the first again"


def test_going_on_enrolls_the_clips_that_made_the_example(opening, persons):
    app = press(press(opening, "see-example"), "go-on")
    entries = app.session_state["visit"].entries
    assert [entry.clip.name for entry in entries] == [
        record.path.name for record in persons[1].enrollment[:SHOTS]
    ]


def test_a_visitor_s_own_clips_are_never_replaced(opening, voice):
    app = record(opening.switch_page("app_pages/your_voice.py").run(), voice(0))
    app = press(app.switch_page("app_pages/home.py").run(), "see-example")
    own, borrowed = press(app, "go-on").session_state["visit"].people
    assert [entry.person for entry in own.entries] == [None]
    assert {entry.person for entry in borrowed.entries} == {PERSONS[1]}


def test_a_visitor_s_own_query_is_not_lost_by_going_on(opening, voice):
    app = press(press(opening, "see-example"), "go-on")
    app = record(app.switch_page("app_pages/compare.py").run(), voice(5))
    app = press(app.switch_page("app_pages/home.py").run(), "go-on")
    assert app.session_state["visit"].query is not None


def test_what_is_kept_is_said_to_be_here_only_where_it_is(opening):
    """A visitor from elsewhere sends clips to the computer that runs the app."""
    address = config.get_option("server.address")
    try:
        for listens, here in (("localhost", True), ("0.0.0.0", False)):
            config.set_option("server.address", listens)
            said = " ".join(each.value for each in opening.run().sidebar.caption)
            assert ("on this computer" in said) is here
    finally:
        config.set_option("server.address", address)


def test_a_card_that_names_nobody_is_said(bundle, persons):
    app = press(open_app(page=None), "see-example")
    assert not app.exception
    assert "names nobody to show" in words(app)
