"""Dropout, SAMOVAR, VERSA, ARM and ANIL: limits and closed forms."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from tests.toys import (
    LABELS,
    log_mels,
    make_batch,
    make_encoder,
    ready,
    seeded,
)
from vop_core.methods.anil import Anil, AnilConfig, cross_entropy_gradient
from vop_core.methods.arm import Arm, ArmConfig
from vop_core.methods.dropout import Dropout, DropoutConfig, McDropout
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.samovar import (
    LabeledSamovarOneLayer,
    LabeledSamovarTwoLayers,
    SamovarConfig,
    SamovarOneLayer,
    SamovarTwoLayers,
    cross_entropy_of_draws,
)
from vop_core.methods.versa import Versa, VersaConfig
from vop_core.nets.classifier_inference import (
    INITIAL_STD,
    LARGEST_LOG_RATIO,
    classifier_rows,
    classify,
    embed_episode,
    mean_by_label,
    mean_of_present,
)
from vop_core.variational.gaussian import DiagonalGaussian

SAMOVARS = (SamovarOneLayer, SamovarTwoLayers, LabeledSamovarOneLayer, LabeledSamovarTwoLayers)
ENROLLMENT, QUERY = log_mels(3, 4, seed=1), log_mels(3, 5, seed=2)
WORDS = torch.tensor([[0, 1, 1, 2], [2, 2, 0, 1], [1, 1, 1, 1]])
PRESENT = torch.tensor(
    [[True, True, False, False], [True, True, True, True], [True, False, False, False]]
)


def global_model(seed: int = 0) -> GlobalModel:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ready(GlobalModel(make_encoder()), seed)


def fresh(kind, config=None):
    """A method at the start of its training."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return kind.from_global(global_model(), config)


def shaken(kind, config=None):
    """A method that training has moved: no number is left where it started, and persons differ."""
    method = fresh(kind, config)
    generator = seeded(5)
    with torch.no_grad():
        for name, value in method.named_parameters():
            # what it generates is scaled down again
            strength = 1.0 if name.startswith("inference") else 0.1
            value.add_(strength * torch.randn(value.shape, generator=generator))
    return method


def represent(method, clips):
    return method.represent(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])


def adapted(method, enrollment=ENROLLMENT):
    with torch.no_grad():
        return method.adapt(represent(method, enrollment), WORDS if method.facts.labels else None)


def answers(method):
    with torch.no_grad():
        return method.predict_proba(adapted(method), represent(method, QUERY))


# The parts


def test_means_over_clips_are_those_of_the_clips_that_count():
    features = torch.randn(2, 4, 6, generator=seeded())
    labels = torch.tensor([[0, 0, 2, 0], [1, 1, 1, 1]])
    present = torch.tensor([[True, True, True, False], [False, False, False, False]])
    means, counts = mean_by_label(features, labels, present, LABELS)
    assert counts.tolist() == [[2, 0, 1], [0, 0, 0]]
    torch.testing.assert_close(means[0, 0], features[0, :2].mean(0))
    torch.testing.assert_close(means[0, 2], features[0, 2])
    assert not means[0, 1].any() and not means[1].any()
    torch.testing.assert_close(mean_of_present(features, present)[0], features[0, :3].mean(0))
    assert not mean_of_present(features, present)[1].any()


