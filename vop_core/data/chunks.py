"""Containers made of chunks: wav and its kin, aiff, caf and au, with the lengths in them made true.

A length in a header is a claim. What counts is where the sound begins and where the file ends.
A length that a program could not go back and fill in (it wrote to a pipe, or crashed) becomes the
true one. One that is more than is there is remembered as a promise. Chunks behind the sound are
never taken for it.
"""

import math
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

MOST_CHUNKS = 1_000  # a real file has about ten
TAIL_BYTES = 2**20  # chunks behind a sound of unknown length are looked for in here


@dataclass(frozen=True)
class Container:
    """A file from where its container begins, with the lengths in its header made true."""

    kind: str  # "wav", "flac", "ogg", "mp3", ...
    data: bytes
    codec: str = ""  # what is inside a wav file, where that is not plain samples
    promise: float = 1.0  # length by the header over the length there; infinite: says none


@dataclass(frozen=True)
class _Layout:
    """How a family of containers writes its chunks."""

    name_bytes: int
    size_bytes: int
    order: str
    counts_itself: bool  # the size includes name and size
    step: int  # bytes to which chunks are padded
    first: int  # byte at which the first chunk begins
    sound: bytes  # name of the chunk that holds the sound
    before_samples: int = 0  # bytes in that chunk before the first sample

    @property
    def head(self) -> int:
        return self.name_bytes + self.size_bytes


RIFF = _Layout(4, 4, "little", False, 2, 12, b"data")
RIFX = _Layout(4, 4, "big", False, 2, 12, b"data")
WAVE_64 = _Layout(16, 8, "little", True, 8, 40, b"data")
FORM = _Layout(4, 4, "big", False, 2, 12, b"SSND", 8)
CORE_AUDIO = _Layout(4, 8, "big", False, 1, 8, b"data", 4)
BEHIND_SOUND = re.compile(
    rb"LIST|list|id3 |ID3 |bext|cue |fact|iXML|JUNK|junk|PAD |pad |smpl|inst|afsp|_PMX|"
    rb"COMM|MARK|INST|COMT|NAME|AUTH|ANNO|\(c\) |APPL|CHAN|info|pakt|chan|strg|mark|uuid|free"
)

PLAIN_SAMPLES = {0x0001, 0x0003}
WAVE_CODECS = {
    0x0002: "MS ADPCM",
    0x0006: "A-law",
    0x0007: "mu-law",
    0x000A: "WMA Voice",
    0x0011: "IMA ADPCM",
    0x0022: "TrueSpeech",
    0x0031: "GSM",
    0x0042: "G.723.1",
    0x0045: "G.726",
    0x0050: "mp2",
    0x0055: "mp3",
    0x0064: "G.726",
    0x0083: "G.729",
    0x00FF: "AAC",
    0x028F: "G.722",
    0x0160: "WMA",
    0x0161: "WMA",
    0x0162: "WMA Professional",
    0x0163: "WMA Lossless",
    0x1600: "AAC",
    0x1601: "AAC",
    0x1602: "AAC",
    0x1610: "AAC",
    0x2000: "AC-3",
    0x4143: "AAC",
    0x566F: "Vorbis",
    0x674F: "Vorbis",
    0x6750: "Vorbis",
    0x6751: "Vorbis",
    0x676F: "Vorbis",
    0x6770: "Vorbis",
    0x6771: "Vorbis",
    0x704F: "Opus",
    0x706D: "AAC",
    0xA106: "AAC",
    0xA109: "Speex",
    0xF1AC: "FLAC",
}


def header_taken_from_end(data: bytes) -> bytes:
    """Mends what sox pipes as Wave64 or caf: two headers without lengths, the true one last."""
    headers = [match.start() for match in re.finditer(re.escape(data[:32]), data)]
    if len(headers) == 3 and headers[1] == len(data) - headers[2]:
        return data[headers[2] :] + data[2 * headers[1] : headers[2]]
    return data


def _walk(data: bytes, start: int, layout: _Layout) -> Iterator[tuple[bytes, int, int]]:
    """Chunks as (name, first byte inside, size by the header); the last may promise too much."""
    for _ in range(MOST_CHUNKS):
        inside = start + layout.head
        if inside > len(data):
            return
        size = int.from_bytes(data[start + layout.name_bytes : inside], layout.order)
        size = max(size - layout.head, 0) if layout.counts_itself else size
        yield data[start : start + 4], inside, size
        start = inside + math.ceil(size / layout.step) * layout.step


