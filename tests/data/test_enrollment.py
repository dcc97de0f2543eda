"""Which clips may enroll together, and what is said of them."""

import numpy as np
import pytest
import torch

from tests.data.audio_fixtures import av_bytes, soundfile_bytes, vowel
from vop_core.data.audio import decode
from vop_core.data.clip_quality import assess
from vop_core.data.enrollment import (
    SAME_RECORDING,
    check_clips,
    check_enrollment,
    coach_remark,
    correlations,
    poor_share,
    remarks,
    twin_of,
)
from vop_core.errors import AudioError
from vop_core.types import MOST_CLIPS, Clip


def word(number: int, name: str | None = None) -> Clip:
    """One of many words of one voice."""
    waveform = vowel(0.6 + 0.03 * number, pitch=110.0 + 7 * number)
    return Clip(torch.from_numpy(waveform), name=name or f"{number}.wav")


def noise(seed: int, name: str = "noise.wav") -> Clip:
    samples = np.random.default_rng(seed).normal(0, 0.1, 16_000)
    return Clip(torch.from_numpy(samples.astype(np.float32)), name=name)


def refusal(clips) -> str:
    with pytest.raises(AudioError) as refused:
        check_enrollment(clips)
    return str(refused.value)


def test_ten_different_clips_may_enroll_and_an_eleventh_may_not():
    check_enrollment([word(number) for number in range(MOST_CLIPS)])
    said = refusal([word(number) for number in range(MOST_CLIPS + 2)])
    assert said.startswith("10 clips are as many") and "these are 12; leave out 2." in said


def test_no_clip_is_no_enrollment():
    assert "at least one" in refusal([])


def test_a_clip_given_twice_counts_once():
    assert refusal([word(1), word(2), word(1)]).startswith("1.wav is given twice")


@pytest.mark.parametrize(
    "copy",
    [
        lambda samples: soundfile_bytes(0.2 * samples),
        lambda samples: soundfile_bytes(-samples),
        lambda samples: soundfile_bytes(np.concatenate([np.zeros(3_000, np.float32), samples])),
        lambda samples: soundfile_bytes(samples, kind="FLAC"),
        lambda samples: soundfile_bytes(samples[::-1][::-1], kind="OGG", subtype="VORBIS"),
        lambda samples: av_bytes(samples, 16_000, kind="mp3", codec="mp3"),
        lambda samples: av_bytes(samples, 16_000, kind="ipod", codec="aac"),
    ],
    ids=["quieter", "upside down", "later", "flac", "vorbis", "mp3", "m4a"],
)
def test_the_same_recording_is_known_however_it_was_stored(copy):
    samples = vowel(0.8)
    twin = decode(copy(samples), name="twin")
    first = decode(soundfile_bytes(samples), name="first.wav")
    assert refusal([first, twin]).startswith("twin is the same recording as first.wav")
    assert twin_of(twin, [word(5), first]) is first


def test_other_words_and_other_noise_are_other_recordings():
    clips = [word(number) for number in range(4)]
    assert all(
        twin_of(clip, [other for other in clips if other is not clip]) is None for clip in clips
    )
    assert twin_of(noise(0), [noise(1)]) is None
    assert twin_of(word(0), []) is None


def test_words_under_one_loud_hum_are_other_recordings():
    hum = 0.5 * torch.sin(2 * torch.pi * 50 * torch.arange(32_000) / 16_000)
    quiet = [0.1 * word(number).waveform for number in range(3)]
    check_enrollment([Clip(each + hum[: each.numel()]) for each in quiet])


def test_correlation_is_one_for_a_delayed_copy_at_any_level_and_none_with_silence():
    one = noise(0).waveform
    others = torch.stack([one, -0.0 * one, 0.01 * one.roll(500)])
    found = correlations(one, others)
    torch.testing.assert_close(found[:2], torch.tensor([1.0, 0.0]))
    # the roll puts 500 of 16,000 samples at the other end, where no delay finds them
    assert abs(float(found[2]) - (1 - 500 / 16_000)) < 4 / 16_000**0.5


@pytest.mark.data
def test_takes_of_one_word_by_one_person_are_told_apart(real_data):
    """The threshold's ground: of real takes of one word, none is as alike as a recording and its
    copy.
    """
    from vop_core.data.audio import decode_file
    from vop_core.data.persons import load_dataset
    from vop_core.data.waveform import focus

    records = load_dataset(real_data / "arabic_speech_commands").records
    takes = [each for each in records if each.person.endswith("s24") and each.label == "six"]
    windows = torch.stack([focus(decode_file(each.path).waveform) for each in takes])
    alike = [
        correlations(windows[index], windows[:index]).max() for index in range(1, len(windows))
    ]
    assert 0.85 < max(alike) < SAME_RECORDING


@pytest.mark.parametrize(
    ("clip", "says"),
    [
        ("a.wav", "'a.wav' is no clip; read a file with decode_file"),
        (Clip(torch.zeros(16_000), name="a"), "a is silent"),
        (Clip(torch.full((16_000,), torch.nan), name="a"), "no numbers"),
        (
            Clip(torch.from_numpy(vowel(0.5, rate=8_000)), 8_000, "a"),
            "a has 8,000 samples a second",
        ),
    ],
    ids=["a path", "silent", "not a number", "another rate"],
)
def test_a_clip_made_by_hand_is_held_to_what_a_file_is(clip, says):
    with pytest.raises(AudioError, match=says):
        check_clips([clip])


def test_what_is_not_good_is_said_with_its_remedy():
    (said,) = remarks([word(1), noise(0, "fan.wav")])
    quality = assess(noise(0).waveform)
    assert said == f"fan.wav: poor. {quality.reason} {quality.remedy}"
    assert coach_remark(assess(word(1).waveform)) == ""


def test_a_model_of_poor_clips_is_not_called_sound():
    good, poor = assess(word(1).waveform), assess(noise(0).waveform)
    assert poor_share([good, good]) == ""
    assert poor_share([poor, good]).startswith("Poor clips: 1 of 2;")
