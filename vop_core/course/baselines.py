"""VoP and its baselines on the same persons, clips and questions; only whose clips enroll is
changed.
"""

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.course.material import Crowd, bundled_crowd, models
from vop_core.evaluation.classification import correctness
from vop_core.evaluation.controls import WordIndex, mixed_enrollments, wrong_person_enrollments
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
    the mean counts. The controls are the evaluation's.

    Raises ValueError for what is not among ``WHOSE``.
    """
    if whose == OWN:
        return [(crowd.enrollment, crowd.enrollment_labels)]
    if whose not in WHOSE:
        raise ValueError(f"whose clips enroll is one of {', '.join(WHOSE)}; got {whose!r}")
    clips = crowd.clips()
    index = WordIndex(clips.person_index, clips.labels)
    controls = [
        wrong_person_enrollments(episode, clips, index, most=STRANGERS, seed=0)
        if whose == WRONG
        else mixed_enrollments(episode, clips, index, seed=0)
        for episode in crowd.episodes()
    ]
    rows = [torch.stack([each.clips for each in made]) for made in zip(*controls, strict=True)]
    return [(clips.features[each], clips.labels[each]) for each in rows]


@lru_cache(maxsize=64)
def accuracies(name: str, whose: str = OWN, crowd: Crowd | None = None) -> Float[Tensor, " person"]:
    """Each person's share of right answers under a method. The bundled persons unless a crowd is
    given.
    """
    crowd = crowd or bundled_crowd()
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
