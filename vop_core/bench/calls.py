"""Enroll in one call, ask in another: what a device and a room lend to a gain is then not there.

Whoever called at least twice is asked about a part of one call, with clips of another call enrolled
and, for the same queries, with as many clips of the call that is asked about, the same words where
the other call has them. Which call a clip is from stands in the column ``session``.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import permutations

import torch

from vop_core.data.episodes import draw_episodes
from vop_core.data.features import CALL, FeatureTable
from vop_core.data.persons import Fold, PersonDataset
from vop_core.errors import EvaluationError
from vop_core.evaluation.controls import WordIndex, enrollment_from
from vop_core.evaluation.plan import EvaluationClips, PlannedEpisode, plan, short_of_clips
from vop_core.types import Episode


def clips_across(calls: Collection[int]) -> int:
    """From calls of so many clips each: a person can be asked after fewer enrolled clips than this.

    One call holds the enrolled clips and one to ask about, another the enrolled clips; 0 where
    there is no other.
    """
    most, other, *_ = (*sorted(calls, reverse=True), 0, 0)
    return min(most, other + 1) if other else 0


def clips_across_calls(dataset: PersonDataset) -> dict[str, int]:
    """``clips_across`` of every person; empty where the call of some clip is not known."""
    calls: dict[str, Counter[str]] = {person: Counter() for person in dataset.persons}
    for record in dataset.records:
        calls[record.person][record.attributes.get(CALL, "")] += 1
    if any("" in found for found in calls.values()):
        return {}
    return {person: clips_across(found.values()) for person, found in calls.items()}


def calls_remarks(
    dataset: PersonDataset, folds: Sequence[Fold], shots: Collection[int]
) -> Iterator[str]:
    """Who is not asked across calls, and which folds have nobody to ask, in sentences."""
    clips = clips_across_calls(dataset)
    if not clips:
        yield f"{dataset.name} does not say which call a clip is from: none is asked across calls."
        return
    asked = {person: clips[person] for fold in folds for person in fold.test}
    several = {person: count for person, count in asked.items() if count}
    yield (
        f"{len(asked) - len(several)} of {len(asked)} person(s) of {dataset.name} called once, and "
        "are not asked across calls."
    )
    if short := short_of_clips(several, shots):
        yield f"Across calls: {short}"
    if missing := [
        str(number)
        for number, fold in enumerate(folds)
        if not any(asked[person] > min(shots) for person in fold.test)
    ]:
        yield f"Fold(s) {', '.join(missing)} of {dataset.name} have nobody to ask across calls."


# --- drawing --------------------------------------------------------------------------------------


def calls_of(table: FeatureTable) -> dict[int, Counter[int]]:
    """For each person the clips of every call. Raises EvaluationError where calls are not known."""
    if table.call is None:
        raise EvaluationError(
            f"Nobody can be asked across calls: the data set has no column '{CALL}' that says from "
            "which call each clip is; add it, or ask otherwise."
        )
    found: dict[int, Counter[int]] = {person: Counter() for person in range(len(table.persons))}
    for person, call in zip(table.person.tolist(), table.call.tolist(), strict=True):
        found[person][call] += 1
    return found


def draw_across_calls(
    table: FeatureTable, persons: Sequence[int], shots: int, *, generator: torch.Generator
) -> list[tuple[Episode, Episode]]:
    """For each person an episode that enrolls clips of another call than it asks about, and one
    with the same queries that enrolls clips of the same call.

    Both calls are drawn from those with clips enough, which every one of ``persons`` must have: see
    ``clips_across``. Raises EvaluationError where calls are not known.
    """
    calls = calls_of(table)
    stride = int(table.call.max()) + 1
    place = table.person * stride + table.call  # two persons share no call
    index = WordIndex(place, table.label)
    found = []
    for person in persons:
        sizes = calls[person]
        pairs = [
            (person * stride + asked, person * stride + other)
            for asked, other in permutations(sorted(sizes), 2)
            if sizes[asked] > shots and sizes[other] >= shots
        ]
        asked, other = pairs[int(torch.randint(len(pairs), (), generator=generator))]
        (same,) = draw_episodes(
            place, table.label, persons=[asked], shots=shots, generator=generator
        )
        words = table.label[same.enrollment].tolist()
        across = enrollment_from(other, words, index, generator=generator).clips
        found.append(
            (Episode(person, across, same.query), Episode(person, same.enrollment, same.query))
        )
    return found


def plan_across_calls(
    clips: EvaluationClips,
    episodes: Sequence[tuple[Episode, Episode]],
    trained_persons: Collection[str],
) -> tuple[PlannedEpisode, ...]:
    """The episodes that enroll another call, each with what the same call would have enrolled."""
    across, same = (plan(clips, each, trained_persons) for each in zip(*episodes, strict=True))
    return tuple(
        replace(one, same_call=other.enrollment) for one, other in zip(across, same, strict=True)
    )
