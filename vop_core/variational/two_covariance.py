r"""How clips of persons lie: the two-covariance model of speaker verification [PLDA].

A clip x_ki of person k is a vector, Gaussian about the person's own place, which is Gaussian over
persons:

    b_k ~ N(m, B),    x_ki | b_k ~ N(b_k, W)

Two questions about some clips have answers in closed form. Do they *agree*: how much likelier are
they as one person's than as clips of as many different persons? And are they *distant*: how far is
their mean from where persons' means lie? Noise agrees with itself perfectly and lies where nobody
does; clips of a mixture lie where persons do and disagree.

Agreement is judged in the few directions in which persons differ most compared to their clips:
along the others there is hardly anything to agree about, and the model's errors add up.
Verification asks the first question of some clips and one more: how much likelier is it as the same
person's than as anybody's?
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

DIRECTIONS = 20  # in which agreement is judged
SHRINKAGE = 0.1  # of the clips' correlations within persons, which are many for so few clips
LEAST_VARIANCE = 1e-4  # of a number, whose unit is the prior's standard deviation


@dataclass(frozen=True)
class TwoCovariance:
    """Mean and covariances of clips within and between persons."""

    mean: Float[Tensor, " vector"]
    between: Float[Tensor, " vector"]  # the diagonal of B
    within: Float[Tensor, " vector"]  # the diagonal of W
    # times a vector, W becomes the identity and B diagonal,
    directions: Float[Tensor, "direction vector"]
    ratios: Float[Tensor, " direction"]  # with these values, descending

    @classmethod
    def fit(
        cls, clips: Float[Tensor, "clip vector"], person: Int[Tensor, " clip"]
    ) -> "TwoCovariance":
        """By moments. Persons are numbered from 0 and weigh alike, however many clips they have.

        Raises ValueError unless there are two persons and somebody has two clips.
        """
        clips, count = clips.double(), torch.bincount(person).double()
        if len(count) < 2 or len(clips) == len(count):
            raise ValueError("two covariances need two persons, and two clips of somebody")
        own = torch.zeros(len(count), clips.shape[1], dtype=clips.dtype)
        own = own.index_add(0, person, clips) / count[:, None]
        mean, apart = own.mean(0), clips - own[person]
        several = count > 1
        weight = several / (count - 1).clamp_min(1) / several.sum()
        within = (weight[person, None] * apart).mT @ apart
        # persons' means spread by what their clips do not settle, too
        between = own.mT.cov() - within * (1 / count).mean()
        floor = torch.full_like(mean, LEAST_VARIANCE)
        spread = (1 - SHRINKAGE) * within + torch.diag(SHRINKAGE * within.diagonal() + floor)
        whiten = torch.linalg.inv(torch.linalg.cholesky(spread))
        ratios, vectors = torch.linalg.eigh(whiten @ between @ whiten.mT)
        ratios, vectors = ratios.flip(0)[:DIRECTIONS], vectors.flip(1)[:, :DIRECTIONS]
        found = (
            mean,
            between.diagonal().clamp_min(0),
            within.diagonal() + floor,
            vectors.mT @ whiten,
            ratios.clamp_min(0),
        )
        return cls(*(value.float().contiguous() for value in found))

    def agreement(self, clips: Float[Tensor, "*batch shot vector"]) -> Float[Tensor, "*batch"]:
        """Log likelihood ratio of one person against as many as clips, in nats for each clip after
        the first. Raises ValueError for a single clip.
        """
        shots = clips.shape[-2]
        if shots < 2:
            raise ValueError("one clip cannot agree with another")
        placed = (clips - self.mean) @ self.directions.mT
        mean, ratios = placed.mean(-2), self.ratios
        apart = (placed - mean[..., None, :]).square().sum(-2)
        one = shots * mean.square() / (shots * ratios + 1) + apart + (shots * ratios + 1).log()
        several = placed.square().sum(-2) / (ratios + 1) + shots * (ratios + 1).log()
        return 0.5 * (several - one).sum(-1) / (shots - 1)

    def log_likelihood_ratio(
        self,
        clips: Float[Tensor, "*batch shot vector"],
        asked: Float[Tensor, "*batch query vector"],
    ) -> Float[Tensor, "*batch query"]:
        """Of each asked clip as one more of the person whose clips these are, against anybody's, in
        nats: the score of verification [PLDA].
        """
        shots = clips.shape[-2]
        own, other = ((each - self.mean) @ self.directions.mT for each in (clips, asked))
        left = self.ratios / (1 + shots * self.ratios)  # of a person's variance
        place = shots * left * own.mean(-2)
        near, any_ = 1 + left, 1 + self.ratios
        misfit = other.square() / any_ - (other - place[..., None, :]).square() / near
        return 0.5 * (misfit + (any_ / near).log()).sum(-1)

    def distance(self, clips: Float[Tensor, "*batch shot vector"]) -> Float[Tensor, "*batch"]:
        """Of the clips' mean from the persons', in standard deviations of such a mean: the root
        mean square over the numbers, of which 1 is usual.
        """
        variance = self.between + self.within / clips.shape[-2]
        return ((clips.mean(-2) - self.mean).square() / variance).mean(-1).sqrt()
