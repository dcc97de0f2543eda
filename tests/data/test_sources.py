"""Public data sets: real layouts, real HTTP on 127.0.0.1, and every way in which a download can
fail.
"""

import dataclasses
import errno
import functools
import hashlib
import io
import os
import re
import socket
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import PurePosixPath

import numpy as np
import pytest
import soundfile

from tests.data.audio_fixtures import soundfile_bytes, vowel
from vop_core.data.format import check_dataset
from vop_core.data.persons import load_dataset
from vop_core.data.sources import download, registry
from vop_core.data.sources.catalogue import DSPSPEECH_WORDS
from vop_core.data.sources.registry import SOURCES, find_source, get, prepare
from vop_core.errors import DataError, VopError


def wav(seed: int, rate: int = 16_000, seconds: float = 0.5) -> bytes:
    """A voice of its own pitch."""
    return soundfile_bytes(vowel(seconds, rate=rate, pitch=150.0 + 7 * seed), rate)


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


STUDENTS = [str(15307110000 + 11 * number) for number in range(34)]
CLIPS = {  # the layouts of the published archives, with a few clips each
    "speech_commands_v2": [
        f"./{word}/{who}_nohash_{take}.wav"
        for word, who, take in product(("yes", "no"), ("004ae714", "0a7c2a8d"), (0, 1))
    ],
    "audiomnist": [
        f"AudioMNIST-master/data/{who}/{digit}_{who}_{take}.wav"
        for who, digit, take in product(("01", "02"), (0, 7), (0, 1))
    ],
    "fsdd": [
        f"free-spoken-digit-dataset-1.0.9/recordings/{digit}_{who}_{take}.wav"
        for digit, who, take in product((0, 7), ("theo", "george"), (0, 12))
    ],
    "arabic_speech_commands": [
        f"arabic-speech-commands-dataset-72f3438/dataset/{word}/000000{who}_NO_{take}.wav"
        for word, who, take in product(("zoom in", "yes"), ("01", "30"), ("01", "10"))
    ],
    "dspspeech20": [
        f"DSPSpeech-20-8165959/speech_data/{who}/{who}-{word}.wav"
        for who, word in product(STUDENTS, ("00-01", "12-03"))
    ],
}
OTHERS = {  # what else the archives hold
    "speech_commands_v2": {
        "./_background_noise_/white_noise.wav": wav(90),
        "./validation_list.txt": b"yes/0a7c2a8d_nohash_0.wav\nyes/0a7c2a8d_nohash_1.wav\n",
        "./testing_list.txt": b"no/0a7c2a8d_nohash_0.wav\n",
        "./README.md": b"# Speech Commands",
    },
    "audiomnist": {
        "AudioMNIST-master/data/audioMNIST_meta.txt": (
            b'{"01": {"accent": "german", "age": 30, "gender": "male", "native speaker": "no",'
            b' "origin": "Europe, Germany, Wuerzburg", "recordingroom": "Kino"}}'
        ),
        "AudioMNIST-master/data/36/notes.txt": b"-",
        "AudioMNIST-master/recording_scripts/record.py": b"pass",
    },
    "fsdd": {"free-spoken-digit-dataset-1.0.9/metadata.py": b"metadata = {}"},
    "arabic_speech_commands": {
        "arabic-speech-commands-dataset-72f3438/background_noise/white_noise.wav": wav(91),
        "arabic-speech-commands-dataset-72f3438/train.csv": (
            b"file,class\nzoom in/00000001_NO_01.wav,zoom in\n"
        ),
        "arabic-speech-commands-dataset-72f3438/test.csv": (
            b"file,class\nyes/00000030_NO_10.wav,yes\n"
        ),
    },
    "dspspeech20": {},
}
RATES = {"fsdd": 8_000, "audiomnist": 48_000}
EXPECTED = {  # attributes of some clips, known by person, label and take
    "speech_commands_v2": {
        ("0a7c2a8d", "yes", 0): {"split": "validation"},
        ("0a7c2a8d", "no", 0): {"split": "test"},
        ("004ae714", "no", 0): {"split": "train"},
    },
    "audiomnist": {
        ("01", "zero", 0): {"accent": "german", "native_speaker": "no", "recordingroom": None},
        ("02", "seven", 1): {"accent": ""},
    },
    "fsdd": {("theo", "zero", 0): {"split": "test"}, ("george", "seven", 12): {"split": "train"}},
    "arabic_speech_commands": {
        ("s01", "zoom in", 1): {"split": "train"},
        ("s30", "yes", 10): {"split": "test"},
    },
    "dspspeech20": {
        ("s01", "shuzi", 1): {"text": "数字", "language": "zh"},
        ("s34", "speech", 3): {"text": "Speech", "language": "en"},
    },
}


