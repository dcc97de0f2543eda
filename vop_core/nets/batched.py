"""One pass for many persons, each with weights of their own, whichever weights these are.

The personal layers of :mod:`vop_core.nets.personal_layers` are the fast way for the few weights
that VoP moves;
``run_personal`` is the general one, by ``torch.func``: no loop over persons, and gradients flow
into every weight.
"""

import copy
from collections.abc import Callable, Mapping
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap

from vop_core.nets.encoder import Encoder
from vop_core.nets.personal_layers import Deviations

# of a pass: more bounds no time, for what it hands on leaves the processor's cache
CLIPS_AT_ONCE = 64


@torch.no_grad()
def embeddings_of(
    encoder: Encoder, inputs: Float[Tensor, " clip *input"]
) -> Float[Tensor, "clip feature"]:
    """What the classifier reads of each clip, without gradients, in pieces."""
    return torch.cat([encoder.embed(part) for part in inputs.split(CLIPS_AT_ONCE)])


@torch.no_grad()
def personal_logits(
    encoder: Encoder, deviations: Deviations, inputs: Float[Tensor, "person clip *input"]
) -> Float[Tensor, "person clip label"]:
    """Each person's clips under that person's deviations, without gradients, in pieces."""
    return in_pieces(
        lambda own, clips: encoder(clips.flatten(0, 1), own).unflatten(0, clips.shape[:2]),
        deviations,
        inputs,
    )


@torch.no_grad()
def personal_embeddings(
    encoder: Encoder, deviations: Deviations, inputs: Float[Tensor, "person clip *input"]
) -> Float[Tensor, "person clip feature"]:
    """What the classifier reads of each person's clips under that person's deviations, without
    gradients, in pieces.
    """
    return in_pieces(
        lambda own, clips: encoder.embed(clips.flatten(0, 1), own).unflatten(0, clips.shape[:2]),
        deviations,
        inputs,
    )


def in_pieces(
    answer: Callable[[Deviations, Tensor], Tensor],
    own: Mapping[str, Tensor],
    clips: Float[Tensor, "person clip *input"],
) -> Float[Tensor, "person clip *out"]:
    """``answer`` for some persons at a time, their part of ``own`` and their clips."""
    at_once = max(1, CLIPS_AT_ONCE // max(1, clips.shape[1]))
    pieces = []
    for start in range(0, len(clips), at_once):
        span = slice(start, start + at_once)
        pieces.append(answer({name: value[span] for name, value in own.items()}, clips[span]))
    return torch.cat(pieces)


def run_personal(
    module: nn.Module,
    own: Mapping[str, Tensor],  # parameter or buffer name -> (person, *shape)
    value: Float[Tensor, "person clip *input"],
) -> Float[Tensor, "person clip *out"]:
    """``module`` on each person's clips with the tensors of ``own`` in place of its own; the rest
    is shared.
    """
    one = partial(functional_call, _twin(module, {}))  # tensors, clips
    return in_pieces(vmap(one, randomness="different"), own, value)


def _twin(module: nn.Module, made: dict[nn.Module, nn.Module]) -> nn.Module:
    """The same module, sharing all tensors: ``functional_call`` puts others in their place for a
    while, which a pass in another thread must not meet.
    """
    if module not in made:
        made[module] = twin = copy.copy(module)
        twin._parameters, twin._buffers = dict(module._parameters), dict(module._buffers)
        twin._modules = {name: part and _twin(part, made) for name, part in module._modules.items()}
    return made[module]
