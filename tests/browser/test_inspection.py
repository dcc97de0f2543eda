"""Inspect in a real browser, by a stranger who gives nothing: a weight that is clicked is marked,
sections are reached by keyboard, and what is taken away is a file.
"""

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE = 240_000  # ms
MARKED = "[data-testid=stMarkdown]:has-text('before any clip')"


def test_a_stranger_marks_a_weight_and_takes_the_draws_away_by_keyboard(browser, app_address):
    page = browser.new_page(viewport={"width": 1300, "height": 1500})
    page.set_default_timeout(PATIENCE)
    failures = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(f"{app_address}/inspect")
    page.get_by_text("stands in").wait_for()
    before = page.locator(MARKED).first.inner_text()

    first = page.locator(".js-plotly-plot").first
    first.locator(".points path").nth(2).wait_for()
    first.locator(".points path").nth(2).click(force=True)
    page.get_by_text("scale of pattern 3 of Convolution 1").first.wait_for()
    assert page.locator(MARKED).first.inner_text() != before

    page.get_by_role("radio", name="Layers", exact=True).focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Draws for ArviZ").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name=re.compile("Save the draws")).press("Enter")
    with open(saved.value.path(), "rb") as file:
        assert file.read(8) == b"\x89HDF\r\n\x1a\n"
    assert page.get_by_role("heading", name="Draws for ArviZ").is_visible()  # not wiped
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert failures == []
    page.close()
