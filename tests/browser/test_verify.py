"""Verification in a real browser: the person who enrolled claims, and then somebody else does."""

import re

import pytest

from tests.browser.conftest import noted_page, record, settled
from tests.browser.test_visit import enroll, go_to

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


def test_who_enrolled_claims_by_the_microphone_and_then_an_impostor(
    browser, microphone, app_address
):
    with noted_page(browser, 1300, 1700) as page:
        enroll(page, microphone, app_address)
        page.get_by_text("Your personal model is ready").wait_for()
        go_to(page, "Verify")
        microphone.hear(5)
        record(page, ".st-key-verdict-global h2", ".st-key-verdict-personal h2")
        own = page.locator(".st-key-verdict-personal h2").inner_text()
        # nobody says who speaks into a microphone
        assert re.search("(Accepted|Refused)$", own)
        page.get_by_text("would be refused in").wait_for()
        page.locator(".st-key-claim-scores .main-svg").first.wait_for()
        page.get_by_role("tab", name=re.compile("Let somebody else")).click()
        settled(page)
        page.get_by_role("button", name=re.compile("Make the claim")).click()
        told = page.locator(".st-key-verdict-personal h2").filter(has_text=re.compile("ly$"))
        told.wait_for()  # it is known that a bundled person did not enroll
        assert page.failures == []
