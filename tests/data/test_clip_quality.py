"""The microphone coach: what it hears, how it ranks it, what it refuses."""

import csv
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.audio_fixtures import RATE, vowel
from vop_core.data.audio import decode_file
from vop_core.data.clip_quality import GRADES, assess, check_usable
from vop_core.errors import AudioError


def word(
    peak: float = 0.5, noise: float = 1e-4, *, seconds: float = 0.6, seed: int = 0
) -> torch.Tensor:
    """A vowel between two quiet stretches of 0.3 s, over white noise of a given root mean
    square.
    """
    still = np.zeros(round(0.3 * RATE), np.float32)
    waveform = torch.from_numpy(np.concatenate([still, vowel(seconds, peak=peak), still]))
    return waveform + noise * torch.randn(
        waveform.shape, generator=torch.Generator().manual_seed(seed)
    )


def test_a_clear_word_is_good():
    quality = assess(word())
    assert (quality.verdict, quality.problem, quality.remedy) == ("good", None, "")
    assert quality.reason


@pytest.mark.parametrize(
    ("waveform", "problem"),
    [
        ((word(0.5) * 6).clamp(-1, 1), "clipping"),
        (word(0.3, noise=0.1), "noise"),
        (word(0.003, noise=1e-5), "level"),
        (word(0.5, seconds=0.05), "voiced seconds"),
    ],
    ids=["clipping", "noise", "level", "voiced seconds"],
)
def test_each_problem_is_named_with_a_reason_and_a_remedy(waveform, problem):
    quality = assess(waveform)
    assert quality.problem == problem and quality.verdict != "good"
    assert quality.reason.endswith(".") and quality.remedy.endswith(".")


def test_the_ranking_is_clipping_noise_level_voiced_seconds():
    """From one clip with all four faults, mended one after the other."""
    noise = 0.6 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    clipped_noise = (noise * 3).clamp(-1, 1)
    assert assess(clipped_noise).problem == "clipping"  # no voice and nothing but noise either
    assert assess(noise * 1e-3).problem == "noise"  # too quiet, and no voice
    burst = torch.zeros(RATE)
    burst[4_000:9_000] = noise[4_000:9_000] * 3e-3
    burst += 1e-6 * noise
    assert assess(burst).problem == "level"  # no voice
    assert assess(burst * 100).problem == "voiced seconds"


def test_the_worse_problem_goes_before_the_higher_rank():
    """Some noise (usable) and a very low level (poor): noise ranks higher, the level is worse."""
    assert assess(100 * word(0.004, noise=4e-4)).problem == "noise"  # the same clip, loud enough
    quality = assess(word(0.004, noise=4e-4))
    assert (quality.verdict, quality.problem) == ("poor", "level")


@pytest.mark.parametrize("ratio_db", [10, 20, 30])
def test_signal_to_noise_is_measured_within_4_db(ratio_db):
    """Noise in the telephone band alone, so that the measure's band holds all of both sounds.

    The voice's loud frames exceed its mean power by about 2 dB and the quiet tenth of the noise's
    frames lie about 2 dB under theirs; at 10 dB the noise adds 0.4 dB to the loud frames.
    """
    spectrum = torch.fft.rfft(torch.randn(RATE, generator=torch.Generator().manual_seed(3)))
    spectrum[:300] = spectrum[3_400:] = 0
    noise = torch.fft.irfft(spectrum)
    voice = torch.zeros(RATE)
    tone = torch.sin(2 * torch.pi * 1_000 * torch.arange(8_000) / RATE)
    voice[4_000:12_000] = 0.3 * tone
    noise *= (
        voice[4_000:12_000].square().mean().sqrt()
        / noise.square().mean().sqrt()
        / 10 ** (ratio_db / 20)
    )
    assert abs(assess(voice + noise).signal_to_noise_db - ratio_db) < 4


def test_measurements_have_their_units():
    tone = 0.5 * torch.sin(2 * torch.pi * 200 * torch.arange(RATE) / RATE)
    quality = assess(tone)
    assert quality.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert quality.level_dbfs == pytest.approx(-9.03, abs=0.1)
    assert quality.voiced_seconds == pytest.approx(1, abs=0.05)


def test_noise_has_no_voice_and_a_vowel_has():
    noise = 0.1 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    assert assess(noise).voiced_seconds < 0.05
    assert assess(word(seconds=0.6)).voiced_seconds == pytest.approx(0.5, abs=0.15)


