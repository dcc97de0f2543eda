"""Whatever a command is asked to write, nothing that is there already is lost, and every console
can show it.
"""

import contextlib
import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from vop_core import cli
from vop_core.course import predictions
from vop_core.data.features import load_features
from vop_core.data.locations import cache_folder, cache_root
from vop_core.data.persons import load_dataset
from vop_core.errors import VopError
from vop_core.text import printable

WRITING_OPTIONS = {"--out", "--json", "--to"}
VOICES = Path(__file__).resolve().parents[1] / "data" / "voices" / "synthetic-en"


def writing_commands() -> dict[tuple[str, ...], str]:
    """Every command that writes where it is told to, with the option; taken from the program
    itself.
    """
    found = {}

    def visit(command, path):
        for name, each in getattr(command, "commands", {}).items():
            visit(each, (*path, name))
        options = {
            option for parameter in command.params for option in parameter.opts
        } & WRITING_OPTIONS
        for option in options:
            found[(*path, option)] = option

    visit(typer.main.get_command(cli.app), ())
    return found


# The other arguments of each, relative to ``desk``.
ARGUMENTS = {
    ("data", "list", "--json"): [],
    ("data", "get", "--to"): ["fsdd"],
    ("data", "prepare", "--to"): ["fsdd", "source"],
    ("data", "check", "--json"): ["set"],
    ("train", "--to"): ["keywords-ar"],
    ("evaluate", "--json"): ["keywords-en", "--data", "set", "--shots", "1", "--repetitions", "1"],
    ("crossval", "--json"): ["set", "--folds", "2", "--jobs", "1"],
    ("enroll", "--out"): ["a.opus", "b.opus", "--task", "keywords-en"],
    ("predict", "--json"): ["a.opus", "b.opus", "--person", "me.safetensors"],
    ("verify", "--json"): ["a.opus", "--enrolled", "b.opus"],
    ("export", "--to"): ["keywords-en"],
    ("alarms", "--json"): [],
    ("voices", "build", "--to"): [],
    ("course", "book", "--to"): [],
    ("perf", "--json"): ["--only", "log-mel-kaldi"],
}


def test_every_command_that_writes_is_tried_here():
    assert writing_commands().keys() == ARGUMENTS.keys()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A person's desk: clips, a person's file, a data set, a published one, a table, a text,
    links.
    """
    desk = tmp_path_factory.mktemp("desk")
    for name, clip in zip(("a.opus", "b.opus"), sorted(VOICES.glob("01/*.opus")), strict=False):
        shutil.copyfile(clip, desk / name)
    generator = np.random.default_rng(0)
    (desk / "set").mkdir()
    (desk / "source" / "recordings").mkdir(parents=True)
    rows = ["path,person,label,take"]
    for person in ("anna", "ben"):
        for take in range(3):
            sound = generator.normal(scale=0.1, size=8000)
            soundfile.write(desk / "set" / f"{person}{take}.wav", sound, 16_000)
            soundfile.write(
                desk / "source" / "recordings" / f"1_{person}_{take}.wav", sound, 16_000
            )
            rows.append(f"{person}{take}.wav,{person},six,{take}")
    (desk / "set" / "metadata.csv").write_text("\n".join(rows) + "\n")
    (desk / "set" / "notes.json").write_text("{}")
    (desk / "thesis.txt").write_text("Chapter 1")
    (desk / "README.md").write_text("# Mine")
    (desk / "own").mkdir()
    (desk / "own" / "synthetic-en").mkdir()
    (desk / "own" / "synthetic-en" / "notes.txt").write_text("mine")
    (desk / "set.unfinished").mkdir()
    (desk / "set.unfinished" / "notes.txt").write_text("mine")
    if os.name != "nt":
        (desk / "link.opus").symlink_to("a.opus")
        (desk / "twin.opus").hardlink_to(desk / "a.opus")
        (desk / "linked").symlink_to("set")
    asked = ["enroll", "a.opus", "b.opus", "--task", "keywords-en", "--out", "me.safetensors"]
    with contextlib.chdir(desk):
        assert CliRunner().invoke(cli.app, asked).exit_code == 0
    return desk


@pytest.fixture
def desk(template, tmp_path, monkeypatch):
    """A desk of one's own, where the commands run."""
    desk = tmp_path / "desk"
    shutil.copytree(template, desk, symlinks=True)
    (desk / "twin.opus").unlink(missing_ok=True)
    if os.name != "nt":
        (desk / "twin.opus").hardlink_to(desk / "a.opus")
    monkeypatch.chdir(desk)
    return desk


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("command", ARGUMENTS, ids=" ".join)
def test_no_command_changes_a_file_that_was_there(command, desk, tmp_path, monkeypatch):
    """Whatever it is aimed at; only what an earlier run of the same command wrote may be
    replaced.
    """
    before = contents(desk)
    stop_before_the_work(monkeypatch, tmp_path)
    *words, option = command
    replaceable = {"me.safetensors"} if words == ["enroll"] else set()
    if "set" not in ARGUMENTS[command]:  # JSON that is no input
        replaceable |= {"set/notes.json"}
    everything = sorted(str(path.relative_to(desk)) for path in desk.rglob("*"))
    spelled = [
        "./a.opus",
        "set/../a.opus",
        str(desk / "a.opus"),
        ".",
        "",
        "source/new",
        "set/anna0.wav/x",
    ]
    for target in [*everything, *spelled]:
        if target in replaceable:
            continue
        result = CliRunner().invoke(cli.app, [*words, *ARGUMENTS[command], option, target])
        said = result.output
        assert "Something went wrong" not in said, (target, said)
        after = contents(desk)
        assert {name: after.get(name) for name in before} == before, (target, said)
        assert not [name for name in after if ".vop-" in name]


