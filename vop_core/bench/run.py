"""``vop bench``: every method on every fold, from the same checkpoint, on the same queries;
resumable.

What is made of the row ``global`` brings the answers of that very model along, as the row
``start``, since a later sitting may have had to train it again. All methods answer the same
episodes.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pandas as pd
import torch

from vop_core.bench.machines import Sent, run_on_cluster
from vop_core.bench.measure import (
    Scene,
    cost_figures,
    posterior_figures,
    scene_scores,
)
from vop_core.bench.recipes import GLOBAL, BenchConfig, Contender, as_plain, config_hash
from vop_core.bench.results import FAILED, Result, Store, save_results
from vop_core.bench.training import Trainer, training_of
from vop_core.bench.workers import Job, JobLog, OnProgress, run_all
from vop_core.data.locations import cache_folder, cache_root
from vop_core.data.persons import Fold, PersonDataset
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.plan import short_of_clips
from vop_core.evaluation.score import OWN, START
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.registry import METHODS
from vop_core.tasks.base import Task, TaskData
from vop_core.training.device import training_device
from vop_core.writing import make_folder


@dataclass(frozen=True, kw_only=True)
class BenchJob:
    """One data set, fold and seed: the checkpoint, and every contender on it."""

    suite: str
    task: Task
    dataset: str
    recordings: str
    fold: int
    folds: int
    persons: Fold
    contenders: tuple[Contender, ...]
    config: BenchConfig
    runs: Path  # trained weights
    folder: Path  # of new results
    group: str = ""  # whose persons alone are tested
    done: frozenset[str] = frozenset()  # hashes of the results there were before
    remarks: tuple[str, ...] = ()  # on persons who are not trained on, or not asked

    @property
    def seed(self) -> int:
        return self.config.checkpoint.seed

    @property
    def name(self) -> str:
        return Path(self.dataset).name

    @property
    def tested(self) -> str:
        """The data set, and its group where only one is tested: such results are tables of their
        own.
        """
        return f"{self.name}, {self.group}" if self.group else self.name

    @property
    def log(self) -> Path:
        return self.runs / f"bench-log-fold{self.fold}-seed{self.seed}.jsonl"

    @property
    def title(self) -> Mapping[str, Any]:
        return {"dataset": self.tested, "fold": self.fold, "seed": self.seed}

    def hash(self, contender: Contender) -> str:
        """Names everything that the contender's figures depend on."""
        scoring = self.config.scoring
        return config_hash(
            *training_of(contender, self.config),
            self.task.kind,
            self.tested,
            self.recordings,
            self.persons.train,
            self.persons.test,
            contender.method,
            scoring,
            Path(self.task.never_taught(self.name) or "").name if scoring.unknown_clips else "",
        )

    def result_file(self, contender: Contender) -> Path:
        """Where a contender's new result lies or will lie."""
        return self.folder / self.empty_result(contender).file_name

    def empty_result(self, contender: Contender, **more: Any) -> Result:
        """A contender's result before it has any figures."""
        return Result(
            suite=self.suite,
            method=contender.method,
            variant=contender.variant,
            dataset=self.tested,
            fold=self.fold,
            folds=self.folds,
            seed=self.seed,
            device=training_device().type,
            hash=self.hash(contender),
            config=described(self.config) | {"method": as_plain(contender.settings)},
            **more,
        )

    def data(self) -> TaskData:
        """What is trained on and tested."""
        variants = self.config.scoring.variants
        data = self.task.fold_data(self.dataset, self.persons, variants=variants)
        return replace(data, kept=self.task.kept_for_choices(data, [self.dataset]))

    def prepare(self) -> None:
        """Fill the feature cache, once, before workers ask for it."""
        self.data()
        self.task.rejects(self.name, self.config.scoring.unknown_clips)

    def results(self, log: JobLog) -> Iterator[Callable[[], Result]]:
        """What makes each missing result, in turn.

        Raises DataError where the recordings are not those that the job was planned with.
        """
        sitting = Sitting(self, log)
        for contender in self.missing:
            yield partial(sitting.result, contender)

    def rest(self) -> "BenchJob | None":
        """What of it has no result yet."""
        return replace(self, contenders=self.missing) if self.missing else None

    def elsewhere(self, folder: Path) -> "BenchJob":
        """The same job on another machine, with results in ``folder`` and trainings in the cache
        there.
        """
        return replace(self, folder=folder, runs=cache_folder("runs") / self.runs.name)

    def place(self, name: str) -> Path:
        """Where the result file of this name belongs."""
        return self.folder / name

    @property
    def missing(self) -> tuple[Contender, ...]:
        """Contenders without a result."""
        return tuple(
            each
            for each in self.contenders
            if self.hash(each) not in self.done and not self.result_file(each).exists()
        )


