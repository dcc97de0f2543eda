"""Files appear whole or not at all, and never over something else."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vop_core.errors import VopError
from vop_core.text import in_terms, printable
from vop_core.training.checkpoint import save_tensors, tensor_file
from vop_core.writing import JSON, check_output, make_folder, whole_file, whole_folder, write_text

LINKS = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def former(tmp_path):
    """A file from an earlier run, readable by its owner and group."""
    file = tmp_path / "result.json"
    file.write_text('{"former": true}')
    file.chmod(0o640)
    return file


# Whole or not at all


def test_a_file_takes_its_place_when_the_block_ends(former, tmp_path):
    with whole_file(former) as part:
        part.write_text("{}")
        assert former.read_text() == '{"former": true}'
        assert part.parent == former.parent  # a rename within one file system
    assert former.read_text() == "{}"
    assert names(tmp_path) == {"result.json"}


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_a_file_keeps_its_permissions_and_a_new_one_has_the_usual_ones(former, tmp_path):
    write_text(former, "{}")
    write_text(tmp_path / "new.json", "{}")
    (tmp_path / "usual").touch()
    assert former.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "new.json").stat().st_mode == (tmp_path / "usual").stat().st_mode


@LINKS
def test_a_link_stays_a_link_and_a_hard_link_keeps_the_former_content(former, tmp_path):
    (tmp_path / "link").symlink_to("result.json")
    (tmp_path / "twin").hardlink_to(former)
    write_text(tmp_path / "link", "{}")
    assert (tmp_path / "link").is_symlink()
    assert former.read_text() == "{}"
    assert (tmp_path / "twin").read_text() == '{"former": true}'


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="needs streams by name")
def test_what_is_no_file_on_a_disk_receives_the_bytes(tmp_path):
    reading, writing = os.pipe()
    write_text(f"/dev/fd/{writing}", "{}")
    os.close(writing)
    with os.fdopen(reading) as stream:
        assert stream.read() == "{}"
    write_text(os.devnull, "{}")
    assert Path(os.devnull).is_char_device()


class Interrupted(Exception):
    """Raised in the middle of writing."""


@pytest.mark.parametrize("end", [Interrupted, KeyboardInterrupt, SystemExit])
def test_what_breaks_off_leaves_the_former_file_whole_and_nothing_beside_it(former, tmp_path, end):
    with pytest.raises(end), whole_file(former) as part:
        part.write_text("hal")
        raise end
    assert former.read_text() == '{"former": true}'
    assert names(tmp_path) == {"result.json"}


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_what_the_system_refuses_is_one_sentence_and_leaves_the_former_file_whole(
    former, tmp_path, monkeypatch, step, number
):
    def refuse(*given, **options):
        raise OSError(number, os.strerror(number), "/somewhere/part")

    owner = os if step == "fsync" else Path
    monkeypatch.setattr(owner, step, refuse)
    with pytest.raises(VopError) as refusal:
        write_text(former, "{}")
    said = str(refusal.value)
    assert "result.json' " in said
    assert ("is full" in said) == (number == errno.ENOSPC)
    assert "somewhere" not in said
    assert former.read_text() == '{"former": true}'
    assert names(tmp_path) == {"result.json"}


def test_a_process_that_is_killed_leaves_the_former_file_whole(former):
    script = """if True:
        import os, sys
        from vop_core.writing import whole_file
        with whole_file(sys.argv[1]) as part:
            part.write_text("hal")
            os._exit(9)
    """
    assert subprocess.run([sys.executable, "-c", script, str(former)]).returncode == 9
    assert former.read_text() == '{"former": true}'


def test_a_folder_takes_its_place_whole_or_what_was_there_stays(tmp_path):
    folder = tmp_path / "voices"
    folder.mkdir()
    (folder / "former").touch()
    beside = tmp_path / "voices.unfinished"  # a name that anybody might give
    beside.mkdir()
    with pytest.raises(Interrupted), whole_folder(folder) as part:
        (part / "half").touch()
        raise Interrupted
    assert names(folder) == {"former"}
    with whole_folder(folder) as part:
        (part / "new").touch()
    assert names(folder) == {"new"}
    assert names(tmp_path) == {"voices", "voices.unfinished"}


def test_a_folder_that_cannot_take_its_place_gives_way_to_what_was_there(tmp_path, monkeypatch):
    folder = tmp_path / "voices"
    folder.mkdir()
    (folder / "former").touch()
    true_rename = Path.rename

    def refuse_new(path, target):
        if path.name.endswith(".part"):
            raise OSError(errno.EIO, "Input/output error")
        return true_rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse_new)
    with pytest.raises(VopError, match="voices' cannot be written"), whole_folder(folder) as part:
        (part / "new").touch()
    assert names(folder) == {"former"}
    assert names(tmp_path) == {"voices"}


# What may not be written over


def refuses(path, says: str, **asked) -> None:
    with pytest.raises(VopError, match=says):
        check_output(path, **{"replaces": JSON} | asked)


def test_an_input_is_no_output_however_it_is_spelled(tmp_path, monkeypatch):
    clip, folder = tmp_path / "clip.json", tmp_path / "set"
    clip.write_text("{}")
    folder.mkdir()
    (folder / "table.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    spellings = ["clip.json", "./clip.json", "set/../clip.json", clip]
    if os.name != "nt":
        (tmp_path / "link.json").symlink_to(clip)
        (tmp_path / "twin.json").hardlink_to(clip)
        spellings += ["link.json", "twin.json"]
    if (tmp_path / "CLIP.json").exists():  # a file system that ignores capitals
        spellings.append("CLIP.json")
    for spelling in spellings:
        refuses(spelling, "one of the files to read", inputs=["clip.json"])
    refuses("set/table.json", "one of the files to read", inputs=["set"])
    check_output("set/new.json", inputs=["set"], replaces=JSON)
    check_output("clip.json", inputs=["missing.wav", "set"], replaces=JSON)
    assert "set/new.json" not in names(folder)


@pytest.mark.parametrize(
    "content",
    [b"RIFF....WAVE", b"path,person\n", b"12", b"\xff\xfe{}", b'{"broken": ', b"[" * 99_999],
)
def test_only_json_is_replaced_by_json(tmp_path, content):
    file = tmp_path / "file"
    file.write_bytes(content)
    refuses(file, "is there already and is not JSON")
    file.write_bytes(b"")
    check_output(file, replaces=JSON)
    file.write_bytes(b'{"earlier": 1}')
    check_output(file, replaces=JSON)


def test_only_a_persons_file_is_replaced_by_a_persons_file(tmp_path):
    file = tmp_path / "me.safetensors"
    tensors = {"mean": torch.zeros(2)}
    save_tensors(file, tensors, kind="person", about={})
    save_tensors(file, tensors, kind="person", about={})
    with pytest.raises(VopError, match="is not a model's file"):
        save_tensors(file, tensors, kind="model", about={})
    refuses(file, "is not JSON")
    clip = tmp_path / "clip.wav"
    clip.write_bytes(b"RIFF")
    with pytest.raises(VopError, match="is not a person's file"):
        save_tensors(clip, tensors, kind="person", about={})
    assert clip.read_bytes() == b"RIFF"
    refuses(clip, "is not a person's file", replaces=tensor_file("person"))


def test_what_cannot_be_written_is_refused_before_the_work(tmp_path, former):
    refuses(tmp_path, "is a folder")
    refuses("", "is a folder")
    refuses(tmp_path / "missing" / "x", "its folder does not exist")
    refuses(former / "x", "its folder does not exist")
    refuses(tmp_path / ("x" * 300), "is too long")


def test_a_folder_is_really_tried(tmp_path, former, monkeypatch):
    def refuse(path, *given, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    refuses(tmp_path / "new", "cannot be written \\(Permission denied\\)")
    monkeypatch.setattr("tempfile.TemporaryFile", lambda dir: refuse(dir))
    with pytest.raises(VopError, match="cannot be written \\(Permission denied\\)"):
        make_folder(tmp_path)


def test_a_file_that_its_owner_protects_is_not_replaced(former, monkeypatch):
    # root may write everything
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    refuses(former, "cannot be written")
    with pytest.raises(VopError, match="cannot be written"):
        write_text(former, "{}")
    assert former.read_text() == '{"former": true}'


# Every name can be shown


def test_a_name_that_is_no_text_shows_its_bytes_and_controls_show_as_escapes():
    assert (
        printable(os.fsdecode(b"caf\xe9.wav") if os.name != "nt" else "caf\udce9.wav")
        == "caf\\xe9.wav"
    )
    assert printable("x\x1b[31m\n\x9b\u2028.wav") == "x\\x1b[31m\\n\\x9b\\u2028.wav"
    assert printable("a\u202egnp.wav") == "a\\u202egnp.wav"
    assert printable("\ud800") == "\\ud800"
    for fine in ("clip.wav", "سبعة", "你好", "André’s clip – 1", "नमस्ते", "a\u200cb"):
        assert printable(fine) == fine


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=20))
def test_every_text_becomes_one_line_of_valid_unicode(text):
    shown = printable(text)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown
    assert str(VopError(text)) == shown


def test_json_with_a_name_that_is_no_text_reads_back_as_it_was(tmp_path):
    write_text(tmp_path / "x.json", json.dumps({"person": "caf\udce9"}, ensure_ascii=False))
    assert json.loads((tmp_path / "x.json").read_text("utf-8")) == {"person": "caf\udce9"}


def test_a_text_is_said_in_other_terms_word_by_word():
    terms = {"clip": "sample", "heard": "seen"}
    said = "Clips are heard; one clip, two clips, the folder my_clips, and nothing clipped."
    expected = (
        "Samples are seen; one sample, two samples, the folder my_clips, and nothing clipped."
    )
    assert in_terms(said, terms) == expected
    assert in_terms(said, {}) == said
