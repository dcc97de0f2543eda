r"""Tent: fewer doubts about the enrollment clips, by scale and shift of all normalisations [TENT].

Without labels, gradient descent on the mean entropy of the answers to a person's own clips,

    loss = 1/n sum_i H( p(y | x_i) )

moves the scale and shift of every batch normalisation, and nothing else.

Departs: [TENT] adapts online to the batch that it answers, normalised by that batch's own
statistics; here only the enrollment clips count, the queries never. ``own_statistics`` first takes
the person's statistics from those clips as :mod:`vop_core.methods.adabn` does, mixed with the
global ones because a batch is so small, and then keeps them fixed.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from vop_core.methods.adabn import own_statistics
from vop_core.methods.base import MethodFacts
from vop_core.methods.fine_tune import DescentConfig, GradientMethod
from vop_core.methods.personal import Adaptation
from vop_core.nets.batched import run_personal
from vop_core.settings import not_negative, positive


@dataclass(frozen=True, kw_only=True)
class TentConfig(DescentConfig):
    """And under which statistics."""

    learning_rate: float = positive(0.0003)
    own_statistics: bool = False
    # what the global statistics count for where they are mixed with the person's own
    source_clips: float = not_negative(30.0)


class Tent(GradientMethod):
    """Each person's own scale and shift, and with ``own_statistics`` own means and variances."""

    facts = MethodFacts(
        summary="AdaBN, where its settings say so, plus ten gradient steps on scale and shift "
        "until the model doubts the clips less.",
        source="TENT",
        gradients=True,
        foldable=True,
    )
    config_type = TentConfig
    tried = (
        {},
        {"learning_rate": 0.001},
        {"own_statistics": True},
        {"own_statistics": True, "learning_rate": 0.001},
        {"learning_rate": 0.0001},
        {"own_statistics": True, "source_clips": 3.0},
        {"own_statistics": True, "source_clips": 100.0},
        {"own_statistics": True, "source_clips": 100.0, "learning_rate": 0.0001},
    )

    def start(self, persons: int) -> dict[str, Tensor]:
        return {
            f"{name}.{kind}": value.detach().expand(persons, -1).clone()
            for name, norm in self.encoder.normalisations.items()
            for kind, value in (("weight", norm.weight), ("bias", norm.bias))
        }

    def fixed(self, clips: Float[Tensor, "person shot *input"]) -> dict[str, Tensor]:
        return (
            own_statistics(self.encoder, clips, self.config.source_clips)
            if self.config.own_statistics
            else {}
        )

    def logits(
        self, own: dict[str, Tensor], clips: Float[Tensor, "person clip *input"]
    ) -> Float[Tensor, "person clip label"]:
        return run_personal(self.encoder, own, clips)

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """What was learned, and the statistics that were found."""
        return adaptation

    def loss(
        self, logits: Float[Tensor, "person shot label"], labels: Int[Tensor, "person shot"] | None
    ) -> Float[Tensor, " person"]:
        log_p = logits.log_softmax(-1)
        return -(log_p.exp() * log_p).sum(-1).mean(1)
