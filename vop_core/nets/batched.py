"""One pass for many persons, each with weights of their own, whichever weights these are.

The personal layers of :mod:`vop_core.nets.personal_layers` are the fast way for the few weights that VoP moves; this is
the general one, by ``torch.func``: no loop over persons, and gradients flow into every weight.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap

CLIPS_AT_ONCE = 512  # bounds the memory of a pass


def run_personal(
    module: nn.Module,
    own: Mapping[str, Tensor],  # parameter or buffer name -> (person, *shape)
    value: Float[Tensor, "person clip *shape"],
) -> Float[Tensor, "person clip *out"]:
    """``module`` on each person's clips with the tensors of ``own`` in place of its own; the rest is shared."""
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
    return {name: state[name].detach().expand(persons, *state[name].shape).clone() for name in names}


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}
