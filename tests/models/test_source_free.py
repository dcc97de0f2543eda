"""Source-free, from the start of a process: a device that holds the code, the shipped files of one
model and a visitor's clips enrolls and answers as the checkout does [VOP slides, Problem].
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from vop_core.data.audio import decode_file
from vop_core.data.voices import bundled_persons
from vop_core.models import load_bundle
from vop_core.tasks.registry import KEYWORD_TASKS, TASKS

SHOTS = 3
DEVICE = """
import json, os, sys
from pathlib import Path

elsewhere, *tasks = sys.argv[1:]
# the device itself, Python with its packages, and what the system tells every process of itself
allowed = [os.getcwd(), sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/etc"]
read = set()

def refuse(event, arguments):
    if event == "socket.connect":
        raise PermissionError("no connection from here")
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = Path(os.path.abspath(os.fsdecode(arguments[0])))
        if not any(path.is_relative_to(place) for place in allowed):
            raise PermissionError(f"{path} is not on this device")
        read.add(str(path))

sys.addaudithook(refuse)
try:
    open(elsewhere)
except PermissionError:
    pass
else:
    raise SystemExit("what lies elsewhere can be read")

from vop_core.data.audio import decode_file
from vop_core.models import load_bundle

answers = []
for task in tasks:
    bundle = load_bundle(task)
    *enrolled, query = [decode_file(name) for name in sorted(Path(task).iterdir())]
    answer = bundle.enroll(enrolled).predict(bundle.features([query]))
    answers.append(answer.probabilities[0].tolist())
read = [name for name in read if os.path.isfile(name)]
print(json.dumps({"answers": answers, "read": read}))
"""


def test_a_process_that_can_read_no_training_data_enrolls_and_answers(repository, tmp_path):
    """Whatever Python opens outside of the device is refused; what compiled code could open is not
    there: no data set, no split, no bundled voice.
    """
    device = tmp_path / "device"
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(repository / "vop_core", device / "vop_core", ignore=no_caches)
    given = set()
    for task in KEYWORD_TASKS:
        shipped = device / "data" / "models" / task
        shutil.copytree(repository / "data" / "models" / task, shipped)
        given |= {shipped / "card.json", shipped / "model.safetensors"}
        person = bundled_persons(TASKS[task].language)[0]
        (device / task).mkdir()
        for number, clip in enumerate((*person.enrollment[:SHOTS], person.query[0])):
            name = device / task / f"{number}.wav"
            soundfile.write(name, clip.load().waveform.numpy(), 16_000, subtype="FLOAT")
            given.add(name)
    nowhere = str(device / "nowhere")
    settings = {"VOP_DATA": nowhere, "VOP_CACHE": nowhere, "HOME": nowhere, "PYTHONPATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", DEVICE, repository / "data" / "README.md", *KEYWORD_TASKS],
        cwd=device,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    read = {Path(name) for name in found["read"] if Path(name).is_relative_to(device)}
    assert {name for name in read if not name.is_relative_to(device / "vop_core")} == given
    for task, answer in zip(KEYWORD_TASKS, found["answers"], strict=True):
        bundle = load_bundle(task)
        *enrolled, query = [decode_file(name) for name in sorted((device / task).iterdir())]
        here = bundle.enroll(enrolled).predict(bundle.features([query])).probabilities[0]
        assert answer == pytest.approx(here.tolist(), abs=1e-5)
