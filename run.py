"""Set up the environment once, then open the app, the notebooks, the tests or the command line.

    python run.py app [--port 8501]    the study pages, in a browser on this machine
    python run.py lab                  the notebooks, in JupyterLab
    python run.py test [...]           every test, on up to four cores (or what the pytest arguments choose)
    python run.py vop ...              the command line, for example: python run.py vop data list

Everything is installed into the folder .venv beside this file, at the versions of constraints.txt.
Only the standard library is used here, and only syntax that Python 3.6 reads: an old Python gets a sentence.
"""

import sys


def check_python(version):
    """Leave with one sentence where there are no packages for this Python; `version` is (major, minor)."""
    if not (3, 11) <= tuple(version) <= (3, 13):
        sys.exit(
            "VoP Studio needs Python 3.11, 3.12 or 3.13 and this is Python {}.{}: install one of them "
            "(python.org, or your system's packages) and start run.py with it, for example "
            "python3.12 run.py app.".format(*version)
        )


if __name__ == "__main__":
    check_python(sys.version_info[:2])  # before anything below is evaluated

import contextlib
import errno
import hashlib
import json
import os
import platform
import queue
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent
EXTRAS = {"app": (), "vop": (), "lab": ("notebooks",), "test": ("notebooks", "synth", "test")}
FREE_BYTES = 4 * 10**9  # the packages take 2 to 3 GB, and pip unpacks beside them
INSTALLER = "uv>=0.8,<1"
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
DEFAULT_PORT = 8501
ALL_TESTS = ("--numprocesses=logical", "--maxprocesses=4", "--dist=worksteal")  # what pytest-xdist needs to be told
OFFLINE_LAB = ("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None")

DISK_FULL = ("no space left on device", "not enough space on the disk", "disk quota exceeded", "os error 28")
NO_NETWORK = (
    "failed to establish a new connection",
    "max retries exceeded",
    "name resolution",
    "name or service not known",
    "connection refused",
    "connection reset",
    "network is unreachable",
    "timed out",
    "dns error",
    "error sending request",
    "failed to fetch",
    "proxyerror",
    "(from versions: none)",  # all that pip says when it may not retry
)

# What a first click would otherwise wait for: librosa's compiler (about 14 s), and Python's own for the rest.
WARM_UP = (
    "import librosa, numpy; tone = numpy.zeros(16000, 'float32'); "
    "librosa.power_to_db(librosa.feature.melspectrogram(y=tone, sr=16000))",
    "import torch, streamlit.web.cli, streamlit.elements.plotly_chart, plotly.graph_objects, torchmetrics",
)


class SetupError(Exception):
    """The environment cannot be made; the message is one sentence: what is wrong and what to do."""


class Environment:
    """The folder .venv: where its programs are, and the stamp that says what is installed in it."""

    def __init__(self, folder: Path, repository: Path):
        self.folder = folder
        self.repository = repository
        self.stamp = folder / "vop-studio.json"
        self.log = folder / "setup.log"

    def program(self, name: str) -> Path:
        """The path of an installed program, `python` included, on this system."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / (name + (".exe" if os.name == "nt" else ""))

    def python_version(self):
        """(major, minor) of the environment's interpreter, or None where there is none that can run."""
        configuration = self.folder / "pyvenv.cfg"
        if not (configuration.is_file() and self.program("python").exists()):
            return None
        found = re.search(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", configuration.read_text(), re.MULTILINE)
        return (int(found[1]), int(found[2])) if found else None

    def fingerprint(self) -> str:
        """A hash of everything that decides what belongs in the environment."""
        digest = hashlib.sha256(str(self.repository).encode())  # a moved checkout must be installed again
        for path in ("pyproject.toml", "constraints.txt"):
            digest.update((self.repository / path).read_bytes())
        digest.update((self.folder / "pyvenv.cfg").read_bytes())
        return digest.hexdigest()

    def installed_extras(self):
        """The extras the stamp vouches for, or None where the stamp is missing or no longer true."""
        try:
            stamp = json.loads(self.stamp.read_text())
            return set(stamp["extras"]) if stamp["fingerprint"] == self.fingerprint() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, extras) -> None:
        """Write the stamp: everything asked for is installed and has been tried."""
        self.stamp.write_text(json.dumps({"fingerprint": self.fingerprint(), "extras": sorted(extras)}))

    def former_extras(self):
        """The extras of an outdated stamp, so that an update keeps what was there."""
        try:
            return set(json.loads(self.stamp.read_text())["extras"])
        except (OSError, ValueError, KeyError, TypeError):
            return set()


