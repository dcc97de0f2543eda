"""Facts of notebook 12: what is exact where the truth is known, and what a stranger changes."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from vop_core.course import signs
from vop_core.course.budget import BUDGET
from vop_core.methods.class_vop import ClassPosterior
from vop_core.variational.gaussian import DiagonalGaussian


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setenv(BUDGET, "short")


def one_case():
    generator = torch.Generator().manual_seed(0)
    classes = ClassPosterior(3, 2)
    classes.set_scales(clip_std=0.7, class_std=1.4)
    mean = torch.randn(1, 3, 2, generator=generator)
    found = DiagonalGaussian(mean, torch.full_like(mean, math.log(0.6)))
    return classes, found, torch.randn(1, 4, 2, generator=generator)


def test_scales_that_are_set_are_those_that_are_used():
    classes = ClassPosterior(3, 2)
    classes.set_scales(clip_std=0.7, class_std=1.4)
    assert classes.log_clip_std.exp().tolist() == pytest.approx([0.7, 0.7])
    assert classes.log_class_std.exp().tolist() == pytest.approx([1.4, 1.4])


@torch.no_grad()
def test_the_exact_answer_is_that_of_a_joint_gaussian_given_the_query():
    """Draws of all means, each weighted by how likely it makes the query."""
    classes, found, query = one_case()
    generator = torch.Generator().manual_seed(1)
    answers = signs.log_answers(classes, found, query, generator=generator)
    drawn = found.sample(200_000, generator=generator)[:, 0]
    for place, each in enumerate(query[0]):
        likely = Normal(drawn, 0.7).log_prob(each).sum(-1).exp()
        shares = likely.mean(0) / likely.mean(0).sum()
        # 200,000 draws: a share's standard error is below 0.002
        assert answers[signs.EXACT][0, place].exp().tolist() == pytest.approx(
            shares.tolist(), abs=0.01
        )
    width = torch.eye(2) * (0.6**2 + 0.7**2)
    likely = [MultivariateNormal(mean, width).log_prob(query[0]).tolist() for mean in found.mean[0]]
    wanted = torch.tensor(likely).T.softmax(-1)
    torch.testing.assert_close(answers[signs.EXACT][0].exp(), wanted)


@torch.no_grad()
def test_a_posterior_without_width_is_answered_alike_by_all_rules():
    classes, found, query = one_case()
    sure = DiagonalGaussian(found.mean, torch.full_like(found.mean, -20.0))
    first, *others = signs.log_answers(
        classes, sure, query, generator=torch.Generator().manual_seed(1)
    ).values()
    for other in others:
        torch.testing.assert_close(first, other, atol=1e-4, rtol=0)


def test_nobody_does_better_than_the_exact_answer_where_it_is_exact():
    paid = signs.drawn_misfits(1, 1.0)
    for rule in (signs.MEAN, signs.AVERAGED):
        more = paid[rule] - paid[signs.EXACT]
        error = more.std() / math.sqrt(len(more))
        assert more.mean() > 2 * error, rule


def test_a_stranger_teaches_the_same_signs_and_is_asked_nothing():
    own, stranger = signs.episodes(2, signs.OWN), signs.episodes(2, signs.STRANGER)
    assert torch.equal(own.query, stranger.query) and torch.equal(own.labels, stranger.labels)
    each = len(own.query) // len(signs.writers())
    assert torch.equal(stranger.enrollment, own.enrollment.roll(each, 0))
    assert not torch.equal(own.enrollment, stranger.enrollment)


def test_an_accuracy_is_of_each_writer_and_episode():
    for how in signs.HOW:
        found = signs.accuracy(how, 1)
        assert found.shape[0] == len(signs.writers())
        assert 1 / signs.WAYS < found.mean() <= 1
