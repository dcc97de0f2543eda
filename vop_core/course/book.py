"""The course as a book: static pages from the stored notebooks, to be read without a kernel,
without a connection, and on a phone.

    index.html          the course's README, and what is in each chapter
    03_the_elbo.html    a chapter: a notebook with its outputs; figures with sliders move
    solutions.html      all exercises, solved
    slides_03.html      a lecture, where a source marks slides
    print.html          all chapters on one page, from which Chromium makes book.pdf
    quiz.gift           the predictions as a quiz

Whatever draws or moves lies beside the pages: plotly.js as the plotly package brings it, and one
script of ours.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from vop_core.course.build import notebooks_folder, sources
from vop_core.course.pages import Drawing, headings, solutions
from vop_core.course.prose import Links, slug
from vop_core.course.quiz import as_gift, quiz
from vop_core.course.slides import slides
from vop_core.errors import VopError
from vop_core.writing import make_folder, whole_folder, write_text

LIBRARY = "plotly.min.js"
PICTURES, PRINTED, LIST = "pictures", "book.pdf", "book.json"
LONGEST_PRINTING = 120  # seconds
TEMPLATES = Environment(
    loader=PackageLoader("vop_core", "course/templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Chapter:
    """A notebook of the course, as it is stored."""

    name: str
    student: Any
    solved: Any

    @property
    def title(self) -> str:
        """``3. The ELBO``."""
        return headings(self.student, 1)[0].partition(":")[0]

    @property
    def number(self) -> str:
        """``03``."""
        return self.name[:2]


def chapters() -> list[Chapter]:
    """All of them. Raises VopError where nbformat is not installed."""
    try:
        import nbformat
    except ImportError:
        raise VopError(
            'Making the book needs nbformat; run: pip install -e ".[notebooks]"'
        ) from None
    folder = notebooks_folder()
    return [
        Chapter(
            path.stem,
            nbformat.read(folder / f"{path.stem}.ipynb", as_version=4),
            nbformat.read(folder / "solutions" / f"{path.stem}.ipynb", as_version=4),
        )
        for path in sources()
    ]


def write_book(folder: Path) -> list[str]:
    """Write the book into a folder, in the place of an earlier one. Returns its pages' names.

    Raises VopError where the folder holds anything else or cannot be written, an extra is missing,
    or an equation cannot be drawn.
    """
    _require_ours(folder)
    found = chapters()
    pages = {f"{each.name}.ipynb": f"{each.name}.html" for each in found}
    links = Links(pages | {"README.md": "index.html", "solutions": "solutions.html"})
    drawing = Drawing(links, moving=True)
    readme = (notebooks_folder() / "README.md").read_text(encoding="utf-8")
    written = _chapters(found, drawing, readme) | {
        "solutions.html": _page("Solutions", _solutions(found, drawing)),
        "print.html": _print_page(found, links, readme),
        "quiz.gift": as_gift([item for each in found for item in quiz(each.student)]),
        LIBRARY: _plotting_library(),
    }
    own = files("vop_core.course").joinpath("templates")
    written |= {name: own.joinpath(name).read_text("utf-8") for name in ("book.css", "book.js")}
    pictures = {f"{PICTURES}/{name}": picture for name, picture in drawing.pictures.items()}
    with whole_folder(folder) as unfinished:
        make_folder(unfinished / PICTURES)
        for name, picture in pictures.items():
            (unfinished / name).write_bytes(picture)
        for name, text in written.items():
            write_text(unfinished / name, text)
        names = sorted([*written, *pictures, PRINTED])
        write_text(unfinished / LIST, json.dumps(names, indent=1) + "\n")
    return sorted(written)


def _require_ours(folder: Path) -> None:
    """Raise VopError for a folder that holds what no earlier book put there."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise VopError(f"'{folder}' is a file; choose a folder for the book.")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    try:
        listed = set(json.loads((folder / LIST).read_text(encoding="utf-8"))) | {LIST}
    except (OSError, ValueError, TypeError):
        listed = set()
    for name in sorted(there - listed):
        raise VopError(
            f"'{folder}' holds '{name}', which is no part of a book; choose another folder."
        )


def _chapters(found: Sequence[Chapter], drawing: Drawing, readme: str) -> dict[str, str]:
    """The contents, a page a chapter, and the slides of those that mark some."""
    lectures = {each.name: slides(each.student, drawing, f"{each.number}-s") for each in found}
    contents = [
        {
            "page": f"{each.name}.html",
            "title": each.title,
            "parts": [(slug(part), part) for part in headings(each.student)],
            "slides": f"slides_{each.number}.html" if lectures[each.name] else None,
        }
        for each in found
    ]
    written = {"index.html": _page("Contents", drawing.prose(readme), contents=contents)}
    for place, (each, entry) in enumerate(zip(found, contents, strict=True)):
        neighbours = {
            "before": contents[place - 1] if place else None,
            "after": contents[place + 1] if place + 1 < len(found) else None,
        }
        body = drawing.cells(each.student, each.number)
        written[str(entry["page"])] = _page(each.title, body, **neighbours)
        if entry["slides"]:
            written[str(entry["slides"])] = TEMPLATES.get_template("slides.html").render(
                title=each.title,
                slides=lectures[each.name],
                page=entry["page"],
                library=LIBRARY,
            )
    return written


def _page(title: str, body: str, **further: Any) -> str:
    wanted = {"contents": (), "before": None, "after": None} | further
    return TEMPLATES.get_template("page.html").render(
        title=title, body=body, library=LIBRARY, moves='class="moving"' in body, **wanted
    )


def _solutions(found: Sequence[Chapter], drawing: Drawing) -> str:
    parts = ["<h1>Solutions</h1>"]
    for each in found:
        parts += [
            drawing.prose(f"## [{each.title}]({each.name}.ipynb)"),
            solutions(each.solved, drawing, f"{each.number}-solved"),
        ]
    return "\n".join(parts)


def _print_page(found: Sequence[Chapter], links: Links, readme: str) -> str:
    """The README and the chapters one after another; links between them stay on the page."""
    on_page = {name: f"#{page.removesuffix('.html')}" for name, page in links.pages.items()}
    still = Drawing(Links(on_page | {"solutions": "#solutions"}), moving=False)
    bodies = {"index": still.prose(readme)}
    bodies |= {each.name: still.cells(each.student, each.number) for each in found}
    bodies["solutions"] = _solutions(found, still)
    return TEMPLATES.get_template("print.html").render(chapters=bodies)


def _plotting_library() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def print_book(folder: Path) -> Path:
    """Make ``book.pdf`` of a written book by Chromium. Raises VopError where there is none, or
    where it does not print.
    """
    from choreographer.browsers.chromium import Chromium

    browser = Chromium.find_browser(skip_local=False)
    if browser is None:
        raise VopError("Printing needs Chromium or Chrome; install one, or set BROWSER_PATH to it.")
    to = folder / PRINTED
    with tempfile.TemporaryDirectory() as profile:
        command = [
            str(browser),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={to.resolve()}",
            (folder / "print.html").resolve().as_uri(),
        ]
        try:
            ran = subprocess.run(
                command, capture_output=True, timeout=LONGEST_PRINTING, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VopError(f"Chromium did not print the book: {error}.") from None
    if ran.returncode or not to.is_file():
        raise VopError(f"Chromium did not print the book; it ended with {ran.returncode}.")
    return to
