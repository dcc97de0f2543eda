"""The light beside a personal model: each verdict where it belongs, each with its figures."""

import pytest
import torch

from tests.toys import seeded
from vop_core.variational.enrollment_health import (
    HealthReference,
    enrollment_health,
    in_prior_units,
)
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.two_covariance import TwoCovariance

SIZE = 4
# persons two standard deviations of a clip apart
PERSONS = TwoCovariance(
    torch.zeros(SIZE),
    4 * torch.ones(SIZE),
    torch.ones(SIZE),
    torch.eye(SIZE),
    4 * torch.ones(SIZE),
)
REFERENCE = HealthReference(
    PERSONS, torch.tensor([-torch.inf, -2.0, -1.0]), torch.tensor([2.0, 2.1, 2.2])
)
PRIOR = DiagonalGaussian(torch.ones(SIZE), torch.full((SIZE,), 2.0).log())
HERE, THERE = torch.tensor([2.0, -2, 2, -2]), torch.tensor([-2.0, 2, -2, 2])


def judged(*places, reference=REFERENCE, std=0.5):
    """Of clips at places, in the prior's units."""
    mean = PRIOR.mean + PRIOR.std * torch.stack(places)
    clips = DiagonalGaussian(mean, PRIOR.log_std.expand_as(mean))
    posterior = DiagonalGaussian(mean.mean(0), PRIOR.log_std + torch.tensor(std).log())
    return enrollment_health(posterior, PRIOR, clips, reference)


@pytest.mark.parametrize(
    ("places", "verdict", "said"),
    [
        ((HERE, HERE + 0.3, HERE - 0.3), "healthy", "3 clips agree"),
        ((HERE, THERE, HERE), "several persons", "leave out"),
        ((9 * HERE, 9 * HERE, 9 * HERE), "nobody", "These 3 clips are like nobody's"),
        ((9 * HERE,), "nobody", "This clip is like nobody's"),
        ((HERE,), "one clip", "give two more"),
    ],
)
def test_each_enrollment_has_its_verdict_with_figures(places, verdict, said):
    found = judged(*places)
    assert found.verdict == verdict
    assert said in found.sentence
    figure = (
        f"{found.agreement:+.1f} nats" if verdict == "several persons" else f"{found.distance:.1f}"
    )
    assert figure in found.sentence
    assert found.distance == pytest.approx(float(PERSONS.distance(torch.stack(places))), rel=1e-4)
    assert (found.agreement is None) == (len(places) == 1)


def test_clips_that_agree_perfectly_far_from_everybody_are_nobodys():
    """As noise does: agreement alone would praise it."""
    found = judged(9 * HERE, 9 * HERE)
    assert found.agreement > REFERENCE.limits(2)[0] and found.verdict == "nobody"


def test_without_a_reference_nothing_is_healthy():
    for places in ((HERE, HERE), (9 * HERE, 9 * HERE)):
        found = judged(*places, reference=None)
        assert found.verdict == "not judged" and "it may be noise's" in found.sentence
        assert found.agreement is None and found.distance is None


def test_a_collapse_comes_before_what_the_clips_say():
    assert judged(HERE, HERE, std=0.01).verdict == "point mass"
    assert judged(0.01 * HERE, std=0.99).verdict == "prior"
    nobody = DiagonalGaussian(torch.zeros(0, SIZE), torch.zeros(0, SIZE))
    assert enrollment_health(PRIOR, PRIOR, nobody, REFERENCE).verdict == "prior"


def test_more_clips_than_limits_have_the_last_limit():
    assert REFERENCE.limits(3) == REFERENCE.limits(50) == (-1.0, pytest.approx(2.2))


def test_verdicts_of_many_enrollments_are_those_of_each():
    drawn = torch.randn(200, 4, SIZE, generator=seeded(0))
    clips = 4 * drawn[:, :1] + 1.5 * drawn[:, 1:]
    several, nobody = REFERENCE.several_persons(clips), REFERENCE.nobody(clips)
    assert 0 < several.sum() < 200 and 0 < nobody.sum() < 200
    for enrolled, *expected in zip(clips, several, nobody, strict=True):
        verdict = judged(*enrolled).verdict
        assert (verdict == "nobody") == expected[1]
        assert (verdict == "several persons") == (expected[0] and not expected[1])
    assert not REFERENCE.several_persons(clips[:, :1]).any()


def test_a_reference_comes_back_from_its_tensors_and_from_nothing_else():
    tensors = REFERENCE.tensors()
    again = HealthReference.of_tensors(tensors)
    clips = torch.randn(3, 2, SIZE, generator=seeded(1))
    torch.testing.assert_close(again.persons.agreement(clips), PERSONS.agreement(clips))
    assert again.limits(2) == REFERENCE.limits(2)
    for damage in (
        {"mean": torch.zeros(SIZE + 1)},
        {"most_distance": torch.zeros(2)},
        {"directions": torch.zeros(2, SIZE)},
        {"least_agreement": torch.zeros(0), "most_distance": torch.zeros(0)},
        {"more": torch.zeros(1)},
    ):
        with pytest.raises(ValueError, match="no health reference"):
            HealthReference.of_tensors(tensors | damage)
    with pytest.raises(KeyError):
        HealthReference.of_tensors({"mean": torch.zeros(1)})


def test_places_are_in_the_priors_units():
    at = DiagonalGaussian(PRIOR.mean + 3 * PRIOR.std, PRIOR.log_std)
    torch.testing.assert_close(in_prior_units(at, PRIOR), torch.full((SIZE,), 3.0))
