"""Every container, header and tag of ``decoding_cases`` is read as it must be, or refused in its
words.
"""

import functools
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.decoding_cases import PITCH, Case, cases
from vop_core.data.audio import decode
from vop_core.errors import AudioError
from vop_core.types import SAMPLE_RATE

CASES = cases()


def pitch(waveform: np.ndarray) -> float:
    """Frequency of the strongest component, Hz; padded to a resolution of a tenth of a Hz."""
    size = 10 * SAMPLE_RATE
    return float(np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)), size)).argmax()) / 10


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.what}")
def test_what_is_there_is_read_and_the_rest_refused_in_one_sentence(case: Case):
    if not case.seconds:
        with pytest.raises(AudioError) as caught:
            decode(case.build(), name=case.name)
        sentence = str(caught.value)
        assert case.says in sentence
        assert re.fullmatch(r"clip\.\w+ [^\n]+; [^\n]+\.", sentence), sentence
        return
    clip = decode(case.build(), name=case.name)
    assert clip.seconds == pytest.approx(case.seconds, abs=case.within)
    notes = "\n".join(clip.notes)
    assert case.says in notes if case.says else not re.search("length|breaks|damaged|midway", notes)
    # the same pitch at the beginning and at the end: no part is played at another part's rate
    waveform = clip.waveform.numpy()
    for part in (waveform[: len(waveform) // 2], waveform[len(waveform) // 2 :]):
        assert pitch(part) == pytest.approx(PITCH, abs=2)


def test_the_page_has_one_row_for_every_case(repository):
    rows = re.findall(
        r"^\| (.+?) \| (?:\d|–)", (repository / "docs/decoding.md").read_text("utf-8"), re.MULTILINE
    )
    assert rows == [case.what for case in CASES], (
        "python -m tests.data.decoding_table writes it anew"
    )


SEEDS = {
    f"{case.group}: {case.what}": case
    for case in CASES
    if case.what
    in {
        "all lengths right",
        "both sizes 0, sound, LIST",
        "RF64",
        "Wave64 piped by sox",
        "aiff",
        "au",
        "caf",
        "flac",
        "ogg, opus",
        "ogg, vorbis at 24 kHz, then at 48 kHz in stereo",
        "mp3 at 44.1 kHz, then at 22.05 kHz",
        "mp3, APE and ID3v1 behind",
        "aac (ADTS)",
        "m4a, index in front",
        "webm",
        "wma",
        "amr",
        "two ID3v2 tags before wav",
    }
}
MOST_SECONDS = 10.0  # several times what the slowest of them takes on a busy machine


@functools.cache
def whole(name: str) -> bytes:
    return SEEDS[name].build()


@settings(deadline=None, max_examples=120, derandomize=True)
@given(
    name=st.sampled_from(sorted(SEEDS)),
    kept=st.floats(0.01, 1.0),
    edits=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
    header_edits=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255)), max_size=3),
)
def test_damaged_files_of_every_kind_give_a_finite_clip_or_an_audio_error(
    name, kept, edits, header_edits
):
    data = bytearray(whole(name))
    for place, value in [(int(place * len(data)), value) for place, value in edits] + header_edits:
        data[place] = value
    start = time.perf_counter()
    try:
        clip = decode(bytes(data[: int(kept * len(data))]))
    except AudioError:
        pass
    else:
        assert clip.waveform.isfinite().all() and clip.waveform.abs().max() <= 1
    assert time.perf_counter() - start < MOST_SECONDS


@pytest.mark.parametrize(
    "data",
    [
        CASES[0].build()[:40] + b"\xff\xff\xff\x7f" + b"LIST\0\0\0\0" * 500_000,
        CASES[0].build()[:36] + b"JUNK\0\0\0\0" * 500_000,
        b"OggS\0\2" + bytes(21) + (b"OggS\0\0" + bytes(21)) * 150_000,
        b"ID3\4\0\0\0\0\0\0" * 400_000,
        b"\xff\xf1\x50\x80\x01\x1f\xfc\0" * 500_000,
        b"OggS" * 1_000_000,
    ],
    ids=["chunks behind", "chunks before", "pages", "tags", "frames", "page marks"],
)
def test_a_file_of_nothing_but_headers_is_refused_in_time(data):
    start = time.perf_counter()
    with pytest.raises(AudioError):
        decode(data)
    assert time.perf_counter() - start < MOST_SECONDS
