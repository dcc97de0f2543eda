"""What is found out about a finished method on a fold: its scores, what it costs, what its
posterior is like.
"""

import copy
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vop_core.bench.calls import (
    calls_of,
    clips_across,
    draw_across_calls,
    plan_across_calls,
)
from vop_core.data.environments import environment_owner
from vop_core.data.features import SWAPPED_ENVIRONMENT, FeatureTable, join_tables
from vop_core.errors import EvaluationError
from vop_core.evaluation.ask import Metrics
from vop_core.evaluation.classification import negative_log_likelihood
from vop_core.evaluation.cost import multiply_accumulates_of, parameter_count
from vop_core.evaluation.plan import OPEN, EvaluationClips, PlannedEpisode, plan
from vop_core.evaluation.score import COLUMNS, OWN, Condition, Scoring, score_method
from vop_core.evaluation.verification import Claims, score_claims
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.personal import adaptation_bytes, gaussian_of
from vop_core.nets.batched import CLIPS_AT_ONCE
from vop_core.tasks.base import Task, TaskData
from vop_core.variational.diagnostics import (
    interval_holds,
    intraclass_correlation,
    posterior_health,
)
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.importance import log_importance_weights, pareto_k


@dataclass(frozen=True)
class Scene:
    """Clips of open and closed persons in one table, the episodes on them, and words never
    taught.
    """

    table: FeatureTable
    planned: tuple[PlannedEpisode, ...]
    metrics: Metrics
    unknown: torch.Tensor | None = None
    claims: Claims | None = None  # where a task compares, instead of episodes

    @classmethod
    def of_task(cls, task: Task, data: TaskData, scoring: Scoring) -> "Scene":
        """Both sets of a task, as the condition has them heard; without the set that is not.

        Raises EvaluationError where no unknown person has clips enough.
        """
        if task.compares:
            claims = task.claims(data.sources, data.open.persons, scoring.shots, cohort=data.train)
            return cls.of_claims(task, claims)
        needed = set(scoring.variants)
        parts = [part for part in (data.open, data.closed) if needed <= part.variants.keys()]
        joined = join_tables([part for part in parts if len(part)], data.open.labels)
        table = heard_in(joined, scoring.condition)
        trained = set(data.train.persons)

        def asked(name: str, shots: int) -> bool:
            return name not in trained or (scoring.closed and shots in scoring.control_shots)

        planned = _drawn(task, table, data.train.persons, scoring, asked)
        if not any(episode.set_name == OPEN for episode in planned):
            raise EvaluationError(
                "No unknown person has clips enough to enroll and to be asked; give more clips."
            )
        rejects = task.rejects(data.name, scoring.unknown_clips)
        unknown = None if rejects is None else rejects.to(table.features.device)
        return cls(table, planned, task.metrics, unknown)

    @classmethod
    def of_claims(cls, task: Task, claims: Claims) -> "Scene":
        """Everybody who claims, or is claimed about."""
        table = FeatureTable(
            variants={"original": claims.features},
            person=claims.person,
            label=claims.person,
            take=torch.zeros_like(claims.person),
            persons=claims.persons,
            labels=claims.persons,
        )
        return cls(table, (), task.metrics, claims=claims)

    @classmethod
    def of_table(
        cls, task: Task, table: FeatureTable, trained_persons: Sequence[str], scoring: Scoring
    ) -> "Scene":
        """Everybody of a table, with every number of shots. Raises EvaluationError when nobody has
        clips enough.
        """
        if not len(table):
            raise EvaluationError(
                "There is no clip to evaluate; give a data set with persons and clips in it."
            )
        planned = _drawn(task, table, trained_persons, scoring, lambda name, shots: True)
        return cls(table, planned, task.metrics)


def _drawn(
    task: Task,
    table: FeatureTable,
    trained_persons: Sequence[str],
    scoring: Scoring,
    asked: Callable[[str, int], bool],  # person and number of shots
) -> tuple[PlannedEpisode, ...]:
    """Episodes of all who are asked and of whom a clip remains beside those that enroll."""
    across = scoring.condition.across_calls
    if across:
        counts = [clips_across(calls.values()) for calls in calls_of(table).values()]
    else:
        counts = torch.bincount(table.person, minlength=len(table.persons)).tolist()

    def able(shots: int) -> list[int]:
        return [
            person
            for person, name in enumerate(table.persons)
            if counts[person] > shots and asked(name, shots)
        ]

    def drawn(shots: int) -> list[Any]:
        if across:
            return draw_across_calls(table, able(shots), shots, generator=generator)
        return task.episodes(table, able(shots), shots, generator=generator)

    generator = torch.Generator().manual_seed(scoring.seed)
    episodes = [
        episode
        for shots in scoring.shots
        for _ in range(scoring.repetitions_at(shots))
        for episode in drawn(shots)
    ]
    if not episodes:
        raise EvaluationError(
            f"Everybody has too few clips for {min(scoring.shots)} enrollment clip(s) and one to "
            "ask about; use fewer shots or add clips."
        )
    planned = plan_across_calls if across else plan
    return _of_groups(planned(evaluation_clips(table), episodes, trained_persons), task)


