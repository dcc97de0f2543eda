"""Notebooks run in real kernels that are forked instead of started."""

import pytest

from tests.notebooks.kernels import ForkedKernel


@pytest.fixture
def forked_kernels(monkeypatch):
    """Whatever starts a kernel gets one with the libraries already in memory."""
    launcher = "jupyter_client.provisioning.local_provisioner.launch_kernel"
    monkeypatch.setattr(launcher, ForkedKernel)
