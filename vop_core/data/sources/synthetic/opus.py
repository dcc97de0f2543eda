"""Opus files that come out the same each time: libsndfile draws a random stream number, we fix
it.
"""

import io
import struct
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from vop_core.types import SAMPLE_RATE


def write_opus(path: Path, waveform: np.ndarray, *, serial: int) -> bytes:
    """Write a mono 16 kHz waveform as Ogg Opus and return the file's bytes."""
    memory = io.BytesIO()
    soundfile.write(memory, waveform, SAMPLE_RATE, format="OGG", subtype="OPUS")
    data = _with_serial(memory.getvalue(), serial)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data


def _with_serial(data: bytes, serial: int) -> bytes:
    """Set every Ogg page's stream number and checksum: from bytes 14 and 22 of its header [OGG]."""
    pages, place = [], 0
    while place < len(data):
        segments = data[place + 26]
        length = 27 + segments + sum(data[place + 27 : place + 27 + segments])
        page = bytearray(data[place : place + length])
        page[14:18] = struct.pack("<I", serial)
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", _checksum(bytes(page)))
        pages.append(bytes(page))
        place += length
    return b"".join(pages)


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32: polynomial 0x04c11db7, not reflected, starting at zero."""
    table, value = _checksum_table(), 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ table[value >> 24 ^ byte]
    return value


@cache
def _checksum_table() -> tuple[int, ...]:
    table = []
    for index in range(256):
        value = index << 24
        for _ in range(8):
            value = value << 1 & 0xFFFFFFFF ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value)
    return tuple(table)