def _of_groups(planned: Sequence[PlannedEpisode], task: Task) -> tuple[PlannedEpisode, ...]:
    """Episodes under the names that intervals are over; those of one name are its repetitions."""
    found: list[PlannedEpisode] = []
    count: Counter[tuple[str, int]] = Counter()
    for each in planned:
        place = task.group_of(each.name), each.shots
        found.append(replace(each, name=place[0], repetition=count[place]))
        count[place] += 1
    return tuple(found)


def heard_in(table: FeatureTable, condition: Condition) -> FeatureTable:
    """The table as if all had been recorded in the condition; its noise is like no clip of it."""
    if condition.heard == "original":
        return table
    kept = {"original": condition.heard, SWAPPED_ENVIRONMENT: condition.swapped}
    variants = {name: table.variants[source] for name, source in kept.items() if source}
    return replace(table, variants=variants)


def evaluation_clips(
    table: FeatureTable,
    represent: Callable[[torch.Tensor], torch.Tensor] = lambda log_mels: log_mels,
) -> EvaluationClips:
    """A table in the form that scoring reads, each clip as a method represents it."""
    noise, swapped = (table.variants.get(name) for name in ("noise", SWAPPED_ENVIRONMENT))
    return EvaluationClips(
        represent(table.features),
        table.label,
        table.person,
        table.persons,
        None if noise is None else represent(noise),
        every_other_clip(table.person),
        None if swapped is None else represent(swapped),
        () if swapped is None else visitors(table.persons),
    )


def every_other_clip(person: Int[Tensor, " clip"]) -> Bool[Tensor, " clip"]:
    """Of each person the first, the third, and so on, in the order of the table."""
    order = torch.argsort(person, stable=True)
    counts = torch.bincount(person)
    place = torch.empty_like(person)
    place[order] = torch.arange(len(person)) - (counts.cumsum(0) - counts)[person[order]]
    return place % 2 == 0


def visitors(persons: Sequence[str]) -> tuple[int, ...]:
    """For each person, the index of who stands in their environment where these persons swap."""
    owners = [environment_owner(person, persons) for person in persons]
    return tuple(owners.index(person) for person in persons)


