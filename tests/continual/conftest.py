"""A sequence small enough for a test: pictures whose class is where the ink lies."""

import pytest
import torch

from tests.toys import seeded
from vop_core.continual.sequence import TaskSequence, divided
from vop_core.data.features import FeatureTable
from vop_core.training.config import TrainConfig

SIDE, LABELS = 16, 6
TASKS = ((0, 1), (2, 3), (4, 5))
FEW_STEPS = TrainConfig(
    steps=20,
    persons_per_step=4,
    queries_per_person=6,
    min_shots=0,
    max_shots=1,
    learning_rate=5e-3,
    checkpoint_every=5,
)


def pictures(persons: int, takes: int, seed: int) -> FeatureTable:
    """Everybody has so many samples of every class, brighter or darker than others'."""
    generator = seeded(seed)
    person, label, take = torch.meshgrid(
        torch.arange(persons), torch.arange(LABELS), torch.arange(takes), indexing="ij"
    )
    person, label, take = person.flatten(), label.flatten(), take.flatten()
    ink = 0.3 * torch.randn(len(person), SIDE, SIDE, generator=generator)
    for row in range(len(person)):
        place = int(label[row])
        top, left = 5 * (place // 3), 5 * (place % 3)
        ink[row, top : top + 5, left : left + 5] += 2.0
    level = torch.randn(persons, generator=generator)[person]
    return FeatureTable(
        variants={"original": ink + level[:, None, None]},
        person=person,
        label=label,
        take=take,
        persons=tuple(f"person {number}" for number in range(persons)),
        labels=tuple(f"class {number}" for number in range(LABELS)),
    )


def make_sequence(users: int = 3, takes: int = 6) -> TaskSequence:
    own, asked = divided(pictures(users, takes, seed=1), TASKS, generator=seeded(2))
    return TaskSequence("toy", "none", TASKS, pictures(6, 4, seed=0), own, asked)


@pytest.fixture(scope="session")
def sequence() -> TaskSequence:
    return make_sequence()
