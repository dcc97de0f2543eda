"""Cross-validation over persons: every person is once unknown; recipes share each fold's
checkpoint.
"""

from collections.abc import Sequence

from vop_core.bench.method_runs import group_runs
from vop_core.bench.recipes import DEFAULT_RECIPE, BenchConfig, recipe_contenders
from vop_core.bench.results import DONE, Store, load_results
from vop_core.bench.run import bench, described, run_bench
from vop_core.bench.workers import OnProgress
from vop_core.data.locations import cache_root, find_dataset
from vop_core.errors import EvaluationError
from vop_core.evaluation.overview import Overview, overview
from vop_core.evaluation.score import Scoring
from vop_core.tasks.base import FOLD_SEED
from vop_core.tasks.registry import TASKS

SUITE = "crossval"


def crossval(
    dataset: str,
    *,
    folds: int = 4,
    recipes: Sequence[str] = (DEFAULT_RECIPE,),
    seeds: Sequence[int] = (0,),
    config: BenchConfig | None = None,
    processes: int | None = None,
    on_progress: OnProgress = None,
) -> Overview:
    """Retrain and test on every fold: the global model and each recipe. Interrupted runs go on
    where they stopped.

    Persons who are not trained on or not asked are counted in the config's remarks. Raises
    DataError without the data set, EvaluationError for more folds than persons or a training that
    diverged, VopError where the cache cannot be written.
    """
    task = TASKS["keywords-ar"]
    config = config or BenchConfig.of_task(task, scoring=Scoring.everywhere())
    folder = find_dataset(dataset)
    root = cache_root()
    jobs = bench(
        SUITE,
        task,
        str(folder),
        recipe_contenders(tuple(recipes)),
        config=config,
        folds=folds,
        seeds=seeds,
        store=Store(root / SUITE / f"{folder.name}.parquet", root / SUITE / folder.name),
    )
    run_bench(jobs, processes=processes, on_progress=on_progress)
    results = [load_results(job.result_file(each))[0] for job in jobs for each in job.contenders]
    for result in results:
        if result.status != DONE:
            raise EvaluationError(
                f"'{result.variant}', fold {result.fold}, seed {result.seed}: {result.reason}"
            )
    about = {
        "dataset": folder.name,
        "folds": folds,
        "fold_seed": FOLD_SEED,
        "seeds": list(seeds),
        "remarks": list(jobs[0].remarks),
    } | described(config)
    return overview(
        folder.name, about, {name: runs.scores for name, runs in group_runs(results).items()}
    )
