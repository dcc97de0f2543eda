"""``vop train``, ``vop evaluate`` and ``vop crossval``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, SupportsFloat

import typer

from vop_core.cli.output import (
    JsonTarget,
    check_writable,
    progress_bars,
    publish,
    remark,
    show,
    whole_numbers,
)
from vop_core.errors import VopError

TaskName = Annotated[
    str, typer.Argument(help="keywords-en, keywords-ar, handwriting, verification or signs.")
]


def train(
    task: TaskName,
    recipe: Annotated[
        str | None, typer.Option(help="A named recipe; the project's choice unless given.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of weights, episodes and augmentation.")
    ] = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume/--fresh", help="Go on where a training stopped, or start over."),
    ] = True,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Folder for model and card, instead of data/models/TASK."),
    ] = None,
) -> None:
    """Train a task's global and personal models, test them and write their card."""
    from vop_core.bench.recipes import DEFAULT_RECIPE, RECIPES
    from vop_core.evaluation.tables import rich_tables
    from vop_core.models.ship import train_task
    from vop_core.tasks.registry import TASKS

    _check_known("task", [task], TASKS)
    recipe = recipe or DEFAULT_RECIPE
    _check_known("recipe", [recipe], RECIPES)
    with progress_bars() as bars:
        bundle = train_task(
            task,
            recipe=recipe,
            seed=seed,
            folder=to,
            resume=resume,
            report=lambda phase, step, steps, logs: bars.update(
                f"{task} {phase}", step, steps, _logs(logs)
            ),
        )
    if bundle is None:  # the first of the processes that trained it says what came of it
        return
    if "results" in bundle.card:
        show(rich_tables(bundle.card["results"]))
    typer.echo(f"{task} is trained (weights {bundle.fingerprint}).")


def _logs(logs: Mapping[str, SupportsFloat]) -> str:
    return "  ".join(f"{name} {float(value):.3g}" for name, value in list(logs.items())[:3])


def _check_known(kind: str, names: Iterable[str], known: Mapping[str, Any]) -> None:
    for name in names:
        if name not in known:
            raise VopError(f"There is no {kind} '{name}'; choose one of {', '.join(known)}.")


def evaluate(
    task: TaskName,
    data: Annotated[
        str, typer.Option("--data", help="Folder of a data set, or its name under VOP_DATA.")
    ],
    shots: Annotated[str, typer.Option(help="Numbers of enrollment clips to try.")] = "1,3,5,10",
    repetitions: Annotated[
        int | None, typer.Option(min=1, help="Episodes for each person and number of shots.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the episodes.")] = 0,
    json_target: JsonTarget = None,
) -> None:
    """Test a trained model and all its controls on the persons of a data set.

    The JSON holds "rows" (of each method and of whose clips enrolled: accuracy with its 95 %
    interval over persons, NLL in nats, calibration error, every person's accuracy) and
    "differences" (paired, a - b; two have names: "personal gain" and "right minus wrong").
    """
    from vop_core.data.locations import find_dataset, models_root
    from vop_core.evaluation.score import Scoring
    from vop_core.evaluation.tables import rich_tables
    from vop_core.models import load_bundle
    from vop_core.models.evaluate import evaluate_folder

    counts = whole_numbers(shots, "--shots", least=1)
    folder = find_dataset(data)
    check_writable(json_target, inputs=[folder, models_root()])
    bundle = load_bundle(task)
    scoring = Scoring.everywhere(
        counts, seed=seed, **({"repetitions": repetitions} if repetitions else {})
    )
    with progress_bars() as bars:
        found = evaluate_folder(
            bundle,
            folder,
            scoring=scoring,
            progress=lambda method, done, total: bars.update(
                f"evaluate {task} {method}", done, total
            ),
        )
    for note in found["config"]["notes"]:
        remark(note)
    publish(found, rich_tables(found), json_target)


def crossval(
    dataset: Annotated[
        str, typer.Argument(help="Folder of a data set, or its name under VOP_DATA.")
    ],
    folds: Annotated[int, typer.Option(min=2, help="Folds over persons.")] = 4,
    recipe: Annotated[
        list[str] | None, typer.Option(help="A named recipe; may be repeated; 'all' for every one.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds to train with, like 0 or 0,1,2.")] = "0",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings side by side; the number of cores unless given."),
    ] = None,
    json_target: JsonTarget = None,
) -> None:
    """Retrain on every fold over persons, test on those left out; interrupted, it goes on where it
    stopped.

    The JSON is that of `vop evaluate`; each recipe is a method of its own.
    """
    from vop_core.bench.crossval import crossval as run_crossval
    from vop_core.bench.recipes import DEFAULT_RECIPE, RECIPES
    from vop_core.data.locations import find_dataset
    from vop_core.evaluation.tables import rich_tables

    check_writable(json_target, inputs=[find_dataset(dataset)])
    names = list(RECIPES) if recipe and "all" in recipe else (recipe or [DEFAULT_RECIPE])
    _check_known("recipe", names, RECIPES)
    drawn = whole_numbers(seeds, "--seeds")
    with progress_bars() as bars:
        found = run_crossval(
            dataset,
            folds=folds,
            recipes=names,
            seeds=drawn,
            processes=jobs,
            on_progress=bars.follow,
        )
    for said in found["config"]["remarks"]:
        remark(said)
    publish(found, rich_tables(found), json_target)
