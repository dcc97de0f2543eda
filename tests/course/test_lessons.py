"""What the notebooks compute with: the twin's network, the leak, the museum, the baselines, the
material.
"""

import math

import numpy as np
import pytest
import torch

from vop_core.course import baselines, leak, material, museum, twin_training
from vop_core.course.baselines import MIXED, OWN, WHOSE, WRONG
from vop_core.errors import DataError
from vop_core.variational.twin import LinearGaussianTwin, closest_below, with_full_covariance


def test_a_network_trained_on_the_twin_comes_near_the_best_that_sees_no_labels():
    model = LinearGaussianTwin.independent(weights=1)
    network = twin_training.train_on_twin(
        model, clips=3, steps=200, generator=torch.Generator().manual_seed(0)
    )
    persons = model.draw_persons(500, clips=3, generator=torch.Generator().manual_seed(1))
    before = model.weights_given_clips(persons.clips)
    best = with_full_covariance(
        closest_below(model.asked_for_without_labels(before, before, persons.features))
    )
    lost = twin_training.divergence_from_truth(
        twin_training.said_by(network, persons), model, persons
    )
    least = twin_training.divergence_from_truth(best, model, persons)
    excess = lost - least
    assert excess.mean() > -4 * excess.std() / math.sqrt(len(excess))  # nobody beats the best
    assert excess.mean() < 0.2


def test_a_learned_prior_lets_the_bound_make_a_point_and_a_fixed_one_does_not():
    """The fixed one ends at the closed form; with the other nothing speaks for a width."""
    model = LinearGaussianTwin.independent(weights=1)
    person = model.draw_person(clips=5, generator=torch.Generator().manual_seed(0))
    known = model.weights_given_clips(person.clips)
    asked = model.asked_for_without_labels(known, known, person.features).stddev[0].item()
    fixed, learned = (
        twin_training.width_on_the_bound(model, person, learned_prior=how) for how in (False, True)
    )
    assert fixed[0] == learned[0] == 1
    assert fixed[-1].item() == pytest.approx(asked, rel=0.02)
    assert learned[-1] < asked / 4


@pytest.fixture(scope="module")
def few_persons() -> leak.EmbeddedPersons:
    """Six persons with twelve clips of six words each, every word at its own place."""
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(20, 32, generator=generator)
    labels = torch.arange(12).remainder(6).expand(6, 12)
    return leak.EmbeddedPersons(
        places[labels] + 0.3 * torch.randn(6, 12, 32, generator=generator), labels
    )


def test_without_a_personal_part_nothing_leaks(few_persons):
    from vop_core.nets.personal_layers import PersonalClassifier

    vop = leak.ClassifierVop(PersonalClassifier(32, 20)).eval()
    with torch.no_grad():
        vop.basis.zero_()
    figures = leak.leak_figures(vop, few_persons)
    assert figures.other_clip == pytest.approx(figures.global_model)
    assert figures.enrolled_word == pytest.approx(figures.enrolled_word_global)


def test_an_unknown_conditioning_is_refused(few_persons):
    with pytest.raises(ValueError, match="self or cross"):
        leak.train_classifier_vop(few_persons, "both", steps=1, generator=torch.Generator())


def test_a_threshold_keeps_its_promise_with_the_lowest_cut_that_does():
    dice = np.random.default_rng(0)
    scores = museum.PairScores(dice.normal(1, 1, 50), dice.normal(0, 1, 101))
    for allowed in (0.0, 0.05, 0.5):
        threshold = scores.threshold_for(allowed)
        assert scores.false_alarms(threshold) <= allowed
        lower = np.sort(scores.different)[::-1][int(allowed * 101)]
        assert scores.false_alarms(lower) > allowed
    assert scores.false_rejections(-np.inf) == 0
    assert scores.false_rejections(np.inf) == 1


def test_the_best_of_one_epoch_is_the_truth_and_of_many_is_not():
    error = math.sqrt(0.8 * 0.2 / 100 / 4_000)
    assert abs(museum.expected_best_epoch(1, 100, 0.8) - 0.8) < 4 * error
    # of 50 independent normals the largest is 2.25 standard deviations up; the binomial is close to
    # it
    best = museum.expected_best_epoch(50, 100, 0.8)
    assert best == pytest.approx(0.8 + 2.25 * math.sqrt(0.8 * 0.2 / 100), abs=0.01)


def test_outliers_gain_by_doing_nothing_only_where_the_clips_that_chose_them_are_the_before():
    dice = np.random.default_rng(1)
    alike = {f"person {number}": dice.binomial(1, 0.85, 40) for number in range(30)}
    assert museum.gain_of_doing_nothing(alike, same_clips=True, repeats=50) > 0.05
    assert museum.gain_of_doing_nothing(alike, same_clips=False, repeats=50) == 0


def test_a_nearest_neighbour_repeats_what_it_has_seen():
    features, labels = torch.randn(20, 3), torch.arange(20) % 4
    tested = torch.arange(40) >= 20
    assert museum.nearest_neighbour_accuracy(features.repeat(2, 1), labels.repeat(2), tested) == 1.0


