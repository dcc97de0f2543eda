"""Every notebook runs, solves its own exercises, defines nothing, claims something, and is stored
as its source says.
"""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.sentences import unnoticed
from vop_core.course.build import (
    EXERCISE,
    KEPT,
    SOLUTION,
    Built,
    everything,
    execute,
    read,
    sources,
)
from vop_core.course.exercises import EXERCISES
from vop_core.course.sliders import EXPLORER_MIME

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = sources()
LARGEST_BYTES = 300_000
LONGEST_SECONDS = 100  # of the kernel's computing, under the short budget

every_notebook = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.stem)
def built(request) -> Built:
    return read(request.param)


def code_of(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def prose_of(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def test_there_are_notebooks():
    assert SOURCES


@pytest.mark.slow
@pytest.mark.timeout(400)
@every_notebook
def test_a_notebook_runs_with_its_exercises_open_and_solved(path, forked_kernels):
    """One run under the short budget, quiet on stderr; an open exercise asks for an answer, its
    solution is right; and what guards a sentence notices when its number is turned round.
    """
    notebook = everything(path)
    clock = nbformat.v4.new_code_cell("__import__('os').times().user")
    turned = nbformat.v4.new_code_cell(unnoticed(notebook, path.stem[:2]))
    notebook.cells += [clock, turned]
    execute(notebook, environment={"VOP_COURSE_BUDGET": "short", "VOP_DATA": ""})
    del notebook.cells[-2:]
    assert "".join(output.get("text", "") for output in turned.outputs) == ""
    assert float(clock.outputs[0].data["text/plain"]) < LONGEST_SECONDS
    complaints = []
    for cell in notebook.cells:
        said = [output for output in cell.get("outputs", []) if cell.cell_type == "code"]
        complaints += [output.text for output in said if output.get("name") == "stderr"]
        tags = cell.metadata.get("tags", [])
        last = said[-1].data["text/plain"] if tags else ""
        words = "".join(output.get("text", "") for output in said)
        assert not tags or ("Your answer lies on it." in words) == (SOLUTION in tags), words
        assert EXERCISE not in tags or last.startswith("Your turn"), last
        assert SOLUTION not in tags or last.startswith("Right."), last
    assert complaints == []


def test_a_notebook_defines_nothing_but_answers(built):
    """What is worth a name lives in vop_core, where it is tested; ``ast`` also refuses %magics."""
    notebook = built.student
    cells = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and not cell.metadata.get("tags")
    ]
    tree = ast.parse("\n".join(cell.source for cell in cells))
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    defined = [
        getattr(node, "name", "lambda") for node in ast.walk(tree) if isinstance(node, definitions)
    ]
    assert defined == [], f"move {defined} into vop_core and import it"


def test_an_exercise_defines_its_answer_and_nothing_else(built):
    """One function a cell, handed to the check; while the exercise is open its whole body is
    ``return ...``.
    """
    for notebook, tag in ((built.student, EXERCISE), (built.solved, SOLUTION)):
        for cell in (cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])):
            (answer,) = [
                node
                for node in ast.walk(ast.parse(cell.source))
                if isinstance(node, ast.FunctionDef)
            ]
            assert f", {answer.name})" in cell.source.splitlines()[-1]
            assert tag == SOLUTION or [ast.unparse(line) for line in answer.body] == ["return ..."]


def test_every_exercise_is_open_solved_and_in_the_book(built):
    def keys(notebook, tag: str) -> list[str]:
        cells = [cell.source for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
        return [re.search(r'course\.check\("([a-z-]+)"', cell)[1] for cell in cells]

    opened, solved = keys(built.student, EXERCISE), keys(built.solved, SOLUTION)
    assert opened
    assert opened == solved
    assert set(opened) <= set(EXERCISES)
    assert all(
        "..." in cell.source
        for cell in built.student.cells
        if EXERCISE in cell.metadata.get("tags", [])
    )


def test_a_notebook_ends_with_its_claim_asserted(built):
    last = ast.parse(code_of(built.student)[-1]).body
    assert last
    assert all(isinstance(statement, ast.Assert) for statement in last)


def test_a_notebook_has_all_that_each_must_have(built):
    prose, code = prose_of(built.student), "\n".join(code_of(built.student))
    for part in ("**Question.**", "**Time.**", "**You will be able to**", "**You need**"):
        assert part in prose[0]
    for part in (
        "## Summary",
        "## Questions",
        "## Further reading",
        "## The claim, asserted",
        "### Exercise",
    ):
        assert any(part in cell for cell in prose), part
    for call in ("course.begin()", "course.explore(", "course.predict(", "course.source("):
        assert call in code, call
    assert code.count("course.predict(") == code.count(".reveal(")


def test_figures_come_with_words(built):
    assert not re.search(r"^figure\s*$|\.show\(\)", "\n".join(code_of(built.student)), re.MULTILINE)


def test_links_between_notebooks_lead_somewhere(built):
    names = {path.stem for path in SOURCES}
    for target in re.findall(r"\]\(([\w./]+)\.ipynb", "\n".join(prose_of(built.student))):
        assert target in names, target


def test_the_stored_notebooks_are_those_of_the_source(built):
    """Made anew with ``vop course build``: executed from top to bottom, nothing left of a kernel or
    a machine.
    """
    path = FOLDER / f"{built.name}.ipynb"
    assert path.stat().st_size < LARGEST_BYTES
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    assert [cell.source for cell in stored.cells] == [cell.source for cell in built.student.cells]
    solved = nbformat.read(FOLDER / "solutions" / path.name, as_version=4)
    assert [cell.source for cell in solved.cells] == [cell.source for cell in built.solved.cells]
    for kept, made in ((stored, built.student), (solved, built.solved)):
        assert [cell.metadata for cell in kept.cells] == [cell.metadata for cell in made.cells]
    fresh = stored.metadata["vop_studio"] == built.student.metadata["vop_studio"]
    assert fresh, f"the committed results changed since; run: vop course build {built.name[:2]}"
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {kind for cell in code for output in cell.outputs for kind in output.get("data", {})}
    assert kinds <= {*KEPT, EXPLORER_MIME}
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    text = path.read_text(encoding="utf-8")
    assert "VOP_COURSE_BUDGET is short" not in text
    assert not re.search(r'"?/(work|home|root|tmp|Users)/', text)


def test_every_stored_notebook_has_a_source():
    stored = {path.stem for path in FOLDER.glob("*.ipynb")} | {
        path.stem for path in FOLDER.glob("solutions/*.ipynb")
    }
    assert stored == {path.stem for path in SOURCES}
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"({path.stem}.ipynb)" in listed for path in SOURCES)
