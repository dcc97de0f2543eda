"""Memory aware synapses: what earlier answers hung on is held, without any label [MAS].

loss = cross-entropy + LAMBDA sum_i Omega_i (theta_i - theta_{t-1,i})^2
"""

from torch import Tensor

from vop_core.continual.base import AnchoredMethod, ServerFacts
from vop_core.continual.importance import Weights, mas, state_of
from vop_core.nets.encoder import Encoder

LAMBDA = 1.0  # of the released code


class Mas(AnchoredMethod):
    """One model, whose important weights move little."""

    name = "mas"
    facts = ServerFacts(
        summary="Holds what earlier tasks' answers hung on, without labels.", source="MAS"
    )
    strength = LAMBDA

    def importance(
        self, encoder: Encoder, labels: tuple[int, ...], samples: Tensor, known: Tensor
    ) -> Weights:
        """What the answers hang on."""
        return mas(encoder, state_of(encoder), labels, samples)
