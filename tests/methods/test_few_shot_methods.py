"""Class means, their metrics and their posterior, held against the formulas."""

from dataclasses import replace

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.toys import make_encoder, ready, seeded
from vop_core.errors import EvaluationError
from vop_core.methods.class_means import NEVER
from vop_core.methods.class_vop import SCALE_RATE, ClassPosterior, ClassVop, ClassVopFilm
from vop_core.methods.prototypical import PrototypicalNetwork
from vop_core.methods.simple_cnaps import SimpleCnaps

PERSONS, SHOTS, QUERIES, LABELS, FEATURES = 2, 7, 4, 3, 5
CLIPS = torch.randn(PERSONS, SHOTS, FEATURES, generator=seeded(1))
QUERY = torch.randn(PERSONS, QUERIES, FEATURES, generator=seeded(2))
SAID = torch.tensor([[0, 1, 2, 0, 1, 2, 2], [1, 1, 0, 2, 0, 0, 0]])
EVERY = torch.ones(PERSONS, SHOTS, dtype=torch.bool)


def class_posterior(generator_seed=3) -> ClassPosterior:
    """One with numbers of no special kind."""
    classes, generator = ClassPosterior(LABELS, FEATURES), seeded(generator_seed)
    with torch.no_grad():
        for value in classes.parameters():
            spread = 0.5 if value is classes.center else 0.5 / SCALE_RATE
            value.add_(spread * torch.randn(value.shape, generator=generator))
    return classes.requires_grad_(False)


def test_the_posterior_of_a_class_is_the_exact_one():
    """By the joint Gaussian of a class's mean and its clips, conditioned on the clips."""
    classes = class_posterior()
    tau, sigma = classes.log_class_std.exp(), classes.log_clip_std.exp()
    found = classes.posterior(CLIPS, SAID, EVERY)
    for person in range(PERSONS):
        for label in range(LABELS):
            own = CLIPS[person][SAID[person] == label]
            for number in range(FEATURES):
                between = tau[number] ** 2
                joint = between + sigma[number] ** 2 * torch.eye(len(own))
                gain = between * torch.linalg.solve(joint, torch.ones(len(own)))
                prior = classes.center[label, number]
                mean = prior + gain @ (own[:, number] - prior)
                variance = between - between * gain.sum()
                torch.testing.assert_close(found.mean[person, label, number], mean)
                torch.testing.assert_close(found.variance[person, label, number], variance)


def test_a_class_without_clips_keeps_its_prior():
    classes = class_posterior()
    prior = classes.prior(PERSONS)
    found = classes.posterior(CLIPS, SAID.clamp_max(1), EVERY)
    torch.testing.assert_close(found.mean[:, 2], prior.mean[:, 2])
    torch.testing.assert_close(found.std[:, 2], prior.std[:, 2])
    assert (found.std[:, :2] < prior.std[:, :2]).all()


def test_drawn_class_means_answer_as_gaussians_of_these_means_do():
    """p(k | z) from equally likely classes with the clips' error."""
    classes = class_posterior()
    means = classes.posterior(CLIPS, SAID, EVERY).mean
    rows = classes.rows(means)
    logits = QUERY @ rows[..., :-1].mT + rows[..., None, :, -1]
    spread = torch.diag_embed((2 * classes.log_clip_std).exp()).expand(LABELS, -1, -1)
    for person in range(PERSONS):
        gaussian = MultivariateNormal(means[person], spread)
        density = gaussian.log_prob(QUERY[person][:, None])
        torch.testing.assert_close(
            logits[person].softmax(-1), density.softmax(-1), rtol=1e-4, atol=1e-6
        )


def method(kind, **config):
    """A method whose embeddings are what it is given."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = make_encoder(dropout=0.0)
    found = ready(kind(encoder, replace(kind.choices()[0], **config)))
    return found


def embedded(count, seed, width):
    return torch.randn(PERSONS, count, width, generator=seeded(seed))


@pytest.fixture
def given_clips():
    width = make_encoder().classifier.in_features
    return embedded(SHOTS, 5, width), embedded(QUERIES, 6, width)


def test_the_nearest_class_mean_answers(given_clips):
    clips, query = given_clips
    network = method(PrototypicalNetwork)
    answers = network.predict_proba(network.adapt(clips, SAID), query)
    labels = len(network.encoder.classifier.weight)
    for person in range(PERSONS):
        means = torch.stack(
            [clips[person][SAID[person] == label].mean(0) for label in range(LABELS)]
        )
        logits = -network.log_scale.exp() * torch.cdist(query[person], means).square()
        expected = logits.softmax(-1)
        torch.testing.assert_close(answers[person, :, :LABELS], expected, rtol=1e-3, atol=1e-5)
        # a class without clips lies at the origin, and its logit is lowered by 30
        assert (answers[person, :, LABELS:labels] < 1e-6).all()


def test_simple_cnaps_measures_each_class_in_its_own_metric(given_clips):
    clips, query = (value.double() for value in given_clips)
    network = method(SimpleCnaps).double()
    answers = network.answer(network.adapt(clips, SAID), query)
    for person in range(PERSONS):
        everything = torch.cov(clips[person].T, correction=0)
        for label in range(LABELS):
            own = clips[person][SAID[person] == label]
            share = len(own) / (len(own) + 1)
            spread = torch.cov(own.T, correction=0) if len(own) > 1 else 0 * everything
            metric = share * spread + (1 - share) * everything + torch.eye(len(everything))
            away = query[person] - own.mean(0)
            expected = -0.5 * (away @ torch.linalg.inv(metric) * away).sum(-1)
            torch.testing.assert_close(answers[person, :, label], expected)
        assert (answers[person, :, LABELS:] <= NEVER).all()


def test_draws_of_the_classifier_differ_and_average_near_its_mean(given_clips):
    clips, query = given_clips
    network = method(ClassVop)
    with torch.no_grad():
        network.classes.class_scale.sub_(0.4)  # hardly any doubt
    adaptation = network.adapt(clips, SAID)
    drawn = network.predict_proba_draws(adaptation, query, draws=50, generator=seeded())
    assert (drawn[0] != drawn[1]).any()
    torch.testing.assert_close(
        drawn.mean(0), network.predict_proba(adaptation, query), rtol=0, atol=0.02
    )


def test_without_a_film_the_film_variant_answers_as_class_vop_does():
    """n_0 that is endless makes no step towards the person."""
    plain, film = method(ClassVop), method(ClassVopFilm)
    with torch.no_grad():
        film.log_prior_clips.fill_(30.0)
    film.encoder.load_state_dict(plain.encoder.state_dict())
    film.classes.load_state_dict(plain.classes.state_dict())
    clips = torch.randn(PERSONS, SHOTS, *plain_shape(plain), generator=seeded(7))
    query = torch.randn(PERSONS, QUERIES, *plain_shape(plain), generator=seeded(8))
    answers = [
        each.predict_persons(clips, query, labels=SAID, draws=draws, generator=seeded(9))
        for draws in (0, 3)
        for each in (plain, film)
    ]
    for one, other in (answers[:2], answers[2:]):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def plain_shape(network):
    rows, columns = network.encoder.input_shape
    return rows, columns or 20


@pytest.mark.parametrize("kind", [ClassVop, ClassVopFilm, PrototypicalNetwork, SimpleCnaps])
def test_labels_are_needed(kind, given_clips):
    network = method(kind)
    clips = torch.randn(3, *plain_shape(network), generator=seeded())
    with pytest.raises(EvaluationError, match="pass their labels"):
        network.enroll(clips)
