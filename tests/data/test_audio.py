"""Files of every kind in, one clip out, or one clear sentence."""

import base64
import io
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.data.audio_fixtures import RATE, av_bytes, soundfile_bytes, vowel
from vop_core.data.audio import clip_features, decode, decode_file, focus, log_mel, playable
from vop_core.errors import AudioError
from vop_core.types import SAMPLE_RATE, Clip

VOICE = vowel()
WAV = soundfile_bytes(VOICE)

LOSSLESS = [
    ("WAV", "PCM_U8", 2**-7),
    ("WAV", "PCM_16", 2**-15),
    ("WAV", "PCM_24", 2**-23),
    ("WAV", "PCM_32", 2**-23),  # read into single precision
    ("WAV", "FLOAT", 0),
    ("WAV", "DOUBLE", 0),
    ("WAVEX", "PCM_16", 2**-15),
    ("WAVEX", "PCM_24", 2**-23),
    ("RF64", "PCM_16", 2**-15),
    ("FLAC", "PCM_16", 2**-15),
    ("FLAC", "PCM_24", 2**-23),
    ("AIFF", "PCM_16", 2**-15),
]
LOSSY = {
    "vorbis": lambda samples, rate: soundfile_bytes(samples, rate, kind="OGG", subtype="VORBIS"),
    "opus": lambda samples, rate: soundfile_bytes(samples, rate, kind="OGG", subtype="OPUS"),
    "mp3": lambda samples, rate: soundfile_bytes(
        samples, rate, kind="MP3", subtype="MPEG_LAYER_III"
    ),
    "m4a": lambda samples, rate: av_bytes(samples, rate, kind="ipod", codec="aac"),
    "webm": lambda samples, rate: av_bytes(samples, rate, kind="webm", codec="libopus"),
}


def correlation(heard: np.ndarray, meant: np.ndarray) -> float:
    """Largest normalised cross-correlation: 1 where one is the other, delayed."""
    size = len(heard) + len(meant)
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(meant, size)), size)
    return float(product.max() / np.sqrt((heard**2).sum() * (meant**2).sum()))


def refusal(data: bytes, name: str = "word.wav") -> str:
    """The sentence with which a file is refused; it must be one, with the name and an instruction
    in it.
    """
    with pytest.raises(AudioError) as caught:
        decode(data, name=name)
    sentence = str(caught.value)
    assert re.fullmatch(r"word\.\w+ [^\n]+; [^\n]+\.", sentence), sentence
    return sentence


# ---- what is accepted


@pytest.mark.parametrize(("kind", "subtype", "step"), LOSSLESS)
def test_lossless_files_come_back_sample_by_sample(kind, subtype, step):
    clip = decode(soundfile_bytes(VOICE, kind=kind, subtype=subtype), name="word.wav")
    assert clip.sample_rate == SAMPLE_RATE and clip.name == "word.wav" and clip.notes == ()
    np.testing.assert_allclose(clip.waveform.numpy(), VOICE, rtol=0, atol=step)


@pytest.mark.parametrize("codec", LOSSY)
def test_lossy_files_come_back_as_the_same_sound(codec):
    clip = decode(LOSSY[codec](vowel(rate=48_000), 48_000))
    assert abs(clip.seconds - 1) < 0.05
    assert correlation(clip.waveform.numpy(), VOICE) > 0.95
    assert clip.notes == (f"unpacked from {codec}", "resampled from 48 kHz")


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_every_rate_ends_at_16_khz(rate):
    clip = decode(soundfile_bytes(vowel(rate=rate, pitch=90), rate))
    meant = vowel(pitch=90)  # its twenty harmonics end at 1,800 Hz, which every rate can carry
    assert abs(clip.waveform.numel() - RATE) <= 1
    assert correlation(clip.waveform.numpy(), meant) > 0.999
    lost = f"; nothing above {rate / 2000:g} kHz" if rate < RATE else ""
    assert clip.notes == (f"resampled from {rate / 1000:g} kHz{lost}",)


def test_two_channels_are_averaged():
    clip = decode(soundfile_bytes(np.stack([VOICE, 0.5 * VOICE], 1)))
    np.testing.assert_allclose(clip.waveform.numpy(), 0.75 * VOICE, atol=1e-4)
    assert clip.notes == ("2 channels averaged",)


