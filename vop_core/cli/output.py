"""How commands speak: results on stdout, progress and remarks on stderr, JSON where it is asked
for.
"""

import codecs
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vop_core.errors import EvaluationError
from vop_core.text import printable
from vop_core.writing import JSON, check_output, write_text

STDOUT = "-"

JsonTarget = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write JSON to FILE, or to stdout with '-'."),
]


def say(text: str) -> None:
    """A line of the result, in which every name can be shown."""
    typer.echo(printable(text))


def remark(text: str) -> None:
    """A line for the reader that is no result."""
    typer.echo(printable(text), err=True)


def write_json(content: Mapping[str, Any] | list[Any], target: str) -> None:
    """JSON to stdout or to a file.

    Raises
    ------
    VopError
        The file cannot be written.
    """
    # what a console without UTF-8 cannot show must become JSON's escape, no other
    ascii_only = target == STDOUT and codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
    text = json.dumps(_printable(content), indent=1, ensure_ascii=ascii_only, allow_nan=False)
    if target == STDOUT:
        typer.echo(text)
    else:
        write_text(target, text + "\n")


def _printable(content: Any) -> Any:
    """Plain values in which every text can be shown, so that the JSON is valid Unicode."""
    if isinstance(content, str | Path):
        return printable(content)
    if isinstance(content, Mapping):
        return {_printable(name): _printable(value) for name, value in content.items()}
    return (
        [_printable(value) for value in content] if isinstance(content, list | tuple) else content
    )


def check_writable(target: str | None, inputs: Iterable[str | Path] = ()) -> None:
    """Refuse a JSON file that must not or cannot be written before the work starts, not after it.

    Raises VopError as :func:`vop_core.writing.check_output`: the file is among ``inputs``, holds
    something else than JSON, or cannot be written.
    """
    if target not in (None, STDOUT):
        check_output(target, inputs=inputs, replaces=JSON)


@contextmanager
def progress_bars() -> Iterator["Bars"]:
    """Progress bars on stderr, one for every piece of work named."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield Bars(shown)


class Bars:
    """Bars by name; a name not seen before opens a new bar."""

    def __init__(self, shown: Any) -> None:
        self._shown = shown
        self._tasks: dict[str, Any] = {}

    def update(self, name: str, done: int, total: int | None, note: str = "") -> None:
        """``done`` of ``total`` (None: unknown) of the work called ``name``."""
        note = printable(note)
        if name not in self._tasks:
            self._tasks[name] = self._shown.add_task(printable(name), total=total, note=note)
        self._shown.update(self._tasks[name], completed=done, total=total, note=note)

    def follow(self, entry: Mapping[str, Any]) -> None:
        """What a training of one fold reports; only its steps are shown."""
        if "step" in entry:
            name = f"{entry['dataset']} fold {entry['fold']} seed {entry['seed']}"
            self.update(name, entry["step"], entry["steps"], str(entry.get("phase", "")))


def publish(content: Mapping[str, Any], shown: Any, target: str | None) -> None:
    """A result as what is shown, unless its JSON takes stdout; and as JSON where that is asked for.

    Raises VopError as :func:`write_json`.
    """
    if target != STDOUT:
        show(shown)
    if target:
        write_json(content, target)


def show(content: Any) -> None:
    """A rich renderable or text on stdout."""
    from rich.console import Console

    Console().print(content)


def whole_numbers(text: str, option: str, *, least: int = 0) -> tuple[int, ...]:
    """'0,1,2' as numbers, ascending and each once. Raises EvaluationError for anything else, or
    below ``least``.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) >= least for part in parts):
        example = ",".join(str(least + step) for step in (0, 1, 2))
        raise EvaluationError(
            f"{option} takes whole numbers from {least} on, like {example}, and not '{text}'."
        )
    return tuple(sorted({int(part) for part in parts}))
