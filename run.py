"""Set up the environment once, then open the app, the notebooks, the tests or the command line.

    python run.py app [--port 8501]    the study pages, in a browser on this machine
                      [--address ...]  and for other machines that reach this one at that address
                      [--no-recording]  where nobody is to be recorded
    python run.py lab                  the notebooks, in JupyterLab
    python run.py test [...]           every test, on up to four cores (or what as pytest is told)
    python run.py vop ...              the command line, for example: python run.py vop data list

Everything is installed into the folder .venv beside this file, at the versions of constraints.txt.
Only the standard library is used here, and only syntax that Python 3.6 reads: an old Python gets a
sentence.
"""

import sys


def check_python(version):
    """Leave with one sentence where there are no packages for this Python; `version` is (major,
    minor).
    """
    if not (3, 11) <= tuple(version) <= (3, 13):
        sys.exit(
            "VoP Studio needs Python 3.11, 3.12 or 3.13 and this is Python {}.{}: install one of "
            "them (python.org, or your system's packages) and start run.py with it, for example "
            "python3.12 run.py app.".format(*version)
        )


if __name__ == "__main__":
    check_python(sys.version_info[:2])  # before anything below is evaluated

import contextlib
import csv
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

if os.name == "nt":
    import msvcrt
else:
    import fcntl

REPOSITORY = Path(__file__).resolve().parent
EXTRAS = {
    "app": (),
    "vop": (),
    "lab": ("notebooks",),
    "test": ("export", "notebooks", "synth", "test"),
}
FREE_BYTES = 4 * 10**9  # the packages take 2 to 3 GB, and pip unpacks beside them
INSTALLER = "uv>=0.8,<1"
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
DEFAULT_PORT, DEFAULT_ADDRESS = 8501, "localhost"
NO_RECORDING = "--no-recording"  # handed on: the pages offer no microphone
SHARED = (
    "Everyone who reaches {address}, port {port}, can open the app, and what they give is kept in "
    "this machine's memory."
)
HTTPS = (
    "Browsers lend their microphone to https pages only: put a proxy with https before it (or a "
    "certificate, --server.sslCertFile and --server.sslKeyFile), or let visitors upload files."
)
# what pytest-xdist needs to be told
ALL_TESTS = ("--numprocesses=logical", "--maxprocesses=4", "--dist=worksteal")
# of the course's folder, what its list of files does not show: a student looks for notebooks
UNLISTED = ("settings", "source", "solutions", "__pycache__")
LAB = (  # asks nobody for news
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.news_url=None",
    *(f"--ContentsManager.hide_globs={name}" for name in UNLISTED),
)

LOCKED_BYTE = 2**30  # far behind the text of the lock file: Windows lets nobody read a locked byte
POLL_SECONDS = 0.3
INTERRUPT_SECONDS = 10  # what pip may take to put back what it was replacing

DISK_FULL = (
    "no space left on device",
    "not enough space on the disk",
    "disk quota exceeded",
    "os error 28",
)
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

IN_USE = ("being used by another process", "access is denied", "winerror 5]", "winerror 32]")

