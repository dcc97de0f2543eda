"""Signs in episodes: classes drawn as the method assumes, whose best answer is known, and digits of
the bundled writers, as signs of which the model in the box knows nothing.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Normal

from vop_core.course.budget import within_budget
from vop_core.course.material import models
from vop_core.data.voices import BundledPerson
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.class_vop import DRAWS, ClassPosterior
from vop_core.nets.classifier_inference import classify
from vop_core.tasks.registry import TASKS
from vop_core.variational.gaussian import DiagonalGaussian

TASK, WRITERS = "signs", "handwriting"
WAYS, DIGITS, TAKES = 5, 10, 4  # signs in an episode, digits, drawings of each by a writer
MOST_SAMPLES = TAKES - 1  # the last drawing is asked about
FEATURES = 16  # of classes that are drawn
QUERIES = 10  # of each drawn episode

MEAN, AVERAGED, EXACT = "the mean classifier", "the average over draws", "the exact answer"
RULES = (MEAN, AVERAGED, EXACT)
OWN, STRANGER = "own drawings", "another writer's drawings"
PIXELS, PROTOTYPES, VOP = "pixels", "prototypes", "vop"
HOW = (PIXELS, PROTOTYPES, VOP)


# --- how a posterior over class means answers -----------------------------------------------------


def log_answers(
    classes: ClassPosterior,
    found: DiagonalGaussian,  # batch axes: person, label
    query: Float[Tensor, "person query feature"],
    *,
    generator: torch.Generator,
) -> dict[str, Float[Tensor, "person query label"]]:
    """ln p(k | z) by each rule. The exact one follows where clips are made as the model says: the
    query is one more clip of its class, p(k | z) proportional to N(z; mean_k, var_k + sigma^2).
    """
    drawn = found.sample(DRAWS, generator=generator)
    width = (found.std.square() + (2 * classes.log_clip_std).exp()).sqrt()
    likely = Normal(found.mean[:, None], width[:, None]).log_prob(query[:, :, None]).sum(-1)
    averaged = classify(classes.rows(drawn), query).softmax(-1).mean(0)
    return {
        MEAN: classify(classes.rows(found.mean), query).log_softmax(-1),
        AVERAGED: averaged.log(),
        EXACT: likely.log_softmax(-1),
    }


def _misfit(
    answers: Float[Tensor, "person query label"], truth: Int[Tensor, "person query"]
) -> Float[Tensor, " person"]:
    return -answers.gather(-1, truth[..., None])[..., 0].mean(1)


@lru_cache(maxsize=64)
@torch.no_grad()
def drawn_misfits(samples: int, spread: float) -> dict[str, Float[Tensor, " episode"]]:
    """-ln p of the true class, by each rule, in episodes whose five class means come from
    N(0, spread^2), samples and queries being one unit off in each feature.
    """
    generator = torch.Generator().manual_seed(12)
    episodes = within_budget(full=200, short=100)
    classes = ClassPosterior(WAYS, FEATURES)
    classes.set_scales(clip_std=1.0, class_std=spread)
    means = spread * torch.randn(episodes, WAYS, FEATURES, generator=generator)

    def clips(of_each: int) -> tuple[Tensor, Tensor]:
        labels = torch.arange(WAYS).repeat_interleave(of_each).expand(episodes, -1)
        own = means.gather(1, labels[..., None].expand(-1, -1, FEATURES))
        return own + torch.randn(own.shape, generator=generator), labels

    enrollment, labels = clips(samples)
    query, truth = clips(QUERIES // WAYS)
    found = classes.posterior(enrollment, labels, torch.ones_like(labels, dtype=torch.bool))
    answers = log_answers(classes, found, query, generator=generator)
    return {rule: _misfit(each, truth) for rule, each in answers.items()}


# --- the bundled writers --------------------------------------------------------------------------


class Episodes(NamedTuple):
    """The same number of each writer, writer by writer."""

    enrollment: Float[Tensor, "episode shot row column"]
    labels: Int[Tensor, "episode shot"]
    query: Float[Tensor, "episode query row column"]
    truth: Int[Tensor, "episode query"]


@lru_cache(maxsize=1)
def writers() -> tuple[BundledPerson, ...]:
    """Those whose digits serve as signs."""
    return TASKS[WRITERS].bundled_persons()


@lru_cache(maxsize=1)
def drawings() -> Float[Tensor, "writer digit take row column"]:
    """As many of each digit by each writer, as the model in the box sees them."""
    seen = []
    for person in writers():
        given = (*person.enrollment, *person.query)
        for digit in range(DIGITS):
            own = [each for each in given if each.label == str(digit)][:TAKES]
            seen.append(models(TASK).features([each.load() for each in own]))
    return torch.stack(seen).unflatten(0, (-1, DIGITS))


@lru_cache(maxsize=8)
def episodes(samples: int, whose: str = OWN) -> Episodes:
    """Five digits of a writer, taught by so many drawings of each, and asked about by the last: the
    ten digits are parted in two several times, in the same way for all writers. A stranger's
    drawings of the *same* digits change the hand alone.
    """
    generator = torch.Generator().manual_seed(5)
    asked = drawings()
    taught = asked.roll(1, 0) if whose == STRANGER else asked
    parts = within_budget(full=5, short=2)
    chosen = torch.cat(
        [torch.randperm(DIGITS, generator=generator).view(-1, WAYS) for _ in range(parts)]
    )

    def of(hands: Tensor, takes: slice) -> tuple[Tensor, Tensor]:
        drawn = hands[:, chosen, takes].flatten(0, 1)
        labels = torch.arange(WAYS).repeat_interleave(drawn.shape[2])
        return drawn.flatten(1, 2), labels.expand(len(drawn), -1)

    return Episodes(*of(taught, slice(samples)), *of(asked, slice(MOST_SAMPLES, TAKES)))


@torch.no_grad()
def _seen(
    model: PersonalizationMethod, pictures: Float[Tensor, "episode clip row column"]
) -> Float[Tensor, "episode clip feature"]:
    return model.represent(pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2])


def _by_writer(values: Float[Tensor, " episode"]) -> Float[Tensor, "writer part"]:
    return values.unflatten(0, (len(writers()), -1))


@lru_cache(maxsize=16)
@torch.no_grad()
def accuracy(how: str, samples: int = 1, whose: str = OWN) -> Float[Tensor, "writer part"]:
    """Right answers in each episode: the nearest mean of the pictures themselves, of the global
    encoder's features, or VoP's classifier averaged over its draws.
    """
    given = episodes(samples, whose)
    if how == PIXELS:
        means = given.enrollment.unflatten(1, (WAYS, samples)).mean(2).flatten(2)
        found = torch.cdist(given.query.flatten(2), means).argmin(-1)
    elif how == PROTOTYPES:
        model = models(TASK).global_model
        kept = model.adapt(_seen(model, given.enrollment), given.labels)
        found = model.predict_proba(kept, _seen(model, given.query)).argmax(-1)
    else:
        found = _vop_answers(samples, whose)[AVERAGED].argmax(-1)
    return _by_writer((found == given.truth).float().mean(1))


@lru_cache(maxsize=16)
@torch.no_grad()
def _vop_answers(samples: int, whose: str) -> dict[str, Float[Tensor, "episode query label"]]:
    given, model = episodes(samples, whose), models(TASK).vop
    kept = model.adapt(_seen(model, given.enrollment), given.labels)
    found = DiagonalGaussian(kept["means"][:, :WAYS], kept["log_std"][:, :WAYS])
    query = _seen(model, given.query)
    generator = torch.Generator().manual_seed(samples)
    return log_answers(model.classes, found, query, generator=generator)


def misfits(samples: int = 1, whose: str = OWN) -> dict[str, Float[Tensor, " writer"]]:
    """-ln p of the true sign by the shipped VoP, each rule, a mean over each writer's episodes."""
    truth = episodes(samples, whose).truth
    answers = _vop_answers(samples, whose)
    return {rule: _by_writer(_misfit(each, truth)).mean(1) for rule, each in answers.items()}


def sureness(samples: int = 1) -> dict[str, tuple[float, float]]:
    """By each rule: how sure the shipped VoP is of its answers on average, and how often it is
    right.
    """
    truth = episodes(samples).truth
    return {
        rule: (float(each.amax(-1).exp().mean()), float((each.argmax(-1) == truth).float().mean()))
        for rule, each in _vop_answers(samples, OWN).items()
    }
