"""``vop web`` and ``vop alarms``: the page that needs no server, and what its detector costs."""

from typing import Any

from vop_core.cli.output import JsonTarget, check_writable, progress_bars, publish, say


def web() -> None:
    """Make what people did not write of the page in web/ anew: graphs, voices, sentences (needs the
    'export' extra).
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from vop_core.export import export_model
    from vop_core.export.web import TASK, web_root, write_parts
    from vop_core.models.bundle import load_bundle

    with TemporaryDirectory() as graphs, progress_bars() as bars:
        export_model(load_bundle(TASK), Path(graphs), progress=bars.update)
        write_parts(web_root(), Path(graphs))
    say(f"The page is whole; serve it with  python -m http.server -d {web_root().name}.")


def alarms(json_target: JsonTarget = None) -> None:
    """Count a streaming detector's false alarms in hours of other sound, and what it catches.

    `vop web` takes the JSON from data/results/alarms-keywords-en.json.
    """
    from vop_core.export.web import TASK
    from vop_core.models.bundle import load_bundle
    from vop_core.models.streaming import false_alarms

    check_writable(json_target)
    with progress_bars() as bars:
        found = false_alarms(
            load_bundle(TASK),
            progress=lambda source, done, total: bars.update(source, done, total),
        )
    publish(found, _table(found), json_target)


def _table(found: dict[str, Any]) -> Any:
    from rich.table import Table

    hours = sum(found["hours"].values())
    most = found["most_alarms_an_hour"]
    table = Table(
        "word",
        "detected by",
        "threshold",
        "false alarms an hour",
        "caught, %",
        "takes",
        title=f"{hours:.1f} hours of other sound; at most {most:g} false alarm(s) an hour chosen, "
        "held against persons who were not there",
    )
    for word, models in found["words"].items():
        for name, each in models.items():
            held = each["held_out"]
            table.add_row(
                word,
                name,
                f"{each['threshold']:.3f}",
                f"{held['alarms_an_hour']:.2f}",
                f"{100 * held['caught']:.0f}",
                str(each["takes"]),
            )
    return table
