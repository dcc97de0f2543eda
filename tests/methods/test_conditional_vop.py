"""The prior that has already read the clips: limits, and what it becomes where nothing is
personal.
"""

import copy

import pytest
import torch

from tests.toys import log_mels, make_batch, make_encoder, make_table, ready, seeded
from vop_core.methods.amortised_vop import AmortisedVop, AmortisedVopConfig
from vop_core.methods.conditional_vop import ConditionalVop, ConditionalVopConfig
from vop_core.methods.film_hypernetwork import FilmHypernetwork, FilmHypernetworkConfig

SMALL = {"code": 4, "features": 8, "person_loss": 0.0}


def make(**config) -> ConditionalVop:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ready(
            ConditionalVop(make_encoder(dropout=0.0), ConditionalVopConfig(**SMALL | config))
        )


def shift_of(method, found, present):
    return method.prior_shift(found, present, method.global_weights())


def statistics(method, *shape, seed=0):
    return 1 + torch.rand(*shape, method.encoder.statistic_count, generator=seeded(seed))


def test_a_person_who_is_typical_moves_nothing():
    method = make()
    found = statistics(method, 1, 1)
    method.prior_shift.typical.copy_(found[0, 0])
    shift = shift_of(method, found.expand(2, 3, -1), torch.ones(2, 3, dtype=torch.bool))
    torch.testing.assert_close(shift, torch.zeros_like(shift), atol=1e-6, rtol=0)


def test_more_clips_that_say_the_same_are_believed_as_n_over_n_plus_tau():
    method = make(first_tau=3.0)
    with torch.no_grad():
        method.prior_shift.tau_number.copy_(torch.tensor(3.0).log() / method.config.prior_rate)
    method.prior_shift.typical.copy_(statistics(method, 1)[0])
    one = statistics(method, 1, 1, seed=1)
    shifts = [
        shift_of(method, one.expand(1, count, -1), torch.ones(1, count, dtype=torch.bool))
        for count in (1, 3, 9)
    ]
    for shift, share in zip(shifts, (1 / 4, 3 / 6, 9 / 12), strict=True):
        torch.testing.assert_close(shift / share, shifts[0] / 0.25, rtol=1e-5, atol=1e-6)


def test_with_an_open_gate_a_shifted_mean_is_shifted_back_and_a_wider_spread_is_narrowed():
    """Statistics are ordered mean, deviation block by block, and weights scale, shift."""
    method = make()
    with torch.no_grad():
        method.prior_shift.gate_number.fill_(40.0)
        method.prior_shift.tau_number.fill_(-40.0)
    method.prior_shift.typical.copy_(statistics(method, 1)[0])
    size = method.encoder.blocks[0].frequency_norm.norm.num_features
    present = torch.ones(1, 1, dtype=torch.bool)
    moved, wider = method.prior_shift.typical.clone(), method.prior_shift.typical.clone()
    moved[:size] += 0.2
    wider[size : 2 * size] *= 1.1
    shift = shift_of(method, moved[None, None], present)[0]
    torch.testing.assert_close(shift[size : 2 * size], torch.full((size,), -0.2), atol=1e-5, rtol=0)
    assert shift[:size].abs().max() < 1e-6 and shift[2 * size :].abs().max() < 1e-6
    scale = method.encoder.blocks[0].frequency_norm.norm.weight
    shift = shift_of(method, wider[None, None], present)[0]
    torch.testing.assert_close(shift[:size], -0.1 * scale, atol=1e-5, rtol=1e-4)
    assert shift[size:].abs().max() < 1e-6


def test_a_closed_gate_is_plain_vop():
    method = make()
    with torch.no_grad():
        method.prior_shift.gate_number.fill_(-40.0)
    plain = AmortisedVop(
        copy.deepcopy(method.encoder),
        AmortisedVopConfig(**SMALL, personal_layers=("band_film",), beta=0.2),
    )
    own = {name: value for name, value in method.state_dict().items() if name in plain.state_dict()}
    plain.load_state_dict(own)
    plain.eval()
    clips, query = log_mels(2, 3, seed=2), log_mels(2, 4, seed=3)
    torch.testing.assert_close(
        method.predict_persons(clips, query), plain.predict_persons(clips, query)
    )


def test_training_learns_what_is_typical():
    method = make().train()
    method.prior_shift.typical.zero_()
    method.prior_shift.steps_seen.zero_()
    batch = make_batch()
    expected = method.encoder.statistics(batch.enrollment[batch.present]).mean(0)
    method.loss(batch, progress=0.5, generator=seeded())
    torch.testing.assert_close(method.prior_shift.typical, expected)


def test_gates_and_tau_learn_as_many_times_faster_as_is_asked():
    """A first step of Adam moves every number by the learning rate."""
    for prior_rate in (1.0, 8.0):
        prior = (method := make(prior_rate=prior_rate)).prior_shift
        numbers = prior.gate_number, prior.tau_number
        gate, tau = prior.gate.logit(), prior.tau.log()
        optimizer = torch.optim.Adam(numbers, lr=0.01, eps=0.0)
        loss, _ = method.loss(make_batch(), progress=0.5, generator=seeded())
        loss.backward()
        optimizer.step()
        moved = torch.cat((prior.gate.logit() - gate, (prior.tau.log() - tau)[None])).abs()
        torch.testing.assert_close(
            moved, torch.full_like(moved, 0.01 * prior_rate), rtol=1e-3, atol=1e-5
        )


def test_training_starts_with_the_gate_and_tau_that_are_set():
    config = ConditionalVopConfig(first_gate=0.3, first_tau=4.0, prior_rate=64.0)
    prior = ConditionalVop(make_encoder(), config).prior_shift
    torch.testing.assert_close(prior.gate, torch.full_like(prior.gate, 0.3))
    torch.testing.assert_close(prior.tau, torch.tensor(4.0))


def test_prepared_what_is_typical_is_that_of_clean_training_clips():
    method, table = make(), make_table(variants=("original", "faster"))
    method.prepare(table)
    expected = method.encoder.statistics(table.features).mean(0)
    torch.testing.assert_close(method.prior_shift.typical, expected)


def test_without_a_clip_only_the_codes_prior_is_left():
    method = make()
    query = log_mels(2, 4, seed=3)
    nobody = method.predict_persons(None, query)
    with torch.no_grad():
        method.prior_shift.gate_number.fill_(40.0)
    torch.testing.assert_close(method.predict_persons(None, query), nobody)


def test_other_layers_are_refused():
    with pytest.raises(ValueError, match="band_film"):
        make(personal_layers=("film",))


def test_the_deterministic_hypernetwork_is_vop_at_the_mean_and_draws_nothing_in_training():
    torch.manual_seed(0)
    method = ready(FilmHypernetwork(make_encoder(dropout=0.0), FilmHypernetworkConfig(**SMALL)))
    assert set(method.adapt(log_mels(2, 3))) == {"mean"}
    method.train()
    losses = [method.loss(make_batch(), progress=0.5, generator=seeded(seed))[0] for seed in (1, 2)]
    torch.testing.assert_close(losses[0], losses[1])
