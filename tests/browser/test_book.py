"""The book in real Chromium, from the disk: figures move, slides turn, both themes, two widths."""

import json

import pytest

from vop_core.course import scenes
from vop_core.course.book import chapters, print_book
from vop_core.plots.style import text_alternative

pytestmark = [pytest.mark.browser, pytest.mark.load, pytest.mark.timeout(600)]

# one of each kind: contents, solutions, slides, a chapter with sliders over numbers and over names
NAMES = ("index", "solutions", "slides_06", "11_is_it_you")
EVERYTHING = (*NAMES, "slides_03", *(each.name for each in chapters()))
SPOKEN = "() => document.querySelector('figure.moving figcaption').textContent"
GROUND = "() => getComputedStyle(document.documentElement).backgroundColor"
CUT = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def view(browser, request):
    """A window on the disk alone: what is asked of a network is noted."""
    scheme, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "request",
        lambda sent: (
            None
            if sent.url.startswith(("file:", "data:", "blob:"))
            else page.complaints.append(sent.url)
        ),
    )
    yield page
    context.close()


@pytest.mark.parametrize("view", [("light", 1280), ("dark", 390)], indirect=True)
@pytest.mark.parametrize(
    "names", [NAMES, pytest.param(EVERYTHING, marks=pytest.mark.load)], ids=["some", "all"]
)
def test_pages_read_whole_in_both_themes_at_two_widths(view, names, book):
    from axe_playwright_python.sync_playwright import Axe

    graves = {}
    for name in names:
        view.goto((book / f"{name}.html").as_uri())
        moving = view.locator("figure.moving")
        for number in range(moving.count()):
            moving.nth(number).scroll_into_view_if_needed()
            moving.nth(number).locator(".js-plotly-plot .main-svg").first.wait_for()
        assert view.evaluate(CUT) <= 0, name
        assert view.complaints == [], name
        found = Axe().run(view).response["violations"]
        for each in found:
            if each["impact"] in ("serious", "critical"):
                graves.setdefault((each["id"], each["nodes"][0]["html"][:200]), name)
    assert not graves, graves


@pytest.mark.parametrize("view", [("light", 1280)], indirect=True)
def test_a_slider_shows_what_the_scene_draws_there(view, book):
    view.goto((book / "03_the_elbo.html").as_uri())
    figure = view.locator("figure.moving")
    figure.scroll_into_view_if_needed()
    figure.locator(".js-plotly-plot").wait_for()
    before = view.evaluate(SPOKEN)
    shift = figure.get_by_label("shift")
    shift.focus()
    view.keyboard.press("ArrowRight")
    drawn = scenes.twin_bound(shift=0.25, width=1.0)
    view.wait_for_function(
        "said => document.querySelector('figure.moving figcaption').textContent === said",
        arg=text_alternative(drawn),
    )
    assert (
        before == text_alternative(scenes.twin_bound(shift=0.0, width=1.0)) != view.evaluate(SPOKEN)
    )
    assert shift.get_attribute("aria-valuetext") == "0.25"
    shown = json.loads(
        view.evaluate(
            "() => JSON.stringify([...document.querySelector('.js-plotly-plot').data].map("
            "trace => Array.from(trace.x)))"
        )
    )
    for trace, x in zip(drawn.data, shown, strict=True):
        assert x == pytest.approx(list(trace.x), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("view", [("light", 1280)], indirect=True)
def test_the_readers_choice_of_light_or_dark_is_kept(view, book):
    view.goto((book / "index.html").as_uri())
    light = view.evaluate(GROUND)
    view.get_by_role("button", name="Light or dark").click()
    dark = view.evaluate(GROUND)
    view.goto((book / "00_why_personalize.html").as_uri())
    assert view.evaluate(GROUND) == dark != light


@pytest.mark.parametrize("view", [("light", 1280)], indirect=True)
def test_slides_turn_by_the_keyboard_and_fit_a_screen(view, book):
    for name in ("slides_03", "slides_06"):
        view.goto((book / f"{name}.html").as_uri())
        at = "() => document.activeElement.id"
        for number in range(2, 5):
            view.keyboard.press("ArrowRight")
            assert view.evaluate(at) == f"slide-{number}"
        view.keyboard.press("ArrowLeft")
        assert view.evaluate(at) == "slide-3"


@pytest.mark.parametrize("view", [("light", 1280)], indirect=True)
def test_without_its_script_a_page_shows_the_figure_as_it_stands_at_first(view, book, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((book / "03_the_elbo.html").as_uri())
    assert page.locator("figure.moving img").is_visible()
    assert page.locator("figure.moving .controls").is_hidden()
    context.close()


def test_the_book_is_printed(book, monkeypatch, chromium):
    monkeypatch.setenv("BROWSER_PATH", chromium)
    printed = print_book(book).read_bytes()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page") + printed.count(b"/Type/Page") > len(chapters())
