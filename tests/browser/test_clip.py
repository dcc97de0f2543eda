"""The README's clip can be recorded, and is what the README shows."""

import json
import shutil

import pytest

from tests.browser.clip import record, shown
from vop_core.data.locations import repository_root

README = (repository_root() / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_clip_that_is_committed():
    assert "](docs/clip.gif)" in README
    docs = repository_root() / "docs"
    assert (docs / "clip.gif").read_bytes().startswith(b"GIF89a")
    of = json.loads((docs / "clip.json").read_text(encoding="utf-8"))
    assert of == shown(), "run: python -m tests.browser.clip"


@pytest.mark.load
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_it_is_half_a_minute_and_light_enough_for_a_page(browser, app_address, tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg on this machine; it is Debian's package of that name")
    seconds = record(browser, app_address, tmp_path / "clip.gif")
    assert 20 <= seconds <= 60
    assert 100_000 < (tmp_path / "clip.gif").stat().st_size < 3_000_000
