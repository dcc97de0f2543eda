"""Files of every kind to samples: what a container holds, and when to refuse it.

The container decides who reads: soundfile for wav, aiff, au, caf, flac and ogg, PyAV for the rest
(soundfile's mp3 reader writes its warnings on the terminal) and for what soundfile cannot read.
PyAV is always told the format: a file of no known kind reaches neither, so no playlist can make a
decoder open other files or addresses. Rate and channels are taken from every frame: a stream may
change them midway.
"""

import io
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import av
import numpy as np
import soundfile
import soxr
import torch
from av.container import InputContainer
from jaxtyping import Float
from torch import Tensor

from vop_core.data.clip_quality import LONGEST_SECONDS
from vop_core.data.containers import Container, content, find, ogg_links
from vop_core.data.mpeg_frames import mp3_samples
from vop_core.errors import AudioError

MOST_BYTES = 20 * 2**20  # what the page accepts as an upload
LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000  # Hz
MOST_VALUES = 2 * 60 * HIGHEST_RATE  # over all channels: what a minute of the finest stereo holds
MOST_LINKS = 100  # streams chained in one ogg file
BLOCK_VALUES = 2**18  # unpacked at once, at least
MOST_PACKETS = 30_000  # more than a minute of the shortest packets there are, 2.5 ms
MOST_DAMAGED = 0.25  # of the packets: beyond, what is left is no longer the recording
DECODERS_RAISE = (
    soundfile.SoundFileError,
    av.FFmpegError,
    ValueError,
    ArithmeticError,
    EOFError,
    MemoryError,
)
LOSSY_SLACK_SECONDS = 0.15  # by encoders' delays and padding, lengths differ by less
LOSSLESS_SLACK_SECONDS = 0.01  # a padding byte left out, a last block cut short
LONGEST_TRUE_PROMISE = 1_200.0  # s: longer ones are what programs write that cannot know the length

ACCEPTED = "wav, flac, ogg, opus, mp3, m4a or webm"
NO_LENGTH = "its header gives no true length; read to its end"
READ_BY_SOUNDFILE = {"wav", "aiff", "au", "caf", "flac", "ogg"}
BY_SOUNDFILE_IN_WAV = {
    "ALAW": "A-law",
    "ULAW": "mu-law",
    "MS_ADPCM": "MS ADPCM",
    "IMA_ADPCM": "IMA ADPCM",
    "GSM610": "GSM",
}  # by soundfile's names
AV_FORMATS = {"webm": "matroska"}  # where PyAV calls a kind otherwise
CODEC_NAMES = {"mp4": "m4a", "asf": "wma"}


@dataclass(frozen=True)
class Recording:
    """A file's samples as they were stored, before any conversion; amplitude 1 is full scale."""

    samples: Float[Tensor, "channel sample"]
    sample_rate: int  # Hz
    codec: str  # "wav", "flac", "opus", ...
    is_float: bool  # stored as floating point: may lawfully go beyond full scale
    notes: tuple[str, ...] = ()  # what had to be done to read it


@dataclass(frozen=True)
class _Decoded:
    """What a decoder made of one stream."""

    pieces: list[tuple[np.ndarray, int]]  # float32 (channel, sample) and its rate, Hz
    codec: str
    is_float: bool = False
    promised: float = 0.0  # seconds by the header, 0 where it does not say
    damaged: int = 0  # packets that could not be read, less the last one
    ended: bool = True  # the last packet could be read


