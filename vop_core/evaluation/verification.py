r"""Whose clip is it? Scores of claims, for every method the same, as rows of the score table.

Rows of a method with personal weights, which are all cosines with the mean of the claimant's
enrollment, every clip embedded under

``own``           the weights that the claimant's enrollment makes
``draws``         several draws of these, the cosine averaged, with a posterior; the two rows
                  below likewise, as ``prior, draws`` and ``wrong-person, draws``
``prior``         the weights of nobody's clips
``wrong-person``  the weights that another claimant's enrollment makes: if these do as well, what
                  helps is not the person's

and of a method without:

``own``           the cosine
``AS-norm``       the cosine in standard deviations of the cosines with the most similar training
                  persons, of the claimant and of the clip, averaged [ASNORM]
``PLDA``          the log likelihood ratio of a two-covariance model of the training clips [PLDA]
``fine-tuned``    a logistic regression of the claimant's clips against training persons, by
                  gradient steps from the enrollment's mean

Each line of the table is one claimant: ``similarity`` is the mean score of the claimant's own
clips, its parts the scores of all clips asked about; ``speaker`` has for parts whose these are, as
places among all persons of the table, and ``same_gender`` whether they are of the claimant's
gender (nan where that is not known).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.plan import PlannedEpisode
from vop_core.evaluation.score import COLUMNS, DRAWS, OWN, PRIOR, WRONG_PERSON, Scoring
from vop_core.variational.two_covariance import TwoCovariance

if TYPE_CHECKING:
    import pandas

PRIOR_DRAWS, WRONG_DRAWS = f"{PRIOR}, {DRAWS}", f"{WRONG_PERSON}, {DRAWS}"
DRAWN = {OWN: DRAWS, PRIOR: PRIOR_DRAWS, WRONG_PERSON: WRONG_DRAWS}
AS_NORM, PLDA, FINE_TUNED = "AS-norm", "PLDA", "fine-tuned"
KEPT = "kept"  # the set of persons whom thresholds are chosen on
SIMILARITY, SPEAKER, SAME_GENDER = "similarity", "speaker", "same_gender"
NEAREST = 50  # training persons whose cosines normalise a score
STEPS, RATE = 50, 1.0  # of gradient descent in ``fine-tuned``
SHARPNESS = 10.0  # of its logistic function, for cosines


def cosine_with_mean(
    enrollment: Float[Tensor, "person shot feature"], asked: Float[Tensor, "person query feature"]
) -> Float[Tensor, "person query"]:
    """Of each asked clip with its claimant's mean enrollment clip."""
    return functional.cosine_similarity(asked, enrollment.mean(1, keepdim=True), dim=-1)


def as_norm(
    enrollment: Float[Tensor, "person shot feature"],
    asked: Float[Tensor, "person query feature"],
    cohort: Float[Tensor, "other feature"],
) -> Float[Tensor, "person query"]:
    """The cosine, normalised by both sides' cosines with the nearest of a cohort [ASNORM]."""
    score = cosine_with_mean(enrollment, asked)
    cohort = functional.normalize(cohort, dim=-1)

    def moments(vector: Tensor) -> tuple[Tensor, Tensor]:
        cosines = functional.normalize(vector, dim=-1) @ cohort.mT
        nearest = cosines.topk(min(NEAREST, len(cohort)), dim=-1).values
        return nearest.mean(-1), nearest.std(-1).clamp_min(1e-6)

    sides = moments(enrollment.mean(1, keepdim=True)), moments(asked)
    return sum((score - mean) / std for mean, std in sides) / 2


def fine_tuned(
    enrollment: Float[Tensor, "person shot feature"],
    asked: Float[Tensor, "person query feature"],
    cohort: Float[Tensor, "other feature"],
) -> Float[Tensor, "person query"]:
    """The logit of each person's logistic regression, all persons at once; clips of length 1."""
    own, other, asked = (functional.normalize(each, dim=-1) for each in (enrollment, cohort, asked))
    direction = functional.normalize(own.mean(1), dim=-1)
    offset = torch.zeros(len(own))
    for _ in range(STEPS):
        inside = torch.sigmoid(SHARPNESS * (own @ direction[..., None])[..., 0] + offset[:, None])
        outside = torch.sigmoid(SHARPNESS * direction @ other.mT + offset[:, None])
        # either side weighs one half
        up = ((1 - inside)[..., None] * own).mean(1) - outside @ other / len(other)
        direction = direction + RATE / SHARPNESS * up
        offset = offset + RATE * ((1 - inside).mean(1) - outside.mean(1))
    return SHARPNESS * (asked @ direction[..., None])[..., 0] + offset[:, None]


def plda(
    enrollment: Float[Tensor, "person shot feature"],
    asked: Float[Tensor, "person query feature"],
    model: TwoCovariance,
) -> Float[Tensor, "person query"]:
    """Of clips of length 1."""
    sides = (functional.normalize(each, dim=-1) for each in (enrollment, asked))
    return model.log_likelihood_ratio(*sides)


@dataclass(frozen=True)
class Claims:
    """Everybody's claims: clips, who enrolls with which of them, and which are asked about."""

    features: Float[Tensor, " clip *shape"]
    person: Int[Tensor, " clip"]  # into persons
    persons: tuple[str, ...]
    planned: tuple[PlannedEpisode, ...]
    # training persons' clips, which normalise scores and fit their models
    cohort: Float[Tensor, " other *shape"] | None
    cohort_person: Int[Tensor, " other"] | None
    gender: Mapping[str, str]  # of persons, where it is known

    def represented(self, method: Any) -> "Claims":
        """As a method reads the clips."""
        cohort = None if self.cohort is None else method.represent(self.cohort)
        return replace(self, features=method.represent(self.features), cohort=cohort)


