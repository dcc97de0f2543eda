"""The launcher: each failure is one sentence with a remedy, and no two starts install at once."""

import ast
import errno
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

import pip
import pytest

import run

ROOT = Path(__file__).resolve().parents[1]
POSIX_ONLY = pytest.mark.skipif(os.name == "nt", reason="stands a shell script in for a program")
OFFLINE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_RETRIES": "0",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "NO_PROXY": "",
    "no_proxy": "",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh clone as far as the launcher is concerned: no environment yet."""
    for name in ("run.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def environment(checkout):
    """A checkout whose environment exists: our own interpreter, and a `vop` that repeats its
    arguments.
    """
    folder = checkout / ".venv"
    environment = run.Environment(folder, checkout)
    environment.program("python").parent.mkdir(parents=True)
    environment.program("python").symlink_to(sys.executable)
    vop = environment.program("vop")
    vop.write_text('#!/bin/sh\necho "$PWD" "$@"\nexit 7\n')
    vop.chmod(0o755)
    (folder / "pyvenv.cfg").write_text(f"home = nowhere\nversion = {sys.version.split()[0]}\n")
    return environment


def launch(checkout: Path, *arguments: str, sabotage: str = "", **settings: str):
    """Start run.py as a person would; `sabotage` is Python that runs before it."""
    saboteur = checkout / "sabotage"
    saboteur.mkdir(exist_ok=True)
    (saboteur / "sitecustomize.py").write_text(sabotage)
    return subprocess.run(
        [sys.executable, str(checkout / "run.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(saboteur), **settings},
        capture_output=True,
        text=True,
        cwd=checkout,
    )


def assert_one_sentence(message: str, *words: str) -> None:
    """One line that says what is wrong and, behind a colon, what to do."""
    message = message.strip()
    assert "\n" not in message and "Traceback" not in message, message
    assert message.endswith(".") and ": " in message, message
    for word in words:
        assert word in message, message


def assert_refused(ask: Callable[[], None], *words: str) -> None:
    with pytest.raises(run.SetupError) as failure:
        ask()
    assert_one_sentence(str(failure.value), *words)


# Failures


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10), (3, 14), (4, 0)])
def test_a_wrong_python_is_refused(version):
    with pytest.raises(SystemExit) as refusal:
        run.check_python(version)
    assert_one_sentence(
        refusal.value.code, f"this is Python {version[0]}.{version[1]}", "3.11, 3.12 or 3.13"
    )


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_a_right_python_is_let_through(minor):
    run.check_python((3, minor))


def test_a_wrong_python_is_refused_before_anything_is_set_up(checkout):
    result = launch(
        checkout, "app", sabotage="import sys; sys.version_info = (3, 10, 13, 'final', 0)"
    )
    assert result.returncode == 1
    assert_one_sentence(result.stderr, "this is Python 3.10")
    assert not (checkout / ".venv").exists()


def test_an_old_python_can_read_the_launcher():
    ast.parse((ROOT / "run.py").read_text(), feature_version=(3, 7))


def test_a_python_without_venv_is_told_which_package_is_missing(checkout):
    nothing = "import sys; sys.modules['ensurepip'] = None"
    result = launch(checkout, "app", "--port", str(free_port()), sabotage=nothing)
    assert result.returncode == 1
    assert_one_sentence(
        result.stderr, "venv module", f"apt install python3.{sys.version_info[1]}-venv"
    )


@POSIX_ONLY
def test_without_a_network_the_setup_says_so(checkout):
    folder = checkout / ".venv"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "pip").symlink_to(Path(pip.__file__).parent)  # quicker than to install it
    write_package(packages, "pip")
    result = launch(checkout, "vop", **OFFLINE)
    assert result.returncode == 1
    assert_one_sentence(result.stderr, "cannot be reached", "connect this machine")
    assert not (folder / "vop-studio.json").exists()


def test_too_small_a_disk_is_refused_before_the_download(checkout, monkeypatch):
    usage = shutil.disk_usage(checkout)._replace(free=300_000_000)
    monkeypatch.setattr(run.shutil, "disk_usage", lambda path: usage)
    assert_refused(
        lambda: run.set_up(run.Environment(checkout / ".venv", checkout), "vop"),
        "0.3 GB free",
        "free some space",
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_on_the_way_is_understood(environment):
    command = [sys.executable, "-c", "with open('/dev/full', 'w') as file: file.write('x')"]
    assert_refused(
        lambda: run.run_step("Installing", command, environment), "disk is full", "free about"
    )


def test_a_taken_port_is_refused_before_anything_is_set_up(monkeypatch, capsys):
    monkeypatch.setattr(run, "set_up", lambda *_: pytest.fail("was set up"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert run.main(["app", "--port", str(port)]) == 1
    assert_one_sentence(capsys.readouterr().err, f"Port {port} is taken", f"--port {port + 1}")


@pytest.mark.parametrize(
    "arguments", [["--port", "x"], ["--port"], ["--port=70000"], ["--server.port=0"]]
)
def test_a_port_that_is_none_is_refused(arguments, capsys):
    assert run.main(["app", *arguments]) == 1
    assert_one_sentence(capsys.readouterr().err, "is no port")


@pytest.mark.parametrize("address", ["", "no-such-host.invalid", "203.0.113.7"])
def test_an_address_that_is_not_this_machines_is_refused(address, capsys):
    assert run.main(["app", "--address", address]) == 1
    assert_one_sentence(capsys.readouterr().err, "is no address of this machine", "0.0.0.0")


@pytest.mark.parametrize(
    ("arguments", "listens"),
    [
        ([], []),
        (["--address", "0.0.0.0"], ["--server.address=0.0.0.0"]),
        (["--server.address=127.0.0.1"], ["--server.address=127.0.0.1"]),
    ],
)
def test_others_are_let_in_on_request_only_and_their_microphones_need_https(
    environment, monkeypatch, capsys, arguments, listens
):
    started = []
    monkeypatch.setattr(run.os, "execv", lambda _, program: started.extend(program))
    monkeypatch.setattr(run, "check_port", lambda *_: None)
    monkeypatch.setattr(run.os, "chdir", lambda _: None)
    run.start(environment, "app", arguments)
    assert [each for each in started if "address" in each] == listens
    assert ("https" in capsys.readouterr().out) == bool(listens)


def test_an_environment_of_another_python_is_not_used(environment):
    (environment.folder / "pyvenv.cfg").write_text("version = 3.9.1\n")
    assert_refused(
        lambda: run.set_up(environment, "vop"),
        "made with Python 3.9",
        "close everything",
        "delete it",
    )


def test_an_intel_mac_is_told_that_there_is_no_pytorch_for_it(environment, monkeypatch):
    monkeypatch.setattr(run.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(run.platform, "machine", lambda: "x86_64")
    assert_refused(lambda: run.set_up(environment, "vop"), "Intel Macs")


def test_any_other_failure_names_its_log(environment):
    assert_refused(
        lambda: run.run_step(
            "Installing", [sys.executable, "-c", "raise SystemExit('odd')"], environment
        ),
        "odd",
        "setup.log",
    )
    assert "odd" in environment.log.read_text()


@pytest.mark.parametrize("said", ["odd", "Access is denied: torch.dll", "[WinError 32] torch.dll"])
def test_no_remedy_takes_away_a_folder_that_may_be_in_use(environment, said):
    remedy = run.explain("Installing", said, environment)
    assert_one_sentence(remedy, "start again")
    assert not re.search("delete|remove", remedy)
    assert ("close the app" in remedy) == (said != "odd")


def test_a_path_that_python_cannot_make_an_environment_in_is_refused(checkout):
    repository = checkout / os.fsdecode(b"gar\xe7on")
    assert_refused(
        lambda: run.check_machine(run.Environment(repository / ".venv", repository)),
        "is not UTF-8",
        "move the checkout",
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, ("is full", "free some space")),
        (errno.EACCES, ("/checkout/.venv.lock cannot be written", "a copy")),
        (errno.EROFS, ("/checkout/.venv.lock cannot be written", "a copy")),
    ],
    ids=["full disk", "permission", "read-only"],
)
def test_what_the_launcher_cannot_write_is_understood(monkeypatch, capsys, number, words):
    def fail(*_):
        raise OSError(number, os.strerror(number), "/checkout/.venv.lock")

    monkeypatch.setattr(run, "set_up", fail)
    assert run.main(["vop"]) == 1
    assert_one_sentence(capsys.readouterr().err, *words)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_what_a_console_cannot_show_is_escaped(monkeypatch, encoding):
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(run.sys, "stdout", console)
    monkeypatch.setattr(run, "set_up", lambda *_: run.report("Building /\udce7/\u0142"))
    monkeypatch.setattr(run, "start", lambda *_: 0)
    assert run.main(["vop"]) == 0
    console.flush()
    shown = console.buffer.getvalue().decode(encoding)
    letter = "\u0142" if encoding == "utf-8" else "\\u0142"
    assert shown == f"Building /\\udce7/{letter}{os.linesep}"


def test_the_log_takes_what_the_locale_cannot_write(checkout):
    (checkout / ".venv").mkdir()
    step = "import os; os.write(1, b'Collecting \\xc5\\x82\\n')"
    script = f"{LOAD}\nrun.follow('Installing', [sys.executable, '-c', {step!r}], environment)"
    settings = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    result = subprocess.run(
        [sys.executable, "-c", script, str(checkout)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "Collecting" in (checkout / ".venv" / "setup.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_an_unknown_command_shows_the_commands(arguments, capsys):
    assert run.main(arguments) == 2
    assert "python run.py app" in capsys.readouterr().out


# Several starts at once

LOAD = """
import importlib.util, sys
from pathlib import Path
repository = Path(sys.argv[1])
spec = importlib.util.spec_from_file_location("vop_launcher", repository / "run.py")
run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run)
environment = run.Environment(repository / ".venv", repository)
"""

# A start whose one step is a program that notes when it begins and ends. It ends once there is a
# file `go`; where there is a file `fail`, it removes that and fails.
CONTENDER = (
    LOAD
    + """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
