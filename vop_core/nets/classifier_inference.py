r"""From a person's embedded clips to a Gaussian over the rows of a linear classifier [VERSA;
SAMOVAR].

A *row* is what the classifier knows of one class: its weights, then its bias. An inference network
reads a context, a mean over clips, and gives each number of a row a mean and a standard deviation,
either as deviations from a global row,

    mean = w_0 + s a(context),        ln std = ln s + b(context),

with a and b zero at the start, or from scratch.

Departs: [VERSA] has four networks, for the means and log variances of weights and of biases; here
all share one trunk.
"""

import math
from itertools import chain, pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vop_core.nets.encoder import Encoder
from vop_core.nets.personal_layers import PersonalClassifier

INITIAL_STD = 0.05  # of a generated number; a tenth of the spread of trained classifier weights
LARGEST_LOG_RATIO = 3.0  # the standard deviation stays within a factor of e^3 of it


class ClassifierInference(nn.Module):
    """A context to means and log standard deviations; ``layers`` 1 is linear in the context, 2 has
    a hidden layer.

    ``additive`` heads start at zero and ``INITIAL_STD``, and their standard deviation is bounded;
    the others start as any linear layer does, and nothing bounds their log variance.
    """

    def __init__(
        self, inputs: int, outputs: int, *, layers: int, hidden: int, additive: bool
    ) -> None:
        super().__init__()
        widths = [inputs] + [hidden] * (layers - 1)
        self.additive = additive
        hidden_layers = [(nn.Linear(before, after), nn.ELU()) for before, after in pairwise(widths)]
        self.trunk = nn.Sequential(*chain.from_iterable(hidden_layers))
        self.mean = nn.Linear(widths[-1], outputs)
        self.log_variance = nn.Linear(widths[-1], outputs)
        if additive:
            for head in (self.mean, self.log_variance):
                nn.init.zeros_(head.weight)
                nn.init.zeros_(head.bias)

    def forward(
        self, context: Float[Tensor, "*batch context"]
    ) -> tuple[Float[Tensor, "*batch number"], Float[Tensor, "*batch number"]]:
        """Mean and ln std of each generated number."""
        seen = self.trunk(context)
        mean, log_std = self.mean(seen), 0.5 * self.log_variance(seen)
        if self.additive:
            mean = (
                INITIAL_STD * mean
            )  # in units of its spread, or the first steps cost a divergence of hundreds of nats
            log_std = math.log(INITIAL_STD) + LARGEST_LOG_RATIO * torch.tanh(
                log_std / LARGEST_LOG_RATIO
            )
        return mean, log_std


def classifier_rows(classifier: PersonalClassifier) -> Float[Tensor, "label row"]:
    """The weights and bias of every class, side by side."""
    return torch.cat((classifier.weight, classifier.bias[:, None]), dim=1)


def classify(
    rows: Float[Tensor, "*draw person label row"], features: Float[Tensor, "person clip feature"]
) -> Float[Tensor, "*draw person clip label"]:
    """Logits of each person's clips under the person's own rows."""
    return features @ rows[..., :-1].mT + rows[..., None, :, -1]


def cross_entropy_of_rows(
    rows: Float[Tensor, "draw person label row"],
    query: Float[Tensor, "person query feature"],
    labels: Int[Tensor, "person query"],
) -> Float[Tensor, "draw person query"]:
    """-ln p(y | x, rows) under each draw of the rows."""
    logits = classify(rows, query)
    wanted = labels.expand(len(rows), *labels.shape)
    return nn.functional.cross_entropy(logits.movedim(-1, 1), wanted, reduction="none")


def mean_of_present(
    features: Float[Tensor, "person clip feature"], present: Bool[Tensor, "person clip"]
) -> Float[Tensor, "person feature"]:
    """Mean over the clips that count; zero where none does."""
    kept = torch.where(present[..., None], features, 0.0)
    return kept.sum(1) / present.sum(1, keepdim=True).clamp_min(1)


def mean_by_label(
    features: Float[Tensor, "person clip feature"],
    labels: Int[Tensor, "person clip"],
    present: Bool[Tensor, "person clip"],
    label_count: int,
) -> tuple[Float[Tensor, "person label feature"], Float[Tensor, "person label"]]:
    """Mean over the clips of each class, zero where there is none, and how many there are."""
    says = nn.functional.one_hot(labels, label_count).to(features) * present[..., None]
    counts = says.sum(1)
    return says.mT @ features / counts.clamp_min(1)[..., None], counts


def embed_episode(
    encoder: Encoder,
    enrollment: Float[Tensor, "person shot *input"],
    present: Bool[Tensor, "person shot"],
    query: Float[Tensor, "person query *input"],
) -> tuple[Float[Tensor, "person shot feature"], Float[Tensor, "person query feature"]]:
    """The same of a training step, with gradients and in one pass; zeros for enrollment clips that
    do not count.

    A step that is embedded already, because the encoder does not learn, stays as it is.
    """
    if query.ndim == 3:
        return torch.where(present[..., None], enrollment, 0.0), query
    clips = enrollment[present]
    features = encoder.embed(torch.cat((clips, query.flatten(0, 1))))
    asked = features[len(clips) :].unflatten(0, query.shape[:2])
    return spread(features[: len(clips)], present), asked


def spread(
    values: Float[Tensor, "clip number"], present: Bool[Tensor, "person shot"]
) -> Float[Tensor, "person shot number"]:
    """Values of the clips that are present in their places, zeros in the others."""
    places = values.new_zeros(*present.shape, values.shape[-1])
    places[present] = values
    return places