def _chunks_behind(data: bytes, begin: int, layout: _Layout) -> int:
    """Where the chunks begin that stand behind a sound of unknown length and end with the file."""
    ends = {len(data)}
    tail = max(begin, len(data) - TAIL_BYTES)
    for match in reversed(deque(BEHIND_SOUND.finditer(data, tail), MOST_CHUNKS)):
        _, inside, size = next(_walk(data, match.start(), layout), (b"", 0, len(data)))
        if inside + size in ends or inside + math.ceil(size / layout.step) * layout.step in ends:
            ends.add(match.start())
    return min(ends)


Parts = tuple[dict[bytes, bytes], bytes, float]


def _sound(data: bytes, layout: _Layout, *, declared: int | None = None) -> Parts:
    """The other chunks by name, what is in the sound chunk, and its header's promise."""
    others: dict[bytes, bytes] = {}
    sound, promise = b"", 1.0
    chunks = list(_walk(data, layout.first, layout))
    while chunks:
        name, inside, size = chunks.pop(0)
        if name != layout.sound:
            others.setdefault(name, data[inside : inside + size])
        elif not sound:
            size = size if declared is None else declared
            end = inside + size
            if end > len(data) or size <= layout.before_samples:
                end = _chunks_behind(data, inside, layout)
                there = max(end - inside - layout.before_samples, 1)
                promised = size - layout.before_samples
                promise = promised / there if promised > 0 else math.inf
                chunks = list(_walk(data, end, layout))
            sound = data[inside:end]
    return others, sound, promise


def _chunk(name: bytes, inside: bytes, order: str) -> bytes:
    return name + len(inside).to_bytes(4, order) + inside + bytes(len(inside) % 2)


def wave(data: bytes) -> Container:
    """RIFF, RIFX, RF64 and Wave64 files as plain RIFF (or RIFX) files of the same samples."""
    layout = RIFX if data[:4] == b"RIFX" else RIFF
    layout = WAVE_64 if data[:4] == b"riff" else layout
    declared = None
    if data[:4] in (b"RF64", b"BW64"):
        sizes = {name: data[inside : inside + 16] for name, inside, _ in _walk(data, 12, RIFF)}
        if b"ds64" in sizes:
            declared = int.from_bytes(sizes[b"ds64"][8:16], "little")
    others, sound, promise = _sound(data, layout, declared=declared)
    form = others.get(b"fmt ", b"")
    extensible = form[:2] in (b"\xfe\xff", b"\xff\xfe")
    tag = int.from_bytes(form[24:26] if extensible else form[:2], layout.order)
    codec = "" if tag in PLAIN_SAMPLES else WAVE_CODECS.get(tag, f"an unknown codec ({tag:#06x})")
    kept = (b"fmt ", b"fact") if promise == 1 else (b"fmt ",)  # fact counts the samples
    size = int.from_bytes(data[4:8], "little") + 8
    if promise == 1 and data[:4] == b"RIFF" and size == len(data):
        return Container("wav", data, codec)  # as nearly all files are
    chunks = [(name, others[name]) for name in kept if name in others] + [(b"data", sound)]
    inside = b"WAVE" + b"".join(_chunk(*parts, layout.order) for parts in chunks)
    magic = b"RIFX" if layout is RIFX else b"RIFF"
    return Container("wav", _chunk(magic, inside, layout.order), codec, promise)


def aiff(data: bytes) -> Container:
    others, sound, promise = _sound(data, FORM)
    kept = [(name, others[name]) for name in (b"FVER", b"COMM") if name in others]
    chunks = [*kept, (b"SSND", sound)]
    inside = data[8:12] + b"".join(_chunk(*parts, "big") for parts in chunks)
    return Container("aiff", _chunk(b"FORM", inside, "big"), "", promise)


def core_audio(data: bytes) -> Container:
    others, sound, promise = _sound(data, CORE_AUDIO)
    chunks = [*others.items(), (b"data", sound)]
    inside = b"".join(name + len(chunk).to_bytes(8, "big") + chunk for name, chunk in chunks)
    return Container("caf", data[:8] + inside, "", promise)


def au(data: bytes) -> Container:
    begin, size = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    there = max(len(data) - begin, 0)
    promise = 1.0 if 0 < size <= there or not there else size / there or math.inf
    size = min(size or there, there)
    true = data[:8] + size.to_bytes(4, "big") + data[12 : begin + size]
    return Container("au", true, "", promise)
