"""``vop report``: new results into their tables, and README, findings and page from them."""

from typing import Annotated

import typer

from vop_core.errors import EvaluationError

_NO_RESULTS = "There is no result of the bench yet; make some with: vop bench"


def report(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether everything is up to date.")
    ] = False,
) -> None:
    """Gather the bench's new results into data/results, and make summaries, findings, page and the
    README's table.
    """
    from vop_core.bench.suites import SUITES, store_of, suite_results
    from vop_core.data.locations import repository_root
    from vop_core.report.outputs import outdated, report_files, reported_suites, write_files

    root = repository_root()
    if not check:
        for suite in SUITES:
            if suite != "smoke" and (new := store_of(suite).gather()):
                typer.echo(f"{new} new result(s) of the suite {suite} are gathered.")
    results = {suite: suite_results(suite) for suite in reported_suites(SUITES)}
    files = report_files(results, root, keep=check)
    if check:
        if stale := outdated(files, root):
            names = ", ".join(str(path.relative_to(root)) for path in stale)
            raise EvaluationError(f"These differ from the results: {names}; run: vop report")
        typer.echo(
            "Summaries, findings and README agree with the results." if files else _NO_RESULTS
        )
        return
    if not files:
        typer.echo(_NO_RESULTS)
        return
    written = write_files(files)
    for path in files:
        typer.echo(
            f"{path.relative_to(root)} {'is written' if path in written else 'was up to date'}."
        )
