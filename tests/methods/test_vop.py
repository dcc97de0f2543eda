"""The cascade against the arithmetic of Gaussian persons and Gaussian clips [VOP]."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from tests.toys import seeded
from vop_core.data.features import FeatureTable
from vop_core.methods.personal import gaussian_of
from vop_core.methods.untrained_vop import UntrainedVop, UntrainedVopConfig
from vop_core.methods.vop import ALL_CLIPS, COUNTS, Vop, VopConfig, _line, _Moments
from vop_core.nets.conv5 import Conv5, Conv5Config
from vop_core.training.batches import EpisodeBatch

PERSONS, CLIPS, SIDE = 300, 8, 12
TAU, SIGMA = 0.6, 0.9  # of the shift of the first channel of the first layer
CHANNELS = 16  # of the first layer


@pytest.fixture
def method():
    """An encoder whose first channel is its input, left as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = Conv5(Conv5Config(labels=3, rows=SIDE, offset=0.0, spread=1.0, dropout=0.0))
    first = encoder.convolutions[0].weight
    with torch.no_grad():
        first[0] = torch.zeros(1, 3, 3)
        first[0, 0, 1, 1] = 1.0
    return Vop(encoder.eval()).eval()


def heard(
    persons: int, clips: int, *, seed: int, tau: float = TAU
) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips of persons whose loudness differs by ``tau``, theirs from each other by ``SIGMA``; and
    the persons' own.
    """
    generator = seeded(seed)
    own = tau * torch.randn(persons, 1, generator=generator)
    level = own + SIGMA * torch.randn(persons, clips, generator=generator)
    picture = torch.randn(persons, clips, SIDE, SIDE, generator=generator)
    picture = picture - picture[..., ::2, ::2].mean((-2, -1), keepdim=True)  # where the layer looks
    return picture + level[..., None, None], own[:, 0]


def table_of(clips: torch.Tensor) -> FeatureTable:
    persons, count = clips.shape[:2]
    owner = torch.arange(persons).repeat_interleave(count)
    zeros = torch.zeros_like(owner)
    names = tuple(f"toy/{person:03}" for person in range(persons))
    return FeatureTable({"original": clips.flatten(0, 1)}, owner, zeros, zeros, names, ("a",))


def test_nobody_enrolled_is_the_global_model(method):
    clips, _ = heard(2, 4, seed=1)
    answer = method.encoder(clips[0]).softmax(-1)
    torch.testing.assert_close(method.prior_model().predict(clips[0]).probabilities, answer)


def test_a_prior_worth_endless_clips_leaves_the_global_model(method):
    with torch.no_grad():
        method.log_prior_clips.fill_(math.log(1e9))
    clips, _ = heard(1, 5, seed=2)
    answer = method.encoder(clips[0]).softmax(-1)
    found = method.enroll(clips[0]).predict(clips[0]).probabilities
    torch.testing.assert_close(found, answer, rtol=0, atol=1e-5)


def told(method: Vop, *, prior_clips: float) -> Vop:
    """The method with TAU and SIGMA everywhere, and answers of so large a prior."""
    method.person_variance.fill_(TAU**2)
    method.lasting_variance.fill_(TAU**2)
    method.clip_variance.fill_(SIGMA**2)
    with torch.no_grad():
        method.log_prior_clips.fill_(math.log(prior_clips))
    return method


@pytest.mark.parametrize("clips", [1, 3, 8])
def test_the_first_layers_posterior_is_the_conjugate_one(method, clips):
    """Its shift, on clips whose level is known, by hand: the mean, and the variance of what all
    clips would make once so many are known.
    """
    told(method, prior_clips=SIGMA**2 / TAU**2)
    inputs, _ = heard(4, clips, seed=3)
    found = gaussian_of(method.adapt(inputs))
    share, full = (n / (n + SIGMA**2 / TAU**2) for n in (clips, ALL_CLIPS))
    level = inputs[..., ::2, ::2].mean((1, 2, 3))
    torch.testing.assert_close(found.mean[:, CHANNELS], share * level, rtol=1e-3, atol=1e-4)
    left = ALL_CLIPS - clips
    of_the_rest = TAU**2 * (1 - share) + SIGMA**2 / left  # their mean level, given the others
    expected = torch.full((4,), (full * left / ALL_CLIPS) ** 2 * of_the_rest)
    torch.testing.assert_close(found.variance[:, CHANNELS], expected)


@pytest.mark.parametrize(("prior_clips", "most"), [(0.5, math.inf), (12.0, math.inf), (12.0, 4.0)])
@pytest.mark.parametrize("clips", [0, 1, 8, 19])
def test_the_variance_is_that_of_the_error_of_the_learned_mean(method, clips, prior_clips, most):
    """Against what all clips make, over persons, whatever share of the evidence the answers have
    learned to take, from however many clips; a mean of squares of that many Gaussians errs by
    sqrt(2 / persons).
    """
    told(method, prior_clips=prior_clips)
    method.most_clips.fill_(most)
    inputs, _ = heard(PERSONS, ALL_CLIPS, seed=6)
    known = method.adapt(inputs[:, :clips]) if clips else method.prior(PERSONS)
    found, whole = gaussian_of(known), gaussian_of(method.adapt(inputs))
    error = (found.mean - whole.mean)[:, CHANNELS].square().mean()
    assert error == pytest.approx(
        found.variance[0, CHANNELS].item(), rel=4 * math.sqrt(2 / PERSONS)
    )


def test_variances_are_found_from_persons_and_the_interval_holds_what_all_clips_make(method):
    """Within four standard errors; of persons never estimated on, 90 % lie in the 90 % interval."""
    with torch.no_grad():
        method.log_prior_clips.fill_(math.log(5.0))
    method.prepare(table_of(heard(PERSONS, CLIPS, seed=4)[0]))
    # of a product of two Gaussian means and of a squared difference, at the worst one clip a side
    between = math.sqrt(((TAU**2 + SIGMA**2) ** 2 + TAU**4) / PERSONS)
    assert abs(method.person_variance[CHANNELS] - TAU**2) < 4 * between
    within = SIGMA**2 * math.sqrt(2 / PERSONS)
    assert abs(method.clip_variance[CHANNELS] - SIGMA**2) < 4 * 1.5 * within
    inputs, _ = heard(PERSONS, ALL_CLIPS, seed=5)
    whole = gaussian_of(method.adapt(inputs)).mean[:, CHANNELS]
    for clips in (1, 3, 8):
        posterior = gaussian_of(method.adapt(inputs[:, :clips]))
        error = (whole - posterior.mean[:, CHANNELS]).abs() / posterior.std[:, CHANNELS]
        covered = (error < 1.645).float().mean()
        assert abs(covered - 0.9) < 4 * math.sqrt(0.9 * 0.1 / PERSONS) + 0.03


def test_persons_kept_apart_who_differ_more_widen_the_interval(method):
    """Twice as far apart as the persons of training: for others of their kind the squared error is
    then what the variance says, over a layer; those who differ less narrow nothing.
    """
    with torch.no_grad():
        method.log_prior_clips.fill_(math.log(5.0))
    trained = table_of(heard(PERSONS, CLIPS, seed=4)[0])
    layer = method.layer_numbers["film 1"]
    method.prepare(trained)
    alone = method.person_variance[layer].clone()
    errors = {}
    for tau in (0.5 * TAU, 2 * TAU):
        method.prepare(trained, table_of(heard(PERSONS, ALL_CLIPS, seed=40, tau=tau)[0]))
        inputs, _ = heard(PERSONS, ALL_CLIPS, seed=41, tau=2 * TAU)
        whole = gaussian_of(method.adapt(inputs))
        squared = [
            (whole.mean - found.mean)[:, layer].square() / found.variance[:, layer]
            for found in (gaussian_of(method.adapt(inputs[:, :clips])) for clips in COUNTS)
        ]
        errors[tau] = torch.stack(squared).mean()
        if tau < TAU:
            torch.testing.assert_close(method.person_variance[layer], alone)
    assert errors[0.5 * TAU] > 1.5
    assert abs(errors[2 * TAU] - 1) < 4 * math.sqrt(2 / PERSONS)


def test_the_share_grows_no_further_than_training_tried(method):
    """Trained with up to three clips: more sharpen the mean, of which no more is taken."""
    label = torch.zeros(2, 2, dtype=torch.long)
    method.train()
    for clips in (1, 3, 2):
        inputs, _ = heard(2, clips + 2, seed=30 + clips)
        present = torch.ones(2, clips, dtype=torch.bool)
        ten = torch.full((2,), 10.0)
        batch = EpisodeBatch(inputs[:, :clips], present, inputs[:, clips:], label, ten)
        method.loss(batch, progress=0.0, generator=seeded(31))
    limit = method.most_clips.item()
    told(method.eval(), prior_clips=2.0)
    for clips in (2, 3, 8, 30):
        inputs, _ = heard(4, clips, seed=32)
        counted, taken = min(clips, 3), []
        for most in (limit, math.inf):
            method.most_clips.fill_(most)
            taken.append(gaussian_of(method.adapt(inputs)).mean[:, CHANNELS])
        ratio = counted / (counted + 2) * (clips + 2) / clips
        torch.testing.assert_close(taken[0], ratio * taken[1])
        method.most_clips.fill_(limit)
        assert method.enroll(inputs[0]).shrinkage("film 1", CHANNELS).counted == counted


@pytest.mark.parametrize("clips", [1, 3, 8])
def test_no_share_of_the_evidence_errs_less_than_the_persons_own(method, clips):
    """Persons drawn from the prior: the squared error about their own value is tau^2 sigma^2 /
    (sigma^2 + n tau^2), the least there is, within four standard errors.
    """
    persons = 2000
    told(method, prior_clips=SIGMA**2 / TAU**2)
    inputs, own = heard(persons, clips, seed=20 + clips)
    squared = (own - gaussian_of(method.adapt(inputs)).mean[:, CHANNELS]).square()
    least = TAU**2 * SIGMA**2 / (SIGMA**2 + clips * TAU**2)
    assert abs(squared.mean() / least - 1) < 4 * math.sqrt(2 / persons)


@pytest.mark.parametrize("others", [1, 5, 15])
@pytest.mark.parametrize("clips", [1, 5])
def test_what_all_clips_make_is_observed_with_the_error_of_those_that_are_missing(
    method, clips, others
):
    """About what the enrolled ones and all others make; exactly there, where none is missing."""
    told(method, prior_clips=3.0)
    inputs, _ = heard(PERSONS, ALL_CLIPS, seed=30 + clips)
    whole = gaussian_of(method.adapt(inputs)).mean[:, CHANNELS]
    seen = method.observed(inputs[:, :clips], inputs[:, clips : clips + others])
    error = (whole - seen.mean[:, CHANNELS]).square()
    if clips + others == ALL_CLIPS:
        assert error.max() < 1e-6
    else:
        unit = (error / seen.variance[:, CHANNELS]).mean()
        assert abs(unit - 1) < 4 * math.sqrt(2 / PERSONS)


def test_other_clips_in_any_order_are_a_sample_of_the_person(method):
    """Sorted from the faintest to the loudest, as takes of one word after the other may lie: the
    error is that of so many at random, by the sampling without replacement of 19 from 60.
    """
    told(method, prior_clips=3.0)
    inputs, _ = heard(PERSONS, 61, seed=33)
    others = inputs[:, 1:]
    order = others.mean((-2, -1)).argsort(1)
    rising = others.gather(1, order[..., None, None].expand_as(others))
    seen = method.observed(inputs[:, :1], rising).mean[:, CHANNELS]
    level = inputs[..., ::2, ::2].mean((-2, -1))
    full = ALL_CLIPS / (ALL_CLIPS + 3)
    expected = full * (level[:, 0] + 19 * level[:, 1:].mean(1)) / ALL_CLIPS
    one_error = full * SIGMA * 19 / ALL_CLIPS * math.sqrt((1 - 19 / 60) / 19)
    assert abs((seen - expected).mean()) < 4 * one_error


def test_what_a_person_may_be_shrinks_with_what_the_layers_below_have_corrected(method):
    """From tau^2 of the un-adapted network towards what lasts, by the missing share squared: here
    sigma is 0, so that nothing else is open.
    """
    told(method, prior_clips=6.0)
    method.person_variance.fill_(4 * TAU**2)
    method.clip_variance.fill_(0.0)
    full = ALL_CLIPS / (ALL_CLIPS + 6)
    found = gaussian_of(method.prior(1)).variance[0, 0].item()
    assert found == pytest.approx(full**2 * 4 * TAU**2)
    for clips in (1, 6, 18):
        share = clips / (clips + 6)
        between = TAU**2 * (1 + 3 * (1 - share) ** 2)
        found = gaussian_of(method.adapt(heard(1, clips, seed=3)[0])).variance
        assert found[0, 0].item() == pytest.approx((full - share) ** 2 * between, rel=1e-4)


def test_one_clip_more_is_always_left_open(method):
    """Where as many as all have been heard, and more."""
    told(method, prior_clips=6.0)
    widths = [gaussian_of(method.adapt(heard(1, n, seed=3)[0])).std for n in (19, 20, 21, 40)]
    assert all((width > 0).all() for width in widths)
    assert all((b < a).all() for a, b in pairwise(widths))


def test_a_line_of_variances_never_falls_below_nothing():
    """Least squares: a line is found; one that falls is flat; one that begins below 0 begins at
    0.
    """
    place = torch.tensor([[0.2], [0.5], [0.9]])
    exact, flat, from_nothing = 2 + 3 * place, 3 - place, 4 * place - 0.2
    first, slope = _line(place.expand(3, 3), torch.cat((exact, flat, from_nothing), dim=1))
    through = (place * from_nothing).sum() / place.square().sum()
    torch.testing.assert_close(first, torch.stack((torch.tensor(2.0), flat.mean(), 0 * through)))
    torch.testing.assert_close(slope, torch.stack((torch.tensor(3.0), 0 * through, through)))


def test_other_clips_are_seen_in_the_layers_that_the_enrollment_makes(method):
    """The first layer is nobody's yet; further on, other clips show another offset under another
    person's enrollment.
    """
    inputs, _ = heard(2, 9, seed=40)
    enrolled, others = inputs[:, :3], inputs[:, 3:]
    own, strange = (method._seen(each, others)[1] for each in (enrolled, enrolled.flip(0)))
    first = slice(0, 2 * CHANNELS)
    torch.testing.assert_close(own[:, first], strange[:, first])
    assert (own - strange)[:, first.stop :].abs().max() > 0.01


def test_layers_further_on_read_what_the_adapted_ones_hand_on(method):
    """The first layer's offsets are those of the un-adapted network, later ones are not."""
    inputs, _ = heard(3, 4, seed=9)
    parallel = Vop(method.encoder, VopConfig(cascade=False)).eval()
    one, other = gaussian_of(method.adapt(inputs)), gaussian_of(parallel.adapt(inputs))
    first = slice(0, 2 * CHANNELS)
    torch.testing.assert_close(one.mean[:, first], other.mean[:, first])
    later = one.mean[:, first.stop :] - other.mean[:, first.stop :]
    assert later.abs().max() > 0.01


