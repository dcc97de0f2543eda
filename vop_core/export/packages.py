"""The packages of the optional ``export`` extra."""

from importlib import import_module
from typing import Any

from vop_core.errors import VopError


def needed(name: str) -> Any:
    """A module of the extra. Raises VopError where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        raise VopError(
            "ONNX files need the 'export' extra: install it with  pip install -e \".[export]\"."
        ) from None
