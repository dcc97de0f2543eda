"""Episodes: for one person, which clips enroll and which are asked about.

How an episode is drawn, for a person with W words:

1. the enrollment words are drawn one after the other, each uniformly over the W words (a word may come
   twice; a word whose clips are used up is drawn again);
2. each takes one of that word's unused clips, uniformly;
3. the query is every other clip of the person, or ``queries`` of them.

With ``queries`` given, the query clips are drawn *first*, uniformly over the person's clips, and the
enrollment words afterwards by rule 1, which does not look at the query: the two are independent exactly, as
long as no word runs out of clips. With all other clips as query, the query's words are fixed but for the
clips taken away.

``word_disjoint`` first splits the person's words at random into two halves: one enrolls, the other is asked
about, so that no query word was ever enrolled and the size of the query does not depend on the shots.

Labels only place clips in episodes; they never reach ``Method.enroll``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from vop_core.errors import EvaluationError, LeakageError


@dataclass(frozen=True)
class EpisodeIndices:
    """One person's episode, as positions in the clip axis of the table it was drawn from."""

    person: int
    enrollment: Int[Tensor, " shot"]
    query: Int[Tensor, " query"]


def draw_episodes(
    person_index: Int[Tensor, " clip"],
    label_index: Int[Tensor, " clip"],
    *,
    persons: Sequence[int],
    shots: int,
    generator: torch.Generator,
    word_disjoint: bool = False,
    queries: int | None = None,
    names: Sequence[str] | None = None,
) -> list[EpisodeIndices]:
    """One seeded episode for each entry of ``persons``, in that order; a person may be listed repeatedly.

    ``person_index`` and ``label_index`` give every clip's person and word; ``queries=None`` asks about all
    clips that are not enrolled; ``names`` are the persons' names for error messages.

    Raises
    ------
    EvaluationError
        A person has too few clips (or, word-disjoint, too few words) for so many shots and queries.
    """
    if shots < 1:
        raise EvaluationError(f"An episode needs at least 1 enrollment clip, but {shots} were asked for.")
    clips_of = {person: (person_index == person).nonzero().squeeze(1) for person in set(persons)}
    return [
        _draw(person, clips_of[person], label_index, shots, queries, word_disjoint, generator, names)
        for person in persons
    ]


def _draw(
    person: int,
    clips: Int[Tensor, " clip"],
    label_index: Int[Tensor, " all_clips"],
    shots: int,
    queries: int | None,
    word_disjoint: bool,
    generator: torch.Generator,
    names: Sequence[str] | None,
) -> EpisodeIndices:
    name = names[person] if names is not None else str(person)
    wanted = queries if queries is not None else 1
    words, word = label_index[clips].unique(return_inverse=True)
    may_enroll = torch.ones(len(clips), dtype=torch.bool)
    may_ask = may_enroll.clone()
    if word_disjoint:
        if len(words) < 2:
            raise EvaluationError(
                f"Person '{name}' has {len(words)} word(s), and a word-disjoint episode needs at least 2; "
                f"leave this person out or allow repeated words."
            )
        enrolls = torch.randperm(len(words), generator=generator) < len(words) // 2
        may_enroll, may_ask = enrolls[word], ~enrolls[word]
        enough = int(may_enroll.sum()) >= shots and int(may_ask.sum()) >= wanted
    else:
        enough = len(clips) >= shots + wanted
    if not enough:
        others = " of other words" if word_disjoint else ""
        raise EvaluationError(
            f"Person '{name}' has {len(clips)} clip(s), too few for {shots} enrollment and {wanted} query "
            f"clip(s){others}; use fewer shots or add clips of this person."
        )
    if queries is None:
        enrolled = _uniform_words(word, may_enroll, shots, generator)
        may_ask[enrolled] = False
        asked = may_ask.nonzero().squeeze(1)
    else:
        candidates = may_ask.nonzero().squeeze(1)
        asked = candidates[torch.randperm(len(candidates), generator=generator)[:queries]]
        may_enroll[asked] = False
        enrolled = _uniform_words(word, may_enroll, shots, generator)
    return EpisodeIndices(person, clips[enrolled], clips[asked])


def _uniform_words(
    word: Int[Tensor, " clip"], allowed: Tensor, shots: int, generator: torch.Generator
) -> Int[Tensor, " shot"]:
    """Positions of ``shots`` clips whose words are drawn uniformly and one by one, clips never twice."""
    order = torch.randperm(len(word), generator=generator)
    unused: dict[int, list[int]] = {}
    words = word.tolist()
    permitted = allowed.tolist()
    for position in order.tolist():
        if permitted[position]:
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
            f"give each person to one side only."
        )


def check_episode(
    episode: EpisodeIndices,
    person_index: Int[Tensor, " clip"],
    label_index: Int[Tensor, " clip"] | None = None,
    *,
    word_disjoint: bool = False,
    other_persons: bool = False,
) -> None:
    """Fail loudly when an episode asks about a clip it enrolled, enrolls one twice, or mixes persons.

    ``other_persons=True`` is for the controls that enroll somebody else's clips: then *no* enrollment clip
    may be the person's own. ``word_disjoint=True`` needs ``label_index``.

    Raises
    ------
    LeakageError
        Says what leaks.
    """
    enrollment, query = episode.enrollment, episode.query
    who = f"Person {episode.person}"
    if torch.isin(enrollment, query).any():
        raise LeakageError(f"{who}: an enrollment clip is also a query clip; draw them disjoint.")
    if len(enrollment.unique()) != len(enrollment) or len(query.unique()) != len(query):
        raise LeakageError(f"{who}: a clip stands twice in the episode; draw without repetition.")
    if (person_index[query] != episode.person).any():
        raise LeakageError(f"{who}: a query clip belongs to another person.")
    own = person_index[enrollment] == episode.person
    if other_persons and own.any():
        raise LeakageError(f"{who}: a control enrolls this person's own clip.")
    if not other_persons and not own.all():
        raise LeakageError(f"{who}: an enrollment clip belongs to another person.")
    if word_disjoint:
        if label_index is None:
            raise LeakageError("A word-disjoint episode needs the clips' labels to be checked; pass them.")
        if torch.isin(label_index[enrollment], label_index[query]).any():
            raise LeakageError(f"{who}: an enrolled word is also asked about.")
