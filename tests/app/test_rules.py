"""One keeper of state, shared caches that nothing of a visitor enters, and one place for what is
read.
"""

import ast
import inspect
import re
from collections.abc import Collection, Iterator
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
        "settle": [],
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


# --- what a visitor reads stands in app/texts -----------------------------------------------------

PAGES = [path for path in FILES if (ROOT / "app" / "texts") not in path.parents]
SCRIPTS = ROOT / "app" / "browser.py"  # CSS and JavaScript, into which the words come as data
FIRST = {"label", "body", "text", "tabs"}  # what an element's first parameter is called
OTHERS = {"alt", "caption", "help", "label", "page_title", "placeholder", "show_spinner", "text"}
OTHERS |= {"title"}
SENTENCE = re.compile(r"[^\W\d_]{3,} [^\W\d_]{3,}")
NAME = re.compile(r"\b[A-Z][a-z]{2,}\b")
WORD = re.compile(r"[^\W\d_]{3,}")
NOT_READ = re.compile(r"<style>.*?</style>|<[^<>]*>|:material/\w+:", re.DOTALL)


def literals(node: ast.AST, leave: Collection[int] = ()) -> Iterator[tuple[int, str]]:
    """Line and text of every string below a node, without markup and icons. An f-string is one;
    keys of subscripts, formats of numbers and the nodes to ``leave`` are none.
    """
    if id(node) in leave:
        return
    inside = list(ast.iter_child_nodes(node))
    text = ""
    if isinstance(node, ast.JoinedStr):
        text = "".join(each.value if isinstance(each, ast.Constant) else "{}" for each in inside)
        inside = [each.value for each in inside if isinstance(each, ast.FormattedValue)]
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        inside = [node.value]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    yield getattr(node, "lineno", 0), NOT_READ.sub("", text)
    for each in inside:
        yield from literals(each, leave)


def unread(tree: ast.Module) -> set[int]:
    """Nodes whose strings no visitor sees: docstrings, what is logged, seeds of random numbers."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "generator_for" or re.search("logg", called, re.IGNORECASE):
                found.add(id(node))
    return found


@pytest.fixture(scope="module")
def elements() -> set[str]:
    """Streamlit's elements that show what they are given first."""
    import streamlit

    found = set()
    for name, element in vars(streamlit).items():
        if callable(element) and not isinstance(element, type):
            parameters = inspect.signature(element).parameters
            if FIRST & {*list(parameters)[:1]}:
                found.add(name)
    return found | {"write"}


@pytest.mark.parametrize(
    "path", [path for path in PAGES if path != SCRIPTS], ids=lambda path: path.stem
)
def test_no_sentence_and_no_name_stands_outside_the_texts(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        f"{line}: {text}"
        for line, text in literals(tree, unread(tree))
        if SENTENCE.search(text) or NAME.search(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_nothing_that_streamlit_shows_stands_outside_the_texts(path, elements):
    assert elements >= {"button", "caption", "expander", "markdown", "metric", "slider", "tabs"}
    shown = []
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call):
            shown += call.args[:1] if getattr(call.func, "attr", "") in elements else []
            shown += [each.value for each in call.keywords if each.arg in OTHERS]
    found = [
        f"{line}: {text}" for each in shown for line, text in literals(each) if WORD.search(text)
    ]
    assert not found, "\n".join(found)
