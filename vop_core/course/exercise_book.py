"""Every exercise of the course: how an answer is checked, and what helps.

Checks use an authority other than the function that the notebook shows: a closed form, torch.distributions, librosa,
scikit-learn or a number that the twin knows exactly. All inputs are drawn, so that a typed number does not pass.
"""

from collections.abc import Callable, Mapping

import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vop_core.course.exercises import Exercise, answered
from vop_core.data.spectrogram import LogMelConfig, log_mel
from vop_core.variational.twin import LinearGaussianTwin

CLOSE = 1e-6


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def _near(found: object, wanted: float | Tensor, tolerance: float = CLOSE) -> bool:
    value = torch.as_tensor(answered(found), dtype=torch.float64)
    goal = torch.as_tensor(wanted, dtype=torch.float64)
    return value.shape == goal.shape and bool(((value - goal).abs() <= tolerance * (1 + goal.abs())).all())


# --- 00, 01, 02 -----------------------------------------------------------------------------------------------------


def _spread_by_luck(answer: Callable) -> str | None:
    for share, clips in ((0.5, 4), (0.9, 10), (0.83, 250)):
        if not _near(answer(share, clips), stats.binom.std(clips, share) / clips):
            return f"for a true share of {share} and {clips} clips it is another number."
    return None


def _frames_of_a_clip(answer: Callable) -> str | None:
    for samples, hop in ((16_000, 160), (15_999, 160), (16_160, 160), (5_000, 128)):
        config = LogMelConfig(hop=hop)
        if answered(answer(samples, hop)) != log_mel(torch.zeros(samples), config).shape[-1]:
            return f"{samples} samples with a hop of {hop} make another number of frames."
    return None


def _mel_of_hertz(answer: Callable) -> str | None:
    import librosa

    for hertz in (0.0, 440.0, 999.0, 1000.0, 1000.5, 4000.0, 8000.0):
        if not _near(answer(hertz), float(librosa.hz_to_mel(hertz))):
            return f"librosa has another number of mel for {hertz:g} Hz."
    return None


def _reparameterised_draw(answer: Callable) -> str | None:
    mean, log_std, noise = torch.randn(3, 50, generator=_generator(), dtype=torch.float64)
    mean.requires_grad_(), log_std.requires_grad_()
    drawn = answered(answer(mean, log_std, noise))
    standardised = (drawn - mean) / log_std.exp()
    if not _near(standardised.detach(), noise):
        return "(draw - mean) / std must be the noise that went in; mind that the width is given as its logarithm."
    drawn.sum().backward()
    if mean.grad is None or log_std.grad is None:
        return "no gradient reaches the mean and the width: compute with them, do not copy their values."
    return None if _near(log_std.grad, noise * log_std.detach().exp()) else "the gradient in ln sigma is another one."


def _kl_by_hand(answer: Callable) -> str | None:
    mean, prior_mean = torch.randn(2, 20, generator=_generator(), dtype=torch.float64)
    std, prior_std = torch.rand(2, 20, generator=_generator(), dtype=torch.float64) + 0.1
    found = answered(answer(mean, std, prior_mean, prior_std))
    wanted = kl_divergence(Normal(mean, std), Normal(prior_mean, prior_std))
    if _near(found, wanted):
        return None
    if _near(found, kl_divergence(Normal(prior_mean, prior_std), Normal(mean, std))):
        return "that is KL(p || q); the average is to be taken under q."
    if _near(-torch.as_tensor(found), wanted):
        return "the sign is the wrong way round: a divergence is never negative."
    return "torch has other numbers."


# --- 03 -------------------------------------------------------------------------------------------------------------


