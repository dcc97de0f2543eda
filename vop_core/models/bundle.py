"""A task's shipped models: the global one and VoP, with the card that says what they are."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.enrollment import PoorClipWarning
from vop_core.data.locations import models_root
from vop_core.errors import CheckpointError, EvaluationError, PersonFileError
from vop_core.evaluation.controls import WordIndex, enrollment_from, mixed_enrollment
from vop_core.evaluation.score import MIXED, NOISE, PRIOR, WRONG_PERSON
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.personal import PersonalModel, person_bytes, read_person
from vop_core.methods.registry import METHODS, name_of
from vop_core.tasks.registry import TASKS
from vop_core.training.checkpoint import (
    fingerprint,
    load_tensors,
    save_tensors,
    tensor_file,
    told,
)
from vop_core.variational.enrollment_health import HealthReference
from vop_core.writing import JSON, Kind, check_output, make_folder, whole_file

MODEL, CARD, README = "model.safetensors", "card.json", "README.md"


@dataclass(frozen=True)
class Bundle:
    """Everything that answers for a task. Holds nothing of any visitor, so it may be shared between
    them.

    The global model is the task's ``baseline``; VoP keeps a Gaussian over the network's weights
    (GaussianMethod) but where persons teach classes of their own.
    """

    task: str
    labels: tuple[str, ...]
    global_model: PersonalizationMethod
    vop: PersonalizationMethod
    card: dict[str, Any]

    def features(self, clips: Sequence[Any]) -> Float[Tensor, " clip *input"]:
        """Clips as the task's inputs: the same function as in training. Raises as the task's."""
        return TASKS[self.task].features(clips)

    def enroll(self, clips: Sequence[Any]) -> PersonalModel:
        """A few clips or pictures of one person, whatever they say or show, to that person's model.

        Warns of poor ones. Raises VopError for what may not enroll together: none, more than ten,
        one twice, or one that no model can read; EvaluationError for a task that compares.
        """
        task = TASKS[self.task]
        if task.compares:
            raise EvaluationError(
                f"'{self.task}' judges claims and keeps no person's file, for a claim is compared "
                "with the clips themselves; use vop verify, or vop_core.models.verification."
            )
        if task.taught:
            raise EvaluationError(
                f"'{self.task}' learns classes of a person's own, so that every sample needs its "
                "name; use the page Hands, or vop_core.models.signs."
            )
        task.check_enrollment(clips)
        for said in task.poor(clips):
            warnings.warn(said, PoorClipWarning, stacklevel=2)
        return self.vop.enroll(self.features(clips))

    def person_bytes(self, person: PersonalModel) -> bytes:
        """The person's file, as bytes: neither sound nor label."""
        return person_bytes(person, task=self.task)

    def read_person(self, data: bytes, name: str) -> PersonalModel:
        """A person from the bytes of a person's file, which the sentences call ``name``.

        Raises PersonFileError as :func:`vop_core.methods.personal.load_person`.
        """
        return read_person(self.vop, data, name, task=self.task)

    def control_models(
        self, own: Sequence[Any], others: Sequence[Sequence[Any]], *, generator: torch.Generator
    ) -> dict[str, PersonalModel]:
        """Models that must not help the person who gave ``own``, by row; each enrolls as many
        clips.

        The prior mean, one other person's clips, a clip each of several, and noise with the level
        and spectrum of one's own. ``others`` holds other persons' enrollment clips, at least one;
        which words were said is not known, so any of them may take the place of any.
        """
        clips = [clip for person in others for clip in person]
        owner = torch.tensor([number for number, person in enumerate(others) for _ in person])
        index, words = WordIndex(owner, torch.zeros_like(owner)), [0] * len(own)
        persons = range(len(others))
        other = int(torch.randint(len(others), (), generator=generator))
        chosen = {
            WRONG_PERSON: enrollment_from(other, words, index, generator=generator),
            MIXED: mixed_enrollment(persons, words, index, generator=generator),
        }
        enrolled = {
            name: [clips[number] for number in control.clips.tolist()]
            for name, control in chosen.items()
        }
        task = TASKS[self.task]
        enrolled[NOISE] = [task.scrambled(clip, generator=generator) for clip in own]
        models = {
            name: self.vop.enroll(self.features(control)) for name, control in enrolled.items()
        }
        return {PRIOR: self.vop.prior_model()} | models

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of both models' weights."""
        return fingerprint(_tensors(self.global_model, self.vop))

    @property
    def trained_persons(self) -> tuple[str, ...]:
        """Persons whose clips trained the models: the closed set."""
        return tuple(self.card["persons"]["trained"])


