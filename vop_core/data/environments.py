"""Where a person speaks: a device, a room and its noise, one value for all clips of the person.

An environment is drawn from the name of a pool and a name in it, and from nothing else, so that it
is the same on every day and in every fold. The pools share no environment:

    training      what every method is trained in
    foreseen      the same kinds of rooms, devices and noise; others of them
    unforeseen    with one of the things that training never has: a hall, a telephone codec, an
                  overdriven amplifier, a narrow band, other people talking

Rooms are those of :mod:`vop_core.data.acoustics`.
"""

import functools
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import soundfile
import soxr
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vop_core.data.acoustics import HALLS, Room, band_pass, draw_room, room_response
from vop_core.data.audio import decode_file
from vop_core.data.metadata import ClipRecord
from vop_core.data.voices import talkers
from vop_core.data.waveform import FRAME, TELEPHONE_RATE, WORD_LEVEL
from vop_core.errors import DataError
from vop_core.types import SAMPLE_RATE, Clip

Pool = Literal["training", "foreseen", "unforeseen"]

TELEPHONE, NOISY_ROOM = "by telephone", "in a room with noise"
RECIPE = 1  # goes up when an environment of the same values sounds different
EQUALIZER_HZ = (125, 250, 500, 1000, 2000, 4000, 8000)
REFLECTIONS = {"hall": 35}  # of a sound at most; in smaller rooms little is left after SMALL
SMALL = 20
WEAKEST = 0.01  # a device that passes less of a clip's amplitude is not made up for
PEAK = 0.89  # -1 dB: no clip comes out louder
OWN_ENVIRONMENT, UNFORESEEN_ENVIRONMENT = "own environment", "unforeseen environment"
CLEAN = "clean"  # instead of an environment's name: as the clip was recorded
# What is called by which name in a description.
HISS, FAN = -2.0, -5.0  # dB per octave: noise that falls faster is a fan's, then rumble
NARROW = 2900.0  # Hz, upper band edge


@dataclass(frozen=True)
class Device:
    """What a microphone and all behind it do to sound."""

    low: float = 20.0  # Hz, band edges: 3 dB down
    high: float = 8000.0
    equalizer: tuple[float, ...] = (0.0,) * len(EQUALIZER_HZ)  # dB at EQUALIZER_HZ, smooth between
    level_db: float = -26.0  # of the speech while it is active, dB re full scale
    # the amplifier cuts what is louder than so many times the active speech
    ceiling: float | None = None
    codec: str | None = None  # at 8 kHz, as soundfile names it: "GSM610", "ULAW"

    @property
    def description(self) -> str:
        """By what the sound came, by the values that are heard."""
        band = f"{self.low:.0f} to {self.high:.0f} Hz"
        if self.codec:
            way = "by mobile telephone"
        elif self.high < NARROW:
            way = f"through a narrow band of {band}"
        elif self.high < TELEPHONE_RATE / 2:
            way = f"in a telephone's band of {band}"
        else:
            way = f"through a microphone of {band}"
        return way if self.ceiling is None else f"{way}, overdriven"


@dataclass(frozen=True)
class Noise:
    """Sound that is always there, ``snr_db`` below the active speech."""

    snr_db: float
    slope: float = 0.0  # dB per octave; 0 is white
    talkers: tuple[str, ...] = ()  # synthetic persons who all talk at once; none: coloured noise

    @property
    def description(self) -> str:
        """What it sounds like and how far below the voice it is."""
        sound = "hiss" if self.slope > HISS else "fan noise" if self.slope > FAN else "rumble"
        if self.talkers:
            sound = f"{len(self.talkers)} people talking"
        return f"{sound} {self.snr_db:.0f} dB below the voice"


DEVICE_NOISE = Noise(snr_db=60.0)  # inaudible, and no clip is ever digital silence