@pytest.mark.parametrize("codec", ["m4a", "webm"])
def test_two_channels_of_other_containers_are_averaged(codec):
    stereo = np.stack([vowel(rate=48_000)] * 2)
    clip = decode(LOSSY[codec](stereo, 48_000))
    assert "2 channels averaged" in clip.notes
    assert correlation(clip.waveform.numpy(), VOICE) > 0.95


def test_a_dead_channel_does_not_halve_the_voice():
    clip = decode(soundfile_bytes(np.stack([VOICE, np.zeros_like(VOICE)], 1)))
    np.testing.assert_allclose(clip.waveform.numpy(), VOICE, atol=1e-4)
    assert clip.notes == ("1 of 2 channels silent, left out",)


def test_channels_in_opposite_phase_do_not_cancel():
    clip = decode(soundfile_bytes(np.stack([VOICE, -0.9 * VOICE], 1)))
    np.testing.assert_allclose(clip.waveform.numpy(), VOICE, atol=1e-4)
    assert clip.notes == ("channels cancel each other, loudest one taken",)


def test_independent_channels_are_averaged_all_the_same():
    noise = 0.1 * np.random.default_rng(0).standard_normal((RATE, 6)).astype(np.float32)
    assert decode(soundfile_bytes(noise)).notes == ("6 channels averaged",)


def test_a_constant_offset_is_removed():
    clip = decode(soundfile_bytes(VOICE + 0.2))
    np.testing.assert_allclose(clip.waveform.numpy(), VOICE - VOICE.mean(), atol=1e-4)
    assert clip.notes == ("constant offset removed",)


def test_floats_beyond_full_scale_are_turned_down_not_cut():
    clip = decode(soundfile_bytes(VOICE / 0.3 * 2, subtype="FLOAT"))
    np.testing.assert_allclose(clip.waveform.numpy(), VOICE / 0.3, atol=1e-6)
    assert clip.notes == ("turned down by 6.0 dB to fit full scale",)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_riff_size_that_is_wrong_changes_nothing(size):
    data = WAV[:4] + size.to_bytes(4, "little") + WAV[8:]
    assert torch.equal(decode(data).waveform, decode(WAV).waveform)
    assert decode(data).notes == ()


@pytest.mark.parametrize("seconds", [0.15, 60.0])
def test_the_shortest_and_the_longest_are_read(seconds):
    noise = 0.1 * np.random.default_rng(0).standard_normal(round(seconds * 8_000))
    assert abs(decode(soundfile_bytes(noise, 8_000)).seconds - seconds) < 1e-3


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF"])
def test_what_is_left_of_a_lossless_file_that_breaks_off_is_read(kind, share):
    data = soundfile_bytes(VOICE, kind=kind)
    clip = decode(data[: int(share * len(data))])
    assert clip.seconds < share + 0.01
    np.testing.assert_allclose(
        clip.waveform.numpy(), VOICE[: clip.waveform.numel()], rtol=0, atol=2**-15
    )
    assert clip.notes == (f"breaks off: {clip.seconds:.2f} of 1.00 s are there",)


# an ogg page holds up to a second, and counts only when it is whole
@pytest.mark.parametrize(
    ("codec", "share"), [("opus", 0.9), ("mp3", 0.6), ("mp3", 0.9), ("webm", 0.6)]
)
def test_what_is_left_of_a_lossy_file_that_breaks_off_is_read(codec, share):
    data = LOSSY[codec](vowel(rate=48_000), 48_000)
    clip = decode(data[: int(share * len(data))])
    assert 0.2 < clip.seconds < 1
    assert clip.notes[1].startswith("breaks off")
    assert correlation(clip.waveform.numpy(), VOICE[: clip.waveform.numel()]) > 0.9


# ---- what is refused, and in which words


def test_empty_is_refused():
    assert "is empty" in refusal(b"")
    assert "holds no sound" in refusal(soundfile_bytes(np.zeros(0, np.float32)))


