"""Jobs on the machines of a Ray cluster (the ``cluster`` extra).

Each machine has this version of the program, and the recordings in its own ``VOP_DATA``; what it
trains stays in its own cache. A result comes back as soon as it is there, so that a machine that is
lost takes one contender's work with it, and others do the rest.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, no_type_check, runtime_checkable

from vop_core.data.locations import repository_root
from vop_core.errors import EvaluationError, VopError
from vop_core.writing import whole_file

# how often a job is begun again without a result in between
PATIENCE = 3


@runtime_checkable
class Sent(Protocol):
    """A job that can be done elsewhere, result by result."""

    @property
    def title(self) -> Mapping[str, Any]: ...

    def elsewhere(self, folder: Path) -> "Sent":
        """The same job, with results in ``folder`` and everything else in this machine's cache."""

    def rest(self) -> "Sent | None":
        """What of it has no result yet."""

    def place(self, name: str) -> Path:
        """Where the result file of this name belongs."""


def run_on_cluster(
    run: Callable[[Any], Iterator[Path]],
    work: Sequence[Sent],
    address: str,
    on_progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Every job on some core of the cluster at ``address``; where one fails the others go on, and
    then its error is raised.

    Raises VopError without Ray or without a cluster, EvaluationError where a machine has another
    version or machines are lost again and again.
    """
    ray = _ray()
    _join(ray, address)
    try:
        _run_all(ray, run, work, on_progress)
    finally:
        ray.shutdown()


def _run_all(
    ray: Any,
    run: Callable[[Any], Iterator[Path]],
    work: Sequence[Sent],
    on_progress: Callable[[Mapping[str, Any]], None] | None,
) -> None:
    errors = ray.exceptions
    remote = ray.remote(num_cpus=1, num_returns="streaming", max_retries=0)(_results)
    begun: Counter[int] = Counter()
    failures: list[Exception] = []
    running: dict[Any, int] = {}

    def begin(number: int) -> None:
        if (rest := work[number].rest()) is not None:
            running[remote.remote(run, rest, version())] = number

    def say(number: int, phase: str, step: int) -> None:
        if on_progress is not None:
            on_progress(dict(work[number].title) | {"step": step, "steps": 1, "phase": phase})

    for number in range(len(work)):
        begin(number)
    while running:
        (ready,), _ = ray.wait(list(running), num_returns=1, fetch_local=False)
        number = running.pop(ready)
        try:
            name, content = ray.get(next(ready))
        except StopIteration:
            continue
        except errors.RayTaskError as error:
            failures.append(error.cause if isinstance(error.cause, VopError) else error)
            say(number, f"failed: {failures[-1]}", 0)
            continue
        except errors.RayError:
            begun[number] += 1
            if begun[number] < PATIENCE:
                say(number, "begun again: its machine was lost", 0)
                begin(number)
            else:
                failures.append(
                    EvaluationError(
                        f"Machines were lost {PATIENCE} times in a row with the same job; what is "
                        "finished is kept, and the same command goes on."
                    )
                )
            continue
        with whole_file(work[number].place(name)) as partial:
            partial.write_bytes(content)
        begun[number] = 0
        running[ready] = number
        say(number, f"{Path(name).stem}: there", 1)
    if failures:
        raise failures[0]


# Ray streams what is written as a generator, not what checks one
@no_type_check
def _results(
    run: Callable[[Any], Iterator[Path]], job: Sent, expected: str
) -> Iterator[tuple[str, bytes]]:
    """Runs on a machine of the cluster."""
    if version() != expected:
        raise EvaluationError(
            "A machine of the cluster has another version of VoP Studio; bring all to the same "
            "commit."
        )
    with TemporaryDirectory() as folder:
        for path in run(job.elsewhere(Path(folder))):
            yield path.name, path.read_bytes()


def version() -> str:
    """Names the text of the program: results of different programs must not be mixed."""
    root = repository_root() / "vop_core"
    text = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        text.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return text.hexdigest()


def _ray() -> Any:
    # asked for on import; nothing is told to anybody outside
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise VopError(
            "A cluster needs the 'cluster' extra on every machine: install it with  "
            'pip install -e ".[cluster]".'
        ) from None
    return ray


def _join(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError):
        raise VopError(
            f"No Ray cluster answers at '{address}'; start one with  ray start --head  and give "
            "its address, or auto on one of its machines."
        ) from None
