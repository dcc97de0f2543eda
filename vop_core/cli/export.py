"""``vop export``: a model as ONNX files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from vop_core.cli.output import progress_bars, say, show


def export(
    task: Annotated[str, typer.Argument(help="keywords-en, keywords-ar or handwriting.")],
    to: Annotated[
        Path, typer.Option("--to", help="Folder for the files; an earlier export is replaced.")
    ],
    person: Annotated[
        Path | None,
        typer.Option(help="A person's file, whose network is written frozen as well."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Folder of a data set, or its name under VOP_DATA, on whose untrained persons "
            "the cost of 8-bit integers is measured; the bundled persons unless given.",
        ),
    ] = None,
) -> None:
    """Write a model as ONNX files, each checked against torch, with 8-bit variants and their cost
    (needs the 'export' extra).
    """
    from vop_core.export import check_exportable, check_folder, export_model
    from vop_core.models import load_bundle

    check_folder(to)
    bundle = load_bundle(task)
    method = check_exportable(bundle)
    model = None if person is None else method.load_person(person, task=task)
    with progress_bars() as bars:
        written = export_model(bundle, to, person=model, data=data, progress=bars.update)
    show(_files(written.about))
    show(_costs(written.about["costs"]))
    say(f"Every graph computes what torch computes; they are in {to}, README.md says how to run.")


def _files(about: Mapping[str, Any]) -> Any:
    from rich.table import Table

    table = Table("file", "kB", "from torch by at most")
    for name, file in about["files"].items():
        apart = about["largest_difference"].get(Path(name).stem)
        table.add_row(name, f"{file['bytes'] / 1000:.0f}", f"{apart:.1e}" if apart else "")
    return table


def _costs(costs: Mapping[str, Any]) -> Any:
    from rich.table import Table

    from vop_core.export.readme import shown

    persons = costs["rows"][0]["float"]["persons"]
    title = f"8-bit integers: {persons} of {costs['data']}, {costs['shots']} clips enrolled"
    table = Table("graphs", "weights", "metric", "float", "8-bit", "difference", title=title)
    for row in costs["rows"]:
        metric = row["metric"]
        table.add_row(
            row["graphs"],
            row["weights"],
            metric,
            *(shown(metric, row[kind]) for kind in ("float", "int8")),
            shown(metric, row["difference"], signed=True),
        )
    return table