def described(config: BenchConfig) -> dict[str, Any]:
    """A config as results name it."""
    return {name: as_plain(getattr(config, name)) for name in ("checkpoint", "further", "scoring")}


@runtime_checkable
class AnyJob(Sent, Job, Protocol):
    """What a suite is made of: contenders that share data and trainings."""

    contenders: tuple[Contender, ...]
    folder: Path

    @property
    def name(self) -> str: ...

    @property
    def missing(self) -> tuple[Contender, ...]: ...

    def prepare(self) -> None: ...

    def results(self, log: JobLog) -> Iterator[Callable[[], Result]]: ...

    def empty_result(self, contender: Contender, **more: Any) -> Result: ...

    def result_file(self, contender: Contender) -> Path: ...


# --- running --------------------------------------------------------------------------------------


def run_job(job: AnyJob, on_progress: OnProgress = None) -> None:
    """Do what is not done yet of a job. Raises as :func:`finish`."""
    for _ in finish(job, on_progress):
        pass


def finish(job: AnyJob, on_progress: OnProgress = None) -> Iterator[Path]:
    """Do what is not done yet of a job, contender by contender; gives each result's file.

    Raises DataError where the recordings are not those that the job was planned with.
    """
    torch.set_num_threads(1)
    missing = job.missing
    if not missing:
        return
    log = JobLog(job.log, job.title, on_progress)
    for contender, make in zip(missing, job.results(log), strict=True):
        started = time.monotonic()
        try:
            result = make()
        except EvaluationError as error:
            result = job.empty_result(contender, status=FAILED, reason=str(error))
        save_results(job.result_file(contender), [result])
        log.note(
            phase=f"{contender.variant}: {result.status}",
            step=1,
            steps=1,
            seconds=time.monotonic() - started,
        )
        yield job.result_file(contender)


class Sitting:
    """What a job's contenders share: the data, what is trained, and what everybody is asked."""

    def __init__(self, job: BenchJob, log: JobLog) -> None:
        self.job, self.log = job, log
        self.data = job.data().to(training_device())
        if self.data.recordings != job.recordings:
            raise DataError(
                f"The recordings of {job.name} are not those that were planned with; every machine "
                "needs the same, in the folder that VOP_DATA names."
            )
        self.trainer = Trainer(self.data, job.config, job.runs, log.report, job.task.compares)
        self.scene = Scene.of_task(job.task, self.data, job.config.scoring)

    @cached_property
    def start_scores(self) -> pd.DataFrame:
        """The row ``global`` on the weights at hand, which a file of another sitting need not have
        had.
        """
        baseline = METHODS[GLOBAL].from_global(self.trainer.baseline)
        scores = scene_scores(baseline, self.scene, self.job.config.scoring)
        return scores[scores["row"] == OWN].assign(row=START)

    def result(self, contender: Contender) -> Result:
        """Train a contender and score it. Raises EvaluationError where its training diverged."""
        method = self.trainer.make(contender)
        self.log.note(phase=f"score {contender.variant}", step=0, steps=1)
        return self.measured(contender, method)

    def measured(self, contender: Contender, method: PersonalizationMethod) -> Result:
        """Score a contender, and count what it costs. Raises EvaluationError where answers are no
        probabilities.
        """
        scoring, started = self.job.config.scoring, time.monotonic()
        tables = [scene_scores(method, self.scene, scoring)]
        figures = cost_figures(method, self.scene) | {
            "scoring_seconds": round(time.monotonic() - started, 1)
        }
        posterior, of_persons = posterior_figures(method, self.scene, scoring)
        facts = method.facts
        # made of the row global, and not of the fold's checkpoint
        if not facts.trained or facts.encoder_fixed:
            tables.append(self.start_scores)
        return self.job.empty_result(
            contender,
            recordings=self.job.recordings,
            train_persons=self.job.persons.train,
            open_persons=self.job.persons.test,
            facts=as_plain(facts),
            figures=figures,
            posterior=posterior,
            scores=pd.concat([table for table in (*tables, of_persons) if len(table)]),
        )