def backends_of(method: Any, claims: Claims) -> Mapping[str, Any]:
    """Further scores of a method without personal weights, from represented clips; none without a
    cohort.
    """
    if claims.cohort is None or method.facts.personal:
        return {}
    embedded = functional.normalize(method.features(method.prior(1), claims.cohort[None])[0])
    person = torch.unique(claims.cohort_person, return_inverse=True)[1].to(embedded.device)
    count = torch.bincount(person)
    total = embedded.new_zeros(len(count), embedded.shape[1]).index_add(0, person, embedded)
    return {
        AS_NORM: partial(as_norm, cohort=total / count[:, None]),
        PLDA: partial(plda, model=TwoCovariance.fit(embedded.cpu(), person.cpu())),
        FINE_TUNED: partial(fine_tuned, cohort=total / count[:, None]),
    }


@torch.no_grad()
def score_claims(method: Any, claims: Claims, scoring: Scoring) -> "pandas.DataFrame":
    """All rows of one method on the claims. Persons are batched by number of shots."""
    import pandas

    claims = claims.represented(method)
    backends = backends_of(method, claims)
    lines: list[tuple] = []
    for batch in _batches(claims.planned, scoring.chunk_clips):
        enrollment = claims.features[torch.stack([each.enrollment for each in batch])]
        longest = max(len(each.query) for each in batch)
        rows = torch.stack([_filled(each.query, longest) for each in batch])
        asked = claims.features[rows]
        for row, scores in _rows(method, enrollment, asked, batch, backends, claims, scoring):
            for each, found in zip(batch, scores, strict=True):
                lines += _lines(each, row, found[: len(each.query)].cpu(), claims)
    return pandas.DataFrame(lines, columns=list(COLUMNS))


def _rows(
    method: Any,
    enrollment: Tensor,
    asked: Tensor,
    batch: Sequence[PlannedEpisode],
    backends: Mapping[str, Any],
    claims: Claims,
    scoring: Scoring,
) -> Iterator[tuple[str, Float[Tensor, "person query"]]]:
    persons, facts = len(enrollment), method.facts

    def under(adaptation: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        return method.features(adaptation, enrollment), method.features(adaptation, asked)

    weights = {OWN: method.adapt(enrollment)}
    if facts.personal and facts.prior:
        weights[PRIOR] = method.prior(persons)
    if facts.personal and scoring.controls:
        others = torch.stack([_another(each, claims=claims) for each in batch])
        weights[WRONG_PERSON] = method.adapt(claims.features[others])
    for name, adaptation in weights.items():
        embedded = under(adaptation)
        yield name, cosine_with_mean(*embedded)
        if name == OWN:
            yield from ((more, score(*embedded)) for more, score in backends.items())
    if not facts.posterior or batch[0].shots not in scoring.draw_shots:
        return
    for weighed, adaptation in weights.items():
        name = DRAWN[weighed]
        generator = generator_for(scoring.seed, name, batch[0].name, batch[0].shots)
        drawn = method.draw(adaptation, scoring.draws, generator=generator)
        found = [
            cosine_with_mean(*under({key: value[place] for key, value in drawn.items()}))
            for place in range(scoring.draws)
        ]
        yield name, torch.stack(found).mean(0)


def _another(episode: PlannedEpisode, *, claims: Claims) -> Int[Tensor, " shot"]:
    """As many clips of one other person, of those who are asked about."""
    others = [row for row in episode.query.tolist() if int(claims.person[row]) != episode.person]
    owners = sorted({int(claims.person[row]) for row in others})
    generator = generator_for(0, "wrong weights", episode.name, episode.shots)
    order = [owners[place] for place in torch.randperm(len(owners), generator=generator).tolist()]
    for owner in order:
        own = (claims.person == owner).nonzero().squeeze(1)
        if len(own) >= episode.shots:
            return own[torch.randperm(len(own), generator=generator)[: episode.shots]]
    own = (claims.person == order[0]).nonzero().squeeze(1)
    return own[torch.arange(episode.shots) % len(own)]


def _lines(
    episode: PlannedEpisode, row: str, scores: Float[Tensor, " query"], claims: Claims
) -> list[tuple]:
    key = (episode.set_name, episode.shots, episode.name, episode.repetition, row)
    speaker = claims.person[episode.query]
    mean = float(scores[speaker == episode.person].mean())
    found = [(*key, SIMILARITY, mean, scores.double().tolist())]
    if row == OWN:
        order = {name: place for place, name in enumerate(sorted(claims.persons))}
        places = [float(order[claims.persons[each]]) for each in speaker.tolist()]
        found.append((*key, SPEAKER, float(order[episode.name]), places))
        own = claims.gender.get(episode.name)
        theirs = [claims.gender.get(claims.persons[each]) for each in speaker.tolist()]
        alike = [float(own == each) if own and each else math.nan for each in theirs]
        found.append((*key, SAME_GENDER, math.nan, alike))
    return found


def _batches(planned: Sequence[PlannedEpisode], most: int) -> Iterator[list[PlannedEpisode]]:
    """Episodes with equally many shots, so many clips at once."""
    for shots in sorted({each.shots for each in planned}):
        batch: list[PlannedEpisode] = []
        for each in (one for one in planned if one.shots == shots):
            longest = max([len(each.query), *(len(one.query) for one in batch)]) + shots
            if batch and longest * (len(batch) + 1) > most:
                yield batch
                batch = []
            batch.append(each)
        yield batch


def _filled(query: Int[Tensor, " query"], length: int) -> Int[Tensor, " place"]:
    return torch.cat((query, query[:1].expand(length - len(query))))
