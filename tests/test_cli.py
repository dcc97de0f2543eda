"""The command line: what it prints, and that every refusal is one sentence and exit code 2."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors import safe_open
from safetensors.torch import save_file
from typer.testing import CliRunner

from tests.buzzing import save_models, write_persons
from tests.data.audio_fixtures import spoken, vowel
from vop_core.cli import app

LABELS = ("go", "no", "stop", "yes")


def voice(person: int, word: int, take: int) -> np.ndarray:
    """A vowel with a length of the word's and a pitch of its own; loud enough for the coach."""
    return vowel(0.6 + 0.03 * word, pitch=110.0 + 25 * person + 7 * word + 0.5 * take)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Four persons who say four words three times."""
    return write_persons(tmp_path_factory.mktemp("data") / "buzz", words=LABELS)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """An untrained pair of models in the place of the shipped ones: quick, and enough to speak
    through.
    """
    root = tmp_path_factory.mktemp("models")
    for task in ("keywords-en", "keywords-ar"):
        save_models(root / task, task, LABELS, ["buzz/p0"])
    return root


@pytest.fixture
def run(monkeypatch, models, dataset):
    """Run a command line in this process."""
    monkeypatch.setattr("vop_core.models.bundle.models_root", lambda: models)
    monkeypatch.setenv("VOP_DATA", str(dataset.parent))
    monkeypatch.delenv("VOP_DEBUG", raising=False)

    def invoke(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)))

    return invoke


def refused(result, says: str) -> str:
    """The one sentence of a refusal."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    sentence = result.stderr.strip()
    assert re.search(says, sentence), sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    return sentence


@pytest.fixture
def clips(tmp_path):
    """Three clips to enroll and one to ask about, all of one person."""
    paths = [tmp_path / f"{name}.wav" for name in "ABCD"]
    for word, path in enumerate(paths):
        soundfile.write(path, voice(1, word, 7), 16_000)
    return paths


@pytest.fixture
def person(run, clips, tmp_path):
    """The file of a person enrolled with one clip."""
    out = tmp_path / "me.safetensors"
    run("enroll", clips[0], "--task", "keywords-en", "--out", out)
    return out


# Help and failures