def stop_before_the_work(monkeypatch, folder: Path) -> None:
    """Trainings, downloads and long evaluations end here; what guards outputs comes before them."""

    def enough(*given, **options):
        raise VopError("enough")

    archive = folder / "source.zip"

    def fetched(*given, **options):
        with zipfile.ZipFile(archive, "w") as stream:
            for path in Path("source").rglob("*.wav"):
                stream.write(path, f"fsdd/{path.relative_to('source').as_posix()}")
        return archive

    monkeypatch.setattr("vop_core.data.sources.registry.fetch", fetched)
    for work in (
        "models.evaluate.evaluate_folder",
        "bench.crossval.crossval",
        "course.book.chapters",
        "export.folder.bundled",
        "models.streaming.false_alarms",
        "data.sources.bundled.write_corpus",
        "tasks.keyword_spotting.ArabicCommands.data",
    ):
        monkeypatch.setattr(f"vop_core.{work}", enough)


def test_folders_that_hold_anything_else_are_refused_before_the_work(desk, tmp_path, monkeypatch):
    stop_before_the_work(monkeypatch, tmp_path)
    for folder in ("voices", "mixed"):
        shutil.copytree(VOICES, desk / folder / VOICES.name)
    (desk / "mixed" / VOICES.name / "01" / "mine.opus").write_bytes(b"mine")

    def said(*words: str) -> str:
        return CliRunner().invoke(cli.app, words).output

    assert "enough" in said("voices", "build", "--to", "voices")  # an earlier build may be replaced
    assert "'01/mine.opus', which its table does not list" in said(
        "voices", "build", "--to", "mixed"
    )
    assert "README.md' is there already and is not a model's card" in said(
        "train", "keywords-ar", "--to", "."
    )
    assert "lies in the published data set" in said(
        "data", "prepare", "fsdd", "source", "--to", "source/new"
    )


def test_what_an_earlier_run_wrote_is_replaced(desk):
    for shots in (["a.opus"], ["a.opus", "b.opus"]):
        enrolled = CliRunner().invoke(
            cli.app, ["enroll", *shots, "--task", "keywords-en", "--out", "me.safetensors"]
        )
        assert enrolled.exit_code == 0, enrolled.output
        asked = ["predict", "a.opus", "--person", "me.safetensors", "--json", "answers.json"]
        assert CliRunner().invoke(cli.app, asked).exit_code == 0
        assert json.loads(Path("answers.json").read_text("utf-8"))["shots"] == len(shots)


