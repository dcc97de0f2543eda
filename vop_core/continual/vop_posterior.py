"""VoP's posterior mean on the model that was sent: unlabeled, without any gradient [VOP].

The prior is estimated on the server, from training persons' samples of the task, and travels with
the model; a user's samples make a posterior over every scale and shift in one pass.

Departs: where the models sent differ from user to user, prior and posterior are those of their
mean, and what they add to its scales and shifts is added to each user's own.
"""

import copy

from vop_core.continual.base import Experts
from vop_core.continual.importance import Weights
from vop_core.continual.local import LocalAdaptation, LocalFacts
from vop_core.continual.sequence import Users
from vop_core.data.features import FeatureTable
from vop_core.data.persons import spread
from vop_core.methods.untrained_vop import UntrainedVop
from vop_core.nets.encoder import Encoder

PRIOR_PERSONS = 40  # at most: a variance over them is known to a quarter


class VopPosterior(LocalAdaptation):
    """The untrained cascade of :mod:`vop_core.methods.untrained_vop`."""

    name = "vop"
    facts = LocalFacts(summary="VoP's posterior mean of every scale and shift.", source="VOP")

    def offered(self, encoder: Encoder) -> bool:
        """Where it has normalisations that can be personal."""
        return bool(encoder.personal_norms)

    def prepare(self, encoder: Encoder, server: FeatureTable) -> None:
        """The prior."""
        self.vop = UntrainedVop(copy.deepcopy(encoder)).eval()
        persons = spread(server.persons, min(PRIOR_PERSONS, len(server.persons)))
        self.vop.prepare(server.of_persons(persons))

    def adapt(self, experts: Experts, weights: Weights, task: int, users: Users) -> Weights:
        """With a person's scales and shifts."""
        own = self.vop.deviations(self.vop.adapt(users.own))
        return weights | {name: weights[name] + value.detach() for name, value in own.items()}
