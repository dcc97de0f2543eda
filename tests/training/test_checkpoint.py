"""Files of weights: exact, whole or absent, and never of another kind."""

import os
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.toys import seeded
from vop_core.errors import CheckpointError
from vop_core.training.checkpoint import VERSIONS, fingerprint, load_tensors, save_tensors

TENSORS = {"a": torch.randn(3, 2), "b": torch.tensor(3), "empty": torch.zeros(0, 4)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "deep" / "model.safetensors"
    save_tensors(path, TENSORS, kind="model", about={"task": "toy", "سلام": [1, 2]})
    return path


def refused(file, reason, kind="model"):
    with pytest.raises(CheckpointError) as caught:
        load_tensors(file, kind=kind)
    sentence = str(caught.value)
    assert re.search(reason, sentence), sentence
    assert sentence.endswith(".") and sentence.count(". ") == 0 and "\n" not in sentence


def test_what_is_written_is_read_exactly(file):
    tensors, about = load_tensors(file, kind="model")
    assert about == {"task": "toy", "سلام": [1, 2]}
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        torch.testing.assert_close(tensors[name], value, rtol=0, atol=0)
    assert [path.name for path in file.parent.iterdir()] == ["model.safetensors"]


@pytest.mark.skipif(os.name == "nt", reason="needs file names that are bytes")
def test_a_file_or_folder_whose_name_is_no_text_is_written_and_read(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    for name in ("me", os.fsdecode(b"m\xe9")):
        for _ in ("new", "over the former"):
            save_tensors(folder / name, TENSORS, kind="person", about={})
        tensors, _ = load_tensors(folder / name, kind="person")
        torch.testing.assert_close(tensors["a"], TENSORS["a"], rtol=0, atol=0)


def test_tensors_that_lie_otherwise_in_memory_are_written_the_same(file):
    value = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    save_tensors(file, {"weight": value, "part": value[:, 1]}, kind="model", about={})
    tensors, _ = load_tensors(file, kind="model")
    torch.testing.assert_close(tensors["weight"], value, rtol=0, atol=0)
    torch.testing.assert_close(tensors["part"], value[:, 1], rtol=0, atol=0)


def test_other_kinds_versions_and_programs_are_refused(file):
    refused(file, "holds a model, but a person", kind="person")
    head = {
        "format": "vop-studio",
        "version": str(VERSIONS["model"]),
        "kind": "model",
        "about": "{}",
    }
    for change, reason in (
        ({"version": "1"}, "version 1"),
        ({"format": "other"}, "not written by VoP Studio"),
        *(({"about": about}, "description") for about in ("", "{", "[]", "null", "3")),
    ):
        save_file(TENSORS, file, head | change)
        refused(file, reason)
    save_file(TENSORS, file)
    refused(file, "not written by VoP Studio")


@pytest.mark.parametrize("kept", [0, 4, 5, 9, 40, 60, -1])
def test_a_truncated_file_is_refused(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    refused(file, "damaged or not a safetensors file")


@pytest.mark.parametrize("new", [True, False])
def test_a_pickle_is_refused_unread(file, new):
    class Bomb:
        def __reduce__(self):
            return exec, ("raise AssertionError('the pickle was opened')",)

    torch.save({"a": Bomb()}, file, _use_new_zipfile_serialization=new)
    refused(file, "pickled")


def test_no_sound_file_is_taken_for_a_pickle(tmp_path):
    """A safetensors file begins with its header's length, which may look like a pickle's or a zip's
    first bytes.
    """
    heads = set()
    for length in range(0, 264, 8):
        file = tmp_path / f"{length}.safetensors"
        save_tensors(file, TENSORS, kind="model", about={"padding": "x" * length})
        heads.add(file.read_bytes()[0])
        assert len(load_tensors(file, kind="model")[1]["padding"]) == length
    assert 0x80 in heads


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes_are_refused(file, seed):
    numbers = torch.randint(0, 256, (4000,), generator=seeded(seed), dtype=torch.uint8)
    file.write_bytes(b"\x01" + bytes(numbers.tolist()))
    refused(file, "damaged or not a safetensors file")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    refused(tmp_path, "no file")
    refused(tmp_path / "none.safetensors", "no file 'none.safetensors'")


def test_a_fingerprint_tells_values_names_shapes_and_types_apart():
    state = {"a": torch.arange(6.0), "b": torch.ones(2)}
    others = [
        {"a": torch.arange(6.0) + 1e-6, "b": torch.ones(2)},
        {"a": torch.arange(6.0), "c": torch.ones(2)},
        {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2)},
        {"a": torch.arange(6.0), "b": torch.ones(2, dtype=torch.int32)},
        {"a": torch.arange(6.0)},
    ]
    prints = [fingerprint(state), *map(fingerprint, others)]
    assert len(set(prints)) == len(prints)
    assert fingerprint(dict(reversed(state.items()))) == prints[0]
    assert fingerprint({"a": torch.arange(6.0), "b": torch.ones(2, 2)[:, 0]}) == prints[0]
