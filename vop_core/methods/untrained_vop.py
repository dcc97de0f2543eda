"""The cascade on the global model as it is: VoP's posterior without its training [VOP].

tau and sigma are estimated from training persons as for :mod:`vop_core.methods.vop`; the encoder
never learned to live with personal statistics. What training adds is the difference of the two.
"""

from vop_core.methods.base import MethodFacts
from vop_core.methods.vop import Vop


class UntrainedVop(Vop):
    """One pass, layer by layer, on everybody's encoder."""

    facts = MethodFacts(
        summary="VoP's posterior on the global model, which was not trained for it",
        source="VOP",
        posterior=True,
        prior=True,
        foldable=True,
    )
    tried = ({},)
