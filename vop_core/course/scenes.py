"""What the notebooks' sliders move: each scene computes one state with the package and has it
drawn.

Scenes are seeded: the same slider positions, the same figure.
"""

from dataclasses import replace
from functools import lru_cache

import plotly.graph_objects as go
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vop_core.course import claims, material, rooms, signs
from vop_core.course.baselines import MIXED, OWN, WHOSE, accuracies, enrollments
from vop_core.course.museum import expected_best_epoch
from vop_core.data.spectrogram import LogMelConfig, log_mel, mel_filterbank
from vop_core.data.virtual_persons import stretch
from vop_core.data.waveform import focus
from vop_core.evaluation.classification import correctness
from vop_core.evaluation.intervals import paired_interval
from vop_core.methods.personal import gaussian_of
from vop_core.plots.detection import det_figure
from vop_core.plots.elbo import ellipse_figure
from vop_core.plots.factorial import factorial_figure
from vop_core.plots.few_shot import misfits_figure
from vop_core.plots.gaps import gaps_figure, rank_figure
from vop_core.plots.gaussians import densities_figure, divergence_figure
from vop_core.plots.museum import selection_figure
from vop_core.plots.persons import gains_figure, truth_figure
from vop_core.plots.posterior import LayerView, layer_figure
from vop_core.plots.sound import frame_figure, mel_figure
from vop_core.variational.aggregate import average_parameters, bayes_fusion, product_of_experts
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.rank_statistics import Uniformity, ranks_of_truth, uniformity
from vop_core.variational.twin import (
    LinearGaussianTwin,
    TwinPerson,
    closest_below,
    conditioning_gap,
    family_gap,
    with_full_covariance,
)

SEED = 2022


@lru_cache(maxsize=1)
def twin_lesson() -> tuple[LinearGaussianTwin, TwinPerson]:
    """A twin with two weights, and a person of it."""
    generator = torch.Generator().manual_seed(SEED)
    model = LinearGaussianTwin.independent(weights=2, clip_noise=1.0, label_noise=0.5)
    return model, model.draw_person(clips=12, generator=generator)


def twin_bound(shift: float, width: float) -> go.Figure:
    """The best diagonal q after one clip with its label, its mean moved by ``shift`` and its widths
    multiplied by ``width``: what is missing, and why.
    """
    model, person = twin_lesson()
    clips, labels = person.clips[:1], person.labels[:1]
    posterior = model.weights_given_labels(clips, labels)
    best = closest_below(posterior)
    q = with_full_covariance(
        DiagonalGaussian(best.mean + shift, best.log_std + torch.tensor(width).log())
    )
    bound = model.elbo(q, model.weights_given_clips(clips), clips, labels)
    return ellipse_figure(posterior, q, bound, float(kl_divergence(q, posterior)))


# --- 00: one model, many persons ------------------------------------------------------------------

FIRST_QUERIES = 10  # of each bundled person: each command once


@lru_cache(maxsize=1)
def global_answers() -> Tensor:
    """The global model's probabilities for each bundled person's first queries, (person, query,
    label).
    """
    crowd = material.bundled_crowd()
    model = material.models().global_model.enroll(crowd.enrollment[0])
    answers = model.predict(crowd.query[:, :FIRST_QUERIES].flatten(0, 1)).probabilities
    return answers.unflatten(0, (len(crowd.names), -1))


def one_person(person: str) -> go.Figure:
    """What the global and the personal model give the word that a bundled person said, in each of
    the first queries.
    """
    crowd = material.bundled_crowd()
    index = crowd.names.index(person)
    truth = crowd.query_labels[index, :FIRST_QUERIES]
    personal = (
        material.models()
        .vop.enroll(crowd.enrollment[index])
        .predict(crowd.query[index, :FIRST_QUERIES])
        .probabilities
    )
    given = {"global": global_answers()[index], "personal": personal}
    return truth_figure(
        [crowd.labels[label] for label in truth.tolist()],
        {name: each.gather(1, truth[:, None])[:, 0].tolist() for name, each in given.items()},
        who=person,
    )


# --- 01: hearing ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def spoken_word() -> Tensor:
    """The second of speech in the first bundled person's first clip."""
    return focus(material.voices()[0].query[0].load().waveform)