@dataclass(frozen=True)
class Environment:
    """A device, a room (None: no reverberation) and noise (None: only the device's own)."""

    device: Device = Device()
    room: Room | None = None
    noise: Noise | None = None

    @property
    def description(self) -> str:
        """In plain words: device, room, noise."""
        where = self.room.description if self.room else "close to the mouth"
        sounds = self.noise.description if self.noise else "no noise"
        return f"{self.device.description}, {where}, {sounds}"

    @property
    def fingerprint(self) -> str:
        """Changes with all that the environment does to a sound."""
        talkers = self.noise.talkers if self.noise else ()
        said = [record.attributes["sha256"] for name in talkers for record in _clips()[name]]
        return f"{RECIPE} {self} {said}"

    def apply(
        self, waveform: Float[Tensor, " sample"], *, generator: torch.Generator
    ) -> Float[Tensor, " sample"]:
        """The clip as it is heard in the environment: as long, never silent, peak at most 0.89.

        ``generator`` draws the stretch of noise, whose kind and level are the environment's. A clip
        that is silent, or of which the device passes nothing, comes out as the background alone: it
        stays in its table, where it is asked and counted like any other.
        """
        noise = self.noise or DEVICE_NOISE
        level = 10 ** (self.device.level_db / 20)
        heard = self._through_room_and_device(waveform)
        loudness = max(active_level(heard), WEAKEST * active_level(waveform), 1e-9)
        background = self._background(noise, waveform.numel(), generator)
        sound = level * (heard / loudness + background * 10 ** (-noise.snr_db / 20))
        if self.device.ceiling is not None:
            sound = sound.clamp(-self.device.ceiling * level, self.device.ceiling * level)
        sound = _turned_down(sound)
        return _turned_down(_coded(sound, self.device.codec)) if self.device.codec else sound

    def _through_room_and_device(self, waveform: Float[Tensor, " sample"]) -> Tensor:
        samples = waveform.numel()
        ringing = 0 if self.room is None else _response(self.room).numel()
        length = _transform_length(samples + ringing)
        spectrum = torch.fft.rfft(waveform, length) * _transfer(self, length)
        return torch.fft.irfft(spectrum, length)[:samples]

    def _background(self, noise: Noise, samples: int, generator: torch.Generator) -> Tensor:
        """Noise of mean power 1 as the device hears it."""
        length = _transform_length(samples)
        frequency = _frequencies(length)
        if noise.talkers:
            spectrum = torch.fft.rfft(_babble(noise.talkers, length, generator))
        else:
            spectrum = torch.fft.rfft(torch.randn(length, generator=generator))
            spectrum = spectrum * torch.from_numpy((frequency / 1000) ** (noise.slope / 6.02))
        sound = torch.fft.irfft(spectrum * _device_response(self.device, length), length)[:samples]
        return (sound / sound.square().mean().sqrt().clamp_min(1e-9)).float()


def active_level(waveform: Float[Tensor, " sample"]) -> float:
    """Root mean square over the 25 ms frames that are at most 20 dB below the loudest one."""
    padded = functional.pad(waveform, (0, -waveform.numel() % FRAME))
    power = padded.reshape(-1, FRAME).square().mean(1)
    return float(power[power >= WORD_LEVEL**2 * power.max()].mean().sqrt())


# What anybody can be heard in, whoever they are, by name.
COMMON_ENVIRONMENTS = {
    TELEPHONE: Environment(
        Device(low=300.0, high=3400.0, codec="GSM610"), noise=Noise(snr_db=25.0, slope=-3.0)
    ),
    NOISY_ROOM: Environment(
        Device(low=120.0, high=7000.0),
        Room(
            name="kitchen",
            size=(4.0, 3.2, 2.6),
            absorption=0.2,
            microphone=(2.1, 1.4, 1.1),
            distance=0.9,
            angle=0.7,
        ),
        Noise(snr_db=10.0, slope=-4.0),
    ),
}


# --- the pools ------------------------------------------------------------------------------------


def drawn_environment(pool: Pool, name: str) -> Environment:
    """The environment of that name in the pool.

    Raises DataError for ``unforeseen`` where the synthetic voices, who talk in it, are missing.
    """
    digest = hashlib.sha256(f"{pool} {name}".encode()).digest()
    generator = np.random.default_rng(list(digest))
    ordinary = _ordinary(generator)
    if pool != "unforeseen":
        return ordinary
    kinds = list(UNFORESEEN.values())
    return kinds[int(generator.integers(len(kinds)))](ordinary, generator)


