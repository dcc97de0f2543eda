"""A test in a real browser: a stranger's at one click, and a visitor's by keyboard."""

import re

import pytest

from tests.browser.conftest import WORD, noted_page, one_voice
from tests.browser.test_visit import enroll, go_to

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
MOST_STOPS = 30  # of the Tab key, from one control to any other of the view


@pytest.fixture
def page(browser):
    """A page that notes every error it meets."""
    with noted_page(browser, 1300, 900) as opened:
        yield opened


def press_by_keyboard(page, name: str) -> None:
    """Go on with Tab to the button of that name, and press it."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "document.activeElement.ariaLabel || document.activeElement.innerText"
        )
        if re.search(f"{name}$", focused or ""):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab never came to {name!r}")


def test_a_borrowed_person_s_score_is_there_at_one_click(page, app_address):
    page.goto(f"{app_address}/compare?{one_voice()}")
    page.get_by_text("Test me").click()
    page.get_by_role("button", name=re.compile("Test it on")).click()
    page.get_by_role("heading", name="Which word was taken for which").wait_for()
    page.get_by_text(re.compile("95 % interval")).first.wait_for()
    page.get_by_role("table").nth(1).wait_for()
    assert page.failures == []


def test_words_are_said_and_the_score_is_seen_without_a_mouse(page, microphone, app_address):
    enroll(page, microphone, app_address)
    go_to(page, "Compare")
    page.get_by_text("Test me").click()
    for number in range(1, 6):
        page.get_by_text(f"Word {number} of 20").wait_for()
        page.wait_for_timeout(500)  # a new microphone takes the place of the used one
        page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
        microphone.hear(3 + number)  # whatever is asked for: this is about the page
        if number == 1:
            page.get_by_role("tab", name=re.compile("Record")).focus()
        press_by_keyboard(page, "Record")
        page.wait_for_selector('[aria-label="Stop recording"]')
        page.wait_for_timeout(WORD)
        press_by_keyboard(page, "Stop recording")
    page.get_by_text("5 test clips").wait_for()
    press_by_keyboard(page, "Show the score")
    page.get_by_role("heading", name="Which word was taken for which").wait_for()
    assert page.failures == []
