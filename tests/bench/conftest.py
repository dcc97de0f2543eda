"""What the bench's tests share."""

import json

import pytest

from vop_core.bench import suites
from vop_core.methods import registry


@pytest.fixture
def first_settings(tmp_path, monkeypatch):
    """Chosen are the first settings of every method, whatever has been tuned."""
    chosen = {method: suites.tried_settings(method)[0] for method in registry.METHODS}
    folder = tmp_path / "data" / "results"
    folder.mkdir(parents=True)
    (folder / suites.CHOICES).write_text(json.dumps({"chosen": chosen}))
    monkeypatch.setattr(suites, "repository_root", lambda: tmp_path)
