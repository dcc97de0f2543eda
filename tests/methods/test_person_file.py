"""A person's file: what goes in comes out, no voice in it, and nothing foreign is ever read."""

import json
import os
import re

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.toys import log_mels, make_vop
from vop_core.errors import PersonFileError
from vop_core.methods.personal import SIGNATURE, person_bytes, read_person
from vop_core.models.bundle import open_person_file
from vop_core.training.checkpoint import MOST_PERSON_BYTES

CLIPS, QUERY = log_mels(3, seed=1), log_mels(2, seed=2)
NAMES = ("person.mean", "person.log_std", "clips.mean", "clips.log_std")


@pytest.fixture(scope="module")
def vop():
    return make_vop()


@pytest.fixture
def file(vop, tmp_path):
    path = tmp_path / "me.safetensors"
    vop.enroll(CLIPS).save(path, task="toy")
    return path


def metadata(path):
    with safe_open(path, framework="pt") as stream:
        return stream.metadata()


def rewrite(path, *, about=None, tensors=None, **changes):
    """Change a field of the file, or some of its tensors (None removes one)."""
    fields, held = metadata(path) | changes, load_file(path) | (tensors or {})
    if about:
        fields["about"] = json.dumps(json.loads(fields["about"]) | about)
    save_file({name: value for name, value in held.items() if value is not None}, path, fields)


def test_nobody_can_be_saved_too(vop, tmp_path):
    vop.prior_model().save(tmp_path / "nobody.safetensors")
    assert vop.load_person(tmp_path / "nobody.safetensors").shots == 0


def test_a_file_holds_a_posterior_and_no_voice(vop, file):
    """Mean and log standard deviation, combined and of each clip, and its signature: too few
    numbers to hold a clip.
    """
    tensors = load_file(file)
    assert set(tensors) == {*NAMES, "signatures"}
    width = vop.config.code
    numbers = sum(value.numel() for value in tensors.values())
    assert numbers == 2 * width * (1 + 3) + SIGNATURE * 3 < CLIPS[0].numel()
    assert file.stat().st_size < 2000
    assert json.loads(metadata(file)["about"]).keys() == {"task", "model", "input", "digest"}
    assert vop.enroll(CLIPS).bytes == 2 * 4 * width


def test_the_bytes_of_a_file_are_read_as_the_file_is(vop, file, tmp_path):
    person = vop.enroll(CLIPS)
    data = person_bytes(person, task="toy")
    assert len(data) == file.stat().st_size  # what is said of it comes in any order
    again = read_person(vop, data, "me", task="toy")
    assert torch.equal(again.predict(QUERY).probabilities, person.predict(QUERY).probabilities)
    for bad, said in (
        (b"", "'me' is damaged"),
        (data[:-9], "'me' is damaged"),
        (b"PK\x03\x04" + data, "'me' is a pickled file"),
        (bytes(MOST_PERSON_BYTES + 1), "'me' is larger than 20 MB"),
    ):
        with pytest.raises(PersonFileError, match=said):
            read_person(vop, bad, "me", task="toy")
    with pytest.raises(PersonFileError, match="enrolled for toy, not for words; choose that task"):
        read_person(vop, data, "me", task="words")


@pytest.mark.skipif(os.name == "nt", reason="permissions are of another kind there")
def test_a_new_file_is_its_owners_alone(vop, tmp_path):
    vop.enroll(CLIPS).save(tmp_path / "me.safetensors")
    assert (tmp_path / "me.safetensors").stat().st_mode & 0o077 == 0


def refused(vop, file, reason, task="toy"):
    with pytest.raises(PersonFileError) as caught:
        vop.load_person(file, task=task)
    sentence = str(caught.value)
    assert re.search(reason, sentence), sentence
    assert sentence.endswith(".") and sentence.count(". ") == 0 and "\n" not in sentence
    assert str(file.parent) not in sentence


def test_a_file_of_another_task_is_refused(vop, file):
    refused(vop, file, "enrolled for toy, not for keywords-ar", task="keywords-ar")


def test_a_file_of_another_model_is_refused(file):
    refused(make_vop(seed=1), file, "another model")


@pytest.mark.parametrize(
    "shape",
    # the last but one would take ten seconds to try
    [None, "40", [40], [41, 9], [40, -1], [40, 1.5], [40, True], [40, 10**5], [40, 10**9]],
    ids=str,
)
def test_a_shape_of_clips_that_cannot_be_is_refused(vop, file, shape):
    rewrite(file, about={"input": shape})
    refused(vop, file, "another shape")


