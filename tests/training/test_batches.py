"""Training episodes: what may stand in a step, and how often."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from tests.toys import make_table, seeded, train_config
from vop_core.data.virtual_persons import OFF
from vop_core.errors import DataError
from vop_core.training.batches import EpisodeSampler, RepresentedEpisodes


def numbered(persons=4, takes=3, variants=("original",)):
    """A table whose clips say which they are: log-mels hold 1000 times the variant's number plus
    the row.
    """
    table = make_table(persons, takes, variants=variants)
    row = torch.arange(len(table), dtype=torch.float32)[:, None, None].expand_as(table.features)
    return replace(
        table, variants={name: row + 1000.0 * index for index, name in enumerate(variants)}
    )


def rows_of(features):
    return features[:, :, 0, 0].round().long()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_enrollment_and_query_never_share_a_clip_and_belong_to_one_person(seed):
    table, config = numbered(), train_config()
    batch = EpisodeSampler(table, config).draw(generator=seeded(seed))
    enrolled, asked = rows_of(batch.enrollment), rows_of(batch.query)
    persons = []
    for one, present, two in zip(enrolled, batch.present, asked, strict=True):
        both = torch.cat((one[present], two))
        assert len(both.unique()) == int(present.sum()) + config.queries_per_person
        owner = table.person[both].unique()
        assert len(owner) == 1
        persons.append(int(owner))
    assert len(set(persons)) == config.persons_per_step
    torch.testing.assert_close(batch.labels, table.label[asked])
    assert batch.training_clips.tolist() == [9.0] * 3
    assert (
        int(batch.present.sum(1).min()) >= 1 and int(batch.present.sum(1).max()) <= config.max_shots
    )


def test_a_step_holds_no_more_persons_than_there_are():
    config = train_config(persons_per_step=50)
    assert EpisodeSampler(numbered(4), config).draw(generator=seeded()).query.shape[0] == 4


def test_the_number_of_clips_is_uniform_from_one_to_the_most():
    """Chi-square: a fair sampler exceeds the bound once in 10^6 seeds."""
    table, config = numbered(4, 4), train_config(max_shots=5, persons_per_step=4)
    sampler, generator, counts = EpisodeSampler(table, config), seeded(1), torch.zeros(6)
    for _ in range(150):
        batch = sampler.draw(generator=generator)
        shots = batch.present.sum(1)
        counts += torch.bincount(shots, minlength=6)
        # present clips come first
        assert torch.equal(batch.present, torch.arange(5) < shots[:, None])
    expected = counts.sum() / 5
    assert counts[0] == 0
    assert float(((counts[1:] - expected) ** 2 / expected).sum()) < chi2.ppf(1 - 1e-6, 4)


def test_enrollment_and_query_words_are_exchangeable_and_rare_words_are_not_drowned():
    """One word with 20 clips, two with 6: the first clip of a step carries each word a third of the
    time.
    """
    table = numbered(1, 20)
    kept = (table.label == 0) | (table.take <= 6)
    sampler = EpisodeSampler(table.select(kept), train_config(max_shots=1, queries_per_person=1))
    generator, first, second, count = seeded(2), torch.zeros(3), torch.zeros(3), 600
    for _ in range(count):
        batch = sampler.draw(generator=generator)
        first += torch.bincount(table.label[rows_of(batch.enrollment)[:, 0]], minlength=3)
        second += torch.bincount(batch.labels[:, 0], minlength=3)
    four_standard_errors = 4 * math.sqrt(1 / 3 * 2 / 3 / count)
    # exchangeable: both have the same law; a third each but for the second clip being drawn without
    # replacement, which moves the frequent word up by less than 1 / 18
    assert (first - second).abs().max() / count < math.sqrt(2) * four_standard_errors
    assert (first / count - 1 / 3).abs().max() < four_standard_errors + 1 / 36


def of_sizes(*sizes):
    """Persons with so many clips each, of twelve: clip n is person n // 12's."""
    table = numbered(len(sizes), 4)
    rows = [(table.person == person).nonzero()[:size, 0] for person, size in enumerate(sizes)]
    return table.select(torch.cat(rows))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1), st.integers(0, 10_000))
