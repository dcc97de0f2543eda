r"""Log mel power: the one picture of sound that every network here sees.

A short-time Fourier transform with a centred Hann window, its power gathered in triangular bands
that are evenly spaced on Slaney's mel scale (linear below 1 kHz, logarithmic above) and have unit
area in Hz, then the natural logarithm:

    feature[mel, frame] = log(power[mel, frame] + floor)

The numbers equal librosa's (``librosa.feature.melspectrogram``, [LIBROSA]); they are computed in
torch because librosa's first call in a new environment waits for a compiler.
"""

import functools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vop_core.types import SAMPLE_RATE

LINEAR_MELS_PER_HZ = 3 / 200  # Slaney's scale: 15 mel at 1 kHz, linear up to there,
LOG_START_HZ, LOG_START_MEL = 1000.0, 15.0
MELS_PER_LOG_HZ = 27 / math.log(6.4)  # then 27 mel for every factor of 6.4


@dataclass(frozen=True, kw_only=True, slots=True)
class LogMelConfig:
    """How sound becomes features; a model is only valid with the config it was trained with."""

    sample_rate: int = SAMPLE_RATE  # Hz
    window: int = 480  # samples, 30 ms
    hop: int = 160  # samples, 10 ms
    fft: int = 512  # samples, the window is zero-padded to it
    mels: int = 40
    lowest_hz: float = 0.0
    highest_hz: float = 8_000.0
    floor: float = 1e-6  # added to the power: the logarithm of silence is log(floor)

    def __post_init__(self) -> None:
        if not 1 <= self.window <= self.fft:
            raise ValueError(
                f"the window must hold 1 to {self.fft} samples (the transform's), got {self.window}"
            )
        if self.hop < 1 or self.mels < 1 or self.floor <= 0:
            raise ValueError("hop, mels and floor must be positive")
        if not 0 <= self.lowest_hz < self.highest_hz <= self.sample_rate / 2:
            raise ValueError("the bands must lie between 0 Hz and half of the sample rate")


def log_mel(
    waveform: Float[Tensor, "*batch sample"], config: LogMelConfig | None = None
) -> Float[Tensor, "*batch mel frame"]:
    """Log mel power. Amplitude in [-1, 1] in, natural log of power out, a frame every
    ``config.hop`` samples.

    One second at the default config gives 40 mels x 101 frames. Differentiable in the waveform.
    [LIBROSA]
    """
    config = config or LogMelConfig()
    window, bands = _constants(config, waveform.dtype, waveform.device)
    # frame by frame in memory, which torch.stft's result is not
    padded = functional.pad(waveform, (config.fft // 2, config.fft // 2))
    spectrum = torch.fft.rfft(padded.unfold(-1, config.fft, config.hop) * window)
    # abs() would take a root only to square it again; both parts are squared as they lie
    squares = torch.view_as_real(spectrum).square()
    power = squares[..., 0] + squares[..., 1]
    return (bands @ power.mT).add_(config.floor).log()


def mel_filterbank(config: LogMelConfig) -> Float[Tensor, "mel bin"]:
    """Triangular bands over the transform's bins, double precision, each with unit area in Hz.
    [LIBROSA]
    """
    bins = torch.linspace(0, config.sample_rate / 2, config.fft // 2 + 1, dtype=torch.float64)
    edges = _edges(config)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    return torch.minimum(rising, falling).clamp(min=0) * 2 / (upper - lower)


def band_widths(config: LogMelConfig) -> Float[Tensor, " mel"]:
    """From where each band begins to where it ends, Hz."""
    edges = _edges(config)
    return edges[2:] - edges[:-2]


def _edges(config: LogMelConfig) -> Float[Tensor, " edge"]:
    ends = _to_mel(config.lowest_hz), _to_mel(config.highest_hz)
    return _to_hz(torch.linspace(*ends, config.mels + 2, dtype=torch.float64))


@functools.cache
def _constants(
    config: LogMelConfig, dtype: torch.dtype, device: torch.device
) -> tuple[Float[Tensor, " window"], Float[Tensor, "mel bin"]]:
    """Window, in the middle of a transform, and filterbank, made once; ordinary tensors even when
    first asked for in inference mode.
    """
    before = (config.fft - config.window) // 2
    with torch.inference_mode(False):
        window = torch.hann_window(config.window, periodic=True, dtype=torch.float64)
        window = functional.pad(window, (before, config.fft - config.window - before))
        return window.to(device, dtype), mel_filterbank(config).to(device, dtype)


def _to_mel(hz: float) -> float:
    if hz < LOG_START_HZ:
        return hz * LINEAR_MELS_PER_HZ
    return LOG_START_MEL + math.log(hz / LOG_START_HZ) * MELS_PER_LOG_HZ


def _to_hz(mel: Float[Tensor, " edge"]) -> Float[Tensor, " edge"]:
    logarithmic = LOG_START_HZ * torch.exp((mel - LOG_START_MEL) / MELS_PER_LOG_HZ)
    return torch.where(mel < LOG_START_MEL, mel / LINEAR_MELS_PER_HZ, logarithmic)
