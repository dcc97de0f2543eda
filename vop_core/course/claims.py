"""Claims to be somebody, among the bundled voices: every person's later clips, tried with every
claimant, under everybody's weights, the claimant's own and a stranger's.
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.course.budget import within_budget
from vop_core.course.material import models, voices
from vop_core.data.voices import BundledPerson
from vop_core.evaluation.detection import Band
from vop_core.evaluation.verification import cosine_with_mean
from vop_core.evaluation.verification_metrics import Trials, det_band_over_speakers

TASK = "verification"
EVERYBODYS, OWN, STRANGERS = "everybody's weights", "the claimant's weights", "a stranger's weights"
WEIGHTS = (EVERYBODYS, OWN, STRANGERS)
MOST_SHOTS, CLAIMS = 5, 6


@lru_cache(maxsize=1)
def people() -> tuple[BundledPerson, ...]:
    """Those who enroll and claim; no model heard them."""
    enough = [
        each
        for each in voices()
        if len(each.enrollment) >= MOST_SHOTS and len(each.query) >= CLAIMS
    ]
    return tuple(enough[: within_budget(full=len(enough), short=8)])


@lru_cache(maxsize=1)
def heard() -> tuple[Float[Tensor, "person shot *input"], Float[Tensor, "person claim *input"]]:
    """Each person's clips that enroll, and those that claim, as the verification models hear
    them.
    """
    features, claims = models(TASK).features, within_budget(full=CLAIMS, short=3)
    clips = [(each.enrollment[:MOST_SHOTS], each.query[:claims]) for each in people()]
    enrolled, asked = (
        torch.stack([features([record.load() for record in records]) for records in part])
        for part in zip(*clips, strict=True)
    )
    return enrolled, asked


@lru_cache(maxsize=16)
@torch.no_grad()
def trials(weights: str, shots: int = MOST_SHOTS) -> Trials:
    """The cosine of every clip with every claimant's enrollment, both embedded under the same
    weights; a stranger's change the weights alone, the enrollment stays the claimant's.
    """
    bundle, (enrollment, asked) = models(TASK), heard()
    enrollment, count = enrollment[:, :shots], len(asked)
    clips = asked.flatten(0, 1)
    makers = enrollment.roll(1, 0) if weights == STRANGERS else enrollment
    scores = []
    for person in range(count):
        own = enrollment[person][None]
        if weights == EVERYBODYS:
            model = bundle.global_model
            adaptation = model.prior(1)
        else:
            model = bundle.vop
            adaptation = model.adapt(makers[person][None])
        sides = (
            model.features(adaptation, model.represent(part[0])[None])
            for part in (own, clips[None])
        )
        scores.append(cosine_with_mean(*sides)[0].double().numpy())
    claims = asked.shape[1]
    return Trials(
        tuple(each.name for each in people()),
        np.repeat(np.arange(count), count * claims),
        np.tile(np.repeat(np.arange(count), claims), count),
        np.concatenate(scores),
        np.full(count * count * claims, np.nan),
    )


@lru_cache(maxsize=16)
def band(weights: str, shots: int) -> Band:
    """The DET curve of these claims, with its interval over speakers."""
    return det_band_over_speakers(trials(weights, shots))
