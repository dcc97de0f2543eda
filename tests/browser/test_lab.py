"""The course in real JupyterLab: a slider moves and the figure changes, a button is pressed, a word
is recorded.
"""

import re
import shutil
import socket
import sys

import pytest

import run
from tests.browser.conftest import ROOT, running

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE = 240_000  # ms; a whole notebook runs meanwhile
WORD = 1_600  # ms of recording
SPOKEN = "(cell) => cell.querySelector('[role=status]').innerText"
DRAWN = """(cell) => {
    const {data, layout} = cell.querySelector('.js-plotly-plot');
    const lines = (layout.shapes ?? []).map((shape) => [shape.x0, shape.x1, shape.y0, shape.y1]);
    return JSON.stringify([lines, data.map((trace) => [trace.x, trace.y, trace.z, trace.error_x])]);
}"""
COMPLAINTS = (
    "[data-mime-type='application/vnd.jupyter.error'], .jp-RenderedText[data-mime-type*=stderr]"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the course, so that it may save what it likes."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "ServerApp.port": port,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": folder / "notebooks",
        "IdentityProvider.token": "",
        "ServerApp.allow_root": True,
        "LabApp.expose_app_in_browser": True,
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        *run.OFFLINE_LAB,
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    own = {
        name: str(folder / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    }
    environment = (
        own
        | run.lab_settings(ROOT)
        | {"PYTHONPATH": str(ROOT), "VOP_COURSE_BUDGET": "short", "VOP_DATA": ""}
    )
    yield from running(
        command,
        f"http://localhost:{port}",
        "/api",
        folder=folder,
        cwd=folder,
        environment=environment,
    )


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1300, "height": 1500})
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()


def open_notebook(page, lab: str, name: str) -> None:
    """Open a notebook in a fresh workspace, with every cell drawn, and its kernel ready."""
    page.goto(f"{lab}/lab/workspaces/{name}/tree/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady")


def run_all(page) -> None:
    """Run every cell anew, and wait for the last one."""
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    assert (
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells').then(String)")
        == "true"
    )


def run_up_to(page, code: str):
    """Run every cell up to the first that holds ``code``, and that one; returns its element."""
    notebook = "window.jupyterapp.shell.currentWidget.content"
    index = page.evaluate(
        f"(code) => {notebook}.widgets.findIndex("
        "({model}) => model.type === 'code' && model.sharedModel.source.includes(code))",
        code,
    )
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.evaluate(f"{notebook}.activeCellIndex = {index}")
    for command in ("run-all-above", "run-cell"):
        assert (
            page.evaluate(f"window.jupyterapp.commands.execute('notebook:{command}').then(String)")
            != "false"
        )
    page.evaluate(f"{notebook}.scrollToItem({index}, 'center')")
    return page.evaluate_handle(f"{notebook}.widgets[{index}].node").as_element()


def scroll_to(page, selector: str):
    """The first element of that kind; JupyterLab draws a cell when it comes into view."""
    notebook = "window.jupyterapp.shell.currentWidget.content"
    for cell in range(page.evaluate(f"{notebook}.model.cells.length")):
        page.evaluate(f"{notebook}.scrollToItem({cell}, 'center')")
        page.wait_for_timeout(150)
        if page.locator(selector).count():
            found = page.locator(selector).first
            found.scroll_into_view_if_needed()
            return found
    raise AssertionError(f"nothing on the page is {selector}")


def test_the_stored_pictures_show_before_anything_runs(lab, page):
    open_notebook(page, lab, "03_the_elbo")
    assert scroll_to(page, ".jp-OutputArea img").is_visible()


def test_nobody_is_asked_for_news(lab, page):
    """The course works offline, and its first page is not a question of another project."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    open_notebook(page, lab, "00_why_personalize")
    page.wait_for_timeout(3_000)  # JupyterLab asks a moment after it has started
    assert page.locator(".jp-Notification-Toast, .Toastify__toast").count() == 0
    assert not [url for url in asked if not url.startswith((lab, "data:", "blob:"))]


@pytest.mark.parametrize("name", ["03_the_elbo", "06_enrollment", "08_the_failure_museum"])
def test_a_control_redraws_its_figure_and_its_words(lab, page, name):
    """The first control of a notebook's first interactive figure is moved, by keyboard or by
    choice: one that moves curves, one that is a list, one that moves a line.
    """
    from playwright.sync_api import expect

    open_notebook(page, lab, name)
    cell = run_up_to(page, "course.explore(")
    cell.wait_for_selector(".js-plotly-plot .main-svg")
    before, said = cell.evaluate(DRAWN), cell.evaluate(SPOKEN)
    if choices := cell.query_selector("select"):
        choices.select_option(index=choices.evaluate("(list) => list.length - 1"))
    else:
        cell.query_selector(".noUi-handle").focus()
        page.keyboard.press("ArrowRight")
    # Words and figure arrive by two messages of the kernel: each is waited for on its own.
    page.wait_for_function(f"([cell, said]) => ({SPOKEN})(cell) !== said", arg=[cell, said])
    page.wait_for_function(f"([cell, before]) => ({DRAWN})(cell) !== before", arg=[cell, before])
    expect(page.locator(COMPLAINTS)).to_have_count(0)


def test_predictions_are_asked_for_by_buttons(lab, page):
    open_notebook(page, lab, "06_enrollment")
    cell = run_up_to(page, "course.predict(")
    assert cell.wait_for_selector("input[type=radio]").is_visible()


def test_a_word_is_recorded_in_the_notebook_and_not_saved_with_it(lab, page, microphone):
    open_notebook(page, lab, "10_your_own_voice")
    run_all(page)
    button = scroll_to(page, "button:has-text('Record one word')")
    for number in range(4):
        microphone.hear(number)
        button.click()
        page.wait_for_timeout(WORD)
        page.get_by_role("button", name="Stop", exact=True).click()
        page.locator(
            ".jp-OutputArea [role=status]", has_text=re.compile(rf"^Clip {number + 1}:")
        ).wait_for()
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-below')")
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = page.evaluate(
        f"fetch('{lab}/api/contents/10_your_own_voice.ipynb').then((found) => found.text())"
    )
    assert "Clip 4" not in saved
    assert len(saved) < 5_000_000
    assert "webm" not in saved and "audio/" not in saved
