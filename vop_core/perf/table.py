"""The comparisons, one line each, and a run of them."""

import os
import platform
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch

from vop_core.errors import VopError
from vop_core.perf import alternatives, networks, programs, sound
from vop_core.perf.comparison import Comparison, Unavailable, judged, skipped
from vop_core.perf.scaling import scaling
from vop_core.perf.subject import SEED, TASK
from vop_core.perf.timing import THOROUGH, Effort

PASS = "a plain pass of the same clips"
ENROLLING = "enrolling them"
COMPARISONS = (
    Comparison("enrollment", "enrolling five clips", PASS, networks.enrollment),
    Comparison("frozen", "a frozen personal model", "the global model", networks.frozen, 1.05),
    Comparison(
        "classifier-draws",
        "100 draws of a classifier, one clip",
        "a plain pass of that clip",
        networks.draws_of_classifier,
        3.0,
    ),
    Comparison(
        "scale-and-shift-draws",
        "100 draws of all scales and shifts, one clip",
        "the same draws one after the other",
        networks.draws_of_scale_and_shift,
        1.0,
    ),
    Comparison(
        "persons",
        "1,000 persons in 1,000 calls",
        "in one",
        networks.persons_in_a_batch,
        10.0,
        least=True,
    ),
    Comparison(
        "training-step",
        "a training step with weights of each person's",
        "the global model's on the same clips",
        networks.training_step,
        1.4,
    ),
    Comparison("log-mel-librosa", "librosa's log-mel", "ours", sound.librosa, 5.0, least=True),
    Comparison(
        "log-mel-torchaudio", "torchaudio's log-mel", "ours", sound.torchaudio, 1.0, least=True
    ),
    Comparison("log-mel-kaldi", "Kaldi's filterbanks", "ours", sound.kaldi, 1.0, least=True),
    Comparison(
        "features",
        "a data set's features with a thread for each core",
        "one clip after the other",
        sound.in_parallel,
        1.0,
    ),
    Comparison(
        "features-again",
        "a data set's features from the cache",
        "made for the first time",
        sound.second_start,
        1.0,
    ),
    Comparison(
        "environments-again",
        "a data set in everybody's room and noise, from the cache",
        "made for the first time",
        sound.environments_again,
        1.0,
    ),
    Comparison(
        "fine-tuning",
        "fine-tuning on five labeled clips",
        ENROLLING,
        alternatives.fine_tuning,
        1.0,
        least=True,
    ),
    Comparison("maml", "MAML's inner loop on them", ENROLLING, alternatives.maml, 1.0, least=True),
    Comparison(
        "laplace",
        "laplace-torch's last-layer posterior from them",
        ENROLLING,
        alternatives.laplace,
        1.0,
        least=True,
    ),
    Comparison(
        "import", "what the command line imports to answer", "import torch", programs.importing, 1.3
    ),
    Comparison(
        "predict", "vop predict, the whole process", "import torch", programs.predicting, 2.5
    ),
    Comparison(
        "app-memory", "the app's memory, a page opened", "", programs.app_memory, 500.0, unit="MB"
    ),
    Comparison(
        "first-page",
        "the first page of the warm app",
        "an empty page of Streamlit",
        programs.first_page,
        1.5,
    ),
)


def measure(
    names: Collection[str] = (),
    *,
    growing: bool = False,
    effort: Effort = THOROUGH,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> dict[str, Any]:
    """Every comparison, or those named, and with ``growing`` how time and memory grow.

    Raises VopError for a name that is none.
    """
    known = [each.name for each in COMPARISONS]
    for name in names:
        if name not in known:
            raise VopError(f"There is no comparison '{name}'; choose one of {', '.join(known)}.")
    asked = [each for each in COMPARISONS if not names or each.name in names]
    rows = []
    for done, comparison in enumerate(asked):
        progress(comparison.name, done, len(asked))
        try:
            rows.append(judged(comparison, comparison.measure(effort)))
        except Unavailable as why:
            rows.append(skipped(comparison, str(why)))
    found: dict[str, Any] = {
        "machine": machine(),
        "task": TASK,
        "seed": SEED,
        "rounds": effort.rounds,
        "rows": rows,
    }
    if growing:
        found["scaling"] = scaling(effort, lambda done, total: progress("scaling", done, total))
    return found


def machine() -> dict[str, Any]:
    """The machine in words that name nobody: processor, cores and versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