class _Memory(io.BytesIO):
    """A file in memory that stays where it is when a damaged header sends libsndfile before it."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:  # would be printed by the callback, not raised
            return self.tell()


class _Budget:
    """Stops a file that unpacks to more than is accepted, wherever its streams and pieces end."""

    def __init__(self, name: str) -> None:
        self.name, self.seconds, self.values = name, 0.0, 0

    def take(self, samples: np.ndarray, rate: int) -> None:
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise AudioError(
                f"{self.name} has a sample rate of {rate:,} Hz; export it at 4 to 192 kHz, best at "
                "16 kHz."
            )
        self.seconds += samples.shape[1] / rate
        self.values += samples.size
        if self.seconds > LONGEST_SECONDS + 1e-6:
            raise AudioError(
                f"{self.name} lasts longer than 60 s; cut it to the words you want to use."
            )
        if self.values > MOST_VALUES:
            raise AudioError(
                f"{self.name} has too many channels to unpack; export it with one channel."
            )


def read(data: bytes, *, name: str) -> Recording:
    """Decode a whole file held in memory: all the sound there is, noting where more was promised.

    Raises AudioError, with ``name`` in its sentence, for what is empty, over 20 MB, not sound, of a
    codec that cannot be read, damaged, outside 4 to 192 kHz, or over 60 s (unpacking stops there).
    """
    if not data:
        raise AudioError(f"{name} is empty; record it again or choose another file.")
    if len(data) > MOST_BYTES:
        raise AudioError(f"{name} is larger than 20 MB; cut it to the words you want to use.")
    container = find(data)
    if container is None:
        raise AudioError(f"{name} is {content(data, name=name)}; choose a {ACCEPTED} file.")
    streams = _links(container, name) if container.kind == "ogg" else [_decode(container, name)]
    ended = all(stream.ended for stream in streams)
    samples, rate, joining = _join([piece for stream in streams for piece in stream.pieces], name)
    if not samples.size and container.codec:
        raise _unreadable(container, name)
    promises = (container.promise - 1, streams[0].promised)
    if not samples.size and (not ended or any(0 < promise < math.inf for promise in promises)):
        raise AudioError(f"{name} breaks off before its sound begins; copy or record it again.")
    if not samples.size:
        raise AudioError(f"{name} holds no sound; record it again or choose another file.")
    notes = joining + _length_notes(streams[0], samples.shape[1] / rate, container.promise)
    if not ended and notes == joining:
        notes.append("breaks off; read to its end")
    if damaged := sum(stream.damaged for stream in streams):
        notes.append(f"{damaged} damaged {'piece' if damaged == 1 else 'pieces'} left out")
    first = streams[0]
    return Recording(torch.from_numpy(samples), rate, first.codec, first.is_float, tuple(notes))


def _decode(container: Container, name: str) -> _Decoded:
    known_codec = container.codec in ("", *BY_SOUNDFILE_IN_WAV.values())
    if container.kind in READ_BY_SOUNDFILE and known_codec:
        try:
            return _with_soundfile(container, name)
        except DECODERS_RAISE:
            pass  # it gives up where FFmpeg leaves out what is damaged
    try:
        return _with_av(container, name)
    except DECODERS_RAISE as error:
        raise _unreadable(container, name) from error


def _links(container: Container, name: str) -> list[_Decoded]:
    """Each of the streams chained in an ogg file: decoders read only the first one, or stumble."""
    links, ended = ogg_links(container.data)
    if len(links) > MOST_LINKS:
        raise AudioError(f"{name} chains {len(links)} streams; export the one you want as wav.")
    budget = _Budget(name)
    decoded: list[_Decoded] = []
    refusal = _unreadable(container, name)
    for link in links:
        try:
            decoded.append(_decode(Container("ogg", link), name))
        except AudioError as error:
            refusal, ended = error, False
            continue
        for samples, rate in decoded[-1].pieces:
            budget.take(samples, rate)
    if not decoded:
        raise refusal
    return [*decoded[:-1], replace(decoded[-1], ended=ended)]


def _with_soundfile(container: Container, name: str) -> _Decoded:
    budget = _Budget(name)
    with soundfile.SoundFile(_Memory(container.data)) as file:
        pieces = [(np.zeros((file.channels, 0), np.float32), file.samplerate)]
        budget.take(*pieces[0])
        # memory follows the bytes that are there, not the length that a header claims
        at_once = max(BLOCK_VALUES, 2 * len(container.data)) // file.channels + 1
        at_once = min(at_once, int(LONGEST_SECONDS * file.samplerate) + 1)
        left = file.frames
        while left > 0:
            block = file.read(min(at_once, left), dtype="float32", always_2d=True)
            if not len(block):
                break
            pieces.append((block.T, file.samplerate))
            budget.take(*pieces[-1])
            left -= len(block)
        codec = container.kind if container.kind != "ogg" else file.subtype.lower()
        if file.subtype in BY_SOUNDFILE_IN_WAV:
            codec = f"{BY_SOUNDFILE_IN_WAV[file.subtype]} in {container.kind}"
        is_float = file.subtype in ("FLOAT", "DOUBLE")
        return _Decoded(pieces, codec, is_float, file.frames / file.samplerate)


def _with_av(container: Container, name: str) -> _Decoded:
    budget = _Budget(name)
    pieces, packets, damaged, ended = [], 0, 0, True
    av_format = AV_FORMATS.get(container.kind, container.kind)
    with av.open(io.BytesIO(container.data), format=av_format) as file:
        if not file.streams.audio:
            raise AudioError(f"{name} holds no sound track; choose a {ACCEPTED} file.")
        stream = file.streams.audio[0]
        if stream.codec_context is None:
            unknown = AudioError(
                f"{name} holds sound of an unknown kind; export it as wav or flac."
            )
            raise _unreadable(container, name) if container.codec else unknown
        promised = _promised_seconds(file, stream, container)
        for packet in _packets(file, stream):
            packets += 1
            if packets > MOST_PACKETS or (damaged > 100 and damaged > MOST_DAMAGED * packets):
                raise ValueError("too many packets for a minute, or too few that can be read")
            try:
                frames = packet.decode() if packet is not None else None
            except DECODERS_RAISE:
                frames = None
            if packet is None or packet.size:  # an empty one only drains the decoder
                ended = frames is not None
            if frames is None:
                damaged += 1
                continue
            for frame in frames:
                # the first frame after a change still bears the former rate
                rate = stream.codec_context.sample_rate
                pieces.append((_planes(frame), rate))
                budget.take(*pieces[-1])
        codec = CODEC_NAMES.get(container.kind, container.kind)
        if container.kind == "ogg":
            codec = stream.codec_context.name
    if damaged and (not pieces or damaged > max(1, MOST_DAMAGED * packets)):
        raise ValueError(f"{damaged} of {packets} packets are damaged")
    codec = f"{container.codec} in wav" if container.codec else codec
    return _Decoded(pieces, codec, False, promised, damaged - (not ended), ended)


def _packets(file: InputContainer, stream: av.AudioStream) -> Iterator[av.Packet | None]:
    """The stream's packets, and None where the container itself breaks off."""
    try:
        yield from file.demux(stream)
    except DECODERS_RAISE:
        yield None