@pytest.mark.parametrize("config", [{}, {"code": 0}, {"content": True}, {"cascade": False}])
def test_what_a_step_answers_is_what_the_person_gets(method, config):
    """The loss of queries beside their enrollment, and of the model that is made of the enrollment
    alone; with a code that has learned something.
    """
    asked = Vop(method.encoder, VopConfig(**config)).eval()
    with torch.no_grad():
        for name, value in asked.named_parameters():
            if name.endswith("write"):
                value.normal_(std=0.3, generator=seeded(15))
    inputs, _ = heard(3, 7, seed=16)
    enrollment, query = inputs[:, :4], inputs[:, 4:]
    labels = torch.arange(9).view(3, 3) % 3
    batch = EpisodeBatch(
        enrollment=enrollment,
        present=torch.ones(3, 4, dtype=torch.bool),
        query=query,
        labels=labels,
        training_clips=torch.full((3,), 7.0),
    )
    loss, _ = asked.loss(batch, progress=1.0, generator=seeded(1))
    answers = asked.predict_persons(enrollment, query)
    likely = answers.gather(-1, labels[..., None]).log().mean()
    torch.testing.assert_close(loss, -likely, rtol=1e-4, atol=1e-5)


def test_a_code_is_read_from_all_channels_and_written_on_all(method):
    """Where only a layer's code has learned anything, all of its weights move alike."""
    layer = 2 * CHANNELS
    with torch.no_grad():
        method.codes[0].write.fill_(1.0)
        method.log_prior_clips.fill_(math.log(1e9))
        method.log_prior_clips[layer : layer + method.config.code] = 0.0
    inputs, _ = heard(1, 4, seed=17)
    moved = method.deviations(method.adapt(inputs))["norms.0.norm.weight"]
    assert moved.abs().min() > 1e-4
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved), rtol=1e-3, atol=1e-6)