def set_up(environment: Environment, extras) -> None:
    """Make the environment hold the package with `extras`; does nothing where the stamp says it does."""
    installed = environment.installed_extras() if environment.python_version() else None
    if installed is not None and installed.issuperset(extras):
        return
    started = time.monotonic()
    check_machine(environment)
    extras = sorted(set(extras) | environment.former_extras())
    make_environment(environment)
    install_torch(environment)
    install_packages(environment, extras)
    warm_up(environment)
    environment.remember(extras)
    print(f"Ready after {time.monotonic() - started:.0f} s; the next start takes a moment only.", flush=True)


def check_machine(environment: Environment) -> None:
    """Raise SetupError for what would only fail after minutes: no room, or no PyTorch for this machine."""
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise SetupError(
            "PyTorch 2.13 is not built for Intel Macs: use an Apple-silicon Mac, Linux or Windows, "
            "and on Apple silicon a native (arm64) Python."
        )
    free = shutil.disk_usage(environment.repository).free
    if free < FREE_BYTES and not environment.stamp.exists():
        raise SetupError(
            f"The disk that holds {environment.repository} has {free / 1e9:.1f} GB free and the "
            f"packages need {FREE_BYTES / 1e9:.0f} GB: free some space, or use a larger disk."
        )


def make_environment(environment: Environment) -> None:
    """Create .venv with pip in it, unless it is there; raise SetupError where this Python cannot."""
    version = environment.python_version()
    if version and not (3, 11) <= version <= (3, 13):
        raise SetupError(
            f"The folder {environment.folder.name} was made with Python {version[0]}.{version[1]}, "
            "which is not supported: delete that folder and start again with Python 3.11, 3.12 or 3.13."
        )
    if version and any(environment.folder.glob("[Ll]ib/**/site-packages/pip/__main__.py")):
        return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise SetupError(
            "This Python comes without its venv module: install it (on Debian and Ubuntu: "
            f"apt install python3.{sys.version_info[1]}-venv) and start again."
        ) from None
    # A folder whose interpreter has gone away is made anew; a sound one without pip only gets pip.
    clear = [] if version else ["--clear"]
    step = f"Making {environment.folder.name} with Python {platform.python_version()}"
    command = [sys.executable, "-m", "venv", *clear, str(environment.folder)]
    run_step(step, command, environment)


def install_torch(environment: Environment) -> None:
    """On Linux without an NVIDIA GPU, install PyTorch's CPU build first; elsewhere the default build will do.

    From the default index an ordinary Linux user would get the CUDA build: 19 packages and 4 GB for nothing.
    """
    if not wants_cpu_torch() or any(environment.folder.glob("lib/python3*/site-packages/torch-2.13.*")):
        return
    pinned = re.search(r"^torch==\S+", (environment.repository / "constraints.txt").read_text(), re.MULTILINE)
    # One package and no retries: where PyTorch's index is out of reach, pip goes on with what it has.
    options = ["--no-deps", "--no-compile", "--retries", "0", "--timeout", "20"]
    command = [*pip(environment), *options, "--extra-index-url", PYTORCH_CPU_INDEX, pinned[0]]
    run_step("Installing PyTorch (CPU build)", command, environment)


