"""What a page shows, as a short script or a notebook that makes the same numbers."""

import json
from collections.abc import Sequence

from vop_core.course.links import LinkedState
from vop_core.errors import VopError

FOLDER = "my_clips"  # beside the script: a visitor's own clips never travel in it
CROWD = (
    "from vop_core.tasks.registry import TASKS",
    "persons = TASKS[bundle.task].bundled_persons()",
)
OTHERS = "others = [each for each in persons if each.name != heard.name]"
FIGURES = "from vop_core.plots import inspection as figures"
VIEWS = {  # view -> what makes its table, and its figure where it has one
    "Layers": (
        FIGURES,
        "table = inspection.layer_table(model)",
        'figure = figures.layer_map_figure(table, "width")',
    ),
    "Persons": (
        FIGURES,
        *CROWD,
        'heard_as = {"clean": inspection.crowd(bundle, persons)}',
        "names = [each.name for each in persons]",
        "found = inspection.persons_map(bundle, names, heard_as)",
        "table = found.table",
        "figure = figures.persons_plane_figure(table, found.plane.share)",
    ),
    "Width and coverage": (
        FIGURES,
        "from vop_core.variational.diagnostics import HELD",
        *CROWD,
        "table = inspection.coverage_by_clips(inspection.coverage_table(bundle, persons))",
        "figure = figures.contraction_figure(table, HELD)",
    ),
    "Draws": (
        FIGURES,
        "answers = inspection.answers_by_draw(model, heard.asked, seed=SEED)",
        "table = inspection.draws_table(answers)",
        "figure = figures.draw_error_figure(table)",
    ),
    "Methods": (
        FIGURES,
        "table = inspection.method_table(bundle, heard)",
        "figure = figures.method_answers_figure(table)",
    ),
    "Diagnosis": (
        "from vop_core.models import diagnosis",
        *CROWD,
        OTHERS,
        "coverage = inspection.coverage_table(bundle, persons)",
        "found = diagnosis.diagnose(model, heard, others=inspection.crowd(bundle, others), "
        "coverage=coverage, seed=SEED)",
        "table = diagnosis.check_table(found)",
    ),
}


def view_script(view: str, state: LinkedState, clips: Sequence[str] | None = None) -> str:
    """A view of the page Inspect as a script: its numbers are in ``table``, and where it is drawn
    its ``figure`` becomes a page of HTML beside the script.

    ``clips`` are the bundled person's enrollment clips by file name; without them it is the
    state's number of clips. Without a person it reads the folder ``my_clips``. Raises VopError for
    an unknown view.
    """
    if view not in VIEWS:
        raise VopError(f"There is no view '{view[:40]}'; choose one of {', '.join(VIEWS)}.")
    imports = [line for line in VIEWS[view] if line.startswith("from ")]
    steps = [line.replace("SEED", str(state.seed)) for line in VIEWS[view] if line not in imports]
    if state.person is None:
        who = f'inspection.person_of_folder(bundle, "{FOLDER}")  # your clips, one word a file'
    else:
        named = state.clips if clips is None else list(clips)
        environment = state.environment or "clean"
        who = (
            f'inspection.bundled_person(\n    bundle, "{state.person}", "{environment}", '
            f"{json.dumps(named)}\n)"
        )
    lines = [
        "from vop_core.models import inspection, load_bundle",
        *imports,
        "",
        f'bundle = load_bundle("{state.task}")',
        f"heard = {who}",
        "model = bundle.vop.enroll(heard.enrollment)",
        *steps,
        *_shown(view),
    ]
    return "\n".join(lines) + "\n"


def _shown(view: str) -> list[str]:
    name = view.lower().replace(" ", "-")
    drawn = [f'figure.write_html("{name}.html")  # open it in a browser'] * _is_drawn(view)
    return ["print(table.to_string(index=False))", *drawn]


def _is_drawn(view: str) -> bool:
    return FIGURES in VIEWS[view]


def view_notebook(view: str, state: LinkedState, clips: Sequence[str] | None = None) -> str:
    """The same as a notebook of two cells, in Jupyter's format 4.5."""
    code = view_script(view, state, clips)
    shown = "\n".join(_shown(view)) + "\n"
    code = code.removesuffix(shown) + ("figure.show()\n" * _is_drawn(view)) + "table"
    about = (
        f"# {view}\nA view of VoP Studio's page Inspect. Run it where `vop_core` is installed; it "
        "makes the same numbers as the page. No sound is in this file."
    )
    cells = [
        {"cell_type": "markdown", "id": "about", "metadata": {}, "source": about},
        {
            "cell_type": "code",
            "id": "view",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": code,
        },
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1) + "\n"
