"""Virtual persons: one voice and one place for all clips of a person, and nothing at all when
switched off.
"""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toys import MELS, seeded
from vop_core.data.virtual_persons import OFF, VirtualPersons, augment, smooth_curves, stretch

FRAMES = 21


def log_mels(persons=3, clips=4, seed=0):
    return 2 * torch.randn(persons, clips, MELS, FRAMES, generator=seeded(seed)) - 6


def ramp(axis, persons=2, clips=3):
    """Log-mels that say where they are: value = mel, or frame."""
    shape = (persons, clips, MELS, FRAMES)
    return (
        torch.arange(float(MELS))[:, None].expand(shape)
        if axis == "mel"
        else torch.arange(float(FRAMES)).expand(shape)
    ).clone()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_switched_off_it_changes_nothing(seed):
    value = log_mels(seed=seed)
    torch.testing.assert_close(
        augment(value, OFF, generator=seeded(seed)), value, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize(
    "part",
    [
        {"warp": 0.15},
        {"rate": 0.12},
        {"channel": 0.7},
        {"gain": 1.2},
        {"warp": 0.1, "rate": 0.1, "channel": 0.5, "gain": 1.0},
    ],
    ids=str,
)
def test_a_persons_clips_all_get_the_same_draw_and_persons_get_different_ones(part):
    """Equal clips in, equal clips out; nothing random is left between clips of one person."""
    value = log_mels(1, 1).expand(4, 3, -1, -1).contiguous()
    changed = augment(value, replace(OFF, **part), generator=seeded())
    torch.testing.assert_close(changed, changed[:, :1].expand_as(changed), rtol=1e-5, atol=1e-5)
    for person in range(1, 4):
        assert not torch.allclose(changed[person], changed[0], atol=1e-2)
    assert not torch.allclose(changed, value, atol=1e-2)


def test_only_the_shift_in_time_differs_between_clips_of_a_person():
    value = log_mels(1, 1).expand(2, 6, -1, -1).contiguous()
    changed = augment(value, replace(OFF, shift=3), generator=seeded())
    for clip in changed.flatten(0, 1):
        shifts = [
            shift
            for shift in range(-3, 4)
            if torch.allclose(
                clip[:, 3:-3], value[0, 0][:, 3 + shift : FRAMES - 3 + shift], atol=1e-5
            )
        ]
        assert len(shifts) == 1
    assert not torch.allclose(changed, changed[:, :1], atol=1e-2)


def test_channel_and_gain_add_one_curve_to_every_frame():
    value = log_mels()
    added = augment(value, replace(OFF, channel=0.7, gain=1.2), generator=seeded()) - value
    torch.testing.assert_close(added, added[:, :1, :, :1].expand_as(added), rtol=1e-4, atol=1e-4)
    gain = augment(value, replace(OFF, gain=1.2), generator=seeded()) - value
    torch.testing.assert_close(gain, gain[:, :1, :1, :1].expand_as(gain), rtol=1e-4, atol=1e-4)


def test_a_noise_floor_fills_silence_and_leaves_loud_sound_alone():
    config = replace(OFF, noise_probability=1.0, noise_range=(-6.0, -6.0))
    loud = torch.full((3, 2, MELS, FRAMES), 8.0)
    torch.testing.assert_close(augment(loud, config, generator=seeded()), loud, rtol=0, atol=0.05)
    quiet = augment(torch.full_like(loud, -30.0), config, generator=seeded())
    assert (quiet > -15).all()
    # the floor's colour is the person's; its flicker of 0.5 nats averages out over clips and frames
    per_mel = quiet.mean(3)
    tolerance = 5 * 0.5 * (2 / FRAMES) ** 0.5
    assert (per_mel[:, 0] - per_mel[:, 1]).abs().max() < tolerance
    assert (per_mel[0] - per_mel[1]).abs().max() > 0.3


def test_noise_only_ever_adds_power():
    value = log_mels()
    noisy = augment(value, replace(OFF, noise_probability=1.0), generator=seeded())
    assert (noisy >= value - 1e-5).all()


def test_the_same_generator_makes_the_same_persons():
    value = log_mels()
    first, again, other = (
        augment(value, VirtualPersons(), generator=seeded(seed)) for seed in (1, 1, 2)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.allclose(first, other, atol=1e-2)


@settings(max_examples=20, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=2, max_size=2), shift=st.integers(-4, 4))
def test_a_stretched_axis_is_read_where_it_should_be(factors, shift):
    """Mel i at i * factor, held at the edge; frame t about the middle, plus the shift."""
    mel, frame = torch.tensor(factors), torch.tensor(factors[::-1])
    shifts = torch.full((2, 3), float(shift))
    expected = (torch.arange(MELS) * mel[:, None]).clamp(0, MELS - 1)
    found = stretch(ramp("mel"), mel, frame, shifts)
    torch.testing.assert_close(
        found, expected[:, None, :, None].expand_as(found), rtol=1e-5, atol=1e-4
    )
    middle = (FRAMES - 1) / 2
    expected = ((torch.arange(FRAMES) - middle) * frame[:, None] + middle + shift).clamp(
        0, FRAMES - 1
    )
    found = stretch(ramp("frame"), mel, frame, shifts)
    torch.testing.assert_close(
        found, expected[:, None, None].expand_as(found), rtol=1e-5, atol=1e-4
    )


def test_curves_are_smooth_and_of_unit_variance():
    """Averaged over mels; each mel's mean over 4000 persons within 4 s.e. of 0."""
    count = 4000
    curves = smooth_curves(count, MELS, generator=seeded())
    power = curves.square().mean(1)
    assert abs(float(power.mean()) - 1) < 4 * float(power.std()) / count**0.5
    assert (curves.mean(0).abs() < 4.5 * curves.std(0) / count**0.5).all()
    assert float(curves.diff(dim=1).square().mean()) < 0.1 * float(curves.square().mean())
