"""Train what a comparison compares, all from one checkpoint: resumable, each finished model in a
file of its own.

For a data set's training persons, one global model is trained (``CheckpointConfig``). From it
start, with equally many further steps, the row ``global`` and every method that is trained; methods
that are not trained are made of that very ``global`` model, and those that move only the classifier
are trained on it. Further steps are drawn by one rule from one seed; methods that draw numbers of
their own while they train see other episodes from the second step on.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from vop_core.bench.recipes import GLOBAL, BenchConfig, CheckpointConfig, Contender, config_hash
from vop_core.errors import EvaluationError
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.prototypical import PrototypicalNetwork
from vop_core.nets.batched import embeddings_of
from vop_core.nets.registry import build_encoder
from vop_core.processes import count, number, of_first
from vop_core.tasks.base import TaskData
from vop_core.training.batches import EpisodeSampler, RepresentedEpisodes, WaySampler
from vop_core.training.checkpoint import load_tensors, save_tensors
from vop_core.training.comparing import Comparing
from vop_core.training.config import TrainConfig
from vop_core.training.loop import Logs, train
from vop_core.writing import make_folder

Report = Callable[[str, int, int, Logs], None] | None  # phase, step, steps, logs


@dataclass
class Trainer:
    """Makes contenders, on the device of the data; what several of them need is made once, when the
    first one asks.
    """

    data: TaskData
    config: BenchConfig
    folder: Path  # of finished weights
    report: Report = None
    compares: bool = False  # trained to tell whose a clip is, its labels persons
    # that each file's training took, whenever that was
    seconds: dict[str, float] = field(default_factory=dict)

    @cached_property
    def checkpoint(self) -> GlobalModel:
        """The global model from which all training goes on, read where it was trained before."""
        config = self.config.checkpoint

        def fit(module: GlobalModel, state: Path) -> None:
            if config.training:
                self._steps(module, config.training, state, "checkpoint")

        file = self.folder / f"checkpoint-{config_hash(config, *self._of_data)}.safetensors"
        return self._finished(file, lambda: fresh_model(self.data, config), fit)

    @cached_property
    def _trained_baseline(self) -> GlobalModel | EvaluationError:
        """Trained once, also where that fails: most methods are made of it, and each would try
        again.
        """
        try:
            return self._train(Contender(variant=GLOBAL, method=GLOBAL), self._fit)
        except EvaluationError as error:
            return error

    @property
    def baseline(self) -> GlobalModel:
        """The row ``global``: the checkpoint after the further steps. Raises EvaluationError where
        that diverged.
        """
        if isinstance(self._trained_baseline, EvaluationError):
            raise EvaluationError(
                f"The row '{GLOBAL}', which it is made of: {self._trained_baseline}"
            )
        return self._trained_baseline

    @cached_property
    def episodes(self) -> RepresentedEpisodes:
        """The further steps as ``global`` represents them."""
        further = self.config.further
        generator = torch.Generator().manual_seed(further.seed)
        return RepresentedEpisodes(
            self._sampler(further),
            lambda clips: embeddings_of(self.baseline.encoder, clips),
            further.steps,
            generator=generator,
        )

    def make(self, contender: Contender) -> PersonalizationMethod:
        """The contender, trained or read where that was done before, ready to be asked.

        Raises EvaluationError when its weights are no numbers any more.
        """
        facts = contender.type.facts
        if not facts.trained:
            method = contender.type.from_global(self.baseline, contender.settings)
            method.to(self._device)
        else:
            method = self._train(
                contender, self._fit_on_embeddings if facts.encoder_fixed else self._fit
            )
        method.prepare(self.data.train, self.data.kept)
        return method

    # --- one training -----------------------------------------------------------------------------

    @property
    def _device(self) -> torch.device:
        return self.data.train.features.device

    @property
    def _of_data(self) -> tuple[Any, ...]:
        return self.data.name, self.data.recordings, self.data.train.persons

    def _train(
        self, contender: Contender, fit: Callable[[PersonalizationMethod, Contender, Path], None]
    ) -> PersonalizationMethod:
        def make() -> PersonalizationMethod:
            start = self.baseline if contender.type.facts.encoder_fixed else self.checkpoint
            with torch.random.fork_rng():
                torch.manual_seed(self.config.checkpoint.seed + 2)
                return contender.type.from_global(start, contender.settings)

        def fit_and_check(module: PersonalizationMethod, state: Path) -> None:
            fit(module, contender, state)
            if not all(bool(value.isfinite().all()) for value in module.state_dict().values()):
                raise EvaluationError(
                    "Its training diverged: some weights are no numbers any more."
                )

        return self._finished(self.weights_file(contender), make, fit_and_check)

    def weights_file(self, contender: Contender) -> Path:
        """Where a trained contender's weights lie."""
        method = contender.type.facts.trained_as or contender.method
        name = config_hash(*training_of(contender, self.config), *self._of_data)
        return self.folder / f"{method}-{name}.safetensors"

    def _finished(
        self, file: Path, make: Callable[[], Any], fit: Callable[[Any, Path], None]
    ) -> Any:
        """The finished model of ``file`` if there is one, else made, fitted and written there."""
        module = make()
        module.to(self._device)
        # Twice as fast for depthwise convolutions; and a model that is read rounds as the one that
        # was trained.
        module.encoder.to(memory_format=torch.channels_last)
        make_folder(file.parent)
        # jobs side by side may need the same; of processes that train it together one asks
        with FileLock(file.with_suffix(".lock")) if number() == 0 else nullcontext():
            kept = of_first(
                lambda: load_tensors(file, kind="trained run") if file.exists() else None
            )
            if kept is not None:
                tensors, about = kept
                self.seconds[file.name] = about["seconds"]
                module.load_state_dict(tensors)
                return module.eval()
            started = time.monotonic()
            fit(module, file.with_suffix(".state"))
            self.seconds[file.name] = time.monotonic() - started
            about = {"seconds": self.seconds[file.name]}
            state = module.state_dict()
            of_first(lambda: save_tensors(file, state, kind="trained run", about=about))
        return module.eval()

    def _fit(self, module: PersonalizationMethod, contender: Contender, state: Path) -> None:
        if self.config.further:
            paced = paced_training(self.config.further, contender.settings)
            self._steps(module, paced, state, contender.variant)

    def _fit_on_embeddings(
        self, module: PersonalizationMethod, contender: Contender, state: Path
    ) -> None:
        """Seconds: nothing is left to resume."""
        train(
            module,
            self.episodes.from_start(),
            paced_training(self.config.further, contender.settings),
        )

    def _steps(self, module: torch.nn.Module, config: TrainConfig, state: Path, phase: str) -> None:
        def report(step: int, logs: Logs) -> None:
            self.report(phase, step, config.steps, logs)

        if self.data.ways and not module.facts.personal:
            # it has no answer to classes that are new: its encoder learns by their means
            module = PrototypicalNetwork(module.encoder).to(self._device)
        if self.compares:
            if count() > 1:
                raise EvaluationError(
                    "Comparing needs all persons of a step in one process; train without torchrun."
                )
            config = replace(config, min_shots=max(1, config.min_shots))
            corpora = [person.rpartition("/")[0] for person in self.data.train.persons]
            order = {name: place for place, name in enumerate(dict.fromkeys(corpora))}
            module = Comparing(module, torch.tensor([order[name] for name in corpora]))
            module.to(self._device)
        train(
            module, self._sampler(config), config, checkpoint=state, report=self.report and report
        )
        state.unlink(missing_ok=True)

    def _sampler(self, config: TrainConfig) -> EpisodeSampler | WaySampler:
        data, augment = self.data, self.config.checkpoint.augmentation
        if data.ways:
            return WaySampler(data.train, config, augment, data.ways)
        return EpisodeSampler(data.train, config, augment, data.person_weights, data.label_weights)


def training_of(contender: Contender, config: BenchConfig) -> tuple[Any, ...]:
    """Everything but the data that a contender's training depends on."""
    facts = contender.type.facts
    method = facts.trained_as or contender.method
    return config.checkpoint, config.further, method, contender.settings, facts.version


def fresh_model(data: TaskData, config: CheckpointConfig) -> GlobalModel:
    """A task's global model before any training here."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        settings = {"labels": len(data.labels), **config.encoder["config"]}
        encoder = build_encoder({**config.encoder, "config": settings})
        encoder.load_state_dict(encoder.state_dict() | data.start)
        return GlobalModel(encoder)


def paced_training(further: TrainConfig, settings: Any) -> TrainConfig:
    """The further steps at a method's own rate, with as few clips enrolled as it asks for; the
    encoder's rate stays what it is for everybody.
    """
    rate = getattr(settings, "rate", 1.0)
    return replace(
        further,
        min_shots=getattr(settings, "min_shots", further.min_shots),
        learning_rate=rate * further.learning_rate,
        encoder_rate=further.encoder_rate / rate,
    )
