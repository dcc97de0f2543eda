"""Ask methods about many persons at once, with bounded memory, and add their answers up.

Persons in a batch are padded to the same number of queries by repeating a clip; the answers to padding are
thrown away. Trials with many queries come first, so that neighbours in a batch need little padding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.errors import EvaluationError
from vop_core.evaluation.calibration import Reliability, reliability
from vop_core.evaluation.classification import (
    brier_score,
    correctness,
    covered_by_label_set,
    negative_log_likelihood,
)
from vop_core.evaluation.scores import EpisodeScore

COVERAGE = 0.9  # of the label sets whose coverage is counted


@runtime_checkable
class BatchedMethod(Protocol):
    """A method that answers for several persons at once, each with a network of their own."""

    def predict_persons(
        self,
        enrollment: Float[Tensor, "person shot *input"] | None,
        query: Float[Tensor, "person query *input"],
        *,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "person query label"]:
        """Class probabilities; ``enrollment=None`` asks for the answer without any enrollment."""
        ...


@dataclass(eq=False)
class Record:
    """The answers to one episode's queries, summed over the enrollments that gave them."""

    method: str
    set_name: str
    shots: int
    person: str
    repetition: int
    seed: int
    fold: int
    query: Int[Tensor, " query"]
    fallbacks: int = 0
    correct: np.ndarray = field(init=False)
    nll: np.ndarray = field(init=False)
    brier: np.ndarray = field(init=False)
    answers: np.ndarray = field(init=False)  # how often each query was answered
    confidence: np.ndarray = field(init=False)  # probability of the label answered
    covered: np.ndarray = field(init=False)  # whether the smallest set of labels worth COVERAGE holds the true one
    bins: Reliability = field(init=False)

    def __post_init__(self) -> None:
        self.correct, self.nll, self.brier, self.answers, self.confidence, self.covered = np.zeros((6, len(self.query)))
        self.bins = Reliability.empty()

    def add(self, probabilities: Float[Tensor, "query label"], labels: Int[Tensor, " query"], start: int) -> None:
        """Take in the answers to the queries from position ``start`` on."""
        probabilities = probabilities.double()
        span = slice(start, start + len(labels))
        correct = correctness(probabilities, labels).numpy()
        self.correct[span] += correct
        self.nll[span] += negative_log_likelihood(probabilities, labels).numpy()
        self.brier[span] += brier_score(probabilities, labels).numpy()
        self.answers[span] += 1
        confidence = probabilities.max(-1).values.numpy()
        self.confidence[span] += confidence
        self.covered[span] += covered_by_label_set(probabilities, labels, COVERAGE).numpy()
        self.bins += reliability(confidence, correct)

    def score(self) -> EpisodeScore:
        """The finished entry of the table: means over enrollments, clips in ascending order."""
        order = np.argsort(self.query.numpy())
        return EpisodeScore(
            method=self.method,
            set_name=self.set_name,
            shots=self.shots,
            person=self.person,
            repetition=self.repetition,
            seed=self.seed,
            fold=self.fold,
            clips=self.query.numpy()[order],
            correct=(self.correct / self.answers)[order],
            nll=(self.nll / self.answers)[order],
            brier=(self.brier / self.answers)[order],
            reliability=self.bins,
            enrollments=round(float(self.answers.mean())),
            fallbacks=self.fallbacks,
        )


@dataclass(frozen=True)
class Trial:
    """One enrollment, and the record of the episode whose queries it answers."""

    record: Record
    enrollment: Int[Tensor, " shot"]


@dataclass(frozen=True)
class _Piece:
    """As many of a trial's queries as fit into one batch."""

    trial: Trial
    start: int
    query: Int[Tensor, " query"]


def answer_fixed(
    name: str,
    method: BatchedMethod,
    records: Sequence[Record],
    features: Float[Tensor, "clip *shape"],
    labels: Int[Tensor, " clip"],
    *,
    chunk_clips: int,
) -> None:
    """Fill records whose answers depend on no enrollment: every clip is read once, whoever it is from."""
    needed = torch.cat([record.query for record in records]).unique()
    rows = [_ask(name, method, None, features[chunk].unsqueeze(0), labels)[0] for chunk in needed.split(chunk_clips)]
    probabilities = torch.cat(rows)
    position = torch.full((len(labels),), -1, dtype=torch.long)
    position[needed] = torch.arange(len(needed))
    for record in records:
        record.add(probabilities[position[record.query]], labels[record.query], 0)


