"""One method's answers to everybody's episodes, as a tidy table: a line for each episode, row and
metric.

Rows of every method that reads enrollment clips:

``own``           the person's own clips
``mixed``         every clip from another person, the same words
``wrong-person``  other persons' clips, the same words, averaged over those persons
``noise``         noise with the level and spectrum of the person's clips, where the table has it
``prior``         no clip at all, for methods that have an answer then
``draws``         an average over weight draws, with a posterior; ``3 draws``: over so many

and where everybody is heard in an environment of their own, the other two of person x environment:

``own, other environment``           the person's own clips, heard in another person's environment
``wrong-person, same environment``   one other person's clips, heard in the asked person's

All methods answer the same episodes, and controls are the same clips for all of them.

The metrics are the means over an episode's queries of whatever the task's metrics name; with
accuracy and confidence among them also ``ece``, ``aurc``, the accuracy on even and on odd clips,
and against words never taught ``auroc``, ``fpr95`` and ``detection``. ``fallbacks`` counts control
clips that had to carry another word. Some values keep their ``parts``: accuracy the answers one by
one, clips ascending; ece the sums of its bins (clips, confidence, accuracy).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vop_core.evaluation.ask import (
    Metrics,
    Questions,
    ScoredMethod,
    Trial,
    answer_enrolled,
    answer_fixed,
)
from vop_core.evaluation.calibration import reliability
from vop_core.evaluation.classification import classification_metrics
from vop_core.evaluation.controls import (
    ControlEnrollment,
    WordIndex,
    generator_for,
    mixed_enrollments,
    visitor_enrollment,
    wrong_person_enrollments,
)
from vop_core.evaluation.plan import OPEN, EvaluationClips, PlannedEpisode
from vop_core.evaluation.selective import (
    area_under_risk_coverage,
    detected,
    false_positive_rate,
    rejection_auroc,
)

if TYPE_CHECKING:  # what only answers imports nothing of tables
    import pandas

OWN, PRIOR, DRAWS, NOISE, MIXED, WRONG_PERSON = (
    "own",
    "prior",
    "draws",
    "noise",
    "mixed",
    "wrong-person",
)
# not the method: the global model that it was made of, on the episodes of its own row
START = "start"
OWN_ELSEWHERE, WRONG_HERE = "own, other environment", "wrong-person, same environment"
GLOBAL = "global"  # the method that all others are compared with
COLUMNS = ("set", "shots", "person", "repetition", "row", "metric", "value", "parts")

OWN_SAME_CALL = "own, same call"


@dataclass(frozen=True)
class Condition:
    """In which variant of the clips everybody is heard, when enrolled and when asked."""

    name: str
    heard: str = "original"
    swapped: str | None = None  # the variant in which everybody stands in another's environment
    across_calls: bool = False  # one call enrolls, another is asked about


CLEAN = Condition("clean")


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """Which episodes are drawn, and how far the costly rows go."""

    shots: tuple[int, ...] = (1, 3, 5, 10, 20)
    main_shots: int = 5  # rejection and swapped environments are looked at here
    # Here episodes are repeated, controls enroll, the closed set is asked too, and parts are kept
    control_shots: tuple[int, ...] = (5,)
    repetitions: int = 3  # one elsewhere
    draws: int = 10
    draw_shots: tuple[int, ...] = (1, 5, 20)  # where the draws row of a posterior is taken
    further_draws: tuple[int, ...] = ()  # other numbers of draws, at main_shots
    wrong_persons: int = 6  # at most so many other persons an episode
    unknown_clips: int = 100  # words never taught, for rejection
    controls: bool = True  # else only the person's own clips enroll
    closed: bool = True  # else only unknown persons are asked
    condition: Condition = CLEAN
    seed: int = 0
    chunk_clips: int = 1024

    @classmethod
    def everywhere(cls, shots: Sequence[int] = (1, 3, 5, 10), **settings: object) -> "Scoring":
        """The same care at every number of clips, and no words never taught: one model, looked at
        from all sides.
        """
        shots = tuple(shots)
        main = cls.main_shots if cls.main_shots in shots else shots[-1]
        all_shots = {"shots": shots, "control_shots": shots, "draw_shots": shots}
        return cls(main_shots=main, unknown_clips=0, **all_shots, **settings)

    @property
    def variants(self) -> tuple[str, ...]:
        """Variants of the clips that are needed beside those of training."""
        found = (self.condition.heard, self.condition.swapped)
        return tuple(name for name in found if name not in (None, "original"))

    def repetitions_at(self, shots: int) -> int:
        """Episodes a person with so many clips."""
        return self.repetitions if shots in self.control_shots else 1


def drawn_row(count: int) -> str:
    """The row of an average over so many draws."""
    return f"{count} draws" if count != 1 else "1 draw"


@dataclass(frozen=True)
class _Row:
    """What is asked under one name."""

    trials: list[Trial]
    source: Tensor  # of the clips that enroll
    draws: int


@torch.no_grad()
def score_method(
    method: ScoredMethod,
    clips: EvaluationClips,
    planned: Sequence[PlannedEpisode],
    scoring: Scoring,
    *,
    metrics: Metrics = classification_metrics,
    unknown: Float[Tensor, " unknown *shape"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> "pandas.DataFrame":
    """All rows of one method on planned episodes; clips and unknown words in the method's own
    representation.

    ``progress(done, total)`` counts queries.

    Raises
    ------
    EvaluationError
        Answers that are no probabilities, or not one for each query.
    ValueError
        A method in training mode.
    """
    import pandas

    check_evaluation_mode(method)
    facts = method.facts
    asked = Questions(method, clips.features, clips.labels, metrics, scoring.chunk_clips)
    rows = _planned_rows(facts, clips, planned, scoring)
    total = sum(len(trial.query) for row in rows.values() for trial in row.trials)
    done = 0

    def count(answered: int) -> None:
        nonlocal done
        done += answered
        if progress is not None:
            progress(done, total)

    def ask(name: str, row: _Row, asked: Questions) -> None:
        generator = generator_for(scoring.seed, name)
        if row.trials[0].enrollment is None:
            answer_fixed(asked, row.trials, draws=row.draws, generator=generator)
            count(sum(len(trial.query) for trial in row.trials))
            return
        labels = clips.labels if facts.labels else None
        answer_enrolled(
            asked,
            row.trials,
            row.source,
            draws=row.draws,
            generator=generator,
            on_batch=count,
            labels=labels,
        )

    for name, row in rows.items():
        ask(name, row, asked)
    heard: dict[PlannedEpisode, Trial] = {}
    if unknown is not None and (own := _first_main_trials(rows[OWN], scoring, len(unknown))):
        heard = {trial.episode: trial for trial in own}
        total += sum(len(trial.query) for trial in own)
        # no label is right; only confidence is looked at
        nowhere = torch.zeros(len(unknown), dtype=torch.long)
        ask(
            "unknown",
            replace(rows[OWN], trials=own),
            replace(asked, features=unknown, labels=nowhere),
        )
    lines: list[tuple] = []
    for row in rows.values():
        for episode, trials in _by_episode(row.trials).items():
            key = (episode.set_name, episode.shots, episode.name, episode.repetition, trials[0].row)
            closely = (
                trials[0].row in (OWN, OWN_SAME_CALL) and episode.shots in scoring.control_shots
            )
            told = heard.get(episode) if trials[0].row == OWN else None
            found = _figures(trials, clips.even, told, closely)
            lines += [(*key, metric, value, parts) for metric, value, parts in found]
    return pandas.DataFrame(lines, columns=list(COLUMNS))


def check_evaluation_mode(method: ScoredMethod) -> None:
    """A batch-normalised network in training mode would let persons in a batch see each other.
    Raises ValueError.
    """
    for module in method.modules():
        if module.training and isinstance(module, nn.modules.batchnorm._BatchNorm | nn.Dropout):
            raise ValueError("the method is in training mode; call .eval() before evaluating it")


def _planned_rows(
    facts: Any,
    clips: EvaluationClips,
    planned: Sequence[PlannedEpisode],
    scoring: Scoring,
) -> dict[str, _Row]:
    def trials(
        row: str, episodes: Sequence[PlannedEpisode], *, enrolled: bool = True
    ) -> list[Trial]:
        return [Trial(row, e, e.enrollment if enrolled else None, e.query) for e in episodes]

    features = clips.features
    if not facts.personal:
        return {OWN: _Row(trials(OWN, planned, enrolled=False), features, facts.draws)}
    closely = [e for e in planned if e.shots in scoring.control_shots]
    main = [e for e in planned if e.shots == scoring.main_shots]
    found = {OWN: _Row(trials(OWN, planned), features, facts.draws)}
    if facts.prior:
        found[PRIOR] = _Row(trials(PRIOR, planned, enrolled=False), features, facts.draws)
    if facts.posterior:
        drawn = [e for e in planned if e.shots in scoring.draw_shots and e.repetition == 0]
        found[DRAWS] = _Row(trials(DRAWS, drawn), features, scoring.draws)
        for count in scoring.further_draws:
            once = [e for e in main if e.repetition == 0]
            found[drawn_row(count)] = _Row(trials(drawn_row(count), once), features, count)
    if not scoring.controls:
        return {name: row for name, row in found.items() if row.trials}
    index = WordIndex(clips.person_index, clips.labels)

    def controlled(
        row: str,
        episodes: Sequence[PlannedEpisode],
        enroll: Callable[[PlannedEpisode], list[ControlEnrollment]],
    ) -> list[Trial]:
        return [
            Trial(row, e, each.clips, e.query, each.fallbacks)
            for e in episodes
            for each in enroll(e)
        ]

    def mixed(episode: PlannedEpisode) -> list[ControlEnrollment]:
        return mixed_enrollments(episode, clips, index, seed=scoring.seed)

    def wrong(episode: PlannedEpisode) -> list[ControlEnrollment]:
        return wrong_person_enrollments(
            episode, clips, index, most=scoring.wrong_persons, seed=scoring.seed
        )

    def visitor(episode: PlannedEpisode) -> list[ControlEnrollment]:
        return [visitor_enrollment(episode, clips, index, seed=scoring.seed)]

    found[MIXED] = _Row(controlled(MIXED, closely, mixed), features, facts.draws)
    found[WRONG_PERSON] = _Row(controlled(WRONG_PERSON, closely, wrong), features, facts.draws)
    if (swapped := clips.swapped) is not None:
        found[OWN_ELSEWHERE] = _Row(trials(OWN_ELSEWHERE, main), swapped, facts.draws)
        found[WRONG_HERE] = _Row(controlled(WRONG_HERE, main, visitor), swapped, facts.draws)
    same_call = [
        Trial(OWN_SAME_CALL, e, e.same_call, e.query) for e in planned if e.same_call is not None
    ]
    found[OWN_SAME_CALL] = _Row(same_call, features, facts.draws)
    if clips.noise_features is not None:
        once = [e for e in closely if e.repetition == 0]
        found[NOISE] = _Row(trials(NOISE, once), clips.noise_features, facts.draws)
    return {name: row for name, row in found.items() if row.trials}


def _first_main_trials(own: _Row, scoring: Scoring, unknown: int) -> list[Trial]:
    """The own row's first main episodes of the open set, to be asked about words never taught
    instead.
    """
    return [
        Trial(OWN, trial.episode, trial.enrollment, torch.arange(unknown))
        for trial in own.trials
        if (trial.episode.shots, trial.episode.repetition) == (scoring.main_shots, 0)
        and trial.episode.set_name == OPEN
    ]


def _by_episode(trials: Sequence[Trial]) -> dict[PlannedEpisode, list[Trial]]:
    found: dict[PlannedEpisode, list[Trial]] = {}
    for trial in trials:
        found.setdefault(trial.episode, []).append(trial)
    return found


def _figures(
    trials: Sequence[Trial],
    even: Bool[Tensor, " clip"] | None,
    unknown: Trial | None,
    closely: bool,
) -> Iterator[tuple[str, float, list[float] | None]]:
    """Metric, value and parts of an episode: means over enrollments and queries."""
    query = trials[0].query
    order = np.argsort(query.numpy())
    values = {
        name: np.stack([trial.values[name] for trial in trials])[:, order]
        for name in trials[0].values
    }
    for name, found in values.items():
        kept = closely and name == "accuracy" and trials[0].episode.repetition == 0
        yield name, float(found.mean()), found[0].tolist() if kept else None
    if any(trial.row in (MIXED, WRONG_PERSON, WRONG_HERE) for trial in trials[:1]):
        yield "fallbacks", float(sum(trial.fallbacks for trial in trials)), None
    if not {"accuracy", "confidence"} <= values.keys():
        return
    bins = reliability(values["confidence"].ravel(), values["accuracy"].ravel())
    yield "ece", bins.expected_calibration_error, bins.as_parts() if closely else None
    accuracy, confidence = values["accuracy"].mean(0), values["confidence"].mean(0)
    yield "aurc", area_under_risk_coverage(confidence, accuracy), None
    if even is not None:
        half = even[query].numpy()[order]
        for name, chosen in (("even", half), ("odd", ~half)):
            if chosen.any():
                yield f"accuracy_{name}", float(accuracy[chosen].mean()), None
    if unknown is not None:
        other = unknown.values["confidence"]
        yield "auroc", rejection_auroc(confidence, other), None
        yield "fpr95", false_positive_rate(confidence, other), None
        yield "detection", float(detected(confidence, accuracy, other).mean()), None
