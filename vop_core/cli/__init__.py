"""The command line, ``vop``: every command reads its arguments, makes one call and shows the result.

Only this package's own modules are imported before a command runs, so that ``vop --help`` is quick.
"""

from vop_core.cli.root import app


def main() -> None:
    """Entry point of the console script."""
    app()


__all__ = ["app", "main"]
