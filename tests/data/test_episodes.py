"""Episodes: disjoint, seeded, and blind to the query's words."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from tests.toys import seeded
from vop_core.data.episodes import check_disjoint, draw_episodes
from vop_core.errors import EvaluationError, LeakageError


def grid(persons: int, words: int, takes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Person and word of every clip, when everybody says every word equally often."""
    person = torch.arange(persons).repeat_interleave(words * takes)
    word = torch.arange(words).repeat(persons).repeat_interleave(takes)
    return person, word


def chi_square_bound(degrees: int) -> float:
    """A true null exceeds this once in ten thousand seeds."""
    return float(chi2.isf(1e-4, degrees))


tables = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=4, max_size=120)


@settings(deadline=None, max_examples=80)
@given(tables, st.integers(1, 6), st.integers(0, 2**31), st.none() | st.integers(1, 3))
def test_any_episode_is_one_persons_and_disjoint(table, shots, seed, queries):
    person, word = torch.tensor(table).T
    enough = [p for p in person.unique().tolist() if (person == p).sum() >= shots + (queries or 1)]
    episodes = draw_episodes(
        person, word, persons=enough, shots=shots, generator=seeded(seed), queries=queries
    )
    assert [episode.person for episode in episodes] == enough
    for episode in episodes:
        clips = torch.cat([episode.enrollment, episode.query])
        assert len(clips.unique()) == len(clips) and (person[clips] == episode.person).all()
        assert len(episode.enrollment) == shots
        rest = int((person == episode.person).sum()) - shots
        assert len(episode.query) == (rest if queries is None else queries)


def test_the_same_seed_draws_the_same_episodes_and_another_seed_others():
    person, word = grid(4, 10, 5)

    def drawn(seed):
        episodes = draw_episodes(
            person, word, persons=[0, 1, 2, 3], shots=5, generator=seeded(seed), queries=20
        )
        return [(e.enrollment.tolist(), e.query.tolist()) for e in episodes]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_enrollment_words_are_uniform_even_when_a_person_says_some_words_more_often():
    """One shot, three words said 2, 5 and 20 times: each word enrolls a third of the time."""
    word = torch.tensor([0] * 2 + [1] * 5 + [2] * 20)
    person, count = torch.zeros_like(word), 3000
    episodes = draw_episodes(person, word, persons=[0] * count, shots=1, generator=seeded(1))
    enrolled = torch.bincount(
        word[torch.cat([episode.enrollment for episode in episodes])], minlength=3
    )
    statistic = float(((enrolled - count / 3) ** 2 / (count / 3)).sum())
    assert statistic < chi_square_bound(degrees=2)


@pytest.mark.parametrize("shots", [1, 3])
def test_enrollment_words_are_independent_of_the_query_word(shots):
    """Chi-square of the table (last enrollment word, query word), with no word near exhaustion."""
    words, count = 4, 3000
    person, word = grid(1, words, takes=6)
    episodes = draw_episodes(
        person, word, persons=[0] * count, shots=shots, generator=seeded(2), queries=1
    )
    table = torch.zeros(words, words)
    for episode in episodes:
        table[word[episode.enrollment[-1]], word[episode.query[0]]] += 1
    expected = table.sum(1, keepdim=True) * table.sum(0, keepdim=True) / count
    assert float(((table - expected) ** 2 / expected).sum()) < chi_square_bound(
        degrees=(words - 1) ** 2
    )


def test_a_person_with_too_few_clips_is_refused_by_name():
    person, word = grid(1, 2, 2)
    with pytest.raises(
        EvaluationError, match=r"Person 'set/anna' has 4 clip\(s\), too few for 4 enrollment"
    ):
        draw_episodes(person, word, persons=[0], shots=4, generator=seeded(0), names=["set/anna"])


def test_no_shots_are_refused():
    person, word = grid(1, 2, 2)
    with pytest.raises(EvaluationError, match="at least 1 enrollment clip"):
        draw_episodes(person, word, persons=[0], shots=0, generator=seeded(0))


def test_a_person_on_both_sides_of_a_split_is_a_leak():
    check_disjoint(["a/1", "a/2"], ["a/3"])
    with pytest.raises(
        LeakageError, match=r"1 person\(s\) stand on both the training and the test side \(a/2\)"
    ):
        check_disjoint(["a/1", "a/2"], ["a/2", "a/3"])
