"""From a dry voice to a recording: a room by the image method, a microphone's channel, noise and
level.

Rooms are shoe boxes by pyroomacoustics [PYROOMACOUSTICS]. One person keeps room, place and
microphone; each take moves the person a little (one of a few cached responses) and changes the
level.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vop_core.types import SAMPLE_RATE

_BANDS = 513  # frequencies from 0 to 8 kHz at which a microphone's response is given


@dataclass(frozen=True)
class Room:
    """A shoe-box room and where speaker and microphone stand in it, metres."""

    name: str
    size: tuple[float, float, float]
    absorption: float  # energy lost at each reflection
    microphone: tuple[float, float, float]
    distance: float  # speaker to microphone
    angle: float  # direction of the speaker, radians

    @property
    def description(self) -> str:
        """Kind, size and distance, in words."""
        article = "an" if self.name[0] in "aeiou" else "a"
        length, width, _ = self.size
        return (
            f"in {article} {self.name} of {length:.0f} by {width:.0f} m, {self.distance:.1f} m away"
        )


@dataclass(frozen=True)
class Microphone:
    """What a device does to sound."""

    name: str
    low: float  # Hz, below which the response falls
    high: float  # Hz, above which the response falls
    tilt: float  # dB per octave around 1 kHz
    bumps: tuple[tuple[float, float, float], ...]  # (Hz, dB, octaves): resonances
    noise: str  # "hiss", "fan" or "hum"
    noise_db: float  # signal-to-noise ratio of a take at its usual level, dB
    drive: float  # soft saturation; 0 is none


Kinds = Mapping[
    str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...]]
]

ROOMS: Kinds = {  # name: smallest size, largest size, absorption, distance
    "booth": ((1.6, 1.5, 2.1), (2.4, 2.2, 2.4), (0.55, 0.8), (0.15, 0.5)),
    "office": ((2.8, 2.5, 2.4), (4.5, 4.0, 3.0), (0.3, 0.5), (0.3, 1.0)),
    "living room": ((3.8, 3.5, 2.4), (6.5, 5.5, 3.0), (0.25, 0.45), (0.4, 1.6)),
    "kitchen": ((2.5, 2.3, 2.3), (4.0, 3.5, 2.8), (0.15, 0.28), (0.4, 1.2)),
    "classroom": ((6.0, 5.0, 2.8), (9.0, 7.5, 3.6), (0.2, 0.4), (0.5, 1.6)),
}

HALLS: Kinds = {"hall": ((15.0, 10.0, 5.0), (28.0, 20.0, 10.0), (0.1, 0.2), (1.5, 4.0))}

_MICROPHONES = {  # name: low Hz, high Hz, tilt dB/octave, number of bumps, noise dB, drive
    "studio": ((40, 80), (7600, 8000), (-0.5, 0.5), 1, (30, 42), (0.0, 0.2)),
    "headset": ((90, 200), (6500, 8000), (-0.5, 2.0), 2, (20, 32), (0.2, 1.2)),
    "laptop": ((120, 280), (6800, 8000), (-1.5, 1.5), 3, (15, 26), (0.0, 0.8)),
    "phone": ((150, 300), (6500, 7500), (-0.5, 2.5), 3, (16, 30), (0.3, 1.5)),
    "tablet": ((150, 350), (5500, 7500), (-2.5, 0.5), 3, (14, 24), (0.0, 0.8)),
    "telephone": ((250, 320), (3300, 3700), (-0.5, 1.0), 2, (18, 30), (0.3, 1.5)),
}


def draw_room(generator: np.random.Generator, kinds: Kinds = ROOMS) -> Room:
    """Draw one of the kinds of room, its size and the places in it."""
    name = str(generator.choice(list(kinds)))
    smallest, largest, absorption, distance = kinds[name]
    size = generator.uniform(smallest, largest)
    microphone = size * generator.uniform((0.35, 0.35, 0.35), (0.65, 0.65, 0.5))
    nearest_wall = float(np.minimum(microphone, size - microphone).min())
    return Room(
        name=name,
        size=tuple(np.round(size, 2).tolist()),
        absorption=round(float(generator.uniform(*absorption)), 3),
        microphone=tuple(np.round(microphone, 2).tolist()),
        distance=round(min(float(generator.uniform(*distance)), 0.8 * nearest_wall), 2),
        angle=round(float(generator.uniform(0, 2 * np.pi)), 2),
    )


def draw_microphone(name: str, generator: np.random.Generator) -> Microphone:
    """Draw one device of a kind: "studio", "headset", "laptop", "phone", "tablet" or
    "telephone".
    """
    low, high, tilt, bumps, noise_db, drive = _MICROPHONES[name]
    octaves = generator.uniform(np.log2(200), np.log2(6000), bumps)
    return Microphone(
        name=name,
        low=float(round(generator.uniform(*low))),
        high=float(round(generator.uniform(*high))),
        tilt=round(float(generator.uniform(*tilt)), 2),
        bumps=tuple(
            (
                float(round(2**octave)),
                round(float(generator.uniform(-7, 7)), 1),
                round(float(generator.uniform(0.3, 1)), 2),
            )
            for octave in octaves
        ),
        noise=str(generator.choice(["hiss", "fan", "hum"])),
        noise_db=round(float(generator.uniform(*noise_db)), 1),
        drive=round(float(generator.uniform(*drive)), 2),
    )


def room_responses(room: Room, count: int, generator: np.random.Generator) -> list[np.ndarray]:
    """``count`` impulse responses with the speaker within a few centimetres of the usual place.

    Each begins shortly before the direct sound, whose amplitude is made 1, and lasts at most half a
    second.
    """
    responses = []
    for _ in range(count):
        angle = room.angle + generator.normal(0, 0.12)
        distance = max(0.1, room.distance * (1 + generator.normal(0, 0.08)))
        offset = np.array([np.cos(angle), np.sin(angle), generator.normal(0, 0.05)]) * distance
        response = _response(room, offset, reflections=9)[: 20 + SAMPLE_RATE // 2]
        responses.append(response)
    return responses


def room_response(room: Room, *, reflections: int) -> np.ndarray:
    """The impulse response with the speaker in the usual place; its direct sound is 1.

    Sound that was reflected more than ``reflections`` times is left out.
    """
    offset = np.array([np.cos(room.angle), np.sin(room.angle), 0.0]) * room.distance
    return _response(room, offset, reflections=reflections)


def _response(room: Room, offset: np.ndarray, *, reflections: int) -> np.ndarray:
    import pyroomacoustics  # takes seconds

    box = pyroomacoustics.ShoeBox(
        room.size,
        fs=SAMPLE_RATE,
        materials=pyroomacoustics.Material(room.absorption),
        max_order=reflections,
    )
    box.add_source(np.clip(np.array(room.microphone) + offset, 0.05, np.array(room.size) - 0.05))
    box.add_microphone(room.microphone)
    box.compute_rir()
    response = np.asarray(box.rir[0][0], np.float64)
    direct = int(np.argmax(np.abs(response)))
    return (response / np.abs(response).max()).astype(np.float32)[max(0, direct - 20) :]


def channel_response(microphone: Microphone) -> np.ndarray:
    """Amplitude response at 513 frequencies from 0 to 8 kHz."""
    frequency = np.maximum(np.linspace(0, SAMPLE_RATE / 2, _BANDS), 20.0)
    decibels = np.clip(microphone.tilt * np.log2(frequency / 1000), -12, 12)
    for centre, gain, width in microphone.bumps:
        decibels = decibels + gain * np.exp(-0.5 * (np.log2(frequency / centre) / width) ** 2)
    return 10 ** (decibels / 20) * band_pass(frequency, microphone.low, microphone.high)


def band_pass(frequency: np.ndarray, low: float, high: float) -> np.ndarray:
    """A device's amplitude at each frequency: 3 dB down at its band edges ``low`` and ``high``,
    Hz.
    """
    return 1 / np.sqrt((1 + (low / frequency) ** 4) * (1 + (frequency / high) ** 24))


def noise(kind: str, length: int, generator: np.random.Generator) -> np.ndarray:
    """Background of unit power: "hiss" (nearly white), "fan" (falling) or "hum" (mains
    harmonics).
    """
    spectrum = np.fft.rfft(generator.standard_normal(length))
    frequency = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE), 40.0)
    slope = {"hiss": 0.2, "fan": 0.8, "hum": 0.6}[kind]
    sound = np.fft.irfft(spectrum / frequency**slope, length)
    sound = sound / sound.std()
    if kind == "hum":
        time = np.arange(length) / SAMPLE_RATE
        phases = generator.uniform(0, 2 * np.pi, 5)
        sound = sound + sum(
            np.sin(2 * np.pi * 50 * k * time + phases[k - 1]) * 1.2 / k for k in (1, 2, 3, 4, 5)
        )
    return (sound / sound.std()).astype(np.float32)


def record(
    voice: np.ndarray,  # dry, 16 kHz
    *,
    response: np.ndarray,
    microphone: Microphone,
    level_db: float,
    usual_level_db: float,
    lead_seconds: float,
    tail_seconds: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Room, device, noise and level: a mono float32 waveform at 16 kHz whose peak stays below 0.89.

    ``level_db`` is the speech's active level in dB re full scale; the noise keeps to
    ``usual_level_db``, so a take spoken more softly is also noisier. An all-zero ``voice`` gives
    the background alone.
    """
    lead, tail = round(lead_seconds * SAMPLE_RATE), round(tail_seconds * SAMPLE_RATE)
    length = lead + len(voice) + tail
    padded = 1 << (length + len(response)).bit_length()
    spectrum = np.fft.rfft(np.concatenate([np.zeros(lead), voice]), padded) * np.fft.rfft(
        response, padded
    )
    grid = np.linspace(0, SAMPLE_RATE / 2, _BANDS)
    channel = np.interp(
        np.fft.rfftfreq(padded, 1 / SAMPLE_RATE), grid, channel_response(microphone)
    )
    speech = np.fft.irfft(spectrum * channel, padded)[:length]
    active = np.sqrt(np.mean(speech[lead : lead + len(voice)] ** 2))
    if active > 0:
        speech = speech / active
        if microphone.drive > 0:
            speech = np.tanh(speech * microphone.drive / 4) * 4 / microphone.drive
        speech = speech * 10 ** (level_db / 20)
    background = noise(microphone.noise, length, generator)
    background = np.fft.irfft(
        np.fft.rfft(background, padded) * np.sqrt(channel / channel.max()), padded
    )[:length]
    sound = speech + background * 10 ** ((usual_level_db - microphone.noise_db) / 20)
    return (sound * min(1.0, 0.89 / max(np.abs(sound).max(), 1e-9))).astype(np.float32)
