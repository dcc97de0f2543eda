"""A folder that ``vop export`` wrote, read back: every file is the one that was written, or
refused.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vop_core.errors import CheckpointError, EvaluationError
from vop_core.export.onnx_files import FORMAT
from vop_core.export.packages import needed
from vop_core.training.checkpoint import told

ABOUT = "model.json"


class OnnxModel:
    """An exported graph that is ready to run."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        """Raises CheckpointError, in one sentence, for what is not the file that ``about``, the
        content of the folder's ``model.json``, tells of.
        """
        runtime, name = needed("onnxruntime"), path.name
        try:
            data = path.read_bytes()
        except OSError:
            raise CheckpointError(
                f"There is no file '{name}' in '{path.parent}'; export the model again."
            ) from None
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # what is wrong is said here
        try:
            self.session = runtime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
            own = self.session.get_modelmeta().custom_metadata_map
        except Exception:  # the engine has a dozen types of its own for it
            raise CheckpointError(
                f"'{name}' is no ONNX file, or a damaged or incomplete one; export the model again."
            ) from None
        if own.get("format") != FORMAT:
            raise CheckpointError(f"'{name}' was not written by 'vop export'; export the model.")
        if own.get("task") != about["task"]:
            raise CheckpointError(
                f"'{name}' is a model of {told(own.get('task'))}, not of {about['task']}; choose "
                "another file, or export that task."
            )
        if own.get("model") != about["model"]:
            raise CheckpointError(
                f"'{name}' was exported from another model of {about['task']}; export this one."
            )
        expected = about["files"].get(name, {}).get("sha256")
        if hashlib.sha256(data).hexdigest() != expected:
            raise CheckpointError(
                f"'{name}' is not as it was exported: it is damaged; export the model again."
            )

    def __call__(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Outputs by their names. Raises ValueError for inputs that are not the graph's, and
        EvaluationError without any clip.
        """
        wanted = {each.name for each in self.session.get_inputs()}
        if wanted != inputs.keys():
            raise ValueError(f"the graph reads {', '.join(sorted(wanted))}")
        if not all(value.numel() for value in inputs.values()):
            raise EvaluationError("A graph reads at least one clip; record or choose one.")
        names = [each.name for each in self.session.get_outputs()]
        found = self.session.run(
            names, {name: value.numpy(force=True) for name, value in inputs.items()}
        )
        return {name: torch.from_numpy(each) for name, each in zip(names, found, strict=True)}


@dataclass(frozen=True)
class Export:
    """A folder that ``vop export`` wrote."""

    about: dict[str, Any]  # what its model.json says
    graphs: dict[str, OnnxModel]  # by file name, without its ending


def load_export(folder: Path | str, *, task: str | None = None) -> Export:
    """All graphs of a folder.

    Raises CheckpointError, in one sentence, for a folder that is no export, one of another task,
    and for a file of another task or model, one that is missing, damaged, truncated or no ONNX.
    """
    folder = Path(folder)
    about = read_about(folder)
    if task is not None and about["task"] != task:
        raise CheckpointError(
            f"'{folder}' is an export of {told(about['task'])}, not of {task}; choose another."
        )
    names = (name for name in about["files"] if name.endswith(".onnx"))
    return Export(
        about, {Path(name).stem: OnnxModel(folder / name, about) for name in sorted(names)}
    )


def read_about(folder: Path) -> dict[str, Any]:
    """What a folder's ``model.json`` says. Raises CheckpointError where it is no export's."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] == FORMAT and isinstance(about["files"], dict):
            return {"task": None, "model": None} | about
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise CheckpointError(
        f"'{folder}' holds no export: its {ABOUT} is missing or another; make one with: vop export"
    )