def test_a_share_of_flat_tops_is_counted():
    """A square of 1,000 samples at full scale in 16,000 of a quiet tone."""
    waveform = 0.1 * torch.sin(2 * torch.pi * 200 * torch.arange(RATE) / RATE)
    waveform[5_000:5_500], waveform[7_000:7_500] = 1, -1
    assert assess(waveform).clipped_fraction == pytest.approx(1_000 / RATE)


def test_peaks_of_two_samples_are_no_flat_tops():
    waveform = 0.1 * torch.sin(2 * torch.pi * 200 * torch.arange(RATE) / RATE)
    waveform[100::100] = waveform[101::100] = 1.0
    assert assess(waveform).clipped_fraction == 0
    waveform[102::100] = 1.0
    assert assess(waveform).clipped_fraction == pytest.approx(3 * 159 / RATE)


def test_clipping_is_heard_behind_a_volume_control_too():
    clipped = (word(0.5) * 8).clamp(-1, 1)
    assert assess(clipped * 0.4).problem == "clipping"


def test_an_ordinary_peak_at_full_scale_is_no_clipping():
    waveform = word(0.9)
    waveform /= waveform.abs().max()
    assert assess(waveform).verdict == "good"


def test_more_noise_never_improves_the_verdict():
    verdicts = [
        GRADES.index(assess(word(0.5, noise=noise)).verdict)
        for noise in (1e-4, 1e-3, 0.02, 0.06, 0.2, 0.5)
    ]
    assert verdicts == sorted(verdicts) and verdicts[0] == 0 and verdicts[-1] == 2


@settings(deadline=None, max_examples=60)
@given(
    samples=st.integers(1_600, 20_000),
    level=st.sampled_from([2e-3, 0.1, 1.0]),
    sparse=st.booleans(),
    seed=st.integers(0, 1_000),
)
def test_whatever_is_usable_is_assessed(samples, level, sparse, seed):
    waveform = (level * torch.randn(samples, generator=torch.Generator().manual_seed(seed))).clamp(
        -1, 1
    )
    if sparse:
        waveform[: samples // 2] = 0
    try:
        check_usable(waveform)
    except AudioError:
        return
    quality = assess(waveform)
    assert quality.peak_dbfs <= 0 and 0 <= quality.clipped_fraction <= 1
    assert 0 <= quality.voiced_seconds <= samples / RATE
    assert quality.signal_to_noise_db >= 0


@pytest.mark.parametrize(
    ("waveform", "words"),
    [
        (torch.full((RATE,), float("nan")), "no numbers"),
        (torch.zeros(0), "is empty"),
        (torch.zeros(RATE), "is silent"),
        (torch.zeros(RATE // 20), "less than 0.1 s"),
        (torch.full((RATE,), 0.5), "is silent"),
        (word()[6_000:7_000], "less than 0.1 s of audible sound"),
        (word().sign(), "clipped from end to end"),
        (torch.zeros(61 * RATE), "longer than 60 s"),
    ],
)
def test_the_unusable_is_refused_in_one_sentence(waveform, words):
    with pytest.raises(AudioError, match=rf"^The clip [^\n]*{words}[^\n]*; [^\n]+\.$"):
        check_usable(waveform)


def test_what_is_merely_poor_is_not_refused():
    for waveform in (
        word(),
        word(0.003, noise=1e-5),
        word(0.3, noise=0.3),
        (word() * 6).clamp(-1, 1),
    ):
        check_usable(waveform)


@pytest.mark.data
@pytest.mark.parametrize("dataset", ["arabic_speech_commands", "dspspeech20", "fsdd"])
def test_most_real_clips_are_good(real_data, dataset):
    folder = real_data / dataset
    if not folder.is_dir():
        pytest.skip(f"{dataset} is not there")
    with open(folder / "metadata.csv", newline="", encoding="utf-8") as file:
        rows = random.Random(0).sample(list(csv.DictReader(file)), 100)
    verdicts = [assess(decode_file(folder / row["path"]).waveform).verdict for row in rows]
    # binomial: with a true share of 0.7 or more, under 50 in 100 has a probability below 1e-4
    assert verdicts.count("good") > 50
    assert verdicts.count("poor") < 10
