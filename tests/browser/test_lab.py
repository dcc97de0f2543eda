"""The course in real JupyterLab: a slider moves and the figure changes, a button is pressed, a word
is recorded.
"""

import json
import re
import shutil
import socket
import sys
import urllib.request

import pytest

import run
from tests.browser.conftest import ROOT, running

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE = 240_000  # ms; a whole notebook runs meanwhile
WORD = 1_600  # ms of recording
NOTEBOOK = "window.jupyterapp.shell.currentWidget.content"
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
        *run.LAB,
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


def test_a_student_sees_the_readme_and_notebooks_and_no_solutions(page, lab):
    """The list of files has what is for students; the README opens as a page, not as its source."""
    with urllib.request.urlopen(f"{lab}/api/contents") as answer:
        names = {each["name"] for each in json.load(answer)["content"]}
    assert "README.md" in names and "03_the_elbo.ipynb" in names
    assert not names & set(run.UNLISTED)
    page.goto(f"{lab}/lab/workspaces/readme/tree/README.md?reset")
    page.locator(".jp-MarkdownViewer h1").wait_for()


def open_notebook(page, lab: str, name: str) -> None:
    """Open a notebook in a fresh workspace, with every cell drawn, and its kernel ready."""
    page.goto(f"{lab}/lab/workspaces/{name}/tree/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady")


def find_cell(page, code: str) -> int:
    """The place of the first code cell that holds ``code``."""
    return page.evaluate(
        f"(code) => {NOTEBOOK}.widgets.findIndex(({{model}}) => model.type === 'code' && "
        "model.sharedModel.source.includes(code))",
        code,
    )


def show_cell(page, index: int):
    """Scroll to a cell, which JupyterLab draws when it comes into view; returns its element."""
    page.evaluate(f"{NOTEBOOK}.scrollToItem({index}, 'center')")
    return page.evaluate_handle(f"{NOTEBOOK}.widgets[{index}].node").as_element()


def run_up_to(page, code: str):
    """Run every cell up to the first that holds ``code``, and that one; returns its element."""
    index = find_cell(page, code)
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.evaluate(f"{NOTEBOOK}.activeCellIndex = {index}")
    for command in ("run-all-above", "run-cell"):
        assert (
            page.evaluate(f"window.jupyterapp.commands.execute('notebook:{command}').then(String)")
            != "false"
        )
    return show_cell(page, index)


def test_the_stored_pictures_show_before_anything_runs(lab, page):
    open_notebook(page, lab, "03_the_elbo")
    cell = show_cell(page, find_cell(page, "course.show("))
    assert cell.wait_for_selector(".jp-OutputArea img").is_visible()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("03_the_elbo", marks=pytest.mark.load),
        pytest.param("06_enrollment", marks=pytest.mark.load),  # the book's sliders stand for them
        pytest.param("08_the_failure_museum", marks=pytest.mark.load),
    ],
)
def test_a_control_redraws_its_figure_and_its_words(lab, page, name):
    """The first control of a notebook's first interactive figure is moved, by keyboard or by
    choice: one that moves curves, one that is a list, one that moves a line. Above it a prediction
    is asked for by buttons. The course works offline, and its first page is not a question of
    another project: nobody is asked for news.
    """
    from playwright.sync_api import expect

    asked = []
    page.on("request", lambda request: asked.append(request.url))
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
    predicted = show_cell(page, find_cell(page, "course.predict("))
    assert predicted.wait_for_selector("input[type=radio]").is_visible()
    for unwanted in (COMPLAINTS, ".jp-Notification-Toast, .Toastify__toast"):
        expect(page.locator(unwanted)).to_have_count(0)
    assert not [url for url in asked if not url.startswith((lab, "data:", "blob:"))]


def test_a_word_is_recorded_in_the_notebook_and_not_saved_with_it(lab, page, microphone):
    open_notebook(page, lab, "10_your_own_voice")
    cell = run_up_to(page, "recorder = Recorder()")
    button = cell.wait_for_selector("button:has-text('Record one word')")
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
