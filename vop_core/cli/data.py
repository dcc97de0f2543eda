"""``vop data``: list, fetch, convert and check data sets."""

from pathlib import Path
from typing import Annotated

import typer

from vop_core.cli.output import (
    JsonTarget,
    check_writable,
    progress_bars,
    remark,
    say,
    show,
    write_json,
)
from vop_core.errors import DataError

app = typer.Typer(
    help="List, fetch, convert and check data sets with persons in them.", no_args_is_help=True
)

SHOWN = 20  # problems or skipped clips listed one by one

Name = Annotated[str, typer.Argument(help="Name of a source, as in 'vop data list'.")]
To = Annotated[Path | None, typer.Option("--to", help="Folder to write, instead of VOP_DATA/NAME.")]


@app.command("list")
def list_sources(json_target: JsonTarget = None) -> None:
    """Show the known public data sets, their terms, and which of them are here."""
    from rich.table import Column, Table

    from vop_core.data.locations import data_root
    from vop_core.data.metadata import METADATA
    from vop_core.data.sources.registry import SOURCES

    check_writable(json_target)
    here = {name: (data_root() / name / METADATA).is_file() for name in SOURCES}
    if json_target:
        facts = (
            "title",
            "persons",
            "labels",
            "clips",
            "megabytes",
            "licence",
            "citation",
            "homepage",
            "url",
            "sha256",
        )
        entries = [
            {"name": name, **{fact: getattr(source, fact) for fact in facts}, "here": here[name]}
            for name, source in SOURCES.items()
        ]
        write_json(entries, json_target)
        return
    columns = ("persons", "words", "clips", "MB", "licence", "checksum", "here")
    table = Table(
        Column("name", no_wrap=True), *columns, box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for name, source in SOURCES.items():
        table.add_row(
            name,
            f"{source.persons:,}",
            str(source.labels),
            f"{source.clips:,}",
            f"{source.megabytes:,}",
            source.licence,
            "SHA-256" if source.sha256 else "none",
            "yes" if here[name] else "no",
        )
    show(table)
    say(f"Data folder: {data_root()} (set VOP_DATA to use another)")


@app.command()
def get(
    name: Name,
    to: To = None,
    url: Annotated[
        str | None, typer.Option(help="A mirror to download from; the checksum stays.")
    ] = None,
) -> None:
    """Download, verify and convert a data set; an interrupted download resumes."""
    from vop_core.data.sources import registry

    with progress_bars() as bars:
        done = registry.get(name, to, url=url, progress=bars.update)
    _report(done)


@app.command()
def prepare(
    name: Name,
    source: Annotated[
        Path, typer.Argument(help="The data set as it was published: a folder, zip or tar.")
    ],
    to: To = None,
) -> None:
    """Convert a data set that is already on this machine."""
    from vop_core.data.sources import registry

    with progress_bars() as bars:
        done = registry.prepare(name, source, to, progress=bars.update)
    _report(done)


def _report(done) -> None:
    say(f"{done.clips} clips in {done.folder}")
    if done.skipped:
        remark(f"{len(done.skipped)} clip(s) left out:")
        _list(done.skipped)


def _list(lines: list[str] | tuple[str, ...]) -> None:
    for line in lines[:SHOWN]:
        remark(f"  {line}")
    if len(lines) > SHOWN:
        remark(f"  and {len(lines) - SHOWN} more")


@app.command()
def check(
    path: Annotated[str, typer.Argument(help="Folder of a data set, or its name under VOP_DATA.")],
    json_target: JsonTarget = None,
) -> None:
    """Open every clip of a data set and say what is wrong with it."""
    from dataclasses import asdict

    from vop_core.data.format import check_dataset
    from vop_core.data.locations import find_dataset
    from vop_core.data.persons import read_quality

    folder = find_dataset(path)
    check_writable(json_target, inputs=[folder])
    report = check_dataset(folder)
    quality = read_quality(folder)
    if json_target:
        write_json(asdict(report), json_target)
    if len(report.problems) > 1:
        remark(f"{len(report.problems)} problems:")
        _list(report.problems)
        raise DataError(
            f"'{report.name}' has {len(report.problems)} problems; mend them and check again."
        )
    for problem in report.problems:
        raise DataError(problem)
    if json_target is None:
        say(
            f"{report.name} is in order: {report.persons} persons, {report.labels} words, "
            f"{report.clips} clips, {report.seconds / 60:.0f} minutes."
        )
    for said in report.remarks:
        remark(f"  {said}")
    for person, words in quality.items():
        remark(f"  remark on {person}: {words}")
