"""Which container a file is, by its own first bytes, behind the tags and blanks before them."""

import re

from vop_core.data.chunks import Container, aiff, au, core_audio, header_taken_from_end, wave
from vop_core.data.mpeg_frames import MOST_TAGS, frame_bytes, stream

__all__ = ["Container", "content", "find", "ogg_links"]

MOST_PAGES = 50_000  # a minute of ogg has a few thousand at most
BLANKS = re.compile(rb"[\0 \t\r\n]*")  # what some servers and recorders put before a file

MAGIC = {
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"\x1a\x45\xdf\xa3": "webm",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "asf",
    b"#!AMR": "amr",
}
MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}
# pictures stand in the same boxes
PICTURES = {b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1", b"avif", b"avis"}
WAVE_64_START = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
TRUE_LENGTHS = {"wav": wave, "w64": wave, "aiff": aiff, "caf": core_audio, "au": au}

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
RIFF_CONTENT = {
    b"AVI ": "an AVI video",
    b"WEBP": "a WebP picture",
    b"RMID": "a MIDI file, notes without sound",
}
HEADERLESS = (".raw", ".pcm", ".sw", ".s16", ".s16le", ".f32", ".ul", ".al", ".sln")


def find(data: bytes) -> Container | None:
    """The container, with the lengths in its header made true; None when none can be told."""
    tagged = data[:3] == b"ID3"
    whole = data[_behind_blanks(data, _behind_tags(data)) :]
    if kind := _by_magic(whole):
        whole = header_taken_from_end(whole) if kind in ("w64", "caf") else whole
        return TRUE_LENGTHS[kind](whole) if kind in TRUE_LENGTHS else Container(kind, whole)
    if frames := stream(whole):
        return Container(*frames)
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
    """The streams chained one behind the other in an ogg file, and whether the last is whole."""
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
        begin = position + 10 + footer
        # some writers forget that a tag's size has seven bits a byte
        ends = [begin + _syncsafe(size), begin + int.from_bytes(size)]
        position = next((end for end in ends if _is_start(data, end)), min(ends[0], len(data)))
        position = _behind_blanks(data, position)
    return position


def _behind_blanks(data: bytes, position: int) -> int:
    """Where a container begins behind zeros and white space; the position itself where none does.

    An mp4 begins with a size of four bytes, which may look like blanks themselves.
    """
    end = BLANKS.match(data, position).end()
    starts = range(max(position, end - 4), end + 1)
    return next((start for start in starts if _is_start(data, start)), position)


def _is_start(data: bytes, position: int) -> bool:
    begin = data[position : position + 16]
    return begin[:3] == b"ID3" or bool(_by_magic(begin)) or frame_bytes(begin) is not None


def _syncsafe(size: bytes) -> int:
    return sum((byte & 0x7F) << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))
