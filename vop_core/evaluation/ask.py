"""Ask a method about many persons at once, with bounded memory.

Persons in a batch are padded to the same number of queries by repeating a clip; the answers to
padding are thrown away. Trials with many queries come first, so that neighbours in a batch need
little padding.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vop_core.errors import EvaluationError
from vop_core.evaluation.plan import PlannedEpisode

Metrics = Callable[[Tensor, Tensor], Mapping[str, Tensor]]
"""What each answer is worth: answers (query, label) and labels (query,) to named values (query,).
"""


@runtime_checkable
class ScoredMethod(Protocol):
    """What scoring asks of a method; see :mod:`vop_core.methods.base`."""

    facts: Any  # labels, personal, draws, posterior, prior

    def modules(self) -> Iterable[nn.Module]: ...

    def predict_represented(
        self,
        enrollment: Tensor | None,
        query: Tensor,
        *,
        labels: Tensor | None = None,
        draws: int = 0,
        generator: torch.Generator | None = None,
    ) -> Tensor: ...


@dataclass(eq=False)
class Trial:
    """One enrollment of an episode's person, and what the answers to its queries were worth."""

    row: str  # whose clips enrolled
    episode: PlannedEpisode
    enrollment: Int[Tensor, " shot"] | None  # None: nobody's clips
    query: Int[Tensor, " query"]
    fallbacks: int = 0  # control clips that had to carry another word
    values: dict[str, np.ndarray] = field(default_factory=dict)  # by metric, one a query

    def add(self, values: Mapping[str, Tensor], start: int) -> None:
        """Take in what the answers to the queries from position ``start`` on are worth."""
        for name, found in values.items():
            whole = self.values.setdefault(name, np.zeros(len(self.query)))
            whole[start : start + len(found)] = found.numpy()


@dataclass(frozen=True)
class Questions:
    """A method, what it may be asked about, and how its answers are judged."""

    method: ScoredMethod
    features: Float[Tensor, " clip *shape"]  # of the queries
    labels: Int[Tensor, " clip"]
    metrics: Metrics
    chunk_clips: int  # most network evaluations (queries times draws) in one batch

    def judge(self, trial: Trial, answers: Tensor, query: Tensor, start: int) -> None:
        """Write down what the answers to some of a trial's queries are worth."""
        trial.add(self.metrics(answers.double(), self.labels[query]), start)

    def answers(
        self,
        enrollment: Float[Tensor, "person shot *shape"] | None,
        query: Float[Tensor, "person query *shape"],
        *,
        draws: int,
        generator: torch.Generator,
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Float[Tensor, "person query label"]:
        """Answers on the CPU. Raises EvaluationError where they are not one for each query."""
        answers = self.method.predict_represented(
            enrollment, query, labels=labels, draws=draws, generator=generator
        ).cpu()
        if answers.ndim != 3 or answers.shape[:2] != query.shape[:2]:
            raise EvaluationError(
                f"The method answers with shape {tuple(answers.shape)} for {query.shape[0]} "
                f"person(s) and {query.shape[1]} queries; evaluate a model of this task."
            )
        return answers


def answer_fixed(
    asked: Questions, trials: Sequence[Trial], *, draws: int, generator: torch.Generator
) -> None:
    """Answer trials that read no enrollment: every clip is read once, whoever it is from."""
    needed = torch.cat([trial.query for trial in trials]).unique()
    chunks = [asked.features[chunk].unsqueeze(0) for chunk in needed.split(asked.chunk_clips)]
    answers = torch.cat(
        [asked.answers(None, chunk, draws=draws, generator=generator)[0] for chunk in chunks]
    )
    position = torch.full((len(asked.labels),), -1, dtype=torch.long)
    position[needed] = torch.arange(len(needed))
    for trial in trials:
        asked.judge(trial, answers[position[trial.query]], trial.query, 0)


def answer_enrolled(
    asked: Questions,
    trials: Sequence[Trial],
    source: Float[Tensor, " enrolled *shape"],  # of the clips that enroll
    *,
    draws: int,
    generator: torch.Generator,
    on_batch: Callable[[int], None],
    # of the clips that enroll, where the method reads them
    labels: Int[Tensor, " enrolled"] | None = None,
) -> None:
    """Enroll and ask, batch by batch; batches hold trials with equally many shots."""
    most = max(1, asked.chunk_clips // max(draws, 1))
    for shots in sorted({len(trial.enrollment) for trial in trials}):
        for batch in _batches([trial for trial in trials if len(trial.enrollment) == shots], most):
            enrollment = torch.stack([piece.trial.enrollment for piece in batch])
            answers = asked.answers(
                source[enrollment],
                asked.features[_pad([piece.query for piece in batch])],
                draws=draws,
                generator=generator,
                labels=None if labels is None else labels[enrollment].to(source.device),
            )
            for piece, found in zip(batch, answers, strict=True):
                asked.judge(piece.trial, found[: len(piece.query)], piece.query, piece.start)
            on_batch(sum(len(piece.query) for piece in batch))


@dataclass(frozen=True)
class _Piece:
    """As many of a trial's queries as fit into one batch."""

    trial: Trial
    start: int
    query: Int[Tensor, " query"]


def _batches(trials: Sequence[Trial], most: int) -> list[Sequence[_Piece]]:
    """Consecutive pieces whose padded size stays within ``most`` queries."""
    cut = [
        _Piece(trial, start, trial.query[start : start + most])
        for trial in trials
        for start in range(0, len(trial.query), most)
    ]
    # stable: ties keep the order of the plan
    pieces = sorted(cut, key=lambda piece: -len(piece.query))
    batches, start = [], 0
    while start < len(pieces):
        size = max(1, most // len(pieces[start].query))
        batches.append(pieces[start : start + size])
        start += size
    return batches


def _pad(queries: Sequence[Int[Tensor, " _query"]]) -> Int[Tensor, "person query"]:
    """Stack queries of different lengths; a person's first clip fills the gap."""
    longest = max(map(len, queries))
    return torch.stack(
        [torch.cat([query, query[:1].expand(longest - len(query))]) for query in queries]
    )
