r"""Several clips of one person, one posterior: four rules, each with its name and its limits.

A hyper-personalizer reads one clip at a time. With n clips it gives n experts N(mu_i, sigma_i^2),
and a rule makes one posterior of them:

    average_parameters  mu = mean_i mu_i, ln sigma = mean_i ln sigma_i; n clips as sure as one
    product_of_experts  1/sigma^2 = sum_i 1/sigma_i^2, mu by precision; n times the prior [POE]
    bayes_fusion        1/sigma^2 = 1/s^2 + sum_i (1/sigma_i^2 - 1/s^2); without repeats [BCM]
    pool_features       no experts: the clips' features are averaged first [DEEPSETS]

Bayes' fusion is what conditional independence of the clips given the weights demands; without a
clip it answers with the prior. All rules are symmetric in the clips, and leave a single clip as it
is.

Reconstruction: the slides say only that weights come from "forwarding a few enrollment samples";
    none of the four rules is known to be theirs [VOP slides, Method].
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vop_core.variational.gaussian import DiagonalGaussian

AGGREGATIONS = ("average_parameters", "pool_features", "product_of_experts", "bayes_fusion")

# ln of the largest precision an expert may claim relative to the prior: sd 1e-13 of the prior's is
# a point already, and many such experts still sum without overflow in float32
_LARGEST_LOG_PRECISION_RATIO = 60.0


def average_parameters(
    experts: DiagonalGaussian,  # batch axes (*person, shot)
    mask: Bool[Tensor, "*person shot"] | None = None,
) -> DiagonalGaussian:
    """Average means and log standard deviations over the present clips.

    Raises ValueError when a person has no clip.
    """
    present = _present(experts, mask)
    _require_a_clip(present)
    count = present.sum(-2)
    mean = _keep(experts.mean, present).sum(-2) / count
    log_std = _keep(experts.log_std, present).sum(-2) / count
    return DiagonalGaussian(mean, log_std)


def product_of_experts(
    experts: DiagonalGaussian,  # batch axes (*person, shot)
    mask: Bool[Tensor, "*person shot"] | None = None,
) -> DiagonalGaussian:
    """Multiply the experts' densities: precisions add, means are precision-weighted [POE].

    Raises ValueError when a person has no clip: an empty product is no density.
    """
    present = _present(experts, mask)
    _require_a_clip(present)
    log_precision = torch.where(present, -2 * experts.log_std, -torch.inf)
    share = log_precision.softmax(-2)  # each expert's part of the total precision, without overflow
    mean = (share * _keep(experts.mean, present)).sum(-2)
    return DiagonalGaussian(mean, -0.5 * log_precision.logsumexp(-2))


def bayes_fusion(
    experts: DiagonalGaussian,  # batch axes (*person, shot)
    prior: DiagonalGaussian,  # over the same weights; batch axes, if any, are those of the persons
    mask: Bool[Tensor, "*person shot"] | None = None,
) -> DiagonalGaussian:
    """Combine per-clip posteriors p(w | x_i) that share one prior, counting that prior once [BCM].

    Exact when clips are independent given the weights. No clip gives the prior, exactly. Raises
    ValueError when experts wider than the prior leave no positive precision, which cannot happen
    where each expert's precision is the prior's times 1 + softplus of any number.
    """
    present = _present(experts, mask)
    prior_mean, prior_log_std = prior.mean.unsqueeze(-2), prior.log_std.unsqueeze(-2)
    # everything is measured against the prior's precision, so that the prior itself is represented
    # by zeros
    log_ratio = torch.where(present, 2 * (prior_log_std - experts.log_std), 0.0)
    log_ratio = log_ratio.clamp(max=_LARGEST_LOG_PRECISION_RATIO)
    gained = torch.expm1(log_ratio).sum(-2)
    if bool((gained <= -1).any()):
        raise ValueError(
            "Bayes' fusion found no positive precision: the experts are wider than the prior; give "
            "each the prior's precision times 1 + softplus of any number"
        )
    shift = _keep(log_ratio.exp() * (experts.mean - prior_mean), present).sum(-2)
    return DiagonalGaussian(prior.mean + shift / (1 + gained), prior.log_std - 0.5 * gained.log1p())


def pool_features(
    features: Float[Tensor, "*person shot feature"],
    mask: Bool[Tensor, "*person shot"] | None = None,
) -> Float[Tensor, "*person feature"]:
    """Average the clips' features; the posterior is then made once, from the average [DEEPSETS].

    Raises ValueError when a person has no clip.
    """
    present = _present_like(features, mask)
    _require_a_clip(present)
    return _keep(features, present).sum(-2) / present.sum(-2)


def _present(experts: DiagonalGaussian, mask: Tensor | None) -> Bool[Tensor, "*person shot 1"]:
    if not experts.batch_shape:
        raise ValueError("experts need a shot axis before the weights: (..., shot, weight)")
    return _present_like(experts.mean, mask)


def _present_like(values: Tensor, mask: Tensor | None) -> Bool[Tensor, "*person shot 1"]:
    """Which clips count, with a last axis of one so that it broadcasts over weights or features."""
    if mask is None:
        return torch.ones(*values.shape[:-1], 1, dtype=torch.bool, device=values.device)
    if mask.shape != values.shape[:-1]:
        raise ValueError(
            f"a mask of {tuple(mask.shape)} does not fit clips of {tuple(values.shape[:-1])}"
        )
    return mask.unsqueeze(-1)


def _keep(values: Tensor, present: Tensor) -> Tensor:
    """Zero where a clip is absent, whatever stood there (padding may hold NaN)."""
    return torch.where(present, values, 0.0)


def _require_a_clip(present: Tensor) -> None:
    if not bool(present.any(-2).all()):
        raise ValueError(
            "this rule needs a clip of every person; only bayes_fusion answers without any"
        )
