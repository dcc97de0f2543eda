"""Sounds and files for the audio tests, made on the spot."""

import io

import av
import numpy as np
import soundfile

RATE = 16_000


def vowel(
    seconds: float = 1.0, *, rate: int = RATE, pitch: float = 140.0, peak: float = 0.3
) -> np.ndarray:
    """A voice-like float32 sound: twenty harmonics falling by 1 / n that swell and fade, zero at
    both ends.
    """
    time = np.arange(round(seconds * rate)) / rate
    wave = sum(
        np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, 21) if pitch * n < 0.45 * rate
    )
    wave *= np.clip(np.sin(np.pi * time / seconds) * 1.5 - 0.5, 0, 1)
    return (peak * wave / np.abs(wave).max()).astype(np.float32)


def spoken(*pitches: float) -> np.ndarray:
    """A word of half a second at each pitch, in the middle of 1.5 s of its own."""
    silence = np.zeros(RATE // 2, np.float32)
    return np.concatenate(
        [part for pitch in pitches for part in (silence, vowel(0.5, pitch=pitch), silence)]
    )


def soundfile_bytes(
    samples: np.ndarray, rate: int = RATE, *, kind: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    """(sample,) or (sample, channel) in a container of libsndfile's."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def av_bytes(
    samples: np.ndarray, rate: int, *, kind: str, codec: str, bit_rate: int | None = None
) -> bytes:
    """(sample,) or (channel, sample) in a container of FFmpeg's; ``kind`` "ipod" is m4a."""
    planes = np.atleast_2d(samples)
    layout = {1: "mono", 2: "stereo"}[len(planes)]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(planes), format="fltp", layout=layout
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            for packet in stream.encode(piece):
                container.mux(packet)
    return buffer.getvalue()
