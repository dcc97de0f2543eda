"""Log-mel: equal to librosa's, and true to what a spectrum must do."""

import math

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vop_core.data.spectrogram import LogMelConfig, log_mel, mel_filterbank

CONFIG = LogMelConfig()
CONFIGS = [CONFIG, LogMelConfig(window=400, fft=512, mels=64, lowest_hz=60.0, highest_hz=7_600.0)]


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def by_librosa(waveform: torch.Tensor, config: LogMelConfig) -> np.ndarray:
    power = librosa.feature.melspectrogram(
        y=waveform.numpy(),
        sr=config.sample_rate,
        n_fft=config.fft,
        win_length=config.window,
        hop_length=config.hop,
        n_mels=config.mels,
        fmin=config.lowest_hz,
        fmax=config.highest_hz,
        power=2,
        center=True,
        pad_mode="constant",
    )
    return np.log(power + config.floor)


@pytest.mark.parametrize("config", CONFIGS, ids=["default", "other"])
def test_filterbank_equals_librosas(config):
    expected = librosa.filters.mel(
        sr=config.sample_rate,
        n_fft=config.fft,
        n_mels=config.mels,
        fmin=config.lowest_hz,
        fmax=config.highest_hz,
        dtype=np.float64,
    )
    np.testing.assert_allclose(mel_filterbank(config).numpy(), expected, rtol=1e-9, atol=1e-15)


@settings(deadline=None, max_examples=30)
@given(samples=st.integers(512, 20_000), seed=st.integers(0, 2**31), other=st.booleans())
def test_log_mel_equals_librosas(samples, seed, other):
    waveform = noise(samples, seed)
    config = CONFIGS[other]
    # single precision: the power has a relative error of some 1e-6, and so, absolutely, has its
    # logarithm
    np.testing.assert_allclose(
        log_mel(waveform, config).numpy(), by_librosa(waveform, config), atol=1e-4
    )


def test_log_mel_of_double_precision_stays_double():
    waveform = noise(4_000).double()
    np.testing.assert_allclose(log_mel(waveform).numpy(), by_librosa(waveform, CONFIG), atol=1e-6)


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 15_999, 16_000, 16_001])
def test_frames_are_one_per_hop_and_one_more(samples):
    assert log_mel(noise(samples)).shape == (40, 1 + samples // 160)


@pytest.mark.parametrize("hertz", [200, 440, 1_000, 2_500, 5_000, 7_000])
def test_a_tone_peaks_in_the_band_that_holds_it(hertz):
    tone = 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(16_000) / 16_000)
    loudest = log_mel(tone)[:, 50].argmax()
    edges = librosa.mel_frequencies(42, fmin=0, fmax=8_000)
    assert edges[loudest] < hertz < edges[loudest + 2]


def test_ten_times_the_amplitude_adds_log_100():
    waveform = noise(8_000)
    config = LogMelConfig(floor=1e-12)  # the floor's share, below 1e-6 of these powers, is lost
    gain = log_mel(10 * waveform, config) - log_mel(waveform, config)
    torch.testing.assert_close(gain, torch.full_like(gain, math.log(100)), rtol=0, atol=1e-4)


def test_silence_is_the_logarithm_of_the_floor():
    torch.testing.assert_close(
        log_mel(torch.zeros(800)), torch.full((40, 6), math.log(CONFIG.floor))
    )


def test_a_batch_is_its_clips():
    batch = noise(6 * 3_000).reshape(2, 3, 3_000)
    features = log_mel(batch)
    assert features.shape == (2, 3, 40, 19)
    torch.testing.assert_close(features[1, 2], log_mel(batch[1, 2]))


def test_gradients_flow_even_if_the_first_call_was_in_inference_mode():
    config = LogMelConfig(mels=17)  # not seen before, so its constants are made here
    with torch.inference_mode():
        log_mel(noise(1_000), config)
    waveform = noise(1_000).requires_grad_()
    log_mel(waveform, config).sum().backward()
    assert waveform.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 600},
        {"window": 0},
        {"mels": 0},
        {"hop": 0},
        {"floor": 0.0},
        {"highest_hz": 9_000.0},
        {"lowest_hz": -1.0},
    ],
    ids=str,
)
def test_an_impossible_config_is_refused(wrong):
    with pytest.raises(ValueError):
        LogMelConfig(**wrong)