def _loss_of_a_person(answer: Callable) -> str | None:
    """At the true posterior, -N times the loss is the evidence of all the person's labels."""
    model = LinearGaussianTwin.independent(weights=2)
    person = model.draw_person(clips=9, generator=_generator())
    truth = model.weights_given_labels(person.clips, person.labels)
    kl = kl_divergence(truth, model.weights_given_clips(person.clips))
    misfits = torch.stack(
        [-model.expected_log_likelihood(truth, person.clips[[i]], person.labels[[i]]) for i in range(9)]
    )
    evidence = model.log_evidence(person.clips, person.labels)
    if not _near(-9 * answered(answer(misfits, kl, 9, 1.0)), evidence):
        return "with the true posterior and beta = 1, minus the number of clips times your loss must be the evidence."
    if not _near(answer(misfits[:3].repeat(4), kl, 9, 1.0), answer(misfits[:3], kl, 9, 1.0)):
        return "the same queries four times over must give the same loss: only training clips divide the divergence."
    if not _near(answer(misfits, kl, 9, 0.0), misfits.mean()):
        return "with beta = 0 only the mean misfit is left."
    return None


def _beta_of_the_slip(answer: Callable) -> str | None:
    for queries, clips in ((11, 120), (8, 8), (40, 10)):
        if not _near(answer(queries, clips), clips / queries):
            return f"with {queries} queries and {clips} training clips it is another number."
    return None


# --- 04 -------------------------------------------------------------------------------------------------------------


def _precision_asked_for(answer: Callable) -> str | None:
    """At the answer, the expected bound's slope in ln sigma must vanish: -(F sigma^2 + P sigma^2) + 1 = 0, by
    autograd.
    """
    generator = _generator()
    for clips in (1, 5):
        features = torch.randn(clips, generator=generator, dtype=torch.float64)
        prior_precision, noise = float(torch.rand((), generator=generator)) + 0.5, 0.7
        precision = torch.as_tensor(answered(answer(prior_precision, features, noise)), dtype=torch.float64)
        log_std = (-0.5 * precision.log()).detach().requires_grad_()
        q, prior = Normal(torch.zeros(()), log_std.exp()), Normal(torch.zeros(()), prior_precision**-0.5)
        expected = -0.5 * (features.square().sum() * log_std.mul(2).exp()) / noise**2
        (expected - kl_divergence(q, prior)).backward()
        if not log_std.grad.abs() < 1e-6:
            steeper = "wider" if log_std.grad > 0 else "narrower"
            return f"with {clips} clip(s) the expected bound still rises when q becomes {steeper}."
    return None


# --- 05 -------------------------------------------------------------------------------------------------------------


def _share_of_the_divergence(answer: Callable) -> str | None:
    """The shares of all episodes that together ask about each of a person's clips once add up to beta * KL."""
    for queries, clips, persons, beta in ((5, 40, 18, 1.0), (8, 120, 3, 0.2), (1, 7, 100, 2.0)):
        share = torch.as_tensor(answered(answer(6.0, queries, clips, persons, beta)), dtype=torch.float64)
        if not _near(clips * share, beta * 6.0):
            return "summed over all of a person's clips, the shares must be beta times one divergence."
    return None


# --- 06 -------------------------------------------------------------------------------------------------------------


def _fuse_two(answer: Callable) -> str | None:
    """Against densities multiplied on a grid."""
    weight = torch.linspace(-12, 12, 48_001, dtype=torch.float64)
    for given in ((0.4, 0.6, -0.2, 0.5, 0.0, 1.0), (1.0, 1.5, 2.0, 0.8, 0.5, 2.0)):
        one, two, prior = (Normal(*given[start : start + 2]) for start in (0, 2, 4))
        density = (one.log_prob(weight) + two.log_prob(weight) - prior.log_prob(weight)).exp()
        density = density / density.sum()
        mean = (density * weight).sum()
        std = (density * (weight - mean).square()).sum().sqrt()
        found = answered(answer(*(torch.tensor(value, dtype=torch.float64) for value in given)))
        if not (isinstance(found, tuple) and len(found) == 2):
            return "give two numbers: the mean and the standard deviation."
        if not (_near(found[0], mean, 1e-4) and _near(found[1], std, 1e-4)):
            return f"on a grid, mean {float(mean):.3f} and standard deviation {float(std):.3f} come out for {given}."
    return None


