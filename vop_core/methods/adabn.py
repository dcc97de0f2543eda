"""Adaptive batch normalisation: a person's own statistics in place of everybody's [ADABN].

Every batch normalisation of the encoder takes mean and variance from the n enrollment clips, and
keeps the global ones as if they had come from N_0 source clips [SCHNEIDER]:

    m = (N_0 m_source + n m_own) / (N_0 + n),    v likewise

N_0 = 0 is the AdaBN of the paper. No labels, no gradients; scale, shift and all other weights stay.

Layers are visited in order and each passes on what it made with its new statistics, so that the
statistics further up belong to the network that will answer.

Departs: [ADABN] and [SCHNEIDER] take statistics from many unlabeled target samples, here from a
handful.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional

from vop_core.methods.base import MethodFacts, PersonalizationMethod
from vop_core.methods.personal import Adaptation
from vop_core.modes import visited
from vop_core.nets.batched import CLIPS_AT_ONCE, run_personal
from vop_core.nets.encoder import Encoder
from vop_core.settings import Settings, not_negative

SMALLEST_VARIANCE = 0.1  # of a person's variance, which stays whatever is removed


@dataclass(frozen=True, kw_only=True)
class AdaBnConfig(Settings):
    """How much the global statistics still count."""

    source_clips: float = not_negative(10.0)  # N_0; 0 forgets them


class AdaBn(PersonalizationMethod):
    """The global weights under each person's own normalisation."""

    facts = MethodFacts(
        summary="Re-estimates the batch-normalisation statistics from the clips, mixed with the "
        "global ones.",
        source="ADABN",
        foldable=True,
    )
    config_type = AdaBnConfig
    tried = tuple(
        {"source_clips": clips} for clips in (10.0, 0.0, 1.0, 3.0, 30.0, 100.0, 300.0, 1000.0)
    )

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Statistics by buffer name."""
        return own_statistics(self.encoder, enrollment, self.config.source_clips)

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query *input"]
    ) -> Float[Tensor, "person query label"]:
        """Under each person's own statistics."""
        return run_personal(self.encoder, adaptation, query).softmax(-1)

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The statistics."""
        return adaptation


@torch.no_grad()
def own_statistics(
    encoder: Encoder,
    clips: Float[Tensor, "person shot *input"],
    source_clips: float,
    removed: Mapping[str, Float[Tensor, "person shot number"]] | None = None,
    weights: Mapping[str, Tensor] | None = None,  # of each person's encoder, (person, *shape)
) -> dict[str, Tensor]:
    """Running means and variances that mix the encoder's with each person's own, by buffer name.

    Own variances divide by n, as batch normalisation does in training: with ``source_clips`` = 0
    enrollment clips are answered as in a pass in training mode. The encoder must be in evaluation
    mode, so that nothing drops out. ``removed`` is taken from the clips' means and variances, by
    the normalisation's name.
    """
    share = clips.shape[1] / (source_clips + clips.shape[1])  # of the person's own statistics

    def one(
        own_clips: Tensor, own_removed: Mapping[str, Tensor], own_weights: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        visits = {
            norm: partial(_mix, name, share, found, own_removed.get(name))
            for name, norm in encoder.normalisations.items()
        }
        with visited(visits):
            if own_weights:
                functional_call(encoder, dict(own_weights), (own_clips,))
            else:
                encoder.embed(own_clips)
        return found

    together = vmap(one, chunk_size=max(1, CLIPS_AT_ONCE // clips.shape[1]))
    return together(clips, dict(removed or {}), dict(weights or {}))


def _mix(
    name: str,
    share: float,
    found: dict[str, Tensor],
    removed: Tensor | None,
    norm: nn.Module,
    inputs: tuple[Tensor],
    output: Tensor,
) -> Tensor:
    """What a normalisation gives with mixed statistics, which it leaves in ``found``."""
    every = [axis for axis in range(inputs[0].ndim) if axis != 1]  # but the channels
    variance, mean = torch.var_mean(inputs[0], dim=every, correction=0)
    if removed is not None:
        means, variances = (clip_statistics(inputs[0]) - removed).chunk(2, dim=1)
        corrected = variances.mean(0) + means.var(0, correction=0)
        variance, mean = torch.maximum(corrected, SMALLEST_VARIANCE * variance), means.mean(0)
    found[f"{name}.running_mean"] = mean = torch.lerp(norm.running_mean, mean, share)
    found[f"{name}.running_var"] = variance = torch.lerp(norm.running_var, variance, share)
    return functional.batch_norm(inputs[0], mean, variance, norm.weight, norm.bias, eps=norm.eps)


def clip_statistics(value: Float[Tensor, "clip channel *place"]) -> Float[Tensor, "clip number"]:
    """Each clip's mean in every channel, then its variances."""
    places = value.reshape(*value.shape[:2], -1)
    variance, mean = torch.var_mean(places, dim=2, correction=0)
    return torch.cat((mean, variance), dim=1)
