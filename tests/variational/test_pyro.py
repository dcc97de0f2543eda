"""Pyro, given the same model, guide and draws, computes the same bound."""

import pyro
import pyro.distributions as pyro_distributions
import pytest
import torch
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO

from vop_core.variational.elbo import Elbo, negative_elbo
from vop_core.variational.gaussian import DiagonalGaussian

FEATURES, LABELS, QUERIES = 4, 3, 9
WEIGHTS = FEATURES * LABELS


@pytest.fixture(autouse=True)
def pyro_left_as_found():
    """Pyro keeps parameters, a seed and a validation switch globally."""
    state = torch.get_rng_state()
    yield
    pyro.clear_param_store()
    torch.set_rng_state(state)


@pytest.fixture
def problem(generator):
    """A personal classifier: posterior and prior over its weights, query features and labels."""
    posterior = DiagonalGaussian(*torch.randn(2, WEIGHTS, generator=generator, dtype=torch.float64))
    prior = DiagonalGaussian(*torch.randn(2, WEIGHTS, generator=generator, dtype=torch.float64))
    features = torch.randn(QUERIES, FEATURES, generator=generator, dtype=torch.float64)
    labels = torch.randint(LABELS, (QUERIES,), generator=generator)
    return posterior, prior, features, labels


def log_probabilities(weights, features):
    return (features @ weights.reshape(LABELS, FEATURES).mT).log_softmax(-1)


def model_and_guide(problem):
    """The same joint distribution and posterior, written in Pyro's language."""
    posterior, prior, features, labels = problem

    def model():
        weights = pyro.sample(
            "weights", pyro_distributions.Normal(prior.mean, prior.std).to_event(1)
        )
        with pyro.plate("queries", QUERIES):
            logits = log_probabilities(weights, features)
            pyro.sample("labels", pyro_distributions.Categorical(logits=logits), obs=labels)

    def guide():
        pyro.sample("weights", pyro_distributions.Normal(posterior.mean, posterior.std).to_event(1))

    return model, guide


def pyro_loss(estimator, problem) -> tuple[torch.Tensor, torch.Tensor]:
    """Pyro's negative ELBO with one draw, and the draw it made."""
    model, guide = model_and_guide(problem)
    pyro.set_rng_seed(31)
    loss = estimator.differentiable_loss(model, guide)
    pyro.set_rng_seed(31)
    drawn = pyro.poutine.trace(guide).get_trace().nodes["weights"]["value"]
    return loss, drawn


def cross_entropy(weights, problem):
    _, _, features, labels = problem
    return -log_probabilities(weights, features).gather(-1, labels[:, None])[:, 0]


def test_with_the_divergence_in_closed_form_pyro_computes_our_bound(problem):
    posterior, prior, _, _ = problem
    loss, drawn = pyro_loss(TraceMeanField_ELBO(), problem)
    bound = Elbo(-cross_entropy(drawn, problem).sum(), posterior.kl(prior)).elbo
    torch.testing.assert_close(-loss, bound, rtol=1e-12, atol=0)


def test_with_the_divergence_sampled_pyro_computes_our_log_densities(problem):
    posterior, prior, _, _ = problem
    loss, drawn = pyro_loss(Trace_ELBO(), problem)
    bound = -cross_entropy(drawn, problem).sum() + prior.log_prob(drawn) - posterior.log_prob(drawn)
    torch.testing.assert_close(-loss, bound, rtol=1e-12, atol=0)


def test_the_training_loss_of_one_person_is_pyros_per_clip(problem):
    """With every clip of the person as query and beta = 1, N_k loss = Pyro's negative ELBO."""
    posterior, prior, _, _ = problem
    expected, drawn = pyro_loss(TraceMeanField_ELBO(), problem)
    loss = negative_elbo(
        cross_entropy(drawn, problem)[None], posterior.kl(prior)[None], torch.tensor([QUERIES])
    )
    torch.testing.assert_close(QUERIES * loss, expected, rtol=1e-12, atol=0)


def test_the_gradients_are_pyros_too(problem):
    """Reparameterised, through the same draw: d loss / d mean and d loss / d ln sigma agree."""
    fixed, *rest = problem
    mean, log_std = fixed.mean.clone().requires_grad_(), fixed.log_std.clone().requires_grad_()
    posterior = DiagonalGaussian(mean, log_std)
    problem = (posterior, *rest)
    loss, drawn = pyro_loss(TraceMeanField_ELBO(), problem)
    noise = ((drawn - mean) / log_std.exp()).detach()
    weights = mean + log_std.exp() * noise
    bound = Elbo(-cross_entropy(weights, problem).sum(), posterior.kl(rest[0])).elbo
    theirs, ours = (torch.autograd.grad(value, [mean, log_std]) for value in (loss, -bound))
    for their, our in zip(theirs, ours, strict=True):
        torch.testing.assert_close(our, their)
