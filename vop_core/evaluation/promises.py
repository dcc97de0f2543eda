"""The slides' four promises, watched while an enrollment runs instead of being claimed.

    source-free    nothing is opened: no training data can come in [VOP slides, Problem]
    few-shot       a handful of clips, no more than the models were trained with
    unsupervised   no label is read: the words of bundled clips are sealed, and seals count openings
    training-free  no optimizer step, nothing kept for a backward pass, no weight changed

What this cannot see: data that was in memory before. That the model files hold weights and nothing
else is what their cards and safetensors headers show.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from vop_core.text import counted
from vop_core.types import MOST_CLIPS

Result = TypeVar("Result")

# a first call may still import code; the last two are numba's compile cache
CODE_SUFFIXES = {".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".nbi", ".nbc"}


@dataclass(frozen=True)
class Promise:
    """One promise: whether it was kept, what was counted, and what it means."""

    name: str
    kept: bool
    measured: str
    meaning: str


class SealedLabel:
    """A clip's true word, known from outside; every reading is counted.

    Enrollment must leave the count as it is; a tally of right and wrong answers may open it.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self.openings = 0

    def open(self) -> str:
        """The word, at the price of one counted opening."""
        self.openings += 1
        return self._label

    def __repr__(self) -> str:
        return f"SealedLabel(openings={self.openings})"


@dataclass
class _Ledger:
    """What happened in the watched thread."""

    files: list[str]
    connections: int = 0
    optimizer_steps: int = 0
    saved_tensors: int = 0


class _Watch(threading.local):
    ledger: _Ledger | None = None


_watch = _Watch()
_hook_installed = threading.Event()  # audit hooks cannot be removed, so one serves all


def _audit(event: str, arguments: tuple) -> None:
    ledger = _watch.ledger
    if ledger is None:
        return
    if event == "open":
        path = arguments[0]
        if isinstance(path, (str, bytes)):
            ledger.files.append(path.decode(errors="replace") if isinstance(path, bytes) else path)
    elif event == "socket.connect":
        ledger.connections += 1


@contextmanager
def _watching() -> Iterator[_Ledger]:
    """Count, in this thread: files and connections opened, optimizer steps, tensors kept for a
    backward pass.
    """
    if not _hook_installed.is_set():
        sys.addaudithook(_audit)
        _hook_installed.set()
    ledger = _Ledger(files=[])

    def count_step(*_: object) -> None:
        if _watch.ledger is ledger:
            ledger.optimizer_steps += 1

    def count_saved(tensor: Tensor) -> Tensor:
        ledger.saved_tensors += 1
        return tensor

    handle = register_optimizer_step_post_hook(count_step)
    _watch.ledger = ledger
    try:
        with torch.autograd.graph.saved_tensors_hooks(count_saved, lambda tensor: tensor):
            yield ledger
    finally:
        _watch.ledger = None
        handle.remove()


def watch_enrollment(
    enroll: Callable[[], Result],
    *,
    clips: int,
    model: nn.Module,
    seals: Sequence[SealedLabel] = (),
) -> tuple[Result, tuple[Promise, ...]]:
    """Run ``enroll`` and report what it did: its result, and the four promises as they were
    measured.

    ``clips`` is the number of enrollment clips, ``model`` the method whose tensors must not change,
    ``seals`` the labels that are known but must not be read.
    """
    openings = [seal.openings for seal in seals]
    versions = _versions(model)
    with _watching() as ledger:
        result = enroll()
    changed = sum(before != after for before, after in zip(versions, _versions(model), strict=True))
    read = sum(seal.openings - before for seal, before in zip(seals, openings, strict=True))
    data_files = [path for path in ledger.files if not _is_code(path)]
    return result, (
        _source_free(data_files, ledger.connections),
        _few_shot(clips),
        _unsupervised(read, len(seals)),
        _training_free(ledger, changed, len(versions)),
    )


def _versions(model: nn.Module) -> list[tuple[int, int]]:
    """Identity and in-place change counter of every parameter and buffer."""
    tensors: Iterable[Tensor] = [*model.parameters(), *model.buffers()]
    return [(id(tensor), tensor._version) for tensor in tensors]


def _is_code(path: str) -> bool:
    # bytecode has a further suffix while it is written
    return not CODE_SUFFIXES.isdisjoint(PurePath(path).suffixes)


def _source_free(data_files: Sequence[str], connections: int) -> Promise:
    return Promise(
        "source-free",
        not data_files and not connections,
        f"{counted(len(data_files), 'data file')} and {counted(connections, 'connection')} opened",
        "No training data is needed on the device: while your model was made, no data file was "
        "opened and nothing was fetched.",
    )


def _few_shot(clips: int) -> Promise:
    return Promise(
        "few-shot",
        1 <= clips <= MOST_CLIPS,
        counted(clips, "clip"),
        f"A handful of clips is enough; the models were trained with 1 to {MOST_CLIPS}.",
    )


def _unsupervised(read: int, known: int) -> Promise:
    return Promise(
        "unsupervised",
        read == 0,
        f"{read} of {counted(known, 'known label')} read"
        if known
        else "no labels exist, none read",
        "Nobody says which words were spoken: only sound went in. Where the word of a clip is "
        "known, it is sealed, and the seals count how often they are opened.",
    )


def _training_free(ledger: _Ledger, changed: int, tensors: int) -> Promise:
    return Promise(
        "training-free",
        not (ledger.optimizer_steps or ledger.saved_tensors or changed),
        f"{counted(ledger.optimizer_steps, 'gradient step')}",
        f"Forward passes only: {counted(ledger.optimizer_steps, 'optimizer step')}, "
        f"{counted(ledger.saved_tensors, 'tensor')} kept for a backward pass, {changed} of the "
        f"model's {tensors} tensors changed.",
    )
