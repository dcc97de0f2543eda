"""``vop results`` and ``vop report``: README, summaries and page from the result files."""

from typing import Annotated

import typer

from vop_core.errors import EvaluationError
from vop_core.writing import write_text

_NO_RESULTS = "There is no result of the bench yet; make some with: vop bench"


def results(
    check: Annotated[bool, typer.Option("--check", help="Only say whether the README is up to date.")] = False,
) -> None:
    """Fill the README's results from data/results, so that no number in it is typed by hand."""
    from vop_core.data.locations import repository_root
    from vop_core.experiments.readme import fill, load_results, results_section

    readme = repository_root() / "README.md"
    text = readme.read_text(encoding="utf-8")
    filled = fill(text, results_section(load_results()))
    if filled == text:
        typer.echo("The README agrees with the result files.")
    elif check:
        raise EvaluationError("The README's results differ from data/results; run: vop results")
    else:
        write_text(readme, filled)
        typer.echo("README.md is filled from data/results.")


def report(
    check: Annotated[bool, typer.Option("--check", help="Only say whether everything is up to date.")] = False,
) -> None:
    """Make the bench's tables, its page and the README's section from data/results/bench."""
    from vop_core.data.locations import repository_root
    from vop_core.experiments.bench_outputs import outdated, report_files, reported_suites, write_files
    from vop_core.experiments.suites import SUITES, results_of_suites

    root = repository_root()
    results = results_of_suites(reported_suites(SUITES))
    files = report_files(results, root, keep=check)
    if check:
        if stale := outdated(files, root):
            names = ", ".join(str(path.relative_to(root)) for path in stale)
            raise EvaluationError(f"These differ from data/results/bench: {names}; run: vop report")
        typer.echo("Summaries, README and page agree with the result files." if files else _NO_RESULTS)
        return
    if not files:
        typer.echo(_NO_RESULTS)
        return
    written = write_files(files)
    for path in files:
        typer.echo(f"{path.relative_to(root)} {'is written' if path in written else 'was up to date'}.")
