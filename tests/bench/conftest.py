"""What the tests of the bench share."""

import json

import pytest

from vop_core.bench import suites
from vop_core.methods.registry import METHODS


@pytest.fixture
def first_settings(tmp_path, monkeypatch):
    """Chosen are the first settings of every method, whatever has been tuned."""
    chosen = {method: suites.tried_settings(method)[0] for method in METHODS}
    folder = tmp_path / "chosen" / "data" / "results"
    folder.mkdir(parents=True)
    (folder / suites.CHOICES).write_text(json.dumps({"chosen": {"others": chosen}}))
    monkeypatch.setattr(suites, "repository_root", lambda: tmp_path / "chosen")
