"""Models small enough for a test, and a folder of buzzing persons to test them on."""

import pytest

from tests.buzzing import WORDS, save_models, write_persons


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_persons(tmp_path_factory.mktemp("data") / "buzz")


@pytest.fixture
def models(tmp_path):
    """Untrained models, with persons p0 and p1 said to be trained on."""
    return save_models(tmp_path / "models", "keywords-ar", WORDS, ["buzz/p0", "buzz/p1"])
