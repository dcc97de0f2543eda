"""Every notebook is executed, defines nothing, claims something at its end, and carries no outputs."""

import ast
import os
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
LARGEST_BYTES = 200_000
LONGEST_SECONDS = 60

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path: Path, kind: str) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def test_there_are_notebooks():
    assert NOTEBOOKS


@every_notebook
def test_a_notebook_runs_within_a_minute_of_computing_and_without_a_warning(path, tmp_path):
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    repository = path.parents[1]
    python_path = os.pathsep.join(filter(None, [str(repository), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": python_path, "IPYTHONDIR": str(tmp_path)}
    client = NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(path.parent)}})
    before = os.times()
    client.execute(env=environment)
    after = os.times()
    # of the kernel's own computing, so that a busy machine does not fail a quick notebook
    assert after.children_user - before.children_user < LONGEST_SECONDS
    said = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    complaints = [output.text for output in said if output.get("name") == "stderr"]
    assert complaints == []


@every_notebook
def test_a_notebook_defines_nothing(path):
    """What is worth a name lives in vop_core, where it is tested; ``ast`` also refuses %magics."""
    tree = ast.parse("\n".join(cells_of(path, "code")))
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    defined = [getattr(node, "name", "lambda") for node in ast.walk(tree) if isinstance(node, definitions)]
    assert defined == [], f"move {defined} into vop_core and import it"


@every_notebook
def test_a_notebook_ends_with_its_claim_asserted(path):
    last = ast.parse(cells_of(path, "code")[-1]).body
    assert last
    assert all(isinstance(statement, ast.Assert) for statement in last)


@every_notebook
def test_a_notebook_opens_with_its_question_objectives_and_time(path):
    opening = cells_of(path, "markdown")[0]
    for part in ("**Question.**", "**Time.**", "**You will be able to**"):
        assert part in opening
    assert any("## Summary" in cell for cell in cells_of(path, "markdown"))


@every_notebook
def test_every_figure_of_a_notebook_is_accompanied_by_words(path):
    shown = [cell for cell in cells_of(path, "code") if re.search(r"^figure\b(?! =)", cell, re.MULTILINE)]
    assert all("text_alternative(figure)" in cell for cell in shown)


@every_notebook
def test_a_notebook_is_stored_small_and_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < LARGEST_BYTES
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
