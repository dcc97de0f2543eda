"""The hyper-personalizer: from clips to Gaussians, through each rule of aggregation."""

import pytest
import torch

from tests.toys import log_mels, ready
from vop_core.nets.hyper_personalizer import EVIDENCE, HyperPersonalizer, HyperPersonalizerConfig
from vop_core.variational.aggregate import AGGREGATIONS


def module(**changes):
    settings = {"weights": 5, "evidence": "log_mel", "channels": 6, "features": 8, "prior_scale": 0.7}
    return ready(HyperPersonalizer(HyperPersonalizerConfig(**settings | changes)))


@pytest.mark.parametrize("rule", AGGREGATIONS)
def test_a_clip_that_is_not_present_changes_nothing(rule):
    network, clips = module(aggregation=rule), log_mels(2, 4)
    present = torch.tensor([[True, True, False, False], [True, False, True, True]])
    posterior = network(clips, present)
    for person in range(2):
        alone = network(clips[person][present[person]][None])
        torch.testing.assert_close(posterior.mean[person], alone.mean[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(posterior.log_std[person], alone.log_std[0], rtol=1e-4, atol=1e-5)


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


def test_bayes_fusion_without_a_clip_is_the_prior():
    network = module(aggregation="bayes_fusion")
    posterior = network(log_mels(2, 3), torch.zeros(2, 3, dtype=torch.bool))
    torch.testing.assert_close(posterior.mean, network.prior().mean.expand(2, -1), rtol=0, atol=0)
    assert posterior.kl(network.prior()).tolist() == [0, 0]


def test_pooling_tells_the_head_how_many_clips_there_were():
    """Ten times the same clip pools to the same features, but not to the same posterior."""
    network, clip = module(aggregation="pool_features"), log_mels(1, 1)
    one, ten = network(clip), network(clip.expand(-1, 10, -1, -1))
    assert not torch.allclose(one.log_std, ten.log_std, atol=1e-4)


def test_the_priors_mean_is_learned_or_zero():
    assert "prior_mean" in dict(module().named_parameters())
    fixed = HyperPersonalizer(HyperPersonalizerConfig(weights=5, learned_prior_mean=False))
    assert "prior_mean" not in dict(fixed.named_parameters())
    assert fixed.prior().mean.tolist() == [0] * 5


def test_both_kinds_of_evidence_give_features():
    assert EVIDENCE == ("encoder", "log_mel")
    statistics = module(evidence="encoder", inputs=12)
    assert statistics.clip_features(torch.randn(2, 3, 12)).shape == (2, 3, 8)
    assert module().clip_features(log_mels(2, 3)).shape == (2, 3, 8)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aggregation": "median"}, "aggregation is one of"),
        ({"evidence": "face"}, "evidence is one of"),
        ({"prior_scale": 0.0}, "positive"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        HyperPersonalizerConfig(weights=5, **changes)