def test_every_number_is_of_one_layer(method):
    """Scales, shifts and code; a layer's move the weights of that layer and of no other."""
    basis = method.posterior(method.prior(1)).basis
    places = torch.arange(basis.shape[1])
    found = torch.cat([places[own] for own in method.layer_numbers.values()])
    assert found.tolist() == places.tolist()
    with torch.no_grad():
        for code in method.codes:
            code.write.fill_(1.0)
    basis = method.posterior(method.prior(1)).basis
    for layer, own in method.layer_numbers.items():
        moved = basis[:, own].abs().sum(1) > 0
        assert moved[method.layout.layer_slice(layer)].all()
        assert moved.sum() == len(method.layout.weight_names(layer))


def test_a_weights_formula_adds_up_to_its_gaussian(method):
    """Of every weight, with a code that writes on all of them; no clip is the prior."""
    vop, generator = told(method, prior_clips=2.0), seeded(19)
    with torch.no_grad():
        vop.log_prior_clips.copy_(torch.rand(len(vop.log_prior_clips), generator=generator))
        for code in vop.codes:
            code.write.copy_(0.1 * torch.randn(code.write.shape, generator=generator))
    inputs, _ = heard(1, 4, seed=20)
    for personal in (vop.enroll(inputs[0]), vop.prior_model()):
        for layer in personal.layer_names:
            shown, prior = personal.layer_posterior(layer), personal.layer_posterior(layer, "prior")
            for weight in range(0, len(shown.names), 7):
                found = personal.shrinkage(layer, weight)
                widths = found.unknown_std**2 + found.scatter_std**2 + found.together_std**2
                moved = found.taken + found.together
                assert found.mean == pytest.approx(found.start + moved, abs=1e-5)
                assert found.mean == pytest.approx(float(shown.mean[weight]), abs=1e-5)
                assert found.start == pytest.approx(float(shown.global_weights[weight]), abs=1e-6)
                assert found.std**2 == pytest.approx(widths, rel=1e-3)
                assert found.std == pytest.approx(float(shown.std[weight]), rel=1e-4)
                assert found.prior_std == pytest.approx(float(prior.std[weight]), rel=1e-4)


