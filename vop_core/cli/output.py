"""How commands speak: results on stdout, progress and remarks on stderr, JSON where it is asked for."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vop_core.errors import EvaluationError, VopError

STDOUT = "-"

JsonTarget = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write JSON to FILE, or to stdout with '-'.")
]


def remark(text: str) -> None:
    """A line for the reader that is no result."""
    typer.echo(text, err=True)


def write_json(content: Mapping[str, Any] | list[Any], target: str) -> None:
    """JSON to stdout or to a file.

    Raises
    ------
    VopError
        The file cannot be written.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    if target == STDOUT:
        typer.echo(text)
        return
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise VopError(f"'{target}' cannot be written ({error.strerror}); choose another file.") from error


def check_writable(target: str | None) -> None:
    """Refuse a file that cannot be written before the work starts, not after it.

    Raises
    ------
    VopError
        The file's folder does not exist, or the file is a folder.
    """
    if target not in (None, STDOUT) and (Path(target).is_dir() or not Path(target).absolute().parent.is_dir()):
        raise VopError(f"'{target}' cannot be written, for its folder does not exist; choose another file.")


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
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
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
        if name not in self._tasks:
            self._tasks[name] = self._shown.add_task(name, total=total, note=note)
        self._shown.update(self._tasks[name], completed=done, total=total, note=note)


def show(content: Any) -> None:
    """A rich renderable or text on stdout."""
    from rich.console import Console

    Console().print(content)


def whole_numbers(text: str, option: str, *, least: int = 0) -> tuple[int, ...]:
    """'0,1,2' as numbers, ascending and each once. Raises EvaluationError for anything else, or below ``least``."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) >= least for part in parts):
        example = ",".join(str(least + step) for step in (0, 1, 2))
        raise EvaluationError(f"{option} takes whole numbers from {least} on, like {example}, and not '{text}'.")
    return tuple(sorted({int(part) for part in parts}))
