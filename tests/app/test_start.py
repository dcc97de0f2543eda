"""What the way in which the app was started changes on its pages."""

import gc
import sys

import pytest

from tests.app.conftest import open_app, open_page, press, words


@pytest.fixture
def kiosk(bundle, persons, monkeypatch):
    """The app started with ``--no-recording``."""
    monkeypatch.setattr(sys, "argv", ["streamlit_app.py", "--no-recording"])
    return open_app()


def test_where_nobody_is_recorded_no_page_offers_a_microphone(kiosk):
    assert kiosk.file_uploader and not kiosk.audio_input
    assert not any("Record" in tab.label for tab in kiosk.tabs)
    press(kiosk, "borrow")
    assert "personal model is ready" in words(kiosk)
    compared = open_page(kiosk, "compare")
    assert not compared.audio_input and len(compared.file_uploader) == 1
    for name in ("home", "your_voice", "compare"):
        said = words(open_page(kiosk, name)).lower()
        assert not {"say", "microphone", "mic_alert"} & set(said.replace("?", " ").split())
        assert not kiosk.exception
    for view in ("Test me", "Swap models"):
        chosen = next(each for each in kiosk.segmented_control if view in str(each.options))
        assert not chosen.set_value(view).run().audio_input and not kiosk.exception


def test_otherwise_the_microphone_is_the_first_way(app):
    assert len(app.audio_input) == 1 and "Record" in app.tabs[0].label


def test_the_numbers_of_a_figure_are_made_when_they_are_asked_for(app, monkeypatch):
    from vop_core import plots

    made = []
    monkeypatch.setattr(plots, "table", lambda figure: made.append(figure))
    press(app, "borrow")
    open_page(app, "posterior")
    assert len(app.get("plotly_chart")) == 3 and made == []


def test_no_run_of_a_page_ends_with_a_look_for_garbage_among_what_is_loaded(app):
    from session import shared

    shared.settle()
    # torch alone makes more
    assert gc.get_freeze_count() > 100_000
