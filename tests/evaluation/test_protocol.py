"""What the protocol must find, on persons whose personal gain is known by construction."""

import math

import numpy as np
import pytest
import torch

from vop_core.errors import EvaluationError, LeakageError
from vop_core.evaluation.controls import WordIndex, enrollment_from, generator_for, mixed_enrollment
from vop_core.evaluation.protocol import (
    DRAWS,
    GLOBAL,
    MIXED,
    NOISE,
    ROWS,
    VOP,
    WRONG_PERSON,
    ZERO,
    EvaluationClips,
    ProtocolConfig,
    evaluate,
)

ACCENTS = (1, 2, 3, 4, 5, 6)  # all different, none 0: nobody's accent helps anybody else


def run(voices, episodes, vop, *, global_model, trained=(), config=None, seed=0, **further):
    return evaluate(
        EvaluationClips(**voices.arguments()),
        episodes,
        global_model=global_model,
        vop=vop,
        trained_persons=trained,
        config=config,
        generator=torch.Generator().manual_seed(seed),
        **further,
    )


def accuracies(table, shots=3, set_name="open"):
    return {row: float(np.mean(list(table.person_values(row, set_name, shots).values()))) for row, *_ in table.cells}


def test_a_personal_gain_appears_with_the_right_person_and_vanishes_in_every_control(fakes):
    voices = fakes.voices(ACCENTS)
    table = run(voices, fakes.episodes(voices), fakes.personalizing(), global_model=fakes.fixed())
    found = accuracies(table)
    assert set(found) == set(ROWS)
    assert found[VOP] == found[DRAWS] == 1
    assert found[GLOBAL] == found[ZERO] == found[WRONG_PERSON] == found[NOISE] == 0
    # with 3 different others, the rounded mean of their accents is right for at most some persons by chance
    assert found[MIXED] < 0.5


def test_a_method_that_only_regularizes_shows_no_personal_gain(fakes):
    """Better than global for everybody, whoever enrolls: every control is as good."""
    voices = fakes.voices((1,) * 6)
    table = run(voices, fakes.episodes(voices), fakes.fixed(accent=1), global_model=fakes.fixed())
    found = accuracies(table)
    assert found[GLOBAL] == 0
    assert {found[row] for row in ROWS if row != GLOBAL} == {1.0}


def test_nll_and_brier_are_those_of_the_known_probabilities(fakes):
    voices = fakes.voices(ACCENTS)
    table = run(voices, fakes.episodes(voices), fakes.personalizing(), global_model=fakes.fixed())
    wrong = (1 - fakes.confidence) / (fakes.labels - 1)
    for row, probability in ((VOP, fakes.confidence), (GLOBAL, wrong)):
        for value in table.person_values(row, "open", 3, "nll").values():
            assert value == pytest.approx(-math.log(probability), rel=1e-6)
    for error in table.person_calibration_errors(VOP, "open", 3).values():
        assert error == pytest.approx(1 - fakes.confidence, rel=1e-6)
    for error in table.person_calibration_errors(GLOBAL, "open", 3).values():
        assert error == pytest.approx(fakes.confidence, rel=1e-6)


def test_wrong_person_is_the_average_over_all_others(fakes):
    """Two of five others share the accent of the first three persons, nobody that of the rest."""
    voices = fakes.voices((1, 1, 1, 2, 3, 4))
    table = run(voices, fakes.episodes(voices), fakes.personalizing(), global_model=fakes.fixed())
    values = list(table.person_values(WRONG_PERSON, "open", 3).values())
    assert values == pytest.approx([2 / 5] * 3 + [0] * 3)
    assert {score.enrollments for score in table.of(WRONG_PERSON, "open", 3)} == {5}


def test_other_data_sets_and_the_other_set_are_no_wrong_persons(fakes):
    """Persons 0 and 1 are open, 2 and 3 closed, 4 and 5 of another data set: each has one peer."""
    voices = fakes.voices((1, 1, 1, 2, 1, 3))
    names = (*voices.persons[:4], "other/p04", "other/p05")
    voices = fakes.replace(voices, persons=names)
    table = run(
        voices,
        fakes.episodes(voices),
        fakes.personalizing(),
        global_model=fakes.fixed(),
        trained=names[2:4],
    )
    assert {score.enrollments for score in table.scores} == {1}
    assert table.person_values(WRONG_PERSON, "open", 3) == {
        "fake/p00": 1,
        "fake/p01": 1,
        "other/p04": 0,
        "other/p05": 0,
    }
    assert table.person_values(WRONG_PERSON, "closed", 3) == {"fake/p02": 0, "fake/p03": 0}


