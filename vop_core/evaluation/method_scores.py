"""One method's answers to everybody's episodes, as one line a person: what a result file of the bench holds.

Rows of every method that reads enrollment clips:

``own``           the person's own clips
``mixed``         every clip from another person, the same words
``wrong-person``  other persons' clips, the same words, averaged over those persons
``noise``         noise with the level and spectrum of the person's clips, where the table has it
``nobody``        no clip at all, for methods that have an answer then
``draws``         an average over weight draws, for methods with a posterior; ``3 draws``: over another number of them

and where all queries are heard through another channel, such as a telephone band, own and wrong-person clips enroll
once through that channel too and once as they were recorded (``..., other channel``).

All methods answer the same episodes, and controls are the same clips for all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vop_core.evaluation.batches import Record, Trial, answer_fixed, answer_trials
from vop_core.evaluation.controls import WordIndex, generator_for
from vop_core.evaluation.protocol import (
    EvaluationClips,
    PlannedEpisode,
    ProtocolConfig,
    mixed_trials,
    wrong_person_trials,
)
from vop_core.evaluation.scores import OPEN
from vop_core.evaluation.selective import area_under_risk_coverage, detected, false_positive_rate, rejection_auroc

OWN, NOBODY, DRAWN, NOISED, MIX, WRONG = "own", "nobody", "draws", "noise", "mixed", "wrong-person"
START = "start"  # not the method: the global model that it was made of, on the episodes of its own row
OWN_ELSEWHERE, WRONG_ELSEWHERE = "own, other channel", "wrong-person, other channel"
ROWS = (OWN, DRAWN, NOBODY, MIX, WRONG, NOISED, OWN_ELSEWHERE, WRONG_ELSEWHERE)


@dataclass(frozen=True, kw_only=True)
class MethodScoring:
    """Which episodes are drawn, and how far the costly rows go."""

    shots: tuple[int, ...] = (1, 3, 5, 10, 20)
    main_shots: int = 5  # controls, the closed set and rejection are looked at here
    repetitions: int = 3  # episodes a person at main_shots; one elsewhere
    draws: int = 10
    draw_shots: tuple[int, ...] = (1, 5, 20)  # where the draws row of a posterior is taken
    wrong_persons: int = 6  # at most so many other persons an episode
    unknown_clips: int = 100  # words never taught, for rejection
    controls: bool = True  # else only the person's own clips enroll
    closed: bool = True  # else only unknown persons are asked
    channel: str | None = None  # variant of the clips that is asked about, instead of the clips as recorded
    # Other numbers of draws, at main_shots; "later" keeps the names of results made before it existed.
    further_draws: tuple[int, ...] = field(default=(), metadata={"later": True})
    seed: int = 0
    chunk_clips: int = 1024

    @property
    def variants(self) -> tuple[str, ...]:
        """Variants of the clips that are needed beside those of training."""
        return (self.channel,) if self.channel else ()

    def repetitions_at(self, shots: int) -> int:
        return self.repetitions if shots == self.main_shots else 1


def drawn_row(count: int) -> str:
    """The row of an average over so many draws."""
    return f"{count} draws" if count != 1 else "1 draw"


@runtime_checkable
class ScoredMethod(Protocol):
    """What scoring asks of a method; see :mod:`vop_core.methods.base`."""

    def predict_represented(
        self,
        enrollment: Tensor | None,
        query: Tensor,
        *,
        labels: Tensor | None = None,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How a method is to be asked: from its facts."""

    labels: bool = False
    personal: bool = True
    draws: int = 0  # that its own answer averages
    posterior: bool = False  # has a draws row
    prior: bool = False  # answers without enrollment