def answer_trials(
    name: str,
    method: BatchedMethod,
    trials: Sequence[Trial],
    enrollment_features: Float[Tensor, "enrolled *shape"],
    features: Float[Tensor, "clip *shape"],
    labels: Int[Tensor, " clip"],
    *,
    draws: int,
    chunk_clips: int,
    generator: torch.Generator,
    on_batch: Callable[[int], None],
    enrollment_labels: Int[Tensor, " enrolled"] | None = None,
) -> None:
    """Enroll and ask, batch by batch; batches hold trials with equally many shots.

    ``enrollment_labels``, for methods that read them, belong to the rows of ``enrollment_features``.
    """
    most = max(1, chunk_clips // max(draws, 1))
    for shots in sorted({len(trial.enrollment) for trial in trials}):
        pieces = _pieces([trial for trial in trials if len(trial.enrollment) == shots], most)
        for batch in _batches(pieces, most):
            enrollment = torch.stack([piece.trial.enrollment for piece in batch])
            padded = _pad([piece.query for piece in batch])
            probabilities = _ask(
                name,
                method,
                enrollment_features[enrollment],
                features[padded],
                labels,
                draws=draws,
                generator=generator,
                enrollment_labels=None if enrollment_labels is None else enrollment_labels[enrollment],
            )
            for piece, answers in zip(batch, probabilities, strict=True):
                count = len(piece.query)
                piece.trial.record.add(answers[:count], labels[piece.query], piece.start)
            on_batch(sum(len(piece.query) for piece in batch))


def _pieces(trials: Sequence[Trial], most: int) -> list[_Piece]:
    pieces = [
        _Piece(trial, start, trial.record.query[start : start + most])
        for trial in trials
        for start in range(0, len(trial.record.query), most)
    ]
    return sorted(pieces, key=lambda piece: -len(piece.query))  # stable: ties keep the order of the plan


def _batches(pieces: Sequence[_Piece], most: int) -> list[Sequence[_Piece]]:
    """Consecutive pieces whose padded size stays within ``most`` queries."""
    batches, start = [], 0
    while start < len(pieces):
        size = max(1, most // len(pieces[start].query))
        batches.append(pieces[start : start + size])
        start += size
    return batches


def _pad(queries: Sequence[Int[Tensor, " _query"]]) -> Int[Tensor, "person query"]:
    """Stack queries of different lengths; a person's first clip fills the gap."""
    longest = max(map(len, queries))
    return torch.stack([torch.cat([query, query[:1].expand(longest - len(query))]) for query in queries])


def _ask(
    name: str,
    method: BatchedMethod,
    enrollment: Float[Tensor, "person shot *shape"] | None,
    query: Float[Tensor, "person query *shape"],
    labels: Int[Tensor, " clip"],
    *,
    draws: int = 0,
    generator: torch.Generator | None = None,
    enrollment_labels: Int[Tensor, "person shot"] | None = None,
) -> Float[Tensor, "person query label"]:
    """Probabilities on the CPU, checked to be some."""
    known = {} if enrollment_labels is None else {"labels": enrollment_labels}
    answers = method.predict_persons(enrollment, query, draws=draws, generator=generator, **known).cpu()
    if answers.ndim != 3 or answers.shape[:2] != query.shape[:2] or answers.shape[2] <= int(labels.max()):
        raise EvaluationError(
            f"Method '{name}' answers with shape {tuple(answers.shape)} for {query.shape[0]} person(s), "
            f"{query.shape[1]} queries and labels up to {int(labels.max())}; evaluate a model of this task."
        )
    if not bool(((answers.sum(-1) - 1).abs() < 1e-3).all()) or bool((answers < 0).any()):
        raise EvaluationError(
            f"Method '{name}' answers with numbers that are no probabilities; its training may have diverged."
        )
    return answers
