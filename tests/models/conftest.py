"""Models small enough for a test, and a folder of buzzing persons to test them on."""

import pytest
import torch

from tests.buzzing import RECIPE, WORDS, write_persons
from tests.toys import make_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_persons(tmp_path_factory.mktemp("data") / "buzz")


@pytest.fixture
def models(tmp_path):
    """Untrained models under a task's name, with persons p0 and p1 said to be trained on."""
    from vop_core.methods.global_model import GlobalModel
    from vop_core.methods.vop import Vop
    from vop_core.models.bundle import save_bundle

    with torch.random.fork_rng():
        torch.manual_seed(0)
        shared = GlobalModel(make_encoder(labels=len(WORDS), stem_stride=2)).eval()
        vop = Vop.from_global(shared, RECIPE).eval()
    card = {"recipe": "tiny", "persons": {"trained": ["buzz/p0", "buzz/p1"], "open": []}}
    save_bundle(tmp_path / "models", "keywords-ar", WORDS, shared, vop, card)
    return tmp_path / "models"