@pytest.mark.parametrize("share", [0.02, 0.05])
@pytest.mark.parametrize("codec", LOSSY)
def test_files_that_break_off_before_anything_is_said_are_refused(codec, share):
    data = LOSSY[codec](vowel(rate=48_000), 48_000)
    words = "breaks off|damaged or incomplete|holds no sound|is silent|less than 0.1 s"
    assert re.search(words, refusal(data[: int(share * len(data))]))


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "a PNG picture"),
        (b"<!doctype html><html></html>", "a web page or XML text"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"PK\x03\x04" + bytes(60), "a zip archive"),
        (b"just some words\n", "text"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "text"),
        (b"\x07" + np.random.default_rng(1).bytes(5_000), "not sound that can be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_content_is_named(data, content):
    assert f"is {content}; choose a wav" in refusal(data)


@pytest.mark.parametrize(
    "start", [b"RIFF", b"fLaC", b"OggS", b"FORM", b"ID3", b"\xff\xfb\x90\x00", b"\x1a\x45\xdf\xa3"]
)
def test_a_good_beginning_does_not_save_random_bytes(start):
    refusal(start + np.random.default_rng(2).bytes(4_000))


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_silence_is_refused(level):
    noise = level * np.random.default_rng(0).standard_normal(RATE)
    assert "is silent; check that the microphone is on" in refusal(
        soundfile_bytes(noise, subtype="PCM_24")
    )


def test_silence_with_an_offset_is_refused():
    assert "is silent" in refusal(soundfile_bytes(np.full(RATE, 0.3)))


def test_fully_clipped_is_refused():
    assert "clipped from end to end" in refusal(soundfile_bytes(np.clip(1_000 * vowel(), -1, 1)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value):
    samples = VOICE.copy()
    samples[100] = value
    assert "no numbers" in refusal(soundfile_bytes(samples, subtype="FLOAT"))
    assert "no numbers" in refusal(soundfile_bytes(np.stack([VOICE, samples], 1), subtype="FLOAT"))


def test_under_a_tenth_of_a_second_is_refused():
    noise = 0.1 * np.random.default_rng(0).standard_normal(1_590)
    words = "less than 0.1 s of audible sound"
    assert words in refusal(soundfile_bytes(noise))
    padded = np.concatenate([np.zeros(8_000), noise[:1_200], np.zeros(8_000)])
    assert words in refusal(soundfile_bytes(padded))


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_over_a_minute_is_refused(kind):
    assert "longer than 60 s" in refusal(soundfile_bytes(np.zeros(4_000 * 61), 4_000, kind=kind))


def test_hours_of_silence_are_refused_without_unpacking_them():
    bomb = soundfile_bytes(np.zeros(8_000 * 3_600, np.int16), 8_000, kind="FLAC")
    assert len(bomb) < 200_000
    tracemalloc.start()
    assert "longer than 60 s" in refusal(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20  # an hour would take 115 MB


def test_a_header_that_hides_its_length_is_stopped_after_a_minute():
    data = av_bytes(np.zeros(48_000 * 63, np.float32), 48_000, kind="mp3", codec="libmp3lame")
    assert "longer than 60 s" in refusal(data.replace(b"Xing", b"none").replace(b"Info", b"none"))


@pytest.mark.parametrize("rate", [2_000, 3_999, 384_000])
def test_rates_outside_4_to_192_khz_are_refused(rate):
    assert f"{rate:,} Hz" in refusal(soundfile_bytes(np.zeros(rate, np.float32), rate))


def test_over_20_mb_is_refused():
    assert "larger than 20 MB" in refusal(bytes(20 * 2**20 + 1))


def test_a_video_without_sound_is_refused():
    import io

    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25, width=32, height=32, pix_fmt="yuv420p")
        for packet in stream.encode(av.VideoFrame(32, 32, "yuv420p")):
            container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    assert "no sound track" in refusal(buffer.getvalue(), "word.mp4")


SEEDS = {
    "wav": WAV[:4_000],
    "flac": soundfile_bytes(VOICE[:4_000], kind="FLAC"),
    "opus": LOSSY["opus"](vowel(0.3, rate=48_000), 48_000),
    "mp3": LOSSY["mp3"](vowel(0.3, rate=48_000), 48_000),
    "m4a": LOSSY["m4a"](vowel(0.3, rate=48_000), 48_000),
    "webm": LOSSY["webm"](vowel(0.3, rate=48_000), 48_000),
}


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=400))
@example(b"RIFF")
@example(b"OggS")
@example(b"\xff\xfb")
def test_no_bytes_raise_anything_but_an_audio_error(data):
    for start in (
        b"",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"fLaC",
        b"OggS",
        b"ID3",
        b"\x1a\x45\xdf\xa3",
        b"\0\0\0\x18ftypM4A ",
    ):
        with pytest.raises(AudioError):
            decode(start + data)


