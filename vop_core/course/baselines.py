"""VoP and its baselines on the same persons, clips and questions; only whose clips enroll is
changed.
"""

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.course.material import Crowd, models, synthetic_crowd
from vop_core.evaluation.classification import correctness
from vop_core.methods.adabn import AdaBn, AdaBnConfig
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.fine_tune import FineTuneHead
from vop_core.methods.t3a import T3a, T3aConfig

OWN, WRONG, MIXED = "own clips", "a wrong person's clips", "mixed persons' clips"
WHOSE = (OWN, WRONG, MIXED)
STRANGERS = 4  # wrong persons that each person is enrolled with, one after the other


@lru_cache(maxsize=2)
def methods(task: str = "keywords-en") -> dict[str, PersonalizationMethod]:
    """Methods on the task's shipped global model, and its shipped VoP; all of them enroll in the
    same way.
    """
    bundle = models(task)
    base = bundle.global_model
    return {
        "global": base,
        "vop": bundle.vop,
        "adabn": AdaBn.from_global(base, AdaBnConfig(source_clips=10.0)),
        "t3a": T3a.from_global(base, T3aConfig(scaled=False)),
        "fine-tune-head": FineTuneHead.from_global(base),
    }


READS = {
    "global": "nothing",
    "vop": "unlabeled clips",
    "adabn": "unlabeled clips",
    "t3a": "unlabeled clips",
    "fine-tune-head": "labels and gradients",
}


def enrollments(
    crowd: Crowd, whose: str
) -> list[tuple[Float[Tensor, "person shot mel frame"], Int[Tensor, "person shot"]]]:
    """What enrolls each person, with its labels: one enrollment, or several wrong ones, of which
    the mean counts.

    Raises ValueError for what is not among ``WHOSE``.
    """
    if whose == OWN:
        return [(crowd.enrollment, crowd.enrollment_labels)]
    others = len(crowd.names) - 1  # shifts from 1 to this never bring a person's own clips back
    if whose == WRONG:
        shifts = _spread(STRANGERS, others)
        return [
            (crowd.enrollment.roll(shift, 0), crowd.enrollment_labels.roll(shift, 0))
            for shift in shifts
        ]
    if whose == MIXED:
        shifts = _spread(crowd.enrollment.shape[1], others)
        clips = [crowd.enrollment.roll(shift, 0)[:, shot] for shot, shift in enumerate(shifts)]
        labels = [
            crowd.enrollment_labels.roll(shift, 0)[:, shot] for shot, shift in enumerate(shifts)
        ]
        return [(torch.stack(clips, dim=1), torch.stack(labels, dim=1))]
    raise ValueError(f"whose clips enroll is one of {', '.join(WHOSE)}; got {whose!r}")


def _spread(count: int, largest: int) -> list[int]:
    """Numbers from 1 to ``largest``, spread over them, no two alike while there are enough."""
    return [1 + number * max(1, largest // count) % largest for number in range(count)]


def accuracies(name: str, whose: str = OWN, crowd: Crowd | None = None) -> Float[Tensor, " person"]:
    """Each person's share of right answers under a method. The bundled persons unless a crowd is
    given.
    """
    if crowd is None:
        return _synthetic_accuracies(name, whose)
    method = methods()[name]
    persons, clips = crowd.query_labels.shape
    query = method.represent(crowd.query.flatten(0, 1)).unflatten(0, (persons, clips))
    found = []
    for enrollment, labels in enrollments(crowd, whose):
        heard = method.represent(enrollment.flatten(0, 1)).unflatten(0, labels.shape)
        adaptation = method.adapt(heard, labels)
        with torch.no_grad():
            found.append(
                correctness(method.predict_proba(adaptation, query), crowd.query_labels).mean(1)
            )
    return torch.stack(found).mean(0)


@lru_cache(maxsize=32)
def _synthetic_accuracies(name: str, whose: str) -> Float[Tensor, " person"]:
    return accuracies(name, whose, synthetic_crowd())