def test_persons_of_different_size_answer_as_they_do_alone(fakes):
    """Padding in a batch must not reach the scores: each person alone gives the same entries."""
    voices = fakes.voices(ACCENTS, clips=[21, 9, 14, 5, 17, 11])
    episodes = fakes.episodes(voices)
    together = run(voices, episodes, fakes.harming(), global_model=fakes.fixed())
    for episode in episodes:
        alone = run(voices, [episode], fakes.harming(), global_model=fakes.fixed())
        name = voices.persons[episode.person]
        for row in ROWS:
            [first] = [score for score in together.of(row, "open", 3) if score.person == name]
            [second] = alone.of(row, "open", 3)
            np.testing.assert_array_equal(first.clips, second.clips)
            np.testing.assert_array_equal(first.correct, second.correct)
            np.testing.assert_array_equal(first.nll, second.nll)
            np.testing.assert_array_equal(first.reliability.count, second.reliability.count)


def test_the_order_of_episodes_does_not_matter(fakes):
    voices = fakes.voices((0, 1, 1, 2, 3, 4), clips=[21, 9, 14, 9, 17, 11])
    episodes = fakes.episodes(voices, shots=(1, 3))
    forward = run(voices, episodes, fakes.drawn(), global_model=fakes.fixed())
    backward = run(voices, episodes[::-1], fakes.drawn(), global_model=fakes.fixed())
    assert len(forward.scores) == len(backward.scores)
    for first, second in zip(forward.scores, backward.scores, strict=True):
        assert (first.cell, first.person) == (second.cell, second.person)
        np.testing.assert_array_equal(first.correct, second.correct)


@pytest.mark.parametrize("chunk", [1, 4, 7, 1000])
def test_batches_stay_bounded_and_do_not_change_the_scores(fakes, chunk):
    voices = fakes.voices(ACCENTS, clips=[21, 9, 14, 5, 17, 11])
    episodes = fakes.episodes(voices)
    vop, reference = fakes.personalizing(), fakes.personalizing()
    small = run(voices, episodes, vop, global_model=fakes.fixed(), config=ProtocolConfig(chunk_clips=chunk, draws=3))
    large = run(voices, episodes, reference, global_model=fakes.fixed(), config=ProtocolConfig(draws=3))
    assert vop.largest <= max(chunk, 3)  # a single query with three draws cannot be split further
    for first, second in zip(small.scores, large.scores, strict=True):
        np.testing.assert_array_equal(first.correct, second.correct)
        np.testing.assert_array_equal(first.reliability.count, second.reliability.count)


def test_expensive_rows_run_on_the_first_repetition_and_pair_with_it_exactly(fakes):
    voices = fakes.voices(ACCENTS)
    episodes = fakes.episodes(voices, repetitions=3)
    config = ProtocolConfig(wrong_person_queries=4)
    table = run(voices, episodes, fakes.personalizing(), global_model=fakes.fixed(), config=config)
    assert {score.repetition for score in table.of(WRONG_PERSON, "open", 3)} == {0}
    assert {score.repetition for score in table.of(VOP, "open", 3)} == {0, 1, 2}
    assert {len(score.clips) for score in table.of(WRONG_PERSON, "open", 3)} == {4}
    for score in table.of(WRONG_PERSON, "open", 3):
        [full] = [s for s in table.of(VOP, "open", 3) if (s.person, s.repetition) == (score.person, 0)]
        assert set(score.clips.tolist()) < set(full.clips.tolist())
    assert set(table.paired_values(VOP, WRONG_PERSON, "open", 3).values()) == {1.0}


def test_a_control_carries_the_same_words_and_counts_where_it_cannot(fakes):
    voices = fakes.voices(ACCENTS, clips=[21, 21, 21, 21, 21, 2])
    index = WordIndex(voices.person_index, voices.labels)
    words = [4, 4, 2]
    rng = generator_for(0, "test")
    control = enrollment_from(1, words, index, generator=rng)
    assert voices.labels[control.clips].tolist() == words
    assert (voices.person_index[control.clips] == 1).all()
    assert control.clips.unique().numel() == 3
    assert control.fallbacks == 0
    poor = enrollment_from(5, words, index, generator=rng)  # says the words 0 and 1 only
    assert (voices.person_index[poor.clips] == 5).all()
    assert poor.fallbacks == 3


