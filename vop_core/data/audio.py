"""From bytes to features: decode, focus on the word, log-mel. The app, the command line and training all come this way."""

from jaxtyping import Float
from torch import Tensor

from vop_core.data.spectrogram import LogMelConfig, log_mel
from vop_core.data.waveform import SAMPLE_RATE, focus, low_pass_4khz

__all__ = ["SAMPLE_RATE", "LogMelConfig", "clip_features", "focus", "log_mel", "low_pass_4khz"]


def clip_features(
    waveform: Float[Tensor, " sample"], config: LogMelConfig | None = None
) -> Float[Tensor, "mel frame"]:
    """The one way from sound to features: the log-mel of the clip's one second with the most speech."""
    return log_mel(focus(waveform), config)
