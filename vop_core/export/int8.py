"""The same graphs with convolutions in 8-bit integers: a quarter of their weights' bytes.

Ranges of activations are fixed beforehand, on clips of persons that no model was trained on: ranges
taken from each input at run time would let the answer to a clip depend on the clips beside it.
Weights have 7 of the 8 bits, with which no engine's sums of products overflow: the same numbers on
every processor.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vop_core.export.onnx_files import finished
from vop_core.export.packages import needed
from vop_core.export.voices import SHOTS, Heard
from vop_core.methods.vop import Vop

INT8 = "-int8"  # behind a graph's name
QUANTIZED = ("enroll", "answer", "personalize")
DRAWS = 4  # of each person's weights, whose activations are in range


def calibration(
    name: str, method: Vop, persons: Sequence[Heard], *, generator: torch.Generator
) -> Iterator[dict[str, Tensor]]:
    """Inputs of one of the ``QUANTIZED`` graphs, by persons' enrollment clips alone."""
    for person in persons:
        clips, first = person.enrollment, person.enrollment[:SHOTS]
        if name == "answer":
            posterior = method.enroll(first).posterior
            drawn = posterior.sample(DRAWS, generator=generator)
            numbers = torch.cat((torch.zeros_like(drawn[:1]), posterior.mean[None], drawn))
            yield {"queries": clips, "numbers": numbers}
        elif name == "enroll":
            yield {"enrollment": first}
        else:
            yield {"enrollment": first, "queries": clips}


def to_int8(model: Any, inputs: Iterator[dict[str, Tensor]], about: Mapping[str, str]) -> Any:
    """An ``onnx.ModelProto`` of the same function with integer convolutions. Raises VopError where
    the extra is missing.
    """
    onnx, quantization = needed("onnx"), needed("onnxruntime.quantization")

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, Any] | None:
            found = next(inputs, None)
            return found and {name: value.numpy(force=True) for name, value in found.items()}

    copy = onnx.load_from_string(model.SerializeToString())  # the quantizer alters what it is given
    named = [node for node in copy.graph.node if node.op_type == "Conv"]
    for place, node in enumerate(named):
        node.name = f"convolution {place}"
    # constants are folded already, which the quantizer would else advise
    copy.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "int8.onnx")
        quantization.quantize_static(
            copy,
            written,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_quantize=[node.name for node in named],
            per_channel=True,
            reduce_range=True,
        )
        return finished(onnx.load(written), about)
