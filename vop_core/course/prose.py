"""Markdown as HTML for the book: equations as MathML and code in colour, without a line of script.

A browser draws MathML by itself, offline and in the page's own ink.
"""

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import PurePosixPath
from typing import Any

from vop_core.errors import VopError

DISPLAYED = re.compile(r"\$\$.+?\$\$", re.DOTALL)
LONG = 36  # letters of LaTeX that a phone's line may not hold


class Links:
    """Where links of the sources lead in the book: to its own pages; what lies outside of it is
    named, not linked.
    """

    def __init__(self, pages: Mapping[str, str]) -> None:
        self.pages = dict(pages)  # file beside the notebooks -> page of the book

    def to(self, target: str) -> str | None:
        """The address in the book; None for a file that is not part of it."""
        if re.match(r"https?://|#|mailto:", target):
            return target
        path, _, anchor = target.partition("#")
        page = self.pages.get(PurePosixPath(path).as_posix())
        if page is None or not anchor:
            return page
        return f"#{anchor}" if page.startswith("#") else f"{page}#{anchor}"


def as_html(text: str, links: Links) -> str:
    """A piece of Markdown. Raises VopError for an equation that cannot be drawn."""
    # a line of an equation that begins with a plus is no list
    parts = re.split(r"(```.*?```|`[^`\n]*`)", text, flags=re.DOTALL)
    parts[::2] = [
        DISPLAYED.sub(lambda found: " ".join(found[0].split()), each) for each in parts[::2]
    ]
    return str(_markdown(links)("".join(parts)))


def slug(title: str) -> str:
    """A heading's anchor, as Markdown's readers make it: ``Line 1: a`` -> ``line-1-a``."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())


def coloured(code: str, language: str = "python") -> str:
    """Code as HTML, its tokens as classes."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True))).rstrip("\n")


def equation(text: str, display: str) -> str:
    """LaTeX as MathML, ``display`` is inline or block; the source stays as its label."""
    from latex2mathml.converter import convert

    try:
        # two bars are one sign, a divergence's
        drawn = convert(text.replace("||", r"\Vert "), display=display)
    except Exception as error:  # the library's own errors share no base class
        why = type(error).__name__
        raise VopError(f"An equation cannot be drawn ({why}): {text}") from None
    return str(drawn).replace("<math ", f'<math aria-label="{escape(text)}" ', 1)


@cache
def _renderer() -> type:
    import mistune

    class Book(mistune.HTMLRenderer):
        """HTML of the book's pages."""

        def __init__(self, links: Links) -> None:
            super().__init__(escape=False)
            self.links = links

        def heading(self, text: str, level: int, **attributes: Any) -> str:
            """With an anchor that links can name."""
            anchor = slug(re.sub(r"<math.*?</math>|<[^>]+>", "", text, flags=re.DOTALL))
            return f'<h{level} id="{anchor}">{text}</h{level}>\n'

        def link(self, text: str, url: str, title: str | None = None) -> str:
            """Within the book, or away from it; only words where neither."""
            target = self.links.to(url)
            return text if target is None else f'<a href="{escape(target)}">{text}</a>'

        def block_code(self, code: str, info: str | None = None) -> str:
            """In colour where its language is named."""
            drawn = coloured(code, (info or "text").split()[0])
            return f'<pre tabindex="0"><code>{drawn}</code></pre>\n'

        def table(self, text: str) -> str:
            """Wide ones scroll by themselves, not the page."""
            return f'<div class="scroll" tabindex="0"><table>{text}</table></div>\n'

        def inline_math(self, text: str) -> str:
            """``$...$``; a long one may scroll."""
            drawn = equation(text, "inline")
            return f'<span class="long" tabindex="0">{drawn}</span>' if len(text) > LONG else drawn

        def block_math(self, text: str) -> str:
            """``$$...$$``."""
            return f'<span class="equation" tabindex="0">{equation(text, "block")}</span>'

    return Book


def _markdown(links: Links) -> Any:
    import mistune

    plugins = ["table", "math"]
    markdown = mistune.create_markdown(renderer=_renderer()(links), plugins=plugins)
    renderer = markdown.renderer
    # the plugin brings its own, for a script that is not here
    renderer.register("inline_math", lambda _, text: renderer.inline_math(text))
    renderer.register("block_math", lambda _, text: renderer.block_math(text))
    return markdown
