"""``vop export``: a shipped model as a folder of ONNX files that need no Python.

The files appear together, and only where each computes what torch computes.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from vop_core.data.locations import find_dataset
from vop_core.data.waveform import focus
from vop_core.errors import CheckpointError, VopError
from vop_core.export.check import check_export
from vop_core.export.cost import costs
from vop_core.export.graphs import exported_graphs
from vop_core.export.int8 import INT8, QUANTIZED, calibration, to_int8
from vop_core.export.onnx_files import FORMAT, OPSET, Graph, to_onnx
from vop_core.export.packages import needed
from vop_core.export.reading import ABOUT, Export, load_export, read_about
from vop_core.export.readme import readme
from vop_core.export.voices import BUNDLED, SHOTS, Heard, bundled, of_dataset
from vop_core.methods.personal import PersonalModel
from vop_core.methods.vop import Vop
from vop_core.models import Bundle
from vop_core.tasks.registry import TASKS
from vop_core.types import MOST_CLIPS, SAMPLE_RATE
from vop_core.writing import make_folder, whole_folder, write_text

README = "README.md"

Progress = Callable[[str, int, int], None]


def export_model(
    bundle: Bundle,
    folder: Path | str,
    *,
    person: PersonalModel | None = None,
    data: str | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Export:
    """Write a model's graphs, ``person``'s frozen network among them, in the place of an earlier
    export; what 8-bit integers cost is measured on the bundled persons, or on those of ``data``.

    Raises VopError where the folder holds anything else or cannot be written, the extra is missing,
    the task cannot be exported, ``data`` holds nobody to ask, or a graph does not compute what
    torch computes.
    """
    folder = Path(folder)
    check_folder(folder)
    method = check_exportable(bundle)
    for package in ("onnx", "onnxruntime"):
        needed(package)
    asked = None if data is None else str(find_dataset(data))
    voices = bundled(bundle, progress=lambda *done: progress("voices", *done))
    graphs = exported_graphs(
        method,
        voices[0].queries.shape[1:],
        heard=TASKS[bundle.task].heard,
        personal=None if person is None else person.freeze(),
    )
    with whole_folder(folder) as unfinished:
        about = _about(bundle, method, graphs)
        _write_graphs(unfinished, about, graphs, method, voices, progress)
        export = load_export(unfinished, task=bundle.task)
        about["largest_difference"] = _checked(export, bundle, method, voices, person)
        if asked is not None:
            voices = of_dataset(bundle, asked, unless=[each.person for each in voices])
        about["costs"] = {
            "data": BUNDLED if asked is None else Path(asked).name,
            "shots": SHOTS,
            "rows": costs(
                export.graphs, voices, progress=lambda *done: progress("cost of int8", *done)
            ),
        }
        _write_about(unfinished, about)
        write_text(unfinished / README, readme(about))
    return load_export(folder, task=bundle.task)


def check_exportable(bundle: Bundle) -> Vop:
    """The method that is exported. Raises VopError where a task's is another."""
    task, method = TASKS[bundle.task], bundle.vop
    answers = not (task.compares or task.taught)
    if answers and type(method) is Vop and method.config.cascade and not method.config.content:
        return method
    raise VopError(
        f"The model of '{bundle.task}' is not made for export: choose a task that answers by the "
        "cascade, keywords-en, keywords-ar or handwriting."
    )


def check_folder(folder: Path) -> None:
    """Raise VopError for a folder that holds what no earlier export put there, or that cannot be
    written.
    """
    if folder.exists() and not folder.is_dir():
        raise VopError(f"'{folder}' is a file; choose a folder for the export.")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    if there:
        try:
            listed = {*read_about(folder)["files"], ABOUT, README}
        except CheckpointError:
            listed = set()
        if strange := sorted(there - listed):
            raise VopError(
                f"'{folder}' holds '{strange[0]}', which no export put there; choose another "
                "folder."
            )
    make_folder(folder.parent)


def _about(bundle: Bundle, method: Vop, graphs: list[Graph]) -> dict[str, Any]:
    layout, task = method.layout, TASKS[bundle.task]
    layers = [
        {
            "name": layer,
            "title": layout.titles[layer],
            "start": layout.layer_slice(layer).start,
            "stop": layout.layer_slice(layer).stop,
            "weights": list(layout.weight_names(layer)),
        }
        for layer in layout.layers
    ]
    sound = {"sample_rate": SAMPLE_RATE, "samples": SAMPLE_RATE} if task.heard else {}
    enroll = next(graph for graph in graphs if graph.name == "enroll")
    return {
        "format": FORMAT,
        "task": bundle.task,
        "model": method.fingerprint,
        "labels": list(bundle.labels),
        "no_words": [label for label in bundle.labels if label in task.no_words],
        **sound,
        "input_shape": list(enroll.inputs["enrollment"][1:]),
        "numbers": enroll.outputs["mean"][0],
        "weights": layout.size,
        "most_clips": MOST_CLIPS,
        "layers": layers,
        "versions": {"opset": OPSET}
        | {name: version(name) for name in ("torch", "onnx", "onnxruntime", "vop-studio")},
        "files": {},
    }


def _write_graphs(
    folder: Path,
    about: dict[str, Any],
    graphs: list[Graph],
    method: Vop,
    voices: list[Heard],
    progress: Progress,
) -> None:
    whose = {"task": about["task"], "model": about["model"]}
    total = len(graphs) + len(QUANTIZED)
    for graph in graphs:
        progress("graphs", len(about["files"]), total)
        model = to_onnx(graph, whose)
        _write(folder, graph.name, graph, model, about)
        if graph.name in QUANTIZED:
            generator = torch.Generator().manual_seed(0)
            inputs = calibration(graph.name, method, voices, generator=generator)
            _write(folder, graph.name + INT8, graph, to_int8(model, inputs, whose), about)
    _write_about(folder, about)


def _write(folder: Path, name: str, graph: Graph, model: Any, about: dict[str, Any]) -> None:
    data = model.SerializeToString()
    (folder / f"{name}.onnx").write_bytes(data)
    about["files"][f"{name}.onnx"] = {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "inputs": {key: list(shape) for key, shape in graph.inputs.items()},
        "outputs": {key: list(shape) for key, shape in graph.outputs.items()},
    }


def _write_about(folder: Path, about: Mapping[str, Any]) -> None:
    write_text(folder / ABOUT, json.dumps(about, indent=1, ensure_ascii=False) + "\n")


def _checked(
    export: Export,
    bundle: Bundle,
    method: Vop,
    voices: list[Heard],
    person: PersonalModel | None,
) -> dict[str, float]:
    """The largest difference of each graph from torch, on the clips of one bundled person."""
    most = max(voices, key=lambda each: len(each.enrollment))
    waveforms = None
    if TASKS[bundle.task].heard:
        known = {each.id: each for each in TASKS[bundle.task].bundled_persons()}
        clips = [clip.load() for clip in known[most.person].enrollment]
        waveforms = torch.stack([focus(clip.waveform) for clip in clips])
    clips = torch.cat((most.enrollment, most.queries))
    return check_export(export, method, clips, waveforms=waveforms, person=person)
