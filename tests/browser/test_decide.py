"""Decide in a real browser, by keyboard: a verdict, an operating point, a report to take along."""

import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_verdict_an_operating_point_and_a_report_by_keyboard(browser, app_address):
    page = browser.new_page(viewport={"width": 1300, "height": 1000}, accept_downloads=True)
    page.set_default_timeout(240_000)
    failures, requests = [], []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(f"{app_address}/decide")
    page.get_by_role("heading", name="Who gains, who loses?").wait_for()
    page.get_by_role("button", name=re.compile("Ask the bundled people")).press("Enter")
    page.get_by_text("False alarms allowed", exact=True).wait_for()
    page.get_by_text(re.compile("^Personal models answer")).wait_for()
    # a button pressed while the page is still being drawn is drawn again, unpressed
    page.wait_for_timeout(1_000)
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Download the report")).press("Enter")
    report = Path(download.value.path())
    reader = browser.new_page()
    reader.on("request", lambda request: requests.append(request.url))
    reader.goto(report.rename(report.with_suffix(".html")).as_uri())
    assert reader.get_by_role("img").count() >= 3
    assert all(url.startswith(("file:", "data:")) for url in requests)
    assert page.get_by_text(re.compile("^Personal models answer")).is_visible()
    assert not failures
    reader.close()
    page.close()
