"""Elastic weight consolidation: what mattered to earlier tasks is held [EWC].

    loss = cross-entropy + LAMBDA sum_i F_i (theta_i - theta_{t-1,i})^2

with the Fisher information of all tasks before, at their true labels, added up [DUA].
"""

from torch import Tensor

from vop_core.continual.base import AnchoredMethod, ServerFacts
from vop_core.continual.importance import Weights, fim, state_of
from vop_core.nets.encoder import Encoder

LAMBDA = 400.0  # of the released code


class Ewc(AnchoredMethod):
    """One model, whose important weights move little."""

    name = "ewc"
    facts = ServerFacts(
        summary="Holds what mattered to earlier tasks, by the labeled Fisher information.",
        source="EWC",
    )
    strength = LAMBDA

    def importance(
        self, encoder: Encoder, labels: tuple[int, ...], samples: Tensor, known: Tensor
    ) -> Weights:
        """The Fisher information at the true labels."""
        return fim(encoder, state_of(encoder), labels, samples, known)
