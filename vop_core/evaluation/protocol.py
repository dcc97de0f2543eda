"""The evaluation protocol: the same episodes for the method, the global model and every control.

Rows of the table it makes, for each number of shots:

``global``            the global model; reads no enrollment
``vop``               weights at the posterior mean of the person's own enrollment
``vop-draws``         average over draws from that posterior
``vop-zero``          no enrollment: the prior mean
``vop-wrong-person``  averaged over all other persons of the same data set and set (open or closed), with
                      the same words and shots
``vop-mixed``         every enrollment clip from another person, different persons where possible, same words
``vop-noise``         level- and spectrum-matched noise in place of the person's clips

Cost: a query must be read again by every personal network, so a row costs persons x queries x repetitions
forward passes; ``vop-draws`` times the draws, ``vop-wrong-person`` times the other persons. Those two
therefore use the first repetition only unless asked otherwise; comparisons pair exactly the episodes and
clips that both rows have. ``global`` and ``vop-zero`` read every clip once.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vop_core.errors import EvaluationError, LeakageError
from vop_core.evaluation.batches import BatchedMethod, Record, Trial, answer_fixed, answer_trials
from vop_core.evaluation.controls import WordIndex, enrollment_from, generator_for, mixed_enrollment
from vop_core.evaluation.scores import CLOSED, OPEN, ScoreTable
from vop_core.types import Episode

GLOBAL = "global"
VOP = "vop"
DRAWS = "vop-draws"
ZERO = "vop-zero"
WRONG_PERSON = "vop-wrong-person"
MIXED = "vop-mixed"
NOISE = "vop-noise"
ROWS = (GLOBAL, VOP, DRAWS, ZERO, WRONG_PERSON, MIXED, NOISE)


@dataclass(frozen=True)
class EvaluationClips:
    """Everything that is evaluated, clip by clip. ``persons`` are 'dataset/person' names."""

    features: Float[Tensor, "clip *shape"]
    labels: Int[Tensor, " clip"]
    person_index: Int[Tensor, " clip"]  # into persons
    persons: tuple[str, ...]
    # level- and spectrum-matched noise for each clip; None leaves its row out
    noise_features: Float[Tensor, "clip *shape"] | None = None


@dataclass(frozen=True, kw_only=True)
class ProtocolConfig:
    """How much of the expensive rows to run, and how much memory a batch may take."""

    draws: int = 10  # weight draws of vop-draws; 0 leaves the row out
    draw_repetitions: int | None = 1  # of the episodes' repetitions; None: all
    wrong_person_repetitions: int | None = 1  # likewise
    wrong_person_queries: int | None = None  # queries of a person put to each wrong model; None: all
    wrong_persons: int | None = None  # how many of the other persons, chosen by a seed; None: all
    chunk_clips: int = 1024  # most network evaluations (queries times draws) in one batch

    def __post_init__(self) -> None:
        limits = (
            self.draw_repetitions,
            self.wrong_person_repetitions,
            self.wrong_person_queries,
            self.wrong_persons,
        )
        if self.draws < 0 or self.chunk_clips < 1 or any(x is not None and x < 1 for x in limits):
            raise EvaluationError(
                "The protocol needs draws of at least 0, and chunks, repetitions and queries of at least 1."
            )


@dataclass(frozen=True)
class PlannedEpisode:
    """A checked episode, with what the rows need to know about its person."""

    person: int
    name: str
    set_name: str
    shots: int
    repetition: int
    enrollment: Int[Tensor, " shot"]
    query: Int[Tensor, " query"]
    peers: tuple[int, ...]  # other persons of the same data set and set


@torch.inference_mode()
def evaluate(
    clips: EvaluationClips,
    episodes: Iterable[Episode],
    *,
    global_model: BatchedMethod,
    vop: BatchedMethod,
    trained_persons: Collection[str],
    generator: torch.Generator,
    config: ProtocolConfig | None = None,
    others: Mapping[str, BatchedMethod] | None = None,
    seed: int = 0,
    fold: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ScoreTable:
    """Score every row on every episode.

    Episodes may have any numbers of shots and come in any order; the n-th episode of a person with the same
    shots is repetition n. ``trained_persons`` are those of the model card: they make up the closed set.
    ``others`` are further methods by name, enrolled like ``vop``. ``seed`` and ``fold`` mark the trained
    model in the table. ``progress(done, total)`` counts forward passes. Rows that cannot be run (noise
    without noise features, wrong persons where there is nobody else) are left out.

    Raises
    ------
    EvaluationError
        No episodes, an episode without enrollment or query clips, or answers that are no probabilities.
    LeakageError
        An enrollment clip is also a query, a clip stands twice, or belongs to somebody else.
    """
    config = config or ProtocolConfig()
    base = int(torch.randint(2**62, (), generator=generator))
    planned = plan(clips, episodes, trained_persons)
    methods = {GLOBAL: global_model, VOP: vop, **(others or {})}
    for name, method in methods.items():
        check_evaluation_mode(name, method)
    counter = _Counter(progress)

    fixed, enrolled = _rows(clips, planned, config, base, seed, fold, tuple(others or ()))
    for trials, *_ in enrolled.values():
        counter.expect(trials)
    records: list[Record] = []
    for name, row in fixed.items():
        method = global_model if name == GLOBAL else vop
        answer_fixed(name, method, row, clips.features, clips.labels, chunk_clips=config.chunk_clips)
        records += row
    for name, (trials, source, draws) in enrolled.items():
        method = methods.get(name, vop)
        answer_trials(
            name,
            method,
            trials,
            source,
            clips.features,
            clips.labels,
            draws=draws,
            chunk_clips=config.chunk_clips,
            generator=generator_for(base, name),
            on_batch=counter.add,
        )
        records += dict.fromkeys(trial.record for trial in trials)
    return ScoreTable(tuple(record.score() for record in records))


def plan(
    clips: EvaluationClips,
    episodes: Iterable[Episode],
    trained_persons: Collection[str],
    *,
    lonely_peers: bool = False,
) -> list[PlannedEpisode]:
    """Check the episodes and put them into an order that does not depend on how they were given.

    With ``lonely_peers``, a person who is alone in a set has the other set's persons of the same data for controls.
    """
    trained = set(trained_persons)
    sets = [CLOSED if name in trained else OPEN for name in clips.persons]
    count = torch.bincount(clips.person_index, minlength=len(clips.persons)).tolist()
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for person in sorted(range(len(clips.persons)), key=lambda person: clips.persons[person]):
        if count[person]:
            groups[_dataset(clips.persons[person]), sets[person]].append(person)
    repetitions: dict[tuple[int, int], int] = defaultdict(int)
    planned = []
    for episode in episodes:
        _check_episode(episode, clips)
        person, shots = episode.person, len(episode.enrollment)
        name = clips.persons[person]
        peers = tuple(peer for peer in groups[_dataset(name), sets[person]] if peer != person)
        if not peers and lonely_peers:
            same = (peer for set_name in (OPEN, CLOSED) for peer in groups[_dataset(name), set_name])
            peers = tuple(peer for peer in same if peer != person)
        repetition = repetitions[person, shots]
        repetitions[person, shots] += 1
        planned.append(
            PlannedEpisode(person, name, sets[person], shots, repetition, episode.enrollment, episode.query, peers)
        )
    if not planned:
        raise EvaluationError("There is no episode to evaluate; give at least one person with enough clips.")
    return sorted(planned, key=lambda episode: (episode.name, episode.shots, episode.repetition))


def _rows(
    clips: EvaluationClips,
    planned: Sequence[PlannedEpisode],
    config: ProtocolConfig,
    base: int,
    seed: int,
    fold: int,
    others: tuple[str, ...],
) -> tuple[dict[str, list[Record]], dict[str, tuple[list[Trial], Tensor, int]]]:
    """What to ask: rows that read no enrollment, and rows of trials with their enrollment table and draws."""

    def record(row: str, episode: PlannedEpisode) -> Record:
        return Record(
            method=row,
            set_name=episode.set_name,
            shots=episode.shots,
            person=episode.name,
            repetition=episode.repetition,
            seed=seed,
            fold=fold,
            query=episode.query,
        )

    def own(row: str, limit: int | None = None) -> list[Trial]:
        return [Trial(record(row, e), e.enrollment) for e in planned if limit is None or e.repetition < limit]

    index = WordIndex(clips.person_index, clips.labels)
    fixed = {row: [record(row, episode) for episode in planned] for row in (GLOBAL, ZERO)}
    enrolled = {VOP: (own(VOP), clips.features, 0)}
    enrolled |= {name: (own(name), clips.features, 0) for name in others}
    if config.draws:
        enrolled[DRAWS] = (own(DRAWS, config.draw_repetitions), clips.features, config.draws)
    enrolled[WRONG_PERSON] = (
        wrong_person_trials(planned, clips, index, config, base, record),
        clips.features,
        0,
    )
    enrolled[MIXED] = (mixed_trials(planned, clips, index, base, record), clips.features, 0)
    if clips.noise_features is not None:
        enrolled[NOISE] = (own(NOISE), clips.noise_features, 0)
    return fixed, {row: plan for row, plan in enrolled.items() if plan[0]}


def wrong_person_trials(
    planned: Sequence[PlannedEpisode],
    clips: EvaluationClips,
    index: WordIndex,
    config: ProtocolConfig,
    base: int,
    record: Callable[[str, PlannedEpisode], Record],
) -> list[Trial]:
    """For every episode, one trial with each other person's clips; all answer into the same record."""
    trials = []
    for episode in planned:
        limit = config.wrong_person_repetitions
        if not episode.peers or (limit is not None and episode.repetition >= limit):
            continue
        asked = config.wrong_person_queries
        if asked is not None and asked < len(episode.query):
            rng = generator_for(base, "queries", episode.name, episode.shots, episode.repetition)
            some = torch.randperm(len(episode.query), generator=rng)[:asked].sort().values
            answered = record(WRONG_PERSON, replace(episode, query=episode.query[some]))
        else:
            answered = record(WRONG_PERSON, episode)
        words = clips.labels[episode.enrollment].tolist()
        for peer in _some_peers(episode, clips, config.wrong_persons, base):
            rng = generator_for(
                base, WRONG_PERSON, episode.name, episode.shots, episode.repetition, clips.persons[peer]
            )
            control = enrollment_from(peer, words, index, generator=rng)
            answered.fallbacks += control.fallbacks
            trials.append(Trial(answered, control.clips))
    return trials


