"""How long one waits, beside a page that computes nothing: for both answers after a recording, for
the posterior after a click.

In pairs, one after the other, since the machine's speed drifts. Browser, servers and test share it:
whatever else it does can only spoil a sitting, so one of five must do.
"""

import re
import statistics
from collections.abc import Callable

import pytest

from tests.browser.conftest import noted_page, one_voice, record, serve, settled

pytestmark = [
    pytest.mark.browser,
    pytest.mark.load,
    pytest.mark.alone,
    pytest.mark.timeout(3600),
]

MOST_SLOWER = 1.5
SITTINGS = 5
ROUNDS = 20

ECHO = """
import wave
import streamlit as st
given = st.audio_input("Echo", sample_rate=16_000)
if given is not None:
    st.session_state["number"] = st.session_state.get("number", 0) + 1
    with wave.open(given) as file, st.container(key=f"echo-{st.session_state['number']}"):
        st.write(f"{file.getnframes() / file.getframerate():.2f} s")
"""
ONE_CHART = """
import plotly.graph_objects as go
import streamlit as st

def draw():
    st.session_state["draws"] = st.session_state.get("draws", 0) + 1

@st.fragment
def chart():
    height = st.session_state.get("draws", 0)
    st.plotly_chart(go.Figure(go.Scatter(y=[height, *range(200)])))
    st.button("Draw one more", key="draw", on_click=draw)

chart()
"""
CLICK_AND_WAIT = """
async () => {
    const plot = () => document.querySelector(".js-plotly-plot");
    const before = plot().data, begun = performance.now();
    document.querySelector(".st-key-draw button").click();
    while (!plot()?.data || plot().data === before) {
        if (performance.now() - begun > 100000) throw new Error("the chart is as it was");
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - begun;
}
"""


@pytest.fixture
def nothing_address(request, tmp_path):
    """A page that computes nothing."""
    (tmp_path / "page.py").write_text(request.param)
    yield from serve(tmp_path / "page.py", tmp_path)


@pytest.fixture
def pages(browser, app_address, nothing_address):
    """The app, and the page that computes nothing."""
    with noted_page(browser, 1300, 1500) as app, noted_page(browser, 1300, 900) as nothing:
        nothing.goto(nothing_address)
        yield app, nothing


def at_most_half_as_late_again(
    nothing: Callable[[int], float], app: Callable[[int], float]
) -> None:
    """The median of how many times as late the app is."""
    ratios = []
    for sitting in range(SITTINGS):
        # the first of each warms up caches: it is about a visit, not about its first click
        first = 1 + sitting * (ROUNDS + 1)
        took = [(nothing(n), app(n)) for n in range(first, first + ROUNDS + 1)][1:]
        ratios.append(statistics.median(later / sooner for sooner, later in took))
        sooner, later = map(statistics.median, zip(*took, strict=True))
        print(f"{sooner:.0f} ms, in the app {later:.0f} ms: {ratios[-1]:.2f} times as late")
        if ratios[-1] <= MOST_SLOWER:
            return
    raise AssertionError(ratios)


@pytest.mark.parametrize("nothing_address", [ECHO], indirect=True, ids=["echo"])
def test_both_answers_after_a_recording(pages, app_address):
    app, echo = pages
    app.goto(f"{app_address}/compare?{one_voice()}")
    # who borrowed a voice is offered its clips first
    app.get_by_role("tab", name=re.compile("Record$")).click()

    def echoed(number: int) -> float:
        echo.bring_to_front()
        return record(echo, f".st-key-echo-{number}")

    def answered(number: int) -> float:
        app.bring_to_front()
        cards = (f".st-key-answer-{name}-{number} h2" for name in ("global", "personal"))
        took = record(app, *cards)
        app.get_by_text("draws of its weights").wait_for()
        return took

    at_most_half_as_late_again(echoed, answered)


@pytest.mark.parametrize("nothing_address", [ONE_CHART], indirect=True, ids=["one chart"])
def test_the_posterior_after_a_click(pages, app_address):
    app, chart = pages
    app.goto(f"{app_address}/posterior?{one_voice()}")
    app.get_by_text("Which numbers carry what the clips said").last.wait_for()

    def clicked(page) -> float:
        page.bring_to_front()
        settled(page)
        return page.evaluate(CLICK_AND_WAIT)

    at_most_half_as_late_again(lambda _: clicked(chart), lambda _: clicked(app))
