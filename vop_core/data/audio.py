"""From bytes to features: decode, focus on the word, log-mel. App, command line and training share
it.
"""

import base64
import io
import math
from pathlib import Path, PurePath

import soundfile
import soxr
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.clip_quality import SILENCE, check_finite, check_usable
from vop_core.data.decoding import MOST_BYTES, read
from vop_core.data.spectrogram import LogMelConfig, log_mel
from vop_core.data.waveform import (
    focus,
    heard_second,
    low_pass_4khz,
    word_seconds,
)
from vop_core.errors import AudioError
from vop_core.text import printable
from vop_core.types import SAMPLE_RATE, Clip

__all__ = [
    "LogMelConfig",
    "clip_features",
    "decode",
    "decode_file",
    "focus",
    "log_mel",
    "low_pass_4khz",
    "playable",
    "short_name",
    "words",
]

OFFSET = 0.01  # of full scale: a constant that large is a fault of the recorder, not a rounding
DEAD_CHANNEL = 0.01  # of the loudest channel's peak, -40 dB: crosstalk, not a second microphone
LONGEST_NAME = 60  # characters of a file's name in a sentence
KEPT_AS_STORED = {"wav", "flac", "aiff", "au", "caf"}  # lossless: reading them changes nothing


def decode(data: bytes, *, name: str = "clip") -> Clip:
    """Bytes of a wav, flac, ogg, opus, mp3, m4a or webm file to a mono clip at 16 kHz, amplitude in
    [-1, 1].

    Every conversion leaves a note, and so does a file that breaks off: what is there is read.
    Raises AudioError, one sentence with ``name`` in it, for what cannot be used: empty, damaged,
    not sound, silent, fully clipped, not finite, under 0.1 s of sound, over 60 s or 20 MB, outside
    4 to 192 kHz.
    """
    name = short_name(name)
    recording = read(data, name=name)
    rate = recording.sample_rate
    notes = [] if recording.codec in KEPT_AS_STORED else [f"unpacked from {recording.codec}"]
    notes += recording.notes
    for channel in recording.samples:
        check_finite(channel, name=name)
    waveform, mixing = _to_mono(recording.samples)
    waveform, levelling = _to_full_scale(waveform, recording.is_float)
    check_usable(waveform, rate, name=name)
    notes += mixing + levelling
    if rate != SAMPLE_RATE:
        waveform = torch.from_numpy(soxr.resample(waveform.numpy(), rate, SAMPLE_RATE)).clamp(-1, 1)
        lost = f"; nothing above {rate / 2000:g} kHz" if rate < SAMPLE_RATE else ""
        notes.append(f"resampled from {rate / 1000:g} kHz{lost}")
    notes += _unheard_words(waveform)
    return Clip(waveform, SAMPLE_RATE, name, tuple(notes))


def decode_file(path: Path | str) -> Clip:
    """``decode`` for a file, of which no more than 20 MB are read. Raises AudioError as ``decode``
    does.
    """
    path = Path(path)
    name = short_name(path.name)
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)  # a device may have no end, and no size
    except FileNotFoundError:
        raise AudioError(f"{name} is not there; check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise AudioError(f"{name} cannot be read ({reason}); check the path.") from error
    return decode(data, name=name)


def words(clip: Clip) -> tuple[Clip, ...]:
    """Every word of a recording as a clip of one second; a recording of one word is returned as it
    is.
    """
    seconds = word_seconds(clip.waveform)
    if len(seconds) == 1:
        return (clip,)
    unheard = _unheard_words(clip.waveform)
    kept = tuple(note for note in clip.notes if note not in unheard)
    return tuple(
        Clip(
            clip.waveform[first:last],
            clip.sample_rate,
            f"{clip.name}, word {number}",
            (*kept, f"from {_span(first, last)} of the recording"),
        )
        for number, (first, last) in enumerate(seconds, start=1)
    )


def clip_features(
    waveform: Float[Tensor, " sample"], config: LogMelConfig | None = None
) -> Float[Tensor, "mel frame"]:
    """The one way from sound to features: the log-mel of the clip's one second with the most
    speech.
    """
    return log_mel(focus(waveform), config)


def _unheard_words(waveform: Float[Tensor, " sample"]) -> list[str]:
    """The note of a recording of several words, of which a model hears one; nothing for one
    word.
    """
    seconds = word_seconds(waveform)
    if len(seconds) == 1:
        return []
    heard = heard_second(waveform)
    nearest = min(seconds, key=lambda word: abs(word[0] - heard[0]))
    others = [_span(*word) for word in seconds if word is not nearest]
    lie = "others lie at" if len(others) > 1 else "the other lies at"
    said = f"the model hears one second, {_span(*heard)}; {lie} {', '.join(others)}"
    return [f"{len(seconds)} words: {said}"]


def _span(first: int, last: int) -> str:
    return f"{first / SAMPLE_RATE:.1f} to {last / SAMPLE_RATE:.1f} s"


def _to_mono(
    samples: Float[Tensor, "channel sample"],
) -> tuple[Float[Tensor, " sample"], list[str]]:
    """Average the channels that carry sound, unless they cancel each other; constant offsets go
    first.
    """
    notes: list[str] = []
    channels = len(samples)
    offsets = samples.mean(-1, keepdim=True)
    if offsets.abs().max() > OFFSET:
        samples = samples - offsets
        notes.append("constant offset removed")
    peaks = samples.abs().amax(-1)
    alive = peaks > max(float(DEAD_CHANNEL * peaks.max()), SILENCE)
    if alive.any() and not alive.all():
        notes.append(f"{int((~alive).sum())} of {channels} channels silent, left out")
        samples = samples[alive]
    if len(samples) == 1:
        return samples[0], notes
    mean = samples.mean(0)
    powers = samples.square().mean(-1)
    # independent channels keep 1 / n of their power in the average; less than half of that:
    # opposite phases
    if mean.square().mean() < powers.mean() / (2 * len(samples)):
        return samples[powers.argmax()], [*notes, "channels cancel each other, loudest one taken"]
    return mean, [*notes, f"{len(samples)} channels averaged"]


def _to_full_scale(
    waveform: Float[Tensor, " sample"], is_float: bool
) -> tuple[Float[Tensor, " sample"], list[str]]:
    """Into [-1, 1]: floats may lawfully go beyond and are turned down; a lossy decoder's overshoot
    is cut.
    """
    peak = float(waveform.abs().max())
    if peak <= 1 or not is_float:
        return waveform.clamp(-1, 1), []
    return waveform / peak, [f"turned down by {20 * math.log10(peak):.1f} dB to fit full scale"]


def short_name(name: str) -> str:
    """The last part of a path, cut to what a sentence can hold, with escapes for what is not
    printable.
    """
    last = printable(PurePath(name).name) or "clip"
    return last if len(last) <= LONGEST_NAME else last[: LONGEST_NAME - 1] + "…"


def playable(clip: Clip) -> str:
    """The clip as a ``data:`` address (16-bit WAV), so that no server address ever holds a
    voice.
    """
    samples = (clip.waveform.clamp(-1, 1) * 32767).round().to(torch.int16).numpy()
    memory = io.BytesIO()
    soundfile.write(memory, samples, clip.sample_rate, format="WAV", subtype="PCM_16")
    return "data:audio/wav;base64," + base64.b64encode(memory.getvalue()).decode("ascii")
