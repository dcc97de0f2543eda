"""A server that ends while a tab is open, and comes back."""

import re
import socket

import pytest

from tests.browser.conftest import ROOT, serve, upload
from tests.data.audio_fixtures import soundfile_bytes, vowel

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE = 240_000  # ms; the tab asks for the server less and less often
CONNECTING = re.compile("^connecting$", re.IGNORECASE)


@pytest.mark.load  # the tab takes most of a minute to ask again
def test_a_tab_goes_on_after_a_restart_and_says_that_the_clips_are_gone(browser, tmp_path):
    script, page = ROOT / "app" / "streamlit_app.py", browser.new_page()
    page.set_default_timeout(PATIENCE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clip = {"name": "a.wav", "mimeType": "audio/wav", "buffer": soundfile_bytes(vowel(0.8))}
    for address in serve(script, tmp_path, port=port):
        page.goto(address)
        page.get_by_role("link", name="Your voice", exact=True).first.click()
        page.get_by_role("heading", name="Your voice", exact=True).wait_for()
        upload(page, clip)
        page.get_by_text(re.compile("^1 clip, 0.8 s")).wait_for()
        assert not page.get_by_text("was restarted").count()
    page.get_by_text(CONNECTING).wait_for()
    for _ in serve(script, tmp_path, port=port):
        page.get_by_text(CONNECTING).wait_for(state="detached")
        page.get_by_role("link", name="Compare", exact=True).first.click()
        page.get_by_text("was restarted").wait_for()
        page.get_by_text("Nothing.", exact=True).wait_for()
    page.close()
