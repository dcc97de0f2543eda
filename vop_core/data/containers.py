"""Which container a file is, where in it the sound begins, and how much sound is really there.

A header's lengths are claims. What counts is where the sound begins and where the file ends: a length that a
program could not go back and fill in (it wrote to a pipe, or crashed) is replaced by the true one, a length
that promises more than is there is kept as a promise, and chunks behind the sound are never taken for sound.
"""

import math
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

MOST_CHUNKS = 1_000  # a real file has about ten
MOST_TAGS = 20
MOST_PAGES = 50_000  # a minute of ogg has a few thousand at most
TAIL_BYTES = 2**20  # chunks behind a sound of unknown length are looked for in here
JUNK_BYTES = 8_192  # so much may stand before the first frame of a captured mp3 or aac stream
MP3_DELAY_FRAMES = 2  # what an encoder adds at the beginning and at the end, about
BLANK = b"\0 \t\r\n"  # what some servers and recorders put before a file


@dataclass(frozen=True)
class Container:
    """A file from where its container begins, with the lengths in its header made true."""

    kind: str  # "wav", "flac", "ogg", "mp3", ...
    data: bytes
    codec: str = ""  # what is inside a wav file, where that is not plain samples
    promise: float = 1.0  # the length its header says over the length that is there; infinite: says none


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
    nothing_is_unknown: bool = True  # a size of 0 may mean that the writer never came back to it

    @property
    def head(self) -> int:
        return self.name_bytes + self.size_bytes


RIFF = _Layout(4, 4, "little", False, 2, 12, b"data")
RIFX = _Layout(4, 4, "big", False, 2, 12, b"data")
WAVE_64 = _Layout(16, 8, "little", True, 8, 40, b"data", 0, False)
FORM = _Layout(4, 4, "big", False, 2, 12, b"SSND", 8)
CORE_AUDIO = _Layout(4, 8, "big", False, 1, 8, b"data", 4, False)
BEHIND_SOUND = re.compile(
    rb"LIST|list|id3 |ID3 |bext|cue |fact|iXML|JUNK|junk|PAD |pad |smpl|inst|afsp|_PMX|"
    rb"COMM|MARK|INST|COMT|NAME|AUTH|ANNO|\(c\) |APPL|CHAN|info|pakt|chan|strg|mark|uuid|free"
)

MAGIC = {
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"\x1a\x45\xdf\xa3": "webm",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "asf",
    b"#!AMR": "amr",
}
MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}
PICTURES = {b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1", b"avif", b"avis"}  # mp4 boxes around them
WAVE_64_START = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"

PLAIN_SAMPLES = {0x0001, 0x0003}
FRAMED = {0x0050, 0x0055, 0x00FF, 0x1600, 0x1601, 0x1602, 0x1610, 0x706D}  # may hold a complete stream
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

OTHER_CONTENT = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"MThd": "a MIDI file, notes without sound",
    b"FLV\x01": "a Flash video",
    b"wvpk": "a WavPack file",
    b"MAC ": "a Monkey's Audio file",
    b"TTA1": "a True Audio file",
    b".RMF": "a RealMedia file",
    b".ra\xfd": "a RealAudio file",
    b"Creative Voice File": "a VOC file",
    b"NIST_1A": "a NIST Sphere file",
    b"ADIF": "AAC sound in the old ADIF form",
    b"<": "a web page or XML text",
    b"{": "JSON text",
}
RIFF_CONTENT = {b"AVI ": "an AVI video", b"WEBP": "a WebP picture", b"RMID": "a MIDI file, notes without sound"}
HEADERLESS = (".raw", ".pcm", ".sw", ".s16", ".s16le", ".f32", ".ul", ".al", ".sln")


def find(data: bytes) -> Container | None:
    """The container, behind whatever tags and blanks stand before it; None when none can be told."""
    start = _behind_tags(data)
    tagged = data[:3] == b"ID3"
    whole = data[start:] if start else data
    if whole[:1] and whole[0] in BLANK:
        unblanked = whole.lstrip(BLANK)
        whole = unblanked if _by_magic(unblanked) else whole
    if kind := _by_magic(whole):
        whole = _header_taken_from_end(whole) if kind in ("w64", "caf") else whole
        return _TRUE_LENGTHS[kind](whole) if kind in _TRUE_LENGTHS else Container(kind, whole)
    if stream := _mpeg_stream(whole):
        return stream
    return Container("mp3", whole) if tagged else None


def content(data: bytes, *, name: str) -> str:
    """What a file that is no sound seems to be, as a phrase."""
    start = data[:512].lstrip()
    if data[:4] in (b"RIFF", b"RIFX") and data[8:12] in RIFF_CONTENT:
        return RIFF_CONTENT[data[8:12]]
    if data[4:8] == b"ftyp" and data[8:12] in PICTURES:
        return "a HEIF or AVIF picture"
    for magic, phrase in OTHER_CONTENT.items():
        if start.startswith(magic):
            return phrase
    if name.lower().endswith(HEADERLESS):
        return "sound without a header that says its rate and sample format"
    printable = sum(byte >= 0x20 or byte in b"\t\r\n" for byte in start)
    if start and printable == len(start) and start.isascii():
        return "text"
    return "not sound that can be read"


