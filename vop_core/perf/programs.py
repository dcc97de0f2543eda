"""Whole processes: what a command imports, how long it takes, and what the app holds and shows."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from vop_core.data.locations import repository_root
from vop_core.data.voices import bundled_dataset
from vop_core.perf.comparison import Finding, Unavailable
from vop_core.perf.subject import TASK, subject
from vop_core.perf.timing import Effort, Ratio, interleaved

TORCH = "import torch"
# everything that an answer of the command line needs before it reads a clip
ANSWERING = (
    "from vop_core.cli import main\n"
    "from vop_core.models import load_bundle, open_person_file\n"
    "import vop_core.data.clip_quality, vop_core.data.enrollment\n"
    "import vop_core.variational.predictive\n"
)
COMMAND = "from vop_core.cli import main; main()"
EMPTY_PAGE = "import streamlit as st\n\nst.title('Empty')\n"
PATIENCE = 120  # seconds
WARM_VISITS = 3  # before a server counts as warm
PROCESSES = Path("/proc")


def _environment() -> dict[str, str]:
    """One thread, and bytecode that is kept, as after any first start."""
    found = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    package = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (package, found.get("PYTHONPATH", ""))))
    return found | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}


def run(code: str, *arguments: str) -> None:
    """A Python process from its start to its end."""
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=_environment(),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _beside_torch(code: str, *arguments: str, effort: Effort) -> Ratio:
    run(TORCH)  # whose files are then in memory, and its bytecode written
    return interleaved(partial(run, code, *arguments), partial(run, TORCH), effort, whole=True)


def importing(effort: Effort) -> Finding:
    """What the command line imports before it answers."""
    return Finding.of_ratio(_beside_torch(ANSWERING, effort=effort), facts={})


def predicting(effort: Effort) -> Finding:
    """`vop predict` of one clip with a person's file, a hundred draws."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "person.safetensors"
        subject().bundle.vop.enroll(subject().enrollment).save(file, task=TASK)
        query = str(bundled_dataset("en").records[0].path)
        words = ("predict", query, "--person", str(file))
        return Finding.of_ratio(_beside_torch(COMMAND, *words, effort=effort), facts={})


# --- the app --------------------------------------------------------------------------------------


@contextmanager
def served(script: Path) -> Iterator[tuple[str, int]]:
    """A Streamlit server on a free port: its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = (f"--server.port={port}", "--server.headless=true", "--server.address=127.0.0.1")
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *options],
        cwd=repository_root(),
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/_stcore/health", server)
        yield address, server.pid
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _wait(address: str, server: subprocess.Popen) -> None:
    began = time.perf_counter()
    while time.perf_counter() - began < PATIENCE and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE):
                return
        except OSError:
            time.sleep(0.1)
    raise Unavailable("the app's server does not start.")


def visit(address: str, page: str = "") -> dict[str, str]:
    """Open a tab on a page and wait until it is there; the pages of the app, by their addresses."""
    try:
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
        from websockets.sync.client import connect
    except ImportError:
        raise Unavailable("Streamlit is not installed.") from None
    pages: dict[str, str] = {}
    ended = ForwardMsg.FINISHED_EARLY_FOR_RERUN
    with connect(
        address.replace("http", "ws", 1) + "/_stcore/stream",
        origin=address,
        subprotocols=["streamlit"],
        max_size=None,
    ) as tab:
        asked: Any = BackMsg()
        asked.rerun_script.page_script_hash = page
        tab.send(asked.SerializeToString())
        while ended == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            while not (said := ForwardMsg.FromString(tab.recv(PATIENCE))).HasField(
                "script_finished"
            ):
                if said.WhichOneof("type") == "navigation":
                    found = said.navigation.app_pages
                    pages = {each.url_pathname: each.page_script_hash for each in found}
            ended = said.script_finished
    return pages


def megabytes(process: int) -> float:
    """What a process holds in memory. Raises Unavailable where the system does not say it so."""
    try:
        pages = int((PROCESSES / str(process) / "statm").read_text().split()[1])
    except OSError:
        raise Unavailable("memory is read from /proc, which is not here.") from None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _app() -> Path:
    script = repository_root() / "app" / "streamlit_app.py"
    if not script.exists():
        raise Unavailable("the app is not beside the package.")
    return script


def app_memory(effort: Effort) -> Finding:
    """After its first page, and after every page was opened once."""
    with served(_app()) as (address, process):
        pages = visit(address)
        first = megabytes(process)
        for page in pages.values():
            visit(address, page)
        last = megabytes(process)
    facts = {"pages": len(pages), "megabytes_after_every_page": last}
    return Finding(first, first, first, facts=facts)


def first_page(effort: Effort) -> Finding:
    """A new tab of the warm app against one of a page with nothing but a title."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        empty = folder / "empty.py"
        empty.write_text(EMPTY_PAGE, encoding="utf-8")
        app, _ = running.enter_context(served(_app()))
        plain, _ = running.enter_context(served(empty))
        for _ in range(WARM_VISITS):
            visit(app)
            visit(plain)
        ratio = interleaved(
            partial(visit, app), partial(visit, plain), effort, timer=time.perf_counter
        )
    return Finding.of_ratio(ratio, facts={})
