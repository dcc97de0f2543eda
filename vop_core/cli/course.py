"""``vop course``: make the notebooks from their sources, list them."""

from typing import Annotated

import typer

from vop_core.errors import VopError

course = typer.Typer(help="The course's notebooks.", no_args_is_help=True)


@course.command("build")
def build_notebooks(
    name: Annotated[
        list[str] | None, typer.Argument(help="Beginning of a notebook's name, such as 03; else all.")
    ] = None,
) -> None:
    """Execute the notebooks' sources and store them with their pictures (needs the 'notebooks' extra and a
    Chromium).
    """
    from vop_core.course.build import build, sources

    wanted = [path for path in sources() if not name or path.stem.startswith(tuple(name))]
    if not wanted:
        raise VopError(f"No notebook begins with {' or '.join(name or ())}; see notebooks/source.")
    for path in wanted:
        student, _ = build(path)
        typer.echo(f"{student.name} is made, {student.stat().st_size // 1000} kB.")
