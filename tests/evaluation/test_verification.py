"""Scores of claims: which rows there are, what each is, and what must not matter."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.toys import log_mels, make_encoder, ready, seeded
from vop_core.evaluation.plan import OPEN, PlannedEpisode
from vop_core.evaluation.score import DRAWS, OWN, PRIOR, WRONG_PERSON, Scoring
from vop_core.evaluation.verification import (
    AS_NORM,
    FINE_TUNED,
    NEAREST,
    PLDA,
    PRIOR_DRAWS,
    RATE,
    SAME_GENDER,
    SHARPNESS,
    SIMILARITY,
    SPEAKER,
    STEPS,
    WRONG_DRAWS,
    Claims,
    as_norm,
    cosine_with_mean,
    fine_tuned,
    score_claims,
)
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.registry import METHODS

PERSONS, CLIPS = 4, 5
SCORING = Scoring(shots=(2,), draw_shots=(2,), draws=3)


def claims() -> Claims:
    """Everybody enrolls two clips and claims the rest of everybody's."""
    person = torch.arange(PERSONS).repeat_interleave(CLIPS)
    names = tuple(f"toy/{name}" for name in "dbca")
    planned = []
    for owner, name in enumerate(names):
        own = torch.arange(CLIPS * owner, CLIPS * (owner + 1))
        others = (person != owner).nonzero().squeeze(1)
        query = torch.cat((own[2:], others[: 8 + owner]))  # not all alike long
        planned.append(PlannedEpisode(owner, name, OPEN, 2, 0, own[:2], query, ()))
    return Claims(
        features=log_mels(PERSONS * CLIPS, seed=5),
        person=person,
        persons=names,
        planned=tuple(planned),
        cohort=log_mels(12, seed=6),
        cohort_person=torch.arange(3).repeat_interleave(4),
        gender={"toy/d": "f", "toy/b": "m", "toy/c": "f"},
    )


def made(name):
    """On an encoder that is normalised by what it reads, its own parts shaken: else all clips and
    persons would be alike.
    """
    shared = ready(GlobalModel(make_encoder(dropout=0.0)))
    for norm in shared.encoder.normalisations.values():
        norm.momentum = 1.0
    with torch.no_grad():
        shared.train().encoder(log_mels(64, seed=9))
        method = METHODS[name].from_global(shared.eval(), None)
        for value in method.parameters():
            value.add_(0.05 * torch.randn(value.shape, generator=seeded(1)))
    return method.eval()


def line(scores, row, metric=SIMILARITY, person="toy/d"):
    found = scores[(scores["row"] == row) & (scores["metric"] == metric)]
    return found.set_index("person").loc[person]


@pytest.mark.parametrize("name", ["global", "vop", "adabn", "film-hypernetwork"])
def test_every_row_is_there_and_is_a_cosine_under_its_weights(name):
    method, asked = made(name), claims()
    scores, facts = score_claims(method, asked, SCORING), method.facts
    rows = {OWN} | ({WRONG_PERSON} if facts.personal else {AS_NORM, PLDA, FINE_TUNED})
    rows |= {PRIOR} if facts.prior and facts.personal else set()
    drawn = {DRAWS, PRIOR_DRAWS, WRONG_DRAWS}
    assert set(scores["row"]) == rows | (drawn if facts.posterior else set())
    episode = asked.planned[0]
    clips = method.represent(asked.features)
    enrollment, query = clips[episode.enrollment][None], clips[episode.query][None]
    own = method.adapt(enrollment)
    embedded = [method.features(own, part)[0] for part in (enrollment, query)]
    expected = functional.cosine_similarity(embedded[1], embedded[0].mean(0)[None], dim=-1)
    np.testing.assert_allclose(line(scores, OWN)["parts"], expected.detach(), atol=1e-4)
    if facts.personal:
        assert not np.allclose(line(scores, WRONG_PERSON)["parts"], expected.detach(), atol=1e-5)


def test_a_method_without_a_prior_has_no_row_of_one(monkeypatch):
    method = made("vop")
    monkeypatch.setattr(method, "facts", dataclasses.replace(method.facts, prior=False))
    rows = set(score_claims(method, claims(), SCORING)["row"])
    assert rows == {OWN, WRONG_PERSON, DRAWS, WRONG_DRAWS}


def test_whose_each_clip_is_stands_beside_its_score():
    scores = score_claims(made("global"), claims(), SCORING)
    whose = line(scores, OWN, SPEAKER)
    assert whose["value"] == 3.0  # the last of a, b, c, d
    assert whose["parts"] == [3.0] * 3 + [1.0] * 5 + [2.0] * 3
    alike = line(scores, OWN, SAME_GENDER)["parts"]
    assert alike == [1.0] * 3 + [0.0] * 5 + [1.0] * 3
    assert np.isnan(line(scores, OWN, SAME_GENDER, "toy/a")["parts"]).all()  # nothing known
    similarity = line(scores, OWN)
    assert similarity["value"] == pytest.approx(np.mean(similarity["parts"][:3]))


def test_batches_do_not_matter():
    method, asked = made("film-hypernetwork"), claims()
    wide, narrow = (
        score_claims(method, asked, dataclasses.replace(SCORING, chunk_clips=most))
        for most in (1000, 1)
    )
    key = ["person", "row", "metric"]
    for one, other in zip(
        wide.sort_values(key)["parts"], narrow.sort_values(key)["parts"], strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_cohort_is_on_average_at_zero_of_its_own_norm():
    """(s - mean) / std over all of a cohort no larger than the nearest has mean 0; and lengths do
    not count.
    """
    cohort = torch.randn(NEAREST, 8, generator=seeded(0))
    enrollment = torch.randn(2, 3, 8, generator=seeded(1))
    score = cosine_with_mean(enrollment, cohort.expand(2, -1, -1))
    one_sided = (score - score.mean(1, keepdim=True)) / score.std(1, keepdim=True)
    found = as_norm(enrollment, cohort.expand(2, -1, -1), cohort)
    inside = functional.normalize(cohort) @ functional.normalize(cohort).mT
    other_side = (score - inside.mean(1)) / inside.std(1)
    torch.testing.assert_close(found, (one_sided + other_side) / 2)
    torch.testing.assert_close(as_norm(2 * enrollment, cohort.expand(2, -1, -1), cohort), found)


def test_fine_tuning_descends_the_logistic_loss():
    """Against autograd, with the rates of the two parts."""
    own, cohort = torch.randn(1, 3, 6, generator=seeded(2)), torch.randn(9, 6, generator=seeded(3))
    asked = torch.randn(1, 4, 6, generator=seeded(4))
    inside, outside = (functional.normalize(each, dim=-1) for each in (own[0], cohort))
    direction = functional.normalize(inside.mean(0), dim=0).requires_grad_()
    offset = torch.zeros((), requires_grad=True)
    for _ in range(STEPS):
        up, down = (SHARPNESS * each @ direction + offset for each in (inside, outside))
        loss = functional.softplus(-up).mean() + functional.softplus(down).mean()
        slope, shift = torch.autograd.grad(loss, (direction, offset))
        with torch.no_grad():
            direction -= RATE / SHARPNESS**2 * slope
            offset -= RATE * shift
    expected = SHARPNESS * functional.normalize(asked[0], dim=-1) @ direction + offset
    torch.testing.assert_close(fine_tuned(own, asked, cohort)[0], expected.detach())
