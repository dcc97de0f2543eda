"""The hyper-personalizer: from clips to Gaussians, through each rule of aggregation."""

import pytest
import torch

from tests.toys import log_mels, ready
from vop_core.nets.hyper_personalizer import (
    HyperPersonalizer,
    HyperPersonalizerConfig,
    StatisticsTrunk,
)
from vop_core.variational.aggregate import AGGREGATIONS


def module(inputs=40, **changes):
    settings = {"evidence": "input", "channels": 6, "features": 8, "prior_scale": 0.7} | changes
    return ready(HyperPersonalizer(HyperPersonalizerConfig(**settings), weights=5, inputs=inputs))


@pytest.mark.parametrize("rule", AGGREGATIONS)
def test_a_clip_that_is_not_present_changes_nothing(rule):
    network, clips = module(aggregation=rule), log_mels(2, 4)
    present = torch.tensor([[True, True, False, False], [True, False, True, True]])
    posterior = network(clips, present)
    for person in range(2):
        alone = network(clips[person][present[person]][None])
        torch.testing.assert_close(posterior.mean[person], alone.mean[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            posterior.log_std[person], alone.log_std[0], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("rule", AGGREGATIONS)
def test_one_clip_gives_its_own_posterior(rule):
    network, clips = module(aggregation=rule), log_mels(3, 1)
    own, posterior = network.clip_posteriors(network.clip_features(clips))[:, 0], network(clips)
    torch.testing.assert_close(posterior.mean, own.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(posterior.log_std, own.log_std, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rule", AGGREGATIONS)
def test_no_posterior_is_wider_than_the_prior(rule):
    network = module(aggregation=rule)
    assert (network(10 * log_mels(6, 3)).std < network.prior().std * (1 + 1e-6)).all()
    torch.testing.assert_close(network.prior().std, torch.full((5,), 0.7))


def test_pooling_tells_the_head_how_many_clips_there_were():
    """Ten times the same clip pools to the same features, but not to the same posterior."""
    network, clip = module(aggregation="pool_features"), log_mels(1, 1)
    one, ten = network(clip), network(clip.expand(-1, 10, -1, -1))
    assert not torch.allclose(one.log_std, ten.log_std, atol=1e-4)


def test_the_priors_mean_is_learned_or_zero():
    assert "prior_mean" in dict(module().named_parameters())
    config = HyperPersonalizerConfig(learned_prior_mean=False)
    fixed = HyperPersonalizer(config, weights=5, inputs=40)
    assert "prior_mean" not in dict(fixed.named_parameters())
    assert fixed.prior().mean.tolist() == [0] * 5


def test_a_steady_head_reads_features_of_any_scale():
    features, counts = torch.rand(4, 8), torch.ones(4)
    steady, plain = module(steady=True), module()
    near, far = (
        steady.posterior_of_features(each, counts) for each in (features, 50 * features + 7)
    )
    torch.testing.assert_close(near.mean, far.mean, rtol=1e-3, atol=1e-4)
    moved = plain.posterior_of_features(50 * features + 7, counts)
    assert not torch.allclose(
        plain.posterior_of_features(features, counts).mean, moved.mean, atol=0.1
    )


def test_a_steady_head_tells_persons_apart_where_the_other_is_dead():
    """All hidden units far below zero, as a few fast steps leave them."""
    features, counts = torch.rand(4, 8), torch.ones(4)
    for steady in (True, False):
        network = module(steady=steady)
        with torch.no_grad():
            network.head[0].bias.fill_(-5.0)
            network.head[0].weight.abs_().neg_()
        between = network.posterior_of_features(features, counts).mean.std(0)
        assert bool((between > 0).all()) is steady


def test_a_steady_trunk_starts_alike_and_leaps_less():
    seen = torch.randn(5, 400)
    trunks = []
    for steady in (False, True):
        torch.manual_seed(3)
        trunks.append(ready(StatisticsTrunk(400, 8, 0.0, steady=steady)))
    before = [trunk(seen) for trunk in trunks]
    torch.testing.assert_close(before[0], before[1])
    with torch.no_grad():
        for trunk in trunks:
            trunk.output.bias.fill_(100.0)  # far above the kink: what moves is linear
        before = [trunk(seen) for trunk in trunks]
        for trunk in trunks:
            trunk.output.weight += 0.01
    plain, steady = (trunk(seen) - start for trunk, start in zip(trunks, before, strict=True))
    torch.testing.assert_close(steady, plain * 8 / 400, rtol=1e-2, atol=1e-3)


def test_means_are_spread_over_persons_as_asked():
    network, clips = module(mean_spread=0.7), log_mels(6, 2)
    with torch.no_grad():
        network.prior_mean.normal_()
        network.head[2].weight *= 30  # so that the normalisation's own 1e-5 does not count
    means = network.train()(clips).mean
    torch.testing.assert_close(means.mean(0), network.prior_mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        means.std(0, correction=0), torch.full((5,), 0.7 * 0.7), rtol=1e-2, atol=1e-3
    )
