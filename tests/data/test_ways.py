"""Few-shot episodes: what may stand in one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toys import make_table, seeded
from vop_core.data.ways import QuarterTurns, WayDrawer, Ways, way_table
from vop_core.errors import DataError

SHAPE = Ways(ways=3, shots=2)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_classes_of_an_episode_are_different_and_of_one_group_and_no_sample_stands_twice(seed):
    table = make_table(persons=2, takes=4, labels=5)
    rows = WayDrawer(table, SHAPE, queries=1).draw(1, generator=seeded(seed))
    assert rows.shape == (3, 3) and len(rows.unique()) == 9
    assert set(table.person[rows].flatten().tolist()) == {1}
    classes = table.label[rows]
    assert (classes == classes[:, :1]).all() and len(classes[:, 0].unique()) == 3


def test_every_class_comes_into_every_place():
    """Else a model could know a class by its place. A class that can take 3 of 3 places misses one
    in 100 episodes of 3 of 5 classes with probability (4/5)^100.
    """
    table = make_table(persons=1, takes=3, labels=5)
    drawer, generator = WayDrawer(table, SHAPE, queries=1), seeded()
    drawn = [table.label[drawer.draw(0, generator=generator)[:, 0]] for _ in range(100)]
    for place in torch.stack(drawn).unbind(1):
        assert set(place.tolist()) == set(range(5))


def test_a_group_without_classes_enough_is_left_out_and_none_left_is_refused():
    table = make_table(persons=2, takes=3, labels=5)
    few = table.select((table.person == 1) | (table.label < 2))
    assert set(WayDrawer(few, SHAPE, queries=1).groups) == {1}
    with pytest.raises(DataError, match="5-way 3-shot episodes need 5 classes of 4 samples"):
        WayDrawer(table, Ways(ways=5, shots=3), queries=1)
    with pytest.raises(DataError, match="the most that a group here has is 5"):
        WayDrawer(table, Ways(ways=6, shots=2), queries=1)


def test_a_table_of_episodes_holds_the_samples_under_names_that_say_nothing_of_them():
    table = make_table(persons=2, takes=3, labels=5)
    found = way_table(table, SHAPE, queries=1, episodes=5, generator=seeded())
    again = way_table(table, SHAPE, queries=1, episodes=5, generator=seeded())
    assert found.labels == ("1", "2", "3") and len(found) == 5 * 3 * 3
    # groups in turn, and no two of one name
    assert [name[:8] for name in found.persons] == [*2 * ("toy/p00/", "toy/p01/"), "toy/p00/"]
    assert len(set(found.persons)) == 5
    torch.testing.assert_close(found.features, again.features)
    known = {sample.numpy().tobytes(): row for row, sample in enumerate(table.features)}
    rows = torch.tensor([known[sample.numpy().tobytes()] for sample in found.features])
    for episode in range(5):
        own = rows[found.person == episode].view(3, 3)
        assert (table.label[own] == table.label[own][:, :1]).all()
        assert (table.person[own] == episode % 2).all()


def test_a_class_is_turned_as_a_whole_by_right_angles():
    pictures = torch.rand(6, 4, 4, generator=seeded())
    rows = torch.arange(6).view(3, 2).repeat(20, 1)
    turned = QuarterTurns()({"original": pictures}, rows, generator=seeded(1))
    seen = set()
    for own, found in zip(rows, turned, strict=True):
        quarters = [
            turns for turns in range(4) if torch.equal(found, pictures[own].rot90(turns, (1, 2)))
        ]
        assert len(quarters) == 1
        seen.update(quarters)
    assert seen == {0, 1, 2, 3}  # but with probability 4 (3/4)^60
