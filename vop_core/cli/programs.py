"""``vop app``, ``vop lab`` and ``vop voices build``: programs that run beside the command line."""

import errno
import importlib.util
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from vop_core.cli.output import say
from vop_core.errors import VopError

PASS_ON = {"ignore_unknown_options": True}  # they are the started program's
LOCALHOST = "localhost"
SHARED = (  # run.py says the same
    "Everyone who reaches {address}, port {port}, can open the app, and what they give is kept in "
    "this machine's memory. Browsers lend their microphone to https pages only: put a proxy with "
    "https before it (or a certificate, --server.sslCertFile and --server.sslKeyFile), or let "
    "visitors upload files."
)
Rest = Annotated[
    list[str] | None,
    typer.Argument(metavar="[...]", help="Passed on to the program that is started."),
]

voices = typer.Typer(help="The bundled voices.", no_args_is_help=True)


@voices.command()
def build(
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder to write, instead of data/voices.")
    ] = None,
) -> None:
    """Make the bundled voices anew from the corpora in VOP_DATA, and the synthetic talkers of
    environments (needs the 'synth' extra); an earlier build is replaced.
    """
    from vop_core.data.locations import voices_root
    from vop_core.data.sources.bundled import build_voices

    folder = to or voices_root()
    build_voices(folder)
    say(f"The bundled voices are in {folder}.")


@voices.command("check")
def check_voices() -> None:
    """Hold every bundled clip against its hash."""
    from vop_core.data.voices import damaged_clips
    from vop_core.errors import DataError

    if damaged := damaged_clips():
        raise DataError(
            f"{len(damaged)} bundled clip(s) are missing or altered, the first is "
            f"'{damaged[0].name}'; fetch the repository anew or run 'vop voices build'."
        )
    typer.echo("Every bundled clip is as it was made.")


def run_app(
    rest: Rest = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8501,
    address: Annotated[
        str,
        typer.Option(
            "--address",
            "--server.address",
            help="Where to listen; 0.0.0.0 lets every machine in that reaches this one.",
        ),
    ] = LOCALHOST,
) -> None:
    """Open the study environment in the browser, on this machine only unless --address says
    otherwise.
    """
    repository = _repository("app/streamlit_app.py")
    _need("streamlit", "the app")
    _check_port(port, address)
    script = ["streamlit", "run", "app/streamlit_app.py", f"--server.port={port}", *(rest or [])]
    if address != LOCALHOST:
        script.append(f"--server.address={address}")
        say(SHARED.format(address=address, port=port))
    raise typer.Exit(_follow(script, repository))


def run_lab(rest: Rest = None) -> None:
    """Open the notebooks in JupyterLab."""
    repository = _repository("notebooks")
    _need("jupyterlab", "the notebooks", extra="notebooks")
    script = ["jupyterlab", "notebooks", "--ServerApp.ip=localhost", *(rest or [])]
    raise typer.Exit(_follow(script, repository))


def _repository(needed: str) -> Path:
    from vop_core.data.locations import repository_root

    root = repository_root()
    if not (root / needed).exists():
        raise VopError(
            f"'{needed}' is not beside the package; run this from a clone of the repository."
        )
    return root


def _need(module: str, purpose: str, *, extra: str = "") -> None:
    if importlib.util.find_spec(module) is None:
        wanted = f'".[{extra}]"' if extra else '"."'
        raise VopError(
            f"{module}, which {purpose} need(s), is not installed; run: pip install -e {wanted}"
        )


def _check_port(port: int, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":  # a port that was just freed is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address or "nowhere.invalid", port))
        except PermissionError:
            raise VopError(
                f"Port {port} is reserved on this system; choose one above 1023 with --port."
            ) from None
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise VopError(
                    f"{address or 'Nothing'} is no address of this machine; write one behind "
                    "--address, or 0.0.0.0 for all it has."
                ) from None
            raise VopError(
                f"Port {port} is taken; close the program that has it, or choose another with "
                "--port."
            ) from None


def _follow(script: list[str], folder: Path) -> int:
    """Run ``python -m script`` in ``folder`` until it ends; Ctrl-C ends it quietly."""
    try:
        return subprocess.call([sys.executable, "-m", *script], cwd=folder)
    except KeyboardInterrupt:
        return 0
