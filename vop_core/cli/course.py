"""``vop course``: make the notebooks from their sources, list them."""

import time
from typing import Annotated

import typer

from vop_core.errors import VopError

course = typer.Typer(help="The course's notebooks.", no_args_is_help=True)


@course.command("build")
def build_notebooks(
    name: Annotated[
        list[str] | None,
        typer.Argument(help="Beginning of a notebook's name, such as 03; else all."),
    ] = None,
) -> None:
    """Execute the notebooks' sources and store them with their pictures (needs the 'notebooks'
    extra and a Chromium).
    """
    from vop_core.course.build import build, sources

    wanted = [path for path in sources() if not name or path.stem.startswith(tuple(name))]
    if not wanted:
        raise VopError(f"No notebook begins with {' or '.join(name or ())}; see notebooks/source.")
    for path in wanted:
        begun = time.monotonic()
        student, _ = build(path)
        seconds = time.monotonic() - begun
        typer.echo(
            f"{student.name} is made in {seconds:.0f} s, {student.stat().st_size // 1000} kB."
        )
