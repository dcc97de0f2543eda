"""Every way to adapt on the device, by name: a new one is a class in a file and a line here."""

from vop_core.continual.batch_normalisation import (
    AdaBn,
    CopiedAdaBn,
    CopiedAdaBnS,
    ReleasedAdaBn,
    ReleasedAdaBnS,
)
from vop_core.continual.local import AsSent, LocalAdaptation
from vop_core.continual.vop_posterior import VopPosterior

LOCAL_ADAPTATIONS: dict[str, type[LocalAdaptation]] = {
    kind.name: kind
    for kind in (
        AsSent,
        ReleasedAdaBn,
        CopiedAdaBn,
        AdaBn,
        ReleasedAdaBnS,
        CopiedAdaBnS,
        VopPosterior,
    )
}