@functools.cache
def archive_of(name: str) -> bytes:
    seconds = 0.2 if name == "dspspeech20" else 0.5
    clips = {
        path: wav(seed, RATES.get(name, 16_000), seconds) for seed, path in enumerate(CLIPS[name])
    }
    packed = tarred if SOURCES[name].url.endswith(".tar.gz") else zipped
    return packed(clips | OTHERS[name])


class Server(ThreadingHTTPServer):
    """Serves ``content`` everywhere but at /missing; may know ranges; may drop the line after some
    bytes.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.etag = '"one"'
        self.knows_ranges = True
        self.drop_after: list[int] = []  # bytes of the body, one entry a request
        self.requests: list[str | None] = []  # the Range asked for

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1.tar.gz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append(asked)
        if self.path.endswith("/missing"):
            self.send_error(404)
            return
        content, start = self.server.content, 0
        fresh = self.headers.get("If-Range") == self.server.etag
        if asked and fresh and self.server.knows_ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", self.server.etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if self.server.drop_after:
            body = body[: self.server.drop_after.pop(0)]
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *args) -> None:
        """Quiet."""


@pytest.fixture
def serve():
    servers = []

    def start(content: bytes) -> Server:
        server = Server(content)
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Nothing is fetched into the repository, nothing goes through a proxy, no test waits."""
    monkeypatch.setenv("VOP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def publish(monkeypatch, name: str, content: bytes) -> None:
    """Let the source's published checksum be that of the tiny archive."""
    tiny = dataclasses.replace(
        SOURCES[name], sha256=hashlib.sha256(content).hexdigest(), megabytes=1
    )
    monkeypatch.setattr(registry, "SOURCES", {**SOURCES, name: tiny})


@pytest.mark.parametrize("name", SOURCES)
def test_each_source_is_fetched_verified_and_converted(name, serve, monkeypatch, own_folders):
    content = archive_of(name)
    publish(monkeypatch, name, content)
    seen = []
    done = get(
        name,
        url=serve(content).url,
        progress=lambda stage, at, total: seen.append((stage, at, total)),
    )
    assert done.folder == own_folders / "data" / name
    assert done.skipped == []
    report = check_dataset(done.folder)
    assert report.problems == ()
    assert report.clips == done.clips == len(CLIPS[name])
    attributes = {
        (record.person.removeprefix(f"{name}/"), record.label, record.take): record.attributes
        for record in load_dataset(done.folder).records
    }
    for cell, facts in EXPECTED[name].items():
        assert facts == {fact: attributes[cell].get(fact) for fact in facts}
    assert {stage.split()[0] for stage, *_ in seen} == {"download", "convert"}
    assert seen[-1][1:] == (done.clips, done.clips)
    text = (done.folder / "SOURCE.md").read_text("utf-8")
    assert SOURCES[name].licence in text
    assert list((own_folders / "cache" / "downloads").iterdir()) == []
    assert_an_unpacked_folder_gives_the_same(name, content, done.folder, own_folders)


def assert_an_unpacked_folder_gives_the_same(name, content, converted, own_folders):
    unpacked = own_folders / "unpacked"
    if zipfile.is_zipfile(io.BytesIO(content)):
        zipfile.ZipFile(io.BytesIO(content)).extractall(unpacked)
    else:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            tar.extractall(unpacked, filter="data")
    again = prepare(name, unpacked, own_folders / "again").folder
    tables = [(folder / "metadata.csv").read_bytes() for folder in (converted, again)]
    assert tables[0] == tables[1]


def test_student_numbers_do_not_reach_the_disk(own_folders):
    archive = own_folders / "archive.zip"
    archive.write_bytes(archive_of("dspspeech20"))
    folder = prepare("dspspeech20", archive).folder
    written = [*map(str, folder.rglob("*")), (folder / "metadata.csv").read_text("utf-8")]
    assert not any(student in text for student in STUDENTS for text in written)


def test_a_partial_dspspeech20_is_refused_because_ids_are_ranks(own_folders):
    folder = own_folders / "partial" / "15307110000"
    folder.mkdir(parents=True)
    (folder / "15307110000-00-01.wav").write_bytes(wav(0))
    with pytest.raises(DataError, match="has 34 speakers, but 1"):
        prepare("dspspeech20", own_folders / "partial")


@pytest.mark.data
def test_dspspeech20s_word_numbers_mean_what_the_real_table_says(real_data):
    if not (real_data / "dspspeech20").is_dir():
        pytest.skip("no dspspeech20 there")
    for record in load_dataset(real_data / "dspspeech20").records:
        label, text, language = DSPSPEECH_WORDS[int(record.path.name[:2])]
        assert (record.label, record.attributes["text"], record.attributes["language"]) == (
            label,
            text,
            language,
        )


def test_undecodable_clips_and_exact_repetitions_are_left_out_and_listed(own_folders):
    folder = own_folders / "in" / "recordings"
    folder.mkdir(parents=True)
    for name, content in {
        "1_theo_0.wav": wav(1),
        "1_theo_1.wav": wav(2),
        "1_theo_2.wav": wav(1),
        "1_theo_3.wav": b"RIFF but no sound",
    }.items():
        (folder / name).write_bytes(content)
    done = prepare("fsdd", own_folders / "in")
    assert done.clips == 2
    assert len(done.skipped) == 2
    assert any("1_theo_2.wav: the same samples as" in line for line in done.skipped)
    assert any("1_theo_3.wav" in line for line in done.skipped)


def test_recordings_that_become_one_by_conversion_are_left_out_too(own_folders):
    """What is written passes our own check: it has 16 bits, and the source may have had more."""
    folder = own_folders / "in" / "recordings"
    folder.mkdir(parents=True)
    samples = np.random.default_rng(0).integers(-(2**14), 2**14, 16_000, dtype=np.int32) << 16
    # 24-bit files: a difference of less than one step of 16 bits
    for take, finer in enumerate((0, 1 << 8)):
        soundfile.write(folder / f"1_theo_{take}.wav", samples + finer, 16_000, subtype="PCM_24")
    soundfile.write(folder / "1_theo_9.wav", samples[::-1], 16_000, subtype="PCM_24")
    done = prepare("fsdd", own_folders / "in")
    assert [line.split(":")[0] for line in done.skipped] == ["recordings/1_theo_1.wav"]
    assert check_dataset(done.folder).problems == ()


# Downloads


@pytest.fixture
def digits(serve, monkeypatch):
    content = archive_of("fsdd")
    publish(monkeypatch, "fsdd", content)
    return serve(content)


def test_a_dropped_connection_is_taken_up_where_it_broke(digits):
    digits.drop_after = [30_000, 10_000]
    assert get("fsdd", url=digits.url).clips == 8
    offsets = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in digits.requests[1:]]
    assert digits.requests[0] is None
    assert 30_000 - download._CHUNK < offsets[0] <= 30_000
    assert offsets[0] <= offsets[1] <= offsets[0] + 10_000


