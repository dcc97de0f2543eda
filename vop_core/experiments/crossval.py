"""Cross-validation over persons: every person is once unknown; recipes share each fold's first phase."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vop_core.data.locations import cache_folder, repository_root
from vop_core.data.persons import Fold
from vop_core.evaluation.report import Report as EvaluationReport
from vop_core.evaluation.report import make_report
from vop_core.evaluation.scores import ScoreTable, merge
from vop_core.experiments.recipes import RECIPES, RunConfig, as_plain
from vop_core.experiments.runs import ScoringConfig, score_task, scores_file, train_branch
from vop_core.experiments.workers import JobLog, run_all
from vop_core.tasks.keyword_spotting import FOLD_SEED, comparison_folds, crossval_data, usable_dataset
from vop_core.writing import make_folder, whole_file


@dataclass(frozen=True)
class FoldJob:
    """One fold and seed: the shared phase, the global branch, and every recipe's branch, trained and scored."""

    dataset: str
    recordings: str  # the data set's fingerprint
    fold: int
    persons: Fold
    recipes: tuple[str, ...]
    config: RunConfig
    scoring: ScoringConfig
    folder: Path

    def scores_file(self, recipe: str) -> Path:
        return scores_file(
            self.folder,
            self.config,
            self.scoring,
            RECIPES[recipe],
            self.dataset,
            self.recordings,
            self.persons.train,
            self.persons.test,
        )

    @property
    def done(self) -> bool:
        """Whether every recipe of the job is scored."""
        return all(self.scores_file(recipe).exists() for recipe in self.recipes)

    @property
    def log(self) -> Path:
        return self.folder / f"log-fold{self.fold}-seed{self.config.seed}.jsonl"

    @property
    def title(self) -> Mapping[str, Any]:
        return {"fold": self.fold, "seed": self.config.seed}


def run_fold(job: FoldJob, on_progress: Callable[[Mapping[str, Any]], None] | None = None) -> None:
    """Do what is not done yet of a job; progress goes to its log, one JSON object a line."""
    torch.set_num_threads(1)
    make_folder(job.folder)
    if job.done:
        return
    log = JobLog(job.log, job.title, on_progress)
    data = crossval_data(job.dataset, job.persons)
    rival = train_branch(data, job.config, None, job.folder, report=log.report)
    for recipe in job.recipes:
        vop = train_branch(data, job.config, RECIPES[recipe], job.folder, report=log.report)
        file = job.scores_file(recipe)
        if not file.exists():
            log.note(phase=f"score {recipe}", step=0, steps=1)
            score_task(data, rival, vop, job.scoring, seed=job.config.seed, fold=job.fold).save(file)
            log.note(phase=f"score {recipe}", step=1, steps=1)


def crossval(
    dataset: str,
    *,
    folds: int = 4,
    recipes: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    config: RunConfig | None = None,
    scoring: ScoringConfig | None = None,
    jobs: int | None = None,
    on_progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> dict[str, EvaluationReport]:
    """Retrain and test on every fold; one report a recipe. Interrupted runs go on where they stopped.

    Persons with too few clips to train on are left out, and counted in the report. Raises DataError without the data
    set, EvaluationError for more folds than persons, VopError where the cache cannot be written.
    """
    config, scoring = config or RunConfig(), scoring or ScoringConfig()
    recipes = tuple(recipes or RECIPES)
    found = usable_dataset(dataset)
    persons = comparison_folds(found, folds, clips=max(config.shared.clips_per_person, config.branch.clips_per_person))
    name = Path(dataset).resolve().name if Path(dataset).is_dir() else dataset
    folder = cache_folder("runs", name)
    work = [
        FoldJob(dataset, found.fingerprint, fold, split, recipes, config.with_seed(seed), scoring, folder)
        for seed in seeds
        for fold, split in enumerate(persons)
    ]
    bring_committed(folder, name)
    if not all(job.done for job in work):
        crossval_data(dataset, persons[0])  # fills the feature cache once, before the workers ask for it
    run_all(run_fold, work, jobs or os.cpu_count() or 1, on_progress)
    described = {
        "dataset": name,
        "folds": folds,
        "fold_seed": FOLD_SEED,
        "seeds": list(seeds),
        "run": as_plain(config),
        "scoring": as_plain(scoring),
    }
    if left_out := len(found.persons) - len(persons[0].train) - len(persons[0].test):
        described["left_out"] = left_out  # persons with too few clips to train on
    return {
        recipe: make_report(
            name,
            described | {"recipe": recipe, "vop": as_plain(RECIPES[recipe])},
            merge([ScoreTable.load(job.scores_file(recipe)) for job in work]),
        )
        for recipe in recipes
    }


def bring_committed(folder: Path, dataset: str) -> None:
    """Finished folds that came with the repository need no training: their files are named by their config."""
    make_folder(folder)
    for file in (repository_root() / "data" / "results" / "runs" / dataset).glob("*"):
        if not (folder / file.name).exists():
            with whole_file(folder / file.name) as part:
                shutil.copyfile(file, part)
