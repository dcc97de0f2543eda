"""Handwriting in a real browser: five digits by a pen, one more, and both models read it."""

import io
import re

import pytest

from tests.browser.conftest import noted_page, upload

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
SHAPES = {  # digits as strokes, in pixels of a canvas of 280
    "1": [[(140, 50), (140, 230)]],
    "2": [[(80, 90), (120, 50), (180, 70), (170, 130), (80, 225), (200, 225)]],
    "3": [[(80, 60), (150, 50), (190, 90), (110, 135), (190, 170), (150, 230), (80, 215)]],
    "4": [[(170, 50), (80, 170), (210, 170)], [(170, 120), (170, 240)]],
    "5": [[(190, 55), (100, 55), (90, 130), (150, 120), (195, 160), (170, 220), (90, 225)]],
    "7": [[(70, 60), (200, 60), (120, 230)], [(90, 140), (180, 140)]],
}


@pytest.fixture
def page(browser):
    """A page on a phone, which notes every error it meets."""
    with noted_page(browser, 390, 1000) as opened:
        yield opened


def write(page, digit: str) -> None:
    """Draw a digit with a pen of several events a stroke."""
    box = page.locator("[class*=st-key-canvas] canvas").bounding_box()
    scale = box["width"] / 280
    for first, *others in SHAPES[digit]:
        page.mouse.move(box["x"] + first[0] * scale, box["y"] + first[1] * scale)
        page.mouse.down()
        for x, y in others:
            page.mouse.move(box["x"] + x * scale, box["y"] + y * scale, steps=6)
        page.mouse.up()


def test_five_digits_by_a_pen_make_a_model_and_both_read_a_sixth(page, app_address):
    page.goto(f"{app_address}/hands")
    add, ask, clear = (
        page.get_by_role("button", name=name, exact=True)
        for name in ("Add digit", "Ask both models", "Clear")
    )
    page.get_by_text("No digits yet.").wait_for()
    assert add.is_disabled() and ask.is_disabled()
    write(page, "1")
    clear.click()
    assert add.is_disabled(), "nothing is left to add"
    for count, digit in enumerate("13457", start=1):
        write(page, digit)
        assert ask.is_enabled() is (count > 1), "there is nobody to ask before the first"
        add.click()
        page.locator(f".st-key-digit-{count}").wait_for()
    page.get_by_text("a posterior from 5 digits").wait_for()
    write(page, "2")
    ask.click()
    page.get_by_role("heading", name="One more digit, read by both models").wait_for()
    page.get_by_text("model for all hands").wait_for()
    # a plain 2 as a pen draws it: both have seen thousands
    assert page.get_by_role("heading", name="2", exact=True).count() == 2
    page.get_by_role("radio", name="2", exact=True).click()
    page.get_by_text("yours right 1, everybody's 1").wait_for()
    page.get_by_role("radio", name="photocopied", exact=True).click()
    page.get_by_text("a posterior from 5 digits").wait_for()
    assert page.failures == []


def test_a_borrowed_hand_is_asked_about_at_one_click(page, app_address):
    page.goto(f"{app_address}/hands")
    page.get_by_role("tab", name=re.compile("Borrow")).click()
    page.get_by_role("button", name=re.compile("Use this hand")).click()
    page.get_by_text(re.compile("digits that did not enroll")).wait_for()
    page.get_by_role("button", name=re.compile("Ask about another")).click()
    page.get_by_text("So far 1 digit with a known answer").wait_for()
    assert page.failures == []


def test_pictures_of_six_formats_enroll_by_upload(page, app_address):
    from PIL import Image

    from vop_core.data.hands import bundled_writers
    from vop_core.data.pictures import FORMATS

    files = []
    for record, kind in zip(bundled_writers()[0].query, FORMATS, strict=False):
        ink, memory = record.load().ink.numpy(), io.BytesIO()
        Image.fromarray((255 - 255 * ink).astype("uint8")).resize((140, 140)).save(memory, kind)
        name = f"digit.{kind.lower()}"
        files.append({"name": name, "mimeType": "image/png", "buffer": memory.getvalue()})
    page.goto(f"{app_address}/hands")
    page.get_by_role("tab", name=re.compile("Upload")).click()
    upload(page, files)
    page.get_by_text(f"a posterior from {len(FORMATS)} digits").wait_for()
    assert page.failures == []