def _tensors(global_model: PersonalizationMethod, vop: PersonalizationMethod) -> dict[str, Tensor]:
    return {f"global.{name}": value for name, value in global_model.state_dict().items()} | {
        f"vop.{name}": value for name, value in vop.state_dict().items()
    }


def save_bundle(
    folder: Path,
    task: str,
    labels: Sequence[str],
    global_model: PersonalizationMethod,
    vop: PersonalizationMethod,
    card: dict[str, Any],
) -> None:
    """Write the weights and the card. Raises VopError where something else is there, or nothing can
    be written.
    """
    about = {
        "task": task,
        "labels": list(labels),
        "global": global_model.description(),
        "vop": {"method": name_of(vop)} | vop.description(),
    }
    kept = {} if vop.health_reference is None else vop.health_reference.tensors()
    tensors = _tensors(global_model, vop) | {f"health.{name}": each for name, each in kept.items()}
    make_folder(folder)
    check_output(folder / CARD, replaces=JSON)
    # the card takes its place when the weights have: on a full disk neither does
    with whole_file(folder / CARD) as part:
        text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        save_tensors(folder / MODEL, tensors, kind="model", about=about)


def check_bundle_folder(folder: Path) -> None:
    """Refuse a folder for a task's models in which something else would be written over.

    Raises VopError for that, and where nothing can be written.
    """
    make_folder(folder)
    check_output(folder / MODEL, replaces=tensor_file("model"))
    check_output(folder / CARD, replaces=JSON)
    of_a_model = Kind("a model's card", lambda path: (path.parent / MODEL).exists())
    check_output(folder / README, replaces=of_a_model)


def load_bundle(task: str, *, folder: Path | None = None) -> Bundle:
    """Load a task's models from ``data/models`` (or ``folder``).

    Raises CheckpointError, in one sentence, when the task is unknown, its model missing, damaged,
    pickled, or of another task, version or shape.
    """
    if folder is None:
        if task not in TASKS:
            raise CheckpointError(f"There is no task '{task}'; choose one of {', '.join(TASKS)}.")
        folder = models_root() / task
    if not (folder / MODEL).exists():
        raise CheckpointError(
            f"There is no trained model for '{task}' here: restore data/models/{task} from the "
            f"repository, or make one with: vop train {task}"
        )
    tensors, about = load_tensors(folder / MODEL, kind="model")
    if about.get("task") != task:
        raise CheckpointError(
            f"'{MODEL}' is a model of {about.get('task')}, not of {task}; choose another file."
        )
    try:
        baseline = METHODS[TASKS[task].baseline]
        global_model = baseline.from_description(about["global"])
        vop = METHODS[about["vop"]["method"]].from_description(about["vop"])
        own = {
            part: {
                name.removeprefix(part): value
                for name, value in tensors.items()
                if name.startswith(part)
            }
            for part in ("global.", "vop.", "health.")
        }
        global_model.load_state_dict(own["global."])
        vop.load_state_dict(own["vop."])
        if own["health."]:
            vop.health_reference = HealthReference.of_tensors(own["health."])
        labels = tuple(about["labels"])
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (RuntimeError, KeyError, TypeError, ValueError, OSError):
        raise CheckpointError(
            f"The model of '{task}' does not fit this program (its weights, shapes or card "
            f"differ); make it again with: vop train {task}"
        ) from None
    if len(labels) != vop.encoder.config.labels:
        raise CheckpointError(
            f"The model of '{task}' names {len(labels)} words but answers with another number."
        )
    for module in (global_model, vop):
        module.eval().requires_grad_(False)
    return Bundle(task, labels, global_model, vop, card)


def open_person_file(path: Path | str) -> tuple[Bundle, PersonalModel]:
    """A person's file and the models it belongs to; the file names its task. Raises PersonFileError
    as load_person.
    """
    _, about = load_tensors(Path(path), kind="person", error=PersonFileError)
    task = about.get("task")
    if task not in tuple(TASKS):  # it may be anything that JSON holds
        raise PersonFileError(
            f"'{Path(path).name}' belongs to the unknown task {told(task)}; enroll again."
        )
    bundle = load_bundle(task)
    return bundle, bundle.vop.load_person(path, task=bundle.task)
