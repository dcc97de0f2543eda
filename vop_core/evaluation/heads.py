"""What answers a query: a row of class probabilities, or one similarity for person and query.

A head asks a method; what its answers are worth is said by the task's metrics.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.errors import EvaluationError


@runtime_checkable
class Head(Protocol):
    """How a method answers: represented samples to answers (person, query, answer), averaged over
    draws of the weights, if any.
    """

    # every answer needs enrollment clips, also that of a method without persons
    compares: bool

    def __call__(
        self,
        method: Any,
        enrollment: Tensor | None,
        query: Tensor,
        *,
        labels: Tensor | None,
        draws: int,
        generator: torch.Generator,
    ) -> Tensor: ...


@dataclass(frozen=True)
class Classification:
    """Which label: the method's own class probabilities."""

    compares: ClassVar[bool] = False

    def __call__(
        self,
        method: Any,
        enrollment: Float[Tensor, "person shot *shape"] | None,
        query: Float[Tensor, "person query *shape"],
        *,
        labels: Int[Tensor, "person shot"] | None,
        draws: int,
        generator: torch.Generator,
    ) -> Float[Tensor, "person query label"]:
        return method.predict_represented(
            enrollment, query, labels=labels, draws=draws, generator=generator
        )


@dataclass(frozen=True)
class Similarity:
    """Whose: the cosine between a query and the mean of the enrollment, both under the person's
    weights.
    """

    compares: ClassVar[bool] = True

    @torch.no_grad()
    def __call__(
        self,
        method: Any,
        enrollment: Float[Tensor, "person shot *shape"] | None,
        query: Float[Tensor, "person query *shape"],
        *,
        labels: Int[Tensor, "person shot"] | None,
        draws: int,
        generator: torch.Generator,
    ) -> Float[Tensor, "person query 1"]:
        """Raises EvaluationError without enrollment."""
        if enrollment is None:
            raise EvaluationError("A similarity needs enrollment clips to compare with.")
        adaptation = method.adapt(enrollment, labels if method.facts.labels else None)
        drawn = method.draw(adaptation, draws, generator=generator) if draws else {}
        found = []
        for index in range(max(1, draws)):
            own = {name: value[index] for name, value in drawn.items()} if draws else adaptation
            centre = method.features(own, enrollment).mean(1, keepdim=True)
            found.append(functional.cosine_similarity(method.features(own, query), centre, dim=-1))
        return torch.stack(found).mean(0)[..., None]
