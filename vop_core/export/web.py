"""The page that personalizes in the browser: sources, graphs, voices and sentences in one folder.

``web/`` holds the page as it is served: what people wrote (HTML, CSS, JavaScript, and ONNX Runtime
under ``vendor``) and what :func:`write_parts` makes, so that any file server serves it as it lies
there:

    model/         the graphs that ``vop export`` made, and what a stream costs
    voices/        clips of two bundled persons
    refusals.json  why a clip cannot be used, in the words of the package
    files.js       every file and a version that changes with any of them, for use offline
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from vop_core.data.clip_quality import REFUSALS
from vop_core.data.enrollment import TWICE
from vop_core.data.environments import CLEAN
from vop_core.data.locations import repository_root
from vop_core.data.voices import CORPORA, BundledPerson, BundledSample
from vop_core.errors import VopError
from vop_core.methods.vop import ALL_CLIPS
from vop_core.models.bundle import Bundle, load_bundle
from vop_core.tasks.registry import TASKS
from vop_core.writing import write_text

TASK = "keywords-en"
GRAPHS = ("features.onnx", "enroll.onnx", "answer.onnx")
ENROLLED, ASKED = 5, 20  # clips of a borrowed voice
FILES = "files.js"
UNSEEN = {"service-worker.js", FILES, "README.md"}  # the browser keeps these by itself, or never


def web_root() -> Path:
    """Where the page lies."""
    return repository_root() / "web"


def alarms_file() -> Path:
    """What ``vop alarms`` found of the page's model."""
    return repository_root() / "data" / "results" / f"alarms-{TASK}.json"


def write_parts(folder: Path, graphs: Path) -> None:
    """Make what people did not write of a page whose sources lie in ``folder``; ``graphs`` is what
    ``vop export`` wrote.

    Raises VopError where graphs or the stream's costs are missing, or of another model.
    """
    bundle = load_bundle(TASK)
    about = _read(graphs / "model.json", "run vop export")
    alarms = _read(alarms_file(), f"run  vop alarms --json data/results/{alarms_file().name}")
    for found in (about, alarms):
        if found["model"] != bundle.vop.fingerprint:
            raise VopError(
                f"'{TASK}' was trained again since its false alarms were counted; run  vop alarms "
                f"--json data/results/{alarms_file().name}  anew."
            )
    model = _emptied(folder / "model")
    for name in GRAPHS:
        shutil.copyfile(graphs / name, model / name)
    about["all_clips"] = ALL_CLIPS
    about["files"] = {name: about["files"][name] for name in GRAPHS}
    _write(model / "model.json", about)
    _write(model / "detection.json", alarms)
    _write(folder / "refusals.json", REFUSALS | {"twice": TWICE})
    _write_voices(_emptied(folder / "voices"), bundle)
    write_files(folder)


def write_files(folder: Path) -> None:
    """List every file of the page, and name the list by what is in them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    seen = [path for path in paths if path.relative_to(folder).as_posix() not in UNSEEN]
    digest = hashlib.sha256()
    for path in seen:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    names = ["./", *(path.relative_to(folder).as_posix() for path in seen)]
    write_text(
        folder / FILES,
        f'const VERSION = "vop-{digest.hexdigest()[:16]}";\n'
        f"const FILES = {json.dumps(names, indent=2)};\n",
    )


def borrowed(bundle: Bundle) -> tuple[BundledPerson, BundledPerson]:
    """Two persons who lend their voice: with whom the app opens, and whom a personal network helps
    least, by the model's card.
    """
    persons = {person.id: person for person in TASKS[bundle.task].bundled_persons()}
    rows = [row for row in bundle.card["bundled"]["rows"] if row["environment"] == CLEAN]
    least = min(rows, key=lambda row: (row["personal"] - row["global"], -row["queries"]))
    return persons[bundle.card["bundled"]["opening"]["person"]], persons[least["person"]]


def _write_voices(folder: Path, bundle: Bundle) -> None:
    def copied(clip: BundledSample) -> dict[str, str]:
        name = f"{clip.path.parent.name}/{clip.path.name}"
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(clip.path, folder / name)
        return {"file": name, "label": clip.label}

    persons = [
        {
            "name": person.name,
            "enrollment": [copied(clip) for clip in person.enrollment[:ENROLLED]],
            "query": [copied(clip) for clip in person.query[:ASKED]],
        }
        for person in borrowed(bundle)
    ]
    _write(folder / "voices.json", {"attribution": CORPORA["en"].attribution, "persons": persons})


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _read(path: Path, remedy: str) -> dict[str, Any]:
    if not path.is_file():
        raise VopError(f"'{path.name}' is missing; {remedy}.")
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
