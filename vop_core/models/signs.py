"""Signs of a person's own: a few samples of each, and which of them a further drawing is.

Both classifiers are made of the same samples: the nearest class mean on everybody's encoder, and a
Gaussian posterior over the classifier's weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.errors import EvaluationError
from vop_core.evaluation.answers import Answer, first_answer
from vop_core.methods.personal import LayerPosterior, PersonalModel
from vop_core.models.bundle import Bundle
from vop_core.tasks.registry import TASKS
from vop_core.types import Picture

FEWEST = 2
DRAWS = 100


@dataclass(frozen=True)
class TaughtSigns:
    """What was made of the samples of somebody's signs."""

    names: tuple[str, ...]
    samples: tuple[int, ...]  # of each
    by_mean: PersonalModel
    personal: PersonalModel
    # of each sign, over the numbers that its mean has
    prior: tuple[LayerPosterior, ...]
    combined: tuple[LayerPosterior, ...]
    alone: tuple[tuple[LayerPosterior, ...], ...]  # by each of its samples


def teach(models: Bundle, signs: Mapping[str, Sequence[Picture]]) -> TaughtSigns:
    """Classifiers of signs from their samples, by name; forward passes only.

    Raises EvaluationError for fewer than two signs, more than the models tell apart, and one
    without samples; PictureError for a picture twice, or too many.
    """
    most = len(models.labels)
    if len(signs) < FEWEST:
        raise EvaluationError("One sign alone cannot be told from another; teach at least two.")
    if len(signs) > most:
        raise EvaluationError(
            f"At most {most} signs can be told apart, and these are {len(signs)}; leave out "
            f"{len(signs) - most}."
        )
    for name, pictures in signs.items():
        if not pictures:
            raise EvaluationError(f"'{name}' has no sample; draw one, or leave the sign out.")
    given = [picture for pictures in signs.values() for picture in pictures]
    TASKS[models.task].check_enrollment(given)
    samples = tuple(map(len, signs.values()))
    inputs = models.features(given)
    labels = torch.arange(len(signs)).repeat_interleave(torch.tensor(samples))
    personal = models.vop.enroll(inputs, labels)
    with torch.no_grad():
        each = models.vop.adapt(models.vop.represent(inputs)[:, None], labels[:, None])
        places = torch.arange(len(labels))
        alone = _gaussians(each["means"][places, labels], each["log_std"][places, labels])
        prior = models.vop.prior(1)
    return TaughtSigns(
        tuple(signs),
        samples,
        models.global_model.enroll(inputs, labels),
        personal,
        _gaussians(prior["means"][0], prior["log_std"][0])[: len(signs)],
        _gaussians(personal.adaptation["means"][0], personal.adaptation["log_std"][0])[
            : len(signs)
        ],
        tuple(
            tuple(one for one, label in zip(alone, labels.tolist(), strict=True) if label == sign)
            for sign in range(len(signs))
        ),
    )


def _gaussians(
    means: Float[Tensor, "class feature"], log_std: Float[Tensor, "class feature"]
) -> tuple[LayerPosterior, ...]:
    names = tuple(f"feature {number + 1}" for number in range(means.shape[1]))
    return tuple(
        LayerPosterior("class mean", names, mean, spread, torch.full_like(mean, torch.nan))
        for mean, spread in zip(means, log_std.exp(), strict=True)
    )


def answers(
    taught: TaughtSigns, models: Bundle, picture: Picture, *, generator: torch.Generator
) -> tuple[Answer, Answer]:
    """By the nearest mean, and averaged over draws of the classifier with 95 % credible intervals.

    Raises PictureError for what is no picture.
    """
    query = models.features([picture])
    drawn = taught.personal.predict(query, draws=DRAWS, generator=generator)
    return (
        first_answer(taught.by_mean.predict(query), taught.names),
        first_answer(drawn, taught.names, drawn),
    )
