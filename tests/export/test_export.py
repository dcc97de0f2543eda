"""Exported graphs compute what torch computes, for any number of clips, and no other file passes
for one of them.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

onnx = pytest.importorskip("onnx", reason="needs the export extra")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the export extra")

from tests.toys import seeded  # noqa: E402
from vop_core.cli import app  # noqa: E402
from vop_core.data.locations import repository_root  # noqa: E402
from vop_core.data.spectrogram import log_mel  # noqa: E402
from vop_core.data.waveform import focus  # noqa: E402
from vop_core.errors import CheckpointError, EvaluationError, VopError  # noqa: E402
from vop_core.export import export_model, load_export  # noqa: E402
from vop_core.export.check import check_export  # noqa: E402
from vop_core.export.cost import costs  # noqa: E402
from vop_core.export.onnx_files import Graph, to_onnx  # noqa: E402
from vop_core.export.reading import OnnxModel  # noqa: E402
from vop_core.export.readme import RUN  # noqa: E402
from vop_core.export.voices import Heard  # noqa: E402
from vop_core.models import load_bundle  # noqa: E402
from vop_core.tasks.registry import TASKS  # noqa: E402

TASK = "keywords-en"


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(TASK)


@pytest.fixture(scope="module")
def persons():
    """Two with ten enrollment clips, and few others to ask about."""
    found = [each for each in TASKS[TASK].bundled_persons() if len(each.enrollment) == 10]
    return found[:2]


@pytest.fixture(scope="module")
def waveforms(persons):
    return torch.stack([focus(clip.load().waveform) for clip in persons[0].enrollment])


@pytest.fixture(scope="module")
def clips(waveforms):
    return log_mel(waveforms)


@pytest.fixture(scope="module")
def person(bundle, clips):
    return bundle.vop.enroll(clips[:3])


@pytest.fixture(scope="module")
def folder(bundle, persons, person, tmp_path_factory):
    """An export, measured on two persons and no more of their clips than needed."""
    from dataclasses import replace

    few = [replace(each, query=each.query[:9]) for each in persons]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(TASKS[TASK]), "bundled_persons", lambda task: tuple(few))
        folder = tmp_path_factory.mktemp("export") / TASK
        export_model(bundle, folder, person=person)
    return folder


@pytest.fixture(scope="module")
def export(folder):
    return load_export(folder, task=TASK)


@pytest.fixture
def own(folder, tmp_path):
    """A copy to spoil."""
    return Path(shutil.copytree(folder, tmp_path / "own"))


def run(folder: Path, name: str, **inputs: torch.Tensor) -> list[torch.Tensor]:
    """By the engine alone."""
    session = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"))
    found = session.run(None, {key: value.numpy() for key, value in inputs.items()})
    return [torch.from_numpy(each) for each in found]


def alike(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shots", [1, 3, 5, 10])
def test_enrolling_gives_the_same_posterior_and_answers(shots, bundle, clips, folder):
    person, nobody = bundle.vop.enroll(clips[:shots]), bundle.vop.prior_model()
    mean, log_std, weight_mean, weight_std, prior_std, global_weight = run(
        folder, "enroll", enrollment=clips[:shots]
    )
    alike(mean, person.posterior.mean)
    alike(log_std, person.posterior.log_std)
    for part in load_export(folder).about["layers"]:
        place = slice(part["start"], part["stop"])
        own, before = (model.layer_posterior(part["name"]) for model in (person, nobody))
        assert tuple(part["weights"]) == own.names
        alike(weight_mean[place], own.mean)
        alike(weight_std[place], own.std)
        alike(prior_std[place], before.std)
        alike(global_weight[place], own.global_weights)
    for queries in (clips[-1:], clips[-4:]):
        drawn = person.posterior.sample(2, generator=seeded(0))
        numbers = torch.cat((torch.zeros(1, len(mean)), mean[None], drawn))
        (answers,) = run(folder, "answer", queries=queries, numbers=numbers)
        in_one = run(folder, "personalize", enrollment=clips[:shots], queries=queries)
        models = bundle.vop.prior_model(), person
        for answer, other, model in zip(answers, in_one, models, strict=False):
            expected = model.freeze()(queries).log_softmax(-1)
            alike(answer, expected)
            alike(other, expected)
            alike(answer.exp(), model.predict(queries).probabilities)
        by_draws = bundle.vop.predict_proba({"mean": drawn}, queries.expand(2, *queries.shape))
        alike(answers[2:].exp(), by_draws)


def test_no_clip_is_refused(clips, export):
    with pytest.raises(EvaluationError, match="at least one clip"):
        export.graphs["enroll"](enrollment=clips[:0])


def test_a_frozen_person_answers_alike_and_is_as_large_as_nobody(bundle, person, clips, folder):
    (found,) = run(folder, "personal", queries=clips)
    alike(found, person.freeze()(clips).log_softmax(-1))
    from vop_core.export.graphs import Frozen

    shapes = {"queries": ("query", 40, 101)}, {"log_probability": ("query", len(bundle.labels))}
    nobody = Graph("personal", Frozen(bundle.vop.prior_model().freeze()), *shapes)
    about = load_export(folder).about
    size = to_onnx(nobody, {key: about[key] for key in ("task", "model")}).ByteSize()
    assert (folder / "personal.onnx").stat().st_size == size


def test_features_are_those_of_training(waveforms, folder):
    loud = torch.randn(1, waveforms.shape[1], generator=seeded(1)).clamp(-1, 1)
    for sound in (waveforms[:1], waveforms, loud, torch.zeros_like(loud)):
        (found,) = run(folder, "features", waveform=sound)
        torch.testing.assert_close(found, log_mel(sound), rtol=0, atol=1e-4)


def test_eight_bits_are_smaller_and_answer_a_clip_alike_in_any_company(clips, export):
    files = export.about["files"]
    for name in ("enroll", "answer", "personalize"):
        assert files[f"{name}-int8.onnx"]["bytes"] < files[f"{name}.onnx"]["bytes"] / 2
    numbers = torch.zeros(1, export.about["numbers"])
    answer = export.graphs["answer-int8"]
    together = answer(queries=clips, numbers=numbers)["log_probability"]
    alone = answer(queries=clips[:1], numbers=numbers)["log_probability"]
    alike(together[:, :1], alone)
    plain = export.graphs["answer"](queries=clips, numbers=numbers)["log_probability"]
    assert (together - plain).abs().max() > 0
    assert (together.exp() - plain.exp()).abs().max() < 0.2


def test_the_folder_says_what_it_holds(folder, export, bundle):
    about = export.about
    names = {path.name for path in folder.iterdir()}
    assert names == {*about["files"], "model.json", "README.md"}
    assert about["labels"] == list(bundle.labels)
    assert about["no_words"] == ["unknown", "silence"]
    assert about["layers"][-1]["stop"] == about["weights"]
    for name, file in about["files"].items():
        assert (folder / name).stat().st_size == file["bytes"]
        own = onnx.load(folder / name, load_external_data=False)
        assert {"task": TASK, "model": bundle.vop.fingerprint}.items() <= {
            each.key: each.value for each in own.metadata_props
        }.items()
        assert not any(each.external_data for each in own.graph.initializer)
        for kind, values in (("inputs", own.graph.input), ("outputs", own.graph.output)):
            assert file[kind] == {
                each.name: [
                    size.dim_param or size.dim_value for size in each.type.tensor_type.shape.dim
                ]
                for each in values
            }
    assert {row["float"]["persons"] for row in about["costs"]["rows"]} == {2}


def test_the_page_on_export_runs(folder, waveforms, bundle, clips, monkeypatch):
    page = (repository_root() / "docs" / "export.md").read_text(encoding="utf-8")
    assert RUN in page
    assert RUN in (folder / "README.md").read_text(encoding="utf-8")
    monkeypatch.chdir(folder)
    said = {"spoken": waveforms[:3].numpy(), "asked": waveforms[3:].numpy()}
    exec(RUN, said)
    expected = bundle.vop.enroll(clips[:3]).predict(clips[3:])
    assert said["by_person"].tolist() == expected.label_index.tolist()
    assert np.abs(said["probabilities"] - expected.probabilities.numpy()).max() < 0.3


# What is refused


def test_a_graph_that_computes_something_else_is_refused(own, bundle, clips):
    """A thousandth of one weight is seen."""
    model = onnx.load(own / "answer.onnx")
    (weight,) = (w for w in model.graph.initializer if w.name.endswith("classifier.bias"))
    value = onnx.numpy_helper.to_array(weight).copy()
    value[0] += 1e-3
    weight.CopyFrom(onnx.numpy_helper.from_array(value, weight.name))
    written(own, "answer.onnx", model.SerializeToString())
    with pytest.raises(VopError, match=r"'answer' differs from torch by .*; it must not be used"):
        check_export(load_export(own), bundle.vop, clips)


def written(folder: Path, name: str, data: bytes) -> None:
    """A file, and its hash in the folder's table, as an export would have it."""
    import hashlib

    (folder / name).write_bytes(data)
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    about["files"][name]["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "model.json").write_text(json.dumps(about), encoding="utf-8")


def relabeled(data: bytes, **metadata: str) -> bytes:
    """The same model under other metadata."""
    model = onnx.load_from_string(data)
    for each in model.metadata_props:
        each.value = metadata.get(each.key, each.value)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: relabeled(data, task="keywords-ar"), "is a model of keywords-ar, not of"),
        (lambda data: relabeled(data, model="0" * 16), "was exported from another model of"),
        (lambda data: relabeled(data, format="other"), "was not written by 'vop export'"),
        (lambda data: data[: len(data) // 2], "is no ONNX file, or a damaged or incomplete one"),
        (lambda data: b"", "is no ONNX file, or a damaged or incomplete one"),
        (lambda data: b"RIFF\0\0\0\0WAVE", "is no ONNX file, or a damaged or incomplete one"),
        (lambda data: flipped(data), "is not as it was exported: it is damaged"),
        (None, "There is no file 'answer.onnx'"),
    ],
    ids=["task", "model", "stranger", "truncated", "empty", "not onnx", "flipped", "missing"],
)
def test_any_other_file_is_refused_in_one_sentence(spoil, says, own):
    file = own / "answer.onnx"
    data = file.read_bytes()
    file.unlink()
    if spoil is not None:
        file.write_bytes(spoil(data))
    with pytest.raises(CheckpointError, match=re.escape(says)) as refused:
        load_export(own, task=TASK)
    assert len(str(refused.value).splitlines()) == 1