def own_environments(person: str) -> dict[str, Environment]:
    """The few environments in which a person can be heard, by name: two of them foreseen, as those
    of training are, and one unforeseen.

    The first and the last are those of the bench's conditions of these names.
    """
    return {
        OWN_ENVIRONMENT: drawn_environment("foreseen", person),
        "second environment": drawn_environment("foreseen", f"{person} 2"),
        UNFORESEEN_ENVIRONMENT: drawn_environment("unforeseen", person),
    }


def heard_in(environment: Environment, clip: Clip) -> Clip:
    """The clip as it is heard in an environment: the same clip always sounds the same there.

    Nothing of the clip is kept.
    """
    seed = hashlib.sha256(f"{environment}".encode() + clip.waveform.numpy().tobytes()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(seed[:6], "big"))
    heard = environment.apply(clip.waveform, generator=generator)
    return replace(clip, waveform=heard, notes=(*clip.notes, f"heard {environment.description}"))


def heard_as(environment: str, person: str | None, clip: Clip) -> Clip:
    """A clip in one of its person's own environments or of the common ones, by its name, or
    ``clean``. ``person`` is None for somebody who has no environments of their own.

    Raises DataError for a name that is none of these.
    """
    if environment == CLEAN:
        return clip
    places = (own_environments(person) if person else {}) | COMMON_ENVIRONMENTS
    if environment not in places:
        raise DataError(
            f"Nobody can be heard in '{environment[:40]}'; choose {CLEAN}, {', '.join(places)}."
        )
    return heard_in(places[environment], clip)


def environment_owner(person: str, persons: Sequence[str]) -> str:
    """Whose environment a person stands in when environments are swapped: that of the person half
    way round the sorted ``persons``, whatever the fold.

    Raises DataError where there is nobody else.
    """
    everybody = sorted(persons)
    if len(everybody) < 2:
        raise DataError(f"'{person}' is the only person: environments cannot be swapped.")
    return everybody[(everybody.index(person) + len(everybody) // 2) % len(everybody)]


def _ordinary(generator: np.random.Generator) -> Environment:
    """What training knows; one in four is a device alone, near the mouth and without noise."""
    low, high = (
        ((200, 350), (3000, 3800)) if generator.random() < 0.25 else ((50, 250), (4500, 8000))
    )
    octaves = np.log2(np.array(EQUALIZER_HZ) / 1000)
    equalizer = generator.uniform(-3, 3) * octaves + generator.normal(0, 3, len(octaves))
    device = Device(
        low=round(generator.uniform(*low), 0),
        high=round(generator.uniform(*high), 0),
        equalizer=tuple(equalizer.round(1).tolist()),
        level_db=round(generator.uniform(-36, -20), 1),
    )
    room = draw_room(generator)
    noise = Noise(
        snr_db=round(generator.uniform(10, 30), 1), slope=round(generator.uniform(-7, 0), 1)
    )
    alone = generator.random() < 0.25
    return Environment(device) if alone else Environment(device, room, noise)


def _in_hall(ordinary: Environment, generator: np.random.Generator) -> Environment:
    return replace(ordinary, room=draw_room(generator, HALLS))


def _over_codec(ordinary: Environment, generator: np.random.Generator) -> Environment:
    return replace(ordinary, device=replace(ordinary.device, codec="GSM610"))


def _overdriven(ordinary: Environment, generator: np.random.Generator) -> Environment:
    ceiling = round(generator.uniform(0.3, 1.0), 2)
    return replace(ordinary, device=replace(ordinary.device, ceiling=ceiling))


def _narrow(ordinary: Environment, generator: np.random.Generator) -> Environment:
    low = round(generator.uniform(400, 600), 0)
    high = round(low * generator.uniform(2.5, 4.0), 0)
    return replace(ordinary, device=replace(ordinary.device, low=low, high=high))


def _among_talkers(ordinary: Environment, generator: np.random.Generator) -> Environment:
    # every second talker talks in the tests; the others are left for training
    persons = list(_clips())[1::2]
    talkers = generator.choice(persons, int(generator.integers(3, 7)), replace=False)
    noise = Noise(snr_db=round(generator.uniform(8, 20), 1), talkers=tuple(talkers.tolist()))
    return replace(ordinary, noise=noise)


UNFORESEEN: dict[str, Callable[[Environment, np.random.Generator], Environment]] = {
    "hall": _in_hall,
    "codec": _over_codec,
    "overdrive": _overdriven,
    "narrow band": _narrow,
    "babble": _among_talkers,
}


# --- what is computed once ------------------------------------------------------------------------


def _transform_length(samples: int) -> int:
    """A power of two: few lengths, so that what belongs to a length is soon at hand."""
    return 1 << (samples - 1).bit_length()


def _frequencies(length: int) -> Float[np.ndarray, " frequency"]:
    return np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE), 20.0)


