r"""Amortised VoP: a hyper-personalizer reads the clips and makes the posterior [VOP].

A person k gives a few unlabeled clips x; one forward pass of the hyper-personalizer makes a
Gaussian q(w | x) over the weights of the personal layers, and the network answers with weights of
it. Training maximises the bound of the slides,

    ELBO_k = E_{w ~ q(w|x)} [ sum_i ln p(y_i | x_i, w) ] - KL( q(w|x) || p(w) )   [VOP slides],

summed over the N_k training clips that share the person's weights: per clip, the KL is divided by
N_k.

Two families of q, both diagonal Gaussians over an *inference vector*:

    diagonal   the vector is the personal weights' deviation itself, w = w_0 + v
    low_rank   the vector is a short personality code, w = w_0 + B z; the KL lives in z

Departs: the slides write the prior as p(w | x); here it is N(m, s^2 I), with m zero or learned, not
conditional.
Departs: the slides condition on the very clip that is classified (``conditioning="self"``, N_k =
1); the default is
``"cross"``, other clips of the same person, because ``self`` leaks the label into the weights.
Reconstruction: layers, family, aggregation, sizes, beta and the auxiliary person loss are ours; the
paper's were not available.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vop_core.methods.base import (
    SLOW,
    GaussianMethod,
    MethodFacts,
    TrainedConfig,
    every_clip,
)
from vop_core.methods.personal import Adaptation, WeightPosterior, gaussian_of
from vop_core.nets.classifier_inference import spread
from vop_core.nets.encoder import Encoder
from vop_core.nets.hyper_personalizer import HyperPersonalizer, HyperPersonalizerConfig
from vop_core.processes import rows_of_all
from vop_core.settings import not_negative, one_of
from vop_core.training.batches import EpisodeBatch
from vop_core.variational.elbo import negative_elbo
from vop_core.variational.gaussian import DiagonalGaussian

FAMILIES = ("low_rank", "diagonal")
# How a hyper-personalizer is trained in a few steps without losing its units or the person: see
# docs/diary.md.
STEADY: Mapping[str, Any] = {"steady": True, "mean_spread": 0.7, "rate": SLOW}
# Chosen on inner persons of fold 0 only, before any outer fold was scored: see docs/diary.md.
PERSONAL: Mapping[str, Any] = {"personal_layers": ("band_film",), "person_loss": 0.3, "beta": 0.2}


@dataclass(frozen=True, kw_only=True)
class AmortisedVopConfig(TrainedConfig, HyperPersonalizerConfig):
    """What is personal, how its posterior is made, and what the bound charges for it."""

    personal_layers: tuple[str, ...] = ("film",)
    family: str = one_of(FAMILIES, "low_rank")
    code: int = 16  # length of the personality code z
    conditioning: str = one_of(("cross", "self", "mixture"), "cross")
    beta: float = not_negative(1.0)  # 1 is the bound
    kl_warmup: float = 0.3  # share of the steps over which beta rises from 0
    # weight of the auxiliary loss that pulls a person's clip features together
    person_loss: float = not_negative(0.0)
    additive: bool = True  # else generated weights replace the global ones
    free_bits: float = not_negative(0.0)  # nats a number that the bound does not charge for


class AmortisedVop(GaussianMethod):
    """An encoder with personal layers and the hyper-personalizer that fills them.

    Variants are the same class with another prior (``prior_part``), or without a posterior
    (``facts``): then training and answers take its mean.
    """

    facts = MethodFacts(
        summary="one forward pass makes a Gaussian over personal weights; answers at its mean",
        source="VOP",
        trained=True,
        posterior=True,
        prior=True,
        foldable=True,
    )
    config_type = AmortisedVopConfig
    # the project's own setting, and the bound as it is
    tried = (
        {**PERSONAL, **STEADY},
        {**PERSONAL, **STEADY, "beta": 1.0, "evidence_dropout": 0.3},
    )
    # what moves the prior's mean with the clips; None: they do not move it
    prior_part: ClassVar[type[nn.Module] | None] = None

    def __init__(self, encoder: Encoder, config: AmortisedVopConfig | None = None) -> None:
        super().__init__(encoder, config)
        config = self.config
        self.layout = self.encoder.personal_layout(config.personal_layers)
        size = config.code if config.family == "low_rank" else self.layout.size
        self.prior_shift = self.prior_part and self.prior_part(config, self.layout)
        from_encoder = config.evidence == "encoder"
        inputs = encoder.statistic_count if from_encoder else encoder.input_shape[0]
        self.hyper_personalizer = HyperPersonalizer(config, weights=size, inputs=inputs)
        if config.family == "low_rank":
            # Small, so that training starts near the global weights whatever z is drawn.
            self.basis = nn.Parameter(
                0.01 * torch.randn(self.layout.size, size) / config.prior_scale
            )
        if not config.additive:
            # Replacing starts from what an untrained layer would have, learned from there on.
            self.replacement = nn.Parameter(self.global_weights().detach().clone())

    # --- training ---------------------------------------------------------------------------------

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Negative ELBO per clip with one reparameterised draw a person, plus the auxiliary person
        loss if asked for.
        """
        asked = {"cross": [batch], "self": [alone(batch)], "mixture": [batch, alone(batch)]}
        found = [self._bound(each, progress, generator) for each in asked[self.config.conditioning]]
        loss, logs = sum(loss for loss, _ in found) / len(found), found[0][1]
        return loss, logs | {"loss": loss.detach()}

    def _bound(
        self,
        batch: EpisodeBatch,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Enrollment clips make the weights that classify the queries; one KL a person."""
        features, statistics = self._hear(batch.enrollment, batch.present)
        posterior = self.hyper_personalizer.aggregate(features, batch.present)
        moved, query, labels = self._moved(statistics, batch.present), batch.query, batch.labels
        drawn = posterior.rsample(generator=generator) if self.facts.posterior else posterior.mean
        deviations = self.deviations(moved | {"mean": drawn})
        logits = self.encoder(query.flatten(0, 1), deviations).unflatten(0, query.shape[:2])
        misfit = functional.cross_entropy(logits.movedim(-1, 1), labels, reduction="none")
        per_number = posterior.kl_per_dimension(self.hyper_personalizer.prior())
        charged = (
            per_number.clamp_min(self.config.free_bits) if self.config.free_bits else per_number
        )
        kl = charged.sum(-1)
        warmup = min(1.0, progress / self.config.kl_warmup) if self.config.kl_warmup else 1.0
        loss = negative_elbo(misfit, kl, batch.training_clips, beta=self.config.beta * warmup)
        with torch.no_grad():
            ratio = (posterior.log_std - self.hyper_personalizer.prior().log_std).mean().exp()
            accuracy = (logits.argmax(-1) == labels).float().mean()
        logs = {
            "cross_entropy": misfit.mean().detach(),
            "kl": per_number.sum(-1).mean().detach(),
            "std_ratio": ratio,
            "accuracy": accuracy,
        }
        if self.config.person_loss:
            persons = same_person_loss(features, batch.present)
            loss = loss + self.config.person_loss * persons
            logs["person_loss"] = persons.detach()
        return loss, logs

    def embed_episodes(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Float[Tensor, "person clip feature"], Tensor | float]:
        """Under one draw a person, charged as in the bound; without a posterior, at its mean."""
        features, statistics = self._hear(batch.enrollment, batch.present)
        posterior = self.hyper_personalizer.aggregate(features, batch.present)
        moved, config = self._moved(statistics, batch.present), self.config
        drawn = posterior.rsample(generator=generator) if self.facts.posterior else posterior.mean
        own = self.deviations(moved | {"mean": drawn})
        clips = torch.cat((batch.enrollment, batch.query), dim=1)
        embedded = self.encoder.embed(clips.flatten(0, 1), own).unflatten(0, clips.shape[:2])
        charge = config.person_loss and config.person_loss * same_person_loss(
            features, batch.present
        )
        if config.beta:
            warmup = min(1.0, progress / config.kl_warmup) if config.kl_warmup else 1.0
            divergence = posterior.kl(self.hyper_personalizer.prior())
            charge = charge + config.beta * warmup * (divergence / batch.training_clips).mean()
        return embedded, charge

    # --- hearing clips ----------------------------------------------------------------------------

    def clip_features(
        self,
        inputs: Float[Tensor, "person shot *input"],
        present: Bool[Tensor, "person shot"] | None = None,
    ) -> Float[Tensor, "person shot feature"]:
        """What the hyper-personalizer makes of each clip before it combines them; zeros for clips
        not present.
        """
        return self._hear(inputs, every_clip(inputs) if present is None else present)[0]

    def _hear(
        self, inputs: Float[Tensor, "person shot *input"], present: Bool[Tensor, "person shot"]
    ) -> tuple[Float[Tensor, "person shot feature"], Float[Tensor, "person shot statistic"] | None]:
        """Features of each clip, and the encoder's statistics where the prior reads them; zeros
        where not present.
        """
        clips, from_encoder = inputs[present], self.config.evidence == "encoder"
        read = from_encoder or self.prior_shift
        statistics = self.encoder.statistics(clips) if read else None
        evidence = statistics if from_encoder else clips
        features = spread(self.hyper_personalizer.clip_features(evidence[None])[0], present)
        return features, spread(statistics, present) if self.prior_shift else None

    def _moved(self, statistics: Tensor | None, present: Tensor) -> Adaptation:
        if self.prior_shift is None:
            return {}
        return {"shift": self.prior_shift(statistics, present, self.global_weights())}

    # --- from inference vectors to weights --------------------------------------------------------

    def global_weights(self) -> Float[Tensor, " weight"]:
        """Those that persons deviate from."""
        return self.layout.flatten_global(dict(self.encoder.named_parameters()))

    def personal_weights(
        self, vectors: Float[Tensor, "*batch vector"]
    ) -> Float[Tensor, "*batch weight"]:
        """Deviations of the personal weights: B z for the low-rank family, the vector itself for
        the diagonal one.

        Where weights are replaced, what is added takes the global weights away again.
        """
        moved = vectors @ self.basis.mT if self.config.family == "low_rank" else vectors
        return moved if self.config.additive else moved + self.replacement - self.global_weights()

    def deviations(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """What adaptations add to the global weights, by parameter name, (person, \\*shape).

        Their mean, and how far their prior was shifted.
        """
        weights = self.personal_weights(adaptation["mean"])
        return self.layout.unflatten(
            weights + adaptation["shift"] if "shift" in adaptation else weights
        )

    # --- enrolling --------------------------------------------------------------------------------

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Mean and log standard deviation of each person's posterior; labels are not read."""
        present = every_clip(enrollment)
        return self._adaptation(*self._hear(enrollment, present), present)

    def adapt_one(
        self, clips: Float[Tensor, " shot *input"], labels: Int[Tensor, " shot"] | None
    ) -> tuple[Adaptation, Callable[[], Adaptation]]:
        """A person's posterior, and each clip's own; every clip is heard once."""
        present = every_clip(clips[None])
        heard = self._hear(clips[None], present)
        alone = [None if part is None else part[0][:, None] for part in heard]
        return self._adaptation(*heard, present), partial(self._adaptation, *alone, present.mT)

    def _adaptation(
        self, features: Tensor, statistics: Tensor | None, present: Tensor
    ) -> Adaptation:
        posterior = self.hyper_personalizer.aggregate(features, present)
        return self._kept(posterior) | self._moved(statistics, present)

    def prior(self, persons: int) -> Adaptation:
        """The prior, for persons of whom there is no clip."""
        kept = self._kept(self.hyper_personalizer.prior().expand(persons))
        if self.prior_shift is None:
            return kept
        return kept | {"shift": self.global_weights().new_zeros(persons, self.layout.size)}

    def _kept(self, gaussian: DiagonalGaussian) -> Adaptation:
        """No width where none is ever drawn from."""
        return {"mean": gaussian.mean} | (
            {"log_std": gaussian.log_std} if self.facts.posterior else {}
        )

    def posterior(self, adaptation: Adaptation) -> WeightPosterior:
        """The Gaussian over the inference vector, and how it becomes weights; where no width is
        kept, none.
        """
        if not self.facts.posterior:
            return super().posterior(adaptation)
        base, vector = self.global_weights().detach(), gaussian_of(adaptation)[0].detach()
        origin = base + self.personal_weights(torch.zeros_like(vector.mean)).detach()
        if "shift" in adaptation:
            origin = origin + adaptation["shift"][0].detach()
        basis = self.basis.detach() if self.config.family == "low_rank" else None
        return WeightPosterior(vector, basis, origin, base, self.layout)


def alone(batch: EpisodeBatch) -> EpisodeBatch:
    """The slides' literal reading: each query is a person, whose one clip makes the weights that
    classify it, and who pays a KL for it.
    """
    clips, labels = batch.query.flatten(0, 1)[:, None], batch.labels.reshape(-1, 1)
    weight, present = clips.new_ones(len(clips)), every_clip(clips)
    return EpisodeBatch(clips, present, clips, labels, training_clips=weight)


def same_person_loss(
    features: Float[Tensor, "person shot feature"],
    present: Bool[Tensor, "person shot"],
    temperature: float = 0.2,
) -> Float[Tensor, ""]:
    """Supervised contrast over the step's virtual persons: a clip should be nearest to clips of its
    own person.

    Mean over all pairs of clips of one person. Reconstruction: not in the slides; our first
    experiments found that such a loss makes the posterior tell persons apart.
    """
    features, present = rows_of_all(features), rows_of_all(present.to(features)) > 0
    flat = functional.normalize(features[present], dim=-1)
    owner = torch.arange(len(present), device=flat.device)[:, None].expand_as(present)[present]
    itself = torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    similarity = (flat @ flat.T / temperature).masked_fill(itself, -torch.inf)
    log_share = similarity.log_softmax(-1).masked_fill(itself, 0.0)
    same = (owner[:, None] == owner) & ~itself
    return -(log_share * same).sum() / same.sum().clamp_min(1)
