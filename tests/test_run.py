"""The launcher: each failure is one sentence with a remedy, and a second start waits for nothing."""

import ast
import errno
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from pathlib import Path

import pip
import pytest

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


@pytest.fixture(scope="module")
def run():
    """run.py as a module."""
    spec = importlib.util.spec_from_file_location("vop_launcher", ROOT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh clone as far as the launcher is concerned: no environment yet."""
    for name in ("run.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def environment(run, checkout):
    """A checkout whose environment exists: our own interpreter, and a `vop` that repeats its arguments."""
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


# Failures


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10), (3, 14), (4, 0)])
def test_a_wrong_python_is_refused(run, version):
    with pytest.raises(SystemExit) as refusal:
        run.check_python(version)
    assert_one_sentence(refusal.value.code, f"this is Python {version[0]}.{version[1]}", "3.11, 3.12 or 3.13")


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_a_right_python_is_let_through(run, minor):
    run.check_python((3, minor))


def test_a_wrong_python_is_refused_before_anything_is_set_up(checkout):
    result = launch(checkout, "app", sabotage="import sys; sys.version_info = (3, 10, 13, 'final', 0)")
    assert result.returncode == 1
    assert_one_sentence(result.stderr, "this is Python 3.10")
    assert not (checkout / ".venv").exists()


def test_an_old_python_can_read_the_launcher():
    ast.parse((ROOT / "run.py").read_text(), feature_version=(3, 7))


def test_a_python_without_venv_is_told_which_package_is_missing(checkout):
    nothing = "import sys; sys.modules['ensurepip'] = None"
    result = launch(checkout, "app", "--port", str(free_port()), sabotage=nothing)
    assert result.returncode == 1
    assert_one_sentence(result.stderr, "venv module", f"apt install python3.{sys.version_info[1]}-venv")


@POSIX_ONLY
def test_without_a_network_the_setup_says_so(checkout):
    folder = checkout / ".venv"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "pip").symlink_to(Path(pip.__file__).parent)  # quicker than to install it
    result = launch(checkout, "vop", **OFFLINE)
    assert result.returncode == 1
    assert_one_sentence(result.stderr, "cannot be reached", "connect this machine")
    assert not (folder / "vop-studio.json").exists()


def test_pip_without_a_network_is_understood(run, environment, monkeypatch):
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    target = str(environment.folder / "elsewhere")
    command = [sys.executable, "-m", "pip", "install", "--target", target, "no-such-package-of-vop-studio"]
    with pytest.raises(run.SetupError) as failure:
        run.run_step("Installing", command, environment)
    assert_one_sentence(str(failure.value), "cannot be reached")


def test_too_small_a_disk_is_refused_before_the_download(run, environment, monkeypatch):
    usage = shutil.disk_usage(environment.folder)._replace(free=300_000_000)
    monkeypatch.setattr(run.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(run.SetupError) as failure:
        run.set_up(environment, ())
    assert_one_sentence(str(failure.value), "0.3 GB free", "free some space")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_on_the_way_is_understood(run, environment):
    command = [sys.executable, "-c", "with open('/dev/full', 'w') as file: file.write('x')"]
    with pytest.raises(run.SetupError) as failure:
        run.run_step("Installing", command, environment)
    assert_one_sentence(str(failure.value), "disk is full", "free about")


def test_a_disk_that_is_full_when_the_launcher_writes_is_understood(run, monkeypatch, capsys):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run, "set_up", fail)
    assert run.main(["vop"]) == 1
    assert_one_sentence(capsys.readouterr().err, "is full", "free some space")


def test_a_taken_port_is_refused_before_anything_is_set_up(run, monkeypatch, capsys):
    monkeypatch.setattr(run, "set_up", lambda *_: pytest.fail("was set up"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert run.main(["app", "--port", str(port)]) == 1
    assert_one_sentence(capsys.readouterr().err, f"Port {port} is taken", f"--port {port + 1}")


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--port"], ["--port=70000"], ["--server.port=0"]])
def test_a_port_that_is_none_is_refused(run, arguments, capsys):
    assert run.main(["app", *arguments]) == 1
    assert_one_sentence(capsys.readouterr().err, "is no port")


def test_an_environment_of_another_python_is_not_used(run, environment):
    (environment.folder / "pyvenv.cfg").write_text("version = 3.9.1\n")
    with pytest.raises(run.SetupError) as failure:
        run.set_up(environment, ())
    assert_one_sentence(str(failure.value), "made with Python 3.9", "delete that folder")


def test_an_intel_mac_is_told_that_there_is_no_pytorch_for_it(run, environment, monkeypatch):
    monkeypatch.setattr(run.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(run.platform, "machine", lambda: "x86_64")
    with pytest.raises(run.SetupError) as failure:
        run.set_up(environment, ())
    assert_one_sentence(str(failure.value), "Intel Macs")


def test_any_other_failure_names_its_log(run, environment):
    with pytest.raises(run.SetupError) as failure:
        run.run_step("Installing", [sys.executable, "-c", "raise SystemExit('odd')"], environment)
    assert_one_sentence(str(failure.value), "odd", "setup.log")
    assert "odd" in environment.log.read_text()


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_an_unknown_command_shows_the_commands(run, arguments, capsys):
    assert run.main(arguments) == 2
    assert "python run.py app" in capsys.readouterr().out


# What is installed


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


def test_the_app_installs_what_the_app_needs_and_an_update_keeps_what_was_there(run, environment, monkeypatch):
    asked = []
    for step in ("make_environment", "install_torch", "warm_up"):
        monkeypatch.setattr(run, step, lambda *_: None)
    monkeypatch.setattr(run, "install_packages", lambda _, extras: asked.append(extras))
    run.set_up(environment, run.EXTRAS["app"])
    run.set_up(environment, run.EXTRAS["app"])
    assert asked == [[]]
    run.set_up(environment, run.EXTRAS["lab"])
    assert asked == [[], ["notebooks"]]
    stamp = json.loads(environment.stamp.read_text())
    environment.stamp.write_text(json.dumps({**stamp, "fingerprint": "outdated"}))
    run.set_up(environment, run.EXTRAS["app"])
    assert asked == [[], ["notebooks"], ["notebooks"]]


@pytest.mark.parametrize(
    ("system", "driver", "expected"),
    [("linux", None, True), ("linux", "nvidia-smi", False), ("darwin", None, False)],
)
def test_the_cpu_build_is_for_linux_without_an_nvidia_gpu(run, monkeypatch, system, driver, expected):
    monkeypatch.setattr(run.sys, "platform", system)
    monkeypatch.setattr(run.shutil, "which", lambda name: driver)
    monkeypatch.setattr(run, "Path", lambda path: Path("no such folder"))
    assert run.wants_cpu_torch() is expected


@POSIX_ONLY
def test_pip_takes_over_where_uv_cannot(run, environment):
    python = environment.program("python")
    python.unlink()
    python.write_text(f'#!/bin/sh\necho "$@" >> "{environment.folder}/asked"\n[ "$2" != uv ]\n')
    python.chmod(0o755)
    run.install_packages(environment, ["notebooks"])
    installer, by_uv, by_pip = (environment.folder / "asked").read_text().splitlines()
    assert installer.startswith("-m pip") and "uv" in installer
    assert by_uv.startswith("-m uv pip install") and by_pip.startswith("-m pip")
    for command in (by_uv, by_pip):
        assert command.endswith(f"--constraint {environment.repository}/constraints.txt --editable .[notebooks]")


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