def flipped(data: bytes) -> bytes:
    """One bit of a weight."""
    model = onnx.load_from_string(data)
    largest = max(model.graph.initializer, key=lambda each: len(each.raw_data))
    values = bytearray(largest.raw_data)
    values[1] ^= 1
    largest.raw_data = bytes(values)
    return model.SerializeToString()


def test_a_folder_of_another_task_or_kind_is_refused(folder, tmp_path):
    with pytest.raises(CheckpointError, match="is an export of keywords-en, not of keywords-ar"):
        load_export(folder, task="keywords-ar")
    (tmp_path / "model.json").write_text('{"task": "keywords-en"}')
    with pytest.raises(CheckpointError, match="holds no export"):
        load_export(tmp_path)


def test_the_command_refuses_before_it_works(own, tmp_path, monkeypatch):
    def said(*words: str) -> str:
        result = CliRunner().invoke(app, ["export", *map(str, words)])
        assert result.exit_code == 2, result.output
        return " ".join(result.output.split())

    (own / "thesis.txt").write_text("mine")
    assert "holds 'thesis.txt', which no export put there" in said(TASK, "--to", own)
    assert "is a file; choose a folder" in said(TASK, "--to", own / "thesis.txt")
    for task in ("signs", "verification"):
        assert "is not made for export" in said(task, "--to", tmp_path / "new")
    person = tmp_path / "person.safetensors"
    arabic = load_bundle("keywords-ar")
    arabic.vop.enroll(torch.zeros(1, 40, 101)).save(person, task="keywords-ar")
    refused = said(TASK, "--to", tmp_path / "new", "--person", person)
    assert "was enrolled for keywords-ar, not for keywords-en" in refused
    assert "There is no data set at 'nowhere'" in said(
        TASK, "--to", tmp_path / "new", "--data", "nowhere"
    )
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "ONNX files need the 'export' extra" in said(TASK, "--to", tmp_path / "new")
    assert not (tmp_path / "new").exists()


