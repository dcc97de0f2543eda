r"""The evidence lower bound, and the loss that training minimises.

From the slides' identity [VOP slides, Method], for one person k whose N_k clips share the weights
w:

    ln p(y | x) >= ELBO = E_{w ~ q(w|x)} [ sum_i ln p(y_i | x_i, w) ] - KL(q(w | x) || p(w))

with equality where q is the posterior p(w | x, y). Divided by -N_k, with the mean over query clips
as an unbiased estimate of the mean over all of the person's clips:

    loss_k = mean_i ( -ln p(y_i | x_i, w) ) + (beta / N_k) KL(q || p)

One KL per person, summed over weights. N_k is the person's number of training clips: not the
episode's queries, not the batch, not the data set. beta = 1 is the bound; N_k = 1 is the slides'
literal, sample-specific reading.

Departs: the slides charge KL(q || p(w | x)) for each clip; here the prior does not read the clip,
    and it is paid once per person, because the person's clips share the weights.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Elbo:
    """The two terms of the bound, in nats, kept apart so that each can be looked at."""

    expected_log_likelihood: Float[Tensor, "*batch"]  # E_q [ ln p(y | x, w) ]
    kl: Float[Tensor, "*batch"]  # KL(q || p), at least 0

    @property
    def elbo(self) -> Float[Tensor, "*batch"]:
        """The bound itself: at most ln p(y | x), to be maximised."""
        return self.expected_log_likelihood - self.kl


def negative_elbo(
    cross_entropy: Float[Tensor, "person query"],
    kl: Float[Tensor, " person"],
    training_clips: Float[Tensor, " person"] | Int[Tensor, " person"],
    *,
    beta: float = 1.0,
    query_mask: Bool[Tensor, "person query"] | None = None,
) -> Float[Tensor, ""]:
    """Loss per clip, averaged over persons: mean cross-entropy + (beta / N_k) KL, in nats.

    cross_entropy   -ln p(y | x, w) of every query, w drawn from the person's posterior
    kl              KL(q || p) of every person, summed over weights
    training_clips  N_k, how many training clips the person has in all
    query_mask      which queries exist, where persons have different numbers of them

    Raises ValueError for a person without queries or training clips, or a negative beta.
    """
    if beta < 0:
        raise ValueError(f"beta must not be negative, got {beta}")
    if bool((training_clips < 1).any()):
        raise ValueError(
            "every person needs at least one training clip: the KL is divided by their number"
        )
    misfit = _mean_over_queries(cross_entropy, query_mask)
    return (misfit + beta * kl / training_clips).mean()


def _mean_over_queries(
    cross_entropy: Float[Tensor, "person query"], query_mask: Bool[Tensor, "person query"] | None
) -> Float[Tensor, " person"]:
    if query_mask is None:
        query_mask = torch.ones_like(cross_entropy, dtype=torch.bool)
    count = query_mask.sum(-1)
    if bool((count == 0).any()):
        raise ValueError("every person needs at least one query clip")
    return torch.where(query_mask, cross_entropy, 0.0).sum(-1) / count
