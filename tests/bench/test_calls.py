"""Enroll in one call, ask in another: nothing of the asked call enrolls, and the same queries are
asked beside it with clips of that call.
"""

from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import pytest
import torch

from tests.toys import make_table
from vop_core.bench import suites
from vop_core.bench.calls import calls_remarks, clips_across, clips_across_calls
from vop_core.bench.measure import Scene
from vop_core.data.features import FeatureTable
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import Fold, PersonDataset
from vop_core.errors import EvaluationError
from vop_core.evaluation.score import Scoring
from vop_core.tasks.registry import TASKS

ACROSS = next(each for each in suites.CONDITIONS if each.across_calls)
SCORING = Scoring.everywhere((1, 3, 5), repetitions=4, condition=ACROSS)
CALLS = ((9, 7), (6, 2, 4), (12,), (3, 3), (1, 1))  # clips of each person's calls


def of_calls(*calls: tuple[int, ...]) -> FeatureTable:
    """Persons with calls of so many clips each; in every call the same words in turn."""
    table = make_table(len(calls), max(map(sum, calls)))
    rows, numbers = [], []
    for person, sizes in enumerate(calls):
        rows.append((table.person == person).nonzero()[: sum(sizes), 0])
        numbers += [call for call, size in enumerate(sizes) for _ in range(size)]
    return replace(table.select(torch.cat(rows)), call=torch.tensor(numbers))


def scene(table: FeatureTable) -> Scene:
    return Scene.of_table(TASKS["keywords-ar"], table, (), SCORING)


def test_enrollment_and_queries_never_come_from_one_call():
    table = of_calls(*CALLS)
    for episode in scene(table).planned:
        across, same, asked = (
            {(int(table.person[clip]), int(table.call[clip])) for clip in clips}
            for clips in (episode.enrollment, episode.same_call, episode.query)
        )
        assert len(across) == len(same) == len(asked) == 1, "one call each"
        assert same == asked != across
        assert {person for person, _ in (*across, *asked)} == {episode.person}
        assert not set(episode.same_call.tolist()) & set(episode.query.tolist())
        assert len(episode.enrollment) == len(episode.same_call) == episode.shots


def test_the_other_call_enrolls_the_same_words_where_it_has_them():
    table = of_calls((18, 18), (18, 18))  # every word six times in a call
    for episode in scene(table).planned:
        words = (table.label[clips].tolist() for clips in (episode.enrollment, episode.same_call))
        assert len(set(map(tuple, words))) == 1


def test_whoever_has_two_calls_with_clips_enough_is_asked_and_nobody_else():
    asked = {(episode.person, episode.shots) for episode in scene(of_calls(*CALLS)).planned}
    assert asked == {
        (person, shots)
        for person, sizes in enumerate(CALLS)
        for shots in SCORING.shots
        if any(one > shots and other >= shots for one, other in permutations(sizes, 2))
    }
    for sizes in product(range(1, 7), repeat=3):
        most = max(min(one - 1, other) for one, other in permutations(sizes, 2))
        assert clips_across(sizes) == most + 1
    assert clips_across([7]) == 0


def test_every_pair_of_calls_comes_up():
    table = of_calls((9, 9, 9))
    scoring = replace(SCORING, shots=(1,), control_shots=(1,), main_shots=1, repetitions=60)
    planned = Scene.of_table(TASKS["keywords-ar"], table, (), scoring).planned
    pairs = {(int(table.call[e.enrollment[0]]), int(table.call[e.query[0]])) for e in planned}
    # one of six is missed by 60 draws with a chance of 6 (5/6)^60 = 1e-4
    assert pairs == set(permutations(range(3), 2))


def test_a_table_that_knows_no_calls_is_refused_in_one_sentence():
    with pytest.raises(EvaluationError, match=r"^Nobody can be asked across calls: [^.]*\.$"):
        scene(make_table(3, 6))


def heard(**calls: str) -> PersonDataset:
    """Persons with a clip a letter, which names the call; a dot for none."""
    records = [
        ClipRecord(Path(f"{name}{take}"), name, "yes", take, {"session": call.strip(".")})
        for name, letters in calls.items()
        for take, call in enumerate(letters)
    ]
    return PersonDataset("toy", Path(), tuple(records))


def test_who_called_once_is_counted_and_said():
    dataset = heard(anna="aaabb", ben="aaaa", cai="ab", dora="aabb", eve="aa")
    folds = (Fold((), ("anna", "ben")), Fold((), ("cai", "eve")))
    assert clips_across_calls(dataset) == {"anna": 3, "ben": 0, "cai": 1, "dora": 2, "eve": 0}
    assert list(calls_remarks(dataset, folds, (1, 2))) == [
        "2 of 4 person(s) of toy called once, and are not asked across calls.",
        "Across calls: Of 2 persons, some have no clip left to ask about: 1 after 1 enrolled "
        "(cai).",
        "Fold(s) 1 of toy have nobody to ask across calls.",
    ]
    unsaid = heard(anna="aabb", ben="aa.")
    assert clips_across_calls(unsaid) == {}
    assert list(calls_remarks(unsaid, folds, (1,))) == [
        "toy does not say which call a clip is from: none is asked across calls."
    ]


def test_only_folds_with_somebody_to_ask_are_asked_across_calls(tmp_path, first_settings):
    """Of eight persons two called twice; a set that knows no calls is asked otherwise, and says
    so.
    """
    for name, twice in (("some", 2), ("none", 0)):
        rows = ["path,person,label,take,session"]
        for person, clip in product(range(8), range(8)):
            call = clip % (2 if person < twice else 1) if twice else ""
            path = tmp_path / name / f"p{person}" / f"{clip}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {person} {clip}")
            rows.append(f"{path.relative_to(tmp_path / name)},p{person},w{clip % 2},{clip},{call}")
        (tmp_path / name / "metadata.csv").write_text("\n".join(rows) + "\n", "utf-8")
    for name, twice in (("some", {"some/p0", "some/p1"}), ("none", set())):
        work = suites.suite_jobs(
            "conditions", datasets=[str(tmp_path / name)], methods=["adabn"], seeds=[0]
        )
        across = [job for job in work if job.config.scoring.condition == ACROSS]
        folds = {job.fold: set(job.persons.test) for job in work}
        assert {job.fold for job in across} == {fold for fold in folds if folds[fold] & twice}
        assert all(job.contenders[0].variant == "adabn, across calls" for job in across)
        assert len(work) - len(across) == suites.FOLDS * (len(suites.CONDITIONS) - 1)
        said = {remark for job in work for remark in job.remarks}
        words = "6 of 8 person(s) of some called once" if twice else "none does not say which call"
        assert any(remark.startswith(words) for remark in said)