# What a first click would otherwise wait for: Python's own compiler.
WARM_UP = (
    "import torch, streamlit.web.cli, streamlit.elements.plotly_chart, plotly.graph_objects, "
    "torchmetrics, librosa"
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
        self.lock = repository / ".venv.lock"  # outside the folder, which may have to be made anew
        self.lock_descriptor = None  # the open lock file, while this process sets up

    def program(self, name: str) -> Path:
        """The path of an installed program, `python` included, on this system."""
        return (
            self.folder
            / ("Scripts" if os.name == "nt" else "bin")
            / (name + (".exe" if os.name == "nt" else ""))
        )

    def python_version(self):
        """(major, minor) of the environment's interpreter, or None where there is none that can
        run.
        """
        configuration = self.folder / "pyvenv.cfg"
        if not (configuration.is_file() and self.program("python").exists()):
            return None
        text = configuration.read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", text, re.MULTILINE)
        return (int(found[1]), int(found[2])) if found else None

    def metadata(self, name: str = "*"):
        """The folders by which installers know what is installed, one a package."""
        packages = "Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages"
        return sorted(self.folder.glob(f"{packages}/{name}.dist-info"))

    def fingerprint(self) -> str:
        """A hash of everything that decides what belongs in the environment."""
        # With its path, for a moved checkout must be installed again.
        digest = hashlib.sha256(os.fsencode(self.repository))
        for path in ("pyproject.toml", "constraints.txt"):
            digest.update((self.repository / path).read_bytes())
        digest.update((self.folder / "pyvenv.cfg").read_bytes())
        return digest.hexdigest()

    def installed_extras(self):
        """The extras the stamp vouches for, or None where the stamp is missing or no longer
        true.
        """
        try:
            stamp = json.loads(self.stamp.read_text())
            return set(stamp["extras"]) if stamp["fingerprint"] == self.fingerprint() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def holds(self, extras) -> bool:
        """True where the stamp vouches for all the extras, and the interpreter is there."""
        installed = self.installed_extras() if self.python_version() else None
        return installed is not None and installed.issuperset(extras)

    def holder(self):
        """(who sets up, for how many seconds), as the lock file has it."""
        try:
            holder = json.loads(self.lock.read_text())
            who = f"python run.py {holder['command']} (process {holder['process']})"
            return who, max(0.0, time.time() - holder["since"])
        except (OSError, ValueError, KeyError, TypeError):
            return "another start", 0.0

    def remember(self, extras) -> None:
        """Write the stamp: everything asked for is installed and has been tried."""
        self.write_stamp(self.fingerprint(), extras)

    def distrust(self) -> None:
        """Make the stamp untrue: what it vouched for is about to change. Its extras stay."""
        self.write_stamp(None, self.former_extras())

    def write_stamp(self, fingerprint, extras) -> None:
        """Replace the stamp in one step, so that a start beside this one never reads half of it."""
        new = self.stamp.with_suffix(".new")
        new.write_text(json.dumps({"fingerprint": fingerprint, "extras": sorted(extras)}))
        new.replace(self.stamp)

    def former_extras(self):
        """The extras of an outdated stamp, so that an update keeps what was there."""
        try:
            return set(json.loads(self.stamp.read_text())["extras"])
        except (OSError, ValueError, KeyError, TypeError):
            return set()


def set_up(environment: Environment, command: str) -> None:
    """Make the environment hold what `command` needs; does nothing where the stamp says it does.

    One process at a time installs; the others wait, and usually find everything done.
    """
    if environment.holds(EXTRAS[command]):
        return
    with turn(environment, command):
        if not environment.holds(EXTRAS[command]):
            install(environment, EXTRAS[command])


def install(environment: Environment, extras) -> None:
    """Install the package with `extras` and those that were there, whatever a former start left."""
    started = time.monotonic()
    check_machine(environment)
    extras = sorted(set(extras) | environment.former_extras())
    if environment.stamp.exists() and environment.installed_extras() is None:
        environment.distrust()
        name = environment.folder.name
        print(f"Updating {name}: restart the app or notebooks that are open from it.", flush=True)
    forget_broken_packages(environment)
    make_environment(environment)
    install_torch(environment)
    install_packages(environment, extras)
    warm_up(environment)
    environment.remember(extras)
    print(
        f"Ready after {time.monotonic() - started:.0f} s; the next start takes a moment only.",
        flush=True,
    )


@contextlib.contextmanager
def turn(environment: Environment, command: str):
    """Be the only process that sets up, after waiting for the one that does.

    The system frees the lock of a process that dies.
    """
    with environment.lock.open("a+b", buffering=0) as lock:
        wait_for_lock(lock, environment)
        lock.truncate(0)
        holder = {"command": command, "process": os.getpid(), "since": time.time()}
        lock.write(json.dumps(holder).encode())
        environment.lock_descriptor = lock.fileno()
        try:
            yield
        finally:
            environment.lock_descriptor = None
            # Elsewhere closing is enough, and right: a step that outlives us keeps the lock.
            if os.name == "nt":
                lock.seek(LOCKED_BYTE)
                msvcrt.locking(lock.fileno(), msvcrt.LK_UNLCK, 1)


def wait_for_lock(lock, environment: Environment) -> None:
    """Return when this process has the lock; meanwhile a line says who has it, and how long."""
    started, told = time.monotonic(), None
    while not has_lock(lock):
        time.sleep(POLL_SECONDS)
        holder, seconds = environment.holder()
        if holder != told or sys.stdout.isatty():
            name = environment.folder.name
            report(f"Waiting: {holder} has been setting up {name} for {seconds:.0f} s")
        told = holder
    if told:
        report(f"Waited {time.monotonic() - started:.0f} s for the other start", last=True)


def has_lock(lock) -> bool:
    """Try to take the lock: False while another process has it, True where there are no locks."""
    try:
        if os.name == "nt":
            lock.seek(LOCKED_BYTE)
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


def forget_broken_packages(environment: Environment) -> None:
    """Remove the metadata of each package that is not whole, so that it is installed once more.

    A killed start and a full disk leave such packages, and installers ask the metadata only.
    """
    for metadata in environment.metadata():
        if not is_whole(metadata):
            shutil.rmtree(str(metadata))


def is_whole(metadata: Path) -> bool:
    """True where every file that the package's RECORD lists is there, at its size.

    Compiled files aside: Python writes those anew when it likes.
    """
    listed = set()
    try:
        with (metadata / "RECORD").open(encoding="utf-8", newline="") as record:
            for path, _, size in csv.reader(record):
                listed.add(path)
                if path.endswith(".pyc"):
                    continue
                found = (metadata.parent / path).stat().st_size
                if size and found != int(size):
                    return False
    except (OSError, ValueError, csv.Error):
        return False
    return f"{metadata.name}/METADATA" in listed  # a RECORD that was begun only lists too little


def check_machine(environment: Environment) -> None:
    """Raise SetupError for what would only fail later: no room, no PyTorch, no usable path."""
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise SetupError(
            "PyTorch 2.13 is not built for Intel Macs: use an Apple-silicon Mac, Linux or Windows, "
            "and on Apple silicon a native (arm64) Python."
        )
    try:
        str(environment.repository).encode("utf-8")
    except UnicodeEncodeError:
        raise SetupError(
            f"The path {environment.repository} is not UTF-8, and Python makes no environment "
            "there: move the checkout to a folder with another name."
        ) from None
    free = shutil.disk_usage(environment.repository).free
    if free < FREE_BYTES and not environment.python_version():
        raise SetupError(
            f"The disk that holds {environment.repository} has {free / 1e9:.1f} GB free and the "
            f"packages need {FREE_BYTES / 1e9:.0f} GB: free some space, or use a larger disk."
        )


def make_environment(environment: Environment) -> None:
    """Create .venv with pip in it, unless it is there; raise SetupError where this Python
    cannot.
    """
    version = environment.python_version()
    if version and not (3, 11) <= version <= (3, 13):
        raise SetupError(
            f"The folder {environment.folder.name} was made with Python {version[0]}.{version[1]}, "
            "which is not supported: close everything that runs from that folder, delete it and "
            "start again with Python 3.11, 3.12 or 3.13."
        )
    if version and environment.metadata("pip-*"):
        return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise SetupError(
            "This Python comes without its venv module: install it (on Debian and Ubuntu: apt "
            f"install python3.{sys.version_info[1]}-venv) and start again."
        ) from None
    # A folder whose interpreter has gone away is made anew; a sound one without pip only gets pip.
    clear = [] if version else ["--clear"]
    step = f"Making {environment.folder.name} with Python {platform.python_version()}"
    command = [sys.executable, "-m", "venv", *clear, str(environment.folder)]
    run_step(step, command, environment)


def install_torch(environment: Environment) -> None:
    """On Linux without an NVIDIA GPU, install PyTorch's CPU build first; elsewhere the default
    build will do.

    From the default index an ordinary Linux user would get the CUDA build: 19 packages and 4 GB for
    nothing.
    """
    if not wants_cpu_torch() or environment.metadata("torch-2.13.*"):
        return
    constraints = (environment.repository / "constraints.txt").read_text(encoding="utf-8")
    pinned = re.search(r"^torch==\S+", constraints, re.MULTILINE)
    # One package and no retries: where PyTorch's index is out of reach, pip goes on with what it
    # has.
    options = ["--no-deps", "--no-compile", "--retries", "0", "--timeout", "20"]
    command = [*pip(environment), *options, "--extra-index-url", PYTORCH_CPU_INDEX, pinned[0]]
    run_step("Installing PyTorch (CPU build)", command, environment)


def wants_cpu_torch() -> bool:
    """True on Linux where no NVIDIA driver answers."""
    return (
        sys.platform == "linux"
        and not shutil.which("nvidia-smi")
        and not Path("/proc/driver/nvidia").exists()
    )


def install_packages(environment: Environment, extras) -> None:
    """Install the package and its dependencies at the pinned versions: by uv, and by pip where uv
    cannot.
    """
    run_step("Fetching the installer", [*pip(environment), INSTALLER], environment)
    target = "." + (f"[{','.join(extras)}]" if extras else "")
    constraints = str(environment.repository / "constraints.txt")
    what = ["--constraint", constraints, "--editable", target]
    python = str(environment.program("python"))
    step = "Installing the other packages"
    code, output = follow(
        step, [python, "-m", "uv", "pip", "install", "--python", python, *what], environment
    )
    if code and not any(sign in output.lower() for sign in DISK_FULL):
        # uv does not read pip's settings; where those name a mirror or a certificate, pip still
        # gets through.
        run_step("Installing the other packages with pip", [*pip(environment), *what], environment)
    elif code:
        raise SetupError(explain(step, output, environment))


def warm_up(environment: Environment) -> None:
    """Have everything compiled that a first click would wait for, and find out whether the packages
    work.
    """
    python = str(environment.program("python"))
    step = "Compiling what the first click would wait for"
    code, output = follow(step, [python, "-c", WARM_UP], environment)
    if code:
        raise SetupError(explain(step, output, environment))


def pip(environment: Environment):
    """The beginning of every pip command."""
    quiet = ["--disable-pip-version-check", "install", "--progress-bar", "off"]
    return [str(environment.program("python")), "-m", "pip", *quiet]


def run_step(step: str, command, environment: Environment) -> None:
    """Follow a command; raise SetupError with a remedy where it fails."""
    code, output = follow(step, command, environment)
    if code:
        raise SetupError(explain(step, output, environment))


def follow(step: str, command, environment: Environment):
    """Run a command while one line tells how it goes; returns its exit code and all it said.

    What it said is appended to the environment's setup.log. Where this process is killed, the
    command keeps the lock of set-up until it ends, so that nobody installs beside it.
    """
    lock = environment.lock_descriptor
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
        pass_fds=() if lock is None or os.name == "nt" else (lock,),
    )
    try:
        output = "".join(lines_with_news(process, step, started))
        code = process.wait()
    except KeyboardInterrupt:  # the terminal has interrupted the command, too
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(INTERRUPT_SECONDS)
        finally:
            process.terminate()
        raise
    report(
        f"{step}: {'failed' if code else 'done'} after {time.monotonic() - started:.0f} s",
        last=True,
    )
    heading = f"[{time.strftime('%Y-%m-%d %H:%M:%S')}, process {os.getpid()}] {step}"
    with contextlib.suppress(OSError), environment.log.open("ab", buffering=0) as log:
        log.write(f"{heading}\n{output}\n".encode("utf-8", "backslashreplace"))
    return code, output


