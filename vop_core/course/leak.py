"""Self against cross conditioning, small enough to train in seconds: the package's
hyper-personalizer moves a classifier.

The encoder is the shipped global one and stays as it is; clips are its embeddings. The personal
part is the classifier's deviation, generated from a short code, and trained with the package's own
bound. Only the conditioning differs:

    self    the clip that makes the weights is the one classified, with a KL of its own [VOP slides]
    cross   another clip of the same person makes the weights, one KL a person
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vop_core.course.material import bundled_crowd, models
from vop_core.data.virtual_persons import VirtualPersons, augment
from vop_core.nets.batched import embeddings_of
from vop_core.nets.hyper_personalizer import HyperPersonalizer, HyperPersonalizerConfig
from vop_core.nets.personal_layers import PersonalClassifier
from vop_core.variational.elbo import negative_elbo
from vop_core.variational.gaussian import DiagonalGaussian

CODE = 8
PERSONS_PER_STEP, QUERIES = 24, 6


@dataclass(frozen=True)
class EmbeddedPersons:
    """Persons' clips as the global encoder embeds them."""

    clips: Float[Tensor, "person clip feature"]
    labels: Int[Tensor, "person clip"]


class ClassifierVop(nn.Module):
    """The global classifier plus a personal deviation with a Gaussian posterior."""

    def __init__(self, classifier: PersonalClassifier) -> None:
        super().__init__()
        self.classifier = classifier.requires_grad_(False)
        labels, features = classifier.weight.shape
        self.hyper_personalizer = HyperPersonalizer(
            HyperPersonalizerConfig(features=32, steady=True), weights=CODE, inputs=features
        )
        self.basis = nn.Parameter(0.05 * torch.randn(labels * (features + 1), CODE))

    def posterior(self, enrollment: Float[Tensor, "person shot feature"]) -> DiagonalGaussian:
        """q(z | clips) of every person."""
        return self.hyper_personalizer(enrollment)

    def logits(
        self, code: Float[Tensor, "person code"], query: Float[Tensor, "person query feature"]
    ) -> Float[Tensor, "person query label"]:
        """With each person's own classifier."""
        labels, features = self.classifier.weight.shape
        moved = (code @ self.basis.mT).unflatten(1, (labels, features + 1))
        flat = self.classifier(query.flatten(0, 1), moved[..., :-1], moved[..., -1])
        return flat.unflatten(0, query.shape[:2])

    @torch.no_grad()
    def predict_proba(
        self,
        enrollment: Float[Tensor, "person shot feature"],
        query: Float[Tensor, "person query feature"],
    ) -> Float[Tensor, "person query label"]:
        """Probabilities with the weights at the posterior mean."""
        return self.logits(self.posterior(enrollment).mean, query).softmax(-1)


@torch.no_grad()
def embedded_persons(
    copies: int, *, generator: torch.Generator
) -> tuple[EmbeddedPersons, EmbeddedPersons]:
    """Bundled voices for training, each as several virtual persons; and others, as recorded, to be
    asked.
    """
    crowd = bundled_crowd()
    encoder = models().global_model.encoder
    clips = torch.cat([crowd.enrollment, crowd.query], dim=1)
    labels = torch.cat([crowd.enrollment_labels, crowd.query_labels], dim=1)
    held_out = len(crowd.names) // 3
    config = VirtualPersons()
    made = torch.cat(
        [augment(clips[held_out:], config, generator=generator) for _ in range(copies)]
    )
    return (
        EmbeddedPersons(_embedded(encoder, made), labels[held_out:].repeat(copies, 1)),
        EmbeddedPersons(_embedded(encoder, clips[:held_out]), labels[:held_out]),
    )


def _embedded(
    encoder: nn.Module, clips: Float[Tensor, "person clip mel frame"]
) -> Float[Tensor, "person clip feature"]:
    return embeddings_of(encoder, clips.flatten(0, 1)).unflatten(0, clips.shape[:2])


def train_classifier_vop(
    persons: EmbeddedPersons,
    conditioning: str,
    *,
    steps: int,
    beta: float = 0.2,
    generator: torch.Generator,
) -> ClassifierVop:
    """Train with ``self`` or ``cross`` conditioning; the same steps, persons and price of the
    divergence.
    """
    if conditioning not in ("self", "cross"):
        raise ValueError(f"conditioning is self or cross, got {conditioning!r}")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vop = ClassifierVop(models().global_model.encoder.classifier)
    optimiser = torch.optim.Adam([each for each in vop.parameters() if each.requires_grad], lr=3e-3)
    count, clips = persons.labels.shape
    for _ in range(steps):
        rows = torch.randint(count, (PERSONS_PER_STEP,), generator=generator)
        order = torch.rand(PERSONS_PER_STEP, clips, generator=generator).argsort(1)[
            :, : QUERIES + 1
        ]
        heard = persons.clips[rows[:, None], order]
        labels = persons.labels[rows[:, None], order[:, 1:]]
        if conditioning == "cross":
            enrollment, query = heard[:, :1], heard[:, 1:]
            training_clips = torch.full((PERSONS_PER_STEP,), float(clips))
        else:  # every clip is a person of its own
            enrollment = query = heard[:, 1:].flatten(0, 1)[:, None]
            labels, training_clips = labels.reshape(-1, 1), torch.ones(PERSONS_PER_STEP * QUERIES)
        posterior = vop.posterior(enrollment)
        logits = vop.logits(posterior.rsample(generator=generator), query)
        misfit = functional.cross_entropy(logits.movedim(-1, 1), labels, reduction="none")
        loss = negative_elbo(
            misfit, posterior.kl(vop.hyper_personalizer.prior()), training_clips, beta=beta
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return vop.eval().requires_grad_(False)


@dataclass(frozen=True)
class LeakFigures:
    """What a model gives its own clip, and what it gives another clip of the same person;
    fractions.
    """

    same_clip: float  # right answers where the clip itself made the weights: what training saw
    other_clip: float  # right answers where another clip of the person did: what enrollment does
    global_model: float
    # of the wrong answers under another clip, how many name the word that was enrolled
    enrolled_word: float
    # the same of the global model, which has heard no enrollment: chance
    enrolled_word_global: float


@torch.no_grad()
def leak_figures(vop: ClassifierVop, persons: EmbeddedPersons) -> LeakFigures:
    """Every clip of every person asked under itself and under every other clip of the same
    person.
    """
    count, clips, features = persons.clips.shape
    alone = persons.clips.reshape(count * clips, 1, features)
    # (person * enrolled, query, feature)
    everything = persons.clips.repeat_interleave(clips, dim=0)
    answers = vop.predict_proba(alone, everything).argmax(-1).view(count, clips, clips)
    without = vop.classifier(persons.clips).argmax(-1)[:, None].expand(count, clips, clips)
    truth = persons.labels[:, None].expand(count, clips, clips)
    enrolled = persons.labels[:, :, None].expand(count, clips, clips)
    itself = torch.eye(clips, dtype=torch.bool).expand(count, clips, clips)
    other_word = enrolled != truth

    def leaked(given: Tensor) -> float:
        wrong = (given != truth) & other_word
        return float((given == enrolled)[wrong].float().mean()) if bool(wrong.any()) else 0.0

    right = (answers == truth).float()
    return LeakFigures(
        same_clip=float(right[itself].mean()),
        other_clip=float(right[~itself].mean()),
        global_model=float((without == truth)[~itself].float().mean()),
        enrolled_word=leaked(answers),
        enrolled_word_global=leaked(without),
    )
