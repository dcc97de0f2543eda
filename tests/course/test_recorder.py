"""The notebook's microphone holds clips to what the page and the command line hold them to."""

import pytest

from tests.data.audio_fixtures import soundfile_bytes, spoken, vowel
from vop_core.course.recorder import Recorder


def word(number: int) -> bytes:
    return soundfile_bytes(vowel(0.6 + 0.03 * number, pitch=110.0 + 7 * number))


@pytest.fixture
def recorder():
    recorder = Recorder()
    recorder.take(word(0), "recording 1")
    return recorder


def test_a_clip_taken_in_is_spoken_about(recorder):
    assert recorder.take(word(1), "recording 2") == "Clip 2: Clear, loud enough and not too loud."
    assert len(recorder.clips) == 2


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "twin is empty"), (word(0), "twin is the same recording as recording 1")],
    ids=["empty", "twice"],
)
def test_what_may_not_enroll_is_left_out_in_a_sentence(recorder, data, says):
    assert recorder.take(data, "twin").startswith(says)
    assert len(recorder.clips) == 1


def test_the_eleventh_clip_is_left_out(recorder):
    said = [recorder.take(word(number), f"recording {number}") for number in range(1, 11)]
    assert "10 clips are as many" in said[-1] and len(recorder.clips) == 10


def test_files_are_refused_one_by_one(recorder, tmp_path, capsys):
    (tmp_path / "a.wav").write_bytes(word(2))
    (tmp_path / "b.wav").write_bytes(b"no sound")
    recorder.load([str(tmp_path / name) for name in ("a.wav", "b.wav", "c.wav")])
    good, bad, missing = capsys.readouterr().out.splitlines()
    assert good.startswith("Clip 2: ")
    assert bad.startswith("b.wav is text") and missing.startswith("c.wav is not there")


def test_a_recording_of_several_words_can_be_taken_apart(recorder):
    said = recorder.take(soundfile_bytes(spoken(150.0, 200.0, 250.0)), "three.wav")
    assert "3 words: the model hears" in said and said.endswith(
        "recorder.each_word(2) takes them all."
    )
    assert len(recorder.each_word(2).splitlines()) == 3
    assert [clip.name for clip in recorder.clips[1:]] == [
        f"three.wav, word {word}" for word in (1, 2, 3)
    ]
    assert recorder.each_word(9) == "There is no clip 9; there are 4."
