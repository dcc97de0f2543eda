"""Which episodes may be asked, and whose clips may stand in for a person's."""

import pytest
import torch

from vop_core.errors import EvaluationError, LeakageError
from vop_core.evaluation.controls import WordIndex, enrollment_from, generator_for, mixed_enrollment
from vop_core.evaluation.plan import EvaluationClips, plan

ACCENTS = (1, 2, 3, 4, 5, 6)


def planned(voices, episodes, trained=()):
    return plan(EvaluationClips(**voices.arguments()), episodes, trained)


def test_peers_are_of_the_same_data_set_and_set_where_there_are_any(fakes):
    """Persons 0 and 1 are open, 2 and 3 closed, 4 of another data set with a closed companion 5."""
    voices = fakes.voices(ACCENTS)
    names = (*voices.persons[:4], "other/p04", "other/p05")
    voices = fakes.replace(voices, persons=names)
    peers = {
        episode.person: episode.peers
        for episode in planned(voices, fakes.episodes(voices), names[2:4] + names[5:])
    }
    assert peers == {0: (1,), 1: (0,), 2: (3,), 3: (2,), 4: (5,), 5: (4,)}


def test_the_order_of_episodes_does_not_matter_and_repetitions_are_counted(fakes):
    voices = fakes.voices(ACCENTS)
    episodes = fakes.episodes(voices, shots=(1, 3), repetitions=2)
    found = planned(voices, episodes[::-1])
    keys = [(episode.name, episode.shots, episode.repetition) for episode in found]
    assert (
        keys == sorted(keys) == [(e.name, e.shots, e.repetition) for e in planned(voices, episodes)]
    )
    assert {repetition for *_, repetition in keys} == {0, 1}


def test_a_control_carries_the_same_words_and_counts_where_it_cannot(fakes):
    voices = fakes.voices(ACCENTS, clips=[21, 21, 21, 21, 21, 2])
    index = WordIndex(voices.person_index, voices.labels)
    words = [4, 4, 2]
    rng = generator_for(0, "test")
    control = enrollment_from(1, words, index, generator=rng)
    assert voices.labels[control.clips].tolist() == words
    assert (voices.person_index[control.clips] == 1).all()
    assert control.clips.unique().numel() == 3
    assert control.fallbacks == 0
    poor = enrollment_from(5, words, index, generator=rng)  # says the words 0 and 1 only
    assert (voices.person_index[poor.clips] == 5).all()
    assert poor.fallbacks == 3


def test_mixed_takes_every_clip_from_another_person_while_there_are_enough(fakes):
    voices = fakes.voices(ACCENTS)
    index = WordIndex(voices.person_index, voices.labels)
    control = mixed_enrollment(
        (1, 2, 3, 4, 5), [0, 1, 2, 3, 3], index, generator=generator_for(0, "test")
    )
    assert sorted(voices.person_index[control.clips].tolist()) == [1, 2, 3, 4, 5]
    assert voices.labels[control.clips].tolist() == [0, 1, 2, 3, 3]
    more = mixed_enrollment((1, 2), [0, 1, 2, 3, 3], index, generator=generator_for(0, "test"))
    assert sorted(voices.person_index[more.clips].tolist()) in ([1, 1, 1, 2, 2], [1, 1, 2, 2, 2])
    assert control.fallbacks == more.fallbacks == 0


def _spoil(fakes, episode, kind):
    if kind == "leak":
        return fakes.replace(episode, query=torch.cat([episode.query, episode.enrollment[:1]]))
    if kind == "twice":
        return fakes.replace(episode, query=torch.cat([episode.query, episode.query[:1]]))
    if kind == "foreign":
        return fakes.replace(episode, person=(episode.person + 1) % 6)
    if kind == "no query":
        return fakes.replace(episode, query=episode.query[:0])
    return fakes.replace(episode, enrollment=episode.enrollment[:0])


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("leak", LeakageError),
        ("twice", LeakageError),
        ("foreign", LeakageError),
        ("no query", EvaluationError),
        ("no enrollment", EvaluationError),
    ],
)
def test_a_spoiled_episode_is_refused_with_one_sentence(fakes, kind, error):
    voices = fakes.voices(ACCENTS)
    first, *rest = fakes.episodes(voices)
    with pytest.raises(error, match=r"^Person 'fake/p0[01]' has .*\.$") as raised:
        planned(voices, [_spoil(fakes, first, kind), *rest])
    assert str(raised.value).count(". ") == 0


def test_nothing_to_evaluate_is_refused(fakes):
    with pytest.raises(EvaluationError, match="no episode"):
        planned(fakes.voices(ACCENTS), [])
