"""Do these clips make one person's posterior? The light beside a personal model.

A posterior can be wide enough, and far from the prior, and still be nobody's: of noise, or of
several persons. So its clips are compared with enrollments of persons never trained on, and of
noise: they must agree with each other as those persons' do, of which a share ``LEVEL`` fails, and
lie nearer to where persons lie than to noise. How many of other persons fail, and of noise and of
mixtures pass, is measured, and stands on the model's card.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vop_core.variational.diagnostics import PosteriorHealth, posterior_health
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.two_covariance import TwoCovariance

LEVEL = 0.05  # share of real enrollments whose clips are said to disagree

EnrollmentVerdict = Literal[
    "healthy", "one clip", "several persons", "nobody", "point mass", "prior", "not judged"
]
REFUSED: tuple[EnrollmentVerdict, ...] = ("several persons", "nobody")  # no one person's clips


@dataclass(frozen=True)
class HealthReference:
    """What enrollments are compared with: how persons' clips lie, and how far they may be off.

    Limits are for 1, 2, ... clips; more clips than there are limits have the last one.
    """

    persons: TwoCovariance
    least_agreement: Float[Tensor, " count"]  # nats; that of one clip is not read
    most_distance: Float[Tensor, " count"]

    def limits(self, shots: int) -> tuple[float, float]:
        """The least agreement and the most distance of so many clips."""
        place = min(shots, len(self.most_distance)) - 1
        return float(self.least_agreement[place]), float(self.most_distance[place])

    def several_persons(self, clips: Float[Tensor, "*batch shot vector"]) -> Bool[Tensor, "*batch"]:
        """Whether clips agree less than one person's do; never of one clip."""
        shots = clips.shape[-2]
        if shots < 2:
            return torch.zeros(clips.shape[:-2], dtype=torch.bool)
        return self.persons.agreement(clips) < self.limits(shots)[0]

    def nobody(self, clips: Float[Tensor, "*batch shot vector"]) -> Bool[Tensor, "*batch"]:
        """Whether clips lie as far out as noise."""
        return self.persons.distance(clips) >= self.limits(clips.shape[-2])[1]

    def tensors(self) -> dict[str, Tensor]:
        """All of it, by name."""
        persons = {each.name: getattr(self.persons, each.name) for each in fields(TwoCovariance)}
        limits = {"least_agreement": self.least_agreement, "most_distance": self.most_distance}
        return persons | limits

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor]) -> "HealthReference":
        """From what ``tensors`` gave. Raises KeyError or ValueError for anything else."""
        vector, direction, count = (
            len(tensors[name]) for name in ("mean", "ratios", "most_distance")
        )
        shapes = {"directions": (direction, vector), "ratios": (direction,)}
        shapes |= dict.fromkeys(("mean", "between", "within"), (vector,))
        shapes |= dict.fromkeys(("least_agreement", "most_distance"), (count,))
        if not count or {name: tuple(value.shape) for name, value in tensors.items()} != shapes:
            raise ValueError("these tensors are no health reference")
        persons = TwoCovariance(**{each.name: tensors[each.name] for each in fields(TwoCovariance)})
        return cls(persons, tensors["least_agreement"], tensors["most_distance"])


@dataclass(frozen=True)
class EnrollmentHealth:
    """Figures of one person's posterior and of the clips that made it, and a verdict in plain
    words.
    """

    posterior: PosteriorHealth  # whether it has collapsed
    agreement: float | None  # nats; None for fewer than two clips, or without a reference
    distance: float | None  # 1 is usual; None without a clip or a reference
    verdict: EnrollmentVerdict
    sentence: str


def in_prior_units(
    posteriors: DiagonalGaussian, prior: DiagonalGaussian
) -> Float[Tensor, "*batch vector"]:
    """How far the posteriors' means are from the prior's, in its standard deviations."""
    return (posteriors.mean - prior.mean) / prior.std


@torch.no_grad()
def enrollment_health(
    posterior: DiagonalGaussian,
    prior: DiagonalGaussian,
    clips: DiagonalGaussian | None,  # each by itself; batch axis: shot
    reference: HealthReference | None,
) -> EnrollmentHealth:
    """Judge one person's enrollment. Without a reference nothing can be told from noise, and that
    is said. Raises ValueError as ``posterior_health``.
    """
    collapse = posterior_health(posterior, prior)
    agreement = distance = None
    if reference is not None and clips is not None and clips.batch_shape[0]:
        places, shots = in_prior_units(clips, prior), clips.batch_shape[0]
        distance = float(reference.persons.distance(places))
        agreement = float(reference.persons.agreement(places)) if shots > 1 else None
    if collapse.verdict != "healthy":
        verdict, sentence = collapse.verdict, collapse.sentence
    elif distance is None:
        verdict, sentence = "not judged", _not_judged(collapse)
    else:
        verdict, sentence = _judge(shots, agreement, distance, *reference.limits(shots))
    return EnrollmentHealth(collapse, agreement, distance, verdict, sentence)


def _judge(
    shots: int,
    agreement: float | None,
    distance: float,
    least_agreement: float,
    most_distance: float,
) -> tuple[EnrollmentVerdict, str]:
    these = f"These {shots} clips are" if shots > 1 else "This clip is"
    far = f"{distance:.1f} times the usual distance; from {most_distance:.1f} on it may be noise"
    if distance >= most_distance:
        return "nobody", (
            f"{these} like nobody's that the model learned from ({far}): give others, as clear as "
            "you can."
        )
    if agreement is None:
        return "one clip", (
            "One clip cannot be compared with another: give two more. By itself it lies where "
            f"persons' clips lie ({far})."
        )
    alike = (
        f"{agreement:+.1f} nats a clip for one person; {100 * (1 - LEVEL):.0f} in 100 enrollments "
        f"of the persons that the limit was set on have more than {least_agreement:+.1f}"
    )
    if agreement < least_agreement:
        return "several persons", (
            f"These {shots} clips disagree ({alike}): leave out those of other people or other "
            "places, or give new ones."
        )
    return "healthy", (
        f"These {shots} clips agree as one person's do ({alike}), and lie where persons' clips lie "
        f"({far})."
    )


def _not_judged(collapse: PosteriorHealth) -> str:
    return (
        f"This posterior, {100 * collapse.std_ratio:.0f} % as wide as the prior, is not judged: "
        "the model has no enrollments to compare it with, so it may be noise's; judge its answers."
    )