def _some_peers(episode: PlannedEpisode, clips: EvaluationClips, count: int | None, base: int) -> tuple[int, ...]:
    if count is None or count >= len(episode.peers):
        return episode.peers
    rng = generator_for(base, "peers", episode.name, episode.shots, episode.repetition)
    chosen = torch.randperm(len(episode.peers), generator=rng)[:count].tolist()
    return tuple(episode.peers[index] for index in sorted(chosen))


def mixed_trials(
    planned: Sequence[PlannedEpisode],
    clips: EvaluationClips,
    index: WordIndex,
    base: int,
    record: Callable[[str, PlannedEpisode], Record],
) -> list[Trial]:
    trials = []
    for episode in planned:
        if not episode.peers:
            continue
        rng = generator_for(base, MIXED, episode.name, episode.shots, episode.repetition)
        words = clips.labels[episode.enrollment].tolist()
        control = mixed_enrollment(episode.peers, words, index, generator=rng)
        answered = record(MIXED, episode)
        answered.fallbacks = control.fallbacks
        trials.append(Trial(answered, control.clips))
    return trials


def _check_episode(episode: Episode, clips: EvaluationClips) -> None:
    enrollment, query, person = episode.enrollment, episode.query, episode.person
    if not 0 <= person < len(clips.persons):
        raise EvaluationError(f"Episode of person {person}, but there are {len(clips.persons)} persons.")
    who = f"Person '{clips.persons[person]}'"
    if not len(enrollment) or not len(query):
        raise EvaluationError(
            f"{who} has {len(enrollment)} enrollment and {len(query)} query clip(s) in an episode, "
            f"too few to evaluate; record more clips or leave this person out."
        )
    every = torch.cat([enrollment, query])
    if int(every.min()) < 0 or int(every.max()) >= len(clips.labels):
        raise EvaluationError(f"{who} has an episode with clips outside the {len(clips.labels)} given.")
    if bool(torch.isin(enrollment, query).any()):
        raise LeakageError(f"{who} has a clip that both enrolls and is asked about; draw them disjoint.")
    if len(every.unique()) != len(every):
        raise LeakageError(f"{who} has a clip that stands twice in an episode; draw without repetition.")
    if bool((clips.person_index[every] != person).any()):
        raise LeakageError(f"{who} has somebody else's clip in an episode; draw from one person only.")


def check_evaluation_mode(name: str, method: BatchedMethod) -> None:
    """A batch-normalised network in training mode would let persons in a batch see each other."""
    if isinstance(method, nn.Module):
        for module in method.modules():
            if module.training and isinstance(module, nn.modules.batchnorm._BatchNorm | nn.Dropout):
                raise ValueError(f"method '{name}' is in training mode; call .eval() before evaluating it")


def _dataset(person: str) -> str:
    return person.rpartition("/")[0]


class _Counter:
    """Counts forward passes for a progress bar."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self.progress = progress
        self.done = self.total = 0

    def expect(self, trials: Sequence[Trial]) -> None:
        self.total += sum(len(trial.record.query) for trial in trials)

    def add(self, answered: int) -> None:
        self.done += answered
        if self.progress is not None:
            self.progress(self.done, self.total)
