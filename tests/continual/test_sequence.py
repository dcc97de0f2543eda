"""Who is asked about what, and which sequences are none."""

from dataclasses import replace

import pytest
import torch

from tests.continual.conftest import TASKS, make_sequence, pictures
from tests.toys import seeded
from vop_core.continual.sequence import TaskSequence, divided
from vop_core.errors import DataError


def test_what_adapts_is_never_asked_about():
    table = pictures(3, 5, seed=3)
    table = replace(table, take=torch.arange(len(table)))
    own, asked = divided(table, TASKS, generator=seeded(0))
    assert not set(own.take.tolist()) & set(asked.take.tolist())
    assert len(own) + len(asked) == len(table)
    for labels in TASKS:
        for person in range(3):
            counts = [
                int((torch.isin(part.label, torch.tensor(labels)) & (part.person == person)).sum())
                for part in (own, asked)
            ]
            assert counts == [5, 5]


def test_everybody_has_their_own_samples_and_in_the_control_the_next_ones(sequence):
    (right,), (wrong,) = (list(sequence.batches(1, wrong=each)) for each in (False, True))
    torch.testing.assert_close(wrong.own, right.own.roll(-1, 0))
    torch.testing.assert_close(wrong.asked, right.asked)
    own = sequence.of_task(sequence.own, 1)
    torch.testing.assert_close(right.own[2], own.features[own.person == 2])


def test_users_of_unequal_numbers_are_all_asked_about_all_they_have():
    whole = make_sequence()
    keep = ~((whole.own.person == 0) & (torch.arange(len(whole.own)) % 3 == 0))
    fewer = whole.asked.select((whole.asked.person != 1) | (whole.asked.label != 0))
    uneven = replace(whole, own=whole.own.select(keep), asked=fewer)
    for task in range(len(TASKS)):
        batches = list(uneven.batches(task))
        assert sorted(torch.cat([each.users for each in batches]).tolist()) == [0, 1, 2]
        of_task = uneven.of_task(fewer, task)
        for each in batches:
            counts = torch.bincount(of_task.person, minlength=3)[each.users]
            torch.testing.assert_close(each.present.sum(1), counts)


def test_a_user_without_samples_of_a_task_is_left_out_of_it_and_named():
    whole = make_sequence()
    gone = whole.own.select((whole.own.person != 1) | (whole.own.label > 1))
    fewer = replace(whole, own=gone)
    assert fewer.able(0) == [0, 2]
    assert fewer.able(1) == [0, 1, 2]
    (said,) = fewer.remarks
    assert said.startswith("1 user(s) of toy have no samples of task 1 (class 0 or class 1)")


def test_a_task_that_nobody_can_adapt_to_is_refused():
    whole = make_sequence()
    empty = replace(whole, own=whole.own.select(whole.own.label > 1))
    with pytest.raises(DataError, match="No user has samples of task 1"):
        list(empty.batches(0))


def test_a_control_needs_somebody_else():
    alone = make_sequence(users=1)
    with pytest.raises(DataError, match="Nobody else has samples of task 2"):
        list(alone.batches(1, wrong=True))


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        (((0,), (1, 2)), "Task 1 has one class, 'class 0'"),
        (((0, 1), (1, 2)), "A class stands in two tasks"),
    ],
)
def test_tasks_that_are_none_are_refused(sequence, tasks, said):
    with pytest.raises(DataError, match=said):
        replace(sequence, tasks=tasks)


def test_a_class_without_a_sample_on_the_server_is_refused(sequence):
    server = sequence.server.select(sequence.server.label != 3)
    with pytest.raises(DataError, match="The server has no sample of some class of task 2"):
        TaskSequence("toy", "none", TASKS, server, sequence.own, sequence.asked)