def test_a_weights_formula_says_what_the_clips_show_and_what_is_taken_of_it(method):
    """A shift of the first layer: minus the clips' mean level, as much as n_0 leaves of it."""
    vop = told(method, prior_clips=2.0)
    inputs, _ = heard(1, 3, seed=21)
    level = float(inputs[..., ::2, ::2].mean())
    scale = float(method.encoder.norms[0].norm.weight.detach()[0])
    personal = vop.enroll(inputs[0])
    found = personal.shrinkage("film 1", CHANNELS)
    assert found.shown == pytest.approx(-scale * level, rel=1e-3)
    assert (found.clips, found.prior_clips) == (3, pytest.approx(2))
    assert (found.share, found.share_of_one) == (pytest.approx(3 / 5), pytest.approx(1 / 3))
    last = personal.shrinkage("film 5", 3)  # a code that writes nothing adds nothing
    assert last.shown != 0 and (last.together, last.together_std) == pytest.approx((0, 0), abs=1e-6)


def test_persons_do_not_see_each_other(method):
    inputs, _ = heard(3, 4, seed=10)
    together = method.adapt(inputs)["mean"]
    alone = torch.cat([method.adapt(person[None])["mean"] for person in inputs])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 0.01


def test_what_the_likely_words_explain_is_taken_off(method):
    """Of the first layer: each clip's level less the mean of its words, as likely as they are."""
    corrected = told(Vop(method.encoder, VopConfig(content=True)).eval(), prior_clips=2.0)
    usual = torch.tensor([-1.0, 0.5, 2.0])
    corrected.word_offsets[:, CHANNELS] = usual
    inputs, _ = heard(4, 3, seed=11)
    likely = corrected.encoder(inputs.flatten(0, 1)).softmax(-1) @ usual
    level = inputs[..., ::2, ::2].mean((-2, -1)) - likely.view(4, 3)
    found = gaussian_of(corrected.adapt(inputs)).mean[:, CHANNELS]
    torch.testing.assert_close(found, 3 / (3 + 2) * level.mean(1), rtol=1e-3, atol=1e-4)


