"""From a module to ONNX.

Weights lie inside of the files. The number of clips is free: an axis with a name takes any number.

Written by torch's exporter of traced programs. Its successor takes half a minute for each of these
graphs, and needs a package more.
"""

import io
import math
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vop_core.export.packages import needed
from vop_core.modes import evaluation_mode

OPSET = 17  # of ONNX: every onnxruntime since 2022 knows it, in browsers as well
FORMAT = "vop-studio"

Shape = tuple[str | int, ...]  # a name is an axis of any length


@dataclass(frozen=True)
class Graph:
    """A function to be exported."""

    name: str  # of the file, without its ending
    module: nn.Module
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]

    def example(self) -> tuple[Tensor, ...]:
        """Inputs of that shape, every free axis of another length."""
        names = dict.fromkeys(
            size for shape in self.inputs.values() for size in shape if isinstance(size, str)
        )
        lengths = {name: 2 + place for place, name in enumerate(names)}
        shapes = ([lengths.get(size, size) for size in each] for each in self.inputs.values())
        return tuple(torch.linspace(-1, 1, math.prod(each)).view(each) for each in shapes)


def to_onnx(graph: Graph, about: Mapping[str, str]) -> Any:
    """An ``onnx.ModelProto`` of the graph, with constants folded; ``about`` becomes its metadata.

    Raises VopError where the extra is missing.
    """
    onnx, runtime = needed("onnx"), needed("onnxruntime")
    shapes = {**graph.inputs, **graph.outputs}
    free = {
        name: {axis: size for axis, size in enumerate(shape) if isinstance(size, str)}
        for name, shape in shapes.items()
    }
    traced = io.BytesIO()
    # that values were constants while it traced, and that it has a successor
    with warnings.catch_warnings(), evaluation_mode(graph.module), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module,
            graph.example(),
            traced,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: axes for name, axes in free.items() if axes},
        )
    model = onnx.load_from_string(_folded(runtime, traced.getvalue()))
    own = [each for each in model.opset_import if not each.domain]
    del model.opset_import[:]
    model.opset_import.extend(own)
    for value in model.graph.output:
        _set_shape(value, graph.outputs[value.name])
    return finished(model, about)


def _folded(runtime: Any, traced: bytes) -> bytes:
    """The same without what can be computed beforehand."""
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder, "folded.onnx"))
        runtime.InferenceSession(traced, options, providers=["CPUExecutionProvider"])
        return Path(options.optimized_model_filepath).read_bytes()


def _set_shape(value: Any, shape: Shape) -> None:
    """Say the axes of an output as they were meant."""
    sizes = value.type.tensor_type.shape
    del sizes.dim[:]
    for size in shape:
        sizes.dim.add(**({"dim_param": size} if isinstance(size, str) else {"dim_value": size}))


def finished(model: Any, about: Mapping[str, str]) -> Any:
    """The same model with metadata that say whose it is, and without the tracer's names, a third of
    a small file. Raises onnx's ValidationError for a model that is none.
    """
    graph = model.graph
    kept = {each.name for each in (*graph.input, *graph.output)}
    # parameters by their own names
    kept |= {each.name for each in graph.initializer if "." in each.name and "/" not in each.name}
    short: dict[str, str] = {"": ""}  # an input that is left out has no name

    def renamed(name: str) -> str:
        return name if name in kept else short.setdefault(name, str(len(short)))

    del graph.value_info[:]
    for each in graph.initializer:
        each.name = renamed(each.name)
    for node in graph.node:
        node.name = node.doc_string = ""
        for names in (node.input, node.output):
            names[:] = map(renamed, names)
    del model.metadata_props[:]
    for key, value in {"format": FORMAT, **about}.items():
        model.metadata_props.add(key=key, value=value)
    needed("onnx").checker.check_model(model, full_check=True)
    return model
