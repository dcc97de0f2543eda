"""``vop bench``: every method on every fold, from the same checkpoint, on the same clips; resumable.

For each data set, fold and seed, one global model is trained (``RunConfig``: two phases). From it start, with equally
many further steps, the row ``global`` and every method that is trained; methods that are not trained are made of that
very ``global`` model, and those that move only the classifier are trained on it; both bring its answers along, as the
row ``start``, since a later sitting may have had to train it again. Further steps are drawn by one rule from one seed;
methods that draw numbers of their own while they train see other episodes from the second step on. All answer the same
episodes.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from vop_core.data.locations import cache_folder, cache_root
from vop_core.data.persons import Fold
from vop_core.errors import EvaluationError
from vop_core.evaluation.method_scores import OWN, START, MethodScoring, PersonScore
from vop_core.experiments.bench_files import FAILED, BenchResult, bench_folder, check_bench_result
from vop_core.experiments.bench_measure import Scene, cost_figures, posterior_figures, scene_scores, unknown_clips
from vop_core.experiments.crossval import bring_committed
from vop_core.experiments.recipes import RunConfig, as_plain, config_hash, named_settings
from vop_core.experiments.runs import Report, episode_sampler, fit_module, train_branch, trained_module
from vop_core.experiments.workers import JobLog, OnProgress, run_all
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.registry import METHODS
from vop_core.nets.batched import embeddings_of
from vop_core.tasks.keyword_spotting import comparison_folds, crossval_data, unknown_words, usable_dataset
from vop_core.training.batches import RepresentedEpisodes
from vop_core.training.config import TrainConfig
from vop_core.training.loop import train
from vop_core.writing import make_folder

GLOBAL = "global"


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What all methods of a comparison share."""

    run: RunConfig = field(default_factory=RunConfig)
    extra: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=200,
            persons_per_step=8,
            queries_per_person=8,
            learning_rate=8e-3,
            encoder_rate=0.1,
            seed=2000,
        )
    )
    scoring: MethodScoring = field(default_factory=MethodScoring)

    @property
    def clips_per_person(self) -> int:
        """Clips that every training person must have."""
        return max(phase.clips_per_person for phase in (self.run.shared, self.run.branch, self.extra))

    def with_seed(self, seed: int) -> "BenchConfig":
        """The same from another seed; the episodes that are scored stay the same."""
        return replace(self, run=self.run.with_seed(seed), extra=replace(self.extra, seed=2000 + seed))


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A method with its settings, under the name it has in tables."""

    variant: str
    method: str
    config: Any = None  # None: the method's default

    @property
    def type(self) -> type[PersonalizationMethod]:
        return METHODS[self.method]

    @property
    def settings(self) -> Any:
        return self.type.choices()[0] if self.config is None else self.config


@dataclass(frozen=True, kw_only=True)
class BenchJob:
    """One data set, fold and seed: the checkpoint, and every contender on it."""

    suite: str
    dataset: str
    recordings: str
    fold: int
    folds: int
    persons: Fold
    contenders: tuple[Contender, ...]
    config: BenchConfig
    runs: Path  # trained weights
    results: Path
    left_out: int = 0  # persons of the data set with too few clips to train on

    @property
    def seed(self) -> int:
        return self.config.run.seed

    @property
    def name(self) -> str:
        return Path(self.dataset).name

    @property
    def log(self) -> Path:
        return self.runs / f"bench-log-fold{self.fold}-seed{self.seed}.jsonl"

    @property
    def title(self) -> Mapping[str, Any]:
        return {"dataset": self.name, "fold": self.fold, "seed": self.seed}

    def hash(self, contender: Contender) -> str:
        """Names everything that the contender's figures depend on."""
        return config_hash(
            *self._training(contender),
            contender.method,
            self.config.scoring,
            list(self.persons.test),
            Path(unknown_words(self.name)).name,
        )

    def _training(self, contender: Contender) -> tuple[Any, ...]:
        version = contender.type.facts.version
        persons = list(self.persons.train)
        shared = (self.config.run, self.config.extra, self.name, self.recordings, persons)
        method = contender.type.facts.trained_as or contender.method
        return (*shared, method, contender.settings, version)

    def weights_file(self, contender: Contender) -> Path:
        """Where a trained contender's weights lie."""
        method = contender.type.facts.trained_as or contender.method
        return self.runs / f"bench-{method}-{config_hash(*self._training(contender))}.safetensors"

    def result_file(self, contender: Contender) -> Path:
        """Where a contender's result lies or will lie."""
        return self.results / self.name / self.empty_result(contender).file_name

    def empty_result(self, contender: Contender, **more: Any) -> BenchResult:
        """A contender's result before it has any figures."""
        return BenchResult(
            suite=self.suite,
            method=contender.method,
            variant=contender.variant,
            dataset=self.name,
            fold=self.fold,
            folds=self.folds,
            seed=self.seed,
            hash=self.hash(contender),
            **more,
        )

    @property
    def missing(self) -> tuple[Contender, ...]:
        """Contenders without a result."""
        return tuple(each for each in self.contenders if not self.result_file(each).exists())


