"""A folder of buzzing persons, and settings small enough to train and test on it in seconds."""

from dataclasses import replace
from pathlib import Path

import torch

from tests.data.audio_fixtures import vowel
from tests.toys import make_encoder
from vop_core.bench.recipes import BenchConfig
from vop_core.data.format import LabelledClip, write_dataset
from vop_core.evaluation.score import Scoring
from vop_core.methods.amortised_vop import AmortisedVop, AmortisedVopConfig
from vop_core.methods.global_model import GlobalModel
from vop_core.models.bundle import save_bundle
from vop_core.tasks.registry import TASKS
from vop_core.training.config import TrainConfig

WORDS = ("go", "no", "yes")
TINY = TrainConfig(
    steps=2, persons_per_step=2, queries_per_person=2, max_shots=2, checkpoint_every=1
)
RECIPE = AmortisedVopConfig(personal_layers=("film",), code=3, features=8, person_loss=0.1)
SCORING = Scoring.everywhere((1, 2), repetitions=1, draws=2)
KEYWORDS = TASKS["keywords-ar"]
SMALL = {"name": "bc-resnet", "config": {"tau": 0.5, "stem_stride": 2}}
_usual = BenchConfig.of_task(KEYWORDS, SCORING)
_small = replace(_usual.checkpoint, encoder=SMALL, training=TINY)
CONFIG = replace(_usual, checkpoint=_small, further=TINY).with_seed(0)


def write_persons(
    folder: Path, persons: int = 4, takes: int = 3, words: tuple[str, ...] = WORDS
) -> Path:
    clips = [
        LabelledClip(
            f"p{person}",
            word,
            take,
            torch.from_numpy(vowel(0.25 + 0.1 * index, pitch=90.0 + 35 * person + take)),
        )
        for person in range(persons)
        for index, word in enumerate(words)
        for take in range(takes)
    ]
    write_dataset(folder, clips)
    return folder


def save_models(folder: Path, task: str, labels: tuple[str, ...], trained: list[str]) -> Path:
    """Untrained models under a task's name, with the persons said to be trained on."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shared = GlobalModel(make_encoder(labels=len(labels), stem_stride=2)).eval()
        vop = AmortisedVop.from_global(shared, RECIPE).eval()
    card = {"recipe": "tiny", "persons": {"trained": trained, "open": []}}
    save_bundle(folder, task, labels, shared, vop, card)
    return folder
