"""Signs of a person's own, with the shipped model: taught by samples, refused in sentences."""

from dataclasses import replace

import pytest
import torch

from tests.toys import seeded
from vop_core.data.hands import bundled_writers
from vop_core.errors import EvaluationError, PictureError
from vop_core.models import load_bundle
from vop_core.models.signs import answers, teach

PERSON = bundled_writers()[0]


@pytest.fixture(scope="module")
def models():
    return load_bundle("signs")


def samples(*labels: str, of_each: int = 1) -> dict:
    """Digits of a virtual writer as signs: the model was never taught a digit."""
    every = [each for each in PERSON.enrollment + PERSON.query]
    return {
        label: [each.load() for each in every if each.label == label][:of_each] for label in labels
    }


def others(*labels: str):
    every = [each for each in PERSON.enrollment + PERSON.query if each.label in labels]
    return [(each.label, each.load()) for each in every]


def test_one_sample_of_each_teaches_signs_that_the_model_never_saw(models):
    """By chance one in three of the 9 others would be right; 8 or more with p = 0.001."""
    names = ("1", "4", "0")
    taught = teach(models, samples(*names))
    used = {each.digest for pictures in samples(*names).values() for each in pictures}
    asked = [(label, each) for label, each in others(*names) if each.digest not in used]
    right = {"mean": 0, "posterior": 0}
    for label, picture in asked:
        by_mean, personal = answers(taught, models, picture, generator=seeded(0))
        right["mean"] += by_mean.best.label == label
        right["posterior"] += personal.best.label == label
        assert [each.label for each in personal.labels] == list(names)
        # nothing is left for signs that were not taught
        assert sum(each.probability for each in personal.labels) == pytest.approx(1, abs=1e-6)
        assert personal.draws == 100 and personal.best.lower <= personal.best.upper
    assert len(asked) == 9 and min(right.values()) >= 8


def test_more_samples_narrow_what_is_known_of_a_sign_and_each_says_its_part(models):
    one, three = (teach(models, samples("1", "4", of_each=count)) for count in (1, 3))
    for sign in range(2):
        assert (one.combined[sign].std < one.prior[sign].std).all()
        assert (three.combined[sign].std < one.combined[sign].std).all()
        assert len(three.alone[sign]) == 3
        torch.testing.assert_close(one.alone[sign][0].mean, one.combined[sign].mean)


def test_names_and_their_order_change_nothing(models):
    query = others("7")[0][1]
    given = samples("1", "4", "7")
    forth = answers(teach(models, given), models, query, generator=seeded(0))[0]
    back = dict(reversed(given.items()))
    turned = answers(teach(models, back), models, query, generator=seeded(0))[0]
    assert {each.label: round(each.probability, 5) for each in forth.labels} == {
        each.label: round(each.probability, 5) for each in turned.labels
    }


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (lambda: samples("1"), EvaluationError, "One sign alone cannot be told from another"),
        (lambda: {"a": [], **samples("1")}, EvaluationError, "'a' has no sample; draw one"),
        (
            lambda: {f"{n}": samples("1")["1"] for n in range(11)},
            EvaluationError,
            "At most 10 signs can be told apart, and these are 11; leave out 1",
        ),
        (
            lambda: {"a": samples("1")["1"], "b": samples("1")["1"]},
            PictureError,
            "is the same picture as",
        ),
        (
            lambda: {
                label: [replace(each, ink=each.ink * (1 - n / 100)) for n in range(26)]
                for label, (each,) in samples("1", "4").items()
            },
            PictureError,
            "At most 50 samples can be taught, and these are 52; leave out 2",
        ),
    ],
)
def test_what_cannot_be_taught_is_refused_in_one_sentence(models, given, error, says):
    with pytest.raises(error, match=says):
        teach(models, given())


def test_without_names_nobody_enrolls(models):
    with pytest.raises(EvaluationError, match="every sample needs its name"):
        models.enroll(samples("1")["1"])