@settings(deadline=None, max_examples=150)
@given(
    kind=st.sampled_from(sorted(SEEDS)),
    edits=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
)
def test_damaged_files_give_a_sound_clip_or_an_audio_error(kind, edits):
    data = bytearray(SEEDS[kind])
    for place, value in edits:
        data[int(place * len(data))] = value
    try:
        clip = decode(bytes(data))
    except AudioError:
        return
    assert clip.waveform.isfinite().all() and clip.waveform.abs().max() <= 1


# ---- names, files, features


def test_only_the_last_part_of_a_name_is_told_and_only_some_of_it():
    assert decode(WAV, name="/elsewhere/ada/secret/word.wav").name == "word.wav"
    assert decode(WAV, name="").name == "clip"
    assert len(decode(WAV, name="x" * 500 + "\n.wav").name) == 60


def test_a_file_is_decoded_as_its_bytes_are(tmp_path):
    path = tmp_path / "word.wav"
    path.write_bytes(WAV)
    clip = decode_file(path)
    assert clip.name == "word.wav"
    assert torch.equal(clip.waveform, decode(WAV).waveform)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(AudioError, match=r"word\.wav is not there"):
        decode_file(tmp_path / "word.wav")
    with pytest.raises(AudioError, match="cannot be read"):
        decode_file(tmp_path)
    with open(tmp_path / "big.wav", "wb") as file:
        file.truncate(20 * 2**20 + 1)
    with pytest.raises(AudioError, match=r"big\.wav is larger than 20 MB"):
        decode_file(tmp_path / "big.wav")


class Endless(io.RawIOBase):
    """Zeros for ever, as a device gives them; no more than 30 MB may be asked for."""

    given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self.given += len(buffer)
        assert self.given < 30 * 2**20
        return len(buffer)


def test_what_has_no_end_is_refused_unread(monkeypatch):
    monkeypatch.setattr(Path, "open", lambda path, *how, **others: io.BufferedReader(Endless()))
    with pytest.raises(AudioError, match="zero is larger than 20 MB"):
        decode_file("/dev/zero")


def test_features_are_the_log_mel_of_the_focused_second():
    recording = torch.cat([torch.zeros(20_000), torch.from_numpy(VOICE), torch.zeros(9_000)])
    assert torch.equal(clip_features(recording), log_mel(focus(recording)))
    assert clip_features(torch.from_numpy(VOICE[:3_000])).shape == (40, 101)


def test_the_way_from_bytes_to_features_loads_no_compiler(repository):
    code = (
        "import sys; from vop_core.data.audio import *; from vop_core.data.clip_quality import "
        "assess\n"
        "clip = decode(sys.stdin.buffer.read()); clip_features(clip.waveform); "
        "assess(clip.waveform)\n"
        "low_pass_4khz(clip.waveform); print([name for name in ('numba', 'librosa') if name in "
        "sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], input=WAV, capture_output=True, cwd=repository, check=True
    )
    assert run.stdout.strip() == b"[]"


@pytest.mark.parametrize("start", [b"RIFF", b"ID3\x04", b"\xff\xfb\x90\x00", b"OggS", b"fLaC"])
def test_decoders_do_not_chatter_on_the_terminal(start, capfd):
    with pytest.raises(AudioError):
        decode(start + bytes(range(256)) * 8)
    assert capfd.readouterr() == ("", "")


def test_the_playable_clip_decodes_to_the_same_sound(generator):
    clip = Clip((torch.rand(8_000, generator=generator) - 0.5) * 0.2)
    address = playable(clip)
    assert address.startswith("data:audio/wav;base64,")
    samples, rate = soundfile.read(
        io.BytesIO(base64.b64decode(address.split(",")[1])), dtype="float32"
    )
    assert rate == 16_000
    torch.testing.assert_close(torch.from_numpy(samples), clip.waveform, rtol=0, atol=2**-15)
