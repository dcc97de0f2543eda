"""Long jobs side by side, each in a process of its own, each with a log that anybody may read."""

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Protocol, SupportsFloat, runtime_checkable

from vop_core.writing import make_folder

OnProgress = Callable[[Mapping[str, Any]], None] | None


@runtime_checkable
class Job(Protocol):
    """Something that can be run, and where it says how far it is."""

    @property
    def log(self) -> Path: ...

    @property
    def title(self) -> Mapping[str, Any]: ...


class JobLog:
    """Appends one JSON object a line; training figures are smoothed over about fifty steps."""

    def __init__(
        self, path: Path, title: Mapping[str, Any], on_progress: OnProgress = None
    ) -> None:
        self.path, self.title, self.on_progress = path, dict(title), on_progress
        self.smooth: dict[str, float] = {}
        self.unread: list[Mapping[str, SupportsFloat]] = []

    def note(self, **entry: Any) -> None:
        """One line, now."""
        make_folder(self.path.parent)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"time": round(time.time(), 1)} | entry) + "\n")
        if self.on_progress is not None:
            self.on_progress(self.title | entry)

    def report(self, phase: str, step: int, steps: int, logs: Mapping[str, SupportsFloat]) -> None:
        """A training step; every fiftieth is written, and only then are figures read."""
        self.unread.append(logs)
        if step % 50 == 0 or step == steps:
            for name, value in ((n, float(v)) for each in self.unread for n, v in each.items()):
                self.smooth[name] = 0.98 * self.smooth.get(name, value) + 0.02 * value
            self.unread.clear()
            figures = {name: round(value, 4) for name, value in self.smooth.items()}
            self.note(phase=phase, step=step, steps=steps, **figures)
        if step == steps:
            self.smooth.clear()


def run_all(
    run: Callable[[Any, OnProgress], None],
    work: Sequence[Job],
    processes: int,
    on_progress: OnProgress = None,
) -> None:
    """``run(job, on_progress)`` for every job; where one fails the others go on, and then its error
    is raised.
    """
    if processes == 1:
        failures = [error for job in work if (error := _failure(run, job, on_progress)) is not None]
        if failures:
            raise failures[0]
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool:
        running = {pool.submit(run, job, None): job for job in work}
        while any(not future.done() for future in running):
            time.sleep(1)
            for future, job in running.items():
                entry = _last_entry(job.log)
                # the others go on: what they finish is kept
                if future.done() and future.exception():
                    entry["phase"] = f"failed: {future.exception()}"
                if on_progress is not None and entry:
                    on_progress(dict(job.title) | {"step": 0, "steps": 1} | entry)
        for future in running:
            future.result()


def _failure(
    run: Callable[[Any, OnProgress], None], job: Job, on_progress: OnProgress
) -> Exception | None:
    """Run one job; its error is kept, so that the others are not lost with it."""
    try:
        run(job, on_progress)
    except Exception as error:
        if on_progress is not None:
            on_progress(dict(job.title) | {"step": 0, "steps": 1, "phase": f"failed: {error}"})
        return error
    return None


def _end_with_parent() -> None:
    """A worker whose parent was killed would train on unseen, beside the run that was started in
    its place.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _last_entry(log: Path) -> dict[str, Any]:
    try:
        return json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    except (OSError, IndexError, ValueError):
        return {}
