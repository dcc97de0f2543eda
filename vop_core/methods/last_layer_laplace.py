r"""A Gaussian over the classifier's weights, made after training, by Laplace's method [LAPLACE].

With features phi = (z, 1), weights w = (W, b) and prior N(0, I / delta), the posterior is taken to
be Gaussian at the trained weights with the curvature of the negative log joint there,

    p(w | data) = N( w_MAP, (H + delta I)^-1 )
    H = sum_n (diag(p_n) - p_n p_n^T) kron phi_n phi_n^T

H is the generalised Gauss-Newton matrix; for a linear layer under a softmax it is the Hessian
itself. The prior precision delta maximises the evidence of the same approximation,

    ln Z = sum_n ln p(y_n | w) - delta/2 ||w||^2 + 1/2 sum_j ( ln delta - ln(lambda_j + delta) ) +
    const

with lambda_j the eigenvalues of H: one decomposition, then a grid.

It is nobody's own: all persons have the same distribution, their enrollment clips are not read. It
asks whether the spread of a personal posterior says more than a spread that anybody can have.

Departs: the trained weights are taken for the maximum, though early stopping and dropout had their
say. The library laplace-torch is not used because it demands a torchvision of its own; a test
compares with it where it is.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vop_core.data.features import FeatureTable
from vop_core.errors import EvaluationError
from vop_core.methods.base import MethodFacts, SharedClassifier, needed_generator
from vop_core.methods.personal import Adaptation
from vop_core.nets.batched import CLIPS_AT_ONCE
from vop_core.nets.classifier_inference import classifier_rows
from vop_core.nets.encoder import Encoder
from vop_core.settings import Settings, checked


@dataclass(frozen=True, kw_only=True)
class LaplaceConfig(Settings):
    """The prior."""

    # delta; None: by the evidence
    prior_precision: float | None = checked(
        lambda value: value is None or value > 0, "must be positive", None
    )


class LastLayerLaplace(SharedClassifier):
    """The global model, with a distribution over its last layer."""

    facts = MethodFacts(
        summary="Reads no clips; averages the answers of classifiers drawn around the global one.",
        source="LAPLACE",
        personal=False,
        draws=10,
        foldable=True,
    )
    config_type = LaplaceConfig
    tried = tuple({"prior_precision": precision} for precision in (None, 10.0, 100.0, 1000.0))

    def __init__(self, encoder: Encoder, config: LaplaceConfig | None = None) -> None:
        super().__init__(encoder, config)
        size = classifier_rows(encoder.classifier).numel()
        self.register_buffer("root", torch.full((size, size), torch.nan))  # R R^T is the covariance
        self.register_buffer("prior_precision", torch.tensor(torch.nan))

    @torch.no_grad()
    def prepare(self, clips: FeatureTable, kept: FeatureTable | None = None) -> None:
        """Curvature over the training clips, and the prior precision."""
        classifier, embeddings = self.encoder.classifier, self.represent(clips.features)
        curvature = softmax_curvature(embeddings, classifier(embeddings).softmax(-1))
        eigenvalues, directions = torch.linalg.eigh(curvature)
        eigenvalues = eigenvalues.clamp_min(0)  # rounding alone can put them below
        precision = self.config.prior_precision
        if precision is None:
            log_likelihood = -functional.cross_entropy(
                classifier(embeddings), clips.label.to(embeddings.device), reduction="sum"
            ).double()
            squared_norm = classifier_rows(classifier).double().square().sum()
            precision = best_prior_precision(eigenvalues, squared_norm, log_likelihood)
        self.prior_precision.fill_(precision)
        self.root.copy_(directions / (eigenvalues + precision).sqrt())

    def draw(
        self, adaptation: Adaptation, count: int, *, generator: torch.Generator | None
    ) -> Adaptation:
        """All persons under the same draws of the classifier. Raises EvaluationError before
        ``prepare``.
        """
        if self.prior_precision.isnan():
            raise EvaluationError(
                "There is no posterior yet; call prepare with the training clips first."
            )
        rows = self.sample_weights(count, generator=needed_generator(generator))
        return {self.rows: rows[:, None].expand(-1, len(adaptation["nothing"]), -1, -1)}

    def sample_weights(
        self, draws: int, *, generator: torch.Generator
    ) -> Float[Tensor, "draw label feature_and_one"]:
        """Draws of (W, b)."""
        mean = classifier_rows(self.encoder.classifier).detach()
        noise = torch.randn(draws, len(self.root), generator=generator).to(self.root.device)
        return mean + (noise @ self.root.T).unflatten(1, mean.shape)


def softmax_curvature(
    embeddings: Float[Tensor, "clip feature"], probabilities: Float[Tensor, "clip label"]
) -> Float[Tensor, "weight weight"]:
    """H of the module's equation in float64; a weight's index is label * (features + 1) + feature,
    the bias last.
    """
    labels, features = probabilities.shape[1], embeddings.shape[1] + 1
    total = embeddings.new_zeros(labels**2, features**2, dtype=torch.float64)
    for z, p in zip(
        embeddings.split(CLIPS_AT_ONCE), probabilities.split(CLIPS_AT_ONCE), strict=True
    ):
        phi, p = functional.pad(z, (0, 1), value=1.0).double(), p.double()
        spread = torch.diag_embed(p) - p[:, :, None] * p[:, None]
        total += spread.flatten(1).T @ (phi[:, :, None] * phi[:, None]).flatten(1)
    blocks = total.view(labels, labels, features, features)
    return blocks.transpose(1, 2).reshape(labels * features, labels * features)


def best_prior_precision(
    eigenvalues: Float[Tensor, " weight"],
    squared_norm: Float[Tensor, ""],
    log_likelihood: Float[Tensor, ""],
) -> float:
    """The delta of largest evidence among 161 from 1e-4 to 1e4, evenly spaced in the logarithm."""
    grid = torch.logspace(-4, 4, 161, dtype=eigenvalues.dtype).to(eigenvalues.device)
    evidence = log_evidence(eigenvalues, squared_norm, log_likelihood, grid)
    return float(grid[evidence.argmax()])


def log_evidence(
    eigenvalues: Float[Tensor, " weight"],
    squared_norm: Float[Tensor, ""],
    log_likelihood: Float[Tensor, ""],
    prior_precision: Float[Tensor, " grid"],
) -> Float[Tensor, " grid"]:
    """ln Z of the module's equation, in nats; the constant is 0, because the powers of 2 pi
    cancel.
    """
    delta = prior_precision[:, None]
    volume = 0.5 * (delta.log() - (eigenvalues + delta).log()).sum(-1)
    return log_likelihood - 0.5 * prior_precision * squared_norm + volume
