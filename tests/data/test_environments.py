"""An environment is a value: the same for all clips of a person, as strong as it says, and never
one that training knew.
"""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.data.audio_fixtures import vowel
from vop_core.data import environments as environments_module
from vop_core.data.acoustics import ROOMS, Room
from vop_core.data.environments import (
    CLEAN,
    COMMON_ENVIRONMENTS,
    EQUALIZER_HZ,
    NOISY_ROOM,
    TELEPHONE,
    UNFORESEEN,
    Device,
    Environment,
    Noise,
    active_level,
    drawn_environment,
    environment_owner,
    heard_as,
    heard_in,
    own_environments,
)
from vop_core.data.features import ENVIRONMENTS
from vop_core.data.voices import bundled_dataset, talkers
from vop_core.errors import DataError
from vop_core.types import SAMPLE_RATE, Clip

POOLS = ("training", "foreseen", "unforeseen")
NAMES = [f"words/{number}" for number in range(60)]
ROOM = Room("office", (4.0, 3.0, 2.5), 0.3, (2.0, 1.5, 1.2), 0.8, 0.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def decibels(amplitude):
    return 20 * math.log10(float(amplitude))


def heard(environment, waveform, seed=0):
    return environment.apply(waveform, generator=seeded(seed))


@pytest.fixture(scope="module")
def word():
    """A vowel in the middle of a silent second."""
    clip = torch.zeros(SAMPLE_RATE)
    clip[4000:12_000] = torch.from_numpy(vowel(0.5, pitch=130.0))
    return clip


@pytest.fixture(scope="module")
def white():
    """A second of white noise: all frequencies alike, active throughout."""
    return 0.1 * torch.randn(SAMPLE_RATE, generator=seeded(7))


@pytest.fixture(scope="module")
def drawn():
    """Sixty environments of every pool."""
    return {pool: [drawn_environment(pool, name) for name in NAMES] for pool in POOLS}


def response_db(environment, waveform, *bands):
    """Power that the environment passes in each band, dB re the first."""
    ratio = torch.fft.rfft(heard(environment, waveform)) / torch.fft.rfft(waveform)
    powers = [float(ratio[low:high].abs().square().mean()) for low, high in bands]
    return [10 * math.log10(power / powers[0]) for power in powers]


# --- one environment ------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", POOLS)
def test_a_clip_keeps_its_length_and_is_neither_silent_nor_clipped(pool, drawn, word):
    for environment in drawn[pool][:12]:
        for clip in (word, word[5000:6607], torch.arange(4001).sin()):
            sound = heard(environment, clip)
            assert (sound.shape, sound.dtype) == (clip.shape, torch.float32)
            assert 1e-3 < sound.abs().max() <= 0.9


def test_nothing_but_a_level_leaves_the_clip_as_it_is(white):
    """What is left is the device's own noise, 60 dB below, and 8 kHz, the edge of its band."""
    flat = Environment(Device(low=1.0, high=8000.0, level_db=-20.0))
    sound, wanted = heard(flat, white), white * 0.1 / active_level(white)
    keep = slice(10, 7000)
    difference = (torch.fft.rfft(sound) - torch.fft.rfft(wanted))[keep].norm()
    assert difference < 0.03 * torch.fft.rfft(wanted)[keep].norm()


@pytest.mark.parametrize("level", (-36.0, -20.0))
@pytest.mark.parametrize("room", (None, ROOM))
def test_speech_has_the_level_that_was_asked_however_loud_the_recording(level, room, word):
    environment = Environment(Device(level_db=level), room)
    for gain in (0.02, 1.0):
        assert abs(decibels(active_level(heard(environment, gain * word))) - level) < 0.1


@pytest.mark.parametrize("noise", (Noise(5.0), Noise(20.0, -6.0), Noise(8.0, 0.0, ("babble",))))
def test_noise_lies_as_far_below_the_speech_as_was_asked(noise, word):
    """Its power is measured where the word is not, and over the whole second, as it is defined."""
    if noise.talkers:
        noise = replace(noise, talkers=talkers().persons[:4])
    quiet = heard(Environment(), word)
    noisy = heard(Environment(noise=noise), word)
    background = noisy - quiet
    assert abs(decibels(active_level(quiet)) + 26) < 0.1
    assert abs(-26 - decibels(background.square().mean().sqrt()) - noise.snr_db) < 0.1


def test_noise_has_the_slope_that_was_asked_and_differs_from_clip_to_clip(word):
    """Between octaves around 500 and 4000 Hz lie three octaves; some 500 numbers in the lower one,
    whose power is known within 0.4 dB in two of three cases: 1.2 dB are allowed.
    """
    environment = Environment(noise=Noise(0.0, slope=-5.0))
    first, second = (heard(environment, 0 * word, seed) for seed in (1, 2))
    density = torch.fft.rfft(first).abs().square()
    octaves = [float(density[low : 2 * low].mean()) for low in (354, 2828)]
    assert abs(10 * math.log10(octaves[1] / octaves[0]) + 15) < 1.2
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    torch.testing.assert_close(first.norm(), second.norm(), rtol=1e-3, atol=0)


def test_a_band_ends_at_its_edges(white):
    """3 dB at each edge, 12 dB an octave below, 72 dB an octave above."""
    device = Device(low=300.0, high=3400.0)
    bands = ((900, 1100), (285, 315), (70, 80), (3370, 3430), (5000, 7000))
    _, low, far_below, high, far_above = response_db(Environment(device), white, *bands)
    assert abs(low + 3) < 0.5 and abs(high + 3) < 0.5
    assert abs(far_below + 24) < 1.5
    assert far_above < -35


def test_the_equalizer_gives_its_decibels(white):
    values = (3.0, -6.0, 0.0, 0.0, 6.0, -9.0, 0.0)
    near = [(round(0.98 * hertz), round(1.02 * hertz)) for hertz in (1000, 250, 2000, 4000)]
    found = response_db(Environment(Device(equalizer=values)), white, *near)
    wanted = [values[EQUALIZER_HZ.index(hertz)] for hertz in (1000, 250, 2000, 4000)]
    np.testing.assert_allclose(found, wanted, atol=0.5)


def test_a_room_rings_on_and_a_hall_for_longer(drawn):
    click = torch.zeros(SAMPLE_RATE)
    click[1000] = 0.5
    hall = next(each for each in drawn["unforeseen"] if each.room and each.room.name == "hall").room
    late = []
    for room in (None, ROOM, hall):
        power = heard(Environment(room=room), click).square()
        late.append(float(power[1000 + SAMPLE_RATE // 10 :].sum() / power.sum()))
    assert late[0] < 1e-4 < late[1] < late[2] / 5


def test_an_overdriven_amplifier_cuts_and_a_codec_passes_nothing_above_four_kilohertz(white):
    cut = heard(Environment(Device(ceiling=0.5, level_db=-20.0)), white)
    assert float((cut.abs() > 0.999 * cut.abs().max()).float().mean()) > 0.3
    torch.testing.assert_close(float(cut.abs().max()), 0.05, rtol=1e-3, atol=0)
    for codec in ("GSM610", "ULAW"):
        sound = heard(Environment(Device(codec=codec)), white)
        power = torch.fft.rfft(sound).abs().square()
        assert power[4200:].mean() < 1e-3 * power[300:3400].mean()


def test_of_a_silent_clip_and_of_one_that_the_device_swallows_the_background_is_left(word):
    """Neither is refused nor dropped: whoever asks about it gets an answer, which counts."""
    environment = Environment(Device(codec=None, low=300.0, high=3400.0), noise=Noise(20.0))
    nothing = heard(environment, torch.zeros(SAMPLE_RATE))
    assert abs(decibels(nothing.square().mean().sqrt()) + 46) < 0.1
    whistle = torch.sin(2 * torch.pi * 7500 / SAMPLE_RATE * torch.arange(SAMPLE_RATE).double())
    left = heard(environment, whistle.float() * torch.hann_window(SAMPLE_RATE)) - nothing
    assert decibels(left.abs().max()) < -60


def test_an_environment_is_its_values(word):
    environment = Environment(Device(low=200.0), ROOM, Noise(12.0, -3.0))
    again = Environment(Device(low=200.0), ROOM, Noise(12.0, -3.0))
    assert environment == again and environment.fingerprint == again.fingerprint
    torch.testing.assert_close(heard(environment, word), heard(again, word), rtol=0, atol=0)
    other = replace(environment, noise=Noise(12.0, -2.0))
    assert other.fingerprint != environment.fingerprint


def test_the_fingerprint_knows_recipe_and_talkers(monkeypatch):
    person = talkers().persons[0]
    environment = Environment(noise=Noise(10.0, talkers=(person,)))
    record = next(each for each in talkers().records if each.person == person)
    before = environment.fingerprint
    assert hashlib.sha256(record.path.read_bytes()).hexdigest() in before
    monkeypatch.setattr(environments_module, "RECIPE", 99)
    assert environment.fingerprint != before


# --- the pools ------------------------------------------------------------------------------------


def test_a_name_has_one_environment_and_a_room_is_in_one_pool_only(drawn):
    for pool in POOLS:
        assert drawn[pool] == [drawn_environment(pool, name) for name in NAMES]
    rooms = [each.room for pool in POOLS for each in drawn[pool] if each.room]
    devices = [each.device for pool in POOLS for each in drawn[pool]]
    assert len(set(rooms)) == len(rooms) and len(set(devices)) == len(devices)


def unforeseen_kinds(environment):
    """What of it training must not know, by the numbers alone."""
    device, noise, room = environment.device, environment.noise, environment.room
    found = {
        "hall": room is not None and room.name not in ROOMS,
        "codec": device.codec is not None,
        "overdrive": device.ceiling is not None,
        "narrow band": device.high < 2900,
        "babble": noise is not None and bool(noise.talkers),
    }
    return {kind for kind, there in found.items() if there}


def test_training_and_foreseen_know_no_unforeseen_kind_and_unforeseen_has_one_each(drawn):
    names = [f"more/{number}" for number in range(500)]
    for pool in ("training", "foreseen"):
        assert not any(unforeseen_kinds(drawn_environment(pool, name)) for name in names)
    kinds = [unforeseen_kinds(environment) for environment in drawn["unforeseen"]]
    assert all(len(each) == 1 for each in kinds)
    assert set.union(*kinds) == set(UNFORESEEN)


def test_foreseen_is_as_strong_as_training_and_some_of_both_is_mild():
    """Means of 500 draws each differ by less than four standard errors; a quarter is mild."""
    names = [f"more/{number}" for number in range(500)]
    draws = {pool: [drawn_environment(pool, name) for name in names] for pool in POOLS[:2]}
    for value in (
        lambda each: each.device.level_db,
        lambda each: each.device.high,
        lambda each: 30.0 if each.noise is None else each.noise.snr_db,
        lambda each: 0.0 if each.room is None else each.room.distance,
    ):
        first, second = (np.array([value(each) for each in draws[pool]]) for pool in draws)
        error = math.sqrt((first.var() + second.var()) / 500)
        assert abs(first.mean() - second.mean()) < 4 * error
    for environments in draws.values():
        assert (
            0.17
            < np.mean([each.room is None and each.noise is None for each in environments])
            < 0.33
        )


def test_half_of_the_synthetic_persons_talk_in_the_background():
    names = [f"more/{number}" for number in range(300)]
    noises = [drawn_environment("unforeseen", name).noise for name in names]
    heard_there = {person for noise in noises if noise for person in noise.talkers}
    assert heard_there == set(talkers().persons[1::2])


def test_swapping_gives_everybody_another_persons_environment_and_nobody_two():
    for count in (2, 3, 10):
        persons = [f"words/{number:02d}" for number in range(count)]
        owners = [environment_owner(person, persons[::-1]) for person in persons]
        assert sorted(owners) == persons
        assert all(owner != person for owner, person in zip(owners, persons, strict=True))
    with pytest.raises(DataError, match="only person"):
        environment_owner("words/anna", ["words/anna"])


# --- a person's own -------------------------------------------------------------------------------


def test_a_bundled_person_is_heard_in_the_environments_of_the_bench():
    """And in one more; nobody shares one."""
    persons = bundled_dataset().persons
    offered = [own_environments(person) for person in persons]
    assert offered == [own_environments(person) for person in persons]
    for person, places in zip(persons, offered, strict=True):
        for name in ("own environment", "unforeseen environment"):
            assert places[name] == ENVIRONMENTS[name](person, persons)
    everything = [place for places in offered for place in places.values()]
    assert len(set(everything)) == len(everything) == 3 * len(persons)


def test_a_clip_always_sounds_the_same_in_an_environment_and_two_clips_have_other_noise(word):
    noisy = Environment(noise=Noise(0.0))
    first, again = heard_in(noisy, Clip(word)), heard_in(noisy, Clip(word.clone()))
    torch.testing.assert_close(first.waveform, again.waveform, rtol=0, atol=0)
    assert first.waveform.shape == word.shape and not torch.equal(first.waveform, word)
    assert first.notes == (f"heard {noisy.description}",)
    other = heard_in(noisy, Clip(word.flip(0))).waveform
    both = torch.stack([first.waveform[:4000], other[:4000]])  # before and after the word
    # the correlation of independent white noise has standard error 1/sqrt(samples)
    assert abs(torch.corrcoef(both)[0, 1]) < 4 / 4000**0.5


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (Environment(), "through a microphone of 20 to 8000 Hz, close to the mouth, no noise"),
        (
            Environment(Device(codec="GSM610"), ROOM, Noise(12.4, -7.0)),
            "by mobile telephone, in an office of 4 by 3 m, 0.8 m away, rumble 12 dB below the "
            "voice",
        ),
        (
            Environment(Device(200.0, 3400.0, ceiling=0.5), None, Noise(20.0)),
            "in a telephone's band of 200 to 3400 Hz, overdriven, close to the mouth, hiss 20 dB "
            "below the voice",
        ),
        (
            Environment(Device(450.0, 1600.0), noise=Noise(9.0, talkers=("a", "b", "c"))),
            "through a narrow band of 450 to 1600 Hz, close to the mouth, 3 people talking 9 dB "
            "below the voice",
        ),
    ],
)
def test_an_environment_is_described_by_its_values(environment, said):
    assert environment.description == said


def test_no_two_environments_of_a_person_are_described_alike():
    for person in bundled_dataset().persons:
        told = [place.description for place in own_environments(person).values()]
        assert len(set(told)) == len(told)


def test_anybody_can_be_heard_in_a_common_environment_and_only_bundled_persons_in_their_own(word):
    clip = Clip(word)
    assert heard_as(CLEAN, None, clip) is clip
    for name, place in COMMON_ENVIRONMENTS.items():
        for person in (None, "words/1"):
            assert torch.equal(
                heard_as(name, person, clip).waveform, heard_in(place, clip).waveform
            )
    with pytest.raises(DataError, match="heard in 'own environment'; choose clean, by telephone"):
        heard_as("own environment", None, clip)


def test_a_telephone_passes_its_band_alone_and_a_room_with_noise_is_what_it_says(white, word):
    power = torch.fft.rfft(heard(COMMON_ENVIRONMENTS[TELEPHONE], white)).abs().square()
    frequency = torch.fft.rfftfreq(SAMPLE_RATE, 1 / SAMPLE_RATE)
    outside = (frequency < 150) | (frequency > 4200)
    assert power[outside].mean() < 0.01 * power[(frequency > 400) & (frequency < 3000)].mean()
    noisy = heard(COMMON_ENVIRONMENTS[NOISY_ROOM], word)
    before, spoken = active_level(noisy[:2000]), active_level(noisy[6000:10_000])
    assert decibels(spoken / before) == pytest.approx(10, abs=4)
    room = COMMON_ENVIRONMENTS[NOISY_ROOM].room
    assert all(0 < place < size for place, size in zip(room.microphone, room.size, strict=True))
