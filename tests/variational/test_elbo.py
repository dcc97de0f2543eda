"""The bound touches the evidence at the exact posterior, and the loss is the bound per clip."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal

from vop_core.variational.elbo import Elbo, negative_elbo
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.twin import LinearGaussianTwin

SEEDS = st.integers(0, 2**31)


def random_losses(persons: int, queries: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    cross_entropy = torch.rand(persons, queries, generator=generator, dtype=torch.float64)
    return cross_entropy, torch.rand(persons, generator=generator, dtype=torch.float64)


def test_elbo_touches_the_evidence_at_the_exact_posterior():
    """Conjugate case: w ~ N(0, 1), y | w ~ N(w, s^2) has ln p(y) in closed form."""
    label, noise = torch.tensor(1.3, dtype=torch.float64), 0.5
    evidence = Normal(0.0, (1 + noise**2) ** 0.5).log_prob(label)
    prior = DiagonalGaussian(
        torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    )
    precision = torch.tensor(1 + noise**-2, dtype=torch.float64)
    exact_mean, exact_std = label * noise**-2 / precision, precision**-0.5

    def elbo(mean, std):
        posterior = DiagonalGaussian(mean.reshape(1), std.log().reshape(1))
        fit = Normal(mean, noise).log_prob(label) - 0.5 * std**2 / noise**2
        return Elbo(fit, posterior.kl(prior)).elbo

    torch.testing.assert_close(elbo(exact_mean, exact_std), evidence)
    assert elbo(exact_mean + 0.1, exact_std) < evidence
    assert elbo(exact_mean - 0.1, exact_std) < evidence
    assert elbo(exact_mean, 1.5 * exact_std) < evidence
    assert elbo(exact_mean, exact_std / 1.5) < evidence


@pytest.mark.parametrize("beta", [1.0, 0.2, 0.0])
def test_the_loss_is_mean_cross_entropy_plus_beta_over_training_clips_times_the_divergence(beta):
    cross_entropy = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.5, 2.0]])
    divergence, clips = torch.tensor([10.0, 6.0]), torch.tensor([100, 30])
    expected = ((2.0 + beta * 10 / 100) + (1.0 + beta * 6 / 30)) / 2
    torch.testing.assert_close(
        negative_elbo(cross_entropy, divergence, clips, beta=beta), torch.tensor(expected)
    )


@given(seed=SEEDS, persons=st.integers(1, 6))
def test_the_price_of_a_person_is_the_persons_own_and_not_that_of_the_batch(seed, persons):
    """d loss / d KL_k = 1 / (persons N_k): the mean over persons, each divided by its own clips
    only.
    """
    cross_entropy, divergence = random_losses(persons, 5, seed)
    clips = torch.arange(3, 3 + persons)
    divergence.requires_grad_()
    negative_elbo(cross_entropy, divergence, clips, beta=0.7).backward()
    torch.testing.assert_close(divergence.grad, 0.7 / (persons * clips.double()))


@given(seed=SEEDS)
def test_masked_queries_count_for_nothing_whatever_their_numbers_are(seed):
    cross_entropy, divergence = random_losses(2, 5, seed)
    clips = torch.tensor([10, 10])
    mask = torch.tensor([[True, True, True, False, False]]).expand(2, -1)
    spoiled = torch.where(mask, cross_entropy, torch.nan).requires_grad_()
    loss = negative_elbo(spoiled, divergence, clips, query_mask=mask)
    torch.testing.assert_close(loss, negative_elbo(cross_entropy[:, :3], divergence, clips))
    (gradient,) = torch.autograd.grad(loss, spoiled)
    torch.testing.assert_close(gradient, mask / 6.0, check_dtype=False)


@given(seed=SEEDS, clips=st.integers(1, 12))
def test_over_all_of_a_persons_clips_the_loss_is_the_bound_per_clip(seed, clips):
    """N_k loss = -ELBO, which at the exact posterior is -ln p(y | x): one divergence for all
    clips.
    """
    generator = torch.Generator().manual_seed(seed)
    twin = LinearGaussianTwin.random(generator=generator)
    person = twin.draw_person(clips=clips, generator=generator)
    prior = twin.weights_given_clips(person.clips)
    posterior = twin.weights_given_labels(person.clips, person.labels)
    each = [
        -twin.expected_log_likelihood(posterior, person.clips[[i]], person.labels[[i]])
        for i in range(clips)
    ]
    divergence = torch.distributions.kl_divergence(posterior, prior).reshape(1)
    loss = negative_elbo(torch.stack(each)[None], divergence, torch.tensor([clips]))
    evidence = twin.log_evidence(person.clips, person.labels)
    torch.testing.assert_close(-clips * loss, evidence, rtol=1e-7, atol=1e-7)


def test_what_cannot_be_a_loss_is_refused():
    cross_entropy, divergence = random_losses(2, 3)
    clips = torch.tensor([5, 5])
    with pytest.raises(ValueError, match="at least one training clip"):
        negative_elbo(cross_entropy, divergence, torch.tensor([5, 0]))
    with pytest.raises(ValueError, match="at least one query"):
        negative_elbo(
            cross_entropy, divergence, clips, query_mask=torch.tensor([[True] * 3, [False] * 3])
        )
    with pytest.raises(ValueError, match="negative"):
        negative_elbo(cross_entropy, divergence, clips, beta=-1.0)