step = '''
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.SIG_IGN)
journal, go, fail = Path("journal"), Path("go"), Path("fail")
with journal.open("a") as file:
    file.write("begin ")
patience = time.monotonic() + 30
while not go.exists() and time.monotonic() < patience:
    time.sleep(0.02)
with journal.open("a") as file:
    file.write("end ")
if fail.exists():
    fail.unlink()
    sys.exit("odd")
'''
run.make_environment = run.install_torch = run.warm_up = lambda *_: None
command = [sys.executable, "-c", step]
run.install_packages = lambda environment, _: run.run_step("Installing", command, environment)
run.start = lambda *_: print("started") or 0
sys.exit(run.main(["vop"]))
"""
)


def contend(checkout: Path) -> subprocess.Popen:
    """Begin such a start, in a process group of its own as a terminal would."""
    return subprocess.Popen(
        [sys.executable, "-c", CONTENDER, str(checkout)],
        cwd=checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def first(environment, checkout):
    """A start in the middle of its step."""
    process, patience = contend(checkout), time.monotonic() + 30
    while not (checkout / "journal").exists():
        assert time.monotonic() < patience, "the step never began"
        time.sleep(0.02)
    yield process
    (checkout / "go").touch()
    process.kill()
    process.communicate()


@pytest.fixture
def second(first, checkout):
    """A start beside the first, and what it says while it waits."""
    process = contend(checkout)
    yield process, process.stdout.readline()
    process.kill()
    process.communicate()


def finish(process: subprocess.Popen, checkout: Path):
    """Let the steps end; returns what the process says from now on and the story of all steps."""
    (checkout / "go").touch()
    said, errors = process.communicate(timeout=30)
    return said, errors, (checkout / "journal").read_text()


def test_of_two_first_starts_one_installs_and_the_other_waits(first, second, checkout):
    second, waiting = second
    holder = rf"python run\.py vop \(process {first.pid}\)"
    assert re.fullmatch(rf"Waiting: {holder} has been setting up \.venv for \d+ s\n", waiting)
    said, errors, story = finish(second, checkout)
    assert re.fullmatch(r"Waited \d+ s for the other start\nstarted\n", said)
    assert (story, errors, second.returncode) == ("begin end ", "", 0)
    assert first.communicate(timeout=30)[0].endswith("started\n")


def test_a_start_that_waits_takes_over_where_the_other_fails(first, second, checkout):
    (checkout / "fail").touch()
    said, _, story = finish(second[0], checkout)
    assert said.endswith("started\n") and story == "begin end begin end "
    assert first.wait(timeout=30) == 1
    assert_one_sentence(first.stderr.read(), "Installing failed", "start again")


@POSIX_ONLY
def test_what_a_killed_start_was_installing_ends_before_the_next_installs(first, second, checkout):
    first.kill()
    time.sleep(0.7)  # time enough to install beside it
    said, _, story = finish(second[0], checkout)
    assert said.endswith("started\n") and story == "begin end begin end "


@POSIX_ONLY
def test_an_interrupted_start_leaves_when_its_step_has(first, checkout):
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does; this step ignores it
    time.sleep(0.3)  # time enough to leave without it
    _, errors, story = finish(first, checkout)
    assert (story, first.returncode) == ("begin end ", 1)
    assert errors == "Interrupted; start again to go on where it stopped.\n"


def test_where_everything_is_installed_no_lock_is_taken(environment, monkeypatch):
    environment.remember(())
    monkeypatch.setattr(run, "turn", lambda *_: pytest.fail("took a lock"))
    run.set_up(environment, "vop")
    assert not environment.lock.exists()


@POSIX_ONLY
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_no_hindrance(environment, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(run.fcntl, "flock", refuse)
    monkeypatch.setattr(run.time, "sleep", lambda _: pytest.fail("waits for nobody"))
    monkeypatch.setattr(run, "install", lambda environment, extras: environment.remember(extras))
    run.set_up(environment, "vop")
    assert environment.holds(())


def test_the_lock_outlives_the_environment(environment):
    assert environment.folder not in environment.lock.parents


# What is installed


def write_package(packages: Path, name: str) -> Path:
    """Write an installed package with a file beside the packages; returns its metadata."""
    metadata = packages / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (packages / f"{name}.py").write_text("x = 1\n")
    (packages.parent / f"{name}-script").write_text("run\n")
    (metadata / "METADATA").write_text(f"Name: {name}\n")
    rows = [f"{name}.py,sha256=x,6", f"../{name}-script,sha256=x,4", f"{name}.pyc,,9"]
    rows += [f"{metadata.name}/{file},," for file in ("METADATA", "RECORD")]
    (metadata / "RECORD").write_text("\n".join(rows) + "\n")
    return metadata


@pytest.mark.parametrize("lost", ["torch.py", "../torch-script", "torch-1.0.dist-info/RECORD"])
@pytest.mark.parametrize("how", ["missing", "empty", "cut short"])
def test_a_package_that_is_not_whole_is_installed_once_more(environment, lost, how):
    relative = "Lib" if os.name == "nt" else "lib/python3.11"
    packages = environment.folder / relative / "site-packages"
    whole, broken = write_package(packages, "whole"), write_package(packages, "torch")
    assert environment.metadata() == [broken, whole]
    run.forget_broken_packages(environment)
    assert environment.metadata() == [broken, whole]
    if how == "missing":
        (packages / lost).unlink()
    else:
        kept = (packages / lost).read_bytes()[: 0 if how == "empty" else 3]
        (packages / lost).write_bytes(kept)
    run.forget_broken_packages(environment)
    assert environment.metadata() == [whole]


def test_packages_that_are_not_whole_are_looked_for_first(environment, monkeypatch):
    order = []
    for step in ("forget_broken_packages", "make_environment", "install_torch", "warm_up"):
        monkeypatch.setattr(run, step, lambda *_, step=step: order.append(step))
    monkeypatch.setattr(run, "install_packages", lambda *_: None)
    run.set_up(environment, "vop")
    assert order == ["forget_broken_packages", "make_environment", "install_torch", "warm_up"]


def test_an_update_that_does_not_end_leaves_no_stamp_that_could_come_true_again(
    environment, checkout, monkeypatch, capsys
):
    environment.remember({"notebooks"})
    constraints = (checkout / "constraints.txt").read_bytes()
    (checkout / "constraints.txt").write_text("torch==3.0\n")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "make_environment", fail)
    with pytest.raises(KeyboardInterrupt):
        run.set_up(environment, "vop")
    assert "restart the app or notebooks" in capsys.readouterr().out
    (checkout / "constraints.txt").write_bytes(constraints)
    assert environment.installed_extras() is None
    assert environment.former_extras() == {"notebooks"}


def test_a_stamp_that_cannot_be_written_leaves_the_former_one_whole(environment, monkeypatch):
    environment.remember({"test"})

    def write_half(path, text):
        with path.open("w") as file:
            file.write(text[: len(text) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OSError, match="space"):
        environment.remember({"notebooks"})
    assert environment.installed_extras() == {"test"}


@POSIX_ONLY
@pytest.mark.alone
def test_a_second_start_takes_a_moment_and_hands_everything_on(environment, checkout):
    environment.remember(())
    seconds = []
    for _ in range(3):  # the quickest of three: other programs may hold both cores for a moment
        started = time.monotonic()
        result = launch(checkout, "vop", "data", "check", "a folder")
        seconds.append(time.monotonic() - started)
        assert result.returncode == 7, result.stderr
        assert result.stdout == f"{checkout} data check a folder\n"
    assert min(seconds) < 3


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt", ".venv/pyvenv.cfg"])
def test_a_change_of_what_belongs_in_the_environment_is_noticed(environment, checkout, changed):
    environment.remember({"test"})
    assert environment.installed_extras() == {"test"}
    with (checkout / changed).open("a") as file:
        file.write("\n# changed\n")
    assert environment.installed_extras() is None
    assert environment.former_extras() == {"test"}


@pytest.mark.parametrize("stamp", ["", "[]", "{}", '{"extras": 1}'])
def test_a_damaged_stamp_counts_as_none(environment, stamp):
    environment.stamp.write_text(stamp)
    assert environment.installed_extras() is None


def test_the_app_installs_what_the_app_needs_and_an_update_keeps_what_was_there(
    environment, monkeypatch
):
    asked = []
    for step in ("make_environment", "install_torch", "warm_up"):
        monkeypatch.setattr(run, step, lambda *_: None)
    monkeypatch.setattr(run, "install_packages", lambda _, extras: asked.append(extras))
    run.set_up(environment, "app")
    run.set_up(environment, "app")
    assert asked == [[]]
    run.set_up(environment, "lab")
    assert asked == [[], ["notebooks"]]
    stamp = json.loads(environment.stamp.read_text())
    environment.stamp.write_text(json.dumps({**stamp, "fingerprint": "outdated"}))
    run.set_up(environment, "app")
    assert asked == [[], ["notebooks"], ["notebooks"]]


@pytest.mark.parametrize(
    ("system", "driver", "expected"),
    [("linux", None, True), ("linux", "nvidia-smi", False), ("darwin", None, False)],
)
def test_the_cpu_build_is_for_linux_without_an_nvidia_gpu(monkeypatch, system, driver, expected):
    monkeypatch.setattr(run.sys, "platform", system)
    monkeypatch.setattr(run.shutil, "which", lambda name: driver)
    monkeypatch.setattr(run, "Path", lambda path: Path("no such folder"))
    assert run.wants_cpu_torch() is expected


@POSIX_ONLY
def test_pip_takes_over_where_uv_cannot(environment):
    python = environment.program("python")
    python.unlink()
    python.write_text(f'#!/bin/sh\necho "$@" >> "{environment.folder}/asked"\n[ "$2" != uv ]\n')
    python.chmod(0o755)
    run.install_packages(environment, ["notebooks"])
    installer, by_uv, by_pip = (environment.folder / "asked").read_text().splitlines()
    assert installer.startswith("-m pip") and "uv" in installer
    assert by_uv.startswith("-m uv pip install") and by_pip.startswith("-m pip")
    for command in (by_uv, by_pip):
        assert command.endswith(
            f"--constraint {environment.repository}/constraints.txt --editable .[notebooks]"
        )


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
