"""A device that every machine has: tensors of the CPU in a wrapper, with CUDA's rules on what may
meet.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

ANOTHER = torch.device("meta")  # nothing of its own lies there, so that the name is free
ATEN = torch.ops.aten
MOVING = (ATEN.copy_, ATEN._to_copy)
INDEXING = (ATEN.index, ATEN.index_put, ATEN.index_put_, ATEN._index_put_impl_, ATEN._unsafe_index)


class Elsewhere(Tensor):
    """A tensor on the other device."""

    is_meta = False  # or loading a state into it would be called in vain

    @staticmethod
    def __new__(cls, held: Tensor) -> "Elsewhere":
        made = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=ANOTHER,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError("the other device was left")

    def tolist(self) -> Any:
        return self.held.tolist()

    def new_tensor(self, data: Any) -> Tensor:
        return torch.tensor(data, dtype=self.dtype).to(ANOTHER)


class AnotherDevice(TorchDispatchMode):
    """Runs everything on the CPU. Raises RuntimeError where CUDA would: tensors there meet none of
    the CPU but single numbers and indices, and no generator of the CPU draws there.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        there = any(isinstance(each, Elsewhere) for each in _tensors((args, kwargs)))
        if there:
            _check(func, args, kwargs)
        if kwargs.get("device") is not None:
            there = torch.device(kwargs["device"]) == ANOTHER
            kwargs["device"] = "cpu"
        if func.overloadpacket is ATEN.copy_:
            there = isinstance(args[0], Elsewhere)
        if there and kwargs.get("generator") is not None:
            raise RuntimeError(f"{func} draws on another device by a generator of the CPU")
        args_held, kwargs_held = _map(_held, (args, kwargs))
        found = func(*args_held, **kwargs_held)
        if not there:
            return found
        found = _map(Elsewhere, found)
        return return_and_correct_aliasing(func, args, kwargs, found)


def _map(change: Callable[[Tensor], Tensor], given: Any) -> Any:
    """What an operation takes or gives, its tensors changed: tensors, and rows of them by place or
    name. Called for every operation: a general tree of torch's costs as much as the operations.
    """
    if isinstance(given, Tensor):
        return change(given)
    if isinstance(given, (tuple, list)):
        return type(given)([_map(change, each) for each in given])
    if isinstance(given, dict):
        return {name: _map(change, each) for name, each in given.items()}
    return given


def _held(tensor: Tensor) -> Tensor:
    return tensor.held if isinstance(tensor, Elsewhere) else tensor


def _tensors(given: Any) -> list[Tensor]:
    found: list[Tensor] = []
    _map(lambda each: found.append(each) or each, given)
    return found


def _check(func: Any, args: Any, kwargs: Any) -> None:
    packet = func.overloadpacket
    if packet in MOVING:
        return
    if packet in INDEXING:  # indices of the CPU may be asked for, but not the other way round
        args = (args[0], *args[2:]) if isinstance(args[0], Elsewhere) else args
    strangers = [
        each for each in _tensors((args, kwargs)) if not isinstance(each, Elsewhere) and each.ndim
    ]
    changes_cpu = func._schema.is_mutable and not isinstance(args[0], Elsewhere)
    if strangers or changes_cpu:
        shapes = [tuple(each.shape) for each in strangers]
        raise RuntimeError(f"{func} was given tensors of two devices; on the CPU: {shapes}")


class PlainFabric:
    """What the training loop asks of Lightning, which does not know the other device."""

    def __init__(self, **settings: Any) -> None:
        pass

    def launch(self) -> None:
        pass

    def setup(self, module: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        return _Held(module), optimizer

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def clip_gradients(self, module: Any, optimizer: Any, *, max_norm: float, **_: Any) -> None:
        nn.utils.clip_grad_norm_(module.module.parameters(), max_norm)


class _Held(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.loss = module.loss

    def mark_forward_method(self, name: str) -> None:
        pass


@contextmanager
def another_device(monkeypatch: Any) -> Iterator[None]:
    """Where the bench trains and compares meanwhile."""
    with monkeypatch.context() as patch, AnotherDevice():
        patch.setattr("vop_core.bench.run.training_device", lambda: ANOTHER)
        patch.setattr("lightning_fabric.Fabric", PlainFabric)
        yield
