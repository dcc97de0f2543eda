"""The lecture in a real browser: from step to step, a prediction and a point to move, by keyboard
alone; nothing comes from another host.
"""

import re
from urllib.parse import urlparse

import pytest

from tests.browser.conftest import noted_page, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def page(browser):
    """A page as large as a projector's picture."""
    with noted_page(browser, 1280, 720) as opened:
        yield opened


def tab_to(page, name: str) -> None:
    """Press Tab until a button that says ``name`` has the focus."""
    focused = "document.activeElement.matches('button') ? document.activeElement.innerText : ''"
    for _ in range(60):
        page.keyboard.press("Tab")
        if name in page.evaluate(focused):
            return
    raise AssertionError(f"{name} is not reached by Tab")


def heading(page, title: str) -> None:
    page.get_by_role("heading", name=title, exact=True).wait_for()


def test_the_lecture_runs_by_keyboard_alone(page, app_address):
    page.goto(f"{app_address}/learn?step=4")
    heading(page, "Trust grows with clips")
    settled(page)
    page.keyboard.press("PageDown")
    heading(page, "A world where the truth is known")
    page.wait_for_url(re.compile("step=5$"))
    page.get_by_text("The exact one", exact=True).wait_for()
    settled(page)
    tab_to(page, "The exact one")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    reveal = page.get_by_role("button", name=re.compile("Reveal"))
    page.wait_for_function(
        "[...document.querySelectorAll('button')]"
        ".some(each => each.innerText.includes('Reveal') && !each.disabled)"
    )
    tab_to(page, "Reveal")
    page.keyboard.press("Enter")
    page.get_by_text("You predicted it").wait_for()
    reveal.wait_for(state="detached")
    page.get_by_text("gap 2.95").wait_for()

    slider = page.get_by_role("slider", name=re.compile("Label, y"))
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_function(
        "![...document.querySelectorAll('text')].some(each => each.textContent == ' gap 2.95')"
    )
    heading(page, "A world where the truth is known")
    hosts = {urlparse(url).hostname for url in page.requests if url.startswith(("http", "ws"))}
    assert hosts <= {"localhost", "127.0.0.1"}, "offline"
    assert page.failures == []


WHERE = """
(place) => {
    const graph = document.querySelector('.js-plotly-plot');
    const layout = graph._fullLayout, box = graph.getBoundingClientRect();
    return [
        box.left + layout._size.l + layout.xaxis.d2p(place[0]),
        box.top + layout._size.t + layout.yaxis.d2p(place[1]),
    ];
}
"""


def test_a_click_moves_the_chosen_point_there(page, app_address):
    page.goto(f"{app_address}/learn?step=6")
    page.get_by_text("Too narrow", exact=True).click()
    page.get_by_role("button", name=re.compile("Reveal")).click()
    page.get_by_text("Point to move").wait_for()
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    page.mouse.click(*page.evaluate(WHERE, [-1.0, 2.0]))
    page.wait_for_function(
        "() => { const points = document.querySelector('.js-plotly-plot')?.data"
        "?.find(each => each.mode == 'markers+text');"
        " return points?.x.at(-1) == -1 && points.y.at(-1) == 2; }"
    )
    assert page.failures == []
