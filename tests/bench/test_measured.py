"""What is found out about a method beside its scores."""

import torch

from vop_core.bench.measure import every_other_clip


def test_every_other_clip_of_a_person_wherever_they_stand_in_the_table():
    person = torch.tensor([1, 0, 1, 1, 0, 2, 1, 0])
    assert every_other_clip(person).tolist() == [True, True, False, True, False, True, False, True]
