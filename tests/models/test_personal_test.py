"""All models of a personal test answer in one batch as each does alone."""

import pytest
import torch

from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.promises import SealedLabel
from vop_core.models import load_bundle
from vop_core.models.personal_test import MOST_KNOWN, UNKNOWN, asked_models, bundled_test
from vop_core.tasks.registry import TASKS

TASK = "keywords-en"


@pytest.fixture(scope="module")
def shipped():
    return load_bundle(TASK)


@pytest.fixture(scope="module")
def persons():
    return TASKS[TASK].bundled_persons()


def clips_of(person, count: int):
    return [record.load() for record in person.enrollment[:count]]


@pytest.mark.parametrize("shots", [1, 3])
def test_a_batch_of_models_answers_as_each_does_alone(shipped, persons, shots):
    own, others = clips_of(persons[0], shots), [clips_of(each, 5) for each in persons[1:4]]
    asked = [record.load() for record in persons[0].query[:3]]
    test = asked_models(shipped, own, others, generator=generator_for(5)).ask(
        asked, [SealedLabel("go")] * 3
    )
    query, alone = shipped.features(asked), shipped.vop.enroll(shipped.features(own))
    controls = shipped.control_models(own, others, generator=generator_for(5))
    expected = {"global": shipped.global_model, "own": alone} | controls
    assert list(test.probabilities) == list(expected)
    for name, model in expected.items():
        found = model.predict(query).probabilities
        torch.testing.assert_close(test.probabilities[name], found, rtol=0, atol=1e-5)
    for place in range(shots):
        rest = [clip for number, clip in enumerate(own) if number != place]
        model = shipped.vop.enroll(shipped.features(rest)) if rest else shipped.vop.prior_model()
        found = model.predict(query).probabilities
        torch.testing.assert_close(test.without[place], found, rtol=0, atol=1e-5)


def test_a_bundled_person_is_asked_about_words_of_every_kind_and_never_an_enrolled_clip(
    shipped, persons
):
    person = max(persons, key=lambda each: len(each.query))
    asked = bundled_test(shipped, person, "clean", generator=generator_for(1))
    known = [word for _, word in asked if word in shipped.labels]
    assert (len(known), len(asked)) == (MOST_KNOWN, MOST_KNOWN + UNKNOWN)
    assert set(known) == {record.label for record in person.query}
    assert max(map(known.count, known)) - min(map(known.count, known)) <= 1
    enrolled = {record.load().digest for record in person.enrollment}
    assert not enrolled & {clip.digest for clip, _ in asked}
    assert len({clip.digest for clip, _ in asked}) == len(asked)


def test_words_to_say_cover_all_commands_and_were_never_taught():
    from vop_core.tasks.keyword_spotting import COMMANDS, TAUGHT_UNKNOWN

    words = TASKS[TASK].prompts(17, 3, generator=generator_for(2))
    known = [word for word in words if word in COMMANDS]
    others = [word for word in words if word not in COMMANDS]
    assert len(words) == 20 and set(known) == set(COMMANDS)
    assert len(set(others)) == 3 and not set(others) & TAUGHT_UNKNOWN
    assert TASKS["keywords-ar"].prompts(17, 3, generator=generator_for(2)) == ()
