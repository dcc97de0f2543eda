"""The training loop: plain, seeded, resumable, over Lightning Fabric."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vop_core.training.batches import EpisodeSampler, RepresentedEpisodes, WaySampler
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
    """
    from lightning_fabric import Fabric  # brings torch's compiler along, which takes seconds

    fabric = Fabric(accelerator=next(module.parameters()).device.type, devices=1)
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
