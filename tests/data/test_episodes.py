"""Episodes: disjoint, seeded, and blind to the query's words."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from vop_core.data.episodes import EpisodeIndices, check_disjoint, check_episode, draw_episodes
from vop_core.errors import EvaluationError, LeakageError


def grid(persons: int, words: int, takes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Person and word of every clip, when everybody says every word equally often."""
    person = torch.arange(persons).repeat_interleave(words * takes)
    word = torch.arange(words).repeat(persons).repeat_interleave(takes)
    return person, word


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chi_square_bound(degrees: int) -> float:
    """A true null exceeds this once in ten thousand seeds."""
    return float(chi2.isf(1e-4, degrees))


tables = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=4, max_size=120)


@settings(deadline=None, max_examples=80)
@given(tables, st.integers(1, 6), st.integers(0, 2**31), st.none() | st.integers(1, 3))
def test_any_episode_is_one_persons_and_disjoint(table, shots, seed, queries):
    person, word = torch.tensor(table).T
    enough = [p for p in person.unique().tolist() if (person == p).sum() >= shots + (queries or 1)]
    episodes = draw_episodes(person, word, persons=enough, shots=shots, generator=seeded(seed), queries=queries)
    assert [episode.person for episode in episodes] == enough
    for episode in episodes:
        check_episode(episode, person)
        assert len(episode.enrollment) == shots
        rest = int((person == episode.person).sum()) - shots
        assert len(episode.query) == (rest if queries is None else queries)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(2, 6),
    st.integers(2, 4),
    st.integers(1, 3),
    st.integers(0, 2**31),
    st.none() | st.integers(1, 3),
)
def test_word_disjoint_episodes_share_no_word(words, takes, shots, seed, queries):
    person, word = grid(3, words, takes)
    if shots > (words // 2) * takes or (queries or 1) > (words - words // 2) * takes:
        return
    episodes = draw_episodes(
        person,
        word,
        persons=[0, 1, 2],
        shots=shots,
        generator=seeded(seed),
        word_disjoint=True,
        queries=queries,
    )
    for episode in episodes:
        check_episode(episode, person, word, word_disjoint=True)


def test_word_disjoint_queries_are_as_many_for_every_number_of_shots():
    person, word = grid(2, words=10, takes=4)
    sizes = {
        len(episode.query)
        for shots in (1, 3, 5, 10)
        for episode in draw_episodes(
            person, word, persons=[0, 1], shots=shots, generator=seeded(shots), word_disjoint=True
        )
    }
    assert sizes == {20}


def test_the_same_seed_draws_the_same_episodes_and_another_seed_others():
    person, word = grid(4, 10, 5)

    def drawn(seed):
        episodes = draw_episodes(person, word, persons=[0, 1, 2, 3], shots=5, generator=seeded(seed), queries=20)
        return [(e.enrollment.tolist(), e.query.tolist()) for e in episodes]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_enrollment_words_are_uniform_even_when_a_person_says_some_words_more_often():
    """One shot, three words said 2, 5 and 20 times: each word enrolls a third of the time."""
    word = torch.tensor([0] * 2 + [1] * 5 + [2] * 20)
    person, count = torch.zeros_like(word), 3000
    episodes = draw_episodes(person, word, persons=[0] * count, shots=1, generator=seeded(1))
    enrolled = torch.bincount(word[torch.cat([episode.enrollment for episode in episodes])], minlength=3)
    statistic = float(((enrolled - count / 3) ** 2 / (count / 3)).sum())
    assert statistic < chi_square_bound(degrees=2)


@pytest.mark.parametrize("shots", [1, 3])
def test_enrollment_words_are_independent_of_the_query_word(shots):
    """Chi-square of the table (last enrollment word, query word), with no word near exhaustion."""
    words, count = 4, 3000
    person, word = grid(1, words, takes=6)
    episodes = draw_episodes(person, word, persons=[0] * count, shots=shots, generator=seeded(2), queries=1)
    table = torch.zeros(words, words)
    for episode in episodes:
        table[word[episode.enrollment[-1]], word[episode.query[0]]] += 1
    expected = table.sum(1, keepdim=True) * table.sum(0, keepdim=True) / count
    assert float(((table - expected) ** 2 / expected).sum()) < chi_square_bound(degrees=(words - 1) ** 2)


def test_a_person_with_too_few_clips_is_refused_by_name():
    person, word = grid(1, 2, 2)
    with pytest.raises(EvaluationError, match=r"Person 'set/anna' has 4 clip\(s\), too few for 4 enrollment"):
        draw_episodes(person, word, persons=[0], shots=4, generator=seeded(0), names=["set/anna"])


def test_a_person_with_one_word_cannot_be_word_disjoint():
    person, word = grid(1, 1, 9)
    with pytest.raises(EvaluationError, match="needs at least 2"):
        draw_episodes(person, word, persons=[0], shots=1, generator=seeded(0), word_disjoint=True)


def test_no_shots_are_refused():
    person, word = grid(1, 2, 2)
    with pytest.raises(EvaluationError, match="at least 1 enrollment clip"):
        draw_episodes(person, word, persons=[0], shots=0, generator=seeded(0))


def test_a_person_on_both_sides_of_a_split_is_a_leak():
    check_disjoint(["a/1", "a/2"], ["a/3"])
    with pytest.raises(LeakageError, match=r"1 person\(s\) stand on both the training and the test side \(a/2\)"):
        check_disjoint(["a/1", "a/2"], ["a/2", "a/3"])


@pytest.mark.parametrize(
    ("enrollment", "query", "says"),
    [
        ([0, 1], [1, 2], "also a query clip"),
        ([0, 0], [1, 2], "stands twice"),
        ([0], [1, 4], "query clip belongs to another person"),
        ([4], [1, 2], "enrollment clip belongs to another person"),
    ],
)
def test_a_leaking_episode_is_refused(enrollment, query, says):
    person, _ = grid(2, 2, 2)
    episode = EpisodeIndices(0, torch.tensor(enrollment), torch.tensor(query))
    with pytest.raises(LeakageError, match=says):
        check_episode(episode, person)


def test_a_control_that_enrolls_the_person_is_refused():
    person, _ = grid(2, 2, 2)
    check_episode(EpisodeIndices(0, torch.tensor([4]), torch.tensor([0])), person, other_persons=True)
    with pytest.raises(LeakageError, match="this person's own clip"):
        check_episode(EpisodeIndices(0, torch.tensor([1]), torch.tensor([0])), person, other_persons=True)


def test_an_enrolled_query_word_is_refused_when_words_must_differ():
    person, word = grid(1, 2, 2)
    episode = EpisodeIndices(0, torch.tensor([0]), torch.tensor([1, 2]))
    check_episode(episode, person, word)
    with pytest.raises(LeakageError, match="enrolled word is also asked about"):
        check_episode(episode, person, word, word_disjoint=True)
