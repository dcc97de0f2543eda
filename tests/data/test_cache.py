"""Whatever befalls the cache of features: the same numbers, and no traceback."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.data.audio_fixtures import vowel
from tests.disks import filled, small_disk
from vop_core.data import features as features_module
from vop_core.data.features import load_features
from vop_core.data.format import LabelledClip, write_dataset
from vop_core.data.persons import load_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    clips = [
        LabelledClip(person, "yes", take, torch.from_numpy(vowel(0.6, pitch=pitch + 5 * take)), {})
        for person, pitch in (("anna", 110.0), ("ben", 150.0))
        for take in (1, 2)
    ]
    folder = tmp_path_factory.mktemp("cached") / "words"
    write_dataset(folder, clips)
    return load_dataset(folder)


@pytest.fixture(scope="module")
def expected(dataset):
    return load_features(dataset, cache=False).features


@pytest.fixture
def kept(dataset, tmp_path, monkeypatch):
    """The file of an earlier start."""
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    load_features(dataset)
    (file,) = (tmp_path / "cache" / "features").iterdir()
    return file


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def rewritten(file: Path, change) -> None:
    inputs = change(load_file(file)["inputs"])
    save_file({"inputs": inputs}, file, features_module._told(inputs))


DAMAGE = {
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:100]),
    "one byte short": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "empty": lambda file: file.write_bytes(b""),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "a bit of its head": lambda file: flip(file, 12),
    "a bit of its numbers": lambda file: flip(file, file.stat().st_size // 2),
    "its last bit": lambda file: flip(file, file.stat().st_size - 1),
    "fewer clips": lambda file: rewritten(file, lambda inputs: inputs[:-1].contiguous()),
    "gone": lambda file: file.unlink(),
    "all gone": lambda file: shutil.rmtree(file.parent.parent),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_is_made_anew_whole(dataset, kept, expected, damage):
    whole = kept.read_bytes()
    damage(kept)
    assert load_features(dataset).features.equal(expected)
    assert kept.read_bytes() == whole
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_whole_cache_is_not_made_anew(dataset, kept, expected, monkeypatch):
    monkeypatch.setattr(features_module, "decode_file", None)
    assert load_features(dataset).features.equal(expected)


def test_a_folder_in_the_files_place_is_left_alone(dataset, kept, expected):
    kept.unlink()
    kept.mkdir()
    assert load_features(dataset).features.equal(expected)
    assert kept.is_dir()


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_a_cache_that_may_be_neither_read_nor_written_is_done_without(dataset, kept, expected):
    whole = kept.read_bytes()
    kept.chmod(0)
    kept.parent.chmod(0o500)
    try:
        assert load_features(dataset).features.equal(expected)
    finally:
        kept.parent.chmod(0o700)
        kept.chmod(0o600)
    assert kept.read_bytes() == whole


def test_a_cache_deleted_while_clips_are_heard_is_made_again(dataset, kept, expected, monkeypatch):
    decode, heard = features_module.decode_file, []

    def decode_and_delete(path):
        heard.append(path)
        shutil.rmtree(kept.parent.parent, ignore_errors=True)
        return decode(path)

    monkeypatch.setattr(features_module, "decode_file", decode_and_delete)
    kept.unlink()
    assert load_features(dataset).features.equal(expected)
    assert len(heard) == len(dataset)
    assert load_features(dataset).features.equal(expected)
    assert len(heard) == len(dataset)


def test_on_a_full_disk_features_are_computed_and_not_kept(
    dataset, expected, tmp_path, monkeypatch
):
    with small_disk(tmp_path / "disk") as disk:
        monkeypatch.setenv("VOP_CACHE", str(disk / "cache"))
        with filled(disk):
            assert load_features(dataset).features.equal(expected)
        assert not list(disk.rglob("*.safetensors")) and not list(disk.rglob("*.part"))
