"""Claims among the bundled voices: whose weights are exchanged, and what is not."""

import numpy as np
import pytest
import torch

from vop_core.course import claims
from vop_core.course.claims import OWN, STRANGERS, WEIGHTS

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setenv("VOP_COURSE_BUDGET", "short")


def test_everybody_is_tried_with_every_clip_under_each_kind_of_weights():
    count, asked = len(claims.people()), claims.heard()[1].shape[1]
    for weights in WEIGHTS:
        found = claims.trials(weights, 3)
        pairs = np.stack([found.claimant, found.speaker])
        assert np.unique(pairs, axis=1, return_counts=True)[1].tolist() == [asked] * count**2
        assert np.isfinite(found.score).all() and abs(found.score).max() <= 1 + 1e-6


def test_a_stranger_gives_the_weights_and_nothing_else():
    """By hand for one claimant: another's clips adapt, the claimant's own are the centroid."""
    bundle, (enrollment, asked) = claims.models(claims.TASK), claims.heard()
    with torch.no_grad():
        adaptation = bundle.vop.adapt(enrollment[-1:])
        mean = bundle.vop.features(adaptation, enrollment[:1]).mean(1)
        clip = bundle.vop.features(adaptation, asked[2:3, :1])[0]
        wanted = torch.nn.functional.cosine_similarity(clip, mean).item()
    found = claims.trials(STRANGERS)
    first = found.score[(found.claimant == 0) & (found.speaker == 2)][0]
    assert first == pytest.approx(wanted, abs=1e-5)
    assert not np.allclose(found.score, claims.trials(OWN).score)
