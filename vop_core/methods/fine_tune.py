r"""Fine-tuning on a person's labeled clips: few-shot local adaptation [ONDEVICE slides].

A few steps of gradient descent with momentum on a deviation d of the weights, from the global ones,

    loss(d) = 1/n sum_i -ln p(y_i | x_i, w_0 + d) + anchor/2 ||d||^2

whose second term is L2-SP [L2SP]. The encoder stays in evaluation mode, so its running statistics
do not move. Three methods, by what deviates: the classifier, the scale and shift of the
sub-spectral normalisations, or every weight.

Persons go through together: the loss is a sum over them and every step is elementwise, so nobody
feels the others.

Reconstruction: the talk names neither loss, layers nor steps. A person enrolls few of the words,
and the cross-entropy over all of them teaches that the rest are never said. Therefore
``softmax="enrolled"`` compares only words that were enrolled: it says nothing of the rest, but also
learns nothing from a single word. ``softmax="all"`` is the plain loss, which needs smaller steps.
Neither replays training clips, because they do not leave the server.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.methods.base import (
    ClassifierMethod,
    MethodFacts,
    PersonalizationMethod,
    needed_labels,
)
from vop_core.methods.personal import Adaptation
from vop_core.nets.batched import run_personal
from vop_core.nets.encoder import Encoder
from vop_core.settings import Settings, checked, not_negative, one_of, positive


@dataclass(frozen=True, kw_only=True)
class DescentConfig(Settings):
    """How far a person's weights are moved."""

    steps: int = not_negative(10)
    learning_rate: float = positive(0.01)
    momentum: float = checked(lambda value: 0 <= value < 1, "must lie in [0, 1)", 0.9)
    anchor: float = not_negative(0.0)  # pull to where the descent starts


@dataclass(frozen=True, kw_only=True)
class FineTuneConfig(DescentConfig):
    """And on which loss."""

    # which words the clips' own word is told from: those "enrolled", or "all"
    softmax: str = one_of(("enrolled", "all"), "enrolled")


class GradientMethod(PersonalizationMethod):
    """The descent that methods with gradients share; what moves, and on which loss, is theirs."""

    config_type = DescentConfig

    @property
    def gradient_steps(self) -> int:
        return self.config.steps

    @abstractmethod
    def start(self, persons: int) -> dict[str, Tensor]:
        """The tensors that are learned, before the first step, (person, \\*shape)."""

    def fixed(self, clips: Float[Tensor, "person shot *shape"]) -> dict[str, Tensor]:
        """Further tensors of each person, which are found without gradients."""
        return {}

    @abstractmethod
    def logits(
        self, own: dict[str, Tensor], clips: Float[Tensor, "person clip *shape"]
    ) -> Float[Tensor, "person clip label"]:
        """Each person's clips under their own tensors."""

    @abstractmethod
    def loss(
        self, logits: Float[Tensor, "person shot label"], labels: Int[Tensor, "person shot"] | None
    ) -> Float[Tensor, " person"]:
        """What is minimised beside the anchor, for each person alone."""

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *shape"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Each person's tensors after the last step. Raises EvaluationError without labels where
        they are read.
        """
        with torch.no_grad():
            fixed = self.fixed(enrollment)
        # Callers evaluate without gradients; a copy made here may be differentiated even under
        # inference_mode.
        with torch.inference_mode(False), torch.enable_grad():
            clips = enrollment.clone()
            given = {name: value.clone() for name, value in fixed.items()}
            learned = self._descend(self.start(len(clips)), given, clips, labels)
        return fixed | {name: value.detach() for name, value in learned.items()}

    def predict_proba(
        self, adaptation: Adaptation, query: Float[Tensor, "person query *shape"]
    ) -> Float[Tensor, "person query label"]:
        """Under each person's tensors."""
        with torch.no_grad():
            return self.logits(adaptation, query).softmax(-1)

    def _descend(
        self,
        learned: dict[str, Tensor],
        fixed: dict[str, Tensor],
        clips: Tensor,
        labels: Tensor | None,
    ) -> dict[str, Tensor]:
        config = self.config
        origin = {name: value.detach().clone() for name, value in learned.items()}
        values = [value.requires_grad_() for value in learned.values()]
        optimizer = torch.optim.SGD(values, lr=config.learning_rate, momentum=config.momentum)
        for _ in range(config.steps):
            loss = self.loss(self.logits(fixed | learned, clips), labels).sum()
            if config.anchor:
                moved = ((value - origin[name]).square().sum() for name, value in learned.items())
                loss = loss + config.anchor / 2 * sum(moved)
            # Not backward(): the method's own parameters must stay without gradients.
            for value, gradient in zip(values, torch.autograd.grad(loss, values), strict=True):
                value.grad = gradient
            optimizer.step()
        return learned


