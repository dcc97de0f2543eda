"""Files of every kind to samples: what a container promises, what it holds, and when to refuse it.

The first bytes decide who reads: soundfile for wav, aiff, flac and ogg; PyAV for m4a, webm and mp3
(soundfile's mp3 reader writes its warnings on the terminal). A file whose first bytes are of no known kind
reaches neither, so no playlist can make a decoder open other files or addresses.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import soundfile
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.errors import AudioError

MOST_BYTES = 20 * 2**20  # what the page accepts as an upload
LONGEST_SECONDS = 60.0
LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000  # Hz
MOST_VALUES = 2 * 60 * HIGHEST_RATE  # over all channels: what a minute of the finest stereo holds
DECODERS_RAISE = (
    soundfile.SoundFileError,
    av.FFmpegError,
    ValueError,
    ArithmeticError,
    EOFError,
    MemoryError,
)
LOSSY_SLACK_SECONDS = 0.1  # encoders' delays and padding: promised and decoded lengths differ by less

ACCEPTED = "wav, flac, ogg, opus, mp3, m4a or webm"
STREAMED_SIZES = {0, 0x7FFFFFFF, 0xFFFFFFFF}  # wav headers whose writer could not go back to them
READ_BY_SOUNDFILE = {b"RIFF": "wav", b"RF64": "wav", b"fLaC": "flac", b"OggS": "ogg", b"FORM": "aiff"}
OTHER_CONTENT = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"<": "a web page or XML text",
    b"{": "JSON text",
}


@dataclass(frozen=True)
class Recording:
    """A file's samples as they were stored, before any conversion; amplitude 1 is full scale."""

    samples: Float[Tensor, "channel sample"]
    sample_rate: int  # Hz
    codec: str  # "wav", "flac", "opus", ...
    is_float: bool  # stored as floating point: may lawfully go beyond full scale


def read(data: bytes, *, name: str) -> Recording:
    """Decode a whole file held in memory.

    Raises AudioError, with ``name`` in its sentence, for what is empty, over 20 MB, not sound, broken off,
    outside 4 to 192 kHz, or over 60 s (told from the header where it says so, before anything is unpacked).
    """
    if not data:
        raise AudioError(f"{name} is empty; record it again or choose another file.")
    if len(data) > MOST_BYTES:
        raise AudioError(f"{name} is larger than 20 MB; cut it to the words you want to use.")
    kind = _kind(data)
    if kind is None:
        raise AudioError(f"{name} is {_content(data)}; choose a {ACCEPTED} file.")
    try:
        reader = _read_with_soundfile if data[:4] in READ_BY_SOUNDFILE else _read_with_av
        recording = reader(data, kind, name)
    except AudioError:
        raise
    except DECODERS_RAISE as error:
        raise AudioError(
            f"{name} begins like {kind} but is damaged or incomplete; record or export it again."
        ) from error
    if not recording.samples.numel():
        raise AudioError(f"{name} holds no sound; record it again or choose another file.")
    return recording


def _kind(data: bytes) -> str | None:
    """The container, by its first bytes; None when it is none that can hold sound."""
    if data[:4] in READ_BY_SOUNDFILE:
        return READ_BY_SOUNDFILE[data[:4]]
    if data[4:8] == b"ftyp":
        return "mp4"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    if data[:3] == b"ID3" or (
        len(data) > 3 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] & 0x06
    ):
        return "mp3"
    return None


def _content(data: bytes) -> str:
    """What a file that is no sound seems to be."""
    start = data[:512].lstrip()
    for magic, content in OTHER_CONTENT.items():
        if start.startswith(magic):
            return content
    printable = sum(byte >= 0x20 or byte in b"\t\r\n" for byte in start)
    if start and printable == len(start) and start.isascii():
        return "text"
    return "not sound that can be read"


