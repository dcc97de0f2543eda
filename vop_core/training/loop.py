"""The training loop: plain, seeded, resumable, over Lightning Fabric."""

import hashlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vop_core.errors import DataError
from vop_core.processes import count, number, one_step, share, sum_of_all
from vop_core.training.batches import (
    EpisodeBatch,
    EpisodeSampler,
    RepresentedEpisodes,
    WaySampler,
)
from vop_core.training.checkpoint import load_training_state, save_training_state
from vop_core.training.config import TrainConfig

Logs = dict[str, Tensor]  # without gradients; whoever reads one waits for its device


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
    kinds: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, value in module.named_parameters():
        inside = config.encoder_rate != 1.0 and "encoder" in name.split(".")
        kinds.setdefault((inside, value.ndim <= 1), []).append(value)
    return [
        {
            "params": kinds[inside, vector],
            "weight_decay": 0.0 if vector else config.weight_decay,
            "rate": config.encoder_rate if inside else 1.0,
        }
        for inside, vector in sorted(kinds)
    ]


def train(
    module: nn.Module,
    sampler: EpisodeSampler | WaySampler | RepresentedEpisodes,
    config: TrainConfig,
    *,
    checkpoint: Path | None = None,
    report: Callable[[int, Logs], Any] | None = None,
) -> nn.Module:
    """Fit ``module`` in place, on its device, and return it in evaluation mode; the last step
    counts, not the best.

    Each step minimises ``module.loss(batch, progress=, generator=)``, which gives the loss on the
    step's episodes and what is logged of it; ``progress`` runs from 0 to 1 over the training.

    With a ``checkpoint`` path, the state is written there every so often and an interrupted
    training goes on from it; on the CPU it ends in the same weights as one that was never
    interrupted.

    Processes that ``torchrun`` started, where they are :func:`vop_core.processes.together`, each
    take a share of every step's persons and take the step that one process would; the logs are the
    whole step's. Weights that a method draws in a step are then other ones. Raises DataError for
    steps of fewer persons than processes.
    """
    from lightning_fabric import Fabric  # brings torch's compiler along, which takes seconds

    fabric = Fabric(accelerator=next(module.parameters()).device.type, **_devices())
    fabric.launch()
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
            own, part, draws = _own_share(batch, generator)
            with one_step():
                loss, logs = module.loss(own, progress=step / config.steps, generator=draws)
                loss, logs = loss * part, _of_everybody(logs, part)
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


def _devices() -> dict[str, Any]:
    """On which devices Lightning trains: one, or those that ``torchrun`` gave to its processes."""
    if count() == 1:
        return {"devices": 1}
    from lightning_fabric.strategies import DDPStrategy

    here = int(os.environ["LOCAL_WORLD_SIZE"])
    strategy = DDPStrategy(find_unused_parameters=True)  # a step may leave some without a gradient
    return {"devices": here, "num_nodes": count() // here, "strategy": strategy}


def _own_share(
    batch: EpisodeBatch, generator: torch.Generator
) -> tuple[EpisodeBatch, float, torch.Generator]:
    """This process's persons of a step, what their mean weighs among the processes' mean, and what
    draws for them; that of the steps stays the same in all processes.
    """
    if count() == 1:
        return batch, 1.0, generator
    persons = len(batch.labels)
    if persons < count():
        raise DataError(
            f"A step has {persons} person(s), fewer than the {count()} processes; start fewer."
        )
    seed = hashlib.sha256(generator.get_state().numpy().tobytes() + bytes([number()])).digest()
    own = share(persons)
    return (
        batch.of(own),
        (own.stop - own.start) * count() / persons,
        torch.Generator().manual_seed(int.from_bytes(seed[:7], "big")),
    )


def _of_everybody(logs: Logs, part: float) -> Logs:
    """The means over the whole step."""
    if count() == 1:
        return logs
    every = torch.stack([value.detach() for value in logs.values()])
    return dict(zip(logs, (sum_of_all(every * part) / count()).unbind(), strict=True))
