"""Files of the kinds that visitors upload, damaged in every way that we could think of."""

import io
import random
from functools import cache

import numpy as np

from tests.data.audio_fixtures import RATE, av_bytes, soundfile_bytes, vowel

KINDS = ("wav", "flac", "ogg", "mp3", "m4a", "webm", "png")
HEADER = 200  # bytes in which most of a container's numbers stand
NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@cache
def whole(kind: str) -> bytes:
    """A file of a kind before anything happens to it: 0.8 s of a vowel, or a picture."""
    sound = vowel(0.8)
    if kind == "png":
        return _picture()
    if kind in ("wav", "flac"):
        return soundfile_bytes(sound, kind=kind.upper())
    if kind == "ogg":
        return soundfile_bytes(sound, kind="OGG", subtype="VORBIS")
    if kind == "webm":
        return av_bytes(vowel(0.8, rate=48_000), 48_000, kind="webm", codec="libopus")
    container, codec = {"mp3": ("mp3", "libmp3lame"), "m4a": ("ipod", "aac")}[kind]
    return av_bytes(sound, RATE, kind=container, codec=codec)


def malformed(number: int) -> tuple[str, bytes]:
    """Name and bytes of the file with that number: one to six injuries, most in the header."""
    chance, kind = random.Random(number), KINDS[number % len(KINDS)]
    data, other = bytearray(whole(kind)), whole(chance.choice(KINDS))
    for _ in range(chance.randint(1, 6)):
        _injure(data, other, chance)
    return f"{number}.{kind}", bytes(data)


def _injure(data: bytearray, other: bytes, chance: random.Random) -> None:
    reach = HEADER if chance.random() < 0.6 else len(data)
    place = chance.randrange(min(reach, len(data)) + 1)
    end = place + chance.randrange(1, 2_000)
    match chance.randrange(8):
        case 0:
            data[place : place + 1] = bytes([chance.randrange(256)])
        case 1:
            number, order = chance.choice(NUMBERS), chance.choice(("big", "little"))
            data[place : place + 4] = number.to_bytes(4, order)
        case 2:
            number, order = chance.choice(NUMBERS), chance.choice(("big", "little"))
            data[place : place + 8] = number.to_bytes(8, order)
        case 3:
            del data[end:]
        case 4:
            del data[place:end]
        case 5:
            data[place:place] = data[place:end] * chance.choice((1, 2, 50))
        case 6:
            data[place:place] = chance.randbytes(end - place)
        case 7:
            start = chance.randrange(len(other))
            data[place:place] = other[start : start + end - place]


def _picture() -> bytes:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
