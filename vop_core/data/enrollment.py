"""The clips that make one person's model, and what page, command line, notebook and Python hold
them to.

A clip counts once, at most ten enroll, and what the microphone coach thinks of each is said
wherever a model is made: a poor clip is used, because the coach may be wrong, but never in silence.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.clip_quality import ClipQuality, assess, check_usable
from vop_core.data.waveform import LOWEST_SPEECH_HZ, focus
from vop_core.errors import AudioError
from vop_core.types import MOST_CLIPS, SAMPLE_RATE, Clip

# Correlation of two clips' seconds of speech, at the best delay. Two takes of a word by one person
# reach 0.93 (the most alike of 3,000 pairs in five public data sets); a recording and its mp3 at 32
# kbit/s exceed 0.98.
SAME_RECORDING = 0.97
TWICE = "{name} is given twice; a clip counts once, so leave one of them out."


class PoorClipWarning(UserWarning):
    """A clip that the microphone coach calls poor was enrolled."""


def check_clips(clips: Sequence[Any]) -> None:
    """Raise AudioError for what no model can hear: nothing, no clip, another rate than 16 kHz, an
    unusable clip.
    """
    if not clips:
        raise AudioError("There is no clip; record or choose at least one.")
    for clip in clips:
        if not isinstance(clip, Clip):
            raise AudioError(
                f"{clip!r:.60} is no clip; read a file with decode_file, and sound with decode."
            )
        if clip.sample_rate != SAMPLE_RATE:
            raise AudioError(
                f"{clip.name} has {clip.sample_rate:,} samples a second and the models hear "
                f"{SAMPLE_RATE:,}; read it with decode or decode_file."
            )
        check_usable(clip.waveform, name=clip.name)


def check_enrollment(clips: Sequence[Any]) -> None:
    """Raise AudioError for clips that may not enroll together: unusable, more than ten, or one of
    them twice.
    """
    check_clips(clips)
    if len(clips) > MOST_CLIPS:
        raise AudioError(
            f"{MOST_CLIPS} clips are as many as the models were trained with, and these are "
            f"{len(clips)}; leave out {len(clips) - MOST_CLIPS}."
        )
    for position, clip in enumerate(clips):
        if first := twin_of(clip, clips[:position]):
            if clip.name == first.name:
                raise AudioError(TWICE.format(name=clip.name))
            raise AudioError(
                f"{clip.name} is the same recording as {first.name}; a clip counts once, so leave "
                "one of them out."
            )


def check_query(clip: Clip, enrolled: Sequence[Clip], asked: Sequence[Clip] = ()) -> None:
    """Raise AudioError for a clip that tests nothing: one that no model can hear, one that made the
    model, or one that was ``asked`` before.
    """
    check_clips([clip])
    if twin := twin_of(clip, enrolled):
        raise AudioError(
            f"{clip.name} is the same recording as {twin.name}, which made the model, so it tests "
            "nothing; say the word anew."
        )
    if twin := twin_of(clip, asked):
        raise AudioError(
            f"{clip.name} is the same recording as {twin.name}; a clip counts once, so say the "
            "word anew."
        )


def twin_of(clip: Clip, others: Sequence[Clip]) -> Clip | None:
    """The first of ``others`` that is the same recording as ``clip``, however it was stored; None
    without one.
    """
    if not others:
        return None
    windows = torch.stack([focus(other.waveform) for other in others])
    twins = (correlations(focus(clip.waveform), windows) > SAME_RECORDING).nonzero()
    return others[int(twins[0])] if len(twins) else None


def correlations(
    clip: Float[Tensor, " sample"], others: Float[Tensor, "clip sample"]
) -> Float[Tensor, " clip"]:
    """Correlation above 150 Hz of a waveform with others at the best delay, 0 for silence.

    1 for copies at any level, also turned upside down. Below 150 Hz, hum makes different clips
    alike.
    """
    length = 1 << (2 * clip.numel()).bit_length()
    lowest = round(LOWEST_SPEECH_HZ * length / SAMPLE_RATE)
    one, many = (torch.fft.rfft(each, length) for each in (clip[None], others))
    for spectrum in (one, many):
        spectrum[:, :lowest] = 0
    products = torch.fft.irfft(one * many.conj(), length).abs().amax(-1)
    norms = [torch.fft.irfft(spectrum, length).norm(dim=-1) for spectrum in (one, many)]
    return products / (norms[0] * norms[1]).clamp_min(torch.finfo(products.dtype).tiny)


def remarks(clips: Sequence[Clip]) -> list[str]:
    """What a reader should know of clips before trusting a model of them: one sentence for each
    that is not good.
    """
    verdicts = [(clip, assess(clip.waveform)) for clip in clips]
    return [
        f"{clip.name}: {remark}" for clip, quality in verdicts if (remark := coach_remark(quality))
    ]


def coach_remark(quality: ClipQuality) -> str:
    """The coach's verdict, reason and remedy in one line; empty where the clip is good."""
    return (
        "" if quality.verdict == "good" else f"{quality.verdict}. {quality.reason} {quality.remedy}"
    )


def poor_share(qualities: Sequence[ClipQuality]) -> str:
    """A sentence for a model of which some clips are poor; empty where none is."""
    poor = sum(quality.verdict == "poor" for quality in qualities)
    if not poor:
        return ""
    return f"Poor clips: {poor} of {len(qualities)}; record them again before you trust this model."