# What eight bits cost


class Answering:
    """A graph that is sure of the same labels, whatever it is asked."""

    def __init__(self, labels: list[int], count: int) -> None:
        self.logs = torch.full((len(labels), count), 0.1 / (count - 1))
        self.logs[torch.arange(len(labels)), labels] = 0.9
        self.logs = self.logs.log()

    def __call__(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        return {
            "global_log_probability": self.logs,
            "personal_log_probability": self.logs,
            "mean": torch.zeros(1),
            "log_probability": torch.stack((self.logs, self.logs)),
        }


def test_the_cost_is_the_difference_of_means_over_persons():
    truth, wrong = [0, 1, 2, 0], [0, 1, 0, 1]
    graphs = {}
    for name in ("enroll", "answer", "personalize"):
        graphs[name], graphs[f"{name}-int8"] = Answering(truth, 3), Answering(wrong, 3)
    nothing = torch.zeros(5, 1, 1)
    persons = [
        Heard("a", nothing, nothing[:4], torch.tensor(truth)),
        Heard("b", nothing, nothing[:4], torch.tensor(wrong)),
    ]
    rows = costs(graphs, persons)
    assert len(rows) == 8
    for row in rows:
        if row["metric"] == "accuracy":
            assert row["float"]["mean"] == pytest.approx((1 + 0.5) / 2)
            assert row["int8"]["mean"] == pytest.approx((0.5 + 1) / 2)
            assert row["difference"]["mean"] == pytest.approx(0)
        low, high = row["difference"]["ci95"]
        assert low < row["difference"]["mean"] < high


def test_an_engine_is_asked_by_the_names_of_its_inputs(export):
    with pytest.raises(ValueError, match="reads numbers, queries"):
        export.graphs["answer"](queries=torch.zeros(1, 40, 101))
    assert isinstance(export.graphs["answer"], OnnxModel)
