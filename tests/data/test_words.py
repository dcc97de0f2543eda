"""A recording of several words says so, and each of them can be had as a clip."""

import re

import numpy as np
import pytest
import torch

from tests.data.audio_fixtures import RATE, soundfile_bytes, spoken, vowel
from vop_core.data.audio import decode, words
from vop_core.data.enrollment import check_enrollment

PITCHES = (110.0, 150.0, 200.0)


def test_a_recording_of_several_words_notes_which_second_is_heard_and_where_the_others_are():
    (note,) = decode(soundfile_bytes(spoken(*PITCHES))).notes
    assert note.startswith("3 words: the model hears one second, ")
    # words in the middle of their seconds
    places = {"0.2 to 1.2 s", "1.8 to 2.8 s", "3.2 to 4.2 s"}
    assert sum(place in note for place in places) == 3


def two_words(apart: float) -> bytes:
    """Two words of 0.2 s, whose middles lie ``apart`` seconds from one another."""
    samples = np.zeros(round((1.1 + apart) * RATE), np.float32)
    for middle, pitch in ((0.55, 110.0), (0.55 + apart, 200.0)):
        begin = round((middle - 0.1) * RATE)
        samples[begin : begin + RATE // 5] = vowel(0.2, pitch=pitch)
    return soundfile_bytes(samples)


@pytest.mark.parametrize(
    "recording",
    [soundfile_bytes(spoken(PITCHES[0])), two_words(0.45)],
    ids=["one", "in one second"],
)
def test_one_word_and_what_lies_in_the_greater_part_of_one_second_are_not_remarked_upon(recording):
    clip = decode(recording)
    assert clip.notes == ()
    assert words(clip) == (clip,)


def test_a_note_names_every_word_but_the_one_that_is_heard():
    for apart in (0.55, 0.7, 1.0, 1.4):
        clip = decode(two_words(apart))
        (note,) = clip.notes
        assert note.startswith("2 words: ")
        assert len(re.findall(r"\d\.\d to \d\.\d s", note)) == 2
        check_enrollment(words(clip))


def test_every_word_becomes_a_clip_that_says_where_it_is_from():
    clip = decode(soundfile_bytes(spoken(*PITCHES)), name="three.wav")
    found = words(clip)
    assert [each.name for each in found] == [f"three.wav, word {number}" for number in (1, 2, 3)]
    assert all(each.seconds == 1.0 for each in found)
    for each, pitch in zip(found, PITCHES, strict=True):
        (note,) = each.notes
        assert note.startswith("from ") and note.endswith("of the recording")
        spectrum = torch.fft.rfft(each.waveform).abs()
        assert abs(float(spectrum[90:220].argmax() + 90) - pitch) <= 2  # 1 s of sound: bins of 1 Hz
    assert [words(each) for each in found] == [(each,) for each in found]
