"""Slides from a notebook's own source, marked there by comments that no notebook shows.

    <!-- slide: its title
    Markdown for the slide alone
    -->
    prose and outputs that the slide shares with the notebook
    <!-- end of slide -->

Of code a slide shows what it printed and drew; a picture that moves moves there as well.
"""

import re
from typing import Any

from vop_core.course.pages import Drawing

MARK = re.compile(r"<!-- (?:slide: (?P<title>[^\n]*?)(?:\n(?P<body>.*?))?|end of slide) ?-->", re.S)


def slides(notebook: Any, drawing: Drawing, prefix: str) -> list[str]:
    """The HTML of each slide, in order; none where a source marks none."""
    found: list[list[str]] = []
    is_open = False
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            if is_open:
                found[-1].append(drawing.outputs(cell, f"{prefix}-{number}"))
            continue
        place = 0
        for mark in MARK.finditer(cell.source):
            if is_open:
                found[-1].append(drawing.prose(cell.source[place : mark.start()]))
            is_open, place = mark["title"] is not None, mark.end()
            if is_open:
                found.append([drawing.prose(f"## {mark['title']}\n\n{mark['body'] or ''}")])
        if is_open:
            found[-1].append(drawing.prose(cell.source[place:]))
    return ["\n".join(parts) for parts in found]
