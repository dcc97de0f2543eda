"""What the image would do: its steps in a clean folder, since no image can be built here."""

import json
import re
import shutil
import socket
import subprocess
import sys

import pytest

from tests.browser.conftest import ROOT, running

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def commands(instruction: str) -> list[list[str]]:
    """The commands of an instruction, as the Dockerfile has them."""
    lines = re.findall(rf"^{instruction}\b[^\[\n]*(\[.*\])$", DOCKERFILE, re.MULTILINE)
    return [json.loads(line) for line in lines]


def test_the_image_runs_as_somebody_who_is_not_root_and_says_how_it_is():
    before, after = DOCKERFILE.split("\nUSER studio\n")
    assert "useradd" in before and "USER" not in after
    assert "deploy/setup.sh" in after and "COPY" not in before
    assert len(commands("HEALTHCHECK")) == len(commands("ENTRYPOINT")) == 1
    assert f"EXPOSE {8501}" in after and ":8501/" in commands("HEALTHCHECK")[0][-1]


@pytest.mark.load
@pytest.mark.timeout(1800)
def test_a_clean_folder_becomes_a_healthy_app_by_the_steps_of_the_image(tmp_path):
    folder = tmp_path / "studio"
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, tracked.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for step in commands("RUN"):
        subprocess.run(step, cwd=folder, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    (entry,), (health,) = commands("ENTRYPOINT"), commands("HEALTHCHECK")
    server = running(
        [*entry, "--port", port],
        f"http://localhost:{port}",
        "/_stcore/health",
        folder=tmp_path,
        cwd=folder,
        environment={"HOME": str(tmp_path)},
    )
    for _ in server:
        asked = [sys.executable, *health[1:-1], health[-1].replace("8501", port)]
        subprocess.run(asked, check=True, timeout=30)
