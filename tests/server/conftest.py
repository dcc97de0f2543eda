"""The app on a real server whose log and memory can be read."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import ROOT, serve

PROCESSES = Path("/proc")


@dataclass(frozen=True)
class Server:
    """The app, as its visitors and its keeper meet it."""

    address: str
    log: Path

    @property
    def megabytes(self) -> float:
        """Memory that its process holds."""
        port = f"\0{urlsplit(self.address).port}\0".encode()
        (process,) = [
            line.parent
            for line in PROCESSES.glob("[0-9]*/cmdline")
            if b"streamlit\0run\0" in (command := _bytes(line)) and port in command
        ]
        return int((process / "statm").read_text().split()[1]) * 4096 / 1e6

    def said(self) -> str:
        """Everything in its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # that process has just ended
        return b""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The app as it is shipped."""
    folder = tmp_path_factory.mktemp("server")
    for address in serve(ROOT / "app" / "streamlit_app.py", folder):
        yield Server(address, folder / "server.log")
