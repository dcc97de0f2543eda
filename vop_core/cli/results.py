"""``vop results``: the README's tables from the result files."""

from typing import Annotated

import typer

from vop_core.errors import EvaluationError


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
        readme.write_text(filled, encoding="utf-8")
        typer.echo("README.md is filled from data/results.")
