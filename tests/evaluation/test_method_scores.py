"""The bench's rows, on a method whose right answers are known."""

import json
from dataclasses import replace

import pytest
import torch

from vop_core.data.episodes import draw_episodes
from vop_core.errors import EvaluationError
from vop_core.evaluation.method_scores import (
    DRAWN,
    MIX,
    NOISED,
    OWN,
    WRONG,
    Asking,
    MethodScoring,
    right_clips,
    score_method,
)
from vop_core.evaluation.protocol import EvaluationClips, plan

PERSONS, WORDS, TAKES = 5, 4, 3
NAMES = tuple(f"toy/{index}" for index in range(PERSONS))
SCORING = MethodScoring(shots=(1, 2), main_shots=2, repetitions=2, draws=3, draw_shots=(2,), wrong_persons=2)


class ShiftMethod:
    """A clip is its word plus its person's shift; own clips tell the shift, and only then the words are right."""

    labels_seen = None

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
    clips = EvaluationClips(features, label, person, NAMES, torch.full_like(features, -5000.0) if noise else None)
    generator = torch.Generator().manual_seed(0)
    episodes = [
        episode
        for shots in SCORING.shots
        for _ in range(SCORING.repetitions_at(shots))
        for episode in draw_episodes(person, label, persons=range(PERSONS), shots=shots, generator=generator)
    ]
    return clips, take % 2 == 0, plan(clips, episodes, trained_persons=(NAMES[4],), lonely_peers=True)


def run(method=None, unknown=None, **asking):
    clips, even, planned = scene()
    return score_method(method or ShiftMethod(), Asking(**asking), clips, even, planned, unknown, SCORING)


def of(scores, row, shots=2, set_name="open"):
    return [score for score in scores if (score.row, score.shots, score.set) == (row, shots, set_name)]


def test_own_clips_are_right_and_every_control_is_wrong():
    scores = run()
    assert {score.accuracy for score in of(scores, OWN)} == {1.0}
    for row in (MIX, WRONG, NOISED):
        assert of(scores, row)
        assert max(score.accuracy for score in of(scores, row)) < 0.5


def test_controls_are_run_at_the_main_shots_for_both_sets_and_the_rest_for_unknown_persons():
    scores = run(posterior=True)
    assert not of(scores, WRONG, shots=1) and not of(scores, MIX, shots=1)
    assert of(scores, WRONG, set_name="closed"), (
        "a person who is alone in the closed set has the open ones for controls"
    )
    assert len(of(scores, OWN)) == 4 * SCORING.repetitions
    assert len(of(scores, OWN, shots=1)) == 4
    assert len(of(scores, DRAWN)) == 4 and not of(scores, DRAWN, shots=1)


def test_other_numbers_of_draws_are_rows_of_their_own_at_the_main_shots():
    clips, even, planned = scene()
    scoring = replace(SCORING, further_draws=(1, 30))
    scores = score_method(ShiftMethod(), Asking(posterior=True), clips, even, planned, None, scoring)
    for row in ("1 draw", "30 draws"):
        assert {(score.shots, score.repetition) for score in scores if score.row == row} == {(2, 0)}
        assert len(of(scores, row)) == 4
    none = score_method(ShiftMethod(), Asking(), clips, even, planned, None, scoring)
    assert not [score for score in none if "draw" in score.row]


def test_unknown_words_give_the_rejection_figures_of_one_row():
    unknown = torch.full((30,), -90000.0)  # far from every word: answered with chance confidence
    scores = run(unknown=unknown)
    told = [score for score in scores if score.auroc is not None]
    assert {(s.row, s.shots, s.repetition, s.set) for s in told} == {(OWN, 2, 0, "open")}
    assert all((score.auroc, score.fpr95, score.detection) == (1.0, 0.0, 1.0) for score in told)


def test_labels_are_shown_only_to_methods_that_read_them():
    method = ShiftMethod()
    run(method)
    assert method.labels_seen is None
    run(method, labels=True)
    assert method.labels_seen is not None


def test_a_method_that_reads_no_enrollment_has_no_controls():
    scores = run(personal=False, unknown=torch.zeros(9))
    assert {score.row for score in scores} == {OWN}
    assert any(score.auroc is not None for score in scores)


def test_halves_and_bits_are_the_clips_they_say():
    for score in of(run(), OWN) + of(run(), OWN, set_name="closed"):
        bits = right_clips(score)
        assert len(bits) == score.clips == WORDS * TAKES - 2
        assert bits.mean() == pytest.approx(score.accuracy)
        assert score.accuracy_even == score.accuracy_odd == 1.0
        assert sum(count for count, *_ in score.bins) == score.clips
    with pytest.raises(ValueError, match="keeps no clips"):
        right_clips(of(run(), MIX)[0])


def test_scores_are_plain_json():
    for score in run():
        json.dumps(score.to_json(), allow_nan=False)


def test_the_same_clips_control_every_method():
    first, second = run(), run(ShiftMethod())
    assert [score.to_json() for score in first] == [score.to_json() for score in second]


def test_answers_that_are_no_probabilities_are_refused():
    class Diverged(ShiftMethod):
        def predict_represented(self, *args, **kwargs):
            return super().predict_represented(*args, **kwargs) * torch.nan

    with pytest.raises(EvaluationError, match="no probabilities"):
        run(Diverged())
