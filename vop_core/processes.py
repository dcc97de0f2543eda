"""Several processes that train one network: each takes its share of a step's persons, and what a
step learns of everybody is learned of everybody.

``torchrun`` starts the processes; they know each other within :func:`together`, and without it
there is one. Within :func:`one_step` they compute what one process would of the whole step: batch
normalisation and dropout are told so here, a method's own statistics go through
:func:`mean_of_all`, :func:`variance_of_all`, :func:`sum_of_all` and :func:`rows_of_all`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, distributed
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Found = TypeVar("Found")


@contextmanager
def together() -> Iterator[None]:
    """Know the other processes that ``torchrun`` started, where it did."""
    if not distributed.is_torchelastic_launched() or distributed.is_initialized():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group()
    try:
        yield
    finally:
        distributed.destroy_process_group()


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def number() -> int:
    """Which of them this is; the first, 0, is the one that writes and speaks."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def of_first(find: Callable[[], Found]) -> Found:
    """What the first process finds, everywhere; what it raises is raised everywhere."""
    if count() == 1:
        return find()
    told: list[Any] = [None, None]
    if number() == 0:
        try:
            told[0] = find()
        except Exception as error:
            told[1] = error
    distributed.broadcast_object_list(told)
    if told[1] is not None:
        raise told[1]
    return told[0]


def first_before_others(find: Callable[[], Found]) -> Found:
    """Each finds by itself, the others when the first has left in a cache what they can use."""
    if number() == 0:
        found = find()
    if count() > 1:
        distributed.barrier()
    return found if number() == 0 else find()


def share(persons: int) -> slice:
    """Which of a step's persons are this process's; the first ones have one more."""
    each, more = divmod(persons, count())
    start = number() * each + min(number(), more)
    return slice(start, start + each + (number() < more))


# --- what one step learns of everybody ------------------------------------------------------------

_together = False  # whether all processes compute a step at this moment


@contextmanager
def one_step() -> Iterator[None]:
    """All processes compute a step, each of its own persons."""
    global _together
    if count() == 1:
        yield
        return
    _together = True
    try:
        with _AsOne():
            yield
    finally:
        _together = False


def sum_of_all(value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Over the processes, with gradients."""
    return _Sum.apply(value) if _together else value


class _Sum(torch.autograd.Function):
    """Over the processes; every process's loss hangs on every process's part."""

    @staticmethod
    def forward(context: Any, value: Tensor) -> Tensor:
        total = value.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Tensor:
        return _Sum.forward(context, slope)


def greatest_of_all(value: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Over the processes, without gradients."""
    if not _together:
        return value
    value = value.detach().clone()
    distributed.all_reduce(value, distributed.ReduceOp.MAX)
    return value


def mean_of_all(value: Float[Tensor, " row *shape"]) -> Float[Tensor, "*shape"]:
    """Over the rows of all processes, with gradients."""
    if not _together:
        return value.mean(0)
    rows = value.new_tensor([float(len(value))])
    total = sum_of_all(torch.cat((value.sum(0).flatten(), rows)))
    return (total[:-1] / total[-1]).view(value.shape[1:])


def variance_of_all(
    value: Float[Tensor, " row *shape"], mean: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Of the rows of all processes around their mean, with gradients."""
    if not _together:
        return value.var(0, correction=0)
    return mean_of_all((value - mean).square())


def rows_of_all(value: Float[Tensor, " row *shape"]) -> Float[Tensor, " all *shape"]:
    """One process's rows behind another's, with gradients."""
    if not _together:
        return value
    own, rows = _places(len(value), value.device)
    place = torch.arange(own.start, own.stop, device=value.device)
    return sum_of_all(value.new_zeros(rows, *value.shape[1:]).index_copy(0, place, value))


def _places(own: int, device: torch.device) -> tuple[slice, int]:
    """Where this process's so many rows stand among all, and how many those are."""
    counts = torch.zeros(count(), dtype=torch.long, device=device)
    counts[number()] = own
    distributed.all_reduce(counts)
    start = int(counts[: number()].sum())
    return slice(start, start + own), int(counts.sum())


class _AsOne(TorchFunctionMode):
    """Normalises by the statistics of all processes' clips, and drops what one process would.

    torch's own SyncBatchNorm refuses the CPU, and would have to stand in every normalisation's
    place.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _OF_ALL.get(func, func)(*args, **(kwargs or {}))


def _batch_norm(
    value: Float[Tensor, " clip channel *place"],
    running_mean: Float[Tensor, " channel"] | None,
    running_variance: Float[Tensor, " channel"] | None,
    weight: Float[Tensor, " channel"] | None = None,
    bias: Float[Tensor, " channel"] | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Float[Tensor, " clip channel *place"]:
    if not training:
        return functional.batch_norm(
            value, running_mean, running_variance, weight, bias, False, momentum, eps
        )
    places = value.movedim(1, -1)
    rows = places.reshape(-1, places.shape[-1])
    mean = mean_of_all(rows)
    variance = variance_of_all(rows, mean)
    if running_mean is not None and running_variance is not None:
        with torch.no_grad():
            of_all = sum_of_all(rows.new_tensor(float(len(rows))))
            running_mean.lerp_(mean, momentum)
            running_variance.lerp_(variance * of_all / (of_all - 1), momentum)
    found = (places - mean) * (variance + eps).rsqrt()
    if weight is not None:
        found = found * weight
    if bias is not None:
        found = found + bias
    return found.movedim(-1, 1)


def _dropout(
    value: Float[Tensor, " clip *shape"],
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Float[Tensor, " clip *shape"]:
    return _dropped(functional.dropout, value, value.shape[1:], p) if training else value


def _dropout2d(
    value: Float[Tensor, " clip channel *place"],
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Float[Tensor, " clip channel *place"]:
    return _dropped(functional.dropout2d, value, (value.shape[1], 1, 1), p) if training else value


def _dropped(
    drop: Callable[..., Tensor], value: Tensor, shape: tuple[int, ...], share: float
) -> Tensor:
    """Every process draws for all clips and uses its own part."""
    own, rows = _places(len(value), value.device)
    return value * drop(value.new_ones(rows, *shape), share)[own]


_OF_ALL = {
    functional.batch_norm: _batch_norm,
    functional.dropout: _dropout,
    functional.dropout2d: _dropout2d,
}
