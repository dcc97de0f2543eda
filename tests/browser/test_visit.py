"""A visit in a real browser: three words, a posterior, a fourth word, both answers."""

import re
import time
from urllib.parse import urlparse

import pytest

from tests.browser.conftest import PATIENCE, QUIET, noted_page, one_voice, record, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def page(browser):
    """A page that notes every request it makes and every error it meets."""
    with noted_page(browser, 1300, 1500) as opened:
        yield opened


def go_to(page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()
    page.get_by_role("heading", name=name, exact=True).wait_for()


def enroll(page, microphone, address: str) -> None:
    page.goto(f"{address}/your_voice")
    for number in (1, 2, 3):
        microphone.hear(number)  # the very same sound twice is refused, and rightly
        page.get_by_text(f"Clip {number}: say one word").wait_for()
        record(page, f".st-key-tile-{number}")


def test_three_words_a_posterior_a_fourth_word_and_both_answers(page, microphone, app_address):
    landed = time.monotonic()
    enroll(page, microphone, app_address)
    page.get_by_text("Your personal model is ready").wait_for()
    page.get_by_text("from 3 clips").first.wait_for()
    assert time.monotonic() - landed < 60, "a first personal result within a minute of landing"
    assert page.locator(".st-key-tile-2 .js-plotly-plot").is_visible()

    go_to(page, "Posterior")
    page.get_by_text(
        re.compile("Healthy|Collapsed to|Not one person|No voice|Not judged")
    ).first.wait_for()
    page.locator(".js-plotly-plot .trace").first.wait_for()
    page.get_by_text("Is the narrowing earned?").wait_for()

    go_to(page, "Compare")
    microphone.hear(4)
    record(page, ".st-key-answer-global-1 h2", ".st-key-answer-personal-1 h2")
    page.get_by_text("draws of its weights").wait_for()
    for promise in ("source-free", "few-shot", "unsupervised", "training-free"):
        # a badge's text begins with its icon's name; a broken promise would end in "broken"
        page.get_by_text(re.compile(rf"{promise}$")).first.wait_for()
    page.get_by_text("0 gradient steps").first.wait_for()

    page.get_by_role("button", name="Forget me").click()
    page.get_by_text("no personal model to compare with").wait_for()
    go_to(page, "Your voice")
    page.get_by_text("No clips yet").wait_for()
    # the old page is cleared a moment later
    page.wait_for_function("document.querySelectorAll('audio').length === 0")

    hosts = {urlparse(url).hostname for url in page.requests if url.startswith(("http", "ws"))}
    assert hosts <= {"localhost", "127.0.0.1"}, "no telemetry, no fonts or scripts from elsewhere"
    assert page.failures == []


def test_a_stranger_sees_an_example_at_one_click(page, app_address):
    page.goto(app_address)
    page.get_by_alt_text(re.compile("one forward pass")).wait_for()
    page.get_by_role("button", name=re.compile("See an example")).click()
    page.get_by_text("What was said").wait_for()
    verdicts = page.get_by_text(re.compile("(Right|Wrong: it was .+)$"))
    verdicts.nth(1).wait_for()  # the cards come one after the other
    assert verdicts.count() == 2
    page.get_by_role("button", name=re.compile("Go on with this person")).click()
    page.get_by_text("Your personal model is ready").wait_for()
    assert page.failures == []


def test_on_a_phone_every_page_is_in_sight(browser, app_address):
    """Product and pages on the first screen; no drawer to open, none in the way afterwards."""
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    phone.set_default_timeout(PATIENCE)
    phone.goto(app_address)
    for name in ("Your voice", "Compare", "Posterior", "Home"):
        link = phone.get_by_role("link", name=name, exact=True)
        link.wait_for()
        box = link.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["height"] >= 24
        link.click()
        phone.locator(".st-key-pages").get_by_text("VoP Studio").wait_for()
        drawer = phone.get_by_role("button", name=re.compile("Forget me")).bounding_box()
        assert drawer is None or drawer["x"] + drawer["width"] <= 0
    phone.close()


WHERE_A_WEIGHT_IS = """
(number) => {
    const graph = document.querySelector('.js-plotly-plot');
    const trace = graph.data.findIndex(each => (each.name || '').startsWith('combined'));
    const layout = graph._fullLayout, box = graph.getBoundingClientRect();
    return {
        name: graph.data[trace].text[number],
        x: box.left + layout._size.l + layout.xaxis.d2p(number),
        y: box.top + layout._size.t + layout.yaxis.d2p(graph.calcdata[trace][number].y),
    };
}
"""


def test_a_click_in_the_picture_of_a_layer_opens_the_curves_of_that_weight(page, app_address):
    page.goto(f"{app_address}/posterior?{one_voice()}")
    for number in (3, 20):  # the second where one was clicked before
        page.get_by_text("How your curve is made").wait_for()
        # a click while the page is still drawn may meet a control that is replaced
        page.get_by_text("Which numbers carry what the clips said").last.wait_for()
        settled(page)
        page.get_by_text("Whole layer", exact=True).click()
        page.get_by_text("weights, in the layer's order").wait_for()
        chosen = page.evaluate(WHERE_A_WEIGHT_IS, number)
        page.mouse.move(chosen["x"], chosen["y"])
        page.mouse.click(chosen["x"], chosen["y"])
        page.get_by_text(f"value of {chosen['name']}", exact=True).wait_for()
    assert page.failures == []


def test_loading_again_asks_before_it_loses_the_visitor_s_clips(page, microphone, app_address):
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.goto(f"{app_address}/your_voice")
    microphone.hear(1)
    record(page, ".st-key-tile-1")
    page.get_by_text(re.compile("^1 clip, ")).wait_for()
    page.wait_for_timeout(1_000)  # the last thing on the page, and it cannot be seen
    page.evaluate("setTimeout(() => location.reload())")
    page.wait_for_timeout(1_000)
    assert asked == ["beforeunload"] and page.locator(".st-key-tile-1").is_visible()
    page.get_by_role("button", name="Forget me").click()
    page.get_by_text("Nothing.", exact=True).wait_for()
    page.wait_for_timeout(1_000)
    page.reload()
    page.get_by_text("No clips yet").wait_for()
    assert len(asked) == 1, "what is borrowed or forgotten is nobody's loss"


@pytest.mark.parametrize("kept", ["no device", "no permission"])
def test_without_a_microphone_the_page_says_how_to_go_on(browser, chromium, app_address, kept):
    flags = [flag for flag in QUIET if "media-stream" not in flag]
    flags += {
        "no device": ["--use-fake-ui-for-media-stream"],
        "no permission": ["--use-fake-device-for-media-stream", "--deny-permission-prompts"],
    }[kept]
    opened = browser.browser_type.launch(executable_path=chromium, args=flags)
    page = opened.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{app_address}/your_voice")
    button = page.get_by_role("button", name="Record", exact=True)
    button.wait_for()
    settled(page)
    size = button.bounding_box()
    assert min(size["width"], size["height"]) >= 44
    if kept == "no permission":  # nobody can know it before
        button.click()
    ways = page.get_by_role("status").filter(has_text="To record,")
    ways.wait_for()
    assert page.get_by_role("link", name="Learn how").count() == 0, "no word of another's"
    ways.get_by_role("button", name="Borrow a voice").click()
    page.get_by_role("button", name="Use this voice").wait_for()
    opened.close()
