r"""Training to compare: is a clip of the person who enrolled?

Every person k of a step is a claimant: enrollment clips make the weights, and under these weights
enrollment and queries are embedded. Queries are the person's own and others', of the same corpus,
so that no channel gives the answer away. The score is the cosine with the enrollment's mean,

    s = w cos(e(x), mean_i e(x_i)) + c,    p(same | s) = 1 / (1 + exp(-s))

and the loss the Bernoulli misfit of same and different, which weigh alike, plus what the bound
charges for the weights [VOP slides, Method].

Everybody's weights, which are also the prior's mean, learn who of the training persons speaks, by
additive angular margins [ARCFACE]; a method without personal weights learns nothing else, and on
as many clips: the Bernoulli loss alone made it worse (DECISIONS.md, Speaker verification).

Departs: the slides give no loss for verification; ``w`` and ``c`` are ours, and forgotten after
training, since thresholds are chosen on other persons.
"""

import math
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vop_core.training.batches import EpisodeBatch

MARGIN, SHARPNESS = 0.2, 20.0  # radians, and what cosines are multiplied by
IMPOSTORS = 10  # clips of others that each claimant is asked about
COMPARING = 3.0  # weight of the Bernoulli loss beside the other
FIRST_SLOPE, FIRST_OFFSET = 10.0, -5.0


class Comparing(nn.Module):
    """A method while it learns to compare; ``corpus`` numbers each training person's."""

    def __init__(self, method: nn.Module, corpus: Int[Tensor, " speaker"]) -> None:
        super().__init__()
        self.method, self.corpus = method, corpus
        self.log_slope = nn.Parameter(torch.tensor(math.log(FIRST_SLOPE)))
        self.offset = nn.Parameter(torch.tensor(FIRST_OFFSET))

    def loss(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Of a step whose labels are its persons."""
        encoder = self.method.encoder
        embedded = encoder.embed(batch.query.flatten(0, 1))
        persons = batch.labels.flatten()
        loss = angular_margin_loss(embedded, encoder.classifier.weight, persons)
        if not self.method.facts.personal:
            return loss, {"loss": loss.detach()}
        asked, same = with_impostors(batch, self.corpus, generator=generator)
        own, charge = self.method.embed_episodes(asked, progress=progress, generator=generator)
        cosines = compared(own, asked)
        logits = self.log_slope.exp() * cosines + self.offset
        misfit = bernoulli_misfit(logits, same)
        loss = loss + COMPARING * (misfit + charge)
        return loss, {"loss": loss.detach(), "bernoulli": misfit.detach()}


def angular_margin_loss(
    embedded: Float[Tensor, "clip feature"],
    rows: Float[Tensor, "person feature"],
    persons: Int[Tensor, " clip"],
) -> Float[Tensor, ""]:
    """Cross-entropy of cosines with the persons' rows, the right angle made larger by the margin
    [ARCFACE].
    """
    cosine = functional.normalize(embedded) @ functional.normalize(rows).mT
    clip = torch.arange(len(persons), device=persons.device)
    # short of 1, where an angle has no slope
    angle = cosine[clip, persons].clamp(-1 + 1e-6, 1 - 1e-6).arccos()
    cosine = cosine.index_put((clip, persons), (angle + MARGIN).cos())
    return functional.cross_entropy(SHARPNESS * cosine, persons)


def with_impostors(
    batch: EpisodeBatch, corpus: Int[Tensor, " speaker"], *, generator: torch.Generator
) -> tuple[EpisodeBatch, Float[Tensor, "person query"]]:
    """The step with others' queries behind each person's own, from persons of the same corpus, or
    of any where the step holds no other; and which queries are the person's, as 1.
    """
    persons, queries = batch.labels.shape
    kind = corpus[batch.labels[:, 0].cpu()]
    other = ~torch.eye(persons, dtype=torch.bool)
    near = other & (kind[:, None] == kind)
    able = torch.where(near.any(1, keepdim=True), near, other).float()
    who = torch.multinomial(able, IMPOSTORS, replacement=True, generator=generator)
    which = torch.randint(queries, (persons, IMPOSTORS), generator=generator)
    who, which = who.to(batch.query.device), which.to(batch.query.device)
    asked = replace(
        batch,
        query=torch.cat((batch.query, batch.query[who, which]), dim=1),
        labels=torch.cat((batch.labels, batch.labels[who, which]), dim=1),
    )
    return asked, (asked.labels == batch.labels[:, :1]).float()


def compared(
    embedded: Float[Tensor, "person clip feature"], batch: EpisodeBatch
) -> Float[Tensor, "person query"]:
    """Cosine of each query with the mean of its person's present enrollment clips."""
    shots = batch.present.shape[1]
    weight = batch.present.float() / batch.present.sum(1, keepdim=True).clamp_min(1)
    centre = (weight[..., None] * embedded[:, :shots]).sum(1, keepdim=True)
    return functional.cosine_similarity(embedded[:, shots:], centre, dim=-1)


def bernoulli_misfit(
    logits: Float[Tensor, "person query"], same: Float[Tensor, "person query"]
) -> Float[Tensor, ""]:
    """Negative log likelihood of same and different, either half of the whole."""
    misfit = functional.binary_cross_entropy_with_logits(logits, same, reduction="none")
    return (misfit[same > 0].mean() + misfit[same == 0].mean()) / 2
