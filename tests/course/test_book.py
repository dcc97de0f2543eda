"""The course as a book: nothing is lost on the way, nothing leads nowhere, nothing is fetched."""

import base64
import itertools
import json
import re
import zlib
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest

from vop_core.course import scenes
from vop_core.course.book import Chapter, chapters, write_book
from vop_core.course.moving import DIGITS, states
from vop_core.course.pages import headings
from vop_core.course.prose import Links, as_html, equation
from vop_core.course.quiz import as_gift, quiz
from vop_core.course.slides import slides
from vop_core.errors import VopError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CHAPTERS = chapters()
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
VOID = {"br", "hr", "img", "input", "link", "meta"}


class Reader(HTMLParser):
    """A page: its elements in order, and the text outside of what is folded away."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.ids: set[str] = set()
        self.open: list[str] = []
        self.shown = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.found.append((tag, given))
        self.ids |= {given["id"]} if "id" in given else set()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"details", "script", "style"} & set(self.open):
            self.shown += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [given for name, given in self.found if name == tag]


@pytest.fixture(scope="module")
def pages(book) -> dict[str, Reader]:
    return {path.name: Reader(path.read_text("utf-8")) for path in book.glob("*.html")}


def test_every_link_leads_somewhere_and_nothing_is_fetched_from_elsewhere(book, pages):
    for name, page in pages.items():
        for tag, given in page.found:
            target = given.get("href") or given.get("src") or ""
            if tag == "a" and re.match("https?://", target):
                continue  # followed by a reader who wants to
            assert not re.match("(?:https?:)?//", target), (name, tag, target)
            path, _, anchor = unquote(target).partition("#")
            if path and not target.startswith("data:"):
                assert (book / path).is_file(), (name, target)
            if anchor and (not path or path in pages):
                assert anchor in pages[path or name].ids, (name, target)


def test_no_id_stands_twice_on_a_page_where_a_link_needs_it(pages):
    for name, page in pages.items():
        if name == "print.html":
            continue  # chapters share headings; its links are to chapters
        ids = [given["id"] for _, given in page.found if "id" in given]
        wanted = {
            given["href"].partition("#")[2]
            for other in pages.values()
            for given in other.all("a")
            if given.get("href", "").startswith((f"{name}#", "#"))
        }
        assert all(ids.count(each) <= 1 for each in wanted), name


@every_chapter
def test_every_equation_is_drawn(chapter: Chapter, pages):
    """Counted in the source by signs alone: a pair of $ or of $$ is one equation."""
    prose = [cell.source for cell in chapter.student.cells if cell.cell_type == "markdown"]
    said = [
        output["data"]["text/markdown"]
        for cell in chapter.student.cells
        for output in cell.get("outputs", [])
        if "text/markdown" in output.get("data", {})
    ]
    text = re.sub(r"<!--.*?-->", "", "\n".join(prose + said), flags=re.DOTALL)
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL).replace("$$", "$")
    page = pages[f"{chapter.name}.html"]
    assert text.count("$") == 2 * len(page.all("math"))
    outside_code = re.sub(r"\$\w*[(\[]", "", page.shown)
    assert "$$" not in outside_code and not re.search(r"\$\\\\", outside_code)


def test_what_is_no_equation_is_refused_with_its_text():
    with pytest.raises(VopError, match=r"An equation cannot be drawn .*: \\left\( x"):
        equation(r"\left( x", "inline")


def test_every_picture_has_words_and_is_there(book, pages):
    shown = [given for page in pages.values() for given in page.all("img")]
    assert len(shown) > len(CHAPTERS)
    for given in shown:
        assert len(given["alt"].split()) > 5, given
        assert (book / given["src"]).read_bytes().startswith(b"\x89PNG")
        assert int(given["width"]) > 100 and int(given["height"]) > 100


@every_chapter
def test_an_answer_stays_folded_until_it_is_asked_for(chapter: Chapter, pages):
    asked = quiz(chapter.student)
    assert asked
    page = pages[f"{chapter.name}.html"]
    assert "The numbers say" not in page.shown
    for item in asked:
        assert item.question in page.shown
        assert item.right in item.options and len(item.options) > 1


def test_a_chapter_that_reveals_nothing_makes_no_quiz():
    chapter = chapters()[0]
    for cell in chapter.student.cells:
        if ".reveal(" in cell.source:
            cell.outputs = []
    with pytest.raises(VopError, match="00-spread"):
        quiz(chapter.student)


def test_the_quiz_says_what_was_asked_in_gift(book):
    """Read back by GIFT's own rules: an escaped sign is a letter, ``=`` is right, ``~`` wrong."""
    wanted = [item for chapter in CHAPTERS for item in quiz(chapter.student)]
    text = (book / "quiz.gift").read_text("utf-8")
    assert text == as_gift(wanted)
    found = re.findall(r"::(.+?):: (.+?) (?<!\\)\{\n(.*?)\n\}", text, re.DOTALL)

    def plain(words: str) -> str:
        return re.sub(r"\\(.)", r"\1", words)

    assert len(found) == len(wanted)
    for (key, question, body), item in zip(found, wanted, strict=True):
        lines = [line for line in body.splitlines() if not line.startswith("####")]
        assert (plain(key), plain(question)) == (item.key, item.question)
        assert [plain(line[1:]) for line in lines] == list(item.options)
        assert [plain(line[1:]) for line in lines if line[0] == "="] == [item.right]


