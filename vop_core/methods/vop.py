r"""VoP as a cascade: each personal layer reads its own input, layer after layer, in one pass [VOP].

A person k is, in every channel of a normalisation, an offset b_k from what is usual there: of the
mean, and of the spread. The offset is Gaussian over persons, and a clip shows it with an error,

    b_k ~ N(0, tau^2),    d_ki | b_k ~ N(b_k, sigma^2)

so that the posterior after n clips is known exactly, each clip being evidence,

    a = n / (n + n_0),  n_0 = sigma^2 / tau^2
    q(b_k | x) = N( a mean_i d_ki, tau^2 (1 - a) )

With no clip it is the prior, which is the global model. A layer with scale gamma and shift beta
takes an offset (b_scale, b_shift) as

    gamma (1 + b_scale),    beta - gamma b_shift

which is linear: the person's weights are Gaussian too, and fold into the layer's own. The layer
hands on what it makes with the posterior's mean; the next one reads that. Statistics of the
un-adapted network, corrected in all layers at once (``cascade=False``), count a shift again in
every layer below it.

Encoder and n_0 are trained together on episodes of 0 to n enrollment clips. Afterwards tau and
sigma are estimated from training persons: of two parts of a person's clips, each run through the
cascade by itself, the product of the mean offsets estimates tau^2, their squared difference sigma^2
(1/n + 1/m).

Which words a clip says moves its statistics as well. With ``content`` the network's own answer
before it knows the person, still without a label, says which words they were likely to be, and what
is usual of these is taken off first.

Reconstruction: the slides say "a posterior distribution of weights of a layer" and name neither
layers nor form; this one is ours.
Departs: training minimises the error at the posterior's mean. With ``beta`` it is the bound of the
slides: weights are drawn, tau is learned, and one KL a person is charged beta times.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vop_core.data.features import ENVIRONMENTS, FeatureTable
from vop_core.methods.base import (
    GaussianMethod,
    MethodFacts,
    TrainedConfig,
    supervised_loss,
)
from vop_core.methods.personal import Adaptation, WeightPosterior, gaussian_of
from vop_core.modes import evaluation_mode
from vop_core.nets.batched import CLIPS_AT_ONCE
from vop_core.nets.encoder import Encoder
from vop_core.settings import not_negative, positive
from vop_core.training.batches import EpisodeBatch
from vop_core.variational.gaussian import DiagonalGaussian

FORGETTING = 0.05  # share of a step in the running mean of typical spreads
FLOOR = 1e-4  # added to a clip's variance, of which the usual one is 1
SMALLEST_SHARE = 0.02  # of the clip variance, which the variance over persons may fall to
MOST_CLIPS = 20  # of a person, that variances are estimated on
FIRST_PERSON_STD = 0.3  # tau before the bound is trained, of a channel whose clips have 1
KL_WARMUP = 0.3  # share of the steps over which beta rises from 0
ROUNDS = 2  # of estimation, since the cascade itself depends on what is estimated


@dataclass(frozen=True, kw_only=True)
class VopConfig(TrainedConfig):
    """How the cascade is trained."""

    min_shots: int = 0  # with no clip among the episodes, the prior stays a good global model
    first_clips: float = positive(3.0)  # n_0 before training
    cascade: bool = True  # else all layers read the un-adapted network
    content: bool = False  # take off what the words explain
    beta: float = not_negative(0.0)  # 1 is the bound; 0 trains at the posterior's mean


class Vop(GaussianMethod):
    """An encoder whose normalisations become a person's own."""

    facts = MethodFacts(
        summary="one pass, layer by layer, makes an exact Gaussian over scales and shifts",
        source="VOP",
        trained=True,
        posterior=True,
        prior=True,
        foldable=True,
    )
    config_type = VopConfig
    # ln n_0 has far to go in few steps
    tried = ({}, {"rate": 4.0}, {"rate": 16.0})

    def __init__(self, encoder: Encoder, config: VopConfig | None = None) -> None:
        super().__init__(encoder, config)
        self.layout = encoder.personal_layout(("band_film",))
        size = self.layout.size
        first = torch.full((size,), self.config.first_clips)
        self.log_prior_clips = nn.Parameter(first.log())  # ln n_0
        self.register_buffer("person_variance", torch.ones(size))  # tau^2
        self.register_buffer("clip_variance", first.clone())  # sigma^2
        if self.config.beta:
            self.log_person_std = nn.Parameter(torch.full((size,), FIRST_PERSON_STD).log())
        # 1 / standard deviation of a clip, of a channel whose clips together have 1
        self.register_buffer("typical_narrowness", torch.ones(size // 2))
        if self.config.content:  # mean offset of a word's clips, over persons
            self.register_buffer("word_offsets", torch.zeros(encoder.config.labels, size))

    @property
    def prior_clips(self) -> Float[Tensor, " weight"]:
        """How many clips the prior is worth, n_0: learned in training, then estimated."""
        if self.training:
            return self.log_prior_clips.exp()
        return self.clip_variance / self.person_variance

    # --- training ---------------------------------------------------------------------------------

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        label_smoothing: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the queries under the weights that the enrollment clips make; with
        ``beta``, the negative bound a clip.
        """
        clips, owner, enrolls = batch.together()
        noise = self._noise(len(batch.labels), generator=generator)
        embedded, offsets = self._cascade(clips, owner, enrolls, noise=noise)
        logits = self.encoder.classifier(embedded[~enrolls])
        loss, logs = supervised_loss(logits, batch.labels.flatten(), label_smoothing)
        if not self.config.beta:
            return loss, logs
        posterior = self._posterior(offsets, batch.present.sum(1).float())
        divergence = posterior.kl(self._prior())
        charged = self.config.beta * min(1.0, progress / KL_WARMUP)
        loss = loss + charged * (divergence / batch.training_clips).mean()
        return loss, logs | {"loss": loss.item(), "kl": divergence.mean().item()}

    def _noise(
        self, persons: int, *, generator: torch.Generator
    ) -> Float[Tensor, "person weight"] | None:
        """What draws persons' weights while the bound is trained."""
        if not self.config.beta:
            return None
        return torch.randn(persons, self.layout.size, generator=generator)

    @torch.no_grad()
    def prepare(self, clips: FeatureTable) -> None:
        """Estimate tau^2 and sigma^2 on training persons, as recorded and in one environment of
        their own.
        """
        heard = ["original", *(name for name in clips.variants if name in ENVIRONMENTS)][:2]
        generator = torch.Generator().manual_seed(0)
        parts = list(_two_parts(clips, generator=generator))
        if not parts:
            return
        with evaluation_mode(self):
            if self.config.beta:  # the bound has learned them
                self.person_variance.copy_((2 * self.log_person_std).exp())
                self.clip_variance.copy_(self.person_variance * self.log_prior_clips.exp())
                return
            self.person_variance.copy_(self.clip_variance / self.log_prior_clips.exp())
            for _ in range(ROUNDS):
                if self.config.content:
                    self._learn_words(clips, [torch.cat(part) for part in parts])
                self._estimate([(clips.variants[name], parts) for name in heard])

    def _learn_words(self, clips: FeatureTable, groups: list[Tensor]) -> None:
        """The usual offsets of each word's clips, every person run through the cascade apart."""
        rows = torch.cat(groups)
        owner = torch.arange(len(groups)).repeat_interleave(torch.tensor([*map(len, groups)]))
        every = torch.ones_like(owner, dtype=torch.bool)
        self.word_offsets.zero_()
        shown: list[Tensor] = []
        self._cascade(clips.features[rows], owner, every, shown=shown)
        own = torch.zeros_like(self.word_offsets)
        own.index_add_(0, clips.label[rows], torch.cat(shown, dim=1))
        heard = torch.bincount(clips.label[rows], minlength=len(own)).clamp_min(1)
        self.word_offsets.copy_(own / heard[:, None])

    def _estimate(self, heard: list[tuple[Tensor, list[tuple[Tensor, Tensor]]]]) -> None:
        shared, apart, weight, count = 0.0, 0.0, 0.0, 0
        for inputs, parts in heard:
            first, second = (
                self._offsets_of(inputs, [part[side] for part in parts]) for side in (0, 1)
            )
            shared = shared + (first * second).sum(0)
            apart = apart + (first - second).square().sum(0)
            weight += sum(1 / len(one) + 1 / len(other) for one, other in parts)
            count += len(parts)
        self.clip_variance.copy_(apart / weight)
        least = SMALLEST_SHARE * self.clip_variance
        self.person_variance.copy_(torch.maximum(shared / count, least).clamp_min(1e-8))
        self.clip_variance.clamp_min_(1e-8)

    def _offsets_of(
        self, inputs: Float[Tensor, " clip *input"], groups: list[Tensor]
    ) -> Float[Tensor, "group weight"]:
        """Mean offsets of groups of clips, each run through the cascade by itself, in pieces."""
        found, at_once = [], max(1, CLIPS_AT_ONCE // max(map(len, groups)))
        for start in range(0, len(groups), at_once):
            part = groups[start : start + at_once]
            sizes = torch.tensor([len(group) for group in part])
            owner = torch.arange(len(part)).repeat_interleave(sizes)
            every = torch.ones_like(owner, dtype=torch.bool)
            clips = inputs[torch.cat(part)]
            words = self.encoder(clips).softmax(-1) if self.config.content else None
            found.append(self._cascade(clips, owner, every, words=words)[1])
        return torch.cat(found)

    # --- the cascade ------------------------------------------------------------------------------

    def _cascade(
        self,
        clips: Float[Tensor, " clip *input"],
        owner: Int[Tensor, " clip"],
        enrolls: Bool[Tensor, " clip"],
        *,
        words: Float[Tensor, "clip label"] | None = None,
        noise: Float[Tensor, "person weight"] | None = None,
        shown: list[Tensor] | None = None,
    ) -> tuple[Float[Tensor, "clip feature"], Float[Tensor, "person weight"]]:
        """All clips under the weights that their owners' enrolling clips make, and the persons'
        mean offsets; everybody owns some clip.

        ``words`` are the clips' likely ones, where content is taken off; ``noise`` draws the
        weights; what each clip shows, layer by layer, is left in ``shown``.
        """
        run = _Run(owner, enrolls, torch.bincount(owner, enrolls.float()), words, noise, shown)
        with ExitStack() as hooks:
            for norm, part in self._parts():
                visit = partial(self._visit, part, run)
                hooks.enter_context(norm.register_forward_hook(visit))
            embedded = self.encoder.embed(clips)
        offsets = torch.cat(run.offsets, dim=1)
        if not self.config.cascade:
            own = self.deviations({"mean": self._drawn(run, offsets, slice(None))[owner]})
            embedded = self.encoder.embed(clips, own)
        return embedded, offsets

    def _visit(
        self,
        part: slice,
        run: "_Run",
        norm: nn.BatchNorm2d,
        inputs: tuple[Tensor],
        output: Tensor,
    ) -> Tensor:
        """What a normalisation hands on; the persons' mean offsets are left in the run."""
        value = inputs[0]
        variance, mean = torch.var_mean(value, dim=(2, 3), correction=0)  # of each clip
        if self.training:
            usual_mean = mean.mean(0)
            usual_variance = variance.mean(0) + mean.var(0, correction=0)
        else:
            usual_mean, usual_variance = norm.running_mean, norm.running_var
        inverse = (usual_variance + norm.eps).rsqrt()
        narrowness = (variance * inverse.square() + FLOOR).rsqrt()
        typical = self._typical(narrowness, slice(part.start // 2, part.stop // 2))
        shown = torch.cat((narrowness / typical - 1, (mean - usual_mean) * inverse), dim=1)
        if run.words is not None:
            shown = shown - run.words @ self.word_offsets[:, part]
        if run.shown is not None:
            run.shown.append(shown)
        total = shown.new_zeros(len(run.count), shown.shape[1])
        total = total.index_add(0, run.owner, shown * run.enrolls[:, None])
        offsets = total / run.count.clamp_min(1)[:, None]
        run.offsets.append(offsets)
        if not self.config.cascade:
            return output
        scale, shift = self._drawn(run, offsets, part)[run.owner].chunk(2, dim=1)
        scale = norm.weight * (1 + scale) * inverse
        shift = norm.bias - norm.weight * shift - usual_mean * scale
        return torch.addcmul(shift[:, :, None, None], value, scale[:, :, None, None])

    def _drawn(
        self, run: "_Run", offsets: Float[Tensor, "person weight"], part: slice
    ) -> Float[Tensor, "person weight"]:
        """The posterior's mean, or a draw where the run has noise."""
        posterior = self._posterior(offsets, run.count, part)
        if run.noise is None:
            return posterior.mean
        return posterior.mean + posterior.std * run.noise[:, part]

    def _typical(
        self, narrowness: Float[Tensor, "clip channel"], place: slice
    ) -> Float[Tensor, " channel"]:
        """The usual narrowness; in training that of the step, from which the running one learns."""
        if not self.training:
            return self.typical_narrowness[place]
        typical = narrowness.mean(0)
        with torch.no_grad():
            self.typical_narrowness[place] = torch.lerp(
                self.typical_narrowness[place], typical, FORGETTING
            )
        return typical

    def _parts(self) -> Iterator[tuple[nn.BatchNorm2d, slice]]:
        """Each normalisation, and where its offsets stand among all: scales, then shifts."""
        start = 0
        for personal in self.encoder.personal_norms.values():
            stop = start + 2 * personal.norm.num_features
            yield personal.norm, slice(start, stop)
            start = stop

    # --- from offsets to weights ------------------------------------------------------------------

    def _posterior(
        self,
        offsets: Float[Tensor, "person weight"],
        count: Float[Tensor, " person"],
        part: slice = slice(None),
    ) -> DiagonalGaussian:
        """Over persons' offsets, given the mean ones of so many clips."""
        share = count[:, None] / (count[:, None] + self.prior_clips[part])
        log_std = self._prior().log_std[part] + 0.5 * torch.log1p(-share)
        return DiagonalGaussian(share * offsets, log_std)

    def _prior(self) -> DiagonalGaussian:
        learned = self.training and self.config.beta
        log_std = self.log_person_std if learned else 0.5 * self.person_variance.log()
        return DiagonalGaussian(torch.zeros_like(log_std), log_std)

    def _per_offset(self) -> Float[Tensor, " weight"]:
        """What a weight moves by an offset of 1: a scale by itself, a shift by minus the scale."""
        moved = []
        for norm in self.encoder.personal_norms.values():
            moved += [norm.norm.weight, -norm.norm.weight]
        return torch.cat(moved)

    def deviations(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """What adaptations add to the global weights, by parameter name, (person, \\*shape)."""
        return self.layout.unflatten(adaptation["mean"] * self._per_offset())

    # --- enrolling --------------------------------------------------------------------------------

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Mean and log standard deviation of each person's offsets; labels are not read."""
        persons, shots = enrollment.shape[:2]
        with torch.no_grad():
            offsets = self.observed(enrollment).mean
            posterior = self._posterior(offsets, torch.full((persons,), float(shots)))
        return {"mean": posterior.mean, "log_std": posterior.log_std}

    @torch.no_grad()
    def observed(self, clips: Float[Tensor, "person clip *input"]) -> DiagonalGaussian:
        """Persons' mean offsets, each with the clips' error over their number."""
        rows = torch.arange(clips.shape[:2].numel()).view(clips.shape[:2])
        offsets = self._offsets_of(clips.flatten(0, 1), list(rows))
        log_std = 0.5 * (self.clip_variance / clips.shape[1]).log()
        return DiagonalGaussian(offsets, log_std.expand_as(offsets))

    def adapt_one(
        self, clips: Float[Tensor, " shot *input"], labels: Int[Tensor, " shot"] | None
    ) -> tuple[Adaptation, Adaptation]:
        """A person's posterior, and that of each clip as if it were alone."""
        return self.adapt(clips[None]), self.adapt(clips[:, None])

    def prior(self, persons: int) -> Adaptation:
        """Offsets of persons of whom there is no clip."""
        prior = self._prior().expand(persons)
        return {"mean": prior.mean, "log_std": prior.log_std}

    def posterior(self, adaptation: Adaptation) -> WeightPosterior:
        """The Gaussian over the offsets, and how they become weights."""
        weights = self.layout.flatten_global(dict(self.encoder.named_parameters())).detach()
        basis = torch.diag(self._per_offset().detach())
        vector = gaussian_of(adaptation)[0].detach()
        return WeightPosterior(vector, basis, weights, weights, self.layout)


@dataclass
class _Run:
    """One pass through the cascade."""

    owner: Int[Tensor, " clip"]
    enrolls: Bool[Tensor, " clip"]
    count: Float[Tensor, " person"]  # of clips that enroll
    words: Float[Tensor, "clip label"] | None = None
    noise: Float[Tensor, "person weight"] | None = None
    shown: list[Tensor] | None = None
    offsets: list[Tensor] = field(default_factory=list)  # the persons' mean ones, layer by layer


def _two_parts(
    clips: FeatureTable, *, generator: torch.Generator
) -> Iterator[tuple[Int[Tensor, " clip"], Int[Tensor, " clip"]]]:
    """Each person's clips in two parts, of one to five clips and of the rest."""
    for person in range(len(clips.persons)):
        own = (clips.person == person).nonzero().squeeze(1)
        own = own[torch.randperm(len(own), generator=generator)][:MOST_CLIPS]
        if len(own) < 2:
            continue
        most = min(5, len(own) // 2)
        first = 1 + int(torch.randint(most, (), generator=generator))
        yield own[:first], own[first:]
