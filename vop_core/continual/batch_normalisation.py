"""Adaptive batch normalisation on the device, as the released code does it and as it reads [DUA].

The code resets a task's model (scale 1, shift 0), takes the user's statistics in one pass (AdaBN),
or trains scale and shift on the user's labels (AdaBN-S), and then copies parameters into the merged
model. Statistics are no parameters: they stay behind. So its AdaBN evaluates scale 1 and shift 0
with the server's statistics. ``released`` are these; the others copy the statistics, too, or take
them in the merged model itself, whose learned scale and shift stay [ADABN].

Departs: the code's running means have seen a few batches, and are still near their start; here they
are the user's.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from vop_core.continual.base import Experts
from vop_core.continual.importance import BATCH, Weights
from vop_core.continual.local import LocalAdaptation, LocalFacts, held_by
from vop_core.continual.sequence import Users
from vop_core.methods.adabn import own_statistics
from vop_core.modes import visited

SOURCE_CLIPS = 10.0  # that the server's statistics count for, as AdaBN of the bench has it
EPOCHS, LEARNING_RATE, MOMENTUM = 5, 1e-3, 0.9  # of AdaBN-S
SAMPLES_AT_ONCE = 128


def _reset(experts: Experts, task: int) -> Weights:
    """Scales of 1 and shifts of 0, everybody's."""
    state = experts.states[task]
    return {
        f"{name}.{kind}": torch.full_like(state[f"{name}.{kind}"], value)[None]
        for name in experts.encoder.normalisations
        for kind, value in (("weight", 1.0), ("bias", 0.0))
    }


def _by_batch(norm: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    """What the normalisation gives in training mode, without learning from it."""
    scale, shift = norm.weight, norm.bias
    return functional.batch_norm(inputs[0], None, None, scale, shift, training=True, eps=norm.eps)


class AdaBn(LocalAdaptation):
    """The merged model under the user's statistics, mixed with the server's."""

    name = "adabn"
    facts = LocalFacts(
        summary="The user's statistics in the merged model, whose scale and shift stay.",
        source="ADABN",
    )

    def adapt(self, experts: Experts, weights: Weights, task: int, users: Users) -> Weights:
        """With new statistics."""
        held, own = held_by(experts.encoder, weights)
        return weights | own_statistics(held, users.own, SOURCE_CLIPS, weights=own)


class ReleasedAdaBn(LocalAdaptation):
    """Scale 1, shift 0, and the server's statistics."""

    name = "adabn, released"
    facts = LocalFacts(
        summary="Scale 1 and shift 0; the user's statistics are taken and left behind.",
        source="DUA",
        personal=False,
    )
    statistics = False

    def adapt(self, experts: Experts, weights: Weights, task: int, users: Users) -> Weights:
        """What is copied into the model that was sent."""
        return weights | experts.once(
            (self.name, task, users.number), lambda: self._copied(experts, task, users)
        )

    def _copied(self, experts: Experts, task: int, users: Users) -> Weights:
        """From the task's own model, whatever was sent."""
        copied = self.learned(experts, task, users)
        if self.statistics:
            expert = {name: value[None] for name, value in experts.states[task].items()}
            held, own = held_by(experts.encoder, expert | copied)
            copied = copied | own_statistics(held, users.own, 0.0, weights=own)
        return copied

    def learned(self, experts: Experts, task: int, users: Users) -> Weights:
        """Scales and shifts of the task's model, on each user's device or for everybody."""
        return _reset(experts, task)


class CopiedAdaBn(ReleasedAdaBn):
    """The same, with the statistics copied."""

    name = "adabn, statistics copied"
    facts = LocalFacts(
        summary="Scale 1, shift 0 and the user's statistics of the task's own model.", source="DUA"
    )
    statistics = True


class ReleasedAdaBnS(ReleasedAdaBn):
    """Scale and shift trained on the user's labels, with the server's statistics."""

    name = "adabn-s, released"
    facts = LocalFacts(
        summary="Scale and shift trained on the user's labels; statistics are left behind.",
        source="DUA",
        labels=True,
        gradients=True,
    )

    def learned(self, experts: Experts, task: int, users: Users) -> Weights:
        """Trained in training mode, by the statistics of each batch."""
        key = "scales and shifts", task, users.number
        return experts.once(key, lambda: self._trained(experts, task, users))

    def _trained(self, experts: Experts, task: int, users: Users) -> Weights:
        first = _reset(experts, task)
        moved = {name: value.repeat(len(users), 1) for name, value in first.items()}
        rest = {name: value for name, value in experts.states[task].items() if name not in moved}
        visits = dict.fromkeys(experts.encoder.normalisations.values(), _by_batch)
        head = list(experts.sequence.tasks[task])

        def loss(own: Weights, clips: Tensor, known: Tensor) -> Tensor:
            with visited(visits):
                logits = functional_call(experts.encoder, rest | own, (clips,))[:, head]
            return functional.cross_entropy(logits, known)

        slopes = vmap(grad(loss), chunk_size=max(1, SAMPLES_AT_ONCE // users.own.shape[1]))
        speed = {name: torch.zeros_like(value) for name, value in moved.items()}
        for _ in range(EPOCHS):
            batches = users.own.split(BATCH, 1), users.own_label.split(BATCH, 1)
            for clips, known in zip(*batches, strict=True):
                slope = slopes(moved, clips, known)
                speed = {name: MOMENTUM * speed[name] + slope[name] for name in moved}
                moved = {name: moved[name] - LEARNING_RATE * speed[name] for name in moved}
        return moved


class CopiedAdaBnS(ReleasedAdaBnS):
    """The same, with the statistics copied."""

    name = "adabn-s, statistics copied"
    facts = LocalFacts(
        summary="Scale and shift trained on the user's labels, and the user's statistics.",
        source="DUA",
        labels=True,
        gradients=True,
    )
    statistics = True