# --- 07 -------------------------------------------------------------------------------------------------------------


def _ece_of_bins(answer: Callable) -> str | None:
    """Against torchmetrics, on answers that were binned here."""
    from torchmetrics.functional.classification import binary_calibration_error

    generator = _generator()
    confidence = 0.55 + 0.45 * torch.rand(400, generator=generator, dtype=torch.float64)  # the lower bins stay empty
    shift = torch.where(confidence < 0.775, -0.25, 0.15)  # overconfident below, underconfident above
    right = (torch.rand(400, generator=generator, dtype=torch.float64) < confidence + shift).double()
    place = (confidence * 15).ceil().long() - 1
    counts, sums, hits = (
        torch.zeros(15, dtype=torch.float64).index_add(0, place, each)
        for each in (torch.ones(400).double(), confidence, right)
    )
    # of two classes, with "right" as the second, torchmetrics bins the confidence as given
    wanted = binary_calibration_error(confidence, right.long(), n_bins=15)
    return (
        None if _near(answer(counts, sums, hits), float(wanted), 1e-4) else f"torchmetrics finds {float(wanted):.4f}."
    )


# --- 08 -------------------------------------------------------------------------------------------------------------


def _threshold_for_false_alarms(answer: Callable) -> str | None:
    """Against scikit-learn's ROC curve: no threshold between two scores lower than the answer keeps the promise."""
    from sklearn.metrics import roc_curve

    generator = _generator()
    for count, allowed in ((40, 0.05), (101, 0.1), (20, 0.01)):
        strangers = torch.randn(count, generator=generator, dtype=torch.float64)
        threshold = float(answered(answer(strangers.tolist(), allowed)))
        scores = torch.cat([strangers, strangers.new_tensor([threshold, -99.0])])  # scikit-learn wants both classes
        rates, _, cuts = roc_curve([0] * count + [1, 1], scores.numpy(), drop_intermediate=False)
        kept = cuts[rates <= allowed + 1e-12]
        if float((strangers >= threshold).double().mean()) > allowed:
            return f"more than {allowed:.0%} of {count} strangers are accepted."
        if threshold > min(kept) + 1e-9:
            return f"a lower threshold would still keep the promise, for {count} strangers."
    return None


# --- 09, 10 ---------------------------------------------------------------------------------------------------------


def _personal_gain(answer: Callable) -> str | None:
    for own, best, other in ((0.9, 0.8, 0.7), (0.6, 0.9, 0.2)):
        noise = torch.randn(3, 12, generator=_generator(), dtype=torch.float64) * 0.01
        means = torch.tensor([own, best, other], dtype=torch.float64)[:, None]
        mine, first, second = noise - noise.mean(1, keepdim=True) + means
        for controls in ((first, second), (second, first)):
            if not _near(answer(mine, *controls), own - best):
                return f"with means {own}, and {best} and {other} of the controls, the gain is {own - best:+.1f}."
    return None


def _numbers_of_a_person(answer: Callable) -> str | None:
    for code, clips in ((16, 5), (4, 1), (32, 10)):
        gaussians = [torch.zeros(2, code)] + [torch.zeros(2, code) for _ in range(clips)]
        if answered(answer(code, clips)) != sum(each.numel() * each.element_size() for each in gaussians):
            return f"with a code of {code} numbers and {clips} clips it is another number of bytes."
    return None