# Names and consoles


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="every name is text there")
def test_a_clip_whose_name_is_no_text_is_answered_and_the_json_is_valid(
    template, tmp_path, monkeypatch
):
    name = os.fsdecode(b"caf\xe9\n.opus")
    shutil.copyfile(template / "a.opus", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    asked = ["predict", name, "--person", str(template / "me.safetensors")]
    shown = CliRunner().invoke(cli.app, asked)
    assert shown.exit_code == 0, shown.output
    assert "caf\\xe9\\n.opus" in shown.output
    assert CliRunner().invoke(cli.app, [*asked, "--json", "answers.json"]).exit_code == 0
    (answer,) = json.loads(Path("answers.json").read_text("utf-8"))["clips"]
    assert answer["clip"] == printable(name)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_console_shows_what_it_can(encoding, monkeypatch):
    """Escapes stand for the rest; JSON is JSON on all of them."""
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setattr(signal, "signal", lambda *given: None)

    def speak() -> None:
        cli.output.say("سبعة caf\udce9")
        cli.output.write_json({"سبعة": "caf\udce9"}, "-")

    monkeypatch.setattr(cli, "app", speak)
    cli.main()
    console.flush()
    # click takes a console of ASCII for one of UTF-8 that is set up wrongly
    written = console.buffer.getvalue().decode("utf-8" if encoding == "ascii" else encoding)
    line, content = written.split("\n", 1)
    assert line.endswith("caf\\xe9")
    assert json.loads(content) == {"سبعة": "caf\\xe9"}


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_a_command_that_is_ended_leaves_nothing_half_made(tmp_path):
    script = """if True:
        import os, signal, sys, time
        from vop_core import cli
        from vop_core.writing import whole_file
        def write():
            with whole_file(sys.argv[1]) as part:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
        cli.app = write
        cli.main()
    """
    file = tmp_path / "result.json"
    file.write_text("former")
    ended = subprocess.run([sys.executable, "-c", script, str(file)], timeout=60)
    assert ended.returncode == 128 + signal.SIGTERM
    assert [path.read_text() for path in tmp_path.iterdir()] == ["former"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "The disk is full"),
        (
            PermissionError(errno.EACCES, "Permission denied", "caf\udce9"),
            "'caf\\xe9' cannot be read or written",
        ),
        (OSError(errno.EROFS, "Read-only file system"), "Read-only file system"),
    ],
    ids=["full disk", "permission", "read-only"],
)
def test_what_the_system_refuses_anywhere_in_a_command_is_one_sentence(error, says, monkeypatch):
    def refuse(*given):
        raise error

    monkeypatch.setattr("vop_core.data.locations.data_root", refuse)
    monkeypatch.delenv("VOP_DEBUG", raising=False)
    result = CliRunner().invoke(cli.app, ["data", "list"])
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.strip().splitlines()) == 1


# The cache


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    """A cache folder that nobody can make: a file is in its way."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "file" / "cache"))
    return tmp_path


def test_a_cache_that_cannot_be_written_is_said_with_the_way_out(no_cache, monkeypatch):
    says = (
        "The cache folder '.*cache' cannot be written \\(.*\\); set VOP_CACHE to a folder that can"
    )
    with pytest.raises(VopError, match=says):
        cache_folder("runs")
    with pytest.raises(VopError, match=says):
        predictions.predict("key", "Which?", ["this", "that"]).choose(1)
    monkeypatch.chdir(no_cache)
    for command in (
        ["train", "keywords-ar", "--to", "new"],
        ["data", "get", "fsdd", "--to", "newer"],
    ):
        result = CliRunner().invoke(cli.app, command)
        assert result.exit_code == 2
        assert "set VOP_CACHE" in result.output


def test_without_a_cache_features_are_computed_and_not_kept(no_cache, template):
    assert len(load_features(load_dataset(template / "set"))) == 6


def test_a_damaged_cache_is_made_anew(template, tmp_path, monkeypatch):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path))
    found = load_features(load_dataset(template / "set")).features
    (kept,) = (cache_root() / "features").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:100])
    assert load_features(load_dataset(template / "set")).features.equal(found)
    assert kept.read_bytes() == whole