# --- running ---------------------------------------------------------------------------------------------------------


def run_job(job: BenchJob, on_progress: OnProgress = None) -> None:
    """Do what is not done yet of a job, contender by contender."""
    torch.set_num_threads(1)
    missing = job.missing
    if not missing:
        return
    log = JobLog(job.log, job.title, on_progress)
    workshop = Workshop(job, log.report)
    scene = workshop.scene
    for contender in missing:
        started = time.monotonic()
        try:
            method = workshop.make(contender)
            log.note(phase=f"score {contender.variant}", step=0, steps=1)
            result = measure(job, contender, method, scene)
            if workshop.made_of_rival(contender):
                result = replace(result, scores=result.scores + workshop.start_scores)
        except EvaluationError as error:
            result = job.empty_result(contender, status=FAILED, reason=str(error), config=_described(job, contender))
        result.save(job.results)
        log.note(phase=f"{contender.variant}: {result.status}", step=1, steps=1, seconds=time.monotonic() - started)


class Workshop:
    """Makes a job's contenders; what several of them need is made once, when the first one asks."""

    def __init__(self, job: BenchJob, report: Report = None) -> None:
        self.job, self.report = job, report
        self.data = crossval_data(job.dataset, job.persons, variants=job.config.scoring.variants)

    @cached_property
    def scene(self) -> Scene:
        """What every contender is asked."""
        return Scene.of(self.data, self.job.config.scoring)

    @cached_property
    def checkpoint(self) -> GlobalModel:
        """The fold's global model, from which all training goes on."""
        return train_branch(self.data, self.job.config.run, None, self.job.runs, report=self.report)

    @cached_property
    def _trained_rival(self) -> GlobalModel | EvaluationError:
        """Trained once, also where that fails: most methods are made of it, and each would try again."""
        try:
            return self._train(Contender(variant=GLOBAL, method=GLOBAL), self._fit)
        except EvaluationError as error:
            return error

    @property
    def rival(self) -> GlobalModel:
        """The row ``global``: the checkpoint after the further steps. Raises EvaluationError where that diverged."""
        if isinstance(self._trained_rival, EvaluationError):
            raise EvaluationError(f"The row '{GLOBAL}', which it is made of: {self._trained_rival}")
        return self._trained_rival

    def made_of_rival(self, contender: Contender) -> bool:
        """Whether a contender is made of the row ``global`` and not, like that, of the fold's checkpoint."""
        facts = contender.type.facts
        return not facts.trained or facts.encoder_fixed

    @cached_property
    def start_scores(self) -> tuple[PersonScore, ...]:
        """The row ``global`` on the weights at hand, which a file of another sitting need not have had."""
        scores = scene_scores(METHODS[GLOBAL].from_global(self.rival), self.scene, self.job.config.scoring)
        return tuple(replace(score, row=START, bins=None) for score in scores if score.row == OWN)

    @cached_property
    def episodes(self) -> RepresentedEpisodes:
        """The further steps as ``global`` represents them."""
        extra = self.job.config.extra
        sampler = episode_sampler(self.data, extra, self.job.config.run)
        generator = torch.Generator().manual_seed(extra.seed)
        return RepresentedEpisodes(
            sampler, lambda clips: embeddings_of(self.rival.encoder, clips), extra.steps, generator=generator
        )

    def make(self, contender: Contender) -> PersonalizationMethod:
        """The contender, trained or read where that was done before, ready to be asked.

        Raises EvaluationError when its weights are no numbers any more.
        """
        facts = contender.type.facts
        if not facts.trained:
            method = contender.type.from_global(self.rival, contender.settings)
        else:
            method = self._train(contender, self._fit_on_embeddings if facts.encoder_fixed else self._fit)
        method.prepare(self.data.train)
        return method

    def _train(
        self, contender: Contender, fit: Callable[[PersonalizationMethod, Contender, Path], None]
    ) -> PersonalizationMethod:
        def make() -> PersonalizationMethod:
            start = self.rival if contender.type.facts.encoder_fixed else self.checkpoint
            with torch.random.fork_rng():
                torch.manual_seed(self.job.seed + 2)
                return contender.type.from_global(start, contender.settings)

        def fit_and_check(module: PersonalizationMethod, state: Path) -> None:
            fit(module, contender, state)
            if not all(bool(value.isfinite().all()) for value in module.state_dict().values()):
                raise EvaluationError("Its training diverged: some weights are no numbers any more.")

        return trained_module(self.job.weights_file(contender), make, fit_and_check)

    def _fit(self, module: PersonalizationMethod, contender: Contender, state: Path) -> None:
        paced = paced_training(self.job.config.extra, contender.settings)
        fit_module(module, self.data, paced, self.job.config.run, state, contender.variant, self.report)

    def _fit_on_embeddings(self, module: PersonalizationMethod, contender: Contender, state: Path) -> None:
        """Seconds: nothing is left to resume."""
        train(module, self.episodes.from_start(), paced_training(self.job.config.extra, contender.settings))