@pytest.mark.parametrize(
    "tensors",
    [
        {"person.mean": torch.zeros(1, 5)},
        {"person.log_std": torch.zeros(1, 4, 1)},
        {"person.mean": None},
        {"clips.mean": None},
        {"more": torch.zeros(1)},
        {"clips.log_std": torch.zeros(2, 4)},
        pytest.param({"clips.mean": torch.zeros(3, 7), "clips.log_std": torch.zeros(3, 7)}),
        pytest.param({"clips.mean": torch.zeros(4), "clips.log_std": torch.zeros(4)}),
        {"signatures": None},
        {"signatures": torch.zeros(3)},
        {"signatures": torch.zeros(2, SIGNATURE)},
        {"signatures": torch.zeros(())},
        {"signatures": torch.zeros(3, SIGNATURE, dtype=torch.float64)},
        {"person.mean": torch.zeros(1, 4, dtype=torch.float64)},
        {"person.mean": torch.zeros(1, 4, dtype=torch.int64)},
        {"clips.mean": torch.zeros(3, 4, dtype=torch.float8_e4m3fn)},
    ],
    ids=str,
)
def test_a_file_of_another_shape_is_refused(vop, file, tensors):
    rewrite(file, tensors=tensors)
    refused(vop, file, "another shape|does not know its clips")


@pytest.mark.parametrize("name", [*NAMES, "signatures"])
def test_a_number_that_is_another_than_was_saved_is_damage(vop, file, name):
    """One that could well be: nothing but the digest tells."""
    tensor = load_file(file)[name]
    tensor.view(-1)[0] += 1e-3
    rewrite(file, tensors={name: tensor})
    refused(vop, file, "not as it was saved")


@pytest.mark.parametrize("name", [*NAMES, "signatures"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(vop, file, name, value):
    tensor = load_file(file)[name]
    tensor.view(-1)[0] = value
    rewrite(file, tensors={name: tensor})
    refused(vop, file, "not finite")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("person.mean", 1e38),
        ("person.log_std", 1e3),
        ("person.log_std", -1e3),
        ("clips.log_std", 1e3),
        ("clips.log_std", -1e3),
    ],
)
def test_numbers_that_overflow_before_there_is_an_answer_are_refused(vop, file, name, value):
    rewrite(file, tensors={name: torch.full_like(load_file(file)[name], value)})
    refused(vop, file, "no model can answer")


def test_nobody_is_the_prior_and_nothing_else(vop, tmp_path):
    file = tmp_path / "nobody.safetensors"
    vop.prior_model().save(file, task="toy")
    rewrite(file, tensors={"person.mean": torch.full((1, vop.config.code), 1e38)})
    refused(vop, file, "no model can answer")


def test_a_description_without_end_is_refused(vop, file):
    fields = metadata(file) | {"about": "[" * 100_000}
    save_file(load_file(file), file, fields)
    refused(vop, file, "description inside")


def test_a_file_too_large_for_a_person_is_not_read(vop, file, monkeypatch):
    with file.open("r+b") as stream:
        stream.truncate(MOST_PERSON_BYTES + 1)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda _: pytest.fail("was read"))
    refused(vop, file, "larger than 20 MB")


@pytest.mark.parametrize("field", ["kind", "version"])
def test_a_sentence_repeats_no_more_of_a_file_than_it_can_hold(vop, file, field):
    rewrite(file, **{field: "k" * 1_000})
    with pytest.raises(PersonFileError) as caught:
        vop.load_person(file)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("task", [["toy"], {}, 3, None, "chess", "t" * 1_000], ids=repr)
def test_a_file_of_no_task_that_there_is_is_refused(file, task):
    rewrite(file, about={"task": task})
    with pytest.raises(PersonFileError, match="unknown task") as caught:
        open_person_file(file)
    assert len(str(caught.value)) < 200


def test_what_is_no_file_of_a_person_at_all_is_refused_in_the_same_words(vop, file):
    rewrite(file, kind="model")
    refused(vop, file, "holds a model, but a person")
    for version in ("1", "99"):
        rewrite(file, kind="person", version=version)
        refused(vop, file, f"version {version}")
    file.write_bytes(file.read_bytes()[:-1])
    refused(vop, file, "damaged or not a safetensors file")
    file.unlink()
    refused(vop, file, "no file 'me.safetensors'")
