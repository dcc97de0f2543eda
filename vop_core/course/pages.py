"""A stored notebook as HTML: its prose, its code, and what the code printed and drew."""

import base64
import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

from vop_core.course.budget import within_budget
from vop_core.course.build import EXERCISE, GUARD, QUESTION, SOLUTION
from vop_core.course.moving import packed, states
from vop_core.course.prose import Links, as_html, coloured
from vop_core.course.sliders import EXPLORER_MIME

COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)  # of slides: no reader of a page sees them
IN_WORDS = re.compile(r"^In words: (.*)$", re.MULTILINE)
OPTION = re.compile(r"^ +\d+\. (.*)$", re.MULTILINE)
NUMBERS = (int, float)


class Picture(NamedTuple):
    """What a figure's place on a page needs."""

    name: str
    png: bytes
    words: str


@dataclass
class Drawing:
    """Makes HTML of cells, and keeps the pictures that it refers to, by file name.

    With ``moving`` figures have their controls and all of their states.
    """

    links: Links
    moving: bool
    pictures: dict[str, bytes] = field(default_factory=dict)
    # of scenes with their controls: slides show some of the chapters' once more
    states: dict[str, str] = field(default_factory=dict)

    def cells(self, notebook: Any, prefix: str) -> str:
        """All cells of a notebook; its pictures are named ``prefix``-1.png, ..."""
        return "\n".join(
            self.cell(cell, f"{prefix}-{number}")
            for number, cell in enumerate(notebook.cells)
            if cell.source != GUARD
        )

    def cell(self, cell: Any, name: str) -> str:
        """One cell, and its outputs."""
        if cell.cell_type == "markdown":
            return self.prose(cell.source)
        tags = cell.metadata.get("tags", [])
        kind = "exercise" if EXERCISE in tags else "solution" if SOLUTION in tags else "code"
        code = f'<pre class="{kind}" tabindex="0"><code>{coloured(cell.source)}</code></pre>'
        return code + self.outputs(cell, name)

    def prose(self, text: str) -> str:
        """Markdown without what is meant for slides alone."""
        return as_html(COMMENT.sub("", text), self.links)

    def outputs(self, cell: Any, name: str) -> str:
        """Folded away where they answer a question that the reader is still to predict."""
        shown = "\n".join(self._shown(cell, name))
        if shown and cell.metadata.get("jupyter", {}).get("outputs_hidden"):
            summary = "<summary>You have predicted? What the numbers say</summary>"
            return f'<details class="reveal">{summary}{shown}</details>'
        return shown

    def _shown(self, cell: Any, name: str) -> Iterator[str]:
        drawn = False
        for number, output in enumerate(cell.outputs):
            data: Mapping[str, Any] = output.get("data", {})
            if "image/png" in data:
                words = data["text/plain"].strip()
                picture = Picture(f"{name}-{number}.png", _bytes(data["image/png"]), words)
                explorer = data.get(EXPLORER_MIME) if self.moving else None
                yield self.figure(picture, explorer)
                drawn = True
            elif "text/markdown" in data:
                yield f'<div class="said">{as_html(data["text/markdown"], self.links)}</div>'
            elif "text/html" in data:
                yield f'<div class="scroll" tabindex="0">{data["text/html"]}</div>'
            elif re.search(QUESTION, cell.source) and "text/plain" in data:
                yield _question(data["text/plain"])
            else:
                text = output.get("text") or data.get("text/plain", "")
                # a figure's words are its text alternative already
                yield _printed(IN_WORDS.sub("", text) if drawn else text)

    def figure(self, picture: Picture, explorer: Mapping[str, Any] | None = None) -> str:
        """A picture with its words; where it moves, with its controls and every state."""
        self.pictures[picture.name] = picture.png
        width, height = struct.unpack(">II", picture.png[16:24])
        drawn = (
            f'<img src="pictures/{picture.name}" alt="{escape(picture.words)}" width="{width}" '
            f'height="{height}" loading="lazy">'
        )
        if explorer is None:
            return f"<figure>{drawn}</figure>"
        controls = {
            name: (first, within_budget(full=values, short=_about(first, values)))
            for name, (first, values) in explorer["controls"].items()
        }
        inputs = "".join(_control(name, *each) for name, each in controls.items())
        key = json.dumps(explorer)
        if key not in self.states:
            self.states[key] = packed(states(explorer["scene"], controls))
        return (
            f'<figure class="moving"><div class="controls">{inputs}</div>'
            f'<div class="drawn">{drawn}</div>'
            f'<figcaption role="status" aria-live="polite">{escape(picture.words)}</figcaption>'
            f'<script type="text/plain">{self.states[key]}</script></figure>'
        )


def _about(first: Any, values: Sequence[Any]) -> Sequence[Any]:
    """A value and its neighbours."""
    at = list(values).index(first)
    return values[max(at - 1, 0) : at + 2]


def _bytes(data: str) -> bytes:
    return base64.b64decode(data)


def _question(text: str) -> str:
    """A question to predict, with its options."""
    asked = text.splitlines()[0].removeprefix("Predict first: ")
    options = "".join(f"<li>{escape(option)}</li>" for option in OPTION.findall(text))
    return (
        f'<div class="question"><p><strong>Predict first:</strong> {escape(asked)}</p>'
        f"<ol>{options}</ol></div>"
    )


def _printed(text: str) -> str:
    text = text.rstrip()
    return f'<pre class="printed" tabindex="0">{escape(text)}</pre>' if text.strip() else ""


def _control(name: str, first: Any, values: Sequence[Any]) -> str:
    """A slider over numbers, else a list to choose from; values by their place."""
    title, at = name.replace("_", " "), list(values).index(first)
    said = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    if all(isinstance(value, NUMBERS) and not isinstance(value, bool) for value in values):
        words = escape("|".join(said))
        return (
            f'<label>{title} <input type="range" min="0" max="{len(said) - 1}" value="{at}" '
            f'data-words="{words}" aria-valuetext="{said[at]}"><output>{said[at]}</output></label>'
        )
    options = "".join(
        f'<option value="{place}"{" selected" if place == at else ""}>{escape(word)}</option>'
        for place, word in enumerate(said)
    )
    return f"<label>{title} <select>{options}</select></label>"


def solutions(notebook: Any, drawing: Drawing, prefix: str) -> str:
    """Each exercise of a solved notebook: what was asked, an answer, and what the check says."""
    parts: list[str] = []
    asked = ""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            asked = cell.source if "### Exercise" in cell.source else asked
        elif SOLUTION in cell.metadata.get("tags", []):
            text = asked[asked.find("### Exercise") :] if asked else ""
            parts += [drawing.prose(text), drawing.cell(cell, f"{prefix}-{number}")]
            asked = ""
    return "\n".join(parts)


def headings(notebook: Any, level: int = 2) -> list[str]:
    """A notebook's headings of one level, in order."""
    mark = "#" * level
    return [
        found.strip()
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for found in re.findall(rf"^{mark} (.+)$", cell.source, re.MULTILINE)
    ]
