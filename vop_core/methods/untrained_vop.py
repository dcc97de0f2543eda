"""The cascade on the global model as it is: VoP's posterior without its training [VOP].

tau and sigma are estimated from training persons as for :mod:`vop_core.methods.vop`, and n_0 with
them; the encoder never learned to live with personal statistics. What training adds is the
difference of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vop_core.data.features import FeatureTable
from vop_core.methods.base import MethodFacts
from vop_core.methods.vop import Vop, VopConfig, two_parts
from vop_core.settings import at_least

ROUNDS = 2  # of estimation, since the cascade itself depends on what is estimated


@dataclass(frozen=True, kw_only=True)
class UntrainedVopConfig(VopConfig):
    """As VoP, without what only training could give."""

    code: int = at_least(0, 0)


class UntrainedVop(Vop):
    """One pass, layer by layer, on everybody's encoder."""

    facts = MethodFacts(
        summary="VoP's posterior on the global model, which was not trained for it",
        source="VOP",
        posterior=True,
        prior=True,
        foldable=True,
        version=4,
    )
    config_type = UntrainedVopConfig
    tried = ({},)

    def _estimate(self, clips: FeatureTable, variants: Sequence[str]) -> None:
        """tau^2, sigma^2 and from them n_0, under which the next round's cascade runs."""
        for _ in range(ROUNDS):
            if self.config.content:
                self._learn_words(clips)
            super()._estimate(clips, variants)
            # an n_0 is one number: of a tau^2 between that of no clip and of many
            between = (self.person_variance + self.lasting_variance) / 2
            self.log_prior_clips.copy_((self.clip_variance / between).log())

    def _learn_words(self, clips: FeatureTable) -> None:
        """The usual offsets of each word's clips, every person run through the cascade apart."""
        parts = two_parts(clips, 1, generator=torch.Generator().manual_seed(0))
        groups = [torch.cat(part) for part in parts]
        if not groups:
            return
        rows = torch.cat(groups)
        owner = torch.arange(len(groups)).repeat_interleave(torch.tensor([*map(len, groups)]))
        owner, label = (value.to(clips.features.device) for value in (owner, clips.label[rows]))
        every = torch.ones_like(owner, dtype=torch.bool)
        shown: list[Tensor] = []
        self._cascade(clips.features[rows], owner, every, shown=shown)
        own = torch.zeros_like(self.word_offsets)
        own.index_add_(0, label, torch.cat(shown, dim=1))
        heard = torch.bincount(label, minlength=len(own)).clamp_min(1)
        self.word_offsets.copy_(own / heard[:, None])