EXERCISES: Mapping[str, Exercise] = {
    "spread-by-luck": Exercise(
        _spread_by_luck,
        (
            "The number of right answers of one person is binomial: n draws, each right with probability p.",
            "Its variance is n p (1 - p). The share is that number divided by n.",
        ),
        "What goes beyond this spread is a difference between persons.",
    ),
    "frames-of-a-clip": Exercise(
        _frames_of_a_clip,
        (
            "A clip shorter than one hop still has the frame at its first sample.",
            "Then one more for every whole hop: an integer division.",
        ),
        "Frames are centred on every hop-th sample, the first included.",
    ),
    "mel-of-hertz": Exercise(
        _mel_of_hertz,
        (
            "At 1000 Hz the linear part has reached 3 * 1000 / 200 = 15 mel, and the logarithm takes over there.",
            "Above: 15 + 27 * log(hertz / 1000) / log(6.4).",
        ),
        "That is librosa's scale.",
    ),
    "reparameterised-draw": Exercise(
        _reparameterised_draw,
        ("A standard normal number becomes one of N(mu, sigma^2) by scaling and shifting.", "sigma is log_std.exp()."),
        "The noise is outside, so gradients reach mean and width.",
    ),
    "kl-by-hand": Exercise(
        _kl_by_hand,
        (
            "Average ln q - ln p under q; the average of (w - mean)^2 is std^2.",
            "The average of (w - prior_mean)^2 is std^2 + (mean - prior_mean)^2.",
        ),
        "Three witnesses, one number.",
    ),
    "loss-of-a-person": Exercise(
        _loss_of_a_person,
        (
            "The misfits are averaged, because a few queries stand for all of the person's clips.",
            "The divergence is paid once for all training clips: its share for one clip is kl / training_clips.",
        ),
        "Minus N times it is the evidence when q is the posterior: one divergence per person is the bound.",
    ),
    "beta-of-the-slip": Exercise(
        _beta_of_the_slip,
        (
            "Set kl / queries equal to beta * kl / training_clips.",
            "Solve for beta; with fewer queries than clips it is above 1.",
        ),
        "With fewer queries than clips the divergence is overcharged: the posterior falls back to the prior.",
    ),
    "precision-asked-for": Exercise(
        _precision_asked_for,
        (
            "A draw w misses a label by (w - mean) phi more: the expected misfit grows by phi^2 sigma^2 / (2 s^2) for "
            "each clip.",
            "Add the divergence, differentiate in sigma^2, set it to zero: each clip adds phi^2 / s^2 to the "
            "precision.",
        ),
        "It is the precision of a posterior that has seen the labels; nothing in it says how little q knows.",
    ),
    "share-of-the-divergence": Exercise(
        _share_of_the_divergence,
        (
            "The loss is one clip's share of the bound. How many clips share the person's weights?",
            "Neither the queries of the episode nor the other persons matter.",
        ),
        "One divergence a person, shared by all of that person's training clips.",
    ),
    "fuse-two": Exercise(
        _fuse_two,
        (
            "Precisions add, and the prior is in both experts: take one of them away.",
            "precision = 1 / std_1**2 + 1 / std_2**2 - 1 / prior_std**2; the mean is weighed by the same three terms.",
        ),
        "The prior counts once, however many clips there are.",
    ),
    "ece-of-bins": Exercise(
        _ece_of_bins,
        (
            "A bin's distance is |mean confidence - share of right answers|; both have the bin's clips below the line.",
            "Weighed by clips, the bin's clips cancel: sum |confidence_sum - right| over all bins, divided by all "
            "clips.",
        ),
        "It is torchmetrics' figure.",
    ),
    "threshold-for-false-alarms": Exercise(
        _threshold_for_false_alarms,
        (
            "Sort the scores, the highest first. How many strangers may be accepted at most?",
            "With k accepted, the threshold lies just above the next lower score: math.nextafter(score, math.inf).",
        ),
        "Thresholds come from the data they are used on.",
    ),
    "personal-gain": Exercise(
        _personal_gain,
        (
            "First find out which control is better on average over persons.",
            "Then the mean of own - control, person by person; with the other control it would flatter the method.",
        ),
        "The best control is the one to beat.",
    ),
    "bytes-of-a-person": Exercise(
        _numbers_of_a_person,
        (
            "A Gaussian over a code is two numbers for each of its dimensions: mean and ln sigma, four bytes each.",
            "One for the person, and one for each clip, so that clips can be switched off later.",
        ),
        "A person is a few hundred bytes, and no sound.",
    ),
}