@dataclass(frozen=True, kw_only=True)
class PersonScore:
    """How one row did on one person's episode; fractions, nats, means over the query clips."""

    set: str
    shots: int
    person: str
    repetition: int
    row: str
    clips: int
    accuracy: float
    nll: float
    brier: float
    ece: float  # of the episode's own clips
    aurc: float
    coverage: float  # of the smallest label sets worth 90 %
    confidence: float
    accuracy_even: float | None  # over takes 0, 2, ...: what outliers are chosen on
    accuracy_odd: float | None  # over the other takes: what they are scored on
    auroc: float | None = None  # the rest only where unknown words were asked about
    fpr95: float | None = None
    detection: float | None = None
    detection_odd: float | None = None
    correct: str | None = None  # own row at the main shots: one hexadecimal digit for four query clips, clips ascending
    bins: tuple[tuple[float, float, float], ...] | None = None  # clips, confidence, correct of each calibration bin

    def to_json(self) -> dict[str, Any]:
        """Plain values, numbers rounded to five digits."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


class _Answering:
    """A method as the batches know it: represented clips in, probabilities out."""

    def __init__(self, method: ScoredMethod, asking: Asking) -> None:
        self.method, self.asking = method, asking

    def predict_persons(
        self,
        enrollment: Tensor | None,
        query: Tensor,
        *,
        labels: Tensor | None = None,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        if enrollment is None:
            draws, generator = self.asking.draws, torch.Generator().manual_seed(0)
        return self.method.predict_represented(enrollment, query, labels=labels, draws=draws, generator=generator)


@torch.no_grad()
def score_method(
    method: ScoredMethod,
    asking: Asking,
    clips: EvaluationClips,
    even: Bool[Tensor, " clip"],  # clips of even takes
    planned: Sequence[PlannedEpisode],
    unknown: Float[Tensor, "unknown *shape"] | None,
    config: MethodScoring,
    *,
    elsewhere: Float[Tensor, "clip *shape"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[PersonScore]:
    """All rows of one method on planned episodes; clips and unknown words in the method's own representation.

    ``elsewhere`` are the same clips through another channel, to enroll from.

    Raises EvaluationError where answers are no probabilities.
    """
    answering = _Answering(method, asking)
    rows = _planned_rows(clips, planned, asking, config, elsewhere)
    total = sum(len(trial.record.query) for trials, *_ in rows.values() for trial in trials)
    done = 0

    def count(answered: int) -> None:
        nonlocal done
        done += answered
        if progress is not None:
            progress(done, total)

    def ask(row: str, trials: Sequence[Trial], source: Tensor, features: Tensor, labels: Tensor, draws: int) -> None:
        answer_trials(
            row,
            answering,
            trials,
            source,
            features,
            labels,
            draws=draws,
            chunk_clips=config.chunk_clips,
            generator=generator_for(config.seed, row),
            on_batch=count,
            enrollment_labels=clips.labels if asking.labels else None,
        )

    records: list[Record] = []
    if not asking.personal or asking.prior:
        fixed = [_record(OWN if not asking.personal else NOBODY, episode) for episode in planned]
        answer_fixed("fixed", answering, fixed, clips.features, clips.labels, chunk_clips=config.chunk_clips)
        records += fixed
    for row, (trials, source, draws) in rows.items():
        ask(row, trials, source, clips.features, clips.labels, draws)
        records += dict.fromkeys(trial.record for trial in trials)
    heard = _hear_unknown(records, planned, clips, unknown, config, ask, answering, asking)
    return [_person_score(record, even, heard.get(_key(record)), config.main_shots) for record in records]


def _record(row: str, episode: PlannedEpisode) -> Record:
    return Record(
        method=row,
        set_name=episode.set_name,
        shots=episode.shots,
        person=episode.name,
        repetition=episode.repetition,
        seed=0,
        fold=0,
        query=episode.query,
    )


def _planned_rows(
    clips: EvaluationClips,
    planned: Sequence[PlannedEpisode],
    asking: Asking,
    config: MethodScoring,
    elsewhere: Tensor | None,
) -> dict[str, tuple[list[Trial], Tensor, int]]:
    """Row -> trials, the table that enrolls, and draws."""
    if not asking.personal:
        return {}
    main = [episode for episode in planned if episode.shots == config.main_shots]
    index = WordIndex(clips.person_index, clips.labels)
    protocol = ProtocolConfig(wrong_persons=config.wrong_persons)

    def wrong(row: str) -> list[Trial]:
        return wrong_person_trials(main, clips, index, protocol, config.seed, lambda _, episode: _record(row, episode))

    found = {OWN: ([Trial(_record(OWN, e), e.enrollment) for e in planned], clips.features, asking.draws)}
    if asking.posterior:
        drawn = [e for e in planned if e.shots in config.draw_shots and e.repetition == 0 and e.set_name == OPEN]
        found[DRAWN] = ([Trial(_record(DRAWN, e), e.enrollment) for e in drawn], clips.features, config.draws)
        once = [e for e in main if e.repetition == 0 and e.set_name == OPEN]
        for count in config.further_draws:
            row = drawn_row(count)
            found[row] = ([Trial(_record(row, e), e.enrollment) for e in once], clips.features, count)
    if not config.controls:
        return found
    mixed = mixed_trials(main, clips, index, config.seed, lambda _, episode: _record(MIX, episode))
    found[MIX] = (mixed, clips.features, asking.draws)
    found[WRONG] = (wrong(WRONG), clips.features, asking.draws)
    if elsewhere is not None:
        own = [Trial(_record(OWN_ELSEWHERE, episode), episode.enrollment) for episode in main]
        found[OWN_ELSEWHERE] = (own, elsewhere, asking.draws)
        found[WRONG_ELSEWHERE] = (wrong(WRONG_ELSEWHERE), elsewhere, asking.draws)
    if clips.noise_features is not None:
        noised = [e for e in main if e.repetition == 0 and e.set_name == OPEN]
        found[NOISED] = ([Trial(_record(NOISED, e), e.enrollment) for e in noised], clips.noise_features, asking.draws)
    return {row: plan for row, plan in found.items() if plan[0]}


def _key(record: Record) -> tuple[str, str, str, int, int]:
    return record.method, record.set_name, record.person, record.shots, record.repetition


def _hear_unknown(
    records: Sequence[Record],
    planned: Sequence[PlannedEpisode],
    clips: EvaluationClips,
    unknown: Tensor | None,
    config: MethodScoring,
    ask: Callable[..., None],
    answering: _Answering,
    asking: Asking,
) -> dict[tuple, Float[np.ndarray, " unknown"]]:
    """How confidently the own row's first main episodes of the open set answer words never taught."""
    wanted = [e for e in planned if e.shots == config.main_shots and e.repetition == 0 and e.set_name == OPEN]
    if unknown is None or not wanted:
        return {}
    labels = torch.zeros(len(unknown), dtype=torch.long)  # no label is right; only the confidence is looked at
    every = torch.arange(len(unknown))
    heard = {}
    for episode in wanted:
        record = _record(OWN, episode)
        heard[_key(record)] = Record(
            method=OWN,
            set_name=OPEN,
            shots=episode.shots,
            person=episode.name,
            repetition=0,
            seed=0,
            fold=0,
            query=every,
        )
    if asking.personal:
        trials = [Trial(heard[_key(_record(OWN, episode))], episode.enrollment) for episode in wanted]
        ask("unknown", trials, clips.features, unknown, labels, asking.draws)
    else:
        answer_fixed("unknown", answering, list(heard.values()), unknown, labels, chunk_clips=config.chunk_clips)
    return {key: record.confidence / record.answers for key, record in heard.items()}