def wants_cpu_torch() -> bool:
    """True on Linux where no NVIDIA driver answers."""
    return sys.platform == "linux" and not shutil.which("nvidia-smi") and not Path("/proc/driver/nvidia").exists()


def install_packages(environment: Environment, extras) -> None:
    """Install the package and its dependencies at the pinned versions: by uv, and by pip where uv cannot."""
    run_step("Fetching the installer", [*pip(environment), INSTALLER], environment)
    target = "." + (f"[{','.join(extras)}]" if extras else "")
    constraints = str(environment.repository / "constraints.txt")
    what = ["--constraint", constraints, "--editable", target]
    python = str(environment.program("python"))
    step = "Installing the other packages"
    code, output = follow(step, [python, "-m", "uv", "pip", "install", "--python", python, *what], environment)
    if code and not any(sign in output.lower() for sign in DISK_FULL):
        # uv does not read pip's settings; where those name a mirror or a certificate, pip still gets through.
        run_step("Installing the other packages with pip", [*pip(environment), *what], environment)
    elif code:
        raise SetupError(explain(step, output, environment))


def warm_up(environment: Environment) -> None:
    """Have everything compiled that a first click would wait for, and find out whether the packages work."""
    python = str(environment.program("python"))
    step = "Compiling what the first click would wait for"
    other = subprocess.Popen([python, "-c", WARM_UP[1]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    code, output = follow(step, [python, "-c", WARM_UP[0]], environment)
    other_output, _ = other.communicate()
    if code or other.returncode:
        raise SetupError(explain(step, output + other_output, environment))


def pip(environment: Environment):
    """The beginning of every pip command."""
    return [str(environment.program("python")), "-m", "pip", "--disable-pip-version-check", "install",
            "--progress-bar", "off"]  # fmt: skip


def run_step(step: str, command, environment: Environment) -> None:
    """Follow a command; raise SetupError with a remedy where it fails."""
    code, output = follow(step, command, environment)
    if code:
        raise SetupError(explain(step, output, environment))


def follow(step: str, command, environment: Environment):
    """Run a command while one line tells how it goes; returns its exit code and all it said.

    What it said is appended to the environment's setup.log.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=environment.repository,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "UV_NO_PROGRESS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    output = "".join(lines_with_news(process, step, started))
    code = process.wait()
    report(f"{step}: {'failed' if code else 'done'} after {time.monotonic() - started:.0f} s", last=True)
    with contextlib.suppress(OSError), environment.log.open("a") as log:
        log.write(f"{step}\n{output}\n")
    return code, output


def lines_with_news(process, step: str, started: float):
    """Yield what a process says; meanwhile one line on the terminal shows the seconds and the latest news."""
    lines = queue.Queue()

    def read() -> None:
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    news = ""
    report(f"{step} ...")
    while True:
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=0.5)
            if line is None:
                return
            news = short_news(line) or news
            yield line
        if sys.stdout.isatty():
            report(f"{step}: {time.monotonic() - started:.0f} s  {news}")


def report(text: str, last: bool = False) -> None:
    """Show a line: on a terminal each replaces the one before, elsewhere each stands for itself."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\033[K{text[:width]}", end="\n" if last else "", flush=True)
    else:
        print(text, flush=True)


def short_news(line: str) -> str:
    """What a line of pip's or uv's output tells a waiting person, or nothing."""
    line = line.strip()
    wanted = ("Collecting ", "Downloading ", "Resolved ", "Prepared ", "Installed ", "Building ")
    if line.startswith("Installing collected packages"):
        return "unpacking"
    return line.split(" @ ")[0] if line.startswith(wanted) else ""


def explain(step: str, output: str, environment: Environment) -> str:
    """One sentence for a failed step: what is wrong and what to do."""
    said = output.lower()
    if any(sign in said for sign in DISK_FULL):
        return (
            f"The disk is full ({step.lower()}): free about {FREE_BYTES / 1e9:.0f} GB on the disk that holds "
            f"{environment.repository} and start again."
        )
    if any(sign in said for sign in NO_NETWORK):
        return (
            f"The package index cannot be reached ({step.lower()}): connect this machine to the internet, "
            "or set HTTPS_PROXY or pip's index-url to what your network offers, and start again."
        )
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")
    return (
        f"{step} failed ({last[:200]}): delete the folder {environment.folder} and start again, "
        f"and if it fails again report it with the file {environment.log.name} from that folder."
    )


def check_port(port: int) -> None:
    """Raise SetupError where another program already listens on the port of the app."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # elsewhere the option would let two programs share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise SetupError(
                    f"Port {port} is reserved on this system: choose one above 1023 with --port."
                ) from None
            raise SetupError(
                f"Port {port} is taken, perhaps by this app in another window: close that program, "
                f"or choose another port, for example python run.py app --port {port + 1}."
            ) from None


def app_arguments(arguments):
    """(port, the rest) of what stands behind `run.py app`; raises SetupError for a port that is none."""
    port, rest = DEFAULT_PORT, []
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if name not in ("--port", "--server.port"):
            rest.append(argument)
            continue
        value = value if equals else next(remaining, "")
        if not value.isdigit() or not 1 <= int(value) <= 65535:
            raise SetupError(f"{value or 'Nothing'} is no port: write a number from 1 to 65535 behind --port.")
        port = int(value)
    return port, rest


def lab_settings(repository: Path):
    """Where JupyterLab finds the settings of the course, before the reader's own: it asks nobody for news."""
    return {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(
            filter(None, [str(repository / "notebooks" / "settings"), os.environ.get("JUPYTER_CONFIG_PATH", "")])
        )
    }


def start(environment: Environment, command: str, arguments) -> int:
    """Hand over to the program behind a command; returns its exit code where it cannot take our place."""
    python = str(environment.program("python"))
    if command == "app":
        port, rest = app_arguments(arguments)
        program = [python, "-m", "streamlit", "run", "app/streamlit_app.py", f"--server.port={port}", *rest]
    elif command == "lab":
        os.environ.update(lab_settings(environment.repository))
        program = [python, "-m", "jupyterlab", "notebooks", "--ServerApp.ip=localhost", *OFFLINE_LAB, *arguments]
    elif command == "test":
        program = [python, "-m", "pytest", *(arguments or ALL_TESTS)]
    else:
        program = [str(environment.program("vop")), *arguments]
    if command != "vop":  # the command line reads paths from where its user stands
        os.chdir(environment.repository)
    sys.stdout.flush()
    if os.name == "nt":  # no exec there that a console waits for
        return subprocess.call(program)
    return os.execv(program[0], program)


def main(arguments) -> int:
    """Set up what the command needs and start it; failures are one sentence and exit code 1."""
    if not arguments or arguments[0] not in EXTRAS:
        print(__doc__.strip())
        return 0 if arguments and arguments[0] in ("-h", "--help", "help") else 2
    command, rest = arguments[0], arguments[1:]
    environment = Environment(REPOSITORY / ".venv", REPOSITORY)
    try:
        if command == "app":
            check_port(app_arguments(rest)[0])
        set_up(environment, EXTRAS[command])
        return start(environment, command, rest)
    except SetupError as error:
        message = str(error)
    except OSError as error:
        message = {
            errno.ENOSPC: f"The disk that holds {REPOSITORY} is full: free some space and start again.",
            errno.EACCES: f"{error.filename or REPOSITORY} cannot be written or run: check who owns it.",
        }.get(error.errno, f"{error}: check the folder {REPOSITORY} and start again.")
    except KeyboardInterrupt:
        message = "Interrupted; start again to go on where it stopped."
    print(f"\n{message}" if sys.stderr.isatty() else message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
