"""A view as a script: it runs, and makes the page's numbers."""

import json

import nbformat
import pandas as pd
import pytest

from vop_core.course.links import LinkedState
from vop_core.course.script import VIEWS, view_notebook, view_script
from vop_core.data.voices import bundled_persons
from vop_core.errors import DataError, VopError
from vop_core.models import inspection, load_bundle

STATE = LinkedState(
    task="keywords-ar",
    person="arabic_speech_commands/s15",
    environment="own environment",
    clips=2,
    seed=3,
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Where a script's figure may be written."""
    monkeypatch.chdir(tmp_path)


def test_a_script_makes_the_numbers_that_the_page_shows(tmp_path):
    bundle = load_bundle(STATE.task)
    heard = inspection.bundled_person(bundle, STATE.person, STATE.environment, STATE.clips)
    model = bundle.vop.enroll(heard.enrollment)
    expected = {
        "Layers": inspection.layer_table(model),
        "Draws": inspection.draws_table(inspection.answers_by_draw(model, heard.query, STATE.seed)),
    }
    for view, table in expected.items():
        made = {}
        exec(view_script(view, STATE), made)
        pd.testing.assert_frame_equal(made["table"], table)
        assert "plotly" in (tmp_path / f"{view.lower()}.html").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("view", sorted(set(VIEWS) - {"Layers", "Draws"}))
def test_every_view_runs_as_a_script(view):
    made = {}
    exec(view_script(view, STATE), made)
    assert isinstance(made["table"], pd.DataFrame) and len(made["table"])


def test_clips_are_named_where_some_are_switched_off():
    bundle = load_bundle(STATE.task)
    person = next(each for each in bundled_persons("ar") if each.id == STATE.person)
    names = [person.enrollment[place].path.name for place in (4, 1)]
    made = {}
    exec(view_script("Layers", STATE, names), made)
    expected = inspection.bundled_person(bundle, person, STATE.environment, names)
    assert made["heard"].enrollment.equal(expected.enrollment)


def test_a_visitors_script_reads_a_folder_and_refuses_an_empty_one(tmp_path):
    code = view_script("Layers", LinkedState(task="keywords-en"))
    (tmp_path / "my_clips").mkdir()
    with pytest.raises(DataError, match="no sound file"):
        exec(code, {})
    records = bundled_persons("en")[0].enrollment[:2]
    for record in records:
        (tmp_path / "my_clips" / record.path.name).write_bytes(record.path.read_bytes())
    made = {}
    exec(code, made)
    assert made["model"].shots == 2


def test_the_notebook_is_valid_and_holds_the_script():
    text = view_notebook("Layers", STATE)
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert STATE.person in notebook.cells[1].source
    assert json.loads(text)["cells"][1]["outputs"] == []
    assert notebook.cells[1].source.endswith("figure.show()\ntable")


def test_an_unknown_view_is_refused_in_a_sentence():
    with pytest.raises(VopError, match="no view 'Elsewhere'"):
        view_script("Elsewhere", STATE)