def test_solutions_stand_apart_with_what_the_check_says(pages):
    shown = pages["solutions.html"].shown
    opened = sum("exercise" in cell.metadata.get("tags", []) for cell in _cells())
    assert shown.count("Right.") == opened > len(CHAPTERS)
    for chapter in CHAPTERS:
        assert not any(
            given.get("class") == "solution" for given in pages[f"{chapter.name}.html"].all("pre")
        )


def _cells():
    return (cell for chapter in CHAPTERS for cell in chapter.student.cells)


@pytest.mark.parametrize("number", ["03", "06"])
def test_a_lecture_has_twenty_slides_each_with_a_title(number, pages):
    page = pages[f"slides_{number}.html"]
    assert len([each for each in page.all("section") if each.get("class") == "slide"]) == 20
    assert len(page.all("h2")) == 20
    assert {each.name[:2] for each in CHAPTERS if slides(each.student, _still(), "")} == {
        "03",
        "06",
    }


def _still():
    from vop_core.course.pages import Drawing

    return Drawing(Links({f"{each.name}.ipynb": "" for each in CHAPTERS}), moving=False)


def test_the_contents_name_every_part_of_every_chapter(pages):
    shown = pages["index.html"].shown
    for chapter in CHAPTERS:
        assert chapter.title in shown
        for part in headings(chapter.student):
            assert re.sub(r"\W+", "", part) in re.sub(r"\W+", "", shown), part


# --- figures that move ----------------------------------------------------------------------------


@every_chapter
def test_a_moving_figure_carries_every_state(chapter: Chapter, book, pages):
    page = pages[f"{chapter.name}.html"]
    text = (book / f"{chapter.name}.html").read_text("utf-8")
    packed = re.findall(r'<script type="text/plain">(.+?)</script>', text)
    sizes = [int(each["max"]) + 1 for each in page.all("input")]
    lists = re.findall("<select>.*?</select>", text)
    options = [each.count("<option") for each in lists]
    found = [json.loads(zlib.decompress(base64.b64decode(each))) for each in packed]
    assert found
    assert np.prod(sizes + options) == np.prod([len(each["changes"]) for each in found])


def test_states_are_what_the_scene_draws():
    """Put together as the page does it, each is the scene's own figure to four digits."""
    controls = {"mean": (0.0, [-1.0, 0.0, 2.0]), "width": (0.5, [0.1, 0.5])}
    found = states("divergence", controls)
    places = list(itertools.product([-1.0, 0.0, 2.0], [0.1, 0.5]))
    assert len(found["changes"]) == len(places)
    for (mean, width), change in zip(places, found["changes"], strict=True):
        drawn = scenes.divergence(mean=mean, width=width)
        assert change["words"] == drawn.layout.meta["alt"]
        for place, trace in enumerate(drawn.data):
            shown = found["first"]["data"][place] | change["data"].get(str(place), {})
            wanted = np.asarray(trace.y, dtype=float)
            np.testing.assert_allclose(shown["y"], wanted, rtol=10.0**-DIGITS * 5, atol=1e-12)
    assert found["changes"][3] == {"data": {}, "layout": {}, "words": found["first"]["words"]}


# --- the folder -----------------------------------------------------------------------------------


def test_a_folder_of_somebody_else_is_refused_and_stays_as_it_was(tmp_path, book):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(VopError, match=r"holds 'thesis\.txt', which is no part of a book"):
        write_book(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    listed = json.loads((book / "book.json").read_text("utf-8"))
    there = {path.relative_to(book).as_posix() for path in book.rglob("*") if path.is_file()}
    assert there - {"book.json"} <= set(listed)


def test_links_out_of_the_book_are_words():
    links = Links({"a.ipynb": "a.html"})
    assert as_html("[x](a.ipynb#b) [y](../data/README.md)", links) == (
        '<p><a href="a.html#b">x</a> y</p>\n'
    )
