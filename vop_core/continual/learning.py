"""A sequence of tasks learned one after the other, each finished one in a file; an interrupted
sequence goes on where it stopped.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vop_core.continual.base import ServerMethod
from vop_core.continual.importance import Weights, state_of
from vop_core.continual.sequence import TaskSequence
from vop_core.nets.encoder import Encoder
from vop_core.training.batches import EpisodeBatch, EpisodeSampler
from vop_core.training.checkpoint import load_tensors, save_tensors
from vop_core.training.config import TrainConfig
from vop_core.training.loop import Logs, train

KIND = "trained run"  # of a file


class _Learner(nn.Module):
    """What a task's steps minimise."""

    def __init__(
        self,
        encoder: Encoder,
        heads: Sequence[Sequence[int]],
        penalty: Callable[[Tensor, Tensor], Tensor | float],
    ) -> None:
        super().__init__()
        self.encoder, self.penalty = encoder, penalty
        # a label's logits beside those that are no answer of its task
        apart = torch.full((encoder.config.labels,) * 2, -torch.inf)
        for head in heads:
            rows = torch.tensor(list(head))
            apart[rows[:, None], rows] = 0.0
        self.register_buffer("apart", apart, persistent=False)

    def loss(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Logs]:
        """Cross-entropy within each sample's task, and what forgetting costs."""
        clips, labels = batch.query.flatten(0, 1), batch.labels.flatten()
        logits = self.encoder(clips)
        loss = functional.cross_entropy(logits + self.apart[labels], labels)
        charged = self.penalty(clips, logits)
        logs = {"loss": loss.detach(), "penalty": torch.as_tensor(charged).detach()}
        return loss + charged, logs


def learn(
    method: ServerMethod,
    encoder: Encoder,
    sequence: TaskSequence,
    config: TrainConfig,
    *,
    files: Sequence[Path] | None = None,
    report: Callable[[int, int, int, Logs], Any] | None = None,
) -> list[Weights]:
    """The states after each task, from a copy of ``encoder``; ``config`` is each task's training.

    ``files``, one a task, keep what is finished, and beside it what is not. Tasks whose file is
    there are not learned again. ``report`` is told task, step and steps.
    """
    encoder = copy.deepcopy(encoder)
    tasks = range(len(sequence.tasks))
    if not method.facts.sequential:
        whole = _task(method, encoder, sequence, list(tasks), config, {}, files, report)
        return [whole for _ in tasks]
    states, memory = [], {}
    for task in tasks:
        states.append(_task(method, encoder, sequence, [task], config, memory, files, report))
        if task + 1 < len(sequence.tasks):
            part = sequence.of_task(sequence.server, task)
            memory = method.remember(encoder.eval(), part, sequence, task, memory)
    return states


def _task(
    method: ServerMethod,
    encoder: Encoder,
    sequence: TaskSequence,
    tasks: list[int],  # one, or all at once
    config: TrainConfig,
    memory: Mapping[str, Any],
    files: Sequence[Path] | None,
    report: Callable[[int, int, int, Logs], Any] | None,
) -> Weights:
    file = files[tasks[-1]] if files else None
    if file and file.exists():
        encoder.load_state_dict(load_tensors(file, kind=KIND)[0])
        return state_of(encoder.eval())
    labels = [label for task in tasks for label in sequence.tasks[task]]
    part = sequence.server.select(torch.isin(sequence.server.label, torch.tensor(labels)))
    learner = _Learner(
        encoder,
        [sequence.tasks[task] for task in tasks],
        lambda clips, logits: method.penalty(encoder, clips, logits, memory),
    )
    steps = config.steps * len(tasks)
    config = TrainConfig(**vars(config) | {"steps": steps, "seed": config.seed + tasks[-1]})
    state = file.with_suffix(".state") if file else None
    train(
        learner,
        EpisodeSampler(part.of_persons(part.persons), config),
        config,
        checkpoint=state,
        report=report and (lambda step, logs: report(tasks[-1], step, steps, logs)),
    )
    found = state_of(encoder.eval())
    if file:
        save_tensors(file, found, kind=KIND, about={})
        state.unlink(missing_ok=True)
    return found
