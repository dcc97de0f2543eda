"""The public data sets that are known, and what the paths of their files say.

Google Speech Commands v2 [GSC]: 35 English words by 2,618 persons at their own microphones.
Files are ``word/SPEAKER_nohash_TAKE.wav``, where SPEAKER is a hash of the person;
``validation_list.txt`` and ``testing_list.txt`` name the clips of the authors' splits, which keep
persons apart. ``_background_noise_`` holds no words and is left out.

AudioMNIST [AUDIOMNIST]: ten English digits, 50 takes, by 60 persons with various accents. Files are
``data/NN/DIGIT_NN_TAKE.wav`` at 48 kHz; ``data/audioMNIST_meta.txt`` is JSON: accent, age, gender,
native speaker and origin of every person. The address is the repository's main branch, which has no
published checksum.

Free Spoken Digit Dataset [FSDD], release 1.0.9: ten English digits, 50 takes, by five persons.
Files are ``recordings/DIGIT_PERSON_TAKE.wav`` at 8 kHz: nothing above 4 kHz is in them. Takes 0 to
4 are the authors' test split. Release 1.0.9 is the one with a published checksum; a newer folder,
with more persons, is converted by ``vop data prepare``.

Arabic Speech Commands [ASC]: 40 Arabic words, 10 takes, by 30 persons. Files are
``dataset/WORD/SSSSSSSS_NO_TT.wav``: speaker, 'NO' (added noise: none), take; WORD is the English
name and may hold a space. The tables of the authors' speaker-disjoint split are ``train.csv``,
``valid.csv`` and ``test.csv`` with one path a row; their names were not seen first-hand, so any
such spelling is accepted and a missing table only leaves the attribute ``split`` out. Nobody
publishes a checksum; the address is pinned to the commit that the project's results were computed
on.

DSPSpeech-20 [DSPSPEECH]: 12 Mandarin and 8 English words, 20 takes, by 34 students. Files are
``speech_data/SPEAKER/SPEAKER-WORD-TAKE.wav``. SPEAKER is a student number; it is replaced by the
speaker's rank in sorted order, s01 to s34, so all 34 folders must be there. That the ranks agree
with the ids in the project's cards is an assumption: those were assigned elsewhere. Nobody
publishes a checksum; the address is pinned to a commit. Persons known to be unusable are listed in
:data:`vop_core.data.persons.KNOWN_BAD`.
"""

import json
import re
from collections.abc import Mapping, Sequence

from vop_core.data.sources.source import DIGITS, NamedClip, Source
from vop_core.errors import DataError

Paths = Sequence[re.Match[str]]
Tables = Mapping[str, bytes]

_SPLIT_LISTS = {"validation_list.txt": "validation", "testing_list.txt": "test"}
_SPLIT_TABLES = {"tr": "train", "va": "validation", "te": "test"}
_ARABIC_LISTED = re.compile(r"([a-z][a-z _]*)[/\\](\d{8}_NO_\d+\.wav)")
_PERSON_FACTS = ("accent", "age", "gender", "native speaker", "origin")
_STUDENTS = 34
DSPSPEECH_WORDS = (  # label, written form, language; position = number in the file name
    ("shuzi", "数字", "zh"),
    ("yuyin", "语音", "zh"),
    ("yuyan", "语言", "zh"),
    ("shibie", "识别", "zh"),
    ("zhongguo", "中国", "zh"),
    ("zonggong", "总工", "zh"),
    ("beijing", "北京", "zh"),
    ("beijing2", "背景", "zh"),
    ("shanghai", "上海", "zh"),
    ("shanghang", "商行", "zh"),
    ("fudan", "复旦", "zh"),
    ("fandian", "饭店", "zh"),
    ("speech", "Speech", "en"),
    ("speaker", "Speaker", "en"),
    ("signal", "Signal", "en"),
    ("process", "Process", "en"),
    ("print", "Print", "en"),
    ("open", "Open", "en"),
    ("close", "Close", "en"),
    ("project", "Project", "en"),
)


def _listed_splits(paths: Paths, tables: Tables) -> dict[str, str]:
    return {
        line.strip(): split
        for file, split in _SPLIT_LISTS.items()
        for line in tables.get(file, b"").decode("utf-8", "replace").splitlines()
    }


def _english_command(match: re.Match[str], split_of: dict[str, str]) -> NamedClip:
    word, speaker, take = match.groups()
    split = split_of.get(match.group().lstrip("/"), "train")
    return NamedClip(speaker, word, int(take), {"split": split} if split_of else {})


def _facts_of_persons(paths: Paths, tables: Tables) -> dict[str, dict[str, str]]:
    try:
        people = json.loads(tables.get("audioMNIST_meta.txt", b"{}"))
        return {
            person: {
                key.replace(" ", "_"): str(facts[key]) for key in _PERSON_FACTS if key in facts
            }
            for person, facts in people.items()
        }
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(
            "'audioMNIST_meta.txt' is not the JSON table it should be; fetch the data set anew."
        ) from error


def _digit_of_sixty(match: re.Match[str], facts: dict[str, dict[str, str]]) -> NamedClip | None:
    folder, digit, person, take = match.groups()
    if folder != person:
        return None
    return NamedClip(person, DIGITS[int(digit)], int(take), facts.get(person, {}))


