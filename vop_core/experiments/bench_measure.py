"""What is found out about a finished method on a fold: its scores, what it costs, what its posterior is like."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from vop_core.data.episodes import draw_episodes
from vop_core.data.features import FeatureTable, join_tables, load_features
from vop_core.errors import EvaluationError
from vop_core.evaluation.cost import multiply_accumulates_of, parameter_count
from vop_core.evaluation.method_scores import Asking, MethodScoring, PersonScore, score_method
from vop_core.evaluation.protocol import EvaluationClips, PlannedEpisode, plan
from vop_core.experiments.runs import evaluation_clips
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.personal import adaptation_bytes, gaussian_of
from vop_core.tasks.keyword_spotting import TaskData, unknown_words, usable_dataset
from vop_core.variational.diagnostics import posterior_health
from vop_core.variational.importance import log_importance_weights, pareto_k


@dataclass(frozen=True)
class Scene:
    """Clips of open and closed persons in one table, the episodes on them, and words never taught."""

    table: FeatureTable
    planned: tuple[PlannedEpisode, ...]
    unknown: torch.Tensor | None

    @classmethod
    def of(cls, data: TaskData, scoring: MethodScoring) -> "Scene":
        """Raises EvaluationError where a person has too few clips for the fewest shots."""
        table = join_tables([part for part in (data.open, data.closed) if len(part)], data.train.labels)
        generator = torch.Generator().manual_seed(scoring.seed)
        counts = torch.bincount(table.person, minlength=len(table.persons))
        opened = set(data.open.persons)
        episodes = []
        for shots in scoring.shots:
            wanted = [
                person
                for person, name in enumerate(table.persons)
                if (name in opened or (scoring.closed and shots == scoring.main_shots)) and int(counts[person]) > shots
            ]
            for _ in range(scoring.repetitions_at(shots)):
                episodes += draw_episodes(
                    table.person, table.label, persons=wanted, shots=shots, generator=generator, names=table.persons
                )
        if not any(table.persons[episode.person] in opened for episode in episodes):
            raise EvaluationError("No unknown person has clips enough to enroll and to be asked; give more clips.")
        planned = plan(evaluation_clips(table), episodes, data.train.persons, lonely_peers=True)
        unknown = unknown_clips(data.name, scoring.unknown_clips) if scoring.unknown_clips else None
        return cls(table, tuple(planned), unknown)

    def clips_for(self, method: PersonalizationMethod, channel: str | None) -> EvaluationClips:
        """The clips as the method represents them, as recorded or through another channel."""
        with torch.no_grad():
            return evaluation_clips(self.table, represent=method.represent, channel=channel)


def unknown_clips(dataset: str, count: int) -> torch.Tensor:
    """Log-mels of words that the data set's models were never taught: spread evenly over another data set."""
    table = load_features(usable_dataset(unknown_words(dataset)))
    return table.features[torch.linspace(0, len(table) - 1, min(count, len(table))).long()]


def scene_scores(method: PersonalizationMethod, scene: Scene, scoring: MethodScoring) -> list[PersonScore]:
    """Every row of a method on the scene's episodes. Raises EvaluationError where answers are no probabilities."""
    channel, facts = scoring.channel, method.facts
    asking = Asking(
        labels=facts.labels, personal=facts.personal, draws=facts.draws, posterior=facts.posterior, prior=facts.prior
    )
    clips = scene.clips_for(method, channel)
    with torch.no_grad():
        elsewhere = method.represent(scene.table.features) if channel else None
        unknown = None if scene.unknown is None else method.represent(scene.unknown)
    even = scene.table.take % 2 == 0
    return score_method(method, asking, clips, even, scene.planned, unknown, scoring, elsewhere=elsewhere)


