"""Every encoder by name: a new one is a file beside this one and a line here."""

from collections.abc import Mapping
from typing import Any

from vop_core.nets.bcresnet import BcResNet
from vop_core.nets.conv4 import Conv4
from vop_core.nets.conv5 import Conv5
from vop_core.nets.encoder import Encoder
from vop_core.nets.mlp import Mlp
from vop_core.nets.resemblyzer import Resemblyzer

ENCODERS: dict[str, type[Encoder]] = {
    kind.name: kind for kind in (BcResNet, Conv4, Conv5, Mlp, Resemblyzer)
}


def build_encoder(description: Mapping[str, Any]) -> Encoder:
    """An untrained encoder from what ``Encoder.description`` gave.

    Raises KeyError for a name that is not registered, TypeError or ValueError for settings that are
    none.
    """
    kind = ENCODERS[description["name"]]
    return kind(kind.config_type(**description["config"]))
