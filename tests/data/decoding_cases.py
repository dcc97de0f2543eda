"""Every container, header and tag that decoding was tried on: the bytes, and what must become of
them.

Each sound is a second of 440 Hz at 16 kHz unless its case says otherwise, so that a wrong pitch, a
chunk taken for sound and a piece left out all show.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np

from tests.data.audio_fixtures import RATE, av_bytes, soundfile_bytes

PITCH = 440.0  # Hz
# lossy codecs add or lose this much: an encoder's delay and a padded last frame
FRAME_SECONDS = 0.13
NO_LENGTH = "its header gives no true length; read to its end"


@dataclass(frozen=True)
class Case:
    """One file: read, with its length and notes, or refused, with its sentence."""

    group: str
    what: str
    build: Callable[[], bytes]
    seconds: float = 1.0  # 0 where it is refused
    says: str = ""  # in the notes, or in the sentence
    within: float = 0.002  # s, of the length
    name: str = "clip.wav"


def tone(seconds: float = 1.0, *, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """(sample, channel), 0.3 of full scale."""
    wave = 0.3 * np.sin(2 * np.pi * PITCH * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave.astype(np.float32)] * channels, 1)


def made(kind: str, subtype: str, rate: int = RATE, channels: int = 1) -> bytes:
    return soundfile_bytes(tone(rate=rate, channels=channels), rate, kind=kind, subtype=subtype)


def coded(kind: str, codec: str, rate: int = RATE, channels: int = 1) -> bytes:
    bit_rate = {"wmav2": 64_000, "libopencore_amrnb": 12_200}.get(codec)
    return av_bytes(
        tone(rate=rate, channels=channels).T, rate, kind=kind, codec=codec, bit_rate=bit_rate
    )


PCM = (tone()[:, 0] * 32_767).astype("<i2").tobytes()
FORM = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)


def chunk(name: bytes, inside: bytes, size: int | None = None, *, order: str = "little") -> bytes:
    size = len(inside) if size is None else size
    return name + size.to_bytes(4, order) + inside + bytes(len(inside) % 2)


def wav(
    *,
    size: int | None = None,
    riff_size: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    sound: bytes = PCM,
    form: bytes = FORM,
) -> bytes:
    """A wav file with any two sizes in its header, and chunks before and behind the sound."""
    inside = b"WAVE" + chunk(b"fmt ", form) + before + chunk(b"data", sound, size) + after
    return chunk(b"RIFF", inside, riff_size)


LIST = chunk(b"LIST", b"INFOISFT" + (14).to_bytes(4, "little") + b"Lavf59.27.100\0")
BROADCAST = chunk(b"bext", b"\x41" * 602)
ID3_CHUNK = chunk(b"id3 ", b"ID3\x03\0\0\0\0\0\x20" + b"\x55" * 32)


def part(data: bytes, share: float) -> bytes:
    return data[: round(share * len(data))]


# ---- kin of wav


def rf64(data_size: int, *, magic: bytes = b"RF64") -> bytes:
    sizes = chunk(b"ds64", struct.pack("<QQQI", len(PCM) + 72, data_size, RATE, 0))
    inside = b"WAVE" + sizes + chunk(b"fmt ", FORM) + chunk(b"data", PCM, 0xFFFFFFFF)
    return chunk(magic, inside, 0xFFFFFFFF)


W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")


def w64(size: int | None = None, *, sound: bytes = PCM) -> bytes:
    size = len(sound) + 24 if size is None else size
    form = b"fmt " + W64_TAIL + struct.pack("<Q", 40) + FORM
    data = b"data" + W64_TAIL + struct.pack("<Q", size) + sound
    return W64_RIFF + struct.pack("<Q", 80 + len(data)) + b"wave" + W64_TAIL + form + data


def rifx() -> bytes:
    form = struct.pack(">HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    sound = np.frombuffer(PCM, "<i2").astype(">i2").tobytes()
    inside = b"WAVE" + chunk(b"fmt ", form, order="big") + chunk(b"data", sound, order="big")
    return chunk(b"RIFX", inside, order="big")


BIG_PCM = np.frombuffer(PCM, "<i2").astype(">i2").tobytes()


def aiff(
    *,
    size: int | None = None,
    form_size: int | None = None,
    frames: int = RATE,
    late: bool = False,
    after: bytes = b"",
) -> bytes:
    common = struct.pack(">HIH", 1, frames, 16) + bytes.fromhex("400cfa00000000000000")
    common = chunk(b"COMM", common, order="big")
    sound = chunk(b"SSND", bytes(8) + BIG_PCM, size, order="big")
    inside = b"AIFF" + (sound + common if late else common + sound) + after
    return chunk(b"FORM", inside, form_size, order="big")


def au(size: int = len(PCM), *, encoding: int = 3, sound: bytes = BIG_PCM) -> bytes:
    return b".snd" + struct.pack(">IIIII", 24, size, encoding, RATE, 1) + sound


def caf(size: int | None = None, *, after: bytes = b"") -> bytes:
    size = len(BIG_PCM) + 4 if size is None else size
    described = struct.pack(">d4sIIIII", RATE, b"lpcm", 0, 2, 1, 1, 16)
    head = b"caff\0\1\0\0desc" + struct.pack(">q", 32) + described
    return head + b"data" + struct.pack(">q", size) + bytes(4) + BIG_PCM + after


def header_thrice(head: bytes, true_head: bytes, sound: bytes) -> bytes:
    """What sox pipes: it means to go back to its header, and cannot."""
    return head + head + sound + true_head


# ---- flac, ogg, mp3, aac, mp4


def flac(total: int | None = None) -> bytes:
    data = bytearray(made("FLAC", "PCM_16"))
    if total is not None:
        data[21] = data[21] & 0xF0 | total >> 32
        data[22:26] = (total & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(data)


def ogg(codec: str, rate: int = 48_000, channels: int = 1) -> bytes:
    return made("OGG", codec, rate, channels)


def without_last_flag(data: bytes) -> bytes:
    """An ogg file whose writer did not say that the stream is over."""
    page = data.rfind(b"OggS")
    changed = bytearray(data)
    changed[page + 5] &= ~4
    changed[page + 22 : page + 26] = bytes(4)
    checksum = 0
    for byte in changed[page:]:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    changed[page + 22 : page + 26] = checksum.to_bytes(4, "little")
    return bytes(changed)


def mp3(rate: int = 44_100, channels: int = 1) -> bytes:
    return made("MP3", "MPEG_LAYER_III", rate, channels)


def mp3_without_count() -> bytes:
    return mp3().replace(b"Xing", b"none").replace(b"Info", b"none")


def mp4_boxes(data: bytes) -> dict[bytes, bytes]:
    boxes, position = {}, 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        boxes[data[position + 4 : position + 8]] = data[position : position + size]
        position += size
    return boxes


def m4a_for_streaming() -> bytes:
    """With the index in front of the sound, as recorders for the web write it."""
    boxes = mp4_boxes(coded("ipod", "aac", 44_100))
    index = bytearray(boxes[b"moov"])
    table = index.find(b"stco") + 8
    for entry in range(int.from_bytes(index[table : table + 4], "big")):
        place = slice(table + 4 + 4 * entry, table + 8 + 4 * entry)
        index[place] = (int.from_bytes(index[place], "big") + len(index)).to_bytes(4, "big")
    rest = [box for name, box in boxes.items() if name not in (b"ftyp", b"moov")]
    return boxes[b"ftyp"] + bytes(index) + b"".join(rest)


def video_without_sound() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25, width=32, height=32, pix_fmt="yuv420p")
        for packet in [*stream.encode(av.VideoFrame(32, 32, "yuv420p")), *stream.encode(None)]:
            container.mux(packet)
    return buffer.getvalue()


def webm_without_length() -> bytes:
    """As a browser records it: the duration is a void element."""
    data = coded("webm", "libopus", 48_000)
    place = data.find(b"\x44\x89\x88")
    return data[:place] + b"\xec\x89" + bytes(9) + data[place + 11 :]


# ---- tags


def id3(
    version: int = 4, *, inside: bytes = b"", padding: int = 100, footer: bool = False
) -> bytes:
    """An ID3v2 tag with a title, padding, and a footer where wanted."""
    body = (inside or b"TIT2\0\0\0\x05\0\0\x00word") + bytes(0 if footer else padding)
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    head = bytes([version, 0, 0x10 if footer else 0]) + size
    return b"ID3" + head + body + (b"3DI" + head if footer else b"")


def id3_with_plain_size() -> bytes:
    body = b"\x41" * 1_000
    return b"ID3\x03\0\0" + len(body).to_bytes(4, "big") + body


ID3_1 = b"TAG" + b"word".ljust(125, b"\0")
APE = (
    b"APETAGEX"
    + struct.pack("<IIII8x", 2_000, 52, 1, 0)
    + struct.pack("<II", 4, 0)
    + b"Title\0word"
    + bytes(6)
)
LYRICS = b"LYRICSBEGIN" + b"IND0000211" + b"000021LYRICS200"


def _lengths() -> list[Case]:
    group = "Lengths in a wav header"
    cases = [Case(group, "all lengths right", wav)]
    for size, writer in {
        0x7FFFF000: "espeak-ng to a pipe",
        0x7FFFFFFF: "2 GiB less one",
        0x80000000: "arecord to a pipe",
        0xFFFFFFFF: "FFmpeg to a pipe",
        2_000_000_000: "2,000,000,000",
    }.items():
        cases.append(
            Case(
                group,
                f"data and RIFF size {size:#x} ({writer})",
                lambda size=size: wav(size=size, riff_size=min(size + 36, 0xFFFFFFFF)),
                says=NO_LENGTH,
            )
        )
    off = "breaks off: 0.60 of 1.00 s are there"
    return [
        *cases,
        Case(group, "RIFF size 0, data size right", lambda: wav(riff_size=0)),
        Case(group, "RIFF size that of the whole file", lambda: wav(riff_size=len(wav()))),
        Case(group, "RIFF size 0xffffffff, data size right", lambda: wav(riff_size=0xFFFFFFFF)),
        Case(group, "RIFF size too small, data size right", lambda: wav(riff_size=100)),
        Case(
            group,
            "data size 0 and then sound (a recorder that crashed)",
            lambda: wav(size=0),
            says=NO_LENGTH,
        ),
        Case(
            group, "both sizes 0 and then sound", lambda: wav(size=0, riff_size=0), says=NO_LENGTH
        ),
        Case(
            group,
            "both sizes 0, sound, LIST",
            lambda: wav(size=0, riff_size=0, after=LIST),
            says=NO_LENGTH,
        ),
        Case(group, "data size 0 and nothing", lambda: wav(sound=b""), 0, "holds no sound"),
        Case(
            group,
            "data size 0 and then a LIST chunk",
            lambda: wav(sound=b"", after=LIST),
            0,
            "holds no sound",
        ),
        Case(
            group,
            "data size 0 and then bext and LIST",
            lambda: wav(sound=b"", after=BROADCAST + LIST),
            0,
            "no sound",
        ),
        Case(group, "0.6 of 1.0 s, sizes as promised", lambda: part(wav(), 0.6), 0.599, off, 0.002),
        Case(group, "one byte of 32,000 missing", lambda: wav()[:-1]),
        Case(group, "0.05 of 1.0 s there", lambda: part(wav(), 0.05), 0, "less than 0.1 s"),
        Case(
            group,
            "breaks off behind its header",
            lambda: wav()[:44],
            0,
            "breaks off before its sound begins",
        ),
        Case(group, "breaks off inside its header", lambda: wav()[:30], 0, "damaged or incomplete"),
        Case(
            group,
            "1 s there, three minutes promised",
            lambda: wav(size=180 * 2 * RATE),
            says="breaks off: 1.00 of 180.00 s are there",
        ),
        Case(
            group,
            "three minutes promised, LIST behind 1 s",
            lambda: wav(size=180 * 2 * RATE, after=LIST),
            says="breaks off: 1.00 of 180.00 s are there",
        ),
        Case(
            group,
            "size 0x7ffff000, LIST behind the sound",
            lambda: wav(size=0x7FFFF000, after=LIST),
            says=NO_LENGTH,
        ),
        Case(
            group,
            "size 0xffffffff, id3 behind",
            lambda: wav(size=0xFFFFFFFF, after=ID3_CHUNK),
            says=NO_LENGTH,
        ),
        Case(
            group,
            "size 0xffffffff, bext, LIST and id3 behind",
            lambda: wav(size=0xFFFFFFFF, after=BROADCAST + LIST + ID3_CHUNK),
            says=NO_LENGTH,
        ),
    ]


def _kin() -> list[Case]:
    group = "Chunks and kin of wav"
    off = "breaks off: 0.60 of 1.00 s are there"
    return [
        Case(
            group,
            "LIST, bext and id3 before the sound",
            lambda: wav(before=LIST + BROADCAST + ID3_CHUNK),
        ),
        Case(
            group,
            "LIST, bext and id3 behind the sound",
            lambda: wav(after=LIST + BROADCAST + ID3_CHUNK),
        ),
        Case(
            group,
            "JUNK of odd size before the sound",
            lambda: wav(before=chunk(b"JUNK", b"\x21" * 27)),
        ),
        Case(group, "data of odd size, LIST behind", lambda: wav(sound=PCM + b"\x11", after=LIST)),
        Case(group, "4,000 bytes of no chunk behind", lambda: wav() + b"\x33" * 4_000),
        Case(group, "two wav files one behind the other", lambda: wav() + wav()),
        Case(group, "RF64", lambda: rf64(len(PCM))),
        Case(group, "RF64 with size 0 in ds64", lambda: rf64(0), says=NO_LENGTH),
        Case(group, "RF64 with size -1 in ds64", lambda: rf64(2**64 - 1), says=NO_LENGTH),
        Case(group, "RF64, 0.6 of it", lambda: part(rf64(len(PCM)), 0.6), 0.599, off),
        Case(group, "BW64", lambda: rf64(len(PCM), magic=b"BW64")),
        Case(group, "RIFX (big-endian)", rifx),
        Case(group, "RIFX, 0.6 of it", lambda: part(rifx(), 0.6), 0.6, off),
        Case(group, "Wave64", w64, name="clip.w64"),
        Case(group, "Wave64, 0.6 of it", lambda: part(w64(), 0.6), 0.599, off, name="clip.w64"),
        Case(
            group, "Wave64 piped by FFmpeg", lambda: w64(2**63 - 1), says=NO_LENGTH, name="clip.w64"
        ),
        Case(
            group,
            "Wave64 piped by sox",
            lambda: header_thrice(w64(24, sound=b""), w64(2**64 - 80, sound=b""), PCM),
            says=NO_LENGTH,
            name="clip.w64",
        ),
    ]


def _codecs() -> list[Case]:
    group = "What a wav file may hold"
    cases = [
        Case(group, f"{subtype} ({kind})", lambda kind=kind, subtype=subtype: made(kind, subtype))
        for kind, subtype in [
            ("WAV", "PCM_U8"),
            ("WAV", "PCM_24"),
            ("WAV", "PCM_32"),
            ("WAV", "FLOAT"),
            ("WAV", "DOUBLE"),
            ("WAVEX", "PCM_16"),
            ("WAVEX", "FLOAT"),
        ]
    ]
    cases += [
        Case(
            group,
            codec,
            lambda subtype=subtype: made("WAV", subtype),
            says=f"unpacked from {codec} in wav",
            within=FRAME_SECONDS,
        )
        for subtype, codec in {
            "ALAW": "A-law",
            "ULAW": "mu-law",
            "MS_ADPCM": "MS ADPCM",
            "IMA_ADPCM": "IMA ADPCM",
            "GSM610": "GSM",
        }.items()
    ]
    cases += [
        Case(
            group,
            f"{what} in wav",
            lambda codec=codec, rate=rate: coded("wav", codec, rate),
            says=f"unpacked from {what} in wav",
            within=FRAME_SECONDS,
        )
        for what, codec, rate in [
            ("mp3", "libmp3lame", RATE),
            ("mp2", "mp2", RATE),
            ("AC-3", "ac3", 48_000),
            ("G.722", "g722", RATE),
            ("G.726", "g726", 8_000),
            ("WMA", "wmav2", 44_100),
        ]
    ]
    return [
        *cases,
        Case(
            group,
            "mp3 in wav, 0.6 of it",
            lambda: part(coded("wav", "libmp3lame"), 0.6),
            0.6,
            "breaks off",
            0.15,
        ),
        Case(
            group,
            "AAC with ADTS frames (0x1600)",
            lambda: wav(
                sound=coded("adts", "aac"),
                form=struct.pack("<HHIIHH", 0x1600, 1, RATE, 8_000, 1, 16),
            ),
            1.0,
            "unpacked from AAC in wav",
            FRAME_SECONDS,
        ),
        *(
            Case(
                group,
                f"AAC without frames ({tag:#06x})",
                lambda tag=tag: wav(
                    sound=np.random.default_rng(3).bytes(6_000),
                    form=struct.pack("<HHIIHH", tag, 1, RATE, 8_000, 1, 16),
                ),
                0,
                "is a wav file around AAC, which cannot be read; export it as 16-bit wav or flac",
            )
            for tag in (0x00FF, 0x1601, 0x1602, 0x1610, 0x706D, 0x4143)
        ),
        Case(
            group,
            "Vorbis",
            lambda: wav(
                sound=bytes(range(256)) * 20,
                form=struct.pack("<HHIIHH", 0x566F, 1, RATE, 8_000, 1, 16),
            ),
            0,
            "is a wav file around Vorbis, which cannot be read",
        ),
        Case(
            group,
            "an unknown codec",
            lambda: wav(
                sound=bytes(range(256)) * 20,
                form=struct.pack("<HHIIHH", 0x1234, 1, RATE, 8_000, 1, 16),
            ),
            0,
            "is a wav file around an unknown codec (0x1234), which cannot be read",
        ),
    ]


def _others() -> list[Case]:
    off = "breaks off: 0.60 of 1.00 s are there"
    group = "aiff, au, caf"
    apple = chunk(b"ANNO", b"said by someone!", order="big")
    thrice = caf()[:68]
    unpacked = [
        Case(group, "aiff", aiff),
        Case(group, "aiff, COMM behind SSND", lambda: aiff(late=True)),
        Case(group, "aifc, mu-law", lambda: soundfile_bytes(tone(), kind="AIFF", subtype="ULAW")),
        Case(
            group,
            "aiff piped by sox (0x7f000008)",
            lambda: aiff(size=0x7F000008, form_size=0x7F000050, frames=0x3F800000),
            says=NO_LENGTH,
        ),
        Case(
            group,
            "aiff piped by FFmpeg (all 0)",
            lambda: aiff(size=0, form_size=0, frames=0),
            says=NO_LENGTH,
        ),
        Case(
            group,
            "aiff of unknown length, ANNO behind",
            lambda: aiff(size=0x7F000008, after=apple),
            says=NO_LENGTH,
        ),
        Case(group, "aiff, 0.6 of it", lambda: part(aiff(), 0.6), 0.6, off),
        Case(group, "au", au),
        Case(group, "au piped (size 0xffffffff)", lambda: au(0xFFFFFFFF), says=NO_LENGTH),
        Case(group, "au with size 0", lambda: au(0), says=NO_LENGTH),
        Case(group, "au, 0.6 of it", lambda: part(au(), 0.6), 0.6, off),
        Case(group, "au, mu-law", lambda: made("AU", "ULAW"), says="unpacked from mu-law in au"),
        Case(group, "caf", caf),
        Case(group, "caf, ALAC", lambda: made("CAF", "ALAC_16")),
        Case(group, "caf piped by FFmpeg (size -1)", lambda: caf(-1), says=NO_LENGTH),
        Case(group, "caf, 0.6 of it", lambda: part(caf(), 0.6), 0.6, off),
        Case(
            group,
            "caf piped by sox",
            lambda: header_thrice(thrice[:-12] + struct.pack(">qI", 4, 0), thrice, BIG_PCM),
        ),
    ]
    group = "flac and ogg"
    ended = "breaks off; read to its end"
    changes = "sample rate changes midway, brought to 48 kHz"
    packed = [
        Case(group, "flac", flac),
        Case(group, "flac piped by FFmpeg (0 samples promised)", lambda: flac(0), says=NO_LENGTH),
        Case(group, "flac that promises 2^36 - 1 samples", lambda: flac(2**36 - 1), says=NO_LENGTH),
        Case(
            group,
            "flac that promises 3 s",
            lambda: flac(3 * RATE),
            says="breaks off: 1.00 of 3.00 s are there",
        ),
        Case(
            group,
            "flac, 0.6 of it",
            lambda: part(flac(), 0.6),
            0.512,
            "breaks off: 0.51 of 1.00 s are there",
        ),
        Case(group, "flac, ID3v1 behind", lambda: flac() + ID3_1),
        *(
            Case(group, f"ogg, {codec.lower()}", lambda codec=codec: ogg(codec), within=0.02)
            for codec in ("VORBIS", "OPUS")
        ),
        Case(group, "ogg, opus, 0.6 of it", lambda: part(ogg("OPUS"), 0.6), 0.533, ended, 0.1),
        Case(
            group,
            "ogg, vorbis, 0.6 of it",
            lambda: part(ogg("VORBIS"), 0.6),
            0,
            "damaged or incomplete",
        ),
        Case(
            group,
            "ogg, vorbis, whose end is not flagged",
            lambda: without_last_flag(ogg("VORBIS")),
            says=ended,
            within=0.02,
        ),
        Case(group, "ogg, vorbis, ID3v1 behind", lambda: ogg("VORBIS") + ID3_1, within=0.02),
        *(
            Case(
                group,
                f"ogg, two {codec.lower()} streams chained",
                lambda codec=codec: ogg(codec) * 2,
                2.0,
                within=0.04,
            )
            for codec in ("VORBIS", "OPUS")
        ),
        *(
            Case(
                group,
                f"ogg, {codec.lower()} at 24 kHz, then at 48 kHz in stereo",
                lambda codec=codec: ogg(codec, 24_000) + ogg(codec, 48_000, 2),
                2.0,
                changes,
                0.04,
            )
            for codec in ("VORBIS", "OPUS")
        ),
    ]
    return unpacked + packed


def _frames() -> list[Case]:
    group = "mp3 and aac"
    lossy = FRAME_SECONDS
    return [
        Case(group, "mp3", mp3, within=lossy),
        Case(group, "mp3 without a count of its frames", mp3_without_count, within=lossy),
        Case(group, "mp3, 0.6 of it", lambda: part(mp3(), 0.6), 0.57, "breaks off: 0.5", lossy),
        Case(
            group,
            "mp3 without a count, 0.6 of it",
            lambda: part(mp3_without_count(), 0.6),
            0.57,
            within=lossy,
        ),
        Case(
            group,
            "mp3 captured from the middle of a stream",
            lambda: mp3()[700:],
            0.95,
            within=lossy,
        ),
        Case(group, "mp3 behind 1,000 zero bytes", lambda: bytes(1_000) + mp3(), within=lossy),
        Case(group, "mp3, ID3v1 behind", lambda: mp3() + ID3_1, within=lossy),
        Case(group, "mp3, APE and ID3v1 behind", lambda: mp3() + APE + ID3_1, within=lossy),
        Case(group, "mp3, lyrics behind", lambda: mp3() + LYRICS + ID3_1, within=lossy),
        Case(
            group,
            "mp3 at 44.1 kHz, then at 22.05 kHz",
            lambda: mp3(44_100) + mp3(22_050),
            2.1,
            "sample rate changes midway, brought to 44.1 kHz",
            2 * lossy,
        ),
        Case(
            group,
            "mp3 at 22.05 kHz, then at 48 kHz in stereo",
            lambda: mp3(22_050) + mp3(48_000, 2),
            2.077,
            "sample rate changes midway, brought to 48 kHz",
            0.01,  # not one frame at the rate of the frame before it
        ),
        Case(
            group,
            "mp3 in mono, then in stereo",
            lambda: mp3() + mp3(channels=2),
            2.1,
            "number of channels changes midway, brought to 2",
            2 * lossy,
        ),
        Case(
            group,
            "mp3, ID3v1, ID3v2, mp3",
            lambda: mp3() + ID3_1 + id3() + mp3(),
            2.1,
            within=2 * lossy,
        ),
        Case(group, "aac (ADTS)", lambda: coded("adts", "aac"), within=lossy),
        Case(
            group,
            "aac (ADTS), 0.6 of it",
            lambda: part(coded("adts", "aac"), 0.6),
            0.6,
            "breaks off; read to its end",
            lossy,
        ),
        Case(
            group,
            "aac at 16 kHz, then at 44.1 kHz in stereo",
            lambda: coded("adts", "aac") + coded("adts", "aac", 44_100, 2),
            2.1,
            "sample rate changes midway, brought to 44.1 kHz",
            2 * lossy,
        ),
    ]


def _boxes() -> list[Case]:
    group = "mp4, webm and others"
    lossy = FRAME_SECONDS
    incomplete = "damaged or incomplete"
    return [
        Case(group, "m4a", lambda: coded("ipod", "aac", 44_100), within=lossy),
        Case(group, "m4a, index in front", m4a_for_streaming, within=lossy),
        Case(
            group,
            "m4a, index in front, 0.6 of it",
            lambda: part(m4a_for_streaming(), 0.6),
            0.5,
            "breaks off",
            0.2,
        ),
        Case(
            group,
            "m4a, index behind, 0.6 of it",
            lambda: part(coded("ipod", "aac", 44_100), 0.6),
            0,
            incomplete,
        ),
        Case(group, "mov", lambda: coded("mov", "aac", 44_100), within=lossy),
        Case(group, "mp4, ALAC", lambda: coded("ipod", "alac"), within=lossy),
        Case(group, "mp4 video without sound", video_without_sound, 0, "holds no sound track"),
        Case(group, "webm", lambda: coded("webm", "libopus", 48_000), within=lossy),
        Case(group, "webm without a length (a browser's)", webm_without_length, within=lossy),
        Case(
            group,
            "webm, 0.6 of it",
            lambda: part(coded("webm", "libopus", 48_000), 0.6),
            0.55,
            "breaks off: 0.5",
            lossy,
        ),
        Case(group, "matroska, mp3", lambda: coded("matroska", "libmp3lame"), within=lossy),
        Case(
            group,
            "wma",
            lambda: coded("asf", "wmav2", 44_100),
            says="unpacked from wma",
            within=lossy,
        ),
        Case(
            group,
            "amr",
            lambda: coded("amr", "libopencore_amrnb", 8_000),
            says="from amr",
            within=lossy,
        ),
        Case(group, "3gp, amr", lambda: coded("3gp", "libopencore_amrnb", 8_000), within=lossy),
    ]


def _tags() -> list[Case]:
    group = "Tags and blanks before the container"
    lossy = FRAME_SECONDS
    cases = [
        Case(group, f"ID3v2.3 before {what}", lambda build=build: id3(3) + build(), within=within)
        for what, build, within in [
            ("wav", wav, 0.002),
            ("flac", flac, 0.002),
            ("aiff", aiff, 0.002),
            ("ogg", lambda: ogg("VORBIS"), 0.02),
            ("mp3", mp3, lossy),
            ("aac", lambda: coded("adts", "aac"), lossy),
            ("m4a", lambda: coded("ipod", "aac"), lossy),
        ]
    ]
    return [
        *cases,
        Case(group, "ID3v2.2 before flac", lambda: id3(2, inside=b"TT2\0\0\x05\0word") + flac()),
        Case(group, "ID3v2.4 with a footer before flac", lambda: id3(footer=True) + flac()),
        Case(
            group,
            "ID3v2.4 with a footer before mp3",
            lambda: id3(footer=True) + mp3(),
            within=lossy,
        ),
        Case(group, "two ID3v2 tags before wav", lambda: id3(3) + id3(4) + wav()),
        Case(
            group, "ID3v2 of 300 kB (a picture) before flac", lambda: id3(padding=300_000) + flac()
        ),
        Case(
            group,
            "ID3v2 whose size is not in seven bits, before flac",
            lambda: id3_with_plain_size() + flac(),
        ),
        Case(
            group,
            "ID3v2 with padding it does not count, before flac",
            lambda: id3() + bytes(500) + flac(),
        ),
        Case(
            group,
            "ID3v2 with padding it does not count, before mp3",
            lambda: id3() + bytes(500) + mp3(),
            within=lossy,
        ),
        Case(group, "ID3v2 and nothing", lambda: id3(), 0, "damaged or incomplete"),
        Case(group, "a blank line before wav", lambda: b"\r\n" + wav()),
        Case(group, "512 zero bytes before flac", lambda: bytes(512) + flac()),
        Case(group, "99 zeros before m4a", lambda: bytes(99) + coded("ipod", "aac"), within=lossy),
    ]


def _others_content() -> list[Case]:
    group = "What is not sound"
    noise = np.random.default_rng(1).bytes(5_000)
    contents = {
        "a PNG picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "a JPEG picture": b"\xff\xd8\xff\xe0" + noise,
        "a WebP picture": b"RIFF\x40\0\0\0WEBPVP8 " + bytes(56),
        "a HEIF or AVIF picture": b"\0\0\0\x18ftypheic" + bytes(200),
        "a PDF document": b"%PDF-1.7 ...",
        "a zip archive": b"PK\x03\x04" + bytes(60),
        "a MIDI file, notes without sound": b"MThd\0\0\0\x06" + bytes(60),
        "an AVI video": b"RIFF\x40\0\0\0AVI LIST" + bytes(56),
        "a Flash video": b"FLV\x01" + bytes(60),
        "a WavPack file": b"wvpk" + bytes(60),
        "a NIST Sphere file": b"NIST_1A\n   1024\n" + bytes(60),
        "a VOC file": b"Creative Voice File\x1a" + bytes(60),
        "a RealAudio file": b".ra\xfd" + bytes(60),
        "a web page or XML text": b"<!doctype html><html></html>",
        "JSON text": b'{"text": "yes"}',
        "text": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "not sound that can be read": b"\x07" + noise,
    }
    return [
        Case(group, "no bytes", lambda: b"", 0, "is empty"),
        Case(
            group,
            "samples without a header",
            lambda: PCM,
            0,
            "is sound without a header that says its rate and sample format",
            name="clip.raw",
        ),
        Case(group, "zero bytes", lambda: bytes(10_000), 0, "is not sound that can be read"),
        *(
            Case(
                group,
                content.split(",")[0],
                lambda data=data: data,
                0,
                f"is {content}; choose a wav",
            )
            for content, data in contents.items()
        ),
    ]


def cases() -> list[Case]:
    """All of them, in the order of the table."""
    return [
        *_lengths(),
        *_kin(),
        *_codecs(),
        *_others(),
        *_frames(),
        *_boxes(),
        *_tags(),
        *_others_content(),
    ]