def test_the_console_script_shows_its_commands_without_loading_torch():
    """In a process of its own, because this one has torch already."""
    code = (
        "import sys; from vop_core.cli import main; sys.argv = ['vop', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'torch', 'numpy', 'streamlit', 'librosa'} & sys.modules.keys()), "
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    for command in (
        "data",
        "train",
        "evaluate",
        "crossval",
        "enroll",
        "predict",
        "voices",
        "app",
        "lab",
    ):
        assert re.search(rf"^\W*{command}\s", done.stdout, re.MULTILINE), command


def test_a_refusal_leaves_the_process_with_2_and_no_traceback(tmp_path):
    code = (
        "import sys; from vop_core.cli import main; sys.argv = ['vop', 'data', 'check', "
        "'nowhere']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=_environment(),
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("There is no data set at 'nowhere'")
    assert done.stderr.count("\n") == 1


def _environment():
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def test_the_version_is_shown(run):
    from vop_core import __version__

    assert run("--version").stdout.strip() == f"vop {__version__}"


def test_something_unexpected_is_a_sentence_too_unless_debugging(run, monkeypatch):
    def breaks(folder):
        raise RuntimeError("inner trouble\nwith details")

    monkeypatch.setattr("vop_core.data.format.check_dataset", breaks)
    result = run("data", "check", "buzz")
    assert result.exit_code == 1
    assert "Something went wrong inside VoP Studio (RuntimeError: inner trouble)" in result.stderr
    assert "with details" not in result.stderr
    monkeypatch.setenv("VOP_DEBUG", "1")
    assert isinstance(run("data", "check", "buzz").exception, RuntimeError)


# vop data


def test_data_list_shows_every_source(run):
    from vop_core.data.sources.registry import SOURCES

    result = run("data", "list", "--json", "-")
    listed = {entry["name"]: entry for entry in json.loads(result.stdout)}
    assert listed.keys() == SOURCES.keys()
    assert not any(entry["here"] for entry in listed.values())
    text = run("data", "list").stdout
    assert all(name in text for name in SOURCES)


def test_data_check_says_what_is_there(run, dataset):
    result = run("data", "check", dataset)
    assert result.exit_code == 0
    assert result.stdout.strip() == "buzz is in order: 4 persons, 4 words, 48 clips, 0 minutes."
    assert json.loads(run("data", "check", "buzz", "--json", "-").stdout)["clips"] == 48


def test_data_check_refuses_what_is_broken(run, tmp_path):
    refused(run("data", "check", tmp_path), "has no metadata.csv")
    folder = tmp_path / "small"
    write_persons(folder, persons=1, words=("yes",))
    (folder / "p0" / "yes_01.flac").unlink()
    refused(run("data", "check", folder), "does not exist; add the file or remove the row")
    (folder / "p0" / "yes_02.flac").write_bytes(b"-")
    result = run("data", "check", folder)
    assert result.exit_code == 2
    assert "cannot be used: yes_02.flac is" in result.stderr
    assert result.stderr.strip().endswith("mend them and check again.")


def test_data_prepare_converts_a_folder(run, tmp_path):
    source = tmp_path / "fsdd-master" / "recordings"
    source.mkdir(parents=True)
    for take in range(2):
        soundfile.write(source / f"3_theo_{take}.wav", voice(0, 1, take)[::2], 8000)
    result = run("data", "prepare", "fsdd", source.parent, "--to", tmp_path / "fsdd")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("2 clips in")
    assert run("data", "check", tmp_path / "fsdd").exit_code == 0
    refused(run("data", "prepare", "mnist", source), "There is no data source 'mnist'")
    refused(
        run("data", "prepare", "fsdd", source.parent, "--to", tmp_path / "fsdd"), "already exists"
    )


def test_data_get_without_network_is_one_sentence(run, tmp_path, monkeypatch):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    result = run(
        "data", "get", "fsdd", "--to", tmp_path / "x", "--url", f"http://127.0.0.1:{port}/a.tar.gz"
    )
    refused(result, "cannot be reached; check the network")


# vop enroll, vop predict


def test_three_clips_make_a_person_and_a_fourth_gets_both_models_answers(run, clips, tmp_path):
    out = tmp_path / "me.safetensors"
    result = run("enroll", *clips[:3], "--task", "keywords-en", "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Enrolled from 3 clip(s)")
    assert out.stat().st_size < 300_000
    result = run("predict", clips[3], "--person", out, "--json", "-")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert (answer["task"], answer["shots"]) == ("keywords-en", 3)
    (clip,) = answer["clips"]
    for model in ("global", "personal"):
        shares = clip[model]["probabilities"]
        assert tuple(shares) == LABELS
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert clip[model]["label"] == max(shares, key=shares.get)
    for label, (low, high) in clip["personal"]["interval95"].items():
        assert 0 <= low <= high <= 1, label
    assert clip["changed"] == (clip["global"]["label"] != clip["personal"]["label"])


def test_the_same_seed_gives_the_same_answer_and_the_mean_needs_none(run, clips, person):
    drawn = [
        run("predict", clips[3], "--person", person, "--seed", seed, "--json", "-").stdout
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    mean = json.loads(
        run("predict", clips[3], "--person", person, "--draws", 0, "--json", "-").stdout
    )
    assert "interval95" not in mean["clips"][0]["personal"]


def test_the_answer_is_a_table_for_people_and_a_file_for_programs(run, clips, tmp_path):
    out, file = tmp_path / "me.safetensors", tmp_path / "answer.json"
    run("enroll", *clips[:2], "--task", "keywords-ar", "--out", out)
    result = run("predict", *clips[2:], "--person", out, "--json", file)
    assert "C.wav" in result.stdout and "D.wav" in result.stdout
    assert "global" in result.stdout and "personal" in result.stdout
    assert len(json.loads(file.read_text("utf-8"))["clips"]) == 2


def test_conversions_are_remarked_on_stderr_and_json_stays_json(run, person, tmp_path):
    stereo = tmp_path / "stereo.wav"
    sound = np.repeat(voice(1, 2, 3)[:, None], 2, axis=1)
    soundfile.write(stereo, sound, 44_100)
    result = run("predict", stereo, "--person", person, "--json", "-")
    (clip,) = json.loads(result.stdout)["clips"]
    assert clip["notes"]
    assert "stereo.wav: " in result.stderr


def test_a_recording_of_several_words_says_which_is_heard_and_gives_all_of_them_when_asked(
    run, tmp_path
):
    path, out = tmp_path / "three.wav", tmp_path / "me.safetensors"
    soundfile.write(path, spoken(110.0, 150.0, 200.0), 16_000)
    one = run("enroll", path, "--task", "keywords-en", "--out", out)
    assert one.stdout.startswith("Enrolled from 1 clip(s)")
    assert "3 words: the model hears one second," in one.stderr
    assert "--each-word takes all of them" in one.stderr
    every = run("enroll", path, "--task", "keywords-en", "--out", out, "--each-word")
    assert every.stdout.startswith("Enrolled from 3 clip(s)")
    asked = json.loads(run("predict", path, "--person", out, "--each-word", "--json", "-").stdout)
    assert [clip["name"] for clip in asked["clips"]] == [
        f"three.wav, word {word}" for word in (1, 2, 3)
    ]


def test_a_clip_enrolls_once_and_ten_are_enough(run, clips, tmp_path):
    out = tmp_path / "me.safetensors"
    twice = run("enroll", clips[0], clips[1], clips[0], "--task", "keywords-en", "--out", out)
    assert twice.exit_code == 2 and "A.wav is given twice" in twice.stderr
    many = [tmp_path / f"{number}.wav" for number in range(11)]
    for number, path in enumerate(many):
        soundfile.write(path, voice(1, number, number), 16_000)
    assert "leave out 1" in run("enroll", *many, "--task", "keywords-en", "--out", out).stderr
    assert not out.exists()


def test_poor_clips_are_named_with_a_remedy_and_the_model_is_not_praised(run, clips, tmp_path):
    out, fan = tmp_path / "me.safetensors", tmp_path / "fan.wav"
    soundfile.write(fan, np.random.default_rng(0).normal(0, 0.1, 16_000), 16_000)
    made = run("enroll", clips[0], fan, "--task", "keywords-en", "--out", out)
    assert made.exit_code == 0
    assert "fan.wav: poor. The background is too close" in made.stderr
    assert "Poor clips: 1 of 2" in made.stdout
    (asked,) = json.loads(run("predict", fan, "--person", out, "--json", "-").stdout)["clips"]
    assert asked["quality"]["verdict"] == "poor"


def test_asking_about_a_clip_that_enrolled_is_pointed_out(run, clips, tmp_path):
    out = tmp_path / "me.safetensors"
    run("enroll", *clips[:3], "--task", "keywords-en", "--out", out)
    asked = run("predict", *clips[2:], "--person", out, "--json", "-")
    assert [clip["enrolled"] for clip in json.loads(asked.stdout)["clips"]] == [True, False]
    assert (
        "C.wav: one of the clips that enrolled" in asked.stderr
        and "D.wav: one of" not in asked.stderr
    )


@pytest.mark.parametrize("draws", [-1, 1_001])
def test_draws_have_a_bound_that_is_said_before_any_work(run, tmp_path, draws):
    refused(
        run("predict", "none.wav", "--person", "none", "--draws", draws), "choose from 0 to 1,000"
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", bytes(range(256)) * 20, b"<html></html>", b"path,person\n"],
    ids=["empty", "truncated", "random", "html", "text"],
)
def test_bad_clips_are_refused_and_an_earlier_file_is_kept(run, clips, person, tmp_path, content):
    before = person.read_bytes()
    bad = tmp_path / "bad.wav"
    bad.write_bytes(content)
    refused(run("enroll", clips[0], bad, "--task", "keywords-en", "--out", person), r"bad\.wav")
    assert person.read_bytes() == before
    refused(run("predict", bad, "--person", person), r"bad\.wav")
    refused(run("predict", tmp_path / "none.wav", "--person", person), r"none\.wav")


@pytest.mark.parametrize(
    ("samples", "kind"),
    [
        (np.zeros(16_000), "silence"),
        (np.full(16_000, np.nan), "not a number"),
        (np.sign(np.sin(np.arange(16_000))), "clipped"),
        (voice(0, 0, 0)[4_000:4_800], "short"),
        (np.tile(voice(0, 0, 0), 110), "long"),
    ],
)
def test_unusable_sound_is_refused(run, tmp_path, samples, kind):
    path = tmp_path / "sound.wav"
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    refused(
        run("enroll", path, "--task", "keywords-en", "--out", tmp_path / "x.safetensors"),
        r"sound\.wav",
    )
    assert not (tmp_path / "x.safetensors").exists()


def test_a_person_file_that_is_none_is_refused(run, clips, person, tmp_path):
    whole = person.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"\x80\x04pickle", b"PK\x03\x04zip", bytes(999)):
        person.write_bytes(content)
        refused(run("predict", clips[3], "--person", person), r"me\.safetensors")
    refused(run("predict", clips[3], "--person", tmp_path / "nobody"), "nobody")


def test_a_person_file_of_another_model_is_refused(run, clips, person):
    with safe_open(person, framework="pt") as stream:
        metadata = stream.metadata()
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
    about = json.loads(metadata["about"])
    for change, says in (({"model": "0" * 16}, "model"), ({"task": "digits"}, "unknown task")):
        save_file(tensors, person, {**metadata, "about": json.dumps({**about, **change})})
        refused(run("predict", clips[3], "--person", person), says)


def test_an_unknown_task_and_an_unwritable_place_are_refused(run, clips, tmp_path):
    refused(
        run("enroll", clips[0], "--task", "songs", "--out", tmp_path / "x"),
        "There is no task 'songs'",
    )
    result = run("enroll", clips[0], "--task", "keywords-en", "--out", tmp_path / "no" / "x")
    refused(result, "its folder does not exist")
    refused(run("train", "songs"), "There is no task 'songs'")


# vop evaluate, vop crossval


def test_evaluate_prints_the_agreed_json(run, dataset):
    result = run(
        "evaluate",
        "keywords-en",
        "--data",
        dataset,
        "--shots",
        "1,3",
        "--repetitions",
        1,
        "--json",
        "-",
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report.keys() >= {"task", "config", "rows", "differences"}
    fields = {"method", "set", "shots", "persons", "accuracy", "ci95", "worst_decile", "nll", "ece"}
    assert all(row.keys() >= fields for row in report["rows"])
    assert {row["shots"] for row in report["rows"]} == {1, 3}
    rows = {(row["method"], row["row"]) for row in report["rows"]}
    assert rows >= {
        ("global", "own"),
        *(("vop", row) for row in ("own", "prior", "wrong-person", "mixed")),
    }
    persons = {(row["set"], row["persons"]) for row in report["rows"] if row["method"] == "global"}
    assert persons == {("closed", 1), ("open", 3)}
    assert all(0 <= row["accuracy"] <= 1 for row in report["rows"])
    assert all(
        d.keys() >= {"a", "b", "set", "shots", "mean", "ci95"} for d in report["differences"]
    )


def test_evaluate_says_which_labels_it_read_as_others(run, dataset, tmp_path):
    folder = shutil.copytree(dataset, tmp_path / "buzz")
    table = folder / "metadata.csv"
    table.write_text(table.read_text("utf-8").replace(",stop,", ",Stop,"), "utf-8")
    evaluate = (
        "evaluate",
        "keywords-en",
        "--shots",
        1,
        "--repetitions",
        1,
        "--json",
        "-",
        "--data",
    )
    result = run(*evaluate, folder)
    note = "'Stop' is read as 'stop' (12 clips)."
    assert note in result.stderr.splitlines()
    assert json.loads(result.stdout)["config"]["notes"] == [note]
    table.write_text(table.read_text("utf-8").replace(",Stop,", ",stpo,"), "utf-8")
    refused(
        run(*evaluate, folder), "'stpo' is not a word of this task; its words are go, no, stop, yes"
    )


def test_evaluate_refuses_what_it_cannot_do(run, dataset, tmp_path):
    refused(run("evaluate", "keywords-en", "--data", tmp_path), "has no metadata.csv")
    refused(
        run("evaluate", "keywords-en", "--data", "nothing"), "There is no data set at 'nothing'"
    )
    refused(run("evaluate", "songs", "--data", dataset), "There is no task 'songs'")
    refused(
        run("evaluate", "keywords-en", "--data", dataset, "--shots", "0,x"),
        "--shots takes whole numbers",
    )
    refused(
        run("evaluate", "keywords-en", "--data", dataset, "--shots", 12),
        "too few clips for 12 enrollment",
    )
    target = tmp_path / "no" / "report.json"
    refused(
        run("evaluate", "keywords-en", "--data", dataset, "--json", target),
        "its folder does not exist",
    )


def test_crossval_refuses_what_it_cannot_do(run):
    refused(run("crossval", "nothing"), "'nothing'")
    refused(run("crossval", "buzz", "--folds", 9), "9 folds need at least 9 persons")
    refused(run("crossval", "buzz", "--recipe", "magic"), "There is no recipe 'magic'")
    refused(run("crossval", "buzz", "--seeds", "a"), "--seeds takes whole numbers")


def test_crossval_says_who_was_left_out(run, monkeypatch):
    remarks = ["2 person(s) of buzz are not trained on: fewer than 2 training clips."]
    found = {"task": "buzz", "config": {"remarks": remarks}, "rows": [], "differences": []}
    monkeypatch.setattr("vop_core.bench.crossval.crossval", lambda *_, **settings: found)
    result = run("crossval", "buzz", "--json", "-")
    assert result.exit_code == 0, result.stderr
    assert remarks[0] in result.stderr.splitlines()


# vop app


def test_a_taken_port_is_said(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused(
            run("app", "--port", taken.getsockname()[1]), "is taken; close the program that has it"
        )


@pytest.mark.parametrize("address", ["", "no-such-host.invalid", "203.0.113.7"])
def test_an_address_that_is_not_this_machines_is_said(run, address):
    refused(run("app", "--address", address), "is no address of this machine; write one")


def test_app_and_lab_start_the_right_programs(run, monkeypatch):
    started = []
    monkeypatch.setattr(
        "vop_core.cli.programs._follow", lambda script, folder: started.append(script) or 0
    )
    monkeypatch.setattr("vop_core.cli.programs._repository", lambda needed: needed)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "https" not in run("app", "--port", port).output
    assert run("lab", "--no-browser").exit_code == 0
    assert "https" in run("app", "--port", port, "--address", "0.0.0.0").output
    assert started[2] == [*started[0], "--server.address=0.0.0.0"]
    assert started[0] == ["streamlit", "run", "app/streamlit_app.py", f"--server.port={port}"]
    assert started[1][:2] == ["jupyterlab", "notebooks"] and started[1][-1] == "--no-browser"


def test_pictures_enroll_and_are_recognized_as_clips_are(tmp_path):
    """The answers are those of the package to the same pictures."""
    from vop_core.data.hands import bundled_writers
    from vop_core.data.pictures import decode_picture_file, picture_png
    from vop_core.models import load_bundle

    files = []
    for number, record in enumerate(bundled_writers()[2].query[:5]):
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(picture_png(record.load(), side=140))
    person = tmp_path / "hand.safetensors"
    run = CliRunner().invoke
    enrolled = run(
        app, ["enroll", *map(str, files[:4]), "--task", "handwriting", "--out", str(person)]
    )
    assert enrolled.exit_code == 0 and "Enrolled from 4 clip(s)" in enrolled.output
    asked = ["predict", str(files[4]), "--person", str(person), "--draws", "0", "--json", "-"]
    (answer,) = json.loads(run(app, asked).stdout)["clips"]
    bundle = load_bundle("handwriting")
    pictures = [decode_picture_file(file) for file in files]
    own = bundle.enroll(pictures[:4]).predict(bundle.features(pictures[4:]))
    assert answer["personal"]["label"] == bundle.labels[int(own.label_index[0])]
    assert answer["personal"]["probability"] == pytest.approx(float(own.probabilities.max()))
    (tmp_path / "no.png").write_bytes(b"no picture")
    for words, said in (
        (["predict", str(tmp_path / "no.png"), "--person", str(person)], "no.png is no picture"),
        (["predict", str(files[4]), "--person", str(person), "--each-word"], "is for recordings"),
    ):
        refused = run(app, words)
        assert refused.exit_code == 2
        assert said in refused.output
