"""An address opens a bundled voice in a state; it never replaces a visitor's own clips."""

from tests.app.conftest import open_app, press, record, words


def test_an_address_enrolls_a_bundled_voice(bundle, persons):
    app = open_app(task="keywords-en", person="synthetic-en/02", clips="2", query="1", seed="4")
    assert not app.exception
    state = app.session_state["visit"]
    assert [entry.person for entry in state.entries] == ["synthetic-en/02"] * 2
    assert state.query is not None and state.draw_seed == 4
    assert "Your personal model is ready" in words(app)


def test_forgetting_does_not_open_the_address_again(bundle, persons):
    app = open_app(person="synthetic-en/02")
    assert app.session_state["visit"].entries
    app = press(app, "forget-me")
    assert not app.session_state["visit"].entries
    assert not app.run().session_state["visit"].entries


def test_a_visitor_s_own_clips_are_kept(bundle, persons, voice):
    app = open_app()
    record(app, voice(0))
    app.query_params["person"] = "synthetic-en/01"
    app.run()
    assert [entry.person for entry in app.session_state["visit"].entries] == [None]
    assert "yours were kept" in words(app)


def test_an_address_that_asks_for_nonsense_is_one_sentence(bundle, persons):
    for address, said in (
        ({"task": "chess"}, "the task 'chess'"),
        ({"person": "synthetic-en/99"}, "'synthetic-en/99'"),
        ({"person": "synthetic-en/01", "clips": "-3"}, "clips '-3'"),
    ):
        app = open_app(**address)
        assert not app.exception
        assert said in words(app)
        assert not app.session_state["visit"].entries


def test_more_clips_than_there_are_open_those_that_are(bundle, persons):
    app = open_app(person="synthetic-en/03", clips="500", query="77")
    assert len(app.session_state["visit"].entries) == 5
    assert app.session_state["visit"].query is not None
