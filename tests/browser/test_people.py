"""Two persons in a real browser: they exchange their models, a model goes out as a file and comes
back, and a link opens what it says.
"""

import re
from urllib.parse import urlparse

import pytest

from tests.browser.conftest import one_voice, settled, upload
from tests.browser.test_visit import go_to, page  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


def press(page, control) -> None:  # noqa: F811
    """By keyboard alone."""
    control.wait_for()
    settled(page)
    control.focus()
    page.keyboard.press("Enter")
    settled(page)


def test_two_persons_exchange_their_models_by_keyboard(page, app_address):  # noqa: F811
    page.goto(f"{app_address}/compare?{one_voice()}")
    press(page, page.locator("button").filter(has_text="Swap models"))
    press(page, page.get_by_role("button", name=re.compile("Add a bundled voice")))
    cards = page.locator(".st-key-swap-0"), page.locator(".st-key-swap-1")
    for card in cards:
        press(page, card.get_by_role("button", name=re.compile("Ask .+ words?")))
    cards[0].get_by_text(re.compile("of .+ right")).wait_for()
    names = [card.get_by_text(re.compile("(.+) speaks")).inner_text() for card in cards]
    names = [re.search(r"(Speaker \d+) speaks", name)[1] for name in names]
    scores = {}
    for owners in (names, names[::-1], names):
        for card, owner in zip(cards, owners, strict=True):
            card.get_by_text(f"{owner}'s model answers").wait_for()
        scores.setdefault(owners[0], cards[0].get_by_role("heading").inner_text())
        assert cards[0].get_by_role("heading").inner_text() == scores[owners[0]]
        press(page, page.locator(".st-key-swap button"))
    row = page.locator("table tbody tr").first.inner_text()
    for score in scores.values():
        assert score in row, "the table tells both"
    assert page.failures == []


def test_a_model_is_saved_as_a_file_and_loaded_as_another_person(page, app_address):  # noqa: F811
    page.goto(f"{app_address}/your_voice?{one_voice()}")
    press(page, page.locator("summary").filter(has_text="Save or load a person"))
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Save this person")).click()
    page.get_by_text("personal model is ready").wait_for()
    data = download.value.path().read_bytes()
    kind = "application/octet-stream"
    given = {"name": "Anna.safetensors", "mimeType": kind, "buffer": data}
    upload(page, given, uploader=-1)
    page.get_by_text("a posterior from 3 clips").wait_for()
    go_to(page, "Posterior")
    page.get_by_text("holds no clips").wait_for()
    assert page.locator("button").filter(has_text="Anna").is_visible() and page.failures == []


def test_a_copied_link_opens_the_same_voice(page, app_address):  # noqa: F811
    address = urlparse(app_address)
    page.context.grant_permissions(
        ["clipboard-read", "clipboard-write"], origin=f"{address.scheme}://{address.netloc}"
    )
    page.goto(f"{app_address}/compare?{one_voice()}")
    page.get_by_role("button", name=re.compile("Ask both models")).click()
    said = page.locator(".st-key-answer-personal-1 h2")
    said.wait_for()
    settled(page)
    answer = said.inner_text()
    page.get_by_text("and query clip 1").wait_for()
    press(page, page.get_by_role("button", name="Copy link"))
    page.get_by_text("Copied.").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{app_address}/compare?") and "query=0" in link
    page.locator(".st-key-pages").get_by_role("link", name="Posterior", exact=True).click()
    page.get_by_text("How your curve is made").first.wait_for()
    settled(page)
    press(page, page.get_by_role("button", name="Copy link"))
    page.get_by_text("Copied.").wait_for()
    elsewhere = page.evaluate("navigator.clipboard.readText()")
    assert elsewhere.startswith(f"{app_address}/posterior?"), "the page that is open"
    page.goto(link)
    said.wait_for()
    assert said.inner_text() == answer
    assert page.failures == []