def test_a_later_run_resumes_what_an_earlier_one_left(digits, own_folders):
    digits.drop_after = [2 * download._CHUNK] + [0] * 4
    with pytest.raises(
        DataError, match=r"keeps breaking off after 0\.0 MB; run the same command again to resume"
    ):
        get("fsdd", url=digits.url)
    digits.requests.clear()
    assert get("fsdd", url=digits.url).clips == 8
    assert digits.requests == [f"bytes={2 * download._CHUNK}-"]


def test_a_server_without_ranges_sends_everything_anew(digits):
    digits.knows_ranges = False
    digits.drop_after = [30_000]
    assert get("fsdd", url=digits.url).clips == 8
    assert len(digits.requests) == 2


def test_a_file_that_changed_meanwhile_is_not_glued_to_the_old_beginning(digits):
    digits.drop_after = [30_000] + [0] * 4
    digits.content, new = bytes(len(digits.content)), digits.content
    with pytest.raises(DataError, match="keeps breaking off"):
        get("fsdd", url=digits.url)
    digits.content, digits.etag = new, '"two"'
    assert get("fsdd", url=digits.url).clips == 8


def test_a_complete_part_is_not_asked_for_again(digits, own_folders):
    cache = own_folders / "cache" / "downloads"
    cache.mkdir(parents=True)
    (cache / "fsdd-v1.tar.gz.part").write_bytes(digits.content)
    (cache / "fsdd-v1.tar.gz.validator").write_text(digits.etag)
    assert get("fsdd", url=digits.url).clips == 8


