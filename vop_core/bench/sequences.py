"""``vop bench --suite dua``: server methods on sequences of tasks, and what devices make of them.

A job is one benchmark, network and seed; its contenders are server methods, of which those share a
training that only merge otherwise.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from vop_core.bench.recipes import Contender, as_plain, config_hash
from vop_core.bench.results import Result, Store
from vop_core.bench.workers import JobLog
from vop_core.continual.analysis import importance_figures, importance_maps
from vop_core.continual.asking import asked
from vop_core.continual.base import Experts
from vop_core.continual.benchmarks import BENCHMARKS, Benchmark
from vop_core.continual.learning import learn
from vop_core.continual.local_registry import LOCAL_ADAPTATIONS
from vop_core.continual.registry import SERVER_METHODS
from vop_core.continual.sequence import TaskSequence
from vop_core.data.locations import cache_folder, cache_root, has_dataset
from vop_core.data.persons import Fold
from vop_core.errors import DataError, EvaluationError
from vop_core.nets.registry import build_encoder
from vop_core.training.config import TrainConfig
from vop_core.writing import make_folder

SUITE = "dua"
VERSION = 1  # goes up when the code changes what it computes


@dataclass(frozen=True, kw_only=True)
class SequenceJob:
    """One sequence of tasks, learned by one network from one seed, and every contender on it."""

    benchmark: Benchmark
    network: str
    training: TrainConfig
    contenders: tuple[Contender, ...]
    recordings: str
    seed: int
    runs: Path  # trained weights
    folder: Path  # of new results
    suite: str = SUITE
    done: frozenset[str] = frozenset()  # hashes of the results there were before
    fold: int = 0
    persons: Fold = field(default_factory=lambda: Fold(train=(), test=()))
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.benchmark.name

    @property
    def dataset(self) -> str:
        """A table of its own for each network."""
        return f"{self.benchmark.name}, {self.network}"

    tested = dataset

    @property
    def log(self) -> Path:
        return self.runs / f"bench-log-{self.network}-seed{self.seed}.jsonl"

    @property
    def title(self) -> Mapping[str, Any]:
        return {"dataset": self.dataset, "fold": self.fold, "seed": self.seed}

    @property
    def _trained_with(self) -> tuple[Any, ...]:
        encoder = self.benchmark.encoders[self.network]
        return self.name, self.recordings, encoder, self.training, self.seed, VERSION

    def hash(self, contender: Contender) -> str:
        """Names everything that the contender's figures depend on."""
        return config_hash(*self._trained_with, contender.method, list(LOCAL_ADAPTATIONS))

    def result_file(self, contender: Contender) -> Path:
        """Where a contender's new result lies or will lie."""
        return self.folder / self.empty_result(contender).file_name

    def empty_result(self, contender: Contender, **more: Any) -> Result:
        """A contender's result before it has any figures."""
        encoder = self.benchmark.encoders[self.network]
        return Result(
            suite=self.suite,
            method=contender.method,
            variant=contender.variant,
            dataset=self.dataset,
            fold=self.fold,
            folds=1,
            seed=self.seed,
            hash=self.hash(contender),
            config={"checkpoint": as_plain({"encoder": encoder, "training": self.training_facts})},
            **more,
        )

    @property
    def training_facts(self) -> dict[str, Any]:
        """Each task's training, without its seed."""
        return {name: value for name, value in asdict(self.training).items() if name != "seed"}

    def place(self, name: str) -> Path:
        """Where the result file of this name belongs."""
        return self.folder / name

    def rest(self) -> "SequenceJob | None":
        """What of it has no result yet."""
        return replace(self, contenders=self.missing) if self.missing else None

    def elsewhere(self, folder: Path) -> "SequenceJob":
        """The same job on another machine, with results in ``folder`` and trainings in the cache
        there.
        """
        return replace(self, folder=folder, runs=cache_folder("runs") / self.runs.name)

    @property
    def missing(self) -> tuple[Contender, ...]:
        """Contenders without a result."""
        return tuple(
            each
            for each in self.contenders
            if self.hash(each) not in self.done and not self.result_file(each).exists()
        )

    def prepare(self) -> None:
        """Fill the feature cache, once, before workers ask for it."""
        self.benchmark.sequence(self.seed)

    def results(self, log: JobLog) -> Iterator[Callable[[], Result]]:
        """What makes each missing result, in turn.

        Raises DataError where the recordings are not those that the job was planned with.
        """
        sitting = _Sitting(self, log)
        if sitting.sequence.recordings != self.recordings:
            raise DataError(
                f"The recordings of {self.name} are not those that were planned with; every "
                "machine needs the same, in the folder that VOP_DATA names."
            )
        for contender in self.missing:
            yield partial(sitting.result, contender)


