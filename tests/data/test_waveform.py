"""Where the word is, and what a telephone leaves of a sound."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.audio_fixtures import vowel
from vop_core.data.waveform import activity, focus, heard_second, low_pass_4khz, word_seconds

WORD = torch.from_numpy(vowel(0.5))  # 8,000 samples
HOP = 160  # focus works in steps of 10 ms


def room(seconds: float, *, level: float = 0.0, seed: int = 0) -> torch.Tensor:
    return level * torch.randn(
        round(16_000 * seconds), generator=torch.Generator().manual_seed(seed)
    )


@settings(deadline=None, max_examples=30)
@given(first=st.integers(0, 4 * 16_000 - 8_000), level=st.sampled_from([0.0, 1e-4, 3e-3]))
def test_focus_finds_the_word_and_puts_it_in_the_middle(first, level):
    recording = room(4, level=level)
    recording[first : first + 8_000] += WORD
    window = focus(recording)
    assert window.numel() == 16_000
    ideal = min(max(first - 4_000, 0), 3 * 16_000)  # as central as the recording's ends allow
    expected = recording[ideal : ideal + 16_000]
    shifts = [shift for shift in range(-5 * HOP, 5 * HOP + 1) if 0 <= ideal + shift <= 3 * 16_000]
    assert any(torch.equal(window, recording[ideal + shift :][:16_000]) for shift in shifts), (
        "more than 50 ms off"
    )
    assert window.square().sum() > 0.999 * expected.square().sum()


def test_focus_prefers_a_word_to_a_louder_bang():
    recording = room(4, level=1e-4)
    recording[8_000:16_000] += WORD
    recording[56_000:56_080] += 0.99  # 5 ms
    assert torch.equal(
        focus(recording)[4_000 - 2 * HOP :][:HOP],
        focus(recording[:32_000])[4_000 - 2 * HOP :][:HOP],
    )
    assert focus(recording).abs().max() < 0.5


def test_focus_is_not_drawn_by_hum():
    recording = room(4, level=1e-4)
    recording[8_000:16_000] += WORD
    time = torch.arange(16_000) / 16_000
    recording[40_000:56_000] += 0.6 * torch.sin(2 * torch.pi * 50 * time)
    assert activity(focus(recording)).max() > 0.5 * activity(WORD).max()


def test_focus_returns_one_second_unchanged():
    recording = room(1, level=0.1)
    assert torch.equal(focus(recording), recording)


def test_focus_pads_a_shorter_clip_on_both_sides():
    window = focus(WORD)
    assert torch.equal(window[4_000:12_000], WORD)
    assert not window[:4_000].any() and not window[12_000:].any()
    assert focus(WORD[:7_999]).numel() == 16_000


def test_focus_takes_the_middle_where_nothing_stands_out():
    assert heard_second(torch.zeros(48_000)) == (16_000, 32_000)
    assert focus(torch.ones(48_000)).numel() == 16_000


@pytest.mark.parametrize("seconds", [1, 4])
def test_focus_keeps_other_lengths(seconds):
    assert focus(room(seconds, level=0.1), seconds=2.0).numel() == 32_000


def test_activity_is_the_amplitude_of_a_tone():
    """A sine of amplitude a has root mean square a / sqrt(2), in every frame away from the ends."""
    tone = 0.4 * torch.sin(2 * torch.pi * 1_000 * torch.arange(16_000) / 16_000)
    middle = activity(tone)[5:-5]
    torch.testing.assert_close(middle, torch.full_like(middle, 0.4 / 2**0.5), rtol=1e-3, atol=0)


def test_low_pass_keeps_3_khz_and_kills_5_khz():
    time = torch.arange(16_000, dtype=torch.float64) / 16_000
    swell = torch.hann_window(16_000)  # a tone that starts at once holds every frequency
    low, high = (swell * torch.sin(2 * torch.pi * hertz * time) for hertz in (3_000, 5_000))
    kept, killed = low_pass_4khz(torch.stack([low, high]))
    assert (kept - low).abs().max() < 1e-4
    assert killed.abs().max() < 1e-4  # -80 dB


def test_low_pass_leaves_nothing_above_4_khz_of_noise():
    noise = room(1, level=0.1)
    spectrum = torch.fft.rfft(low_pass_4khz(noise) * torch.hann_window(16_000)).abs().square()
    original = torch.fft.rfft(noise * torch.hann_window(16_000)).abs().square()
    assert spectrum[4_100:].sum() < 1e-6 * original[4_100:].sum()
    torch.testing.assert_close(spectrum[:3_400].sum(), original[:3_400].sum(), rtol=1e-3, atol=0)


def test_low_pass_keeps_shape_and_alignment():
    batch = room(1, level=0.1).reshape(2, 2, 4_000)
    narrow = low_pass_4khz(batch)
    assert narrow.shape == batch.shape
    torch.testing.assert_close(narrow[1, 0], low_pass_4khz(batch[1, 0]))
    assert low_pass_4khz(room(1)[:3_333]).numel() == 3_333


def test_the_heard_second_is_the_one_that_focus_takes():
    recording = room(4, level=1e-3)
    recording[40_000:48_000] += WORD
    first, last = heard_second(recording)
    assert torch.equal(recording[first:last], focus(recording))
    assert heard_second(WORD) == (0, len(WORD))


@settings(deadline=None, max_examples=20)
@given(
    pauses=st.lists(st.floats(0.5, 1.5), min_size=1, max_size=5),
    level=st.sampled_from([0.0, 1e-4, 3e-3]),
)
def test_every_word_of_a_recording_is_found_in_the_middle_of_its_second(pauses, level):
    begins, end = [], 16_000
    for pause in pauses:
        begins.append(end)
        end += len(WORD) + round(16_000 * pause)
    recording = room((end + 8_000) / 16_000, level=level)
    for begin in begins:
        recording[begin : begin + len(WORD)] += WORD
    found = word_seconds(recording)
    assert len(found) == len(begins)
    for (first, last), begin in zip(found, begins, strict=True):
        assert last - first == 16_000
        assert abs((first + last) // 2 - (begin + len(WORD) // 2)) < 8 * HOP


def test_a_recording_of_one_word_is_the_heard_second_alone():
    recording = room(4, level=1e-3)
    recording[40_000:48_000] += WORD
    recording[10_000:10_080] += 0.5  # a click of 5 ms is no word
    assert word_seconds(recording) == [heard_second(recording)]
    assert word_seconds(WORD) == [(0, len(WORD))]
    assert len(word_seconds(room(3))) == 1


def test_speech_without_a_pause_is_cut_into_seconds():
    recording = torch.cat([room(0.5), WORD.repeat(8), room(0.5)])  # 4 s of speech
    assert len(word_seconds(recording)) == 4