def ogg_links(data: bytes) -> tuple[list[bytes], bool]:
    """The streams chained one behind the other in an ogg file, and whether the last one is whole."""
    starts, position, in_headers, ended = [], 0, False, False
    for _ in range(MOST_PAGES):
        if (position := data.find(b"OggS\0", position)) < 0:
            break
        table = position + 27
        segments = data[table - 1] if table <= len(data) else 0
        end = table + segments + sum(data[table : table + segments])
        if table > len(data) or end > len(data):
            data, ended = data[:position], False  # a page that breaks off confuses decoders
            break
        first = bool(data[position + 5] & 2)
        if first and not in_headers:
            starts.append(position)
        in_headers, ended = first, bool(data[position + 5] & 4)
        position = end
    ends = [*starts[1:], len(data)]
    return [data[start:end] for start, end in zip(starts, ends, strict=False)], ended


def mp3_samples(data: bytes) -> int:
    """How many samples the first frame of an mp3 says there are, less encoder delay; 0 where it does not say."""
    start = data[:256]
    tag = max(start.find(b"Xing"), start.find(b"Info"))
    if tag < 0 or not start[tag + 7 : tag + 8] or not start[tag + 7] & 1:
        return 0
    frames = int.from_bytes(start[tag + 8 : tag + 12], "big")
    return max(frames - MP3_DELAY_FRAMES, 0) * (1_152 if start[1] >> 3 & 3 == 3 else 576)


# ---- where the container begins


def _by_magic(data: bytes) -> str | None:
    for magic, kind in MAGIC.items():
        if data.startswith(magic):
            return kind
    if data[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and data[8:12] not in RIFF_CONTENT:
        return "wav"
    if data.startswith(WAVE_64_START):
        return "w64"
    if data[:4] == b"FORM" and data[8:12] not in (b"ILBM", b"8SVX"):
        return "aiff"
    if data[:4] == b".snd" or data[:4] == b"caff":
        return "au" if data[:4] == b".snd" else "caf"
    if data[4:8] in MP4_BOXES and data[8:12] not in PICTURES:
        return "mp4"
    return None


def _behind_tags(data: bytes) -> int:
    """The first byte behind all leading ID3v2 tags and their padding."""
    position = 0
    for _ in range(MOST_TAGS):
        if data[position : position + 3] != b"ID3" or len(data) < position + 10:
            break
        footer = 10 if data[position + 5] & 0x10 else 0
        size = data[position + 6 : position + 10]
        ends = [position + 10 + footer + length for length in (_syncsafe(size), int.from_bytes(size))]
        # some writers forget that a tag's size has seven bits a byte
        position = next((end for end in ends if _is_start(data, end)), min(ends[0], len(data)))
        if data[position : position + 1] == b"\0":
            position = re.compile(rb"\0*").match(data, position).end()
    return position


def _before_tags(data: bytes) -> int:
    """The last byte before the ID3v1, Lyrics3 and APE tags at the end of an mp3."""
    end = len(data)
    for _ in range(MOST_TAGS):
        size = 0
        if data[end - 128 : end - 125] == b"TAG":
            size = 128
        elif data[end - 9 : end] == b"LYRICS200" and data[end - 15 : end - 9].isdigit():
            size = int(data[end - 15 : end - 9]) + 15
        elif data[end - 32 : end - 24] == b"APETAGEX":
            has_header = 32 if data[end - 9] & 0x80 else 0
            size = int.from_bytes(data[end - 20 : end - 16], "little") + has_header
        if not 0 < size <= end:
            break
        end -= size
    return end


def _is_start(data: bytes, position: int) -> bool:
    begin = data[position : position + 16]
    return begin[:3] == b"ID3" or bool(_by_magic(begin)) or _frame_bytes(begin) is not None


def _syncsafe(size: bytes) -> int:
    return sum((byte & 0x7F) << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))


# ---- mp3 and aac: frames without a container

