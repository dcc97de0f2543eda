"""What the pages would otherwise compute themselves."""

import base64
import io
import math

import pytest
import soundfile
import torch

from vop_core import visit
from vop_core.data import features
from vop_core.errors import VopError
from vop_core.types import Clip, Prediction


def prediction(*rows: list[float], spread: float = 0.0) -> Prediction:
    probabilities = torch.tensor(rows)
    entropy = torch.special.entr(probabilities).sum(-1)
    return Prediction(
        probabilities,
        (probabilities - spread).clamp(min=0),
        (probabilities + spread).clamp(max=1),
        entropy,
        entropy * 0.75,
        entropy * 0.25,
        torch.zeros_like(probabilities),
        draws=8 if spread else 0,
    )


LABELS = ("open", "close", "print")


def test_the_answer_is_the_mean_weights_and_the_interval_the_draws():
    reply = visit.reply(prediction([0.6, 0.3, 0.1]), LABELS, prediction([0.5, 0.3, 0.2], spread=0.2))
    assert (reply.best.label, reply.best.probability) == ("open", pytest.approx(0.6))
    assert (reply.best.lower, reply.best.upper) == (pytest.approx(0.3), pytest.approx(0.7))
    assert reply.draws == 8
    assert reply.doubt.total == pytest.approx(reply.doubt.aleatoric + reply.doubt.epistemic)


def test_without_draws_there_is_no_interval():
    assert visit.reply(prediction([0.6, 0.3, 0.1]), LABELS).best.lower is None


def test_changes_are_named_from_the_largest_and_trifles_left_out():
    before = visit.reply(prediction([0.6, 0.3, 0.1]), LABELS).answers
    after = visit.reply(prediction([0.2, 0.702, 0.098]), LABELS).answers
    changes = visit.changes(before, after)
    assert [change.label for change in changes] == ["close", "open"]
    assert changes[0].points == pytest.approx(40.2, abs=1e-3)


def test_the_true_word_is_shown_even_when_no_model_believes_in_it():
    answers = visit.reply(prediction([0.6, 0.3, 0.1]), LABELS).answers
    assert visit.labels_worth_showing(answers, most=2) == [0, 1]
    assert visit.labels_worth_showing(answers, most=2, always="print") == [0, 1, 2]
    assert visit.labels_worth_showing(answers, most=2, always="open") == [0, 1]


def test_the_tally_tells_won_from_lost():
    trials = [
        visit.Trial("a", "a", "a"),
        visit.Trial("a", "b", "a"),
        visit.Trial("a", "b", "a"),
        visit.Trial("a", "a", "b"),
        visit.Trial("a", "b", "c"),
    ]
    assert visit.tally(trials) == {"won": 2, "lost": 1, "both right": 1, "both wrong": 1}


def test_the_pages_noise_is_the_evaluations_noise_and_not_the_wave(generator):
    clip = Clip(torch.randn(16_000, generator=generator) * torch.linspace(0, 0.3, 16_000))
    noise = visit.matched_noise(clip, generator=visit.generator(3)).waveform
    expected = features.matched_noise(clip.waveform, generator=visit.generator(3))
    torch.testing.assert_close(noise, expected, rtol=0, atol=0)
    torch.testing.assert_close(noise.norm(), clip.waveform.norm(), rtol=1e-3, atol=0)
    correlation = torch.corrcoef(torch.stack([clip.waveform, noise]))[0, 1]
    assert abs(float(correlation)) < 4 / math.sqrt(16_000), "independent within four standard errors"


def test_the_playable_clip_decodes_to_the_same_sound(generator):
    clip = Clip((torch.rand(8_000, generator=generator) - 0.5) * 0.2)
    address = visit.playable(clip)
    assert address.startswith("data:audio/wav;base64,")
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(address.split(",")[1])), dtype="float32")
    assert rate == 16_000
    torch.testing.assert_close(torch.from_numpy(samples), clip.waveform, rtol=0, atol=2**-15)


def test_the_learning_curve_begins_at_the_prior_and_ends_with_all_clips(generator):
    from tests.app.conftest import make_bundle

    bundle = make_bundle("keywords-en")
    enrollment = torch.randn(3, 40, 101, generator=generator)
    query = torch.randn(4, 40, 101, generator=generator)
    curve = visit.learning_curve(bundle.vop, enrollment, query, [0, 1, 2, 3])
    assert curve.clips == (0, 1, 2, 3) and curve.width[0] == pytest.approx(1)
    assert curve.width[-1] == pytest.approx(visit.width_ratio(bundle.vop.enroll(enrollment)))
    probabilities = bundle.vop.enroll(enrollment).predict(query).probabilities
    expected = -probabilities[torch.arange(4), torch.arange(4)].log().mean()
    assert curve.nll[-1] == pytest.approx(float(expected), rel=1e-5)


def test_no_clip_of_ones_own_enters_a_control(generator):
    own = [Clip(torch.full((800,), 0.1 * number + 0.1), name=f"own {number}") for number in range(3)]
    others = [[Clip(torch.rand(800), name=f"{person}-{take}") for take in range(2)] for person in range(4)]
    controls = visit.control_enrollments(own, others, generator=generator)
    assert set(controls) == {"vop-wrong-person", "vop-mixed", "vop-noise"}
    assert all(len(clips) == 3 for clips in controls.values())
    assert len({clip.name.split("-")[0] for clip in controls["vop-wrong-person"]}) == 1
    assert len({clip.name.split("-")[0] for clip in controls["vop-mixed"]}) == 3
    assert not any(clip is mine for clips in controls.values() for clip in clips for mine in own)


def test_movement_is_measured_in_prior_standard_deviations():
    from types import SimpleNamespace

    def layer(mean, std):
        return SimpleNamespace(mean=torch.full((4,), mean), std=torch.full((4,), std))

    moved = visit.movement(layer(0.0, 2.0), layer(1.0, 1.0), layer(3.0, 0.5))
    assert (moved.shift, moved.width) == (pytest.approx(1.0), pytest.approx(0.5))


def test_an_address_says_what_it_was_made_of():
    for state in (
        visit.LinkedState(),
        visit.LinkedState(task="keywords-ar"),
        visit.LinkedState(task="keywords-en", person="synthetic-en/03", clips=2, query=4, seed=9),
    ):
        assert visit.LinkedState.from_query(state.as_query()) == state


@pytest.mark.parametrize(
    "query", [{"clips": "0"}, {"clips": "many"}, {"seed": "-1"}, {"query": "1.5"}, {"seed": "9" * 12}]
)
def test_an_address_with_a_number_that_is_none_is_refused(query):
    with pytest.raises(VopError, match="whole number"):
        visit.LinkedState.from_query(query)


def test_what_is_not_ours_in_an_address_is_left_alone():
    assert visit.LinkedState.from_query({"utm_source": "x"}) == visit.LinkedState()