def _person_score(
    record: Record, even: Bool[Tensor, " clip"], unknown: Float[np.ndarray, " unknown"] | None, main_shots: int
) -> PersonScore:
    order = np.argsort(record.query.numpy())
    correct, nll, brier, confidence, covered = (
        (value / record.answers)[order]
        for value in (record.correct, record.nll, record.brier, record.confidence, record.covered)
    )
    half = even[record.query].numpy()[order]
    kept = record.method == OWN and record.shots == main_shots
    rejection: dict[str, float | None] = {}
    if unknown is not None and record.method == OWN:
        found = detected(confidence, correct, unknown)
        rejection = {
            "auroc": rejection_auroc(confidence, unknown),
            "fpr95": false_positive_rate(confidence, unknown),
            "detection": float(found.mean()),
            "detection_odd": _mean(found[~half]),
        }
    return PersonScore(
        set=record.set_name,
        shots=record.shots,
        person=record.person,
        repetition=record.repetition,
        row=record.method,
        clips=len(correct),
        accuracy=float(correct.mean()),
        nll=float(nll.mean()),
        brier=float(brier.mean()),
        ece=record.bins.expected_calibration_error,
        aurc=area_under_risk_coverage(confidence, correct),
        coverage=float(covered.mean()),
        confidence=float(confidence.mean()),
        accuracy_even=_mean(correct[half]),
        accuracy_odd=_mean(correct[~half]),
        correct=_bits(correct) if kept else None,
        bins=tuple(zip(record.bins.count, record.bins.confidence_sum, record.bins.correct_sum, strict=True))
        if kept
        else None,
        **rejection,
    )


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _bits(correct: Float[np.ndarray, " clip"]) -> str:
    return np.packbits(correct > 0.5).tobytes().hex()


def right_clips(score: PersonScore) -> Int[np.ndarray, " clip"]:
    """Which query clips were answered rightly, clips ascending; the inverse of how ``correct`` is stored.

    Raises ValueError for a row that does not keep them.
    """
    if score.correct is None:
        raise ValueError(f"the row {score.row} keeps no clips")
    return np.unpackbits(np.frombuffer(bytes.fromhex(score.correct), dtype=np.uint8))[: score.clips].astype(int)
