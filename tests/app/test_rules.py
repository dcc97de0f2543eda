"""One keeper of state, and shared caches that nothing of a visitor enters."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "app").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_one_module_keeps_state_and_one_caches(path):
    text = path.read_text(encoding="utf-8")
    assert "st.session_state" not in text or path == ROOT / "app" / "session" / "state.py"
    assert "st.cache_" not in text or path == ROOT / "app" / "session" / "shared.py"


def test_the_shared_caches_take_nothing_of_a_visitor():
    tree = ast.parse((ROOT / "app" / "session" / "shared.py").read_text(encoding="utf-8"))
    cached = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any("cache_" in ast.unparse(each) for each in node.decorator_list)
    ]
    assert {node.name: [argument.arg for argument in node.args.args] for node in cached} == {
        "bundle": ["task"],
        "warm_up": [],
        "bundled_persons": ["task"],
        # of bundled persons
        "examples": ["task", "person", "environment", "shots"],
        "enrolled_clips": ["task", "person", "environment", "shots"],
        "bundled_model": ["task", "person", "environment", "shots", "on"],
        "enrollment_costs": ["task", "person", "environment", "shots"],
        "crowd": ["task", "environment"],
        "persons_map": ["task", "by_environment"],
        "coverage": ["task"],
        # of all of them
        "heard_persons": ["task", "environment"],
        "bundled_regimes": ["task", "environment"],
        "detectors": ["task", "shots"],
        "bands": ["task", "shots"],
        # of the bench
        "groups": [],
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_whatever_a_click_or_an_upload_calls_is_guarded(path):
    """Or a failure in it would leave an empty page, whose only way on loses the visit."""
    calls = [
        keyword
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in ("on_click", "on_change", "on_select")
    ]
    for call in calls:
        assert ast.unparse(call.value).startswith(("state.guarded(", "'")), ast.unparse(call)
