"""Waveforms at 16 kHz: where the word is, and what a telephone would leave of it."""

import functools

import soxr
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vop_core.types import SAMPLE_RATE

TELEPHONE_RATE = 8_000  # Hz; keeps what lies below 4 kHz

FRAME = 400  # samples, 25 ms: two periods of a low voice
HOP = 160  # samples, 10 ms
LOWEST_SPEECH_HZ = 150  # below it lie hum, rumble and breath on the microphone
SMOOTHING = 5  # frames: a click shorter than 50 ms does not look like a word
FLOOR_QUANTILE = 0.1  # share of frames taken to be the room alone, when a clip holds one word
EDGE_SHARE = 0.03  # activity left out at either end of a word before its middle is taken
PAUSE = 20  # frames: stops within a word are shorter than 0.2 s, pauses between words longer
WORD_LEVEL = 0.1  # of the loudest frame's activity: below it a word is over
WORD_SHARE = 0.2  # of the most active word's activity: less is a click, a breath or a far voice


def activity(waveform: Float[Tensor, " sample"]) -> Float[Tensor, " frame"]:
    """Amplitude above 150 Hz in every 10 ms frame, frame i centred on sample 160 i, in the
    waveform's units.

    Amplitude and not power, so that a short bang weighs less than a word.
    """
    window = hann(FRAME, waveform.dtype)
    spectrum = torch.stft(
        waveform,
        FRAME,
        hop_length=HOP,
        window=window,
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    lowest = round(LOWEST_SPEECH_HZ * FRAME / SAMPLE_RATE)
    power = (spectrum.real.square() + spectrum.imag.square())[lowest:].sum(0)
    return (power * 2 / (FRAME * window.square().sum())).sqrt()


def focus(waveform: Float[Tensor, " sample"], seconds: float = 1.0) -> Float[Tensor, " window"]:
    """The ``seconds`` of a clip that hold the most speech, the word in the middle where the ends
    allow.

    A shorter clip is padded with zeros at both ends; one of exactly that length is returned
    unchanged.
    """
    window = round(seconds * SAMPLE_RATE)
    missing = window - waveform.numel()
    if missing >= 0:
        return functional.pad(waveform, (missing // 2, missing - missing // 2))
    first = _focused(_above_room(activity(waveform)), waveform.numel(), window)
    return waveform[first : first + window]


def heard_second(waveform: Float[Tensor, " sample"]) -> tuple[int, int]:
    """First and last sample, exclusive, of the second that ``focus`` takes of a clip; all of a
    shorter one.
    """
    if waveform.numel() <= SAMPLE_RATE:
        return 0, waveform.numel()
    first = _focused(_above_room(activity(waveform)), waveform.numel(), SAMPLE_RATE)
    return first, first + SAMPLE_RATE


def word_seconds(waveform: Float[Tensor, " sample"]) -> list[tuple[int, int]]:
    """First and last sample, exclusive, of a second around each word, in order; one for a clip of
    one word.

    Words are told apart by pauses of 0.2 s; speech that goes on for longer than a second without a
    pause is cut into seconds. A word that lies in the greater part of another's second is heard
    with it.
    """
    samples = waveform.numel()
    if samples <= SAMPLE_RATE:
        return [(0, samples)]
    speech = _above_room(activity(waveform))
    words = [
        (start, min(start + SAMPLE_RATE // HOP, end))
        for begin, end in _words(speech)
        for start in range(begin, end, SAMPLE_RATE // HOP)
    ]
    weights = [float(speech[begin:end].sum()) for begin, end in words]
    seconds: list[tuple[int, int]] = []
    for (begin, end), weight in zip(words, weights, strict=True):
        if weight <= WORD_SHARE * max(weights):
            continue
        second = _second_around((begin + end) // 2 * HOP, samples, SAMPLE_RATE)
        if not seconds or second[0] - seconds[-1][0] > SAMPLE_RATE // 2:
            seconds.append(second)
    first = _focused(speech, samples, SAMPLE_RATE)
    return seconds if len(seconds) > 1 else [(first, first + SAMPLE_RATE)]


def low_pass_4khz(waveform: Float[Tensor, "*batch sample"]) -> Float[Tensor, "*batch sample"]:
    """What an 8 kHz recording keeps: down to 8 kHz and up again, same length."""
    flat = waveform.reshape(-1, waveform.shape[-1]).T.contiguous().numpy()
    narrow = soxr.resample(flat, SAMPLE_RATE, TELEPHONE_RATE)
    wide = torch.from_numpy(soxr.resample(narrow, TELEPHONE_RATE, SAMPLE_RATE)).T
    missing = max(waveform.shape[-1] - wide.shape[-1], 0)
    return functional.pad(wide, (0, missing))[:, : waveform.shape[-1]].reshape(waveform.shape)


def _focused(speech: Float[Tensor, " frame"], samples: int, window: int) -> int:
    """First sample of the window with the most speech, its word in the middle where the ends
    allow.
    """
    frames = window // HOP
    if not speech.any():  # nothing stands out
        return _second_around(samples // 2, samples, window)[0]
    start = int(_windowed_sum(speech, frames).argmax())
    middle = (start + _middle(speech[start : start + frames])) * HOP
    return _second_around(middle, samples, window)[0]


def _second_around(middle: int, samples: int, window: int) -> tuple[int, int]:
    """A window of a clip of ``samples``, as near to ``middle`` as the clip's ends allow."""
    first = min(max(middle - window // 2, 0), samples - window)
    return first, first + window


def _words(speech: Float[Tensor, " frame"]) -> list[tuple[int, int]]:
    """First and last frame, exclusive, of every stretch of speech without a pause."""
    if not speech.any():
        return []
    loud = (speech > WORD_LEVEL * speech.max()).nonzero().flatten()
    pauses = (loud.diff() > PAUSE).nonzero().flatten().tolist()
    firsts, lasts = [0, *(pause + 1 for pause in pauses)], [*pauses, len(loud) - 1]
    return [
        (int(loud[first]), int(loud[last]) + 1) for first, last in zip(firsts, lasts, strict=True)
    ]


def _above_room(amplitude: Float[Tensor, " frame"]) -> Float[Tensor, " frame"]:
    """Smoothed amplitude over the room's, which the quietest tenth of the frames tells."""
    smooth = functional.avg_pool1d(amplitude[None], SMOOTHING, stride=1, padding=SMOOTHING // 2)[0]
    return (smooth - 2 * smooth.quantile(FLOOR_QUANTILE)).clamp(min=0)


def _windowed_sum(values: Float[Tensor, " frame"], frames: int) -> Float[Tensor, " start"]:
    """Sum of every run of ``frames`` values; double precision, so that equal runs compare equal."""
    total = functional.pad(values.double().cumsum(0), (1, 0))
    return total[frames:] - total[:-frames]


def _middle(speech: Float[Tensor, " frame"]) -> int:
    """Frame halfway between where the word's activity begins and where it ends."""
    share = speech.double().cumsum(0) / speech.double().sum()
    begin = int((share <= EDGE_SHARE).sum())
    end = int((share < 1 - EDGE_SHARE).sum())
    return min(begin + end, 2 * (len(speech) - 1)) // 2


@functools.cache
def hann(length: int, dtype: torch.dtype = torch.float32) -> Float[Tensor, " window"]:
    """A periodic Hann window, made once."""
    # an inference tensor would break the first later use that autograd sees
    with torch.inference_mode(False):
        return torch.hann_window(length, dtype=dtype)