def test_copies_of_what_was_met_are_known_and_strangers_are_chance():
    """Every clip has a copy and a label of its own making: dealt by clip, about three quarters of
    the copies are met; dealt by the pair, none.
    """
    generator = torch.Generator().manual_seed(0)
    features, labels = (
        torch.randn(400, 8, generator=generator),
        torch.randint(20, (400,), generator=generator),
    )
    twice, said, pair = features.repeat(2, 1), labels.repeat(2), torch.arange(400).repeat(2)
    by_clip, by_pair = (
        museum.accuracy_in_parts(twice, said, unit, generator=generator)
        for unit in (torch.arange(800), pair)
    )
    error = 4 * math.sqrt(0.25 / 400)
    assert abs(by_clip - (0.75 + 0.25 / 20)) < error
    assert abs(by_pair - 1 / 20) < error


def crowd(persons: int = 6) -> material.Crowd:
    """Everybody says the same five words; each clip is its own number."""
    clips = torch.arange(persons * 5.0).view(persons, 5, 1, 1)
    labels = torch.arange(5).repeat(persons, 1)
    return material.Crowd(tuple(map(str, range(persons))), ("a",), clips, labels, clips, labels)


def test_controls_never_enroll_a_person_s_own_clip():
    people = crowd()
    heard = {
        whose: [
            (clips[..., 0, 0].long(), labels)
            for clips, labels in baselines.enrollments(people, whose)
        ]
        for whose in WHOSE
    }
    assert [len(heard[whose]) for whose in (OWN, WRONG, MIXED)] == [1, baselines.STRANGERS, 1]
    own = torch.arange(6)[:, None]
    for whose, others, persons in ((OWN, False, 1), (WRONG, True, 1), (MIXED, True, 5)):
        for clips, labels in heard[whose]:
            assert torch.equal(clips % 5, labels)  # clips and labels stay together
            assert torch.equal(labels, people.enrollment_labels)  # and the words are the person's
            assert bool((clips // 5 != own).all()) == others
            assert [len(row.unique()) for row in clips // 5] == [persons] * 6
    with pytest.raises(ValueError, match="whose"):
        baselines.enrollments(people, "nobody")


def test_a_crowd_as_clips_keeps_person_and_label_together():
    people = crowd(3)
    clips = people.clips()
    assert clips.persons == ("0", "1", "2")
    assert clips.person_index.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert torch.equal(clips.features[:5, 0, 0].long(), clips.labels[:5])


@pytest.mark.slow
def test_the_bundled_crowd_is_heard_as_the_app_hears_it():
    people = material.bundled_crowd("keywords-en")
    able = [
        each for each in material.voices("keywords-en") if len(each.query) >= material.LEAST_QUERIES
    ]
    assert people.names == tuple(each.id for each in able)
    asked = min(len(each.query) for each in able)
    person, bundle = able[4], material.models("keywords-en")
    heard = bundle.features([clip.load() for clip in person.query[:asked]])
    # the cache keeps half precision
    torch.testing.assert_close(people.query[4], heard, rtol=0, atol=2e-2)
    assert [people.labels[label] for label in people.query_labels[4].tolist()] == [
        clip.label for clip in person.query[:asked]
    ]
    shots = people.enrollment.shape[1]
    heard = bundle.features([clip.load() for clip in person.enrollment[:shots]])
    torch.testing.assert_close(people.enrollment[4], heard, rtol=0, atol=2e-2)


def test_without_real_data_there_is_no_open_crowd(monkeypatch):
    monkeypatch.delenv("VOP_DATA", raising=False)
    material.open_crowd.cache_clear()
    assert material.open_crowd("keywords-en") is None


@pytest.mark.data
def test_further_persons_are_those_whom_the_model_never_heard(real_data):
    material.open_crowd.cache_clear()
    people = material.open_crowd("keywords-en")
    card = material.models("keywords-en").card
    assert people is not None
    assert set(people.names) <= set(card["persons"]["open"])
    assert not set(people.names) & set(card["persons"]["trained"])
    assert people.query_labels.shape == (len(people.names), material.OPEN_QUERIES)


def test_committed_answers_agree_with_the_committed_table():
    answers = material.right_answers("arabic_speech_commands", "global")
    rows = material.evidence("arabic_speech_commands")["rows"]
    (row,) = (each for each in rows if each["variant"] == "global" and each["set"] == "open")
    assert len(answers) == row["accuracy"]["persons"]
    mean = np.mean([bits.mean() for bits in answers.values()])
    # one episode a person stands for several
    assert mean == pytest.approx(row["accuracy"]["mean"], abs=0.02)


def test_results_that_do_not_exist_are_refused_in_a_sentence():
    with pytest.raises(DataError, match="no results on nowhere"):
        material.evidence("nowhere")
    with pytest.raises(DataError, match="no result of 'nobody'"):
        material.scores("arabic_speech_commands", "nobody")


def test_a_linked_voice_names_its_task():
    assert material.linked("arabic_speech_commands/s02").task == "keywords-ar"
    assert material.linked("speech_commands_test/135c6841", query=3).as_query()["query"] == "3"