def test_mixed_takes_every_clip_from_another_person_while_there_are_enough(fakes):
    voices = fakes.voices(ACCENTS)
    index = WordIndex(voices.person_index, voices.labels)
    control = mixed_enrollment((1, 2, 3, 4, 5), [0, 1, 2, 3, 3], index, generator=generator_for(0, "test"))
    assert sorted(voices.person_index[control.clips].tolist()) == [1, 2, 3, 4, 5]
    assert voices.labels[control.clips].tolist() == [0, 1, 2, 3, 3]
    more = mixed_enrollment((1, 2), [0, 1, 2, 3, 3], index, generator=generator_for(0, "test"))
    assert sorted(voices.person_index[more.clips].tolist()) in ([1, 1, 1, 2, 2], [1, 1, 2, 2, 2])
    assert control.fallbacks == more.fallbacks == 0


def test_a_lonely_person_has_no_control_by_others(fakes):
    voices = fakes.replace(fakes.voices((3,)), noise_features=None)
    table = run(voices, fakes.episodes(voices), fakes.personalizing(), global_model=fakes.fixed())
    assert set(accuracies(table)) == {GLOBAL, VOP, DRAWS, ZERO}


def test_further_methods_become_rows(fakes):
    voices = fakes.voices(ACCENTS)
    table = run(
        voices,
        fakes.episodes(voices),
        fakes.fixed(),
        global_model=fakes.fixed(),
        others={"adabn": fakes.personalizing()},
    )
    assert accuracies(table)["adabn"] == 1


def test_progress_reaches_its_end(fakes):
    voices = fakes.voices(ACCENTS)
    seen = []
    run(
        voices,
        fakes.episodes(voices),
        fakes.personalizing(),
        global_model=fakes.fixed(),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1][0] == seen[-1][1] > 0


def _spoil(fakes, episode, kind):
    if kind == "leak":
        return fakes.replace(episode, query=torch.cat([episode.query, episode.enrollment[:1]]))
    if kind == "twice":
        return fakes.replace(episode, query=torch.cat([episode.query, episode.query[:1]]))
    if kind == "foreign":
        return fakes.replace(episode, person=(episode.person + 1) % 6)
    if kind == "no query":
        return fakes.replace(episode, query=episode.query[:0])
    return fakes.replace(episode, enrollment=episode.enrollment[:0])


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("leak", LeakageError),
        ("twice", LeakageError),
        ("foreign", LeakageError),
        ("no query", EvaluationError),
        ("no enrollment", EvaluationError),
    ],
)
def test_a_spoiled_episode_is_refused_with_one_sentence(fakes, kind, error):
    voices = fakes.voices(ACCENTS)
    first, *rest = fakes.episodes(voices)
    with pytest.raises(error, match=r"^Person 'fake/p0[01]' has .*\.$") as raised:
        run(voices, [_spoil(fakes, first, kind), *rest], fakes.fixed(), global_model=fakes.fixed())
    assert str(raised.value).count(". ") == 0


def test_nothing_to_evaluate_is_refused(fakes):
    with pytest.raises(EvaluationError, match="no episode"):
        run(fakes.voices(ACCENTS), [], fakes.fixed(), global_model=fakes.fixed())


def test_answers_that_are_no_probabilities_are_refused(fakes):
    class Broken(fakes.fixed):
        def predict_persons(self, enrollment, query, *, draws=0, generator=None):
            return super().predict_persons(enrollment, query) * torch.nan

    voices = fakes.voices(ACCENTS)
    with pytest.raises(EvaluationError, match="no probabilities"):
        run(voices, fakes.episodes(voices), Broken(), global_model=fakes.fixed())


def test_a_network_in_training_mode_is_refused(fakes):
    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(3)

        def predict_persons(self, enrollment, query, *, draws=0, generator=None):
            raise AssertionError("must not be asked")

    voices = fakes.voices(ACCENTS)
    with pytest.raises(ValueError, match="training mode"):
        run(voices, fakes.episodes(voices), Network(), global_model=fakes.fixed())
