"""What a model costs: parameters and multiply-accumulates."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from vop_core.modes import evaluation_mode


def parameter_count(module: nn.Module) -> int:
    """Numbers that training could change; a parameter used twice counts once, buffers do not
    count.
    """
    return sum(parameter.numel() for parameter in module.parameters())


def multiply_accumulates(module: nn.Module, *inputs: Tensor) -> int:
    """Multiply-accumulates of one forward pass: convolutions and matrix products, wherever they are
    called.

    Everything that multiplies matrices is counted below the modules (by torch's table of operators,
    at two operations each), functional calls of personal layers included; additions, normalisation,
    activations and pooling are not, as is the custom in keyword spotting.
    """
    with evaluation_mode(module), torch.no_grad():
        return multiply_accumulates_of(lambda: module(*inputs))


class _OperatorCount(TorchDispatchMode):
    """Counts below the modules; torch's own counter follows modules and stumbles over gradients
    taken inside.
    """

    operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        counted = flop_registry.get(func._overloadpacket)
        if counted is not None:
            self.operations += counted(*args, **kwargs, out_val=result)
        return result


def multiply_accumulates_of(call: Callable[[], object]) -> int:
    """Multiply-accumulates of whatever ``call`` does, gradients included, by the same rules."""
    with _OperatorCount() as counter:
        call()
    return counter.operations // 2
