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


def noise(samples: int, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal(samples)


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


@pytest.mark.parametrize(
    ("stored", "subtype", "heard", "note"),
    [
        ([VOICE, 0.5 * VOICE], "PCM_16", 0.75 * VOICE, "2 channels averaged"),
        ([VOICE, 0 * VOICE], "PCM_16", VOICE, "1 of 2 channels silent, left out"),
        ([VOICE, -0.9 * VOICE], "PCM_16", VOICE, "channels cancel each other, loudest one taken"),
        ([VOICE + 0.2], "PCM_16", VOICE - VOICE.mean(), "constant offset removed"),
        ([VOICE * 2 / 0.3], "FLOAT", VOICE / 0.3, "turned down by 6.0 dB to fit full scale"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_channels_offsets_and_levels_become_one_clip_and_a_note(stored, subtype, heard, note):
    clip = decode(soundfile_bytes(np.stack(stored, 1), subtype=subtype))
    atol = 1e-6 if subtype == "FLOAT" else 1e-4
    np.testing.assert_allclose(clip.waveform.numpy(), heard, rtol=0, atol=atol)
    assert clip.notes == (note,)


@pytest.mark.parametrize("codec", ["m4a", "webm"])
def test_two_channels_of_other_containers_are_averaged(codec):
    stereo = np.stack([vowel(rate=48_000)] * 2)
    clip = decode(LOSSY[codec](stereo, 48_000))
    assert "2 channels averaged" in clip.notes
    assert correlation(clip.waveform.numpy(), VOICE) > 0.95


def test_independent_channels_are_averaged_all_the_same():
    channels = noise(6 * RATE).reshape(RATE, 6)
    assert decode(soundfile_bytes(channels)).notes == ("6 channels averaged",)


@pytest.mark.parametrize("seconds", [0.15, 60.0])
def test_the_shortest_and_the_longest_are_read(seconds):
    sound = noise(round(seconds * 8_000))
    assert abs(decode(soundfile_bytes(sound, 8_000)).seconds - seconds) < 1e-3


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


@pytest.mark.parametrize("share", [0.02, 0.05])
@pytest.mark.parametrize("codec", LOSSY)
def test_files_that_break_off_before_anything_is_said_are_refused(codec, share):
    data = LOSSY[codec](vowel(rate=48_000), 48_000)
    words = "breaks off|damaged or incomplete|holds no sound|is silent|less than 0.1 s"
    assert re.search(words, refusal(data[: int(share * len(data))]))


@pytest.mark.parametrize(
    "rest",
    [np.random.default_rng(2).bytes(4_000), bytes(range(256)) * 8],
    ids=["random", "counted"],
)
@pytest.mark.parametrize(
    "start",
    [b"", b"RIFF", b"fLaC", b"OggS", b"FORM", b"ID3\x04", b"\xff\xfb\x90\x00", b"\x1a\x45\xdf\xa3"],
)
def test_a_good_beginning_saves_no_bytes_and_no_decoder_chatters_on_the_terminal(
    start, rest, capfd
):
    refusal(start + rest)
    assert capfd.readouterr() == ("", "")


def with_one(value: float) -> np.ndarray:
    samples = VOICE.copy()
    samples[100] = value
    return samples


ODD = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize(
    ("samples", "says", "stored"),
    [
        (noise(RATE, 0.0), "is silent; check that the microphone is on", {"subtype": "PCM_24"}),
        (noise(RATE, 1e-4), "is silent; check that the microphone is on", {"subtype": "PCM_24"}),
        (np.full(RATE, 0.3), "is silent", {}),
        (np.clip(1_000 * VOICE, -1, 1), "clipped from end to end", {}),
        *((with_one(value), "no numbers", {"subtype": "FLOAT"}) for value in ODD),
        *(
            (np.stack([VOICE, with_one(value)], 1), "no numbers", {"subtype": "FLOAT"})
            for value in ODD
        ),
        (noise(1_590), "less than 0.1 s of audible sound", {}),
        (np.pad(noise(1_200), 8_000), "less than 0.1 s of audible sound", {}),
        (np.zeros(4_000 * 61), "longer than 60 s", {"rate": 4_000}),
        (np.zeros(4_000 * 61), "longer than 60 s", {"rate": 4_000, "kind": "FLAC"}),
        *((np.zeros(rate), f"{rate:,} Hz", {"rate": rate}) for rate in (2_000, 3_999, 384_000)),
    ],
)
def test_sound_that_cannot_be_used_is_refused_with_its_reason(samples, says, stored):
    assert says in refusal(soundfile_bytes(samples, **stored))


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


def test_over_20_mb_is_refused():
    assert "larger than 20 MB" in refusal(bytes(20 * 2**20 + 1))


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


def test_the_playable_clip_decodes_to_the_same_sound(generator):
    clip = Clip((torch.rand(8_000, generator=generator) - 0.5) * 0.2)
    address = playable(clip)
    assert address.startswith("data:audio/wav;base64,")
    samples, rate = soundfile.read(
        io.BytesIO(base64.b64decode(address.split(",")[1])), dtype="float32"
    )
    assert rate == 16_000
    torch.testing.assert_close(torch.from_numpy(samples), clip.waveform, rtol=0, atol=2**-15)
