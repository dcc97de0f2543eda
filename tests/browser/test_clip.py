"""The README's clip can be recorded, and is what the README shows."""

import shutil

import pytest

from tests.browser.clip import record
from vop_core.data.locations import repository_root

README = (repository_root() / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_clip_that_is_committed():
    assert "](docs/clip.gif)" in README
    assert (repository_root() / "docs" / "clip.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.load
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_it_is_half_a_minute_and_light_enough_for_a_page(browser, app_address, tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg on this machine; it is Debian's package of that name")
    seconds = record(browser, app_address, tmp_path / "clip.gif")
    assert 20 <= seconds <= 60
    assert 100_000 < (tmp_path / "clip.gif").stat().st_size < 3_000_000
