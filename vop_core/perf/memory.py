"""How much a call holds at one time."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Held(TorchDispatchMode):
    """Follows every storage that an operator makes, until it is given back."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: set[int] = set()
        self.now = self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for made in tree_leaves(result):
            if isinstance(made, Tensor) and made.untyped_storage()._cdata not in self.alive:
                storage = made.untyped_storage()
                self.alive.add(storage._cdata)
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._given_back, storage._cdata, storage.nbytes())
        return result

    def _given_back(self, which: int, size: int) -> None:
        self.alive.discard(which)
        self.now -= size


def peak_megabytes(call: Callable[[], object]) -> float:
    """Of tensors that a call holds at one time, beside those that were there; what an operator
    needs inside is not seen.
    """
    call()
    with _Held() as held:
        call()
    return held.most / 1e6
