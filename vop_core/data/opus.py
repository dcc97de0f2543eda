"""Opus files that come out the same each time: libsndfile draws a random stream number, we fix
it.
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import soundfile

from vop_core.types import SAMPLE_RATE

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def write_opus(
    path: Path, waveform: np.ndarray, *, serial: int, compression: float | None = None
) -> bytes:
    """Write a mono 16 kHz waveform as Ogg Opus and return the file's bytes.

    ``compression`` from 0, the highest bit rate, to 1; without it libsndfile chooses.
    """
    memory = io.BytesIO()
    soundfile.write(
        memory,
        waveform,
        SAMPLE_RATE,
        format="OGG",
        subtype="OPUS",
        compression_level=compression,
    )
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
    """Ogg's CRC-32: zlib's polynomial with the bits the other way round, starting at zero."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
