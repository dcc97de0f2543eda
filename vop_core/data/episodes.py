"""Episodes: for one person, which clips enroll and which are asked about.

How an episode is drawn, for a person with W words:

1. the enrollment words are drawn one after the other, each uniformly over the W words (a word may
   come twice; a word whose clips are used up is drawn again);
2. each takes one of that word's unused clips, uniformly;
3. the query is every other clip of the person, or ``queries`` of them.

With ``queries`` given, the query clips are drawn *first*, uniformly over the person's clips, and
the enrollment words afterwards by rule 1, which does not look at the query: the two are independent
exactly, as long as no word runs out of clips. With all other clips as query, the query's words are
fixed but for the clips taken away.

Labels only place clips in episodes; they never reach ``Method.enroll``.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from vop_core.errors import EvaluationError, LeakageError
from vop_core.types import Episode


def draw_episodes(
    person_index: Int[Tensor, " clip"],
    label_index: Int[Tensor, " clip"],
    *,
    persons: Sequence[int],
    shots: int,
    generator: torch.Generator,
    queries: int | None = None,
    names: Sequence[str] | None = None,
) -> list[Episode]:
    """One seeded episode for each entry of ``persons``, in that order; a person may be listed
    repeatedly.

    ``person_index`` and ``label_index`` give every clip's person and word; ``queries=None`` asks
    about all clips that are not enrolled; ``names`` are the persons' names for error messages.

    Raises
    ------
    EvaluationError
        A person has too few clips for so many shots and queries.
    """
    if shots < 1:
        raise EvaluationError(
            f"An episode needs at least 1 enrollment clip, but {shots} were asked for."
        )
    clips_of = {person: (person_index == person).nonzero().squeeze(1) for person in set(persons)}
    return [
        _draw(person, clips_of[person], label_index, shots, queries, generator, names)
        for person in persons
    ]


def _draw(
    person: int,
    clips: Int[Tensor, " clip"],
    label_index: Int[Tensor, " all_clips"],
    shots: int,
    queries: int | None,
    generator: torch.Generator,
    names: Sequence[str] | None,
) -> Episode:
    name = names[person] if names is not None else str(person)
    wanted = queries if queries is not None else 1
    if len(clips) < shots + wanted:
        raise EvaluationError(
            f"Person '{name}' has {len(clips)} clip(s), too few for {shots} enrollment and "
            f"{wanted} query clip(s); use fewer shots or add clips of this person."
        )
    word, free = label_index[clips], torch.ones(len(clips), dtype=torch.bool)
    if queries is None:
        enrolled = _uniform_words(word, free, shots, generator)
        free[enrolled] = False
        asked = free.nonzero().squeeze(1)
    else:
        asked = torch.randperm(len(clips), generator=generator)[:queries]
        free[asked] = False
        enrolled = _uniform_words(word, free, shots, generator)
    return Episode(person, clips[enrolled], clips[asked])


def _uniform_words(
    word: Int[Tensor, " clip"], allowed: Tensor, shots: int, generator: torch.Generator
) -> Int[Tensor, " shot"]:
    """Positions of ``shots`` clips whose words are drawn uniformly and one by one, clips never
    twice.
    """
    order = torch.randperm(len(word), generator=generator)
    unused: dict[int, list[int]] = {}
    words = word.tolist()
    for position in order[allowed[order]].tolist():
        unused.setdefault(words[position], []).append(position)
    vocabulary = sorted(unused)  # the generator, not the shuffle, decides which word
    chosen = []
    for uniform in torch.rand(shots, generator=generator, dtype=torch.float64).tolist():
        drawn = vocabulary[int(uniform * len(vocabulary))]
        chosen.append(unused[drawn].pop())
        if not unused[drawn]:
            vocabulary.remove(drawn)
    return torch.tensor(chosen, dtype=torch.long)


def check_disjoint(train_persons: Iterable[str], test_persons: Iterable[str]) -> None:
    """Fail loudly when a person stands on both sides of an open-set split.

    Raises
    ------
    LeakageError
        Names the persons that leak.
    """
    leaking = sorted(set(train_persons) & set(test_persons))
    if leaking:
        more = f" and {len(leaking) - 5} more" if len(leaking) > 5 else ""
        shown = ", ".join(leaking[:5]) + more
        raise LeakageError(
            f"{len(leaking)} person(s) stand on both the training and the test side ({shown}); "
            "give each person to one side only."
        )