def _planes(frame: av.AudioFrame) -> Float[np.ndarray, "channel sample"]:
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    return samples.astype(np.float32)


def _promised_seconds(file: InputContainer, stream: av.AudioStream, container: Container) -> float:
    """Length by the header, 0 where it does not say; what FFmpeg estimates is no promise."""
    if container.kind == "mp3":
        return mp3_samples(container.data) / max(stream.rate, 1)
    if container.kind not in ("mp4", "webm", "flac") or container.codec:
        return 0.0
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if file.duration is not None and len(file.streams) == 1:
        return file.duration / av.time_base
    return math.inf if container.kind == "flac" else 0.0  # flac counts, or says that it cannot


def _join(
    pieces: list[tuple[np.ndarray, int]], name: str
) -> tuple[Float[np.ndarray, "channel sample"], int, list[str]]:
    """One array of the highest rate and the most channels of all pieces: nothing is lost."""
    pieces = [piece for piece in pieces if piece[0].size]
    if not pieces:
        return np.zeros((1, 0), np.float32), 1, []
    runs = []
    for (rate, _), run in itertools.groupby(pieces, lambda piece: (piece[1], len(piece[0]))):
        parts = [samples for samples, _ in run]
        runs.append((np.concatenate(parts, axis=1) if parts[1:] else parts[0], rate))
    if not runs[1:]:
        return np.ascontiguousarray(runs[0][0]), runs[0][1], []
    rate, channels = max(rate for _, rate in runs), max(len(samples) for samples, _ in runs)
    notes = []
    if any(other != rate for _, other in runs):
        notes.append(f"sample rate changes midway, brought to {rate / 1000:g} kHz")
    if any(len(samples) != channels for samples, _ in runs):
        notes.append(f"number of channels changes midway, brought to {channels}")
    seconds = sum(samples.shape[1] / other for samples, other in runs)
    if channels * rate * seconds > MOST_VALUES:
        raise AudioError(f"{name} changes its rate or channels midway; export it as 16-bit wav.")
    return np.concatenate([_brought_to(*run, rate, channels) for run in runs], axis=1), rate, notes


def _brought_to(samples: np.ndarray, rate: int, wanted_rate: int, channels: int) -> np.ndarray:
    if rate != wanted_rate:
        samples = soxr.resample(samples.T, rate, wanted_rate).T
    if len(samples) != channels:  # one voice in every channel: averaging them later changes nothing
        samples = np.repeat(samples.mean(0, keepdims=True), channels, axis=0)
    return np.ascontiguousarray(samples)


def _length_notes(decoded: _Decoded, seconds: float, promise: float) -> list[str]:
    promised = max(decoded.promised, seconds) * promise
    slack = LOSSLESS_SLACK_SECONDS if promise != 1 else LOSSY_SLACK_SECONDS
    if promised > max(LONGEST_TRUE_PROMISE, seconds):
        return [NO_LENGTH]
    if promised > seconds + slack:
        return [f"breaks off: {seconds:.2f} of {promised:.2f} s are there"]
    return []


def _unreadable(container: Container, name: str) -> AudioError:
    if container.codec:
        return AudioError(
            f"{name} is a wav file around {container.codec}, which cannot be read; export it as "
            "16-bit wav or flac."
        )
    return AudioError(
        f"{name} begins like {container.kind} but is damaged or incomplete; record or export it "
        "again."
    )
