"""Record the README's clip of the main path: ``python -m tests.browser.clip`` writes docs/clip.gif,
and in docs/clip.json what it is of.

Frames come from Chromium's own screencast, over its debugging protocol; ffmpeg makes one picture of
them that moves.
"""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.browser.conftest import QUIET, ROOT, serve

SIZE = {"width": 1120, "height": 760}
PATIENCE = 120_000  # ms
RATE = 6  # frames a second
WIDTH = 880  # pixels, of the clip
LOOK = 2_500  # ms that a reader looks at a state
FILTER = (
    f"fps={RATE},scale={WIDTH}:-1:flags=lanczos,split[a][b];"
    "[a]palettegen=max_colors=64:stats_mode=diff[p];[b][p]paletteuse=dither=none:diff_mode=rectangle"
)


class Screencast:
    """Every frame that a page draws, with the time it was drawn at."""

    def __init__(self, page, folder: Path) -> None:
        self.folder, self.frames = folder, []
        self.session = page.context.new_cdp_session(page)
        self.session.on("Page.screencastFrame", self._keep)
        self.session.send("Page.startScreencast", {"format": "png", "everyNthFrame": 2})

    def _keep(self, frame: dict) -> None:
        path = self.folder / f"{len(self.frames):05d}.png"
        path.write_bytes(base64.b64decode(frame["data"]))
        self.frames.append((path, time.monotonic()))
        self.session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    def stop(self) -> float:
        """Seconds from the first frame to now; the list for ffmpeg is written."""
        self.session.send("Page.stopScreencast")
        end = time.monotonic()
        times = [moment for _, moment in self.frames] + [end]
        lines = []
        for (path, moment), following in zip(self.frames, times[1:], strict=True):
            lines += [f"file '{path}'", f"duration {following - moment:.3f}"]
        (self.folder / "frames.txt").write_text("\n".join([*lines, lines[-2]]))
        return end - times[0]


def show(page, text: str) -> None:
    """Wait for a text and bring it to the middle."""
    found = page.get_by_text(text).first
    found.wait_for()
    found.evaluate("(each) => each.scrollIntoView({ block: 'center', behavior: 'smooth' })")


def shown() -> dict[str, str]:
    """What the clip is of: the models, and with whom and where they open."""
    from vop_core.models import load_bundle

    models = load_bundle("keywords-en")
    return {"model": models.fingerprint, **models.card["bundled"]["opening"]}


def won() -> int:
    """The opening person's first query clip that the personal model alone gets right, from 1."""
    from vop_core.models import load_bundle
    from vop_core.models.bundled import examples
    from vop_core.tasks.registry import TASKS

    models = load_bundle("keywords-en")
    opening = models.card["bundled"]["opening"]
    persons = {person.id: person for person in TASKS[models.task].bundled_persons()}
    person = persons[opening["person"]]
    shown = examples(models, person, opening["environment"])[0].clip.name
    return [clip.path.name for clip in person.query].index(shown) + 1


def begin(page, address: str) -> None:
    """The first page, without the sidebar."""
    page.goto(address)
    page.get_by_role("button", name="See an example").wait_for()
    page.add_style_tag(content="[data-testid=stSidebar] { display: none }")
    page.wait_for_timeout(1_000)


def main_path(page, number: int) -> None:
    """An example, its person's clips, the posterior with some draws, one more word."""
    page.wait_for_timeout(LOOK)
    page.get_by_role("button", name="See an example").click()
    show(page, "What was said")
    page.wait_for_timeout(2 * LOOK)
    page.get_by_role("button", name="Go on with this person").click()
    show(page, "personal model is ready")
    page.wait_for_timeout(LOOK)
    page.get_by_role("link", name="Posterior", exact=True).first.click()
    show(page, "How your curve is made")
    page.wait_for_timeout(LOOK)
    for _ in range(3):
        page.get_by_role("button", name="Draw one more").click()
        page.wait_for_timeout(700)
    page.wait_for_timeout(LOOK)
    page.get_by_role("link", name="Compare", exact=True).first.click()
    page.get_by_role("combobox", name="Clip").click()
    page.get_by_role("option", name=str(number), exact=True).click()
    page.wait_for_timeout(1_000)  # the button asks about what was chosen when it was drawn
    page.get_by_role("button", name="Ask both models").click()
    show(page, "Global model")
    page.wait_for_timeout(2 * LOOK)


def record(browser, address: str, target: Path) -> float:
    """Write the clip to ``target`` and give its seconds. Raises RuntimeError without ffmpeg."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise RuntimeError("ffmpeg is not on this machine; Debian's package has that name")
    number = won()
    with tempfile.TemporaryDirectory() as folder:
        # once unseen, so that nothing has to be loaded in the clip
        for seen in (False, True):
            page = browser.new_page(viewport=SIZE)
            page.set_default_timeout(PATIENCE)
            begin(page, address)
            screencast = Screencast(page, Path(folder)) if seen else None
            main_path(page, number)
            seconds = screencast.stop() if screencast else 0.0
            page.close()
        command = [ffmpeg, "-y", "-loglevel", "error", "-f", "concat", "-safe", "0"]
        command += ["-i", str(Path(folder, "frames.txt")), "-filter_complex", FILTER, str(target)]
        subprocess.run(command, check=True)
    return seconds


if __name__ == "__main__":
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as log, sync_playwright() as playwright:
        for address in serve(ROOT / "app" / "streamlit_app.py", Path(log)):
            opened = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=list(QUIET)
            )
            print(f"{record(opened, address, ROOT / 'docs' / 'clip.gif'):.0f} s")
            (ROOT / "docs" / "clip.json").write_text(json.dumps(shown(), indent=1) + "\n")
            opened.close()