def paced_training(extra: TrainConfig, settings: Any) -> TrainConfig:
    """The further steps at a method's own rate; the encoder's stays what it is for everybody."""
    rate = getattr(settings, "rate", 1.0)
    return replace(extra, learning_rate=rate * extra.learning_rate, encoder_rate=extra.encoder_rate / rate)


def measure(job: BenchJob, contender: Contender, method: PersonalizationMethod, scene: Scene) -> BenchResult:
    """Score a contender, and count what it costs."""
    scoring = job.config.scoring
    started = time.monotonic()
    scores = scene_scores(method, scene, scoring)
    seconds = round(time.monotonic() - started, 1)
    return job.empty_result(
        contender,
        recordings=job.recordings,
        train_persons=job.persons.train,
        open_persons=job.persons.test,
        facts=as_plain(method.facts),
        config=_described(job, contender),
        figures=cost_figures(method, scene) | {"scoring_seconds": seconds},
        posterior=posterior_figures(method, scene, scoring),
        scores=tuple(scores),
    )


def _described(job: BenchJob, contender: Contender) -> dict[str, Any]:
    return {
        "run": as_plain(job.config.run),
        "extra": as_plain(job.config.extra),
        "scoring": named_settings(job.config.scoring),
        "method": as_plain(contender.settings),
    }


# --- the whole -------------------------------------------------------------------------------------------------------


def bench(
    suite: str,
    dataset: str,
    contenders: Sequence[Contender],
    *,
    config: BenchConfig | None = None,
    folds: int = 4,
    only_folds: Sequence[int] | None = None,
    seeds: Sequence[int] = (0,),
    runs: Path | None = None,
    results: Path | None = None,
) -> list[BenchJob]:
    """The jobs of a comparison on one data set, done or not.

    Persons with too few clips to train on are left out, and counted. Raises DataError without the data set,
    EvaluationError for more folds than persons.
    """
    config = config or BenchConfig()
    found = usable_dataset(dataset)
    name = Path(dataset).name
    split = comparison_folds(found, folds, clips=config.clips_per_person)
    left_out = len(found.persons) - len(split[0].train) - len(split[0].test)
    return [
        BenchJob(
            suite=suite,
            dataset=dataset,
            recordings=found.fingerprint,
            fold=fold,
            folds=folds,
            persons=persons,
            left_out=left_out,
            contenders=tuple(contenders),
            config=config.with_seed(seed),
            runs=(runs or cache_root() / "runs") / name,
            results=results or bench_folder(),
        )
        for seed in seeds
        for fold, persons in enumerate(split)
        if only_folds is None or fold in only_folds
    ]


def run_bench(jobs: Sequence[BenchJob], *, processes: int | None = None, on_progress: OnProgress = None) -> None:
    """Run what is missing, side by side; an interrupted bench goes on where it stopped.

    Raises, before anything is trained, EvaluationError for a result that is damaged or of another version, and
    VopError where nothing can be written.
    """
    for job in jobs:
        for contender in job.contenders:
            check_bench_result(job.result_file(contender))
    waiting = [job for job in jobs if job.missing]
    if waiting:
        cache_folder("runs")
    for folder in {job.results for job in waiting}:
        make_folder(folder)
    for name in dict.fromkeys(job.name for job in waiting):
        job = next(job for job in waiting if job.name == name)
        bring_committed(job.runs, name)
        crossval_data(
            job.dataset, job.persons, variants=job.config.scoring.variants
        )  # fills the feature cache once, before the workers ask for it
        unknown_clips(name, 1)
    run_all(run_job, waiting, min(processes or os.cpu_count() or 1, max(1, len(waiting))), on_progress)