def test_persons_with_few_clips_give_what_they_have(least, seed):
    """Never all clips enroll; the others are asked about, each as often as any other or once
    more.
    """
    sizes = (2, 3, 4, 6, 9, 12)
    config = train_config(min_shots=least, persons_per_step=6)
    batch = EpisodeSampler(of_sizes(*sizes), config).draw(generator=seeded(seed))
    filled, query = rows_of(batch.enrollment), rows_of(batch.query)
    assert sorted(batch.training_clips.tolist()) == list(sizes)
    for place, size in enumerate(batch.training_clips.int().tolist()):
        shots = int(batch.present[place].sum())
        assert least <= shots <= min(config.max_shots, size - 1)
        enrolled = filled[place, :shots]
        asked, times = query[place].unique(return_counts=True)
        assert len(enrolled.unique()) == shots
        assert len(asked) == min(config.queries_per_person, size - shots)
        assert int(times.max() - times.min()) <= 1
        assert not torch.isin(enrolled, asked).any()
        assert sizes[int(asked[0]) // 12] == size
        assert len((torch.cat((enrolled, asked)) // 12).unique()) == 1
        if shots:  # nor does a query stand where nothing is present
            assert not torch.isin(filled[place], asked).any()


def test_a_single_clip_is_asked_about_and_enrolls_nowhere():
    sampler = EpisodeSampler(of_sizes(1, 1, 1), train_config(min_shots=0))
    batch = sampler.draw(generator=seeded())
    assert not batch.present.any()
    assert sorted(rows_of(batch.query).tolist()) == [[0] * 3, [12] * 3, [24] * 3]


def test_where_an_enrollment_is_needed_a_person_with_a_single_clip_is_never_drawn():
    table = of_sizes(1, 2, 5)
    sampler, generator = EpisodeSampler(table, train_config(persons_per_step=3)), seeded()
    for _ in range(10):
        batch = sampler.draw(generator=generator)
        assert sorted(batch.training_clips.tolist()) == [2, 5]
        assert batch.present.any(1).all()
    with pytest.raises(
        DataError, match=r"^Nobody has the 2 training clip\(s\) that a step needs; add clips\.$"
    ):
        EpisodeSampler(of_sizes(1, 1), train_config())


@pytest.mark.parametrize("least", [0, 2])
def test_no_fewer_clips_enroll_than_asked_for_where_there_are_enough(least):
    table, generator, seen = numbered(4, 4), seeded(4), set()
    sampler = EpisodeSampler(table, train_config(min_shots=least))
    for _ in range(30):
        seen |= set(sampler.draw(generator=generator).present.sum(1).tolist())
    assert seen == set(range(least, 4))
    assert train_config(min_shots=least).clips_per_person == (2 if least else 1)


def test_persons_of_weight_nothing_are_never_drawn():
    table = numbered(4)
    sampler = EpisodeSampler(
        table, train_config(persons_per_step=2), None, torch.tensor([0.0, 1.0, 0.0, 1.0])
    )
    generator = seeded()
    drawn = torch.cat(
        [rows_of(sampler.draw(generator=generator).query).flatten() for _ in range(20)]
    )
    assert set(table.person[drawn].tolist()) == {1, 3}


def test_a_virtual_person_hears_all_its_clips_through_the_same_variant():
    table = numbered(4, 3, variants=("original", "slow", "room", "telephone", "noise"))
    virtual = replace(OFF, variant_probability=0.5, telephone_probability=0.3)
    sampler, generator, seen = (
        EpisodeSampler(table, train_config(persons_per_step=4), virtual),
        seeded(),
        [],
    )
    for _ in range(60):
        batch = sampler.draw(generator=generator)
        variant = torch.cat((batch.enrollment, batch.query), 1)[:, :, 0, 0] // 1000
        assert (variant == variant[:, :1]).all()
        seen += variant[:, 0].tolist()
    shares = torch.bincount(torch.tensor(seen).long(), minlength=5) / len(seen)
    # telephone first, then half of the rest
    expected = torch.tensor([0.35, 0.175, 0.175, 0.3, 0.0])
    assert ((shares - expected).abs() <= 4 * (expected * (1 - expected) / len(seen)).sqrt()).all()


def test_represented_steps_are_the_samplers_own_and_the_same_for_every_training():
    table = make_table(takes=6)
    config = train_config()
    drawn = EpisodeSampler(table, config)
    generator = seeded(5)
    expected = [drawn.draw(generator=generator) for _ in range(3)]
    stored = RepresentedEpisodes(
        EpisodeSampler(table, config), lambda clips: clips.mean(-1), steps=3, generator=seeded(5)
    )
    for _ in range(2):
        found = [stored.draw(generator=seeded(9)) for _ in range(3)]
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one.enrollment, other.enrollment.mean(-1))
            torch.testing.assert_close(one.query, other.query.mean(-1))
            assert torch.equal(one.labels, other.labels) and torch.equal(one.present, other.present)
        stored.from_start()
