"""A bundle is loaded as it was saved, or refused in one sentence."""

import json
import re

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.buzzing import WORDS
from vop_core.data.audio import clip_features, decode_file
from vop_core.data.persons import load_dataset
from vop_core.errors import CheckpointError, PersonFileError
from vop_core.models import bundle as bundle_module
from vop_core.models.bundle import load_bundle, open_person_file


def test_shipped_models_are_loaded_as_they_were_saved_and_do_not_learn(models):
    loaded, again = (load_bundle("keywords-ar", folder=models) for _ in range(2))
    assert loaded.labels == WORDS
    assert loaded.fingerprint == again.fingerprint
    for module in (loaded.global_model, loaded.vop):
        assert not any(part.training for part in module.modules())
        assert not any(value.requires_grad for value in module.parameters())


def test_features_of_the_app_are_those_of_each_clip(models, folder):
    clips = [decode_file(record.path) for record in load_dataset(folder).records[:3]]
    heard = load_bundle("keywords-ar", folder=models).features(clips)
    expected = torch.stack([clip_features(clip.waveform) for clip in clips])
    torch.testing.assert_close(heard, expected, rtol=0, atol=0)


def refused_model(models, reason, task="keywords-ar"):
    with pytest.raises(CheckpointError) as caught:
        load_bundle(task, folder=models)
    sentence = str(caught.value)
    assert re.search(reason, sentence), sentence
    assert (
        sentence.endswith((".", "vop train keywords-ar"))
        and sentence.count(". ") == 0
        and "\n" not in sentence
    )


def test_models_that_do_not_belong_here_are_refused(models):
    refused_model(models, "of keywords-ar, not of keywords-en", task="keywords-en")
    refused_model(models / "nowhere", "no trained model")
    with pytest.raises(CheckpointError, match="no task 'faces'"):
        load_bundle("faces")


@pytest.mark.parametrize(
    "damage", ["truncated", "pickled", "random", "shape", "missing", "labels", "card", "no card"]
)
def test_damaged_models_are_refused_in_one_sentence(models, damage):
    file = models / bundle_module.MODEL
    with safe_open(file, framework="pt") as stream:
        head = stream.metadata()
    tensors = load_file(file)
    name = "vop.hyper_personalizer.head.0.weight"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "pickled":
        torch.save(tensors, file)
    elif damage == "random":
        file.write_bytes(
            b"\x01"
            + bytes(
                torch.randint(256, (5000,), generator=torch.Generator().manual_seed(0)).tolist()
            )
        )
    elif damage == "shape":
        save_file(tensors | {name: tensors[name][:, 1:].contiguous()}, file, head)
    elif damage == "missing":
        save_file({key: value for key, value in tensors.items() if key != name}, file, head)
    elif damage == "labels":
        about = json.loads(head["about"]) | {"labels": ["yes"]}
        save_file(tensors, file, head | {"about": json.dumps(about)})
    elif damage == "card":
        (models / bundle_module.CARD).write_text("{", "utf-8")
    else:
        (models / bundle_module.CARD).unlink()
    refused_model(
        models,
        {"pickled": "pickled", "labels": "names 1 words"}.get(damage, "damaged|does not fit"),
    )


def test_a_persons_file_finds_its_models_by_itself(models, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_module, "models_root", lambda: tmp_path / "root")
    models.rename(tmp_path / "models-moved")
    (tmp_path / "root").mkdir()
    (tmp_path / "models-moved").rename(tmp_path / "root" / "keywords-ar")
    bundle = load_bundle("keywords-ar")
    clips = 2 * torch.randn(2, 40, 101, generator=torch.Generator().manual_seed(0)) - 6
    bundle.vop.enroll(clips).save(tmp_path / "me.safetensors", task="keywords-ar")
    found, person = open_person_file(tmp_path / "me.safetensors")
    assert (found.task, person.shots) == ("keywords-ar", 2)
    bundle.vop.enroll(clips).save(tmp_path / "me.safetensors", task="faces")
    with pytest.raises(PersonFileError, match="unknown task faces"):
        open_person_file(tmp_path / "me.safetensors")
