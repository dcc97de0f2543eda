"""What an encoder is: inputs to features to logits, with layers that a person may deviate from.

An encoder says which shape its inputs have, which of its layers can be personal, and what the
normalisations make of an input. Everything above this room, methods and training, asks only that; a
new encoder is one file and one line of :mod:`vop_core.nets.registry`.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, replace
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vop_core.nets.personal_layers import (
    Deviations,
    PersonalClassifier,
    PersonalLayout,
    PersonalParameter,
    PersonalSubSpectralNorm,
)

POINTWISE = "Last matrix: mixes patterns into what the answer is read from"
CLASSIFIER = "Classifier: weighs everything for and against each answer"


class NormTitle(NamedTuple):
    """What a personal normalisation is, for a general reader."""

    layer: str  # "Convolution 1 of 5: 24 patterns"
    number: str  # what has a scale and a shift of its own: "pattern"


class Encoder(nn.Module, ABC):
    """A network with a linear classifier, whose normalisations and last layers may be a person's
    own.

    Layers that may be personal, where the encoder offers them:

        film        scale and shift of every personal normalisation, one of each a channel
        band_film   the same, one of each for every number that is normalised
        pointwise   the last matrix before the classifier
        classifier  its weights and biases
    """

    name: ClassVar[str]  # in the registry
    # a frozen dataclass, with ``labels`` and ``context_channels`` among its fields
    config_type: ClassVar[type]
    # the parameter that reads the input maps, (channel, map, row, column)
    first_matrix: ClassVar[str]
    # the module that is the last matrix before the classifier
    pointwise: ClassVar[str | None] = None

    config: Any
    classifier: PersonalClassifier

    # --- what an encoder says ---------------------------------------------------------------------

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int | None, ...]:
        """Sizes of an input's axes; None where any size will do."""

    @property
    @abstractmethod
    def personal_norms(self) -> dict[str, PersonalSubSpectralNorm]:
        """The normalisations with a personal scale and shift, by name, in the order in which an
        input meets them.
        """

    @property
    @abstractmethod
    def norm_titles(self) -> dict[str, NormTitle]:
        """What each of the personal normalisations is, by the same names."""

    @abstractmethod
    def embed(
        self,
        inputs: Float[Tensor, " clip *input"],
        deviations: Deviations | None = None,
        context: Float[Tensor, "clip channel *input"] | None = None,
    ) -> Float[Tensor, "clip feature"]:
        """What the classifier reads. With deviations of P persons, the inputs are P equal runs,
        person by person.
        """

    @abstractmethod
    def statistics(self, inputs: Float[Tensor, " clip *input"]) -> Float[Tensor, "clip statistic"]:
        """What the encoder, with its global weights, makes of an input: the hyper-personalizer's
        evidence.

        Mean and standard deviation of every number that a personal normalisation scales, after it,
        norm by norm. Always in evaluation mode, so that training sees what enrollment will see, and
        without gradients.
        """

    # --- what follows -----------------------------------------------------------------------------

    def forward(
        self,
        inputs: Float[Tensor, " clip *input"],
        deviations: Deviations | None = None,
        context: Float[Tensor, "clip channel *input"] | None = None,
    ) -> Float[Tensor, "clip label"]:
        """Logits. With deviations of P persons, the inputs are P equal runs, person by person."""
        own = dict(deviations or {})
        value = self.embed(inputs, own, context)
        return self.classifier(value, own.get("classifier.weight"), own.get("classifier.bias"))

    def with_context(self, channels: int) -> "Encoder":
        """The same encoder with so many further input maps, which it does not look at yet; itself
        where it has them.
        """
        if channels == self.config.context_channels:
            return self
        wider = type(self)(replace(self.config, context_channels=channels))
        state = self.state_dict()
        first = state[self.first_matrix][:, :1]  # (channel, 1, row, column)
        blind = first.new_zeros(first.shape[0], channels, *first.shape[2:])
        wider.load_state_dict(state | {self.first_matrix: torch.cat((first, blind), dim=1)})
        return wider.train(self.training)

    @property
    def statistic_count(self) -> int:
        """Numbers that ``statistics`` gives for an input."""
        return sum(2 * norm.norm.num_features for norm in self.personal_norms.values())

    @property
    def normalisations(self) -> dict[str, nn.BatchNorm1d | nn.BatchNorm2d]:
        """Every batch normalisation by its name, in the order in which an input meets them."""
        kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
        return {name: part for name, part in self.named_modules() if isinstance(part, kinds)}

    @property
    def personal_layers(self) -> tuple[str, ...]:
        """The layers that may be personal."""
        film = ("film", "band_film") if self.personal_norms else ()
        return (*film, *(("pointwise",) if self.pointwise else ()), "classifier")

    def personal_layout(self, layers: tuple[str, ...]) -> PersonalLayout:
        """Which parameters are personal, for some of ``personal_layers``.

        Raises ValueError for no layer, one that is not offered, or both kinds of film.
        """
        unknown = set(layers) - set(self.personal_layers)
        if unknown or not layers:
            raise ValueError(
                f"personal layers are one or more of {', '.join(self.personal_layers)}; got "
                f"{layers}"
            )
        if {"film", "band_film"} <= set(layers):
            raise ValueError("choose either film or band_film: they move the same weights")
        found = []
        if {"film", "band_film"} & set(layers):
            for index, (name, norm) in enumerate(self.personal_norms.items(), start=1):
                repeat = norm.bands if "film" in layers else 1
                shape = tuple(norm.norm.weight.shape)
                title, number = self.norm_titles[name]
                for kind in ("weight", "bias"):
                    found.append(
                        PersonalParameter(
                            f"film {index}",
                            title,
                            f"{name}.norm.{kind}",
                            shape,
                            numbered=number,
                            bands=norm.bands,
                            repeat=repeat,
                        )
                    )
        whole = {
            f"{self.pointwise}.weight": ("pointwise", POINTWISE),
            "classifier.weight": ("classifier", CLASSIFIER),
            "classifier.bias": ("classifier", CLASSIFIER),
        }
        found += [
            PersonalParameter(layer, title, name, tuple(self.get_parameter(name).shape))
            for name, (layer, title) in whole.items()
            if layer in layers
        ]
        return PersonalLayout(tuple(found))

    def personal_weights(self, deviations: Deviations) -> dict[str, Tensor]:
        """The parameters that persons deviate from, with the deviations added: by name, (person,
        \\*shape).
        """
        weights = dict(self.named_parameters())
        return {name: weights[name] + deviation for name, deviation in deviations.items()}

    def description(self) -> dict[str, Any]:
        """The settings from which an empty copy can be built."""
        return {"name": self.name, "config": asdict(self.config)}