class _Sitting:
    """What a job's contenders share: the sequence, and what each training left."""

    def __init__(self, job: SequenceJob, log: JobLog) -> None:
        self.job, self.log = job, log
        self.experts: dict[str, Experts] = {}

    @cached_property
    def sequence(self) -> TaskSequence:
        return self.job.benchmark.sequence(self.job.seed)

    def trained(self, method: str) -> Experts:
        """What the method's training leaves, or left before."""
        job = self.job
        if method not in self.experts:
            # one at a time: importances of hundreds of users are large
            self.experts.clear()
            with torch.random.fork_rng():
                torch.manual_seed(job.seed)
                encoder = build_encoder(job.benchmark.encoders[job.network]).eval()
            name = config_hash(*job._trained_with)
            make_folder(job.runs)
            files = [
                job.runs / f"{method}-{name}-task{task + 1}.safetensors"
                for task in range(len(self.sequence.tasks))
            ]
            config = replace(job.training, seed=1000 * job.seed)

            def report(task: int, step: int, steps: int, logs: Any) -> None:
                self.log.report(f"{method}, task {task + 1}", step, steps, logs)

            # jobs side by side may need the same
            with FileLock(job.runs / f"{method}-{name}.lock"):
                states = learn(
                    SERVER_METHODS[method](),
                    encoder,
                    self.sequence,
                    config,
                    files=files,
                    report=report,
                )
            self.experts[method] = Experts(encoder, self.sequence, states, seed=job.seed)
        return self.experts[method]

    def result(self, contender: Contender) -> Result:
        """Train a contender, or what it merges, and ask its users. Raises EvaluationError."""
        method = SERVER_METHODS[contender.method]()
        experts = self.trained(method.facts.trained_as or method.name)
        self.log.note(phase=f"ask {contender.variant}", step=0, steps=1)
        traffic = method.traffic(experts.encoder, len(self.sequence.tasks))
        figures = {"traffic": asdict(traffic), "remarks": list(self.sequence.remarks)}
        if contender.method == "task-experts":
            figures["importance"] = importance_figures(experts)
            figures["maps"] = importance_maps(experts)
        return self.job.empty_result(
            contender,
            recordings=self.job.recordings,
            train_persons=self.sequence.server.persons,
            open_persons=self.sequence.users,
            facts=as_plain(method.facts),
            figures=json.loads(json.dumps(figures)),
            scores=asked(method, experts, LOCAL_ADAPTATIONS),
        )


def sequence_jobs(
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    methods: Sequence[str] | None = None,
) -> list[SequenceJob]:
    """The jobs of the benchmarks asked for, or of all whose data are here.

    Raises EvaluationError for a benchmark that there is not, DataError where none has its data.
    """
    for name in datasets or ():
        if name not in BENCHMARKS:
            raise EvaluationError(
                f"There is no benchmark '{name}' in this suite; choose from "
                f"{', '.join(BENCHMARKS)}."
            )
    store = Store.of(SUITE)
    done = frozenset(store.done())
    chosen = [name for name in SERVER_METHODS if methods is None or name in methods]
    # those that share a training come after one another
    chosen.sort(key=lambda name: SERVER_METHODS[name].facts.trained_as or name)
    wanted = [BENCHMARKS[name] for name in datasets or BENCHMARKS]
    there = [each for each in wanted if datasets or all(map(has_dataset, each.sets))]
    if not there:
        wanted[0].sequence(0)  # says what is missing, and what to do
    return [
        SequenceJob(
            benchmark=benchmark,
            network=network,
            training=benchmark.training,
            contenders=tuple(Contender(variant=name, method=name) for name in chosen),
            recordings=recordings,
            seed=seed,
            runs=cache_root() / "runs" / f"{SUITE}-{benchmark.name}",
            folder=store.folder,
            done=done,
        )
        for benchmark in there
        for recordings in [benchmark.recordings]
        for network in benchmark.encoders
        for seed in (benchmark.seeds if seeds is None else seeds)
    ]
