"""The command line, ``vop``: every command reads its arguments, makes one call and shows the
result.

Only this package's own modules are imported before a command runs, so that ``vop --help`` is quick.
"""

import io
import signal
import sys

from vop_core.cli.root import app


def main() -> None:
    """Entry point of the console script: whatever the console can show, and ended politely, nothing
    half-made stays.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    app()


__all__ = ["app", "main"]
