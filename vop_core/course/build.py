"""The notebooks, made from their one source each.

``notebooks/source/NN_name.md`` is what people write and review: Markdown, with code in fenced
blocks. From it come

    notebooks/NN_name.ipynb             what a student opens: executed, each figure a picture
    notebooks/solutions/NN_name.ipynb   the same with the exercises solved

A code block's tags say who sees it: ``exercise`` (left open; not in the solved notebook),
``solution`` (only there). What answers a question is stored folded away. Before the first code
comes ``GUARD``, for whoever opened the notebook with a kernel of another environment.
"""

import base64
import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vop_core.course import material
from vop_core.course.reading import PLOTLY_MIME
from vop_core.course.sliders import EXPLORER_MIME
from vop_core.data.locations import repository_root
from vop_core.errors import VopError
from vop_core.writing import make_folder, write_text

EXERCISE, SOLUTION = "exercise", "solution"
LONGEST_CELL = 280  # seconds: a notebook has five minutes
KEPT = ("image/png", "text/markdown", "text/html", "text/plain")
QUESTION = r"(\w+) = course\.predict\("
SHOWS_CODE = ("course.source(", "course.about(")
COLOURS = 128  # of a stored picture
GUARD = """\
try:
    from vop_core import course
except ImportError as missing:
    raise SystemExit(
        f"This kernel cannot run the course ({missing}): start JupyterLab with "
        "'python run.py lab', or choose the kernel of the folder .venv beside run.py."
    ) from None"""
# how a notebook reads committed results: a data set and, where it is not the paper's, a suite
RESULTS_CALL = (
    r"material\.(?:(?:right_answers|scores)\(\s*\"(\w+)\""
    r"|evidence\(\s*\"(\w+)\"(?:,\s*\"([\w-]+)\")?\s*\))"
)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}

Notebook = Any  # nbformat's NotebookNode


def notebooks_folder() -> Path:
    """Where the notebooks lie."""
    return repository_root() / "notebooks"


def sources() -> tuple[Path, ...]:
    """The notebooks' sources, in the order of the course."""
    return tuple(sorted((notebooks_folder() / "source").glob("[0-9]*.md")))


@dataclass(frozen=True)
class Built:
    """A notebook in its two forms, not yet executed."""

    name: str
    student: Notebook
    solved: Notebook


def read(path: Path) -> Built:
    """A source in its two forms. Raises VopError where jupytext is not installed."""
    return _both_forms(path, everything(path))


def everything(path: Path) -> Notebook:
    """A source with both the open exercises and their solutions: one run does for both forms."""
    try:
        import jupytext
        import nbformat
    except ImportError:
        raise VopError(
            'Making notebooks needs jupytext; run: pip install -e ".[notebooks]"'
        ) from None
    text = jupytext.reads(path.read_text(encoding="utf-8"), fmt="md")
    cells = []
    make_cell = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    for cell in text.cells:
        tags = cell.metadata.get("tags", [])
        cells.append(
            make_cell[cell.cell_type](cell.source, metadata={"tags": tags} if tags else {})
        )
    for cell in spoilers(cells):
        cell.metadata["jupyter"] = {"outputs_hidden": True}
    first = next(index for index, cell in enumerate(cells) if cell.cell_type == "code")
    guard = nbformat.v4.new_code_cell(GUARD, metadata={"jupyter": {"source_hidden": True}})
    metadata = {"kernelspec": KERNEL, "vop_studio": {"results": results_read(path)}}
    return nbformat.v4.new_notebook(
        cells=[*cells[:first], guard, *cells[first:]], metadata=metadata
    )


def spoilers(cells: Sequence[Any]) -> list[Any]:
    """The cells whose stored outputs answer a question that a reader has still to predict: that
    which reveals it, and what is computed between them under the same heading.
    """
    found = []
    for start, question in enumerate(cells):
        asked = re.search(QUESTION, question.source)
        if asked is None or question.cell_type != "code":
            continue
        same_heading = True
        for cell in cells[start + 1 :]:
            if cell.cell_type == "markdown":
                same_heading &= not re.search("^#", cell.source, re.MULTILINE)
                continue
            reveals = f"{asked[1]}.reveal(" in cell.source
            if reveals or (same_heading and not cell.source.startswith(SHOWS_CODE)):
                found.append(cell)
            if reveals:
                break
    return found


def _both_forms(path: Path, notebook: Notebook) -> Built:
    return Built(
        path.stem,
        _chosen(notebook, lambda tags: SOLUTION not in tags),
        _chosen(notebook, lambda tags: EXERCISE not in tags),
    )


