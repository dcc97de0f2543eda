"""Train a global model and its VoP branches on a task's data, and score them: resumable, one file a result."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vop_core.data.episodes import draw_episodes
from vop_core.data.features import FeatureTable
from vop_core.data.virtual_persons import VirtualPersons
from vop_core.errors import EvaluationError
from vop_core.evaluation.protocol import EvaluationClips, ProtocolConfig, evaluate
from vop_core.evaluation.scores import ScoreTable, merge
from vop_core.experiments.recipes import RunConfig, config_hash
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.vop import Vop, VopConfig
from vop_core.nets.bcresnet import BcResNet, BcResNetConfig
from vop_core.tasks.keyword_spotting import TaskData
from vop_core.training.batches import EpisodeSampler
from vop_core.training.checkpoint import load_tensors, save_tensors
from vop_core.training.config import TrainConfig
from vop_core.training.loop import Logs, train

SHOTS = (1, 3, 5, 10)
Report = Callable[[str, int, int, Logs], None] | None  # phase, step, steps, logs


@dataclass(frozen=True, kw_only=True)
class ScoringConfig:
    """How many episodes are drawn for each person, and how far the costly rows go."""

    shots: tuple[int, ...] = SHOTS
    repetitions: int = 3
    draws: int = 10
    closed_shots: tuple[int, ...] = (5,)  # the closed set is asked about at these only
    seed: int = 0


def empty_model(data: TaskData, config: RunConfig) -> GlobalModel:
    """An untrained global model with the encoder that a run on this data uses."""
    settings = BcResNetConfig(labels=len(data.train.labels), tau=config.tau, stem_stride=config.stem_stride)
    return GlobalModel(BcResNet(settings))


def episode_sampler(data: TaskData, train_config: TrainConfig, config: RunConfig) -> EpisodeSampler:
    """Steps of a task's training persons."""
    return EpisodeSampler(
        data.train, train_config, VirtualPersons(config.virtual), data.person_weights, data.label_weights
    )


def fit_module(
    module: torch.nn.Module,
    data: TaskData,
    train_config: TrainConfig,
    config: RunConfig,
    state: Path,
    phase: str,
    report: Report,
) -> None:
    sampler = episode_sampler(data, train_config, config)
    train(
        module,
        sampler,
        train_config,
        checkpoint=state,
        report=None if report is None else lambda step, logs: report(phase, step, train_config.steps, logs),
    )
    state.unlink(missing_ok=True)


def trained_module(file: Path, make: Callable[[], Any], fit: Callable[[Any, Path], None]) -> Any:
    """The finished model of ``file`` if there is one, else made, fitted and written there."""
    module = make()
    # Twice as fast for depthwise convolutions; and a model that is read rounds as the one that was trained.
    module.encoder.to(memory_format=torch.channels_last)
    if file.exists():
        tensors, _ = load_tensors(file, kind="trained run")
        module.load_state_dict(tensors)
        return module.eval()
    started = time.monotonic()
    fit(module, file.with_suffix(".state"))
    save_tensors(file, module.state_dict(), kind="trained run", about={"seconds": time.monotonic() - started})
    return module.eval()


def run_file(phase: str, data: TaskData, config: RunConfig, recipe: VopConfig | None, folder: Path) -> Path:
    """Where a phase's finished weights lie: named by everything that they depend on."""
    parts = (config, data.name, data.recordings, data.train.persons) + (() if recipe is None else (recipe,))
    return folder / f"{phase}-{config_hash(*parts)}.safetensors"


def training_seconds(data: TaskData, config: RunConfig, recipe: VopConfig, folder: Path) -> float:
    """Wall-clock time of a finished run's three trainings: the shared phase, the global branch and the VoP branch."""
    files = [
        run_file("shared", data, config, None, folder),
        run_file("global", data, config, None, folder),
        run_file("vop", data, config, recipe, folder),
    ]
    return sum(load_tensors(file, kind="trained run")[1]["seconds"] for file in files)