def scene_scores(
    method: PersonalizationMethod,
    scene: Scene,
    scoring: Scoring,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Every row of a method on the scene's episodes or claims. Raises EvaluationError where answers
    are no probabilities.
    """
    if scene.claims is not None:
        return score_claims(method, scene.claims, scoring)
    with torch.no_grad():
        clips = evaluation_clips(scene.table, method.represent)
        unknown = None if scene.unknown is None else method.represent(scene.unknown)
    return score_method(
        method,
        clips,
        scene.planned,
        scoring,
        metrics=scene.metrics,
        unknown=unknown,
        progress=progress,
    )


def cost_figures(method: PersonalizationMethod, scene: Scene, shots: int = 5) -> dict[str, Any]:
    """Parameters, multiply-accumulates, bytes of a person, and enrollment time against one forward
    pass: on the CPU, where persons enroll.
    """
    clips, labels = scene.table.features[:shots].cpu(), scene.table.label[:shots]
    found = person_costs(copy.deepcopy(method).cpu(), clips, labels)
    seconds, one_pass = found.pop("enrollment_seconds"), found.pop("pass_seconds")
    return found | {"enrollment_passes": round(seconds / one_pass, 2)}


def person_costs(
    method: PersonalizationMethod,
    clips: torch.Tensor,  # (shot, *input), of one person
    labels: torch.Tensor | None,  # (shot,), of which methods that read none see none
    times: int = 5,
) -> dict[str, Any]:
    """What one person costs with a method, and how long enrollment and one forward pass take here:
    medians of ``times``. Raises EvaluationError without labels where they are read.
    """
    query = clips[:1]
    known = {"labels": labels} if method.facts.labels else {}

    with torch.no_grad():
        adaptation = method.adapt(
            method.represent(clips)[None],
            labels[None] if known and labels is not None else None,
        )
    # Where a person's weights fold into the encoder's own, that network is what answers.
    folded = method.folded(adaptation) if method.facts.foldable else None

    def answer() -> torch.Tensor:
        return (
            folded(query)
            if folded
            else method.predict_proba(adaptation, method.represent(query)[None])
        )

    # What all is measured against: the encoder as it is without anybody.
    plain = method.encoder.with_context(0).eval()
    return {
        "encoder_parameters": parameter_count(plain),
        "added_parameters": parameter_count(method) - parameter_count(plain),
        "answer_multiply_accumulates": _counted(answer),
        "enroll_multiply_accumulates": _counted(lambda: method.enroll(clips, **known)),
        "encoder_multiply_accumulates": _counted(lambda: plain(query)),
        "bytes_per_person": adaptation_bytes(adaptation) if method.facts.personal else 0,
        "enrollment_seconds": _median_seconds(lambda: method.enroll(clips, **known), times),
        "pass_seconds": _median_seconds(lambda: plain(query), times),
        "gradient_steps": method.gradient_steps,
    }


def _counted(call: Callable[[], object]) -> int:
    with torch.no_grad():
        return multiply_accumulates_of(call)


def _median_seconds(call: Any, times: int = 5) -> float:
    def once() -> float:
        started = time.perf_counter()
        with torch.no_grad():
            call()
        return time.perf_counter() - started

    once()
    return statistics.median(once() for _ in range(times))


def posterior_figures(
    method: PersonalizationMethod, scene: Scene, scoring: Scoring
) -> tuple[dict[str, Any] | None, pd.DataFrame]:
    """For methods with a Gaussian posterior: width, KL, spread between persons and what of it is
    the person, by number of clips.

    And a table of scores of the own row: how often each person's intervals hold what all other
    clips of the person show, by layer in the parts (where a method can be seen on clips); at the
    main shots each person's width, and the tail against the posterior that has seen the labels
    (Pareto k, where it has a shape).
    """
    found, lines = {}, []
    if not method.facts.posterior or scene.claims is not None:
        return None, pd.DataFrame(lines, columns=list(COLUMNS))
    prior = gaussian_of(method.prior(1))[0].detach()
    with torch.no_grad():
        clips = method.represent(scene.table.features)
    unknown = sorted({e.person for e in scene.planned if e.set_name == OPEN})
    for shots in scoring.shots:
        episodes = [
            e for e in scene.planned if (e.shots, e.repetition, e.set_name) == (shots, 0, OPEN)
        ]
        if len(episodes) < 2:
            continue
        enrollment = torch.stack([e.enrollment for e in episodes])
        with torch.no_grad():
            posteriors = gaussian_of(method.adapt(clips[enrollment]))
        health = posterior_health(posteriors, prior)
        correlation = enrollment_correlation(method, clips, scene.table.person, unknown, shots)
        found[str(shots)] = {
            "kl_nats": round(health.kl, 3),
            "std_ratio": round(health.std_ratio, 4),
            "between_person_std": round(health.between_person_std or 0.0, 4),
            "verdict": health.verdict,
        }
        if correlation is not None:
            found[str(shots)]["intraclass_correlation"] = round(correlation, 4)
        for episode, by_layer in zip(
            episodes, held_by_layer(method, clips, episodes, posteriors), strict=False
        ):
            key = (OPEN, shots, episode.name, 0, OWN)
            lines.append((*key, "interval_coverage", *by_layer))
        if shots != scoring.main_shots:
            continue
        costs = [negative_bound(method, scene.table, e, prior) for e in episodes]
        found[str(shots)]["negative_bound"] = round(statistics.fmean(costs), 4)
        ratios = (posteriors.log_std - prior.log_std).mean(-1).exp().tolist()
        for episode, ratio in zip(episodes, ratios, strict=True):
            key = (OPEN, shots, episode.name, 0, OWN)
            lines.append((*key, "std_ratio", ratio, None))
            tail = tail_of(method, scene.table, episode)
            if math.isfinite(tail):  # else it has no shape: all draws weigh alike
                lines.append((*key, "pareto_k", tail, None))
    return found, pd.DataFrame(lines, columns=list(COLUMNS))


@torch.no_grad()
def enrollment_correlation(
    method: PersonalizationMethod,
    clips: Float[Tensor, " clip *shape"],
    person: Int[Tensor, " clip"],
    persons: Sequence[int],
    shots: int,
) -> float | None:
    """What of the posterior's mean is the person and not the clips, when so many enroll: the
    intraclass correlation over as many enrollments as everybody's clips give, none used twice; in
    units of the prior's standard deviation.

    None where nobody has clips enough for two.
    """
    generator = torch.Generator().manual_seed(0)
    groups, owners = [], []
    for index, each in enumerate(persons):
        own = (person == each).nonzero().squeeze(1)
        own = own[torch.randperm(len(own), generator=generator)]
        parts = own[: len(own) // shots * shots].view(-1, shots)
        groups.append(parts)
        owners.append(torch.full((len(parts),), index))
    owner = torch.cat(owners)
    if not len(owner):
        return None
    pieces = torch.cat(groups).split(max(1, CLIPS_AT_ONCE // shots))
    means = torch.cat([gaussian_of(method.adapt(clips[piece])).mean for piece in pieces])
    return intraclass_correlation((means / gaussian_of(method.prior(1)).std).cpu(), owner)


@torch.no_grad()
def held_by_layer(
    method: PersonalizationMethod,
    clips: Float[Tensor, " clip *shape"],
    episodes: Sequence[PlannedEpisode],
    posteriors: DiagonalGaussian,
) -> list[tuple[float, list[float]]]:
    """Of each episode's person the share of numbers whose interval holds what all clips that did
    not enroll show, of all and of each layer; empty where a method cannot be seen on clips.
    """
    found: dict[int, tuple[float, list[float]]] = {}
    others = [len(episode.query) for episode in episodes]
    for count in set(others):  # persons with as many other clips at once
        places = [place for place, other in enumerate(others) if other == count]
        enrolled, asked = (
            clips[torch.stack([getattr(episodes[place], side) for place in places])]
            for side in ("enrollment", "query")
        )
        observed = method.observed(enrolled, asked)
        if observed is None:
            return []
        held = interval_holds(posteriors[places], observed).double()
        layers = [held[:, own] for own in method.layer_numbers.values()]
        by_layer = torch.stack([part.mean(1) for part in layers], dim=1).tolist()
        found |= zip(places, zip(held.mean(1).tolist(), by_layer, strict=True), strict=True)
    return [found[place] for place in range(len(episodes))]


@torch.no_grad()
def negative_bound(
    method: PersonalizationMethod,
    table: FeatureTable,
    episode: PlannedEpisode,
    prior: DiagonalGaussian,
    draws: int = 10,
) -> float:
    """What the bound charges a person who did not take part in training, in nats a clip: expected
    NLL of the queries under drawn weights, and one KL spread over the person's clips
    [VOP slides, Method].
    """
    enrollment, query = (
        method.represent(table.features[rows]) for rows in (episode.enrollment, episode.query)
    )
    adaptation = method.adapt(enrollment[None])
    drawn = method.draw(adaptation, draws, generator=torch.Generator().manual_seed(0))
    drawn = {name: value[:, 0] for name, value in drawn.items()}  # each draw is a person
    answers = method.predict_proba(drawn, query.expand(draws, *query.shape))
    labels = table.label[episode.query].to(answers.device).expand(draws, -1)
    misfit = negative_log_likelihood(answers, labels).mean()
    divergence = gaussian_of(adaptation)[0].kl(prior)
    return float(divergence / (len(enrollment) + len(query)) + misfit)


@torch.no_grad()
def tail_of(
    method: PersonalizationMethod, table: FeatureTable, episode: PlannedEpisode, draws: int = 200
) -> float:
    """Pareto k of one person's posterior against the one that has seen the enrollment clips'
    labels.
    """
    clips, labels = (
        method.represent(table.features[episode.enrollment]),
        table.label[episode.enrollment],
    )
    adaptation = method.adapt(clips[None])
    drawn = method.draw(adaptation, draws, generator=torch.Generator().manual_seed(0))
    drawn = {name: value[:, 0] for name, value in drawn.items()}  # each draw is a person
    answers = method.predict_proba(drawn, clips.expand(draws, *clips.shape))
    likelihood = answers.log()[:, torch.arange(len(labels)), labels].sum(-1)
    posterior, prior = gaussian_of(adaptation)[0], gaussian_of(method.prior(1))[0]
    return pareto_k(log_importance_weights(posterior, prior, drawn["mean"], likelihood))
