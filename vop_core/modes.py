"""What holds of a module for a while: evaluation mode, or visits to some of its parts."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import nn

_registering = threading.Lock()  # torch numbers its hooks without one


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Every part of ``module`` in evaluation mode, each back in its own afterwards.

    Batch normalisation must not learn from a visitor, nor from being counted.
    """
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


@contextmanager
def visited(visits: Mapping[nn.Module, Callable[..., Any]]) -> Iterator[None]:
    """Each module calls its visit as a forward hook, in this thread alone.

    A module that two persons use at once would else show one's clips to the other's pass.
    """
    thread = threading.get_ident()

    def own(visit: Callable[..., Any], *arguments: Any) -> Any:
        return visit(*arguments) if threading.get_ident() == thread else None

    with _registering:
        handles = [
            module.register_forward_hook(partial(own, visit)) for module, visit in visits.items()
        ]
    try:
        yield
    finally:
        with _registering:
            for handle in handles:
                handle.remove()
