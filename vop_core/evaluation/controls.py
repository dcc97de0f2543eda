"""Whose clips enroll in the controls: what must *not* help if a gain is personal.

``wrong person``  one other person's clips, carrying the same words as the right enrollment
``visitor``       likewise, of the one person who is heard in the asked person's environment
``mixed``         every clip from another person, different persons where possible, the same words

Where nobody suitable says a word, a random clip takes its place and is counted as a fallback.
Choices depend on a seed and on the person's name only, never on who else is evaluated or in which
order.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from vop_core.evaluation.plan import EvaluationClips, PlannedEpisode


@dataclass(frozen=True)
class ControlEnrollment:
    """Clips that enroll instead of the person's own, and how many of them carry another word."""

    clips: Int[Tensor, " shot"]
    fallbacks: int


class WordIndex:
    """Which clips of whom carry which word."""

    def __init__(self, person_index: Int[Tensor, " clip"], labels: Int[Tensor, " clip"]) -> None:
        self.by_person: dict[int, list[int]] = defaultdict(list)
        self.by_word: dict[tuple[int, int], list[int]] = defaultdict(list)
        pairs = zip(person_index.tolist(), labels.tolist(), strict=True)
        for clip, (person, word) in enumerate(pairs):
            self.by_person[person].append(clip)
            self.by_word[person, word].append(clip)

    def says(self, person: int, word: int, used: set[int]) -> list[int]:
        """Clips of this person with this word that are not yet used."""
        return [clip for clip in self.by_word.get((person, word), ()) if clip not in used]

    def unused(self, person: int, used: set[int]) -> list[int]:
        """Any clip of this person that is not yet used; all of them once none is left."""
        own = self.by_person[person]
        return [clip for clip in own if clip not in used] or own


def enrollment_from(
    other: int, words: Sequence[int], index: WordIndex, *, generator: torch.Generator
) -> ControlEnrollment:
    """``other``'s clips with the given words, one clip for each, in order."""
    used: set[int] = set()
    chosen, fallbacks = [], 0
    for word in words:
        candidates = index.says(other, word, used)
        fallbacks += not candidates
        clip = _pick(candidates or index.unused(other, used), generator)
        used.add(clip)
        chosen.append(clip)
    return ControlEnrollment(torch.tensor(chosen), fallbacks)


def mixed_enrollment(
    others: Sequence[int], words: Sequence[int], index: WordIndex, *, generator: torch.Generator
) -> ControlEnrollment:
    """One clip for each word, from as many different persons of ``others`` as there are."""
    used: set[int] = set()
    # how often a person has already given a clip
    asked: dict[int, int] = {person: 0 for person in others}
    chosen, fallbacks = [], 0
    for word in words:
        able = [person for person in others if index.says(person, word, used)]
        fallbacks += not able
        candidates = able or list(others)
        fewest = min(asked[person] for person in candidates)
        person = _pick([person for person in candidates if asked[person] == fewest], generator)
        clip = _pick(index.says(person, word, used) or index.unused(person, used), generator)
        asked[person] += 1
        used.add(clip)
        chosen.append(clip)
    return ControlEnrollment(torch.tensor(chosen), fallbacks)


def wrong_person_enrollments(
    episode: PlannedEpisode,
    clips: EvaluationClips,
    index: WordIndex,
    *,
    most: int | None,
    seed: int,
) -> list[ControlEnrollment]:
    """One enrollment from each of an episode's peers, of at most ``most`` of them (all if None)."""
    drawn = (episode.name, episode.shots, episode.repetition)
    peers = episode.peers
    if most is not None and most < len(peers):
        chosen = torch.randperm(len(peers), generator=generator_for(seed, "peers", *drawn))[
            :most
        ].tolist()
        peers = tuple(peers[place] for place in sorted(chosen))
    words = clips.labels[episode.enrollment].tolist()
    return [
        enrollment_from(
            peer,
            words,
            index,
            generator=generator_for(seed, "wrong person", *drawn, clips.persons[peer]),
        )
        for peer in peers
    ]


def mixed_enrollments(
    episode: PlannedEpisode, clips: EvaluationClips, index: WordIndex, *, seed: int
) -> list[ControlEnrollment]:
    """One enrollment from all of an episode's peers; none where there is nobody else."""
    if not episode.peers:
        return []
    generator = generator_for(seed, "mixed", episode.name, episode.shots, episode.repetition)
    words = clips.labels[episode.enrollment].tolist()
    return [mixed_enrollment(episode.peers, words, index, generator=generator)]


def visitor_enrollment(
    episode: PlannedEpisode, clips: EvaluationClips, index: WordIndex, *, seed: int
) -> ControlEnrollment:
    """From whoever stands in the person's environment where environments are swapped."""
    drawn = (episode.name, episode.shots, episode.repetition)
    return enrollment_from(
        clips.visitors[episode.person],
        clips.labels[episode.enrollment].tolist(),
        index,
        generator=generator_for(seed, "visitor", *drawn),
    )


def generator_for(seed: int, *parts: str | int) -> torch.Generator:
    """A generator that depends on the seed and on names, not on what was drawn before; the seed's
    own without any.
    """
    if not parts:
        return torch.Generator().manual_seed(seed)
    text = "\0".join(map(str, (seed, *parts))).encode()
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
    return torch.Generator().manual_seed(number)


def _pick(candidates: Sequence[int], generator: torch.Generator) -> int:
    return candidates[int(torch.randint(len(candidates), (), generator=generator))]