def train_shared(data: TaskData, config: RunConfig, folder: Path, *, report: Report = None) -> GlobalModel:
    """Phase one: the global model that everything starts from."""

    def make() -> GlobalModel:
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            return empty_model(data, config)

    file = run_file("shared", data, config, None, folder)
    return trained_module(
        file, make, lambda module, state: fit_module(module, data, config.shared, config, state, "shared", report)
    )


def train_branch(
    data: TaskData, config: RunConfig, recipe: VopConfig | None, folder: Path, *, report: Report = None
) -> GlobalModel | Vop:
    """Phase two: a VoP recipe, or with None the global rival, from the shared model on, equally many steps."""
    name = "global" if recipe is None else "vop"
    file = run_file(name, data, config, recipe, folder)

    def make() -> GlobalModel | Vop:
        # Where the file is there, its weights come from there: the first phase is not needed again.
        shared = empty_model(data, config) if file.exists() else train_shared(data, config, folder, report=report)
        if recipe is None:
            return shared.train()
        with torch.random.fork_rng():
            torch.manual_seed(config.seed + 1)
            return Vop.from_global(shared, recipe)

    return trained_module(
        file, make, lambda module, state: fit_module(module, data, config.branch, config, state, name, report)
    )


def scores_file(
    folder: Path,
    config: RunConfig,
    scoring: ScoringConfig,
    recipe: VopConfig,
    dataset: str,
    recordings: str,
    train_persons: Sequence[str],
    open_persons: Sequence[str],
) -> Path:
    """Where the scores of a run lie: named by everything that they depend on."""
    key = config_hash(config, scoring, recipe, dataset, recordings, list(train_persons), list(open_persons))
    return folder / f"scores-{key}.npz"


def evaluation_clips(
    table: FeatureTable,
    *,
    represent: Callable[[torch.Tensor], torch.Tensor] = lambda log_mels: log_mels,
    channel: str | None = None,
) -> EvaluationClips:
    """A table in the form the protocol reads, each clip as a method represents it.

    With ``channel`` clips are heard through that variant, and there is no noise to go with them.
    """
    noise = None if channel else table.variants.get("noise")
    return EvaluationClips(
        represent(table.variants[channel] if channel else table.features),
        table.label,
        table.person,
        table.persons,
        None if noise is None else represent(noise),
    )


def score(
    table: FeatureTable,
    global_model: GlobalModel,
    vop: Vop,
    *,
    trained_persons: Sequence[str],
    shots: Sequence[int],
    config: ScoringConfig,
    seed: int = 0,
    fold: int = 0,
    others: Mapping[str, Vop] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ScoreTable:
    """Score all rows on all persons of a table. Raises EvaluationError when a person has too few clips."""
    if not len(table):
        raise EvaluationError("There is no clip to evaluate; give a data set with persons and clips in it.")
    generator = torch.Generator().manual_seed(config.seed)
    persons = list(range(len(table.persons)))
    episodes = [
        episode
        for count in shots
        for _ in range(config.repetitions)
        for episode in draw_episodes(
            table.person, table.label, persons=persons, shots=count, generator=generator, names=table.persons
        )
    ]
    return evaluate(
        evaluation_clips(table),
        episodes,
        global_model=global_model,
        vop=vop,
        trained_persons=trained_persons,
        generator=generator,
        config=ProtocolConfig(draws=config.draws),
        others=others,
        seed=seed,
        fold=fold,
        progress=progress,
    )


def score_task(
    data: TaskData,
    global_model: GlobalModel,
    vop: Vop,
    config: ScoringConfig,
    *,
    seed: int = 0,
    fold: int = 0,
    sets: Sequence[str] = ("open", "closed"),
    progress: Callable[[int, int], None] | None = None,
) -> ScoreTable:
    """Both sets of a task, the closed one at fewer shots."""
    tables = []
    for name in sets:
        table, shots = (data.open, config.shots) if name == "open" else (data.closed, config.closed_shots)
        if len(table):
            tables.append(
                score(
                    table,
                    global_model,
                    vop,
                    trained_persons=data.train.persons,
                    shots=shots,
                    config=config,
                    seed=seed,
                    fold=fold,
                    progress=progress,
                )
            )
    return merge(tables)