def enrolled_cross_entropy(
    logits: Float[Tensor, "person shot label"], labels: Int[Tensor, "person shot"], *, softmax: str
) -> Float[Tensor, " person"]:
    """Mean over each person's clips of -ln p(label), p over all labels or over those that the
    person enrolled.
    """
    if softmax == "enrolled":
        enrolled = functional.one_hot(labels, logits.shape[-1]).any(1, keepdim=True)
        logits = logits.masked_fill(~enrolled, -torch.inf)
    return -logits.log_softmax(-1).gather(-1, labels[..., None]).mean((1, 2))


def no_deviations(encoder: Encoder, layer: str, persons: int) -> dict[str, Tensor]:
    """Zeros for each parameter of a kind of personal layer."""
    return {
        each.name: encoder.get_parameter(each.name).new_zeros(persons, *each.shape)
        for each in encoder.personal_layout((layer,)).parameters
    }


def softmaxes_at(*rates: tuple[str, float]) -> tuple[dict[str, Any], ...]:
    """Settings to try: a softmax, and how fast to descend on it."""
    return tuple({"softmax": softmax, "learning_rate": rate} for softmax, rate in rates)


class FineTune(GradientMethod):
    """Labeled clips, cross-entropy, and deviations of the weights by parameter name, those that are
    learned unless a method makes them of what is.
    """

    config_type = FineTuneConfig

    def deviations(self, own: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each person's deviations, of the tensors that are the person's own."""
        return own

    def logits(
        self, own: dict[str, Tensor], clips: Float[Tensor, "person clip *input"]
    ) -> Float[Tensor, "person clip label"]:
        return self.encoder(clips.flatten(0, 1), self.deviations(own)).unflatten(0, clips.shape[:2])

    def own_weights(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """The weights that deviate."""
        return self.encoder.personal_weights(self.deviations(adaptation))

    def loss(
        self, logits: Float[Tensor, "person shot label"], labels: Int[Tensor, "person shot"] | None
    ) -> Float[Tensor, " person"]:
        return enrolled_cross_entropy(logits, needed_labels(labels), softmax=self.config.softmax)


class FineTuneHead(FineTune, ClassifierMethod):
    """The classifier moves; clips are embedded once."""

    facts = MethodFacts(
        summary="Takes gradient steps on the classifier with the person's labeled clips.",
        source="ONDEVICE slides",
        labels=True,
        gradients=True,
        foldable=True,
    )
    tried = softmaxes_at(
        ("enrolled", 0.01),
        ("enrolled", 0.03),
        ("all", 0.001),
        ("all", 0.003),
        ("all", 0.0003),
        ("enrolled", 0.003),
    )

    def start(self, persons: int) -> dict[str, Tensor]:
        return no_deviations(self.encoder, "classifier", persons)

    def logits(
        self, own: dict[str, Tensor], clips: Float[Tensor, "person clip feature"]
    ) -> Float[Tensor, "person clip label"]:
        weight, bias = own["classifier.weight"], own["classifier.bias"]
        return self.encoder.classifier(clips.flatten(0, 1), weight, bias).unflatten(
            0, clips.shape[:2]
        )


class FineTuneFilm(FineTune):
    """Scale and shift of the sub-spectral normalisations move, in smaller steps: they go through
    the whole encoder.
    """

    facts = MethodFacts(
        summary="Takes gradient steps on scale and shift of the normalisations with the person's "
        "labeled clips.",
        source="ONDEVICE slides",
        labels=True,
        gradients=True,
        foldable=True,
    )
    tried = softmaxes_at(
        ("enrolled", 0.003),
        ("enrolled", 0.001),
        ("all", 0.0003),
        ("all", 0.001),
        ("all", 0.003),
        ("all", 0.01),
    )

    def start(self, persons: int) -> dict[str, Tensor]:
        return no_deviations(self.encoder, "band_film", persons)


class FineTuneAll(FineTune):
    """Every weight moves, which is also what must be kept of a person; in smaller steps still:
    many move together.
    """

    facts = MethodFacts(
        summary="Takes gradient steps on every weight with the person's labeled clips.",
        source="ONDEVICE slides",
        labels=True,
        gradients=True,
        foldable=True,
    )
    tried = softmaxes_at(
        ("enrolled", 0.0003),
        ("enrolled", 0.0001),
        ("all", 0.00003),
        ("all", 0.0001),
        ("all", 0.0003),
        ("all", 0.001),
    )

    def start(self, persons: int) -> dict[str, Tensor]:
        return {
            name: value.new_zeros(persons, *value.shape)
            for name, value in self.encoder.named_parameters()
        }

    def logits(
        self, own: dict[str, Tensor], clips: Float[Tensor, "person clip *input"]
    ) -> Float[Tensor, "person clip label"]:
        return run_personal(self.encoder, self.encoder.personal_weights(own), clips)