# --- the whole ------------------------------------------------------------------------------------


def bench(
    suite: str,
    task: Task,
    dataset: str,
    contenders: Sequence[Contender],
    *,
    config: BenchConfig | None = None,
    folds: int = 4,
    only_folds: Sequence[int] | None = None,
    seeds: Sequence[int] = (0,),
    runs: Path | None = None,
    store: Store | None = None,
) -> list[BenchJob]:
    """The jobs of a comparison on one data set, done or not.

    Persons with too few clips to train on, or to be asked, are counted in remarks. Raises DataError
    without the data set, EvaluationError for more folds than persons or a damaged result.
    """
    config, store = config or BenchConfig.of_task(task), store or Store.of(suite)
    done = frozenset(store.done())
    found = task.dataset(dataset)
    name = Path(dataset).name
    split = task.folds(found, folds, clips=config.clips_per_person)
    remarks = tuple(fold_remarks(found, split, config))
    return [
        BenchJob(
            suite=suite,
            task=task,
            dataset=dataset,
            recordings=found.fingerprint,
            fold=fold,
            folds=len(split),
            persons=persons,
            remarks=remarks,
            contenders=tuple(contenders),
            config=config.with_seed(seed),
            runs=(runs or cache_root() / "runs") / name,
            folder=store.folder,
            done=done,
        )
        for seed in seeds
        for fold, persons in enumerate(split)
        if only_folds is None or fold in only_folds
    ]


def fold_remarks(
    dataset: PersonDataset, folds: Sequence[Fold], config: BenchConfig
) -> Iterator[str]:
    """Who is in no fold, not trained on, or not asked with some number of clips, in sentences."""
    asked = {person for fold in folds for person in fold.test}
    trained = {person for fold in folds for person in fold.train}
    if kept := len(dataset.persons) - len(asked):
        yield f"{kept} person(s) of {dataset.name} are in no fold: choices are made on them."
    if untrained := len(asked - trained):
        yield (
            f"{untrained} person(s) of {dataset.name} are not trained on: fewer than "
            f"{config.clips_per_person} training clips."
        )
    clips = {person: dataset.clips_per_person[person] for person in asked}
    if short := short_of_clips(clips, config.scoring.shots):
        yield short


def run_bench(
    jobs: Sequence[AnyJob],
    *,
    processes: int | None = None,
    cluster: str | None = None,
    on_progress: OnProgress = None,
) -> None:
    """Run what is missing, side by side, here or on the machines of a Ray cluster, which is named
    by its address; an interrupted bench goes on where it stopped.

    Raises, before anything is trained, VopError where nothing can be written, no cluster answers
    or Ray is not installed.
    """
    waiting = [job for job in jobs if job.missing]
    if waiting:
        cache_folder("runs")
    for folder in {job.folder for job in waiting}:
        make_folder(folder)
    for name in dict.fromkeys(job.name for job in waiting):
        next(job for job in waiting if job.name == name).prepare()
    if cluster is not None:
        run_on_cluster(finish, waiting, cluster, on_progress)
        return
    run_all(
        run_job, waiting, min(processes or os.cpu_count() or 1, max(1, len(waiting))), on_progress
    )