def refuses(says: str, **options) -> str:
    """The one sentence with which ``get`` refuses; nothing half-done stays in the data folder."""
    with pytest.raises(VopError, match=says) as refusal:
        get("fsdd", **options)
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    data = registry.data_root()
    assert not data.exists() or list(data.iterdir()) == []
    return sentence


def test_a_wrong_checksum_is_refused_and_not_kept(digits, own_folders):
    digits.content = digits.content[:-1] + b"?"
    refuses("is not the published Free Spoken Digit Dataset", url=digits.url)
    assert list((own_folders / "cache" / "downloads").iterdir()) == []


def test_a_missing_address_is_said_with_a_way_out(digits):
    sentence = refuses(r"the server answers 404", url=digits.url.replace("v1.tar.gz", "missing"))
    assert "vop data prepare fsdd" in sentence


def test_no_network_is_said_at_once():
    with socket.socket() as probe:  # a port where nobody listens
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    refuses(
        rf"127\.0\.0\.1:{port} cannot be reached; check the network",
        url=f"http://127.0.0.1:{port}/x.zip",
    )


def test_an_address_that_is_none_is_said():
    refuses("cannot be downloaded", url="nonsense://x/y.zip")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_said(digits, own_folders):
    cache = own_folders / "cache" / "downloads"
    cache.mkdir(parents=True)
    (cache / "fsdd-v1.tar.gz.part").symlink_to("/dev/full")
    refuses("is full; free some space, or choose another place", url=digits.url)


def test_a_disk_too_small_is_said_before_anything_is_fetched(digits, monkeypatch):
    usage = download.shutil.disk_usage("/")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    refuses(r"needs about 0\.0 GB, but the disk", url=digits.url)
    assert digits.requests == []


def test_a_disk_that_fills_up_while_converting_is_said(digits, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vop_core.data.format.soundfile.write", full)
    refuses("is full; free some space", url=digits.url)


def test_a_damaged_archive_is_said(digits, monkeypatch):
    digits.content = digits.content[:20_000]
    publish(monkeypatch, "fsdd", digits.content)
    refuses("is damaged", url=digits.url)


def test_something_else_than_the_source_is_said(own_folders):
    archive = own_folders / "x.zip"
    archive.write_bytes(zipped({"holiday.jpg": b"-"}))
    with pytest.raises(DataError, match=r"no file is named like 'recordings/7_jackson_32\.wav'"):
        prepare("fsdd", archive)
    (own_folders / "text").write_text("hello")
    with pytest.raises(DataError, match="neither a folder nor a zip or tar"):
        prepare("fsdd", own_folders / "text")
    with pytest.raises(DataError, match="nothing at"):
        prepare("fsdd", own_folders / "nowhere")


def test_a_data_set_that_is_there_is_not_overwritten(digits):
    folder = get("fsdd", url=digits.url).folder
    with pytest.raises(DataError, match="already exists and is not empty"):
        get("fsdd", url=digits.url)
    assert check_dataset(folder).problems == ()


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        DataError, match="There is no data source 'mnist'; the known ones are speech_commands_v2"
    ):
        find_source("mnist")


def test_every_source_says_where_it_comes_from_and_under_which_terms(repository):
    citations = (repository / "CITATION.cff").read_text("utf-8")
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.url.startswith("https://")
        assert source.homepage.startswith("https://")
        assert source.licence and source.layout
        assert f'abbreviation: "{source.citation}"' in citations
        assert source.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", source.sha256)
        assert (source.sha256 is None) == (source.checksum_origin == "")
        if name != "dspspeech20":  # whose ids need all speakers
            assert len(source.plan([PurePosixPath(source.layout)], {})) == 1


def test_the_readme_lists_every_source_with_its_terms(repository):
    """A row for each source, with name, address, citation, licence and whether a checksum
    exists.
    """
    text = (repository / "data" / "README.md").read_text("utf-8")
    for name, source in SOURCES.items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        for fact in (source.homepage, f"[{source.citation}]", source.licence, f"{source.clips:,}"):
            assert fact in row, f"{name}: {fact}"
        assert ("SHA-256" in row) == (source.sha256 is not None)
