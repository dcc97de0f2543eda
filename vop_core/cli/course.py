"""``vop course``: make the notebooks from their sources, and a book from the notebooks."""

import time
from pathlib import Path
from typing import Annotated

import typer

from vop_core.errors import VopError

course = typer.Typer(
    help="The course's notebooks, and the book made of them.", no_args_is_help=True
)


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


@course.command("book")
def write_the_book(
    to: Annotated[Path, typer.Option("--to", help="Folder for the pages.")] = Path("book"),
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF as well (needs a Chromium).")] = False,
) -> None:
    """Make a book of static pages from the stored notebooks: no kernel, no connection."""
    from vop_core.course.book import print_book, write_book

    begun = time.monotonic()
    pages = write_book(to)
    if pdf:
        print_book(to)
    size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    seconds = time.monotonic() - begun
    typer.echo(
        f"{len(pages)} files are made in {seconds:.0f} s, {size / 1e6:.1f} MB; open "
        f"{to / 'index.html'}."
    )
