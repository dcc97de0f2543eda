"""A real server, a real Chromium, and a microphone that hears one bundled person."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
PATIENCE = 120_000  # ms; generous, for machines that do other things as well
SENDING = 20_000  # ms from a file's choice to its first byte, on a busy machine
SILENCE = 8  # seconds after a word; Chromium would start the file again


QUIET_PAGE = """
() => document.querySelector('[data-testid=stElementContainer]') && !document.querySelector(
    '[data-testid=stStatusWidget], [data-testid=stSpinner], [data-stale=true]'
)
"""
FILES = "[data-testid=stFileUploader] input[type=file]"


def settled(page) -> None:
    """Wait until nothing on the page is about to change."""
    page.wait_for_timeout(500)
    page.wait_for_function(QUIET_PAGE)
    page.wait_for_timeout(300)


def upload(page, files: dict | list[dict], uploader: int = 0) -> None:
    """Give files to one of a page's uploaders, once it is drawn, and again if nothing was sent: one
    that is being replaced loses them.
    """
    from playwright.sync_api import TimeoutError as NothingSent

    for last in (False, False, True):
        settled(page)
        try:
            with page.expect_request(lambda sent: "/upload_file/" in sent.url, timeout=SENDING):
                page.locator(FILES).nth(uploader).set_input_files(files)
        except NothingSent:
            if last:
                raise
        else:
            return


STOP_AND_WAIT = """
async (selectors) => {
    const stop = document.querySelector('[aria-label="Stop recording"]');
    const begun = performance.now();
    stop.click();
    while (!selectors.every((selector) => document.querySelector(selector)?.innerText)) {
        if (performance.now() - begun > 100000) throw new Error("no answer to " + selectors);
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - begun;
}
"""
WORD = 1_600  # ms of recording: at least one whole word of the fake microphone


def record(page, *selectors: str) -> float:
    """Say a word and stop; milliseconds from stop until every selector's element says something."""
    settled(page)
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_selector('[aria-label="Stop recording"]')
    page.wait_for_timeout(WORD)
    return page.evaluate(STOP_AND_WAIT, list(selectors))


def one_voice() -> str:
    """The query of an address that enrolls a bundled voice."""
    from vop_core.course.links import LinkedState
    from vop_core.data.voices import bundled_persons

    state = LinkedState(task="keywords-en", person=bundled_persons("en")[0].id)
    return urlencode(state.as_query())


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is."""
    found = next(
        (
            path
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (path := shutil.which(name))
        ),
        None,
    )
    if found is None:
        pytest.skip("no Chromium on this machine; .ci/run installs one")
    return found


@contextmanager
def noted_page(browser, width: int, height: int):
    """A page that notes every request it makes and every error it meets."""
    opened = browser.new_page(viewport={"width": width, "height": height})
    opened.set_default_timeout(PATIENCE)
    opened.requests, opened.failures = [], []
    opened.on("request", lambda request: opened.requests.append(request.url))
    opened.on("pageerror", lambda error: opened.failures.append(str(error)))
    yield opened
    opened.close()


class Microphone:
    """What Chromium's fake microphone hears: it reads the file anew, from its start, for every
    recording.
    """

    def __init__(self, path: Path) -> None:
        from vop_core.data.voices import bundled_persons

        person = bundled_persons("en")[0]
        self.path = path
        self.words = [clip.load().waveform.numpy() for clip in (*person.enrollment, *person.query)]
        self.hear(0)

    def hear(self, number: int) -> None:
        """From now on the bundled person says their word of that number, and then nothing."""
        import numpy as np
        import soundfile
        import soxr

        said = np.concatenate([self.words[number], np.zeros(SILENCE * 16_000, np.float32)])
        soundfile.write(self.path, soxr.resample(said, 16_000, 48_000), 48_000, subtype="PCM_16")


@pytest.fixture(scope="session")
def microphone(tmp_path_factory) -> Microphone:
    """A microphone before which one bundled person stands."""
    return Microphone(tmp_path_factory.mktemp("microphone") / "person.wav")


def serve(script: Path, folder: Path, port: int = 0):
    """Start a Streamlit script on a port, a free one if none is named; yields its address and
    stops it afterwards.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    address = f"http://localhost:{port}"
    yield from running(
        command,
        address,
        "/_stcore/health",
        folder=folder,
        cwd=ROOT,
        environment={"OMP_NUM_THREADS": "1"},
    )


def running(
    command: list[str],
    address: str,
    health: str,
    *,
    folder: Path,
    cwd: Path,
    environment: dict[str, str],
):
    """Start a server and wait until ``health`` answers; yields its address and stops it
    afterwards.
    """
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(
            command, cwd=cwd, stdout=log, stderr=log, env=os.environ | environment
        )
        try:
            _wait_for(address + health, server)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_for(health: str, server: subprocess.Popen, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError("the server ended by itself; see server.log")
        try:
            with urllib.request.urlopen(health, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"no server after {seconds} s")


@pytest.fixture(scope="session")
def app_address(tmp_path_factory):
    """The app as a visitor meets it."""
    yield from serve(ROOT / "app" / "streamlit_app.py", tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def browser(chromium, microphone):
    """Chromium with the fake microphone. Not for the whole session: playwright keeps an event loop
    running, and other tests run their own.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium,
            args=[*QUIET, f"--use-file-for-fake-audio-capture={microphone.path}"],
        )
        yield opened
        opened.close()
