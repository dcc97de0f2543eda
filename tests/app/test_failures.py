"""What goes wrong inside is one sentence on the page, and takes nothing from the visitor."""

from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

from tests.app.conftest import open_app, open_page, press, record, upload, words


def break_down(*_, **__):
    raise RuntimeError("numbers of a voice")


def test_an_upload_that_breaks_the_program_leaves_the_page_and_the_clips(
    enrolled, voice, monkeypatch
):
    from vop_core.data import audio

    monkeypatch.setattr(audio, "decode", break_down)
    upload(enrolled, ("fourth.wav", voice(5)))
    assert not enrolled.exception
    assert "Something went wrong" in words(enrolled) and "numbers of a voice" not in words(enrolled)
    assert len(enrolled.session_state["visit"].entries) == 3
    assert len(enrolled.get("audio")) == 3, "the page is there, with its clips"


def test_a_click_that_breaks_the_program_leaves_the_page(app, persons, monkeypatch):
    from vop_core.data import environments
    from vop_core.data.voices import BundledClip

    monkeypatch.setattr(BundledClip, "load", break_down)
    monkeypatch.setattr(environments, "heard_as", break_down)
    press(app, "borrow")
    assert not app.exception and "Something went wrong" in words(app)
    assert app.button(key="borrow")


def test_a_page_that_breaks_keeps_the_visit_and_the_ways_out(enrolled, monkeypatch):
    from vop_core import plots

    made = plots.clip_figure
    monkeypatch.setattr(plots, "clip_figure", break_down)
    for entry in enrolled.session_state["visit"].entries:
        entry.figure = None
    enrolled.run()
    assert not enrolled.exception and "Something went wrong" in words(enrolled)
    assert "3 clips" in words(enrolled) and enrolled.button(key="forget-me")
    monkeypatch.setattr(plots, "clip_figure", made)
    open_page(enrolled, "compare")
    assert "Something went wrong" not in words(enrolled)
    assert len(enrolled.session_state["visit"].entries) == 3


def test_a_tab_that_is_older_than_the_server_is_told_so_until_clips_are_there(
    bundle, persons, voice, monkeypatch
):
    assert "was restarted" not in words(open_app())
    remembered = frozenset(["a figure of the visit before"])
    reset = ScriptRunContext.reset

    def reset_as_by_an_old_tab(self, *arguments, **options):
        reset(self, *arguments, **options)
        self.cached_message_hashes = remembered

    monkeypatch.setattr(ScriptRunContext, "reset", reset_as_by_an_old_tab)
    app = open_app()
    assert "was restarted" in words(app)
    record(app, voice(0))
    assert "was restarted" not in words(app)
