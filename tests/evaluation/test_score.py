"""A method's rows, on persons and methods whose right answers are known by construction."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.evaluation import fakes
from vop_core.data.episodes import draw_episodes
from vop_core.errors import EvaluationError
from vop_core.evaluation.comparison import EpisodeKey, Run, ScoreIndex
from vop_core.evaluation.plan import EvaluationClips, plan
from vop_core.evaluation.score import (
    COLUMNS,
    DRAWS,
    MIXED,
    NOISE,
    OWN,
    OWN_ELSEWHERE,
    OWN_SAME_CALL,
    PRIOR,
    WRONG_HERE,
    WRONG_PERSON,
    Scoring,
    score_method,
)

PERSONS, WORDS, TAKES = 5, 4, 3
NAMES = tuple(f"toy/{index}" for index in range(PERSONS))
SCORING = Scoring(
    shots=(1, 2),
    main_shots=2,
    control_shots=(2,),
    repetitions=2,
    draws=3,
    draw_shots=(2,),
    wrong_persons=2,
)


class ShiftMethod:
    """A clip is its word plus its person's shift; own clips tell the shift, and only then the words
    are right.
    """

    labels_seen = None

    def __init__(self, **facts):
        self.facts = fakes.facts_of(**{"posterior": False, "prior": False} | facts)

    def modules(self):
        return ()

    def predict_represented(self, enrollment, query, *, labels=None, draws=0, generator=None):
        self.labels_seen, self.draws = labels, draws
        enrollment = query[:, :1] if enrollment is None else enrollment
        shift = (enrollment // 100).mean(1, keepdim=True)
        word = (query - 100 * shift).round().long()
        known = torch.nn.functional.one_hot(word.clamp(0, WORDS - 1), WORDS) * 0.96 + 0.01
        lost = torch.full_like(known, 1 / WORDS)
        return torch.where(((word >= 0) & (word < WORDS))[..., None], known, lost)


def scene(noise=True):
    person = torch.arange(PERSONS).repeat_interleave(WORDS * TAKES)
    label = torch.arange(WORDS).repeat(PERSONS * TAKES)
    take = torch.arange(TAKES).repeat_interleave(WORDS).repeat(PERSONS)
    features = (100 * person.square() + label).float()  # no square is the mean of two others
    noise_features = torch.full_like(features, -5000.0) if noise else None
    clips = EvaluationClips(features, label, person, NAMES, noise_features, take % 2 == 0)
    generator = torch.Generator().manual_seed(0)
    episodes = [
        episode
        for shots in SCORING.shots
        for _ in range(SCORING.repetitions_at(shots))
        for episode in draw_episodes(
            person, label, persons=range(PERSONS), shots=shots, generator=generator
        )
    ]
    return clips, plan(clips, episodes, trained_persons=(NAMES[4],))


def run(method=None, scoring=SCORING, **more):
    clips, planned = scene()
    return score_method(method or ShiftMethod(), clips, planned, scoring, **more)


def index_of(scores):
    return ScoreIndex.of([Run(0, 0, scores)])


def of(scores, row, shots=2, set_name="open", metric="accuracy"):
    """By episode."""
    return index_of(scores).values(row, set_name, shots, metric)


def test_controls_are_run_at_their_shots_for_both_sets_and_the_rest_for_unknown_persons():
    scores = run(ShiftMethod(posterior=True))
    assert tuple(scores.columns) == COLUMNS
    assert not of(scores, WRONG_PERSON, shots=1) and not of(scores, MIXED, shots=1)
    assert of(scores, WRONG_PERSON, set_name="closed"), (
        "a person who is alone in the closed set has the open ones for controls"
    )
    assert len(of(scores, OWN)) == 4 * SCORING.repetitions
    assert len(of(scores, OWN, shots=1)) == 4
    assert len(of(scores, DRAWS)) == 4 and not of(scores, DRAWS, shots=1)


def test_other_numbers_of_draws_are_rows_of_their_own_at_the_main_shots():
    scoring = replace(SCORING, further_draws=(1, 30))
    scores = run(ShiftMethod(posterior=True), scoring)
    for row in ("1 draw", "30 draws"):
        found = scores[scores["row"] == row]
        assert set(zip(found["shots"], found["repetition"], strict=True)) == {(2, 0)}
        assert len(of(scores, row)) == 4
    assert not [row for row in run(scoring=scoring)["row"] if "draw" in row]


def test_unknown_words_give_the_rejection_figures_of_one_row():
    unknown = torch.full((30,), -90000.0)  # far from every word: answered with chance confidence
    scores = run(unknown=unknown)
    told = scores[scores["metric"] == "auroc"]
    assert set(zip(told["row"], told["shots"], told["repetition"], told["set"], strict=True)) == {
        (OWN, 2, 0, "open")
    }
    for metric, value in (("auroc", 1.0), ("fpr95", 0.0), ("detection", 1.0)):
        assert set(of(scores, OWN, metric=metric).values()) == {value}


def test_labels_are_shown_only_to_methods_that_read_them():
    for reads in (False, True):
        method = ShiftMethod(labels=reads)
        run(method)
        assert (method.labels_seen is not None) is reads


def test_a_method_that_reads_no_enrollment_has_no_controls():
    scores = run(ShiftMethod(personal=False), unknown=torch.zeros(9))
    assert set(scores["row"]) == {OWN}
    assert "auroc" in set(scores["metric"])


def test_the_parts_of_a_value_are_its_queries_and_its_bins():
    scores = index_of(run())
    for set_name in ("open", "closed"):
        for episode, right in scores.parts(OWN, set_name, 2).items():
            assert episode.repetition == 0 and len(right) == WORDS * TAKES - 2
            assert right.mean() == pytest.approx(scores.values(OWN, set_name, 2)[episode])
        for half in ("accuracy_even", "accuracy_odd"):
            assert set(scores.values(OWN, set_name, 2, half).values()) == {1.0}
        clips = sum(bins.count.sum() for bins in scores.reliability(OWN, set_name, 2).values())
        assert clips == len(scores.values(OWN, set_name, 2)) * (WORDS * TAKES - 2)
    assert not scores.parts(MIXED, "open", 2) and not scores.parts(OWN, "open", 1)


def test_another_task_has_its_own_metrics():
    """A verification head has one similarity a query, and nothing that is calibrated."""
    scores = run(metrics=lambda answers, labels: {"similarity": answers[:, 0]})
    assert set(scores["metric"]) == {"similarity", "fallbacks"}


def test_the_same_clips_control_every_method():
    assert run().equals(run(ShiftMethod()))


# Persons with an accent: whoever does not know it answers with the wrong label

ACCENTS = (1, 2, 3, 4, 5, 6)  # all different, none 0: nobody's accent helps anybody else
ALL = Scoring.everywhere((3,), repetitions=1)


def score(voices, episodes, method, scoring=ALL, trained=(), **more):
    planned = plan(voices, episodes, trained)
    return index_of(score_method(method, voices, planned, scoring, **more))


def accuracies(scores, shots=3, set_name="open"):
    return {
        row: float(np.mean(list(scores.person_values(row, set_name, shots).values())))
        for row in scores.rows("open", shots)
    }


def test_a_personal_gain_appears_with_the_right_person_and_vanishes_in_every_control():
    voices = fakes.voices(ACCENTS)
    found = accuracies(score(voices, fakes.episodes(voices), fakes.Personalizing()))
    assert found.keys() == {OWN, DRAWS, PRIOR, MIXED, WRONG_PERSON, NOISE}
    assert found[OWN] == found[DRAWS] == 1
    assert found[PRIOR] == found[WRONG_PERSON] == found[NOISE] == 0
    # with 3 different others, the rounded mean of their accents is right for at most some persons
    # by chance
    assert found[MIXED] < 0.5


def test_a_method_that_only_regularizes_is_as_good_with_every_control():
    voices = fakes.voices((1,) * 6)
    found = accuracies(score(voices, fakes.episodes(voices), fakes.Fixed(accent=1)))
    assert set(found.values()) == {1.0}


def test_nll_and_calibration_are_those_of_the_known_probabilities():
    voices = fakes.voices(ACCENTS)
    wrong = (1 - fakes.CONFIDENCE) / (fakes.LABELS - 1)
    for method, probability in (
        (fakes.Personalizing(), fakes.CONFIDENCE),
        (fakes.Global(), wrong),
    ):
        scores = score(voices, fakes.episodes(voices), method)
        error = abs(fakes.CONFIDENCE - (probability == fakes.CONFIDENCE))
        for value in scores.person_values(OWN, "open", 3, "nll").values():
            assert value == pytest.approx(-math.log(probability), rel=1e-6)
        for value in scores.person_values(OWN, "open", 3, "ece").values():
            assert value == pytest.approx(error, rel=1e-6)


def test_wrong_person_is_the_average_over_all_others():
    """Two of five others share the accent of the first three persons, nobody that of the rest."""
    voices = fakes.voices((1, 1, 1, 2, 3, 4))
    scores = score(voices, fakes.episodes(voices), fakes.Personalizing())
    assert list(scores.person_values(WRONG_PERSON, "open", 3).values()) == pytest.approx(
        [2 / 5] * 3 + [0] * 3
    )


def test_other_data_sets_and_the_other_set_are_no_wrong_persons():
    """Persons 0 and 1 are open, 2 and 3 closed, 4 and 5 of another data set: each has one peer."""
    voices = fakes.voices((1, 1, 1, 2, 1, 3))
    names = (*voices.persons[:4], "other/p04", "other/p05")
    voices = replace(voices, persons=names)
    scores = score(voices, fakes.episodes(voices), fakes.Personalizing(), trained=names[2:4])
    known = {"fake/p00": 1, "fake/p01": 1, "other/p04": 0, "other/p05": 0}
    assert scores.person_values(WRONG_PERSON, "open", 3) == known
    assert scores.person_values(WRONG_PERSON, "closed", 3) == {"fake/p02": 0, "fake/p03": 0}


def test_persons_of_different_size_answer_as_they_do_alone():
    """Padding in a batch must not reach the scores: with others of the same size each person has
    the same entries.
    """
    voices = fakes.voices(ACCENTS, clips=[21, 9, 14, 5, 17, 11])
    episodes = fakes.episodes(voices)
    together = score(voices, episodes, fakes.Harming())
    for episode in episodes:
        alone, name = score(voices, [episode], fakes.Harming()), voices.persons[episode.person]
        for cell, values in alone.cells.items():
            assert values == {
                EpisodeKey(name, 0, 0, 0): together.cells[cell][EpisodeKey(name, 0, 0, 0)]
            }, cell


def test_the_order_of_episodes_does_not_matter():
    voices = fakes.voices((0, 1, 1, 2, 3, 4), clips=[21, 9, 14, 9, 17, 11])
    episodes = fakes.episodes(voices, shots=(1, 3))
    scoring = Scoring.everywhere((1, 3), repetitions=1)
    forward, backward = (
        score(voices, each, fakes.Drawn(), scoring) for each in (episodes, episodes[::-1])
    )
    assert forward.cells == backward.cells


@pytest.mark.parametrize("chunk", [1, 4, 7, 1000])
def test_batches_stay_bounded_and_do_not_change_the_scores(chunk):
    voices = fakes.voices(ACCENTS, clips=[21, 9, 14, 5, 17, 11])
    episodes, scoring = fakes.episodes(voices), replace(ALL, draws=3)
    method = fakes.Personalizing()
    small = score(voices, episodes, method, replace(scoring, chunk_clips=chunk))
    # a single query with three draws cannot be split further
    assert method.largest <= max(chunk, 3)
    assert small.cells == score(voices, episodes, fakes.Personalizing(), scoring).cells


def test_a_lonely_person_has_no_control_by_others():
    voices = replace(fakes.voices((3,)), noise_features=None)
    scores = score(voices, fakes.episodes(voices), fakes.Personalizing())
    assert set(accuracies(scores)) == {OWN, DRAWS, PRIOR}


def test_progress_reaches_its_end():
    voices, seen = fakes.voices(ACCENTS), []
    score(
        voices,
        fakes.episodes(voices),
        fakes.Fixed(),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1][0] == seen[-1][1] > 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda answers: answers * torch.nan, "no probabilities"),
        (lambda answers: answers[..., :2], "knows 2 labels, but is asked about label 3"),
    ],
    ids=["no numbers", "fewer labels"],
)
def test_answers_that_cannot_be_judged_are_refused(spoil, says):
    class Spoiled(ShiftMethod):
        def predict_represented(self, *args, **kwargs):
            return spoil(super().predict_represented(*args, **kwargs))

    with pytest.raises(EvaluationError, match=says):
        run(Spoiled())


def test_a_network_in_training_mode_is_refused():
    class Network(torch.nn.Module):
        facts = fakes.facts_of()

        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(3)

        def predict_represented(self, enrollment, query, *, labels=None, draws=0, generator=None):
            raise AssertionError("must not be asked")

    voices = fakes.voices(ACCENTS)
    with pytest.raises(ValueError, match="training mode"):
        score(voices, fakes.episodes(voices), Network())


@pytest.mark.parametrize("reads", ["place", "person"])
def test_person_and_environment_are_told_apart(reads):
    """A method that reads only the place is right with anybody's clips heard there and lost with
    the person's own heard elsewhere; one that reads only the person, the other way round.
    """
    clips, planned = scene(noise=False)
    count = len(NAMES)
    visitors = tuple((person - 2) % count for person in range(count))
    owner = (clips.person_index + 2) % count
    heard = owner if reads == "place" else clips.person_index
    swapped = (100 * heard.square() + clips.labels).float()
    scores = score_method(
        ShiftMethod(), replace(clips, swapped=swapped, visitors=visitors), planned, SCORING
    )
    found = {row: set(of(scores, row).values()) for row in (OWN, OWN_ELSEWHERE, WRONG_HERE)}
    right = {1.0}
    assert found[OWN] == right
    assert max(of(scores, WRONG_PERSON).values()) < 0.5
    if reads == "place":
        assert found[WRONG_HERE] == right and max(found[OWN_ELSEWHERE]) < 0.5
    else:
        assert found[OWN_ELSEWHERE] == right and max(found[WRONG_HERE]) < 0.5
    assert not {OWN_ELSEWHERE, WRONG_HERE} & set(run()["row"]), "only where places are swapped"


def test_what_the_same_call_would_have_enrolled_is_a_row_beside_the_own_one():
    """Here it is somebody else's clips: right with the own ones, lost with these, or the other way
    round, on the same queries.
    """
    clips, planned = scene(noise=False)
    foreign = {
        (e.shots, e.repetition): next(
            o for o in planned if (o.shots, o.repetition, o.person) == (e.shots, e.repetition, 4)
        ).enrollment
        for e in planned
    }
    told = [replace(e, same_call=foreign[e.shots, e.repetition]) for e in planned if e.person != 4]
    changed = [replace(e, enrollment=e.same_call, same_call=e.enrollment) for e in told]
    for episodes, right, lost in ((told, OWN, OWN_SAME_CALL), (changed, OWN_SAME_CALL, OWN)):
        scores = score_method(ShiftMethod(), clips, episodes, SCORING)
        for shots in SCORING.shots:
            assert set(of(scores, right, shots=shots).values()) == {1.0}
            assert max(of(scores, lost, shots=shots).values()) < 0.5
            assert of(scores, OWN, shots=shots).keys() == of(scores, OWN_SAME_CALL, shots).keys()
        found = index_of(scores)
        clip_by_clip = [found.parts(row, "open", 2) for row in (right, lost)]
        assert clip_by_clip[0].keys() == clip_by_clip[1].keys() != set(), "who is harmed is asked"
    assert OWN_SAME_CALL not in set(run()["row"]), "only across calls"