def _chosen(notebook: Notebook, keep: Callable[[list[str]], bool]) -> Notebook:
    """The cells whose tags are wanted, numbered anew."""
    import nbformat

    chosen = deepcopy(notebook)
    chosen.cells = [cell for cell in chosen.cells if keep(cell.metadata.get("tags", []))]
    for number, cell in enumerate(chosen.cells):
        cell.id = f"cell-{number}"
    code = [cell for cell in chosen.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count if cell.execution_count else None
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    nbformat.validate(chosen)
    return chosen


def results_read(path: Path) -> dict[str, str]:
    """Which committed results a source reads, each with a hash of its tables: what a stored
    notebook says holds as long as these do.
    """
    calls = re.findall(RESULTS_CALL, path.read_text(encoding="utf-8"))
    wanted = sorted({(scores or evidence, suite or "paper") for scores, evidence, suite in calls})
    tables = {
        f"{suite} {name}": json.dumps(material.evidence(name, suite), sort_keys=True)
        for name, suite in wanted
    }
    return {name: hashlib.sha256(table.encode()).hexdigest()[:16] for name, table in tables.items()}


def execute(notebook: Notebook, *, environment: Mapping[str, str]) -> None:
    """Run every cell in place, in a kernel of this environment, in the notebooks' folder."""
    from nbclient import NotebookClient

    python_path = os.pathsep.join(
        filter(None, [str(repository_root()), os.environ.get("PYTHONPATH")])
    )
    client = NotebookClient(
        notebook, timeout=LONGEST_CELL, resources={"metadata": {"path": str(notebooks_folder())}}
    )
    with tempfile.TemporaryDirectory() as profile:  # nobody's own IPython settings
        own = {"PYTHONPATH": python_path, "IPYTHONDIR": profile, "MPLBACKEND": "agg"}
        client.execute(env=os.environ | own | dict(environment))


def make_static(notebook: Notebook) -> None:
    """Leave in the outputs what a page without a kernel can show: figures become pictures, widgets
    their stand-ins.
    """
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            if "data" in output:
                output["data"] = _static(dict(output["data"]))
                output["metadata"] = {}


def _joined(outputs: Sequence[Any]) -> list[Any]:
    """What was printed in one go as one output: the kernel's timer may have cut it anywhere."""
    joined: list[Any] = []
    for output in outputs:
        before = joined[-1] if joined else {}
        if (
            output["output_type"] == before.get("output_type") == "stream"
            and output["name"] == before["name"]
        ):
            before["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def _static(bundle: dict[str, Any]) -> dict[str, Any]:
    if PLOTLY_MIME in bundle:
        kept = {kind: bundle[kind] for kind in (EXPLORER_MIME, "text/plain") if kind in bundle}
        return _picture(bundle[PLOTLY_MIME]) | kept
    best = next((kind for kind in KEPT if kind in bundle), None)
    return {kind: bundle[kind] for kind in dict.fromkeys((best, "text/plain")) if kind in bundle}


def _picture(figure: Mapping[str, Any]) -> dict[str, Any]:
    """A PNG with few colours: JupyterLab shows no SVG in a notebook that it has not run itself."""
    import plotly.graph_objects as go
    import plotly.io
    from PIL import Image

    drawn = go.Figure({"data": figure["data"], "layout": figure["layout"]}, skip_invalid=True)
    # text is dark: the page behind may be as well
    drawn.update_layout(paper_bgcolor="white", plot_bgcolor="white")
    picture = plotly.io.to_image(drawn, format="png", width=860, height=drawn.layout.height or 400)
    small = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS).save(
        small, "PNG", optimize=True
    )
    return {"image/png": base64.b64encode(small.getvalue()).decode()}


def write(notebook: Notebook, path: Path) -> None:
    """Store a notebook as readable JSON, one line of source a line."""
    import nbformat

    make_folder(path.parent)
    write_text(path, nbformat.writes(notebook).rstrip("\n") + "\n")


def build(path: Path) -> tuple[Path, Path]:
    """Make a source's student notebook and its solved one, both executed; where they lie."""
    notebook = everything(path)
    # everybody's pictures: no data that not all have
    execute(notebook, environment={"VOP_COURSE_BUDGET": "full", "VOP_DATA": ""})
    make_static(notebook)
    built = _both_forms(path, notebook)
    student = notebooks_folder() / f"{built.name}.ipynb"
    solved = student.parent / "solutions" / student.name
    write(built.student, student)
    write(built.solved, solved)
    return student, solved
