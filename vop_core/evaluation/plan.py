"""Which queries each person is asked and which clips enroll: checked, and in an order of their own.

All methods are given the same plan, so that they answer the same queries.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vop_core.errors import EvaluationError, LeakageError
from vop_core.types import Episode

CLOSED, OPEN = "closed", "open"  # persons trained on (other takes of them), and persons never heard


@dataclass(frozen=True)
class EvaluationClips:
    """Everything that is evaluated, clip by clip. ``persons`` are 'dataset/person' names."""

    features: Float[Tensor, " clip *shape"]
    labels: Int[Tensor, " clip"]
    person_index: Int[Tensor, " clip"]  # into persons
    persons: tuple[str, ...]
    # level- and spectrum-matched noise for each clip; None leaves its row out
    noise_features: Float[Tensor, " clip *shape"] | None = None
    # every other clip of a person, which choose the worst quarter of persons; the others score it,
    # and the other way round. None: no halves are scored
    even: Bool[Tensor, " clip"] | None = None
    # the same clips, each person in another's environment, and for each person who stands in theirs
    swapped: Float[Tensor, " clip *shape"] | None = None
    visitors: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class PlannedEpisode:
    """A checked episode, with what the rows need to know about its person."""

    person: int
    name: str
    set_name: str  # CLOSED or OPEN
    shots: int
    repetition: int
    enrollment: Int[Tensor, " shot"]
    query: Int[Tensor, " query"]
    # other persons of the same data set with clips enough to enroll likewise, of the same set where
    # there are any
    peers: tuple[int, ...]
    # where another call enrolls: as many clips of the call that is asked about
    same_call: Int[Tensor, " shot"] | None = None


def plan(
    clips: EvaluationClips, episodes: Iterable[Episode], trained_persons: Collection[str]
) -> tuple[PlannedEpisode, ...]:
    """Check the episodes and put them into an order that does not depend on how they were given.

    ``trained_persons`` make up the closed set. The n-th episode of a person with the same shots is
    repetition n. A person who is alone in a set has the other set's persons of the same data for
    peers, and where nobody has as many clips as enroll, those who have fewer.

    Raises
    ------
    EvaluationError
        No episode, or one without enrollment or query clips.
    LeakageError
        An enrollment clip is also a query, a clip stands twice, or belongs to somebody else.
    """
    trained = set(trained_persons)
    sets = [CLOSED if name in trained else OPEN for name in clips.persons]
    count = torch.bincount(clips.person_index, minlength=len(clips.persons)).tolist()
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for person in sorted(range(len(clips.persons)), key=lambda person: clips.persons[person]):
        if count[person]:
            groups[_dataset(clips.persons[person]), sets[person]].append(person)

    def peers(person: int, shots: int) -> tuple[int, ...]:
        dataset = _dataset(clips.persons[person])
        everyone = [
            peer for name in (OPEN, CLOSED) for peer in groups[dataset, name] if peer != person
        ]
        same_set = [peer for peer in everyone if sets[peer] == sets[person]]
        able, able_in_set = (
            [peer for peer in some if count[peer] >= shots] for some in (everyone, same_set)
        )
        return tuple(able_in_set or able or same_set or everyone)

    repetitions: dict[tuple[int, int], int] = defaultdict(int)
    planned = []
    for episode in episodes:
        _check_episode(episode, clips)
        person, shots = episode.person, len(episode.enrollment)
        name, repetition = clips.persons[person], repetitions[person, shots]
        repetitions[person, shots] += 1
        enrollment, query = episode.enrollment, episode.query
        planned.append(
            PlannedEpisode(
                person,
                name,
                sets[person],
                shots,
                repetition,
                enrollment,
                query,
                peers(person, shots),
            )
        )
    if not planned:
        raise EvaluationError(
            "There is no episode to evaluate; give at least one person with enough clips."
        )
    return tuple(
        sorted(planned, key=lambda episode: (episode.name, episode.shots, episode.repetition))
    )


def short_of_clips(clips: Mapping[str, int], shots: Iterable[int]) -> str | None:
    """Who cannot be asked with how many enrollment clips, in one sentence; None where all can.

    ``clips`` are everybody's. Each person is counted wherever clips are too few, and named once.
    """
    found, named = [], set()
    for count in sorted(shots):
        short = sorted(name for name, own in clips.items() if own <= count)
        fresh = [name for name in short if name not in named]
        if fresh:
            more = f" and {len(fresh) - 5} more" if len(fresh) > 5 else ""
            found.append(f"{len(short)} after {count} enrolled ({', '.join(fresh[:5])}{more})")
            named.update(fresh)
    if not found:
        return None
    return f"Of {len(clips)} persons, some have no clip left to ask about: {'; '.join(found)}."


def _check_episode(episode: Episode, clips: EvaluationClips) -> None:
    enrollment, query, person = episode.enrollment, episode.query, episode.person
    if not 0 <= person < len(clips.persons):
        raise EvaluationError(
            f"Episode of person {person}, but there are {len(clips.persons)} persons."
        )
    who = f"Person '{clips.persons[person]}'"
    if not len(enrollment) or not len(query):
        raise EvaluationError(
            f"{who} has {len(enrollment)} enrollment and {len(query)} query clip(s) in an episode, "
            "too few to evaluate; record more clips or leave this person out."
        )
    every = torch.cat([enrollment, query])
    if int(every.min()) < 0 or int(every.max()) >= len(clips.labels):
        raise EvaluationError(
            f"{who} has an episode with clips outside the {len(clips.labels)} given."
        )
    if bool(torch.isin(enrollment, query).any()):
        raise LeakageError(
            f"{who} has a clip that both enrolls and is asked about; draw them disjoint."
        )
    if len(every.unique()) != len(every):
        raise LeakageError(
            f"{who} has a clip that stands twice in an episode; draw without repetition."
        )
    if bool((clips.person_index[every] != person).any()):
        raise LeakageError(
            f"{who} has somebody else's clip in an episode; draw from one person only."
        )


def _dataset(person: str) -> str:
    return person.rpartition("/")[0]
