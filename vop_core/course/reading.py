"""The first cell of a notebook, and the package's own code shown beside the theory."""

import inspect
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import plotly.graph_objects as go

from vop_core.course.budget import BUDGET, within_budget
from vop_core.data.locations import repository_root
from vop_core.errors import VopError
from vop_core.plots.style import text_alternative

PLOTLY_MIME = "application/vnd.plotly.v1+json"


def begin() -> None:
    """Make a refusal one sentence instead of a traceback, and say where the budget is short.

    Works without a notebook as well, where it only says the latter.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if shell:  # this runs in a notebook
        shell.set_custom_exc((VopError,), _one_sentence)
    if within_budget(full=False, short=True):
        print(
            f"{BUDGET} is short: trainings are cut down, and figures differ from those of the full "
            "budget."
        )


def _one_sentence(
    shell: Any, kind: type[BaseException], error: BaseException, *_: Any, **__: Any
) -> None:
    print(error)


def source(thing: Callable | type) -> None:
    """Show the package's own source of a function or class: never a copy of it."""
    text = inspect.getsource(thing)
    path = Path(inspect.getsourcefile(inspect.unwrap(thing)) or "")
    where = (
        path.relative_to(repository_root()).as_posix()
        if path.is_relative_to(repository_root())
        else path.name
    )
    say(f"`{where}`\n```python\n{textwrap.dedent(text).rstrip()}\n```")


def about(module: ModuleType) -> None:
    """Show what a module says of itself: its prose as prose, its indented formulas and tables as
    they stand.
    """
    say(f"`{module.__name__}`\n\n{_as_markdown(inspect.getdoc(module) or '')}")


def _as_markdown(docstring: str) -> str:
    """Quoted paragraphs; a block whose every line is indented becomes preformatted text."""
    blocks = []
    for block in re.split(r"\n\s*\n|\n(?=Departs:)", docstring):
        lines = block.splitlines()
        if all(line.startswith("    ") for line in lines):
            blocks.append(f"```text\n{textwrap.dedent(block)}\n```")
        else:
            blocks.append(" ".join(line.strip() for line in lines).replace("``", "`"))
    return "\n>\n".join(textwrap.indent(block, "> ", lambda _: True) for block in blocks)


def say(text: str) -> None:
    """Show Markdown with numbers that were computed, never typed."""
    display_bundle({"text/markdown": text, "text/plain": text})


def show(figure: go.Figure) -> None:
    """Show a figure, and below it what stands for it where it cannot be seen."""
    words = text_alternative(figure)
    display_bundle({PLOTLY_MIME: figure.to_plotly_json(), "text/plain": words})
    print(f"In words: {words}")


def display_bundle(bundle: dict[str, Any]) -> None:
    """Show an output in all of its kinds, by media type; the page takes the best it knows."""
    from IPython.display import display

    display(bundle, raw=True)


def widget_view(widget: Any) -> dict[str, Any]:
    """The part of a widget's output by which a running notebook shows it, by media type."""
    bundle = widget._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    return {kind: value for kind, value in bundle.items() if kind.endswith("widget-view+json")}
