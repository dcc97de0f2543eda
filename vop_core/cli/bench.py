"""``vop bench``: every method, one protocol."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from vop_core.cli.output import progress_bars, remark, say, whole_numbers
from vop_core.errors import VopError


def bench(
    suite: Annotated[
        str,
        typer.Option(
            help="smoke, tuning, paper, ablations, few-persons, conditions, groups, tasks or dua: "
            "which question is asked."
        ),
    ] = "paper",
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help="A data set, by name or folder; may be repeated."),
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="Only this method; may be repeated.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds, like 0 or 0,1,2; the suite's own unless given.")
    ] = None,
    folds: Annotated[str | None, typer.Option(help="Only these folds, like 0,2.")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Folds side by side; the number of cores unless given."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Run on the machines of this Ray cluster, by its address or auto, not here."
        ),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what is done and what is missing.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try again what did not converge.")
    ] = False,
) -> None:
    """Train and test every method on the same clips; what is finished is kept, interrupted it goes
    on.

    New results lie in the cache, a file for each method, data set, fold and seed; `vop report`
    gathers them into data/results, one table of scores a suite, and makes tables and pages of them.
    """
    from vop_core.bench.run import run_bench
    from vop_core.bench.suites import CHOICES, store_of, suite_jobs, write_choices
    from vop_core.methods.registry import METHODS

    if cluster is not None and jobs is not None:
        raise VopError("--jobs counts cores of this machine; on a cluster Ray places the work.")
    if retry:
        store_of(suite).forget_failed()
    work = suite_jobs(
        suite,
        datasets=data,
        seeds=None if seeds is None else whole_numbers(seeds, "--seeds"),
        folds=None if folds is None else whole_numbers(folds, "--folds"),
        methods=method,
    )
    wanted = sum(len(job.contenders) for job in work)
    missing = sum(len(job.missing) for job in work)
    remark(f"{suite}: {wanted - missing} of {wanted} results are there.")
    for said in dict.fromkeys(said for job in work for said in job.remarks):
        remark(said)
    if plan:
        for job in work:
            left = ", ".join(each.variant for each in job.missing) or "nothing"
            say(f"{job.tested} fold {job.fold} seed {job.seed} lacks {left}")
        return
    with progress_bars() as bars:
        run_bench(work, processes=jobs, cluster=cluster, on_progress=bars.follow)
    for line in outcome(work, store_of(suite).results()):
        say(line)
    if suite == "tuning":
        say(f"Settings of {len(write_choices())} of {len(METHODS)} methods are chosen: {CHOICES}.")


def outcome(work: list[Any], results: Sequence[Any]) -> list[str]:
    """What is there now, and what did not converge."""
    from vop_core.bench.results import DONE

    asked = {job.hash(each) for job in work for each in job.contenders}
    found = [result for result in results if result.hash in asked]
    failed = [result for result in found if result.status != DONE]
    lines = [f"{len(found) - len(failed)} of {len(asked)} results are done."]
    lines += [
        f"{each.variant} on {each.dataset}, fold {each.fold}, seed {each.seed}, did not converge: "
        f"{each.reason}"
        for each in failed
    ]
    return [*lines, "To try again: the same command with --retry."] if failed else lines
