"""Person and room apart: cells differ in what they say they differ in, and effects add up."""

import pytest
import torch

from vop_core.course import rooms
from vop_core.course.rooms import CELLS, ELSEWHERE, HERE, OWN, STRANGER
from vop_core.data.environments import heard_in

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setenv("VOP_COURSE_BUDGET", "short")


def test_a_stranger_is_heard_where_the_person_is():
    person, giver = rooms.people()[0], rooms.people()[1]
    for where, place in rooms.environments_of(person).items():
        clips = [heard_in(place, each.load()) for each in giver.enrollment[: rooms.MOST_SHOTS]]
        wanted = rooms.models().features(clips)
        torch.testing.assert_close(rooms.enrollment(STRANGER, where)[0], wanted)
    assert not torch.equal(rooms.enrollment(OWN, HERE), rooms.enrollment(OWN, ELSEWHERE))


def test_who_reads_nothing_has_four_cells_alike():
    found = rooms.cells("global")
    assert len(found) == 4 and all(torch.equal(each, found[CELLS[0]]) for each in found.values())


def test_both_ways_from_corner_to_corner_are_as_long():
    generator = torch.Generator().manual_seed(0)
    parts = rooms.effects({cell: torch.rand(9, generator=generator) for cell in CELLS})
    for person, environment in (
        ("person, same environment", "environment, a stranger's clips"),
        ("person, another environment", "environment, own clips"),
    ):
        torch.testing.assert_close(parts[person] + parts[environment], parts["both"])
    here, there = parts["person, same environment"], parts["person, another environment"]
    torch.testing.assert_close(parts["interaction"], here - there)
