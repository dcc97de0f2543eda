r"""Adaptive risk minimisation by batch normalisation, ARM-BN [ARM].

The encoder is trained as :mod:`vop_core.methods.adabn` will use it: in every step each
normalisation takes mean and variance from a person's n enrollment clips, with share n / (N_0 + n),
and the person's queries are answered under them. Layers are visited in order, in the same pass. No
labels are read to enroll and nothing is added to the encoder: only the weights know that statistics
will be the person's.

N_0 = 0 takes no statistics but the person's, as published.

Departs: at test the published statistics are those of the very batch that is classified; here they
    come from the enrollment clips only, in training as at test.
Departs: the encoder starts from the trained global one; the published one is trained from scratch.
Departs: with N_0 > 0, running statistics of all clips of the steps count beside the person's.
"""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vop_core.methods.adabn import AdaBn, AdaBnConfig
from vop_core.methods.base import MethodFacts, supervised_loss
from vop_core.modes import visited
from vop_core.settings import not_negative
from vop_core.training.batches import EpisodeBatch


@dataclass(frozen=True, kw_only=True)
class ArmBnConfig(AdaBnConfig):
    """How much the global statistics count, in training and at test."""

    source_clips: float = not_negative(3.0)


class ArmBn(AdaBn):
    """AdaBN of an encoder that was trained for it."""

    facts = MethodFacts(
        summary="AdaBN whose encoder was trained under the clips' own normalisation statistics.",
        source="ARM",
        trained=True,
        foldable=True,
    )
    config_type = ArmBnConfig
    tried = tuple({"source_clips": clips} for clips in (3.0, 0.0, 1.0, 10.0))

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the step's queries under their persons' statistics."""
        clips, owner, enrolls = batch.together()
        visit = partial(_visit, self.config.source_clips, owner, enrolls)
        with visited(dict.fromkeys(self.encoder.normalisations.values(), visit)):
            logits = self.encoder(clips)
        return supervised_loss(logits[~enrolls], batch.labels.flatten())


def _visit(
    source_clips: float,
    owner: Int[Tensor, " clip"],
    enrolls: Bool[Tensor, " clip"],
    norm: nn.Module,
    inputs: tuple[Tensor],
    output: Tensor,
) -> Tensor:
    """What a normalisation gives under each person's statistics; the running ones it has learned
    from all clips already.
    """
    value = inputs[0].flatten(2) if inputs[0].ndim > 2 else inputs[0][..., None]
    count, mean, variance = person_statistics(value[enrolls], owner[enrolls], int(owner.max()) + 1)
    share = (count / (source_clips + count))[:, None]
    mean = torch.lerp(norm.running_mean.expand_as(mean), mean, share)
    variance = torch.lerp(norm.running_var.expand_as(variance), variance, share)
    scale = norm.weight * (variance + norm.eps).rsqrt()
    shift = norm.bias - mean * scale
    answered = torch.addcmul(shift[owner][..., None], value, scale[owner][..., None])
    return answered.reshape(output.shape)


def person_statistics(
    value: Float[Tensor, "clip channel place"], owner: Int[Tensor, " clip"], persons: int
) -> tuple[
    Float[Tensor, " person"], Float[Tensor, "person channel"], Float[Tensor, "person channel"]
]:
    """How many clips each person has, and mean and variance over all their places."""
    count = torch.bincount(owner, minlength=persons).to(value.dtype)

    def averaged(each: Float[Tensor, "clip channel"]) -> Float[Tensor, "person channel"]:
        total = each.new_zeros(persons, each.shape[1]).index_add(0, owner, each)
        return total / count.clamp_min(1)[:, None]

    variance, mean = torch.var_mean(value, dim=2, correction=0)
    own = averaged(mean)
    return count, own, averaged(variance + (mean - own[owner]).square())
