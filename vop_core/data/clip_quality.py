"""The microphone coach: is this clip good enough, and if not, what to do about it.

Four things are measured; the worst one is named, and between equals the ranking is

    clipping > noise > level > voiced seconds

because what a recorder has cut off never comes back, noise hides the voice at every level, a low
level alone is mended by a step towards the microphone, and too little voice by speaking again. The
thresholds were set on 900 clips of three public data sets (24, 27 and 5 persons) so that most of
them are good, and on those clips with noise, gain and clipping added.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from vop_core.data.waveform import FRAME, HOP, hann
from vop_core.errors import AudioError
from vop_core.types import SAMPLE_RATE

Grade = Literal["good", "usable", "poor"]
GRADES = get_args(Grade)  # from best to worst
Problem = Literal["clipping", "noise", "level", "voiced seconds"]

# amplitude, -60 dBFS: dither and codecs' residue stay below; the data's quietest peak is at -37
SILENCE = 1e-3
# no word is shorter; a longer recording is not one word
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 60.0
PIECE_SECONDS = 0.01  # pieces in which sound is looked for
FULLY_CLIPPED = 0.5  # of the sounding samples: then less than half of the waveform's shape is left

CLIP_LEVEL = 0.98  # of the peak: a flat top wobbles this much after resampling or a lossy codec
CLIP_RUN = 3  # samples in a row up there: one or two is how an ordinary peak looks
CLIP_PEAK = 0.25  # -12 dBFS: quieter tops are rounded by few bits rather than cut by a recorder
# of all samples; 98 % of real clips have less than 0.0004
CLIPPED_USABLE, CLIPPED_POOR = 0.001, 0.01

# Hz, the telephone's: where speech is loudest and fans, hum and hiss are not
SPEECH_BAND = 300.0, 3_400.0
# of frames: the voice, and the room between and around its sounds
LOUD_QUANTILE, QUIET_QUANTILE = 0.95, 0.10
DIGITAL_SILENCE = 1e-8  # of the loudest frame's power: zeros that were padded, not a quiet room
NOISE_USABLE_DB, NOISE_POOR_DB = (
    15.0,
    8.0,
)  # 95 % of real clips measure over 15, steady noise alone measures 2

LEVEL_USABLE_DBFS, LEVEL_POOR_DBFS = (
    -35.0,
    -50.0,
)  # of the loud frames: most real clips lie between -25 and -7

VOICE_HZ = 60.0, 400.0  # pitch of grown-ups and children
# autocorrelation at the pitch: 0 for noise, 1 for a perfectly periodic sound
VOICED_PERIODICITY = 0.5
VOICED_POWER = 1e-3  # of the loudest frame's, -30 dB: reverberation is periodic too
VOICED_USABLE_SECONDS, VOICED_POOR_SECONDS = (
    0.12,
    0.05,
)  # "six" has about 0.1 s of vowel, 95 % of real clips more

PITCH_FRAME = 640  # samples, 40 ms: two periods of the lowest pitch
SMALLEST = 1e-12  # powers below count as it, so that every logarithm and quotient is finite


@dataclass(frozen=True)
class ClipQuality:
    """What the coach says about one clip, and the four measurements behind it."""

    verdict: Grade
    problem: Problem | None  # None where the verdict is good
    reason: str  # one plain sentence
    remedy: str  # what to do, empty where the verdict is good
    peak_dbfs: float
    level_dbfs: float  # of the loud frames
    clipped_fraction: float  # of all samples
    # loud to quiet frames, 300 to 3,400 Hz; infinite where nothing but zeros is quiet
    signal_to_noise_db: float
    voiced_seconds: float


REASONS: dict[Problem, tuple[str, str]] = {
    "clipping": (
        "The recording is too loud: its peaks are cut off.",
        "Move a hand's breadth away or turn the microphone down, then record again.",
    ),
    "noise": (
        "The background is too close to the voice in loudness.",
        "Find a quieter place or come closer to the microphone, then record again.",
    ),
    "level": (
        "The voice is very quiet.",
        "Come closer to the microphone or turn it up, then record again.",
    ),
    "voiced seconds": (
        "There is hardly any voice in the clip.",
        "Press record first, then say the whole word aloud, without whispering.",
    ),
}


def assess(waveform: Float[Tensor, " sample"]) -> ClipQuality:
    """The coach's verdict on a clip at 16 kHz. Never raises for what ``check_usable`` lets
    through.
    """
    frames = _frames(waveform, FRAME)
    clipped = float(_clipped(waveform).float().mean())
    signal_to_noise = _signal_to_noise_db(frames)
    level = _decibels(float(frames.square().mean(-1).quantile(LOUD_QUANTILE)))
    voiced = _voiced_seconds(waveform)
    verdicts: dict[Problem, Grade] = {
        "clipping": _grade(-clipped, -CLIPPED_USABLE, -CLIPPED_POOR),
        "noise": _grade(signal_to_noise, NOISE_USABLE_DB, NOISE_POOR_DB),
        "level": _grade(level, LEVEL_USABLE_DBFS, LEVEL_POOR_DBFS),
        "voiced seconds": _grade(voiced, VOICED_USABLE_SECONDS, VOICED_POOR_SECONDS),
    }
    verdict, problem = _worst(verdicts)
    reason, remedy = REASONS[problem] if problem else ("Clear, loud enough and not too loud.", "")
    peak = _decibels(float(waveform.abs().max()) ** 2)
    return ClipQuality(
        verdict, problem, reason, remedy, peak, level, clipped, signal_to_noise, voiced
    )


# what no model can use -> the sentence; {name} opens it
REFUSALS = {
    "not finite": "{name} holds values that are no numbers (NaN or infinity); export it again.",
    "too long": "{name} lasts longer than 60 s; cut it to the words you want to use.",
    "empty": "{name} is empty; record it again or choose another file.",
    "silent": "{name} is silent; check that the microphone is on, then record it again.",
    "too short": "{name} holds less than 0.1 s of audible sound; record the whole word.",
    "clipped": (
        "{name} is clipped from end to end; turn the microphone down, then record it again."
    ),
}


def check_usable(
    waveform: Float[Tensor, " sample"], sample_rate: int = SAMPLE_RATE, *, name: str = "The clip"
) -> None:
    """Raise AudioError for what no model can use.

    Not finite, silent, clipped from end to end, under 0.1 s of sound, over 60 s; ``name`` opens the
    sentence.
    """
    seconds = waveform.numel() / sample_rate
    check_finite(waveform, name=name)
    if seconds > LONGEST_SECONDS:
        raise _refusal("too long", name)
    if not waveform.numel():
        raise _refusal("empty", name)
    sounding = _sounding(waveform, sample_rate)
    if seconds >= SHORTEST_SECONDS and not sounding.any():
        raise _refusal("silent", name)
    if min(float(sounding.sum()) * PIECE_SECONDS, seconds) < SHORTEST_SECONDS:
        raise _refusal("too short", name)
    if float(_clipped(waveform).sum()) > FULLY_CLIPPED * float((waveform.abs() > SILENCE).sum()):
        raise _refusal("clipped", name)


def check_finite(waveform: Float[Tensor, " sample"], *, name: str = "The clip") -> None:
    """Raise AudioError for NaN and infinity, which spoil everything computed from them."""
    if not waveform.isfinite().all():
        raise _refusal("not finite", name)


def _refusal(reason: str, name: str) -> AudioError:
    return AudioError(REFUSALS[reason].format(name=name))


def _grade(value: float, usable: float, poor: float) -> Grade:
    """More is better: good from ``usable`` up, poor below ``poor``."""
    return "good" if value >= usable else "usable" if value >= poor else "poor"


def _worst(verdicts: dict[Problem, Grade]) -> tuple[Grade, Problem | None]:
    """The worst verdict, and the first problem in the ranking that has it."""
    problem = max(verdicts, key=lambda each: GRADES.index(verdicts[each]))
    verdict = verdicts[problem]
    return verdict, problem if verdict != "good" else None


def _sounding(waveform: Float[Tensor, " sample"], sample_rate: int) -> Bool[Tensor, " piece"]:
    """Which 10 ms pieces are not silent, a constant offset aside."""
    piece = round(PIECE_SECONDS * sample_rate)
    padded = functional.pad((waveform - waveform.mean()).abs(), (0, -waveform.numel() % piece))
    return padded.reshape(-1, piece).amax(-1) > SILENCE


def _clipped(waveform: Float[Tensor, " sample"]) -> Bool[Tensor, " sample"]:
    """Samples in a flat top: at least three in a row, on one side, within 2 % of the peak or
    beyond.
    """
    peak = float(waveform.abs().max())
    clipped = torch.zeros_like(waveform, dtype=torch.bool)
    if peak < CLIP_PEAK or waveform.numel() < CLIP_RUN:
        return clipped
    for side in (waveform, -waveform):
        run = (side >= CLIP_LEVEL * peak).unfold(0, CLIP_RUN, 1).all(-1)
        for offset in range(CLIP_RUN):
            clipped[offset : offset + len(run)] |= run
    return clipped


def _signal_to_noise_db(frames: Float[Tensor, "frame offset"]) -> float:
    """Power of the loud frames over that of the quiet ones, in the speech band, padded zeros left
    out.
    """
    spectrum = torch.fft.rfft(frames * hann(FRAME), FRAME)
    lowest, highest = (round(hertz * FRAME / SAMPLE_RATE) for hertz in SPEECH_BAND)
    power = (spectrum.real.square() + spectrum.imag.square())[:, lowest : highest + 1].sum(-1)
    power = power[power > DIGITAL_SILENCE * power.max()]
    if not len(power):
        return 0.0
    loud, quiet = power.quantile(LOUD_QUANTILE), power.quantile(QUIET_QUANTILE)
    return float(10 * (loud / quiet).log10())


def _voiced_seconds(waveform: Float[Tensor, " sample"]) -> float:
    """Time with a pitch: autocorrelation of 40 ms frames, the window's own divided out
    [BOERSMA].
    """
    window = hann(PITCH_FRAME)
    frames = _frames(waveform, PITCH_FRAME)
    frames = (frames - frames.mean(-1, keepdim=True)) * window
    shortest, longest = (round(SAMPLE_RATE / hertz) for hertz in reversed(VOICE_HZ))
    correlation = _autocorrelation(frames, longest)
    of_window = _autocorrelation(window[None], longest)[0]
    total = correlation[:, :1].clamp(min=SMALLEST)
    periodicity = (correlation / total / (of_window / of_window[0]))[:, shortest:].amax(-1)
    loud = correlation[:, 0] > max(VOICED_POWER * float(correlation[:, 0].max()), SMALLEST)
    return float(((periodicity > VOICED_PERIODICITY) & loud).sum()) * HOP / SAMPLE_RATE


def _autocorrelation(
    frames: Float[Tensor, "frame offset"], longest: int
) -> Float[Tensor, "frame lag"]:
    """Lags 0 to ``longest``, free of wrap-around; padded to a power of two, which transforms
    fast.
    """
    spectrum = torch.fft.rfft(frames, 1 << (frames.shape[-1] + longest).bit_length())
    return torch.fft.irfft(spectrum.real.square() + spectrum.imag.square())[:, : longest + 1]


def _frames(waveform: Float[Tensor, " sample"], length: int) -> Float[Tensor, "frame offset"]:
    """Frames every 10 ms; a clip shorter than one frame is padded with zeros to one."""
    missing = max(length - waveform.numel(), 0)
    return functional.pad(waveform, (0, missing)).unfold(0, length, HOP)


def _decibels(power: float) -> float:
    return 10 * math.log10(max(power, SMALLEST))
