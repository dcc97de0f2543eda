"""Waveforms at 16 kHz: where the word is, and what a telephone would leave of it."""

import functools

import soxr
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

SAMPLE_RATE = 16_000  # Hz, of every waveform inside the package
TELEPHONE_RATE = 8_000  # Hz; keeps what lies below 4 kHz

FRAME = 400  # samples, 25 ms: two periods of a low voice
HOP = 160  # samples, 10 ms
LOWEST_SPEECH_HZ = 150  # below it lie hum, rumble and breath on the microphone
SMOOTHING = 5  # frames: a click shorter than 50 ms does not look like a word
FLOOR_QUANTILE = 0.1  # share of frames taken to be the room alone, when a clip holds one word
EDGE_SHARE = 0.03  # activity left out at either end of a word before its middle is taken


def activity(waveform: Float[Tensor, " sample"]) -> Float[Tensor, " frame"]:
    """Amplitude above 150 Hz in every 10 ms frame, frame i centred on sample 160 i, in the waveform's units.

    Amplitude and not power, so that a short bang weighs less than a word.
    """
    spectrum = torch.stft(
        waveform,
        FRAME,
        hop_length=HOP,
        window=_hann(waveform.dtype),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    lowest = round(LOWEST_SPEECH_HZ * FRAME / SAMPLE_RATE)
    power = (spectrum.real.square() + spectrum.imag.square())[lowest:].sum(0)
    return (power * 2 / (FRAME * _hann(waveform.dtype).square().sum())).sqrt()


def focus(waveform: Float[Tensor, " sample"], seconds: float = 1.0) -> Float[Tensor, " window"]:
    """The ``seconds`` of a clip that hold the most speech, the word in the middle where the ends allow.

    A shorter clip is padded with zeros at both ends; one of exactly that length is returned unchanged.
    """
    window = round(seconds * SAMPLE_RATE)
    missing = window - waveform.numel()
    if missing >= 0:
        return functional.pad(waveform, (missing // 2, missing - missing // 2))
    speech = _above_room(activity(waveform))
    frames = window // HOP
    if speech.any():
        start = int(_windowed_sum(speech, frames).argmax())
        middle = (start + _middle(speech[start : start + frames])) * HOP
    else:  # nothing stands out
        middle = waveform.numel() // 2
    first = min(max(middle - window // 2, 0), waveform.numel() - window)
    return waveform[first : first + window]


def low_pass_4khz(waveform: Float[Tensor, "*batch sample"]) -> Float[Tensor, "*batch sample"]:
    """What an 8 kHz recording keeps: down to 8 kHz and up again, same length."""
    flat = waveform.reshape(-1, waveform.shape[-1]).T.contiguous().numpy()
    narrow = soxr.resample(flat, SAMPLE_RATE, TELEPHONE_RATE)
    wide = torch.from_numpy(soxr.resample(narrow, TELEPHONE_RATE, SAMPLE_RATE)).T
    missing = max(waveform.shape[-1] - wide.shape[-1], 0)
    return functional.pad(wide, (0, missing))[:, : waveform.shape[-1]].reshape(waveform.shape)


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
def _hann(dtype: torch.dtype) -> Float[Tensor, " window"]:
    # an inference tensor would break the first later use that autograd sees
    with torch.inference_mode(False):
        return torch.hann_window(FRAME, dtype=dtype)
