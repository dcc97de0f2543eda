"""Every page as people meet it who see, hear or point differently: axe-core in both themes, twice
as large, on a phone, by keyboard.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import numpy as np
import pytest

from tests.browser.conftest import settled, upload
from tests.data.audio_fixtures import soundfile_bytes, vowel

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]

PATIENCE = 120_000  # ms
REDRAWN = 300  # ms, by the browser alone
RESIZED = 6_000  # ms, of which charts may take some on a busy machine
DESK = {"width": 1300, "height": 900}
PHONE = {"width": 390, "height": 844}
VIEWS = {
    "light": {"viewport": DESK, "color_scheme": "light"},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "at 200 %": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}
# What axe calls moderate, and we mend all the same; the second is off unless it is asked for.
RULES = {"heading-order": {"enabled": True}, "target-size": {"enabled": True}}
THEMES = {
    "light": {"rules": RULES},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast"]}},
}
NOTHING_GIVEN = ", nothing given"
# Streamlit's own, which neither theme nor styles reach: rule -> selector that it is about, and why
STREAMLITS: dict[str, tuple[str, str]] = {}

CUT = """
() => {
    const found = [], main = document.querySelector("[data-testid=stMain]");
    for (const each of [document.scrollingElement, main])
        if (each.scrollWidth > each.clientWidth) found.push(`${each.tagName} scrolls sideways`);
    for (const each of main.querySelectorAll("*")) {
        const box = each.getBoundingClientRect(), style = getComputedStyle(each);
        const says = [...each.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
        if (!says || box.width < 3 || !each.checkVisibility({ visibilityProperty: true })) continue;
        // a table may scroll in a frame of its own [WCAG 1.4.10]
        if (each.closest("table")) continue;
        const words = document.createRange();
        words.selectNodeContents(each);
        const end = words.getBoundingClientRect().right;
        let hidden = style.overflowX === "hidden" && each.scrollWidth > each.clientWidth + 1;
        for (let one = each; one !== main; one = one.parentElement)
            hidden ||= getComputedStyle(one).overflowX === "hidden"
                && end > one.getBoundingClientRect().right + 1;
        if (box.right > innerWidth + 1 || box.left < -1 || hidden)
            found.push(each.textContent.trim().slice(0, 60));
    }
    return found;
}
"""
SMALL = """
() => [...document.querySelectorAll("a, button, [role=button], [role=tab], summary, label")]
    .filter((each) => getComputedStyle(each).visibility !== "hidden")
    .map((each) => [each, each.getBoundingClientRect()])
    .filter(([each, box]) => box.width > 2 && (box.width < 24 || box.height < 24))
    .filter(([each]) => each.tagName !== "LABEL" || each.querySelector("input"))
    // a link in a sentence is as high as its line
    .filter(([each]) => !each.closest("p, .modebar"))
    .map(([each, box]) => `${each.ariaLabel || each.textContent} ${box.width} x ${box.height}`)
"""
FOCUSED = """
async () => {
    const drawn = () => new Promise((then) => requestAnimationFrame(() => setTimeout(then)));
    let at = document.activeElement;
    while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    if (at === document.body) return null;
    // the browser's own player shows it inside
    if (at.tagName === "AUDIO") return [at.ariaLabel || at.tagName, true];
    const looks = (all) => all.map((each) => {
        const style = getComputedStyle(each);
        const ring = style.outlineStyle === "none" ? "" : style.outline;
        return [ring, style.boxShadow, style.borderColor, style.backgroundColor].join();
    });
    // the ring may be drawn by what holds an input, or by what it holds
    const near = [at, at.nextElementSibling, ...at.children];
    for (let up = at.parentElement, n = 0; up && n < 5; up = up.parentElement, n++) near.push(up);
    const all = near.filter(Boolean), focused = looks(all);
    at.blur();
    await drawn();
    const shown = focused.join() !== looks(all).join();
    at.focus({ focusVisible: true });
    await drawn();
    return [at.ariaLabel || at.textContent.trim().slice(0, 40) || at.tagName, shown];
}
"""


def pages(page) -> list[str]:
    """The titles of all pages, as their links have them."""
    links = page.locator(".st-key-pages a")
    links.first.wait_for()
    return [link.inner_text().splitlines()[-1].strip() for link in links.all()]


def go_to(page, name: str) -> None:
    page.locator(".st-key-pages").get_by_role("link", name=name, exact=True).click()


def first_states(page, address: str) -> Iterator[str]:
    """Bring a page into the states of a first minute in turn, and yield what each is called."""
    page.goto(address)
    for name in pages(page):
        go_to(page, name)
        yield f"{name}{NOTHING_GIVEN}"
    go_to(page, "Home")
    page.get_by_role("button", name=re.compile("See an example")).click()
    page.get_by_text("says one more word").wait_for()
    yield "Home, an example"


def states(page, address: str) -> Iterator[str]:
    """Bring a page into every state in turn, and yield what it is called."""
    from vop_core.course.links import LinkedState
    from vop_core.data.voices import bundled_persons

    yield from first_states(page, address)
    everywhere = pages(page)
    go_to(page, "Hands")
    page.get_by_role("tab", name=re.compile("Borrow")).click()
    yield "Hands, about to borrow one"
    page.get_by_role("button", name=re.compile("Use this hand")).click()
    page.get_by_role("button", name=re.compile("Ask about another")).click()
    page.get_by_text("with a known answer").wait_for()
    yield "Hands, a borrowed one"
    page.get_by_role("link", name=re.compile("invent signs")).click()
    page.get_by_role("tab", name=re.compile("Borrow")).click()
    page.get_by_role("button", name=re.compile("Use five of these digits")).click()
    page.get_by_role("button", name=re.compile("Ask about another")).click()
    page.get_by_text("with a known answer").wait_for()
    yield "Signs, borrowed ones"
    go_to(page, "Your voice")
    quiet = np.random.default_rng(0).normal(0, 0.002, 16_000).astype(np.float32)
    sounds = enumerate([vowel(0.8), vowel(0.7, pitch=150.0), quiet])
    named = [
        {"name": f"{number}.wav", "mimeType": "audio/wav", "buffer": soundfile_bytes(sound)}
        for number, sound in sounds
    ]
    upload(page, named)
    page.get_by_text("3 clips, 1 off").wait_for()
    for name in everywhere:
        go_to(page, name)
        yield f"{name}, clips of one's own and a poor one"
    person = bundled_persons("en")[0].id
    borrowed = urlencode(LinkedState(task="keywords-en", person=person, query=2).as_query())
    page.goto(f"{address}/compare?{borrowed}")
    page.get_by_text("draws of its weights").wait_for()
    page.get_by_text("Show the controls").click()
    settled(page)
    page.get_by_text("Numbers", exact=True).first.click()
    page.get_by_test_id("stDataFrame").wait_for()
    yield "Compare, answered"
    for name in everywhere:
        if name != "Compare":
            go_to(page, name)
            yield f"{name}, a borrowed voice"
    go_to(page, "Posterior")
    settled(page)
    page.get_by_text("Whole layer", exact=True).click()
    page.get_by_text("weights, in the layer's order").wait_for()
    yield "Posterior, whole layer"


@pytest.fixture
def view(browser, request):
    """A page seen as the test asks for."""
    context = browser.new_context(**VIEWS[request.param])
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


@pytest.mark.parametrize("view", ["light"], indirect=True)
@pytest.mark.parametrize(
    "visited", [first_states, pytest.param(states, marks=pytest.mark.load)], ids=["first", "every"]
)
def test_in_each_state_axe_finds_nothing_and_a_phone_shows_it_whole(view, app_address, visited):
    """Axe in both themes, which differ in nothing but colours."""
    serious, cut = {}, {}
    for state in visited(view, app_address):
        settled(view)
        for theme, asked in THEMES.items():
            view.emulate_media(color_scheme=theme)
            view.wait_for_timeout(REDRAWN)
            for key, where in violations(view, asked):
                serious.setdefault(key, (state, theme, where))
        view.emulate_media(color_scheme="light")
        view.set_viewport_size(PHONE)
        for what in misfits(view):
            cut.setdefault(what, state)
        view.set_viewport_size(DESK)
    assert not serious, "\n".join(f"{key}: {value}" for key, value in serious.items())
    assert not cut, "\n".join(f"{state}: {what}" for what, state in cut.items())


def misfits(view) -> list[str]:
    """What is cut, or too small to hit, once charts have been drawn for the width there is."""
    found = []
    for _ in range(RESIZED // REDRAWN):
        view.wait_for_timeout(REDRAWN)
        found = view.evaluate(CUT) + view.evaluate(SMALL)
        if not found:
            break
    return found


def violations(view, asked: dict) -> Iterator[tuple[tuple[str, str], str]]:
    """What axe finds that is not Streamlit's own: rule and element, and where it is."""
    from axe_playwright_python.sync_playwright import Axe

    for violation in Axe().run(view, options=asked).response["violations"]:
        known = violation["impact"] in ("serious", "critical") or violation["id"] in RULES
        selector, _ = STREAMLITS.get(violation["id"], ("", ""))
        for node in violation["nodes"] if known else ():
            where = str(node["target"][-1])
            if not (selector and view.locator(where).and_(view.locator(selector)).count()):
                yield (violation["id"], node["html"][:160]), where


@pytest.mark.load
@pytest.mark.parametrize("view", ["at 200 %"], indirect=True)
def test_twice_as_large_nothing_is_cut_and_everything_can_be_hit(view, app_address):
    found = {}
    for state in states(view, app_address):
        settled(view)
        for what in misfits(view):
            found.setdefault(what, state)
    assert not found, "\n".join(f"{state}: {what}" for what, state in found.items())


@pytest.mark.parametrize(
    "view", ["light", pytest.param("dark", marks=pytest.mark.load)], indirect=True
)
def test_whatever_the_keyboard_reaches_shows_that_it_is_there(view, app_address):
    view.goto(app_address)
    unseen, links = {}, view.locator(".st-key-pages a")
    links.first.wait_for()
    for name in [link.get_attribute("href") for link in links.all()]:
        view.goto(f"{app_address}/{name.removeprefix('/')}")  # the keyboard begins at the top
        links.first.wait_for()
        settled(view)
        view.add_style_tag(content="* { transition: none !important }")  # rings fade
        reached = []
        for _ in range(60):
            view.keyboard.press("Tab")
            at = view.evaluate(FOCUSED)
            if at is None and len(reached) <= 5:
                continue  # what is drawn anew loses the focus
            if at is None or at[0] in reached[:-3]:
                break
            reached.append(at[0])
            if not at[1]:
                unseen.setdefault(at[0], name)
        assert len(reached) > 5, name
    assert not unseen, unseen


def test_no_label_of_an_enrolled_clip_gives_its_word_away(browser, app_address):
    """Or the visitor could tell the model what it must not know, and a listener hears it first."""
    from vop_core.course.links import LinkedState
    from vop_core.data.voices import bundled_persons

    person = bundled_persons("en")[0]
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    asked = LinkedState(task="keywords-en", person=person.id, clips=5)
    page.goto(f"{app_address}/your_voice?{urlencode(asked.as_query())}")
    page.locator("[class*=st-key-tile-] audio").nth(4).wait_for()
    settled(page)
    labels = page.evaluate(
        "() => [...document.querySelectorAll('[class*=st-key-tile-] *')].flatMap((each) => "
        "['aria-label', 'alt', 'title', 'src', 'download'].map((name) => "
        "each.getAttribute(name) || ''))"
    )
    said = set(re.findall("[a-z]+", " ".join(labels).lower()))
    assert {"play", "clip"} <= said
    words = {clip.label for clip in person.enrollment}
    assert not words & said, words & said
    page.close()
