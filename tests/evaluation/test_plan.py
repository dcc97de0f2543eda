"""Which episodes may be asked, and whose clips may stand in for a person's."""

from dataclasses import replace

import pytest
import torch

from tests.evaluation import fakes
from vop_core.errors import EvaluationError, LeakageError
from vop_core.evaluation.controls import WordIndex, enrollment_from, generator_for, mixed_enrollment
from vop_core.evaluation.plan import plan

ACCENTS = (1, 2, 3, 4, 5, 6)


def test_peers_are_of_the_same_data_set_and_set_where_there_are_any():
    """Persons 0 and 1 are open, 2 and 3 closed, 4 of another data set with a closed companion 5."""
    voices = fakes.voices(ACCENTS)
    names = (*voices.persons[:4], "other/p04", "other/p05")
    voices = replace(voices, persons=names)
    peers = {
        episode.person: episode.peers
        for episode in plan(voices, fakes.episodes(voices), names[2:4] + names[5:])
    }
    assert peers == {0: (1,), 1: (0,), 2: (3,), 3: (2,), 4: (5,), 5: (4,)}


def test_the_order_of_episodes_does_not_matter_and_repetitions_are_counted():
    voices = fakes.voices(ACCENTS)
    episodes = fakes.episodes(voices, shots=(1, 3), repetitions=2)
    keys, forward = (
        [(episode.name, episode.shots, episode.repetition) for episode in plan(voices, each, ())]
        for each in (episodes[::-1], episodes)
    )
    assert keys == sorted(keys) == forward
    assert {repetition for *_, repetition in keys} == {0, 1}


def test_a_control_carries_the_same_words_and_counts_where_it_cannot():
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


def test_mixed_takes_every_clip_from_another_person_while_there_are_enough():
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


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda one: {"query": torch.cat([one.query, one.enrollment[:1]])}, LeakageError),
        (lambda one: {"query": torch.cat([one.query, one.query[:1]])}, LeakageError),
        (lambda one: {"person": (one.person + 1) % 6}, LeakageError),
        (lambda one: {"query": one.query[:0]}, EvaluationError),
        (lambda one: {"enrollment": one.enrollment[:0]}, EvaluationError),
    ],
    ids=["leak", "twice", "foreign", "no query", "no enrollment"],
)
def test_a_spoiled_episode_is_refused_with_one_sentence(spoil, error):
    voices = fakes.voices(ACCENTS)
    first, *rest = fakes.episodes(voices)
    with pytest.raises(error, match=r"^Person 'fake/p0[01]' has .*\.$") as raised:
        plan(voices, [replace(first, **spoil(first)), *rest], ())
    assert str(raised.value).count(". ") == 0


def test_nothing_to_evaluate_is_refused():
    with pytest.raises(EvaluationError, match="no episode"):
        plan(fakes.voices(ACCENTS), [], ())
