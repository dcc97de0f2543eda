"""Persons with few clips: asked where a clip remains, counted where none does, and no control."""

import pytest
import torch

from tests.toys import make_table
from vop_core.bench.measure import Scene
from vop_core.data.features import FeatureTable
from vop_core.errors import EvaluationError
from vop_core.evaluation.plan import short_of_clips
from vop_core.evaluation.score import Scoring
from vop_core.tasks.registry import TASKS

SCORING = Scoring.everywhere((1, 3, 5), repetitions=1)


def of_sizes(*sizes: int) -> FeatureTable:
    """Persons with so many clips each."""
    table = make_table(len(sizes), 4)
    rows = [(table.person == person).nonzero()[:size, 0] for person, size in enumerate(sizes)]
    return table.select(torch.cat(rows))


def scene(*sizes: int) -> Scene:
    return Scene.of_table(TASKS["keywords-ar"], of_sizes(*sizes), (), SCORING)


def test_everybody_is_asked_about_all_clips_that_do_not_enroll():
    sizes = (1, 2, 4, 5, 9, 12)
    planned = scene(*sizes).planned
    asked = {(episode.person, episode.shots): len(episode.query) for episode in planned}
    assert asked == {
        (person, shots): size - shots
        for person, size in enumerate(sizes)
        for shots in SCORING.shots
        if size > shots
    }


def test_nobody_stands_in_for_another_with_fewer_clips_than_enroll():
    peers = {(each.person, each.shots): each.peers for each in scene(1, 3, 5, 9).planned}
    assert peers == {
        (1, 1): (0, 2, 3),
        (2, 1): (0, 1, 3),
        (2, 3): (1, 3),
        (3, 1): (0, 1, 2),
        (3, 3): (1, 2),
        (3, 5): (2,),
    }


def test_where_nobody_else_has_clips_enough_those_who_have_fewer_stand_in():
    (episode,) = [each for each in scene(2, 3, 9).planned if each.shots == 5]
    assert episode.peers == (0, 1)


def test_a_set_whose_persons_have_one_clip_each_is_refused_in_one_sentence():
    says = r"^Everybody has too few clips for 1 enrollment clip\(s\) and one to ask about; [^.]*\.$"
    with pytest.raises(EvaluationError, match=says):
        scene(1, 1, 1)


def test_who_is_not_asked_is_counted_for_every_number_of_clips_and_named_once():
    clips = {"anna": 1, "ben": 3, "cai": 5, "dora": 9}
    assert short_of_clips(clips, (1, 3, 5)) == (
        "Of 4 persons, some have no clip left to ask about: "
        "1 after 1 enrolled (anna); 2 after 3 enrolled (ben); 3 after 5 enrolled (cai)."
    )
    many = short_of_clips({f"p{person}": 1 for person in range(9)}, (1, 20))
    assert many.endswith(": 9 after 1 enrolled (p0, p1, p2, p3, p4 and 4 more).")
    assert short_of_clips(clips, (0,)) is None