@functools.lru_cache(maxsize=512)
def _device_response(device: Device, length: int) -> Float[Tensor, " frequency"]:
    frequency = _frequencies(length)
    decibels = np.interp(np.log2(frequency), np.log2(EQUALIZER_HZ), device.equalizer)
    amplitude = 10 ** (decibels / 20) * band_pass(frequency, device.low, device.high)
    return torch.from_numpy(amplitude).float()


@functools.lru_cache(maxsize=512)
def _response(room: Room) -> Float[Tensor, " sample"]:
    reflections = REFLECTIONS.get(room.name, SMALL)
    return torch.from_numpy(room_response(room, reflections=reflections))


@functools.lru_cache(maxsize=512)
def _transfer(environment: Environment, length: int) -> Tensor:
    """Room and device, as one factor for each frequency."""
    device = _device_response(environment.device, length)
    if environment.room is None:
        return device
    return device * torch.fft.rfft(_response(environment.room), length)


@functools.cache
def _clips() -> dict[str, tuple[ClipRecord, ...]]:
    """The talkers and their clips."""
    dataset = talkers()
    return {
        person: tuple(record for record in dataset.records if record.person == person)
        for person in dataset.persons
    }


@functools.cache
def _voice(person: str) -> Float[Tensor, " sample"]:
    """All that a talker says, one word after the other, each at level 1."""
    words = [decode_file(record.path).waveform for record in _clips()[person]]
    return torch.cat([word / active_level(word) for word in words])


def _babble(
    talkers: Sequence[str], samples: int, generator: torch.Generator
) -> Float[Tensor, " sample"]:
    """The talkers at once, each from somewhere in what they say, round and round."""
    voices = [_voice(person) for person in talkers]
    starts = torch.rand(len(voices), generator=generator).tolist()
    heard = [
        voice[(torch.arange(samples) + int(start * len(voice))) % len(voice)]
        for voice, start in zip(voices, starts, strict=True)
    ]
    return torch.stack(heard).sum(0)


def _coded(sound: Float[Tensor, " sample"], codec: str) -> Float[Tensor, " sample"]:
    """Down to 8 kHz, through the codec, and up again."""
    narrow = soxr.resample(sound.numpy(), SAMPLE_RATE, TELEPHONE_RATE)
    memory = io.BytesIO()
    soundfile.write(memory, narrow, TELEPHONE_RATE, format="WAV", subtype=codec)
    memory.seek(0)
    decoded, _ = soundfile.read(memory, dtype="float32")
    wide = torch.from_numpy(soxr.resample(decoded, TELEPHONE_RATE, SAMPLE_RATE))
    missing = max(sound.numel() - wide.numel(), 0)
    return functional.pad(wide, (0, missing))[: sound.numel()]


def _turned_down(sound: Float[Tensor, " sample"]) -> Float[Tensor, " sample"]:
    return sound * min(1.0, PEAK / max(float(sound.abs().max()), 1e-9))
