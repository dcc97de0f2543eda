"""``vop perf``: speed as ratios, each measured in turn with what it is compared with."""

from typing import Annotated, Any

import typer

from vop_core.cli.output import JsonTarget, check_writable, progress_bars, publish


def perf(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this comparison; may be repeated.")
    ] = None,
    scaling: Annotated[
        bool,
        typer.Option("--scaling", help="Also how time and memory grow with persons, clips, draws."),
    ] = False,
    json_target: JsonTarget = None,
) -> None:
    """Time what is claimed beside what it is compared with, and say which targets are met.

    The JSON holds "machine", "rows" (value, 95 % interval over rounds, target, whether it is met)
    and with --scaling "scaling". `vop report` makes docs/perf.md of data/results/perf.json.
    """
    from vop_core.perf.table import measure

    check_writable(json_target)
    with progress_bars() as bars:
        found = measure(
            only or (),
            growing=scaling,
            progress=lambda name, done, total: bars.update(
                "scaling" if name == "scaling" else "comparisons", done, total, name
            ),
        )
    publish(found, _table(found), json_target)


def _table(found: dict[str, Any]) -> Any:
    from rich.console import Group
    from rich.table import Table

    from vop_core.perf.comparison import sentence

    rows = Table("comparison", "what is timed", "against", "found")
    for row in found["rows"]:
        rows.add_row(row["name"], row["timed"], row["against"], sentence(row))
    if "scaling" not in found:
        return rows
    growth = Table("grows with", "exponent of time", "exponent of memory")
    for row in found["scaling"]:
        fits = (row["exponents"][name] for name in ("time", "memory"))
        growth.add_row(
            row["what"],
            *(
                "{:.2f} [{:.2f}, {:.2f}]".format(each["value"], *each["interval95"])
                for each in fits
            ),
        )
    return Group(rows, growth)