def test_an_embedded_episode_is_what_the_encoder_makes_of_each_clip():
    method = shaken(Anil)
    enrollment, query = embed_episode(method.encoder, ENROLLMENT, PRESENT, QUERY)
    expected = torch.where(PRESENT[..., None], represent(method, ENROLLMENT), 0.0)
    torch.testing.assert_close(enrollment, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(query, represent(method, QUERY), rtol=1e-4, atol=1e-5)

    again = embed_episode(method.encoder, represent(method, ENROLLMENT), PRESENT, query)
    torch.testing.assert_close(again, (enrollment, query), rtol=1e-4, atol=1e-5)


# Dropout


def test_the_masks_have_the_stated_share_of_zeros_and_expectation_1():
    method = fresh(Dropout, DropoutConfig(probability=0.3))
    count = 100_000
    masks = method.masks(count, generator=seeded())
    assert set(masks.unique().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
    four_standard_errors = 4 * math.sqrt(0.3 * 0.7 / count)
    assert abs((masks == 0).float().mean() - 0.3) < four_standard_errors
    assert abs(masks.mean() - 1) < four_standard_errors / 0.7


def test_a_draw_of_monte_carlo_dropout_is_a_draw_of_the_classifiers_weights():
    """Columns of the weight matrix are dropped, the same for all persons and queries."""
    method = shaken(McDropout, DropoutConfig(probability=0.5))
    query = represent(method, QUERY)
    found = method.predict_proba_draws(
        method.prior(len(query)), query, draws=4, generator=seeded(7)
    )
    masks = method.masks(4, query.shape[-1], generator=seeded(7))
    for mask, answer in zip(masks, found, strict=True):
        weight = method.encoder.classifier.weight * mask
        expected = functional.linear(query, weight, method.encoder.classifier.bias).softmax(-1)
        torch.testing.assert_close(answer, expected)


def test_without_dropout_every_draw_is_the_answer():
    method = shaken(McDropout, DropoutConfig(probability=0.0))
    query = represent(method, QUERY)
    draws = method.predict_proba_draws(method.prior(len(query)), query, draws=2, generator=seeded())
    torch.testing.assert_close(
        draws, method.predict_proba(method.prior(len(query)), query).expand(2, -1, -1, -1)
    )


# SAMOVAR and VERSA


@pytest.mark.parametrize("kind", (*SAMOVARS, Versa), ids=lambda kind: kind.__name__)
def test_additive_rows_start_narrow_and_stay_within_their_bound(kind):
    narrow = adapted(fresh(kind))["log_std"]
    torch.testing.assert_close(narrow, torch.full_like(narrow, math.log(INITIAL_STD)))
    wide = shaken(kind)
    with torch.no_grad():
        wide.inference.log_variance.bias.fill_(1e6)  # drowns what the context adds
    largest = torch.full_like(narrow, math.log(INITIAL_STD) + LARGEST_LOG_RATIO)
    torch.testing.assert_close(adapted(wide)["log_std"], largest)
    unbounded = shaken(kind, replace(kind.config_type(), additive=False))
    with torch.no_grad():
        unbounded.inference.log_variance.bias.fill_(1e6)
    assert (adapted(unbounded)["log_std"] > 1e5).all()


def test_rows_from_scratch_do_not_add_the_global_rows():
    scratch = fresh(SamovarOneLayer, SamovarConfig(additive=False))
    with torch.no_grad():
        for value in scratch.inference.parameters():
            value.zero_()
    assert not adapted(scratch)["mean"].any()


@pytest.mark.parametrize("kind", SAMOVARS, ids=lambda kind: kind.__name__)
def test_the_bound_is_cross_entropy_under_the_posterior_plus_kl_per_query(kind):
    """The posterior is enrolling with the queries among the clips; the KL is that of
    torch.distributions.
    """
    method, batch = shaken(kind, SamovarConfig(beta=0.7)), make_batch()
    enrollment, query = (represent(method, clips) for clips in (batch.enrollment, batch.query))
    words = torch.cat((batch.enrollment_labels, batch.labels), 1)
    present = torch.cat((batch.present, torch.ones_like(batch.labels, dtype=torch.bool)), 1)
    prior = method.infer(enrollment, batch.enrollment_labels, batch.present)
    posterior = method.infer(torch.cat((enrollment, query), 1), words, present)
    q, p = (torch.distributions.Normal(part.mean, part.std) for part in (posterior, prior))
    kl = torch.distributions.kl_divergence(q, p).sum((1, 2))
    misfit = cross_entropy_of_draws(
        posterior,
        query,
        batch.labels,
        draws=4,
        generator=seeded(3),
    )
    expected = misfit.mean() + 0.7 * kl.mean() / batch.query.shape[1]
    found, logs = method.loss(batch, progress=0.0, generator=seeded(3))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert logs["kl"] == pytest.approx(kl.mean().item(), rel=1e-3)
    assert logs["kl"] > 0.01


def test_unlabeled_samovar_never_reads_a_label_to_infer():
    method, batch = shaken(SamovarTwoLayers), replace(make_batch(), enrollment_labels=None)
    other = replace(batch, labels=(batch.labels + 1) % LABELS)
    first, second = (
        method.loss(given, progress=0.0, generator=seeded())[1] for given in (batch, other)
    )
    assert first["kl"] == second["kl"] > 0
    assert first["cross_entropy"] != second["cross_entropy"]


def test_drawn_logits_have_the_variance_of_the_local_reparameterisation():
    """var(w u + b) = u^2 sigma_w^2 + sigma_b^2, four standard errors of a variance estimate."""
    mean, log_std = torch.zeros(1, LABELS, 5), 0.3 * torch.randn(1, LABELS, 5, generator=seeded())
    features, count = torch.randn(1, 2, 4, generator=seeded(1)), 40_000
    logits = classify(DiagonalGaussian(mean, log_std).sample(count, generator=seeded(2)), features)
    variance = (2 * log_std).exp()
    expected = features.square() @ variance[..., :-1].mT + variance[..., None, :, -1]
    torch.testing.assert_close(logits.var(0), expected, rtol=4 * math.sqrt(2 / count), atol=0)


def test_the_versa_loss_averages_likelihoods_inside_the_logarithm():
    method, batch = shaken(Versa, VersaConfig(training_draws=6)), make_batch()
    found, _ = method.loss(batch, progress=0.0, generator=seeded(3))
    enrollment, query = (represent(method, clips) for clips in (batch.enrollment, batch.query))
    generated = method.infer(enrollment, batch.enrollment_labels, batch.present)
    rows = generated.expand(6, 3, LABELS).rsample(generator=seeded(3))
    logits = torch.einsum("dplf,pqf->dpql", rows[..., :-1], query) + rows[..., -1][:, :, None]
    likelihood = logits.softmax(-1).gather(-1, batch.labels.expand(6, -1, -1)[..., None])
    torch.testing.assert_close(found, -likelihood.mean(0).log().mean(), rtol=1e-4, atol=1e-4)
    each = -likelihood.log().mean()
    assert found < each  # Jensen


def test_a_class_row_depends_on_its_own_labeled_clips_only():
    for kind in (LabeledSamovarTwoLayers, Versa):
        method = shaken(kind)
        changed = torch.where((WORDS == 1)[..., None, None], log_mels(3, 4, seed=8), ENROLLMENT)
        before, after = adapted(method)["mean"], adapted(method, enrollment=changed)["mean"]
        torch.testing.assert_close(after[:, [0, 2]], before[:, [0, 2]])
        assert (after[:, 1] != before[:, 1]).any(-1).all()


# ARM


def test_the_context_is_the_mean_of_the_clips_maps():
    method = shaken(Arm)
    context = method.contexts(ENROLLMENT, PRESENT)
    assert context.shape == (3, 4, *ENROLLMENT.shape[2:])
    for person in range(3):
        clips = ENROLLMENT[person][PRESENT[person]]
        expected = torch.stack(
            [method.context_network(clip[None, None])[0] for clip in clips]
        ).mean(0)
        torch.testing.assert_close(context[person], expected, rtol=1e-4, atol=1e-5)


def test_the_encoder_reads_each_query_beside_its_own_persons_context():
    method = shaken(Arm, ArmConfig(channels=1))
    context = adapted(method)["context"]
    expected = method.encoder(QUERY[2], context=context[2].expand(5, -1, -1, -1)).softmax(-1)
    torch.testing.assert_close(answers(method)[2], expected, rtol=1e-4, atol=1e-5)


def test_many_queries_are_answered_in_pieces_that_mix_no_persons(monkeypatch):
    method = shaken(Arm)
    whole = answers(method)
    monkeypatch.setattr("vop_core.methods.arm.CLIPS_AT_ONCE", 4)
    torch.testing.assert_close(answers(method), whole, rtol=1e-4, atol=1e-5)


# ANIL


def test_the_closed_form_gradient_is_that_of_autograd():
    generator = seeded()
    rows = torch.randn(3, LABELS, 7, generator=generator, dtype=torch.float64, requires_grad=True)
    features = torch.randn(3, 4, 6, generator=generator, dtype=torch.float64)
    logits = torch.einsum("plf,psf->psl", rows[..., :-1], features) + rows[..., -1][:, None]
    each = functional.cross_entropy(logits.movedim(-1, 1), WORDS, reduction="none")
    total = ((each * PRESENT).sum(1) / PRESENT.sum(1)).sum()
    (expected,) = torch.autograd.grad(total, rows)
    torch.testing.assert_close(cross_entropy_gradient(rows, features, WORDS, PRESENT), expected)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_the_inner_loop_is_plain_gradient_descent(steps):
    method = shaken(Anil, AnilConfig(inner_steps=steps, inner_rate=0.05))
    assert method.gradient_steps == steps
    found = adapted(method)["classifier"]
    classifier = copy.deepcopy(method.encoder.classifier)
    optimizer = torch.optim.SGD(classifier.parameters(), lr=method.log_rate.exp().item())
    features = represent(method, ENROLLMENT)[1]
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(classifier(features), WORDS[1]).backward()
        optimizer.step()
    torch.testing.assert_close(found[1], classifier_rows(classifier).detach(), rtol=1e-4, atol=1e-5)


def test_the_outer_loss_differentiates_through_the_inner_steps():
    """The learned rate's gradient agrees with a difference quotient."""
    method = shaken(Anil).double()
    batch = make_batch()
    batch = replace(batch, enrollment=batch.enrollment.double(), query=batch.query.double())

    def loss():
        return method.loss(batch, progress=0.0, generator=seeded())[0]

    loss().backward()
    slope, step = method.log_rate.grad.item(), 1e-4
    with torch.no_grad():
        method.log_rate += step
        above = loss().item()
        method.log_rate -= 2 * step
        below = loss().item()
    assert slope == pytest.approx((above - below) / (2 * step), rel=1e-5)
    assert slope != 0
