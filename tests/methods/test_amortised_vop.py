"""VoP's posterior, its weights and its bound, for every family and rule."""

import math

import pytest
import torch
from torch.nn import functional

from tests.toys import LABELS, log_mels, make_batch, make_encoder, make_vop, ready, seeded
from vop_core.errors import EvaluationError
from vop_core.evaluation.cost import multiply_accumulates
from vop_core.methods.adabn import AdaBn
from vop_core.methods.amortised_vop import (
    FAMILIES,
    AmortisedVop,
    AmortisedVopConfig,
    same_person_loss,
)
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.personal import PersonalModel
from vop_core.nets.batched import CLIPS_AT_ONCE, personal_logits
from vop_core.nets.bcresnet import BcResNet
from vop_core.variational.aggregate import AGGREGATIONS
from vop_core.variational.predictive import MOST_DRAWS, predict_from_draws

CLIPS, QUERY = log_mels(3, seed=1), log_mels(5, seed=2)
LAYERS = [("film",), ("band_film",), ("film", "pointwise", "classifier")]
MODELS = [(family, layers) for family in FAMILIES for layers in LAYERS]


@pytest.fixture(params=MODELS, ids=str, scope="module")
def vop(request):
    family, layers = request.param
    return make_vop(family=family, personal_layers=layers)


def test_a_frozen_person_costs_what_the_global_network_costs(vop):
    frozen, plain = vop.enroll(CLIPS).freeze(), BcResNet(vop.encoder.config)
    clip = log_mels(1)
    assert multiply_accumulates(frozen, clip) == multiply_accumulates(plain, clip) > 0


@pytest.mark.parametrize("rule", AGGREGATIONS)
def test_an_enrolled_posterior_can_be_trained_on(rule):
    """Enrolling under inference mode would make tensors that autograd refuses [style 2.5]."""
    vop = make_vop(aggregation=rule)
    personal = vop.enroll(CLIPS)
    assert not personal.posterior.mean.is_inference()
    mean = personal.posterior.mean.clone().requires_grad_()
    vop.encoder(QUERY, vop.deviations({"mean": mean[None]})).sum().backward()
    assert mean.grad.abs().sum() > 0


@pytest.mark.parametrize("rule", AGGREGATIONS)
def test_nobody_enrolled_is_the_prior(rule):
    vop = make_vop(aggregation=rule)
    nobody = vop.prior_model()
    assert float(nobody.posterior.kl(nobody.prior)) == 0
    torch.testing.assert_close(
        nobody.posterior.mean, vop.hyper_personalizer.prior_mean.detach(), rtol=0, atol=0
    )


