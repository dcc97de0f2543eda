r"""VoP as a cascade: each personal layer reads its own input, layer after layer, in one pass [VOP].

A person k is, in every channel of a normalisation, an offset b_k from what is usual there: of the
mean, and of the spread. The offset is Gaussian over persons, and a clip shows it with an error,

    b_k ~ N(0, tau^2),    d_ki | b_k ~ N(b_k, sigma^2)

The layer moves by the mean of n clips, shrunk,

    a_n = n / (n + n_0),    m_n = a_n mean_i d_ki

With n_0 = sigma^2 / tau^2 that is the exact posterior's mean. The answers learn an n_0 of their
own, larger where a step towards the person does not help to tell words apart. They have learned it
from so many clips as training enrolled at most; of more the mean is more exact, a_n no larger.
A person's weights are what N = 20 clips would make, of which n have been heard; the posterior says
how far m_n is from m_N:

    q(m_N | x) = N( m_n, (a_N - a_n)^2 tau^2 + (a_N n/N - a_n)^2 sigma^2 / n
                         + a_N^2 (1 - n/N) sigma^2 / N )

With no clip it is the prior, over the weights of persons: at its mean it is the global model.

What the statistics of single channels do not say is left to a learned code of a few numbers a
layer: of each clip, a small network reads all of the layer's offsets together and writes numbers z
that count as further statistics, Gaussian over persons like the others. A layer with scale gamma
and shift beta takes an offset (b_scale, b_shift), to which the code adds W z, as

    gamma (1 + b_scale),    beta - gamma b_shift

which is linear: the person's weights are Gaussian too, and fold into the layer's own. The layer
hands on what it makes with the posterior's mean; the next one reads that. Statistics of the
un-adapted network, corrected in all layers at once (``cascade=False``), count a shift again in
every layer below it.

Encoder, code and n_0 are trained together on episodes of 0 to n enrollment clips. Afterwards tau
and sigma are estimated from training persons: n of a person's clips enroll, the m others are run
through the layers that these make; the product of both mean offsets estimates tau^2, their squared
difference sigma^2 (1/n + 1/m).

What a layer sees of a person is what the layers below have left of it, the less the more clips
enrolled. So its tau^2 falls with n, from that of the un-adapted network,

    tau^2 = tau_l^2 + (1 - a)^2 (tau_0^2 - tau_l^2)

by a line that is fitted to enrollments of one to ten clips.

An encoder makes those alike whom it was trained on, the more so the further on a layer is. So a
layer's variances grow by one factor, the mean squared error of what was predicted of persons kept
apart in its own units, where that is above 1.

Which words a clip says moves its statistics as well. With ``content`` the network's own answer
before it knows the person, still without a label, says which words they were likely to be, and what
is usual of these is taken off first; this asks for a second pass.

Reconstruction: the slides say "a posterior distribution of weights of a layer" and name neither
layers nor form; this one is ours.
Departs: training minimises the error at the posterior's mean. With ``beta`` it is the bound of the
slides: weights are drawn, tau is learned, one KL a person is charged beta times, and a person's
weights are what endless clips would make.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear

from vop_core.data.features import ENVIRONMENTS, FeatureTable
from vop_core.methods.base import (
    GaussianMethod,
    MethodFacts,
    TrainedConfig,
    supervised_loss,
)
from vop_core.methods.personal import Adaptation, Shrinkage, WeightPosterior, gaussian_of
from vop_core.modes import evaluation_mode, visited
from vop_core.nets.batched import CLIPS_AT_ONCE
from vop_core.nets.classifier_inference import spread
from vop_core.nets.encoder import Encoder
from vop_core.processes import greatest_of_all, mean_of_all, sum_of_all, variance_of_all
from vop_core.settings import at_least, not_negative, positive
from vop_core.training.batches import EpisodeBatch
from vop_core.variational.gaussian import DiagonalGaussian

FORGETTING = 0.05  # share of a step in the running mean of typical spreads
FLOOR = 1e-4  # added to a clip's variance, of which the usual one is 1
SMALLEST_SHARE = 0.02  # of the clip variance, which the variance over persons may fall to
COUNTS = (1, 2, 3, 5, 10)  # of clips that enroll while variances are estimated
MOST_CLIPS = 20  # of a person, that they are estimated on
ALL_CLIPS = 20  # N: twice as many as anybody enrolls here, or one more than did
FIRST_PERSON_STD = 0.3  # tau before the bound is trained, of a channel whose clips have 1
HIDDEN = 16  # units between a layer's offsets and its code
KL_WARMUP = 0.3  # share of the steps over which beta rises from 0


@dataclass(frozen=True, kw_only=True)
class VopConfig(TrainedConfig):
    """How the cascade is trained."""

    min_shots: int = 0  # with no clip among the episodes, the prior stays a good global model
    first_clips: float = positive(10.0)  # n_0 before training
    code: int = at_least(0, 4)  # learned numbers a layer
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
        version=5,
    )
    config_type = VopConfig
    # ln n_0 has far to go in few steps
    tried = ({}, {"rate": 4.0}, {"rate": 16.0})

    def __init__(self, encoder: Encoder, config: VopConfig | None = None) -> None:
        super().__init__(encoder, config)
        self.layout = encoder.personal_layout(("band_film",))
        self.codes = nn.ModuleList(
            _Code(2 * norm.norm.num_features, self.config.code)
            for norm in encoder.personal_norms.values()
            if self.config.code
        )
        size = self.layout.size + self.config.code * len(self.codes)
        first = torch.full((size,), self.config.first_clips)
        self.log_prior_clips = nn.Parameter(first.log())  # ln n_0
        self.register_buffer("person_variance", torch.ones(size))  # tau^2 with no clip
        # what is left of it where the layers below are corrected in full
        self.register_buffer("lasting_variance", torch.ones(size))
        self.register_buffer("clip_variance", first.clone())  # sigma^2
        self.register_buffer("most_clips", torch.tensor(math.inf))  # that training enrolled
        if self.config.beta:
            self.log_person_std = nn.Parameter(torch.full((size,), FIRST_PERSON_STD).log())
        # 1 / standard deviation of a clip, of a channel whose clips together have 1
        self.register_buffer("typical_narrowness", torch.ones(self.layout.size // 2))
        if self.config.content:  # mean offset of a word's clips, over persons
            words = torch.zeros(encoder.config.labels, self.layout.size)
            self.register_buffer("word_offsets", words)

    @property
    def prior_clips(self) -> Float[Tensor, " number"]:
        """How many clips the prior is worth to the answers, n_0."""
        return self.log_prior_clips.exp()

    # --- training ---------------------------------------------------------------------------------

    def loss(
        self,
        batch: EpisodeBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the queries under the weights that the enrollment clips make; with
        ``beta``, the negative bound a clip.
        """
        clips, owner, enrolls = batch.together()
        noise = self._noise(len(batch.labels), generator=generator)
        words = self._likely_words(clips, enrolls) if self.config.content else None
        shown: list[Tensor] = []
        embedded, offsets = self._cascade(
            clips, owner, enrolls, words=words, noise=noise, shown=shown
        )
        if self.config.content and self.training:
            self._follow_words(torch.cat(shown, dim=1)[~enrolls], batch.labels.flatten())
        logits = self.encoder.classifier(embedded[~enrolls])
        loss, logs = supervised_loss(logits, batch.labels.flatten())
        charge, charged = self._charge(offsets, batch, progress)
        loss = loss + charge
        return loss, logs | charged | {"loss": loss.detach()}

    def embed_episodes(
        self, batch: EpisodeBatch, *, progress: float, generator: torch.Generator
    ) -> tuple[Float[Tensor, "person clip feature"], Tensor | float]:
        """At the posterior's mean; with ``beta``, under a draw."""
        clips, owner, enrolls = batch.together()
        noise = self._noise(len(batch.labels), generator=generator)
        words = self._likely_words(clips, enrolls) if self.config.content else None
        embedded, offsets = self._cascade(clips, owner, enrolls, words=words, noise=noise)
        asked = torch.ones_like(batch.labels, dtype=torch.bool)
        charge, _ = self._charge(offsets, batch, progress)
        return spread(embedded, torch.cat((batch.present, asked), dim=1)), charge

    def _charge(
        self, offsets: Float[Tensor, "person weight"], batch: EpisodeBatch, progress: float
    ) -> tuple[Tensor | float, dict[str, Tensor]]:
        """What the bound charges, in nats a clip, and what is logged of it; nothing without
        ``beta``.
        """
        if not self.config.beta:
            return 0.0, {}
        posterior = self._posterior(offsets, batch.present.sum(1).float())
        divergence = posterior.kl(self._prior())
        charged = self.config.beta * min(1.0, progress / KL_WARMUP)
        charge = charged * (divergence / batch.training_clips).mean()
        return charge, {"kl": divergence.mean().detach()}

    def _noise(
        self, persons: int, *, generator: torch.Generator
    ) -> Float[Tensor, "person weight"] | None:
        """What draws persons' weights while the bound is trained."""
        if not self.config.beta:
            return None
        noise = torch.randn(persons, len(self.person_variance), generator=generator)
        return noise.to(self.person_variance.device)

    @torch.no_grad()
    def _likely_words(
        self, clips: Float[Tensor, " clip *input"], enrolls: Bool[Tensor, " clip"]
    ) -> Float[Tensor, "clip label"]:
        """What the network hears in the enrolling clips, before it knows the persons."""
        words = clips.new_zeros(len(clips), self.encoder.config.labels)
        if enrolls.any():
            with evaluation_mode(self):
                words[enrolls] = self.encoder(clips[enrolls]).softmax(-1)
        return words

    @torch.no_grad()
    def _follow_words(
        self, shown: Float[Tensor, "clip weight"], label: Int[Tensor, " clip"]
    ) -> None:
        """The running mean of what each word's clips show; what a step holds more often of it
        teaches it more.
        """
        heard = sum_of_all(torch.bincount(label, minlength=len(self.word_offsets)).float())
        own = sum_of_all(torch.zeros_like(self.word_offsets).index_add_(0, label, shown))
        rate = (FORGETTING * heard / heard.mean()).clamp_max(1.0)
        self.word_offsets.lerp_(own / heard.clamp_min(1)[:, None], rate[:, None])

    def _follow_most(self, count: Float[Tensor, ""]) -> None:
        """Of how many clips training has learned what to take."""
        untold = self.most_clips.isinf()
        self.most_clips.copy_(torch.where(untold, count, count.maximum(self.most_clips)))

    @torch.no_grad()
    def prepare(self, clips: FeatureTable, kept: FeatureTable | None = None) -> None:
        """Estimate tau^2 and sigma^2 on training persons, as recorded and in one environment of
        their own. Persons ``kept`` apart from training say by how much a layer's are too small:
        an encoder makes those alike whom it was trained on.
        """
        heard = ["original", *(name for name in clips.variants if name in ENVIRONMENTS)][:2]
        with evaluation_mode(self):
            if self.config.beta:  # the bound has learned them
                self.person_variance.copy_((2 * self.log_person_std).exp())
                self.lasting_variance.copy_(self.person_variance)
                self.clip_variance.copy_(self.person_variance * self.log_prior_clips.exp())
                return
            self._estimate(clips, heard)
            if kept is not None:
                self._widen(kept)

    def _widen(self, kept: FeatureTable) -> None:
        """Each layer's variances by the mean squared error of what was predicted of such persons,
        in its own units; never less than they are.
        """
        generator = torch.Generator().manual_seed(0)
        errors = []
        for count in COUNTS:
            parts = two_parts(kept, count, generator=generator)
            if not parts:
                continue
            enrolling, others = zip(*parts, strict=True)
            offsets, told = self._offsets_of(kept.features, enrolling, others)
            heard = offsets.new_full((len(parts),), float(count))
            posterior = self._posterior(offsets, heard)
            seen = self._of_all(offsets, told, heard, heard.new_tensor([*map(len, others)]))
            error = (posterior.mean - seen.mean).square() - seen.variance
            errors.append(error / posterior.variance)
        if not errors:
            return
        ratio = torch.cat(errors).mean(0)
        for _, part, _ in self._parts():
            factor = ratio[part].mean().clamp_min(1.0)
            for variance in (self.person_variance, self.lasting_variance, self.clip_variance):
                variance[part] *= factor

    def _estimate(self, clips: FeatureTable, variants: Sequence[str]) -> None:
        """tau^2 and sigma^2 from two parts of each person's clips, in each variant.

        What tau^2 loses as more clips enroll follows by least squares; nothing changes where nobody
        has two clips.
        """
        generator = torch.Generator().manual_seed(0)
        shared, apart, left, weight = [], 0.0, [], 0.0
        for count in COUNTS:
            parts = two_parts(clips, count, generator=generator)
            if not parts:
                continue
            for variant in variants:
                first, second = self._offsets_of(clips.variants[variant], *zip(*parts, strict=True))
                shared.append(first * second)
                apart = apart + (first - second).square().sum(0)
                weight += sum(1 / len(one) + 1 / len(other) for one, other in parts)
                uncorrected = 1 - self._share(self.prior_clips.new_tensor(float(count)))
                left.append(uncorrected.square().expand_as(first))
        if not shared:
            return
        within = apart / weight
        least = (SMALLEST_SHARE * within).clamp_min(1e-8)
        lasting, passing = _line(torch.cat(left), torch.cat(shared))
        self.clip_variance.copy_(within.clamp_min(1e-8))
        self.lasting_variance.copy_(torch.maximum(lasting, least))
        self.person_variance.copy_(torch.maximum(lasting + passing, least))

    def _offsets_of(
        self,
        inputs: Float[Tensor, " clip *input"],
        enrolling: Sequence[Int[Tensor, " _"]],
        others: Sequence[Int[Tensor, " _"]],
    ) -> tuple[Float[Tensor, "person weight"], Float[Tensor, "person weight"]]:
        """Persons' mean offsets in their enrolling clips and in others, all run through the cascade
        that the enrolling ones make, in pieces.
        """
        found = []
        most = max(len(one) + len(other) for one, other in zip(enrolling, others, strict=True))
        at_once = max(1, CLIPS_AT_ONCE // most)
        for start in range(0, len(enrolling), at_once):
            sides = [side[start : start + at_once] for side in (enrolling, others)]
            rows = torch.cat([torch.cat(tuple(side)) for side in sides])
            sizes = torch.tensor([len(rows) for side in sides for rows in side])
            owner = torch.arange(len(sides[0])).repeat(2).repeat_interleave(sizes)
            enrolls = torch.arange(len(rows)) < sum(map(len, sides[0]))
            owner, enrolls = owner.to(inputs.device), enrolls.to(inputs.device)
            clips = inputs[rows]
            words = self.encoder(clips).softmax(-1) if self.config.content else None
            others_show: list[Tensor] = []
            _, offsets = self._cascade(clips, owner, enrolls, words=words, others=others_show)
            found.append((offsets, torch.cat(others_show, dim=1)))
        first, second = zip(*found, strict=True)
        return torch.cat(first), torch.cat(second)

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
        others: list[Tensor] | None = None,
    ) -> tuple[Float[Tensor, "clip feature"], Float[Tensor, "person weight"]]:
        """All clips under the weights that their owners' enrolling clips make, and the persons'
        mean offsets; everybody owns some clip.

        ``words`` are the clips' likely ones, where content is taken off; ``noise`` draws the
        weights; what each clip shows, layer by layer, is left in ``shown``, and persons' mean
        offsets in the clips that do not enroll in ``others``.
        """
        count = torch.bincount(owner, enrolls.float())
        belongs = owner == torch.arange(len(count), device=owner.device)[:, None]
        if self.training:
            self._follow_most(greatest_of_all(count.max()))
        run = _Run(
            owner=owner,
            share=self._share(count[:, None]),
            enrolling=_mean_of(belongs & enrolls, clips.dtype),
            asked=None if others is None else _mean_of(belongs & ~enrolls, clips.dtype),
            apart=None if noise is None else noise * self._log_std(count).exp(),
            words=words,
            shown=shown,
            others=others,
        )
        visits = {norm: partial(self._visit, part, code, run) for norm, part, code in self._parts()}
        with visited(visits):
            embedded = self.encoder.embed(clips)
        offsets = torch.cat(run.offsets, dim=1)
        if not self.config.cascade:
            own = self.deviations({"mean": run.drawn(offsets, slice(None))[owner]})
            embedded = self.encoder.embed(clips, own)
        return embedded, offsets

    def _visit(
        self,
        part: slice,
        code: "_Code | None",
        run: "_Run",
        norm: nn.BatchNorm2d,
        inputs: tuple[Tensor],
        output: Tensor,
    ) -> Tensor:
        """What a normalisation hands on; the persons' mean offsets are left in the run."""
        value = inputs[0]
        mean, variance = _Moments.apply(value)
        if self.training:
            usual_mean = mean_of_all(mean)
            usual_variance = mean_of_all(variance) + variance_of_all(mean, usual_mean)
        else:
            usual_mean, usual_variance = norm.running_mean, norm.running_var
        usual_variance = usual_variance + norm.eps
        inverse = usual_variance.rsqrt()
        narrowness = (variance / usual_variance + FLOOR).rsqrt()
        place = slice(run.channels, run.channels + mean.shape[1])
        typical = self._typical(narrowness, place)
        shown = torch.cat((narrowness / typical - 1, (mean - usual_mean) * inverse), dim=1)
        run.channels = place.stop
        if run.shown is not None:
            run.shown.append(shown)
        if run.words is not None:
            shown = shown - run.words @ self.word_offsets[:, 2 * place.start : 2 * place.stop]
        if code is not None:
            shown = torch.cat((shown, code(shown)), dim=1)
        offsets = run.enrolling @ shown
        run.offsets.append(offsets)
        if run.others is not None:
            run.others.append(run.asked @ shown)
        if not self.config.cascade:
            return output
        drawn = run.drawn(offsets, part)
        if code is not None:
            drawn = code.written(drawn)
        scale, shift = drawn[run.owner].chunk(2, dim=1)
        scale = norm.weight * (1 + scale) * inverse
        shift = norm.bias - norm.weight * shift - usual_mean * scale
        return _scaled_and_shifted(value, scale, shift)

    def _typical(
        self, narrowness: Float[Tensor, "clip channel"], place: slice
    ) -> Float[Tensor, " channel"]:
        """The usual narrowness; in training that of the step, from which the running one learns."""
        if not self.training:
            return self.typical_narrowness[place]
        typical = mean_of_all(narrowness)
        with torch.no_grad():
            self.typical_narrowness[place] = torch.lerp(
                self.typical_narrowness[place], typical, FORGETTING
            )
        return typical

    @property
    def layer_numbers(self) -> dict[str, slice]:
        """A layer's scales, shifts and code."""
        parts = [part for _, part, _ in self._parts()]
        return dict(zip(self.layout.layers, parts, strict=True))

    def _parts(self) -> Iterator[tuple[nn.BatchNorm2d, slice, "_Code | None"]]:
        """Each normalisation; where its scales, shifts and code stand among all; its code."""
        start = 0
        for index, personal in enumerate(self.encoder.personal_norms.values()):
            stop = start + 2 * personal.norm.num_features + self.config.code
            yield personal.norm, slice(start, stop), self.codes[index] if self.codes else None
            start = stop

    # --- from offsets to weights ------------------------------------------------------------------

    def _posterior(
        self,
        offsets: Float[Tensor, "person weight"],
        count: Float[Tensor, " person"],
    ) -> DiagonalGaussian:
        """Over persons' offsets, given the mean ones of so many clips."""
        return DiagonalGaussian(self._share(count[:, None]) * offsets, self._log_std(count))

    def _log_std(self, count: Float[Tensor, " person"]) -> Float[Tensor, "person weight"]:
        """The posterior's, which depends on nothing but the number of clips."""
        _, unknown, scatter = self._error(count)
        return 0.5 * (unknown + scatter).log()

    def _error(
        self, count: Float[Tensor, " person"]
    ) -> tuple[
        Float[Tensor, "person weight"],
        Float[Tensor, "person weight"],
        Float[Tensor, "person weight"],
    ]:
        """The share of the clips' mean, a_n; the variance that the clips not heard leave open, and
        that of the clips' own error.
        """
        n = count[:, None]
        share = self._share(n)
        if self._learns_prior:  # sigma is then what makes the posterior exact
            person = lasting = (2 * self.log_person_std).exp()
            within = person * self.prior_clips
        else:
            person, lasting = self.person_variance, self.lasting_variance
            within = self.clip_variance
        between = lasting + (1 - share).square() * (person - lasting)
        each = self._each_of_all(n)
        full = self._full_share(n)
        unheard = full.square() * (1 - n * each) * each * within
        unknown = (full - share).square() * between + unheard
        return share, unknown, (full * n * each - share).square() * within / n.clamp_min(1)

    def _each_of_all(self, count: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """What part each clip is of all, 1/N, when so many have been heard."""
        if self.config.beta:
            return torch.zeros_like(count)
        return 1 / (count + 1).clamp_min(ALL_CLIPS)

    def _share(self, count: Float[Tensor, "*shape"]) -> Float[Tensor, "*person weight"]:
        """a_n: what the answers take of the mean of so many clips."""
        if not self.config.beta:  # under the bound n_0 is that of the exact posterior
            count = count.minimum(self.most_clips)
        return count / (count + self.prior_clips)

    def _full_share(self, count: Float[Tensor, "*person 1"]) -> Float[Tensor, "*person weight"]:
        """a_N, which all clips together would take when so many have been heard."""
        if self.config.beta:
            return torch.ones_like(self._share(count))
        return self._share((count + 1).clamp_min(ALL_CLIPS))

    def _prior(self) -> DiagonalGaussian:
        _, unknown, _ = self._error(self.person_variance.new_zeros(1))
        log_std = 0.5 * unknown[0].log()
        return DiagonalGaussian(torch.zeros_like(log_std), log_std)

    @property
    def _learns_prior(self) -> bool:
        return self.training and self.config.beta > 0

    def _basis(self) -> Float[Tensor, "number weight"]:
        """What each number adds to all weights, as offsets."""
        layers = []
        for norm, _, code in self._parts():
            offsets = torch.eye(2 * norm.num_features, device=norm.weight.device)
            layers.append(torch.cat((offsets, code.write)) if code else offsets)
        return torch.block_diag(*layers) * self._per_offset()

    def _per_offset(self) -> Float[Tensor, " weight"]:
        """What a weight moves by an offset of 1: a scale by itself, a shift by minus the scale."""
        moved = []
        for norm in self.encoder.personal_norms.values():
            moved += [norm.norm.weight, -norm.norm.weight]
        return torch.cat(moved)

    def deviations(self, adaptation: Adaptation) -> dict[str, Tensor]:
        """What adaptations add to the global weights, by parameter name, (person, \\*shape)."""
        return self.layout.unflatten(adaptation["mean"] @ self._basis())

    # --- enrolling --------------------------------------------------------------------------------

    def adapt(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        labels: Int[Tensor, "person shot"] | None = None,
    ) -> Adaptation:
        """Mean and log standard deviation of each person's offsets; labels are not read."""
        persons, shots = enrollment.shape[:2]
        with torch.no_grad():
            if persons == 1 and self.config.cascade and not self.config.content:
                posterior = self.enroll_one(enrollment[0])  # without the bookkeeping of many
            else:
                offsets, _ = self._seen(enrollment, enrollment[:, :0])
                posterior = self._posterior(offsets, offsets.new_full((persons,), float(shots)))
        return {"mean": posterior.mean, "log_std": posterior.log_std}

    @torch.no_grad()
    def observed(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        clips: Float[Tensor, "person clip *input"],
    ) -> DiagonalGaussian:
        """What all clips together would make, as far as others than the enrolled ones tell, with
        their error; they are heard in the layers that the enrollment makes.
        """
        heard = enrollment.shape[1]
        if not self.config.beta:
            # as many as all have besides, at random: they may lie word by word
            order = torch.randperm(clips.shape[1], generator=torch.Generator().manual_seed(0))
            clips = clips[:, order[: max(ALL_CLIPS - heard, 1)]]
        enrolled, others = self._seen(enrollment, clips)
        counts = (enrolled.new_full((len(clips),), float(side)) for side in (heard, clips.shape[1]))
        return self._of_all(enrolled, others, *counts)

    def _of_all(
        self,
        enrolled: Float[Tensor, "person weight"],
        others: Float[Tensor, "person weight"],
        heard: Float[Tensor, " person"],
        told: Float[Tensor, " person"],
    ) -> DiagonalGaussian:
        """What all clips together would make, by the mean offsets of so many that enrolled and of
        so many others.
        """
        count, told = heard[:, None], told[:, None]
        each = self._each_of_all(count)
        full = self._full_share(count)
        weight = full * (1 - count * each)
        missing = 1 / told - each / (1 - count * each)
        mean = full * count * each * enrolled + weight * others
        log_std = weight.log() + 0.5 * (self.clip_variance * missing).clamp_min(1e-12).log()
        return DiagonalGaussian(mean, log_std)

    def _seen(
        self,
        enrollment: Float[Tensor, "person shot *input"],
        others: Float[Tensor, "person clip *input"],
    ) -> tuple[Float[Tensor, "person weight"], Float[Tensor, "person weight"]]:
        """Mean offsets of clips that enroll and of others."""
        persons, shots = enrollment.shape[:2]
        rows = torch.arange(persons * (shots + others.shape[1])).view(persons, -1)
        clips = torch.cat((enrollment, others), dim=1).flatten(0, 1)
        return self._offsets_of(clips, list(rows[:, :shots]), list(rows[:, shots:]))

    @torch.no_grad()
    def enroll_one(self, clips: Float[Tensor, " shot *input"]) -> DiagonalGaussian:
        """The posterior of one person, whose clips all enroll, batch axis (1,): what ``adapt``
        makes of them, by operations that other engines know.
        """
        owner = torch.zeros(clips.shape[0], dtype=torch.long, device=clips.device)
        count = torch.ones_like(owner, dtype=clips.dtype).sum(0, keepdim=True)
        each = torch.ones_like(owner, dtype=clips.dtype)[None] / count
        run = _Run(owner=owner, enrolling=each, share=self._share(count[:, None]))
        visits = {norm: partial(self._visit, part, code, run) for norm, part, code in self._parts()}
        with visited(visits):
            self.encoder.embed(clips)
        return self._posterior(torch.cat(run.offsets, dim=1), count)

    def moved_norms(
        self, numbers: Float[Tensor, "person number"]
    ) -> Iterator[
        tuple[nn.BatchNorm2d, Float[Tensor, "person weight"], Float[Tensor, "person weight"]]
    ]:
        """Each normalisation, with the scales and shifts that persons' numbers make of its own."""
        for norm, part, code in self._parts():
            offsets = code.written(numbers[:, part]) if code else numbers[:, part]
            scale, shift = offsets.chunk(2, dim=1)
            yield norm, norm.weight * (1 + scale), norm.bias - norm.weight * shift

    def adapt_one(
        self, clips: Float[Tensor, " shot *input"], labels: Int[Tensor, " shot"] | None
    ) -> tuple[Adaptation, Callable[[], Adaptation]]:
        """A person's posterior, and that of each clip as if it were alone, which takes as long."""
        return self.adapt(clips[None]), partial(self.adapt, clips[:, None])

    def prior(self, persons: int) -> Adaptation:
        """Offsets of persons of whom there is no clip."""
        prior = self._prior().expand(persons)
        return {"mean": prior.mean, "log_std": prior.log_std}

    def posterior(self, adaptation: Adaptation) -> WeightPosterior:
        """The Gaussian over the offsets, and how they become weights."""
        weights = self.layout.flatten_global(dict(self.encoder.named_parameters())).detach()
        basis = self._basis().detach().mT
        vector = gaussian_of(adaptation)[0].detach()
        return WeightPosterior(vector, basis, weights, weights, self.layout)

    @torch.no_grad()
    def shrinkage(self, adaptation: Adaptation, clips: int, weight: int) -> Shrinkage:
        """Of the offset that is the weight's own; the layer's code is what the others add."""
        parts = self._parts()
        added = self._basis()[:, weight]
        numbers = [torch.arange(part.start, part.stop - self.config.code) for _, part, _ in parts]
        own = int(torch.cat(numbers)[weight])
        vector = gaussian_of(adaptation)[0]
        moved, variance = added * vector.mean, added.square() * vector.variance
        share, unknown, scatter = self._error(added.new_tensor([clips, 1]))
        start = float(self.layout.flatten_global(dict(self.encoder.named_parameters()))[weight])
        return Shrinkage(
            clips=clips,
            counted=int(self.most_clips.clamp_max(clips)),
            prior_clips=float(self.prior_clips[own]),
            share=float(share[0, own]),
            share_of_one=float(share[1, own]),
            start=start,
            prior_std=float((added.square() @ self._prior().variance).sqrt()),
            shown=float(moved[own] / share[0, own]) if clips else 0.0,
            together=float(moved.sum() - moved[own]),
            mean=start + float(moved.sum()),
            std=float(variance.sum().sqrt()),
            unknown_std=float(added[own].abs() * unknown[0, own].sqrt()),
            scatter_std=float(added[own].abs() * scatter[0, own].sqrt()),
            together_std=float((variance.sum() - variance[own]).clamp_min(0).sqrt()),
        )


class _Moments(torch.autograd.Function):
    """Mean and variance over all places; faster than ``torch.var_mean``, back and forth, where
    channels lie last in memory.
    """

    @staticmethod
    def forward(
        context: Any, value: Float[Tensor, "clip channel row column"]
    ) -> tuple[Float[Tensor, "clip channel"], Float[Tensor, "clip channel"]]:
        places = value.permute(0, 2, 3, 1).flatten(1, 2)
        mean = places.mean(1)
        context.save_for_backward(value, mean)
        return mean, (places - mean[:, None]).square_().mean(1)

    @staticmethod
    def backward(
        context: Any,
        of_mean: Float[Tensor, "clip channel"],
        of_variance: Float[Tensor, "clip channel"],
    ) -> Float[Tensor, "clip channel row column"]:
        value, mean = context.saved_tensors
        places = value.shape[2:].numel()
        slope = 2 * of_variance / places
        first = of_mean / places - slope * mean
        return _scaled_and_shifted(value, slope, first)


def _scaled_and_shifted(
    value: Float[Tensor, "clip channel row column"],
    scale: Float[Tensor, "clip channel"],
    shift: Float[Tensor, "clip channel"],
) -> Float[Tensor, "clip channel row column"]:
    """Each clip's channels under numbers of their own; twice as fast where channels lie last."""
    places = value.permute(0, 2, 3, 1)
    moved = torch.addcmul(shift[:, None, None], places, scale[:, None, None])
    return moved.permute(0, 3, 1, 2)


class _Code(nn.Module):
    """A layer's learned numbers: read from all of a clip's offsets, written onto all weights."""

    def __init__(self, offsets: int, size: int) -> None:
        super().__init__()
        self.read = nn.Sequential(
            nn.Linear(offsets, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, size, bias=False)
        )
        self.write = nn.Parameter(torch.zeros(size, offsets))
        self.register_buffer("usual", torch.zeros(size))

    def forward(self, shown: Float[Tensor, "clip offset"]) -> Float[Tensor, "clip number"]:
        """Of each clip; in training less the step's mean, from which the usual one learns."""
        into, _, out = self.read
        numbers = linear(linear(shown, into.weight, into.bias).tanh(), out.weight)
        if not self.training:
            return numbers - self.usual
        usual = mean_of_all(numbers)
        with torch.no_grad():
            self.usual.lerp_(usual, FORGETTING)
        return numbers - usual

    def written(self, numbers: Float[Tensor, "person number"]) -> Float[Tensor, "person offset"]:
        """A layer's numbers, offsets and code, as offsets alone."""
        size = len(self.write)
        return numbers[:, :-size] + numbers[:, -size:] @ self.write


@dataclass
class _Run:
    """One pass through the cascade."""

    owner: Int[Tensor, " clip"]
    enrolling: Float[Tensor, "person clip"]  # means over each person's clips that enroll
    share: Float[Tensor, "person weight"]  # what the answers take of these means
    asked: Float[Tensor, "person clip"] | None = None  # means over the others
    apart: Float[Tensor, "person weight"] | None = None  # what is drawn, less the posterior's mean
    words: Float[Tensor, "clip label"] | None = None
    shown: list[Tensor] | None = None
    others: list[Tensor] | None = None
    offsets: list[Tensor] = field(default_factory=list)  # the persons' mean ones, layer by layer
    channels: int = 0  # of the layers that were passed

    def drawn(
        self, offsets: Float[Tensor, "person weight"], part: slice
    ) -> Float[Tensor, "person weight"]:
        """The posterior's mean of a layer's numbers, or a draw where the run has noise."""
        mean = self.share[:, part] * offsets
        return mean if self.apart is None else mean + self.apart[:, part]


def _mean_of(
    counted: Bool[Tensor, "person clip"], dtype: torch.dtype
) -> Float[Tensor, "person clip"]:
    """The matrix that takes means over each person's counted clips; 0 where there is none."""
    return counted.to(dtype) / counted.sum(1, keepdim=True).clamp_min(1)


def two_parts(
    clips: FeatureTable, count: int, *, generator: torch.Generator
) -> list[tuple[Int[Tensor, " _"], Int[Tensor, " _"]]]:
    """Of everybody with more clips, so many at random and the rest."""
    found = []
    for person in range(len(clips.persons)):
        own = (clips.person == person).nonzero().squeeze(1)
        own = own[torch.randperm(len(own), generator=generator)][:MOST_CLIPS]
        if len(own) > count:
            found.append((own[:count], own[count:]))
    return found


def _line(
    place: Float[Tensor, "sample weight"], value: Float[Tensor, "sample weight"]
) -> tuple[Float[Tensor, " weight"], Float[Tensor, " weight"]]:
    """Least squares of each number: the value at place 0 and the slope, neither below 0."""
    middle, mean = place.mean(0), value.mean(0)
    apart = place - middle
    slope = (apart * (value - mean)).sum(0) / apart.square().sum(0).clamp_min(1e-12)
    slope = slope.clamp_min(0)
    first = mean - slope * middle
    through = (place * value).sum(0) / place.square().sum(0).clamp_min(1e-12)
    slope = torch.where(first < 0, through, slope)
    return first.clamp_min(0), slope.clamp_min(0)