def one_frame(frame: int) -> go.Figure:
    """A frame of a word: where its window lies, its spectrum, and the spectrum gathered in mel
    bands.
    """
    config, waveform = LogMelConfig(), spoken_word()
    centre = frame * config.hop
    padded = torch.nn.functional.pad(waveform, (config.fft, config.fft))
    piece = padded[
        config.fft + centre - config.window // 2 : config.fft + centre + config.window // 2
    ]
    power = torch.fft.rfft(piece * torch.hann_window(config.window), config.fft).abs().square()
    hertz = torch.linspace(0, config.sample_rate / 2, config.fft // 2 + 1)
    bands = mel_filterbank(config).float()
    seconds = (
        (centre - config.window / 2) / config.sample_rate,
        (centre + config.window / 2) / config.sample_rate,
    )
    return frame_figure(
        waveform,
        seconds,
        hertz,
        _decibels(power),
        (bands * hertz).sum(1) / bands.sum(1),
        _decibels(bands @ power),
        sample_rate=config.sample_rate,
    )


def _decibels(power: Tensor) -> Tensor:
    return 10 * (power + 1e-7).log10()


def virtual_person(vocal_tract: float, speaking_rate: float) -> go.Figure:
    """A word as it was said, and as a virtual person with another vocal tract and rate would have
    said it.
    """
    heard = log_mel(spoken_word())
    still = torch.zeros(1, 1)
    said = stretch(
        heard[None, None], torch.tensor([vocal_tract]), torch.tensor([speaking_rate]), still
    )[0, 0]
    side = "lower" if vocal_tract > 1 else "higher"
    bands = "where they were" if vocal_tract == 1 else side
    return mel_figure(
        {"as recorded": heard, "a virtual person": said},
        alt=(
            "Log-mels of one word, as recorded and for a virtual person: the mel axis is read "
            f"{vocal_tract:g} times, the frame axis {speaking_rate:g} times as fast, so "
            f"the bands of the voice lie {bands}."
        ),
    )


# --- 02: one weight -------------------------------------------------------------------------------


def divergence(mean: float, width: float) -> go.Figure:
    """A posterior with this mean and width beside the prior N(0, 1) of one weight, and their
    divergence as an area.
    """
    weight = torch.linspace(-6, 6, 481, dtype=torch.float64)
    prior = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
    posterior = Normal(torch.tensor(mean, dtype=torch.float64), width)
    log_q, log_p = posterior.log_prob(weight), prior.log_prob(weight)
    own = DiagonalGaussian(torch.tensor([mean]), torch.tensor([width]).log())
    kl = own.kl(DiagonalGaussian(torch.zeros(1), torch.zeros(1)))
    return divergence_figure(
        weight, log_p.exp(), log_q.exp(), log_q.exp() * (log_q - log_p), float(kl)
    )


# --- 04: what is lost -----------------------------------------------------------------------------

LESSON_CLIPS = 4


@lru_cache(maxsize=1)
def correlated_twin() -> LinearGaussianTwin:
    """A twin whose weights hang together, so that independence costs something."""
    return LinearGaussianTwin.random(
        weights=2, observations=3, generator=torch.Generator().manual_seed(3)
    )


def what_is_lost(label_noise: float, clip_noise: float) -> go.Figure:
    """Family and conditioning gap of a twin with these noises, averaged over persons; no network,
    so no amortisation.
    """
    model = replace(correlated_twin(), label_noise=label_noise, clip_noise=clip_noise)
    persons = model.draw_persons(
        500, clips=LESSON_CLIPS, generator=torch.Generator().manual_seed(SEED)
    )
    before = model.weights_given_clips(persons.clips)
    posterior = model.weights_given_labels(persons.clips, persons.labels)
    information = 0.5 * (posterior.precision_matrix.logdet() - before.precision_matrix.logdet())
    parts = {
        "family": float(family_gap(posterior).mean()),
        "conditioning": float(conditioning_gap(before, posterior).mean()),
    }
    return gaps_figure(parts, information=float(information.mean()))


# --- 05: what the bound asks for ------------------------------------------------------------------


def width_asked_for(enrollment_clips: int, training_clips: int) -> go.Figure:
    """One weight of a person: what some clips tell of it, and what the loss asks q to be, without
    labels at enrollment.
    """
    model = LinearGaussianTwin.independent(weights=1)
    person = model.draw_person(clips=200, generator=torch.Generator().manual_seed(SEED))
    known = model.weights_given_clips(person.clips[:enrollment_clips])
    asked = model.asked_for_without_labels(
        known, model.weight_prior(), person.features[-training_clips:]
    )
    shown = {
        "prior p(w)": model.weight_prior(),
        f"what {enrollment_clips} clip(s) tell, p(w | x)": known,
        f"what the loss asks for, N = {training_clips}": asked,
    }
    alt = (
        f"With {enrollment_clips} clip(s) enrolled, the weight is known to a standard deviation of "
        f"{float(known.stddev[0]):.2f}. A training that scores {training_clips} labelled clips a "
        f"person asks for {float(asked.stddev[0]):.2f}."
    )
    pairs = {name: (float(each.mean[0]), float(each.stddev[0])) for name, each in shown.items()}
    return densities_figure(pairs, truth=float(person.weights[0]), alt=alt)


# --- 06: several clips, one posterior -------------------------------------------------------------


@lru_cache(maxsize=1)
def overheard() -> tuple[LinearGaussianTwin, TwinPerson]:
    """A twin with one weight, and two persons with clips of their own: the one who enrolls, and
    another.
    """
    model = LinearGaussianTwin.independent(weights=1)
    return model, model.draw_persons(2, clips=10, generator=torch.Generator().manual_seed(11))


def fused(rule: str, clips: int, others_among_them: int) -> go.Figure:
    """Some clips of a person, of which some are really another person's, made one posterior by a
    rule; beside the truth.
    """
    model, persons = overheard()
    stranger = min(others_among_them, clips)
    heard = torch.cat([persons.clips[0, : clips - stranger], persons.clips[1, :stranger]])
    experts = experts_of(model, heard)
    exact = model.weights_given_clips(persons.clips[0, :clips])
    made = combine(rule, experts)
    shown = {
        "prior": (0.0, 1.0),
        "exact, from own clips": (float(exact.mean[0]), float(exact.stddev[0])),
        rule: (float(made.mean[0]), float(made.std[0])),
    }
    away = abs(float(made.mean[0]) - float(persons.weights[0, 0])) / float(made.std[0])
    alt = (
        f"{clips} clips, {stranger} of them another person's, made one posterior by {rule}: "
        f"standard deviation {float(made.std[0]):.2f}, exact {float(exact.stddev[0]):.2f}. The "
        f"person's weight lies {away:.1f} of its standard deviations from its mean."
    )
    return densities_figure(shown, truth=float(persons.weights[0, 0]), alt=alt)


def experts_of(model: LinearGaussianTwin, clips: Tensor) -> DiagonalGaussian:
    """Each clip's own exact posterior, p(w | x_i), batch axes (*person, shot); for twins whose p(w
    | x) is diagonal.
    """
    each = model.weights_given_clips(clips.unsqueeze(-2))
    return DiagonalGaussian(each.mean, each.stddev.log())


def combine(rule: str, experts: DiagonalGaussian) -> DiagonalGaussian:
    """Experts over N(0, I) weights combined by a rule of ``vop_core.variational.aggregate``."""
    weights = experts.mean.shape[-1]
    standard = DiagonalGaussian(
        torch.zeros(weights, dtype=torch.float64), torch.zeros(weights, dtype=torch.float64)
    )
    if rule == "bayes_fusion":
        return bayes_fusion(experts, standard.expand(*experts.batch_shape[:-1]))
    return {"average_parameters": average_parameters, "product_of_experts": product_of_experts}[
        rule
    ](experts)


def enrolled_with(clips: int, whose: str) -> tuple[float, float]:
    """The shipped model on the bundled persons: mean width of the posterior / prior, and share of
    right answers.

    ``whose``: "own clips", or "other persons' clips", the evaluation's mixed control.
    """
    crowd, vop = material.bundled_crowd(), material.models().vop
    ((heard, _),) = enrollments(crowd, OWN if whose == OWN else MIXED)
    with torch.no_grad():
        adaptation = vop.adapt(heard[:, :clips])
        answers = vop.predict_proba(adaptation, crowd.query)
        narrowed = gaussian_of(adaptation).log_std - gaussian_of(vop.prior(1)).log_std
    right = correctness(answers, crowd.query_labels).mean()
    return float(narrowed.mean().exp()), float(right)


# --- 07: is the variance worth anything -----------------------------------------------------------

RANK_DRAWS, RANK_PERSONS = 199, 4_000


def ranks(posterior: str, width: float) -> go.Figure:
    """Simulation-based calibration on a twin, of a posterior named in ``simulated_posteriors``, its
    width times a factor.
    """
    found = rank_test(posterior, width)
    return rank_figure(found.counts.tolist(), found.expected, found.band, name=posterior)


@lru_cache(maxsize=64)
def rank_test(posterior: str, width: float = 1.0) -> Uniformity:
    """Ranks of the first weight of many simulated persons, and the test of their being uniform."""
    truth, q = simulated_posteriors()[posterior]
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.randn(RANK_DRAWS, *q.mean.shape, generator=generator, dtype=torch.float64)
    draws = q.mean + width * q.std * noise
    return uniformity(ranks_of_truth(draws, truth)[:, 0], RANK_DRAWS)


@lru_cache(maxsize=1)
def simulated_posteriors() -> dict[str, tuple[Tensor, DiagonalGaussian]]:
    """For persons of a twin with three clips each: the true weights, and what different ways of
    enrolling make of the clips.
    """
    model = LinearGaussianTwin.independent(weights=2)
    persons = model.draw_persons(RANK_PERSONS, clips=3, generator=torch.Generator().manual_seed(7))
    scored = model.draw_persons(RANK_PERSONS, clips=10, generator=torch.Generator().manual_seed(8))
    exact = model.weights_given_clips(persons.clips)
    experts = experts_of(model, persons.clips)
    asked = model.asked_for_without_labels(exact, model.weight_prior(), scored.features)
    found = {
        "p(w | x), exact": DiagonalGaussian(exact.mean, exact.stddev.log()),
        "Bayes' fusion": combine("bayes_fusion", experts),
        "product of experts": combine("product_of_experts", experts),
        "averaged parameters": combine("average_parameters", experts),
        "what the bound asks for": DiagonalGaussian(asked.mean, asked.stddev.log()),
    }
    return {name: (persons.weights, q) for name, q in found.items()}


# --- 08: the failure museum -----------------------------------------------------------------------


def best_epoch(epochs: int, clips: int) -> go.Figure:
    """What the best of many epochs shows when the model is the same in all of them."""
    share = 0.88
    counts = [1, 2, 5, 10, 20, 50, 100]
    return selection_figure(
        counts, [expected_best_epoch(each, clips, share) for each in counts], share, epochs, clips
    )


# --- 09: baselines --------------------------------------------------------------------------------


def method_gains(method: str) -> go.Figure:
    """A method on the bundled voices, with own, wrong and mixed clips, against the global model;
    intervals over persons.
    """
    base = accuracies("global")
    gains = {whose: 100 * (accuracies(method, whose) - base) for whose in WHOSE}
    found = {whose: paired_interval(values.numpy()) for whose, values in gains.items()}
    intervals = {
        whose: (each.mean, *(each.bounds or (each.mean, each.mean)))
        for whose, each in found.items()
    }
    return gains_figure(
        {whose: values.tolist() for whose, values in gains.items()}, intervals, what=method
    )


# --- 10: your own voice ---------------------------------------------------------------------------


def personal_width(voice: str, clips: int) -> go.Figure:
    """The layer that moved most of a bundled voice's posterior, from its first clips."""
    bundle = material.models()
    (person,) = (each for each in material.voices() if each.id == voice)
    personal = bundle.vop.enroll(
        bundle.features([clip.load() for clip in person.enrollment[:clips]])
    )
    views = {
        layer: LayerView(
            prior=personal.layer_posterior(layer, "prior"),
            combined=personal.layer_posterior(layer, "combined"),
        )
        for layer in personal.layer_names
    }
    most = max(views, key=lambda layer: float(views[layer].moved.abs().mean()))
    return layer_figure(views[most], most_moved_first=True)


# --- 11: speaker verification ---------------------------------------------------------------------


def both_errors(weights: str, clips: int) -> go.Figure:
    """Claims among the bundled voices: misses against false alarms, with intervals over
    speakers, under one kind of weights beside everybody's.
    """
    bands = {"global": claims.band(claims.EVERYBODYS, clips)}
    if weights != claims.EVERYBODYS:
        name = "personal" if weights == claims.OWN else "another"
        bands[name] = claims.band(weights, clips)
    return det_figure(
        bands, targets="true claims refused", others="claims of others believed", height=400
    )


# --- 12: few-shot classification ------------------------------------------------------------------

SAMPLES = (1, 2, 3, 5, 8)


def known_answers(spread: float) -> go.Figure:
    """Classes drawn as the method assumes, ``spread`` times as far apart as a class's samples are:
    what each way to answer pays, over the samples of each.
    """
    misfits = {
        rule: {count: _level(signs.drawn_misfits(count, spread)[rule]) for count in SAMPLES}
        for rule in signs.RULES
    }
    return misfits_figure(misfits, where=f"class means with a spread of {spread:g}")


# --- 13: person or room ---------------------------------------------------------------------------


def person_or_room(method: str, clips: int) -> go.Figure:
    """A method on the bundled voices, enrolled by themselves or by a stranger, in the environment
    in which they are asked or in another; intervals over persons.
    """
    found = rooms.cells(method, clips)
    lines = {
        whose: {where: _level(found[whose, where]) for where in (rooms.HERE, rooms.ELSEWHERE)}
        for whose in (rooms.OWN, rooms.STRANGER)
    }
    return factorial_figure(lines, float(rooms.accuracy("global").mean()))


def _level(values: Tensor) -> tuple[float, float, float]:
    found = paired_interval(values.numpy())
    return (found.mean, *(found.bounds or (found.mean, found.mean)))