def test_bayes_fusion_of_an_enrollment_follows_its_formula():
    """1/sigma^2 = 1/s^2 + sum_i (1/sigma_i^2 - 1/s^2), end to end."""
    personal = make_vop(aggregation="bayes_fusion", prior_scale=0.8).enroll(CLIPS)
    clips, prior = personal.clip_posteriors, personal.prior
    precision = (1 / clips.variance - 1 / prior.variance).sum(0) + 1 / prior.variance
    weighted = (clips.mean / clips.variance - prior.mean / prior.variance).sum(
        0
    ) + prior.mean / prior.variance
    torch.testing.assert_close(personal.posterior.variance, 1 / precision, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(personal.posterior.mean, weighted / precision, rtol=1e-4, atol=1e-5)


def test_other_rules_follow_their_formulas():
    for rule in ("average_parameters", "product_of_experts"):
        personal = make_vop(aggregation=rule).enroll(CLIPS)
        clips = personal.clip_posteriors
        if rule == "average_parameters":
            mean, std = clips.mean.mean(0), clips.log_std.mean(0).exp()
        else:
            precision = (1 / clips.variance).sum(0)
            mean, std = (clips.mean / clips.variance).sum(0) / precision, precision.rsqrt()
        torch.testing.assert_close(personal.posterior.mean, mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(personal.posterior.std, std, rtol=1e-4, atol=1e-6)


def test_drawn_weights_have_the_moments_that_the_page_shows(vop):
    """Means within 4 s.e.; variances too, whose s.e. is sqrt(2 / n) of themselves (the weights are
    Gaussian).
    """
    count, personal = 4000, vop.enroll(CLIPS)
    drawn = personal.sample_weights(count, generator=seeded(5))
    assert tuple(drawn) == personal.layer_names
    standardised = []
    for layer, weights in drawn.items():
        shown = personal.layer_posterior(layer)
        assert weights.shape == (count, len(shown.names))
        standardised.append(((weights - shown.mean) / shown.std).double())
    values = torch.cat(standardised, dim=1)
    # four standard errors for one weight; over all of them, five leave 6e-7 each
    assert values.mean(0).abs().max() < 5 / math.sqrt(count)
    assert (values.var(0) - 1).abs().max() < 5 * math.sqrt(2 / count)
    assert values.mean(0).abs().median() < 4 / math.sqrt(count)


def test_a_layers_posterior_is_the_global_weights_plus_a_deviation(vop):
    personal = vop.enroll(CLIPS)
    state = vop.encoder.state_dict()
    mean = personal.freeze().state_dict()
    for layer in personal.layer_names:
        shown = personal.layer_posterior(layer)
        own = vop.layout.layer_slice(layer)
        expected = vop.layout.flatten_global(mean)[own]
        torch.testing.assert_close(shown.global_weights, vop.layout.flatten_global(state)[own])
        torch.testing.assert_close(shown.mean, expected, rtol=1e-4, atol=1e-5)
        assert (shown.std > 0).all()
        prior, clip = personal.layer_posterior(layer, "prior"), personal.layer_posterior(layer, 1)
        assert (shown.std <= prior.std * (1 + 1e-5)).all()
        assert (clip.std <= prior.std * (1 + 1e-5)).all()
    with pytest.raises(ValueError, match="'combined', 'prior' or the index of a clip"):
        personal.layer_posterior(personal.layer_names[0], "posterior")


def test_the_same_generator_draws_the_same_weights(vop):
    personal = vop.enroll(CLIPS)
    first, again = (personal.sample_weights(3, generator=seeded(2)) for _ in range(2))
    for layer, weights in first.items():
        torch.testing.assert_close(weights, again[layer], rtol=0, atol=0)


def test_a_prediction_over_draws_says_how_sure_it_is(vop):
    prediction = vop.enroll(CLIPS).predict(QUERY, draws=60, generator=seeded(1))
    assert prediction.draws == 60
    # a mean can leave the equal-tailed 95 % interval only when nearly all its mass sits in the
    # tails
    assert (prediction.lower <= prediction.probabilities + 1e-6).all()
    assert (prediction.upper >= prediction.probabilities - 1e-6).all()
    torch.testing.assert_close(prediction.total, prediction.aleatoric + prediction.epistemic)
    assert (prediction.epistemic > 0).all()
    fixed = vop.enroll(CLIPS).predict(QUERY)
    assert fixed.epistemic.tolist() == [0] * len(QUERY)
    torch.testing.assert_close(fixed.lower, fixed.upper)


def test_draws_are_answered_each_with_its_own_weights(vop):
    """What predict averages is what frozen networks with those weights would say."""
    personal, draws = vop.enroll(CLIPS), 4
    vectors = personal.posterior.sample(draws, generator=seeded(1))
    expected = torch.stack(
        [
            personal_logits(vop.encoder, vop.deviations({"mean": vector[None]}), QUERY[None])[
                0
            ].softmax(-1)
            for vector in vectors
        ]
    ).mean(0)
    found = personal.predict(QUERY, draws=draws, generator=seeded(1)).probabilities
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    several = vop.predict_persons(CLIPS[None], QUERY[None], draws=draws, generator=seeded(1))[0]
    torch.testing.assert_close(found, several, rtol=1e-4, atol=1e-5)


def test_a_posterior_without_spread_answers_as_its_mean(vop):
    personal = vop.enroll(CLIPS)
    narrow = {"log_std": torch.full_like(personal.adaptation["log_std"], -30.0)}
    point = PersonalModel(vop, personal.adaptation | narrow)
    drawn = point.predict(QUERY, draws=5, generator=seeded(1))
    torch.testing.assert_close(
        drawn.probabilities, personal.predict(QUERY).probabilities, rtol=1e-4, atol=1e-5
    )
    assert drawn.epistemic.max() < 1e-5


def test_long_queries_are_answered_in_pieces_that_do_not_show():
    vop = make_vop()
    query = log_mels(CLIPS_AT_ONCE + 5, frames=1)
    personal = vop.enroll(CLIPS)
    pieces = personal.predict(query).probabilities
    torch.testing.assert_close(
        pieces[-5:], personal.predict(query[-5:]).probabilities, rtol=1e-4, atol=1e-5
    )
    assert pieces.shape == (CLIPS_AT_ONCE + 5, LABELS)


# --- the bound ------------------------------------------------------------------------------------


def test_draws_are_made_in_pieces_that_do_not_show_and_are_counted(monkeypatch):
    personal = make_vop().enroll(CLIPS)
    whole = personal.predict(QUERY, draws=7, generator=seeded(3))
    counted = []
    monkeypatch.setattr("vop_core.methods.base.CLIPS_AT_ONCE", 2 * len(QUERY))
    pieces = personal.predict(
        QUERY, draws=7, generator=seeded(3), progress=lambda *done: counted.append(done)
    )
    assert counted == [(2, 7), (4, 7), (6, 7), (7, 7)]
    torch.testing.assert_close(pieces.probabilities, whole.probabilities, rtol=0, atol=1e-6)
    torch.testing.assert_close(pieces.lower, whole.lower, rtol=0, atol=1e-6)


@pytest.mark.parametrize("draws", [-1, MOST_DRAWS + 1])
def test_more_draws_than_a_person_would_wait_for_are_refused(draws):
    personal = make_vop().enroll(CLIPS)
    for ask in (
        lambda: personal.predict(QUERY, draws=draws, generator=seeded(0)),
        lambda: AdaBn(make_encoder()).enroll(CLIPS).predict(QUERY, draws=draws),
    ):
        with pytest.raises(
            EvaluationError, match=f"{draws:,} draws were asked for; choose from 0 to 1,000"
        ):
            ask()


def test_the_sampling_error_at_the_most_draws_is_what_the_refusal_says():
    """The error of a mean of S draws in [0, 1] is at most 0.5 / sqrt(S), reached by a fair coin."""
    coin = torch.arange(MOST_DRAWS).remainder(2).double()[:, None, None]
    error = predict_from_draws(torch.cat([coin, 1 - coin], dim=-1)).standard_error.max()
    assert abs(100 * float(error) - 1.6) < 0.05


def hand_loss(vop, batch, posterior, query, labels, clips, progress):
    """mean over persons of (mean cross-entropy + beta / N_k KL), one draw a person."""
    warm = min(1.0, progress / vop.config.kl_warmup)
    weights = vop.personal_weights(posterior.rsample(generator=seeded(9)))
    total = []
    for person in range(len(query)):
        deviations = vop.layout.unflatten(weights[person : person + 1])
        misfit = functional.cross_entropy(vop.encoder(query[person], deviations), labels[person])
        prior = vop.hyper_personalizer.prior()
        kl = torch.distributions.kl_divergence(
            torch.distributions.Normal(posterior.mean[person], posterior.std[person]),
            torch.distributions.Normal(prior.mean, prior.std),
        ).sum()
        total.append(misfit + vop.config.beta * warm * kl / clips[person])
    return torch.stack(total).mean()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rule", AGGREGATIONS)
def test_the_loss_is_the_negative_bound_with_one_kl_a_person_over_its_training_clips(family, rule):
    vop, batch = make_vop(family=family, aggregation=rule, beta=1.3), make_batch()
    posterior = vop.hyper_personalizer.aggregate(
        vop.clip_features(batch.enrollment, batch.present), batch.present
    )
    for progress in (0.1, 1.0):  # in the warm-up of the KL, and after it
        found, logs = vop.loss(batch, progress=progress, generator=seeded(9))
        expected = hand_loss(
            vop, batch, posterior, batch.query, batch.labels, batch.training_clips, progress
        )
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert logs["loss"] == pytest.approx(found.item())


def test_the_loss_adds_up_from_what_is_logged():
    """Equal N_k: the KL's share of the loss is beta / N_k of its mean."""
    vop, batch = make_vop(beta=2.0), make_batch()
    batch = type(batch)(**vars(batch) | {"training_clips": torch.full((3,), 50.0)})
    _, logs = vop.loss(batch, progress=1.0, generator=seeded())
    expected = logs["cross_entropy"] + 2 / 50 * logs["kl"]
    assert logs["loss"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_self_conditioning_makes_each_clips_weights_from_itself_and_charges_a_full_kl():
    vop, batch = make_vop(conditioning="self"), make_batch()
    query, labels = batch.query.flatten(0, 1)[:, None], batch.labels.reshape(-1, 1)
    posterior = vop.hyper_personalizer.aggregate(vop.clip_features(query))
    found, _ = vop.loss(batch, progress=1.0, generator=seeded(9))
    expected = hand_loss(vop, batch, posterior, query, labels, torch.ones(len(query)), 1.0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    other = type(batch)(**vars(batch) | {"training_clips": 10 * batch.training_clips})
    again, _ = vop.loss(other, progress=1.0, generator=seeded(9))
    torch.testing.assert_close(found, again, rtol=0, atol=0)


def test_training_reaches_every_parameter():
    """But not through the statistics that the encoder shows the hyper-personalizer."""
    vop, batch = (
        make_vop(person_loss=0.5, personal_layers=("film", "classifier")).train(),
        make_batch(),
    )
    loss, logs = vop.loss(batch, progress=1.0, generator=seeded())
    loss.backward()
    idle = [
        name for name, value in vop.named_parameters() if value.grad is None or not value.grad.any()
    ]
    assert idle == []
    assert logs["person_loss"] > 0


def test_the_person_loss_is_small_when_persons_are_told_apart_and_chance_when_not():
    present = torch.ones(3, 4, dtype=torch.bool)
    apart = torch.eye(3)[:, None].expand(3, 4, 3)
    # 3 equal clips of one's own among 11 others: -ln(e^5 / (3 e^5 + 8))
    expected = math.log(3 + 8 * math.exp(-5))
    torch.testing.assert_close(same_person_loss(apart, present), torch.tensor(expected))
    torch.testing.assert_close(
        same_person_loss(torch.ones(3, 4, 3), present), torch.tensor(math.log(11))
    )
    alone = torch.tensor([[True, False, False, False]] * 3)
    assert float(same_person_loss(apart, alone)) == 0


def test_vop_starts_as_the_global_network_it_was_made_from():
    model = ready(GlobalModel(make_encoder()))
    vop = AmortisedVop.from_global(model, AmortisedVopConfig(code=4)).eval()
    torch.testing.assert_close(
        vop.prior_model().predict(QUERY).probabilities,
        model.predict(QUERY).probabilities,
        rtol=1e-4,
        atol=1e-6,
    )
    vop.encoder.stem[0].weight.data.zero_()
    assert model.encoder.stem[0].weight.any()
