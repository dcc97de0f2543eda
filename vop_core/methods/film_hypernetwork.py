"""A deterministic hypernetwork for scale and shift: VoP without a distribution.

The enrollment clips give one setting of the personal weights, trained by cross-entropy alone: sigma
= 0 and beta = 0 in VoP's bound [VOP slides, Method], conditional feature-wise modulation in the
words of others [CNAPS] [FILM]. Everything else is VoP's, encoder statistics, code, layers and
clips. In the main table each of the two has the settings chosen for it; what the Gaussian alone is
worth is asked in the ablations, at equal settings.

Departs: CNAPs also generates the classifier, from labeled clips; here they are unlabeled, and the
classifier is global.
"""

from dataclasses import dataclass

from vop_core.methods.amortised_vop import STEADY, AmortisedVop, AmortisedVopConfig
from vop_core.methods.base import MethodFacts
from vop_core.settings import not_negative


@dataclass(frozen=True, kw_only=True)
class FilmHypernetworkConfig(AmortisedVopConfig):
    """VoP's settings; nothing is charged for."""

    personal_layers: tuple[str, ...] = ("band_film",)
    beta: float = not_negative(0.0)


class FilmHypernetwork(AmortisedVop):
    """One forward pass makes one setting of the personal weights."""

    facts = MethodFacts(
        summary="one forward pass makes scale and shift; VoP with sigma = 0 and beta = 0",
        source="CNAPS",
        trained=True,
        prior=True,
        foldable=True,
    )
    config_type = FilmHypernetworkConfig
    tried = ({**STEADY, "person_loss": 0.3}, STEADY)