def cost_figures(method: PersonalizationMethod, scene: Scene, shots: int = 5) -> dict[str, Any]:
    """Parameters, multiply-accumulates, bytes of a person, and enrollment time against one forward pass."""
    clips, labels = scene.table.features[:shots], scene.table.label[:shots]
    query = clips[:1]
    known = {"labels": labels} if method.facts.labels else {}

    with torch.no_grad():
        adaptation = method.adapt(method.represent(clips)[None], labels[None] if known else None)
    # Where a person's weights fold into the encoder's own, that network is what answers.
    folded = method.folded(adaptation) if method.facts.foldable else None

    def answer() -> torch.Tensor:
        return folded(query) if folded else method.predict_proba(adaptation, method.represent(query)[None])

    # What all is measured against: the encoder as it is without anybody.
    plain = method.encoder.with_context(0).eval()
    one_pass = _median_seconds(lambda: plain(query))
    return {
        "encoder_parameters": parameter_count(plain),
        "added_parameters": parameter_count(method) - parameter_count(plain),
        "answer_multiply_accumulates": _counted(answer),
        "enroll_multiply_accumulates": _counted(lambda: method.enroll(clips, **known)),
        "encoder_multiply_accumulates": _counted(lambda: plain(query)),
        "bytes_per_person": adaptation_bytes(adaptation) if method.facts.personal else 0,
        "enrollment_passes": round(_median_seconds(lambda: method.enroll(clips, **known)) / one_pass, 2),
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


def posterior_figures(method: PersonalizationMethod, scene: Scene, scoring: MethodScoring) -> dict[str, Any] | None:
    """For methods with a Gaussian posterior: width, KL and spread between persons, by number of clips."""
    if not method.facts.posterior:
        return None
    found, prior = {}, gaussian_of(method.prior(1))[0].detach()
    for shots in scoring.shots:
        episodes = [e for e in scene.planned if e.shots == shots and e.repetition == 0 and e.set_name == "open"]
        if len(episodes) > 1:
            enrollment = torch.stack([scene.table.features[e.enrollment] for e in episodes])
            with torch.no_grad():
                clips = method.represent(enrollment.flatten(0, 1)).unflatten(0, enrollment.shape[:2])
                posteriors = gaussian_of(method.adapt(clips))
            health = posterior_health(posteriors, prior)
            found[str(shots)] = {
                "kl_nats": round(health.kl, 3),
                "std_ratio": round(health.std_ratio, 4),
                "between_person_std": round(health.between_person_std or 0.0, 4),
                "active_units": health.active_units,
                "units": prior.mean.numel(),
                "verdict": health.verdict,
            }
            if shots == scoring.main_shots:
                ratios = (posteriors.log_std - prior.log_std).mean(-1).exp().tolist()
                found[str(shots)]["of_persons"] = {
                    episode.name: {
                        "std_ratio": round(ratio, 4),
                        "pareto_k": _finite(tail_of(method, scene.table, episode)),
                    }
                    for episode, ratio in zip(episodes, ratios, strict=True)
                }
    return found


def _finite(value: float) -> float | None:
    """Rounded; None for a tail that has no shape, because all draws weigh alike."""
    return round(value, 3) if math.isfinite(value) else None


@torch.no_grad()
def tail_of(method: PersonalizationMethod, table: FeatureTable, episode: PlannedEpisode, draws: int = 200) -> float:
    """Pareto k of one person's posterior against the one that has seen the enrollment clips' labels."""
    clips, labels = method.represent(table.features[episode.enrollment]), table.label[episode.enrollment]
    adaptation = method.adapt(clips[None])
    drawn = method.draw(adaptation, draws, generator=torch.Generator().manual_seed(0))
    drawn = {name: value[:, 0] for name, value in drawn.items()}  # each draw is a person
    answers = method.predict_proba(drawn, clips.expand(draws, *clips.shape))
    likelihood = answers.log()[:, torch.arange(len(labels)), labels].sum(-1)
    posterior, prior = gaussian_of(adaptation)[0], gaussian_of(method.prior(1))[0]
    return pareto_k(log_importance_weights(posterior, prior, drawn["mean"], likelihood))
