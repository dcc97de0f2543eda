"""One pass for many persons, each with weights of their own, whichever weights these are.

The personal layers of :mod:`vop_core.nets.personal_layers` are the fast way for the few weights
that VoP moves;
``run_personal`` is the general one, by ``torch.func``: no loop over persons, and gradients flow
into every weight.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap

from vop_core.nets.encoder import Encoder
from vop_core.nets.personal_layers import Deviations

CLIPS_AT_ONCE = 512  # bounds the memory of a pass


@torch.no_grad()
def embeddings_of(
    encoder: Encoder, inputs: Float[Tensor, "clip *input"]
) -> Float[Tensor, "clip feature"]:
    """What the classifier reads of each clip, without gradients, in pieces."""
    return torch.cat([encoder.embed(part) for part in inputs.split(CLIPS_AT_ONCE)])


@torch.no_grad()
def personal_logits(
    encoder: Encoder, deviations: Deviations, inputs: Float[Tensor, "person clip *input"]
) -> Float[Tensor, "person clip label"]:
    """Each person's clips under that person's deviations, without gradients, in pieces."""
    at_once = max(1, CLIPS_AT_ONCE // inputs.shape[1])
    pieces = []
    for start in range(0, len(inputs), at_once):
        own = {name: value[start : start + at_once] for name, value in deviations.items()}
        pieces.append(encoder(inputs[start : start + at_once].flatten(0, 1), own))
    return torch.cat(pieces).unflatten(0, inputs.shape[:2])


def run_personal(
    module: nn.Module,
    own: Mapping[str, Tensor],  # parameter or buffer name -> (person, *shape)
    value: Float[Tensor, "person clip *input"],
) -> Float[Tensor, "person clip *out"]:
    """``module`` on each person's clips with the tensors of ``own`` in place of its own; the rest
    is shared.
    """
    shared = {name: tensor for name, tensor in _state(module).items() if name not in own}

    def one(tensors: dict[str, Tensor], clips: Tensor) -> Tensor:
        return functional_call(module, {**shared, **tensors}, (clips,))

    at_once = max(1, CLIPS_AT_ONCE // value.shape[1])
    pieces = []
    for start in range(0, value.shape[0], at_once):
        span = slice(start, start + at_once)
        part = {name: tensor[span] for name, tensor in own.items()}
        pieces.append(vmap(one, randomness="different")(part, value[span]))
    return torch.cat(pieces)


def for_each_person(module: nn.Module, names: tuple[str, ...], persons: int) -> dict[str, Tensor]:
    """Copies of the named parameters and buffers, one a person, cut from the graph."""
    state = _state(module)
    return {
        name: state[name].detach().expand(persons, *state[name].shape).clone() for name in names
    }


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}