def lines_with_news(process, step: str, started: float):
    """Yield what a process says; meanwhile one line on the terminal shows the seconds and the
    latest news.
    """
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
            f"The disk is full ({step.lower()}): free about {FREE_BYTES / 1e9:.0f} GB on the disk "
            f"that holds {environment.repository} and start again."
        )
    if any(sign in said for sign in NO_NETWORK):
        return (
            f"The package index cannot be reached ({step.lower()}): connect this machine to the "
            "internet, or set HTTPS_PROXY or pip's index-url to what your network offers, and "
            "start again."
        )
    if any(sign in said for sign in IN_USE):
        return (
            f"Files in {environment.folder} cannot be replaced ({step.lower()}): close the app, "
            "the notebooks and whatever else runs from that folder and start again."
        )
    last = next(
        (line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output"
    )
    return (
        f"{step} failed ({last[:200]}): start again, which repairs what is incomplete, and if it "
        f"fails again report it with the file {environment.log}."
    )


def check_port(port: int, address: str = DEFAULT_ADDRESS) -> None:
    """Raise SetupError where another program already listens on the port of the app, or the address
    is not this machine's.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # elsewhere the option would let two programs share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address or "nowhere.invalid", port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise SetupError(
                    f"{address or 'Nothing'} is no address of this machine: write one behind "
                    "--address, or 0.0.0.0 for all it has."
                ) from None
            if error.errno == errno.EACCES:
                raise SetupError(
                    f"Port {port} is reserved on this system: choose one above 1023 with --port."
                ) from None
            raise SetupError(
                f"Port {port} is taken, perhaps by this app in another window: close that program, "
                f"or choose another port, for example python run.py app --port {port + 1}."
            ) from None


def app_arguments(arguments):
    """(port, address, the rest) of what stands behind `run.py app`; raises SetupError for a port
    that is none.
    """
    port, address, rest = DEFAULT_PORT, DEFAULT_ADDRESS, []
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if name not in ("--port", "--server.port", "--address", "--server.address"):
            rest.append(argument)
            continue
        value = value if equals else next(remaining, "")
        if name.endswith("address"):
            address = value
            continue
        if not value.isdigit() or not 1 <= int(value) <= 65535:
            raise SetupError(
                f"{value or 'Nothing'} is no port: write a number from 1 to 65535 behind --port."
            )
        port = int(value)
    return port, address, rest


def lab_settings(repository: Path):
    """Where JupyterLab finds the settings of the course, before the reader's own: it asks nobody
    for news.
    """
    return {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(
            filter(
                None,
                [
                    str(repository / "notebooks" / "settings"),
                    os.environ.get("JUPYTER_CONFIG_PATH", ""),
                ],
            )
        )
    }


def start(environment: Environment, command: str, arguments) -> int:
    """Hand over to the program behind a command; returns its exit code where it cannot take our
    place.
    """
    python = str(environment.program("python"))
    if command == "app":
        port, address, rest = app_arguments(arguments)
        check_port(port, address)  # once more: set-up may have taken a while
        if address != DEFAULT_ADDRESS:
            rest = [f"--server.address={address}", *rest]
            print(SHARED.format(address=address, port=port))
            if NO_RECORDING not in rest:
                print(HTTPS)
        program = [
            python,
            "-m",
            "streamlit",
            "run",
            "app/streamlit_app.py",
            f"--server.port={port}",
            *rest,
        ]
    elif command == "lab":
        os.environ.update(lab_settings(environment.repository))
        program = [
            python,
            "-m",
            "jupyterlab",
            "notebooks/README.md",
            "--ServerApp.ip=localhost",
            *LAB,
            *arguments,
        ]
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
    # What a console cannot show, such as a path in another encoding, is escaped.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    environment = Environment(REPOSITORY / ".venv", REPOSITORY)
    try:
        if command == "app":
            check_port(*app_arguments(rest)[:2])
        set_up(environment, command)
        return start(environment, command, rest)
    except SetupError as error:
        message = str(error)
    except OSError as error:
        refused = (
            f"{error.filename or REPOSITORY} cannot be written or run: check who owns it, or use a "
            "copy of the checkout in a folder of your own."
        )
        message = {
            errno.ENOSPC: f"The disk of {REPOSITORY} is full: free some space and start again.",
            errno.EACCES: refused,
            errno.EROFS: refused,
        }.get(error.errno, f"{error}: check the folder {REPOSITORY} and start again.")
    except KeyboardInterrupt:
        message = "Interrupted; start again to go on where it stopped."
    print(f"\n{message}" if sys.stderr.isatty() else message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
