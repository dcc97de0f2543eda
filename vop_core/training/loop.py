"""The training loop: plain, seeded, resumable, over Lightning Fabric."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from vop_core.training.batches import EpisodeBatch, EpisodeSampler, RepresentedEpisodes
from vop_core.training.checkpoint import load_training_state, save_training_state
from vop_core.training.config import TrainConfig

Logs = dict[str, float]


class Trainable(Protocol):
    """A module with a loss on a step's episodes; ``progress`` runs from 0 to 1 over the
    training.
    """

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        label_smoothing: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, Logs]: ...


def one_cycle(step: int, config: TrainConfig) -> float:
    """Learning rate of a step: up along a half cosine, then down to nothing."""
    position = (step + 0.5) / config.steps
    if position < config.warmup:
        share = 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * position / config.warmup))
    else:
        share = 0.5 * (1 + math.cos(math.pi * (position - config.warmup) / (1 - config.warmup)))
    return config.learning_rate * share


def parameter_groups(module: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Matrices decay, vectors do not; an encoder that is trained already learns at a rate of its
    own.
    """
    groups = []
    for rate, inside in ((1.0, False), (config.encoder_rate, True)):
        found = [
            value
            for name, value in module.named_parameters()
            if (config.encoder_rate != 1.0 and name.startswith("encoder.")) is inside
        ]
        for decay, part in (
            (config.weight_decay, [value for value in found if value.ndim > 1]),
            (0.0, [value for value in found if value.ndim <= 1]),
        ):
            if part:
                groups.append({"params": part, "weight_decay": decay, "rate": rate})
    return groups


def train(
    module: nn.Module,
    sampler: EpisodeSampler | RepresentedEpisodes,
    config: TrainConfig,
    *,
    checkpoint: Path | None = None,
    report: Callable[[int, Logs], Any] | None = None,
) -> nn.Module:
    """Fit ``module`` (a ``Trainable``) in place and return it in evaluation mode; the last step
    counts, not the best.

    With a ``checkpoint`` path, the state is written there every so often and an interrupted
    training goes on from it; a resumed training ends in the same weights as one that was never
    interrupted.
    """
    fabric = Fabric(accelerator="auto" if torch.cuda.is_available() else "cpu", devices=1)
    groups = parameter_groups(module, config)
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98))
    module, optimizer = fabric.setup(module, optimizer)
    module.mark_forward_method("loss")
    generator = torch.Generator().manual_seed(config.seed)
    # dropout draws from torch's own stream: seeded here, given back afterwards
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        start = (
            load_training_state(checkpoint, module, optimizer, generator, config)
            if checkpoint
            else 0
        )
        module.train()
        for step in range(start, config.steps):
            for group in optimizer.param_groups:
                group["lr"] = one_cycle(step, config) * group["rate"]
            batch = sampler.draw(generator=generator)
            loss, logs = module.loss(
                batch,
                progress=step / config.steps,
                label_smoothing=config.label_smoothing,
                generator=generator,
            )
            optimizer.zero_grad()
            fabric.backward(loss)
            fabric.clip_gradients(
                module, optimizer, max_norm=config.gradient_norm, error_if_nonfinite=False
            )
            optimizer.step()
            if report is not None:
                report(step + 1, logs)
            if checkpoint and (step + 1) % config.checkpoint_every == 0 and step + 1 < config.steps:
                save_training_state(checkpoint, module, optimizer, generator, config, step + 1)
    return module.module.eval()