KILOBITS = {  # by (version, layer); layer 3 is called 1 in the header
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = (44_100, 48_000, 32_000)


def _mpeg_stream(data: bytes) -> Container | None:
    """The first place where three frames follow one another, or as many as there are."""
    for match in re.finditer(b"\xff", data[:JUNK_BYTES]):
        position = match.start()
        aac = len(data) > position + 1 and not data[position + 1] & 0x06
        for _ in range(3):
            size = _frame_bytes(data[position : position + 7])
            if size is None:
                break
            position += size
            if position >= len(data) and match.start() == 0:
                break
        if size is not None:
            end = _before_tags(data)
            return Container("aac" if aac else "mp3", data[match.start() : end])
    return None


def _frame_bytes(head: bytes) -> int | None:
    """How long the frame is that begins with these bytes; None when no frame of mp1 to mp3 or aac does."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0:
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return size if head[1] & 0xF0 == 0xF0 and head[2] >> 2 & 15 < 13 and size > 7 else None
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return None
    kilobits = KILOBITS[3 if version == 3 else 2, layer if version == 3 or layer == 3 else 2][bitrate - 1]
    hertz = RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 3:
        return (12_000 * kilobits // hertz + padding) * 4
    return (72_000 if layer == 1 and version != 3 else 144_000) * kilobits // hertz + padding


# ---- chunks: wav and its kin, aiff, caf


def _header_taken_from_end(data: bytes) -> bytes:
    """Mends what sox pipes as Wave64 or CAF: two headers without lengths first, the true one at the end."""
    headers = [match.start() for match in re.finditer(re.escape(data[:32]), data)]
    if len(headers) == 3 and headers[1] == len(data) - headers[2]:
        return data[headers[2] :] + data[2 * headers[1] : headers[2]]
    return data


def _walk(data: bytes, start: int, layout: _Layout) -> Iterator[tuple[bytes, int, int]]:
    """Chunks as (name, first byte inside, size by its header); the last one may promise more than is there."""
    for _ in range(MOST_CHUNKS):
        inside = start + layout.head
        if inside > len(data):
            return
        size = int.from_bytes(data[start + layout.name_bytes : inside], layout.order)
        size = max(size - layout.head, 0) if layout.counts_itself else size
        yield data[start : start + 4], inside, size
        start = inside + math.ceil(size / layout.step) * layout.step


def _chunks_behind(data: bytes, begin: int, layout: _Layout) -> int:
    """Where the chunks behind a sound of unknown length begin that fill the file to its last byte."""
    ends = {len(data)}
    tail = max(begin, len(data) - TAIL_BYTES)
    for match in reversed(deque(BEHIND_SOUND.finditer(data, tail), MOST_CHUNKS)):
        _, inside, size = next(_walk(data, match.start(), layout), (b"", 0, len(data)))
        if inside + size in ends or inside + math.ceil(size / layout.step) * layout.step in ends:
            ends.add(match.start())
    return min(ends)


def _sound(data: bytes, layout: _Layout, *, declared: int | None = None) -> tuple[dict[bytes, bytes], bytes, float]:
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
            if end > len(data) or (size <= layout.before_samples and layout.nothing_is_unknown):
                end = _chunks_behind(data, inside, layout)
                there = max(end - inside - layout.before_samples, 1)
                promised = size - layout.before_samples
                promise = promised / there if promised > 0 else math.inf
                chunks = list(_walk(data, end, layout))
            sound = data[inside:end]
    return others, sound, promise


def _chunk(name: bytes, inside: bytes, order: str) -> bytes:
    return name + len(inside).to_bytes(4, order) + inside + bytes(len(inside) % 2)


def _wave(data: bytes) -> Container:
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
    tag = int.from_bytes(form[24:26] if form[:2] in (b"\xfe\xff", b"\xff\xfe") else form[:2], layout.order)
    codec = "" if tag in PLAIN_SAMPLES else WAVE_CODECS.get(tag, f"an unknown codec ({tag:#06x})")
    if tag in FRAMED and (stream := _mpeg_stream(sound)):
        return Container(stream.kind, stream.data, codec, promise)
    kept = (b"fmt ", b"fact") if promise == 1 else (b"fmt ",)  # fact counts the samples
    if promise == 1 and data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") + 8 == len(data):
        return Container("wav", data, codec)  # as nearly all files are
    inside = b"WAVE" + b"".join(_chunk(name, others[name], layout.order) for name in kept if name in others)
    inside += _chunk(b"data", sound, layout.order)
    return Container("wav", _chunk(b"RIFX" if layout is RIFX else b"RIFF", inside, layout.order), codec, promise)


def _aiff(data: bytes) -> Container:
    others, sound, promise = _sound(data, FORM)
    inside = data[8:12] + b"".join(_chunk(name, others[name], "big") for name in (b"FVER", b"COMM") if name in others)
    return Container("aiff", _chunk(b"FORM", inside + _chunk(b"SSND", sound, "big"), "big"), "", promise)


def _core_audio(data: bytes) -> Container:
    others, sound, promise = _sound(data, CORE_AUDIO)
    chunks = [*others.items(), (b"data", sound)]
    inside = b"".join(name + len(chunk).to_bytes(8, "big") + chunk for name, chunk in chunks)
    return Container("caf", data[:8] + inside, "", promise)


def _au(data: bytes) -> Container:
    begin, size = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    there = max(len(data) - begin, 0)
    promise = 1.0 if 0 < size <= there or not there else size / there or math.inf
    size = min(size or there, there)
    return Container("au", data[:8] + size.to_bytes(4, "big") + data[12 : begin + size], "", promise)


_TRUE_LENGTHS = {"wav": _wave, "w64": _wave, "aiff": _aiff, "caf": _core_audio, "au": _au}