def _read_with_soundfile(data: bytes, kind: str, name: str) -> Recording:
    _refuse_broken_off(data, kind, name)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        promised = file.frames
        _refuse_header(file.samplerate, promised / file.samplerate, promised * file.channels, name)
        samples = file.read(frames=promised, dtype="float32", always_2d=True)
        if len(samples) < promised:
            raise _broken_off(len(samples) / file.samplerate, promised / file.samplerate, name)
        codec = file.subtype.lower() if kind == "ogg" else kind
        is_float = file.subtype in ("FLOAT", "DOUBLE")
        return Recording(torch.from_numpy(np.ascontiguousarray(samples.T)), file.samplerate, codec, is_float)


def _read_with_av(data: bytes, kind: str, name: str) -> Recording:
    # the format is given, never guessed: guessing could take the bytes for a playlist and follow it
    with av.open(io.BytesIO(data), format="matroska" if kind == "webm" else kind) as container:
        if not container.streams.audio:
            raise AudioError(f"{name} holds no sound track; choose a {ACCEPTED} file.")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise AudioError(f"{name} holds sound of an unknown kind; export it as wav or flac.")
        promised = _promised_seconds(container, stream, data, kind)
        _refuse_header(stream.rate, promised, round(promised * stream.rate) * stream.channels, name)
        samples = np.concatenate(
            [np.zeros((stream.channels, 0), np.float32), *_planes(container, stream, name)], axis=1
        )
        seconds = samples.shape[1] / stream.rate
        if seconds < promised - LOSSY_SLACK_SECONDS:
            raise _broken_off(seconds, promised, name)
        return Recording(torch.from_numpy(samples), stream.rate, _codec_name(kind), is_float=False)


def _planes(
    container: av.container.InputContainer, stream: av.AudioStream, name: str
) -> Iterator[np.ndarray]:
    """Frames as float32 (channel, sample); stops a file that unpacks to more than its header promised."""
    resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
    values = 0
    for frame in container.decode(stream):
        for plane in resampler.resample(frame):
            values += plane.samples * stream.channels
            _refuse_header(stream.rate, values / stream.channels / stream.rate, values, name)
            yield plane.to_ndarray()


def _promised_seconds(
    container: av.container.InputContainer, stream: av.AudioStream, data: bytes, kind: str
) -> float:
    """The sound's length by the header, 0 where it does not say."""
    if kind == "mp3" and not (b"Xing" in data[:8192] or b"Info" in data[:8192]):
        return 0.0  # without that frame the length is only guessed from the bit rate
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return 0.0


def _refuse_header(rate: int, seconds: float, values: int, name: str) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(
            f"{name} has a sample rate of {rate:,} Hz; export it at 4 to 192 kHz, best at 16 kHz."
        )
    if seconds > LONGEST_SECONDS:
        raise AudioError(f"{name} lasts longer than 60 s; cut it to the words you want to use.")
    if values > MOST_VALUES:
        raise AudioError(f"{name} has too many channels to unpack; export it with one channel.")


def _refuse_broken_off(data: bytes, kind: str, name: str) -> None:
    """Catch what libsndfile silently shortens: a header or ogg page that promises more than is there."""
    if data[:4] in (b"RIFF", b"FORM") and len(data) >= 8:
        size = int.from_bytes(data[4:8], "little" if data[:4] == b"RIFF" else "big")
        # one byte of grace: some writers count the padding byte and leave it out
        if size not in STREAMED_SIZES and size + 8 > len(data) + 1:
            raise AudioError(f"{name} breaks off: bytes are missing at its end; copy or record it again.")
    if kind == "ogg":
        page = data[data.rfind(b"OggS") :]
        segments = page[26] if len(page) > 26 else 255
        if len(page) < 27 + segments + sum(page[27 : 27 + segments]):
            raise AudioError(f"{name} breaks off in the middle of the sound; copy or record it again.")


def _broken_off(seconds: float, promised: float, name: str) -> AudioError:
    return AudioError(
        f"{name} breaks off: {seconds:.1f} of {promised:.1f} s are there; copy or record it again."
    )


def _codec_name(kind: str) -> str:
    return "m4a" if kind == "mp4" else kind
