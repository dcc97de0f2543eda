"""Weights and training states in safetensors: never pickle, and never a file of another kind by
mistake.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from vop_core.errors import CheckpointError, VopError
from vop_core.processes import of_first
from vop_core.training.config import TrainConfig
from vop_core.writing import Kind, check_output, make_folder, whole_file

VERSIONS = {"model": 2, "person": 2, "trained run": 1, "training state": 1}  # of each kind of file
# of a person's file, which strangers send; those of the largest network here take a tenth of it
MOST_PERSON_BYTES = 20 * 2**20
LONGEST_TOLD = 40  # characters that a sentence repeats of a file


def fingerprint(state: dict[str, Tensor], *about: Any) -> str:
    """Short hash of names, shapes and values, and of what more is told in JSON-like values: two
    models agree in it only if they are the same.
    """
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode() if about else b"")
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(
            value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
        )
    return digest.hexdigest()[:16]


def tensor_file(kind: str) -> Kind:
    """What only a file of the same kind may replace."""
    return Kind(f"a {kind}'s file", lambda path: _kind_of(path) == kind)


def save_tensors(
    path: Path, tensors: dict[str, Tensor], *, kind: str, about: dict[str, Any]
) -> None:
    """Write tensors with a JSON description; the file appears whole or not at all.

    Raises VopError where it cannot be written, or something else than such a file is there.
    """
    make_folder(path.parent)
    check_output(path, replaces=tensor_file(kind))
    with whole_file(path) as part:
        if kind == "person":  # personal data: nobody else on this machine reads it
            part.chmod(0o600)
        part.write_bytes(tensor_bytes(tensors, kind=kind, about=about))


def tensor_bytes(tensors: dict[str, Tensor], *, kind: str, about: dict[str, Any]) -> bytes:
    """What ``save_tensors`` writes."""
    metadata = {
        "format": "vop-studio",
        "version": str(VERSIONS[kind]),
        "kind": kind,
        "about": json.dumps(about),
    }
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    return save(plain, metadata)


def load_tensors(
    path: Path, *, kind: str, error: type[VopError] = CheckpointError
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``save_tensors`` wrote.

    Raises ``error`` with one sentence when the file is missing, pickled, truncated, of another kind
    or version, and a person's when it is over 20 MB.
    """
    return read_tensors(
        _file_bytes(Path(path), kind, error), Path(path).name, kind=kind, error=error
    )


def _file_bytes(path: Path, kind: str, error: type[VopError]) -> bytes:
    if not path.is_file():
        raise error(f"There is no file '{path.name}'; check the path, or make the file first.")
    if kind == "person" and path.stat().st_size > MOST_PERSON_BYTES:
        raise _too_large(path.name, error)
    try:
        # from bytes: by name, only UTF-8 names could be opened
        return path.read_bytes()
    except OSError:
        raise _damaged(path.name, error) from None


def read_tensors(
    data: bytes, name: str, *, kind: str, error: type[VopError] = CheckpointError
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The same of a file's bytes, which the sentences call ``name``."""
    if kind == "person" and len(data) > MOST_PERSON_BYTES:
        raise _too_large(name, error)
    try:
        tensors, metadata = _read(data)
    except (SafetensorError, ValueError, OverflowError):
        if _looks_pickled(data[:9]):
            raise error(
                f"'{name}' is a pickled file, which can run foreign code; only safetensors "
                "files are read here."
            ) from None
        raise _damaged(name, error) from None
    if metadata.get("format") != "vop-studio":
        raise error(f"'{name}' was not written by VoP Studio; choose a file that was.")
    if metadata.get("kind") != kind:
        raise error(
            f"'{name}' holds a {told(metadata.get('kind'))}, but a {kind} is needed; choose "
            "another file."
        )
    if metadata.get("version") != str(VERSIONS[kind]):
        raise error(
            f"'{name}' has format version {told(metadata.get('version'))}, this program reads "
            f"version {VERSIONS[kind]}; make the file again with this program."
        )
    try:
        about = json.loads(metadata.get("about", ""))
        if not isinstance(about, dict):
            raise ValueError
    except (ValueError, RecursionError):  # brackets nested too deep
        raise error(f"The description inside '{name}' is damaged; make the file again.") from None
    return tensors, about


def _too_large(name: str, error: type[VopError]) -> VopError:
    return error(f"'{name}' is larger than 20 MB, so it holds no person; choose another.")


def _damaged(name: str, error: type[VopError]) -> VopError:
    return error(
        f"'{name}' is damaged or not a safetensors file; make it again or copy it once more."
    )


def told(value: object) -> str:
    """What a file says of itself, as long as a sentence can hold."""
    text = str(value)
    return text if len(text) <= LONGEST_TOLD else text[: LONGEST_TOLD - 1] + "…"


def _read(data: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and what is said of them."""
    tensors = load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return tensors, header.get("__metadata__") or {}


def _kind_of(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            begins_so = stream.read(9)[8:] == b"{"  # or a film would be read whole
        metadata = _read(path.read_bytes())[1] if begins_so else {}
    except (SafetensorError, OSError, ValueError, OverflowError):
        return None
    return metadata.get("kind") if metadata.get("format") == "vop-studio" else None


def _looks_pickled(head: bytes) -> bool:
    # A safetensors file, sound or cut short, may begin with the same bytes, its header's length;
    # then comes the header's brace.
    return head[8:] != b"{" and (head[:4] == b"PK\x03\x04" or head[:1] == b"\x80")


def save_training_state(
    path: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    config: TrainConfig,
    step: int,
) -> None:
    """Everything that an interrupted training needs to go on exactly where it was, with as many
    processes or others. Raises VopError where it cannot be written.
    """
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in state.items()
        }
    tensors["generator"] = generator.get_state()
    tensors["torch_generator"] = torch.get_rng_state()
    about = {"step": step, "config": asdict(config)}
    of_first(lambda: save_tensors(path, tensors, kind="training state", about=about))


def load_training_state(
    path: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    config: TrainConfig,
) -> int:
    """Put an interrupted training back where it was and return its step; 0 when there is none.
    Of several processes the first one reads.

    Raises CheckpointError when the state belongs to a training with other settings.
    """
    kind = "training state"
    data = of_first(lambda: _file_bytes(path, kind, CheckpointError) if path.exists() else None)
    if data is None:
        return 0
    tensors, about = read_tensors(data, path.name, kind=kind)
    if about["config"] != json.loads(json.dumps(asdict(config))):
        raise CheckpointError(
            f"'{path.name}' belongs to a training with other settings; remove it, or go back to "
            "those settings."
        )
    try:
        module.load_state_dict(
            {name[7:]: value for name, value in tensors.items() if name.startswith("module.")}
        )
    except RuntimeError:
        raise CheckpointError(
            f"'{path.name}' belongs to a model of another shape; remove it."
        ) from None
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    generator.set_state(tensors["generator"])
    torch.set_rng_state(tensors["torch_generator"])
    return about["step"]