def test_words_are_what_their_clips_show_on_the_average(method):
    untrained = UntrainedVop(method.encoder, UntrainedVopConfig(content=True)).eval()
    clips, _ = heard(40, 6, seed=12)
    label = torch.arange(240) % 3
    untrained.prepare(replace(table_of(clips), label=label, labels=("a", "b", "c")))
    level = clips.flatten(0, 1)[:, ::2, ::2].mean((1, 2))
    expected = torch.stack([level[label == word].mean() for word in range(3)])
    torch.testing.assert_close(untrained.word_offsets[:, CHANNELS], expected, rtol=1e-3, atol=1e-4)


def test_training_follows_what_each_word_shows(method):
    """The running mean of a step that is always the same; each word in as many clips."""
    follows = Vop(method.encoder, VopConfig(content=True)).train()
    inputs, _ = heard(6, 6, seed=18)
    label = torch.arange(36).view(6, 6) % 3
    batch = EpisodeBatch(
        enrollment=inputs[:, :0],
        present=torch.zeros(6, 0, dtype=torch.bool),
        query=inputs,
        labels=label,
        training_clips=torch.full((6,), 6.0),
    )
    for _ in range(200):
        follows.loss(batch, progress=0.5, generator=seeded(1))
    level = inputs[..., ::2, ::2].mean((-2, -1))
    unusual = (level - level.mean()) / inputs[..., ::2, ::2].std(correction=0)
    expected = torch.stack([unusual[label == word].mean() for word in range(3)])
    torch.testing.assert_close(follows.word_offsets[:, CHANNELS], expected, rtol=1e-2, atol=1e-3)


