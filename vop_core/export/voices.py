"""Whose clips an export is checked, calibrated and measured with: persons that no model was trained
on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.data.persons import load_dataset
from vop_core.errors import EvaluationError
from vop_core.models import Bundle
from vop_core.tasks.registry import TASKS

BUNDLED = "the bundled persons"
SHOTS = 5  # clips that enroll, where costs are measured; every bundled person has as many


@dataclass(frozen=True)
class Heard:
    """A person's clips as inputs."""

    person: str
    enrollment: Float[Tensor, " shot *input"]
    queries: Float[Tensor, " query *input"]
    labels: Int[Tensor, " query"]


def bundled(bundle: Bundle, *, progress: Callable[[int, int], None]) -> list[Heard]:
    """The persons whose clips come with the program; queries are those whose words are known."""
    found, persons = [], TASKS[bundle.task].bundled_persons()
    for place, person in enumerate(persons):
        progress(place, len(persons))
        known = [clip for clip in person.query if clip.label in bundle.labels]
        found.append(
            Heard(
                person.id,
                bundle.features([clip.load() for clip in person.enrollment]),
                bundle.features([clip.load() for clip in known]),
                torch.tensor([bundle.labels.index(clip.label) for clip in known]),
            )
        )
    return found


def of_dataset(bundle: Bundle, folder: str, unless: Sequence[str]) -> list[Heard]:
    """The persons of a data set who were neither trained on nor are among ``unless``, with as many
    clips as enroll and one more, drawn from a seed.

    Raises EvaluationError where there is none.
    """
    task = TASKS[bundle.task]
    dataset = load_dataset(folder)
    others = set(dataset.persons) - set(bundle.trained_persons) - set(unless)
    counts = dataset.clips_per_person
    wanted = sorted(person for person in others if counts[person] > SHOTS)
    if not wanted:
        raise EvaluationError(
            f"'{dataset.name}' holds nobody whom '{bundle.task}' was not trained on with more than "
            f"{SHOTS} clips; choose another data set."
        )
    table = task.relabel(task.table(dataset.restrict(persons=wanted), cache=False), bundle.labels)
    episodes = task.episodes(
        table, range(len(table.persons)), SHOTS, generator=torch.Generator().manual_seed(0)
    )
    return [
        Heard(
            table.persons[each.person],
            table.features[each.enrollment],
            table.features[each.query],
            table.label[each.query],
        )
        for each in episodes
    ]
