"""Every way to adapt on the server, by name: a new one is a class in a file and a line here."""

from vop_core.continual.base import ServerMethod
from vop_core.continual.ewc import Ewc
from vop_core.continual.fine_tuning import FineTuning
from vop_core.continual.imm import FimImm, LabeledFimImm, MasImm, MeanImm
from vop_core.continual.joint import Joint
from vop_core.continual.lwf import Lwf
from vop_core.continual.mas import Mas
from vop_core.continual.racl import FimRacl, LabeledFimRacl, MasRacl
from vop_core.continual.task_experts import TaskExperts

SERVER_METHODS: dict[str, type[ServerMethod]] = {
    kind.name: kind
    for kind in (
        MasRacl,
        FimRacl,
        LabeledFimRacl,
        TaskExperts,
        MeanImm,
        MasImm,
        FimImm,
        LabeledFimImm,
        Mas,
        Ewc,
        Lwf,
        FineTuning,
        Joint,
    )
}