def test_without_training_answers_take_the_n_0_of_the_persons(method):
    """sigma^2 / tau^2, within four standard errors of the two estimates."""
    untrained = UntrainedVop(method.encoder).eval()
    untrained.prepare(table_of(heard(PERSONS, CLIPS, seed=4)[0]))
    found = untrained.prior_clips[CHANNELS].item()
    assert found == pytest.approx(SIGMA**2 / TAU**2, rel=4 * 2 / math.sqrt(PERSONS))


@pytest.mark.parametrize("clips", [0, 4])
def test_the_bound_charges_for_leaving_the_prior(method, clips):
    """Where tau is endless only the width is charged for, a share a of evidence each weight with
    (-a - ln(1 - a)) / 2 nats; the loss holds it once a person, spread over N_k clips.
    """
    bound = Vop(method.encoder, VopConfig(beta=1.0, min_shots=0)).train()
    with torch.no_grad():
        bound.log_person_std.fill_(math.log(1e4))
    inputs, _ = heard(3, 4, seed=13)
    batch = EpisodeBatch(
        enrollment=inputs,
        present=torch.arange(4).expand(3, 4) < clips,
        query=inputs,
        labels=torch.zeros(3, 4, dtype=torch.long),
        training_clips=torch.tensor([10.0, 20.0, 40.0]),
    )
    loss, logs = bound.loss(batch, progress=1.0, generator=seeded(1))
    free, _ = bound.loss(batch, progress=0.0, generator=seeded(1))
    share = clips / (clips + bound.config.first_clips)
    nats = len(bound.person_variance) * (-share - math.log1p(-share)) / 2
    assert logs["kl"] == pytest.approx(nats, rel=1e-4, abs=1e-4)
    charged = nats * (1 / 10 + 1 / 20 + 1 / 40) / 3
    assert (loss - free).item() == pytest.approx(charged, rel=1e-3, abs=1e-3)


def test_the_bound_keeps_what_it_learned(method):
    bound = Vop(method.encoder, VopConfig(beta=1.0)).eval()
    with torch.no_grad():
        bound.log_person_std.fill_(math.log(0.2))
        bound.log_prior_clips.fill_(math.log(5.0))
    bound.prepare(table_of(heard(30, 4, seed=14)[0]))
    torch.testing.assert_close(bound.prior_clips, torch.full_like(bound.prior_clips, 5.0))
    torch.testing.assert_close(bound.person_variance, torch.full_like(bound.person_variance, 0.04))


def test_the_moments_that_a_layer_reads_have_their_own_gradient():
    """Against finite differences, in double precision."""
    value = torch.randn(2, 3, 4, 5, dtype=torch.double, generator=seeded(0), requires_grad=True)
    assert torch.autograd.gradcheck(_Moments.apply, value)