def _free_digit(match: re.Match[str], _: dict) -> NamedClip:
    digit, person, take = match.groups()
    split = "test" if int(take) < 5 else "train"
    return NamedClip(person, DIGITS[int(digit)], int(take), {"split": split, "orig_sr": "8000"})


def _tabled_splits(paths: Paths, tables: Tables) -> dict[tuple[str, str], str]:
    return {
        listed: _SPLIT_TABLES[file[:2].lower()]
        for file, content in tables.items()
        for listed in _ARABIC_LISTED.findall(content.decode("utf-8", "replace"))
    }


def _arabic_command(match: re.Match[str], split_of: dict[tuple[str, str], str]) -> NamedClip:
    word, speaker, take = match.groups()
    split = split_of.get((word, f"{speaker}_NO_{take}.wav"))
    attributes = {"split": split} if split else {}
    return NamedClip(f"s{int(speaker):02d}", word.replace("_", " "), int(take), attributes)


def _ranks(paths: Paths, tables: Tables) -> dict[str, str]:
    speakers = sorted({match[1] for match in paths})
    if speakers and len(speakers) != _STUDENTS:
        raise DataError(
            f"DSPSpeech-20 has {_STUDENTS} speakers, but {len(speakers)} are here; their ids are "
            "ranks, so all are needed: fetch it anew."
        )
    return {speaker: f"s{rank:02d}" for rank, speaker in enumerate(speakers, start=1)}


def _students_word(match: re.Match[str], rank: dict[str, str]) -> NamedClip | None:
    folder, speaker, word, take = match.groups()
    if folder != speaker or int(word) >= len(DSPSPEECH_WORDS):
        return None
    label, text, language = DSPSPEECH_WORDS[int(word)]
    return NamedClip(rank[speaker], label, int(take), {"text": text, "language": language})


_ALL = (
    Source(
        name="speech_commands_v2",
        title="Google Speech Commands v2",
        homepage="https://arxiv.org/abs/1804.03209",
        url="https://storage.googleapis.com/download.tensorflow.org/data/"
        "speech_commands_v0.02.tar.gz",
        licence="CC BY 4.0",
        citation="GSC",
        persons=2618,
        labels=35,
        clips=105_829,
        megabytes=2429,
        sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        checksum_origin="torchaudio and TensorFlow Datasets",
        layout="yes/004ae714_nohash_0.wav",
        clip=re.compile(r"/([a-z]+)/([0-9a-f]{6,10})_nohash_(\d+)\.wav$"),
        tables=re.compile(r"^(validation|testing)_list\.txt$"),
        learn=_listed_splits,
        name_clip=_english_command,
    ),
    Source(
        name="audiomnist",
        title="AudioMNIST",
        homepage="https://github.com/soerenab/AudioMNIST",
        url="https://github.com/soerenab/AudioMNIST/archive/refs/heads/master.zip",
        licence="MIT",
        citation="AUDIOMNIST",
        persons=60,
        labels=10,
        clips=30_000,
        megabytes=950,
        layout="data/01/0_01_0.wav",
        clip=re.compile(r"/(\d\d)/(\d)_(\d\d)_(\d+)\.wav$"),
        tables=re.compile(r"^audioMNIST_meta\.txt$"),
        learn=_facts_of_persons,
        name_clip=_digit_of_sixty,
    ),
    Source(
        name="fsdd",
        title="Free Spoken Digit Dataset 1.0.9",
        homepage="https://github.com/Jakobovski/free-spoken-digit-dataset",
        url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz",
        licence="CC BY-SA 4.0",
        citation="FSDD",
        persons=5,
        labels=10,
        clips=2_500,
        megabytes=12,
        sha256="8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0",
        checksum_origin="TensorFlow Datasets",
        layout="recordings/7_jackson_32.wav",
        clip=re.compile(r"/recordings/(\d)_([a-z]+)_(\d+)\.wav$"),
        name_clip=_free_digit,
    ),
    Source(
        name="arabic_speech_commands",
        title="Arabic Speech Commands",
        homepage="https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset",
        url="https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset/archive/"
        "72f3438212ff6cf8fbe5ae8068361840646429bd.zip",
        licence="CC BY 4.0",
        citation="ASC",
        persons=30,
        labels=40,
        clips=12_000,
        megabytes=300,
        layout="dataset/backward/00000001_NO_01.wav",
        clip=re.compile(r"/([a-z][a-z _]*)/(\d{8})_NO_(\d+)\.wav$"),
        tables=re.compile(r"^(train|valid|test)[a-z]*\.csv$", re.IGNORECASE),
        learn=_tabled_splits,
        name_clip=_arabic_command,
    ),
    Source(
        name="dspspeech20",
        title="DSPSpeech-20",
        homepage="https://github.com/zhongyuchen/DSPSpeech-20",
        url="https://github.com/zhongyuchen/DSPSpeech-20/archive/"
        "8165959c2567190524898e8187021c8ffb19b262.zip",
        licence="MIT",
        citation="DSPSPEECH",
        persons=_STUDENTS,
        labels=len(DSPSPEECH_WORDS),
        clips=13_599,
        megabytes=521,
        layout="speech_data/16307130194/16307130194-12-16.wav",
        clip=re.compile(r"/(\d{6,})/(\d{6,})-(\d\d)-(\d\d)\.wav$"),
        learn=_ranks,
        name_clip=_students_word,
    ),
)
SOURCES: Mapping[str, Source] = {source.name: source for source in _ALL}
